"""Checks of documents on the command line: reading the file, and showing what was found."""

import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from switchbay.cli.output import note, plain, print_json
from switchbay.kit.findings import Finding, SetVariable, Summary
from switchbay.kit.jsontext import MAX_BYTES
from switchbay.kit.jsonvalue import JsonValue


class Unreadable(Exception):
    """The file cannot be read; the message says why."""


def read_document(file: str) -> bytes:
    """Read a file, or standard input for ``-``; never more than one byte beyond what a document may have.

    Raises ``Unreadable``.
    """
    try:
        if file == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(file).open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Unreadable(f"{file} cannot be read: {reason}.") from error


def finding_line(file: str, finding: Finding) -> str:
    """Render a finding as ``file:line:col severity code pointer message``."""
    place = f"{file}:{finding.line or 1}:{finding.column or 1}"
    return plain(f"{place} {finding.severity} {finding.code} {finding.path or '-'} {finding.message}")


def print_findings(file: str, issues: Sequence[Finding], summary: Summary, *, to_stderr: bool = False) -> None:
    """Print one line for each finding, then on standard error how many there are."""
    for finding in issues:
        typer.echo(finding_line(file, finding), err=to_stderr)
        if isinstance(finding.fix, SetVariable):
            note(f"  set it with --set {plain(finding.fix.name)}=…")
    verdict = "invalid" if summary.errors else "valid"
    note(f"{verdict}: {summary.in_words()}")


def print_mended(mended: JsonValue, after: Summary) -> int:
    """Print a document that was mended, and what is left to say about it; return the exit code that it deserves."""
    print_json(mended)
    note(f"after mending: {after.in_words()}")
    return 1 if after.errors else 0


def note_unmendable() -> int:
    """Say that a text is beyond mending; return the exit code of that."""
    note("the text cannot be read as JSON, so it cannot be mended")
    return 1
