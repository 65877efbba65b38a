"""What every command shares: the ``--json`` switch, tables for people, and one way to report a refused operation.

Results go to standard output and nothing else does, so that a pipe gets a result or nothing. Errors, questions and
progress go to standard error. Text that came from elsewhere (the network, the database) is shown with its control
characters escaped: a message must not be able to move the cursor of the person who reads it.
"""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from switchbay.kit.errors import AppError
from switchbay.kit.jsonvalue import JsonValue

_JSON_ASKED = "switchbay.cli.json"


def _remember(context: typer.Context, value: bool) -> bool:
    if value:
        context.find_root().meta[_JSON_ASKED] = True
    return value


JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.", callback=_remember, is_eager=True)]


def json_asked(context: typer.Context) -> bool:
    """Tell whether the command was asked to print JSON."""
    return context.find_root().meta.get(_JSON_ASKED) is True


def plain(value: object) -> str:
    """Show a value on one line with control and other unprintable characters escaped."""
    text = "" if value is None else str(value)
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text.encode("utf-8", "backslashreplace").decode("utf-8")
    )


def when(at_ms: object) -> str:
    """Show epoch milliseconds as a UTC time."""
    if not isinstance(at_ms, int) or isinstance(at_ms, bool):
        return ""
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(sep=" ", timespec="milliseconds")[:-6] + "Z"
    except (OverflowError, ValueError, OSError):
        return plain(at_ms)


def print_json(value: object) -> None:
    """Print a JSON document on standard output."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8"))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows below column titles; in a pipe lines are never wrapped or cut."""
    console = Console(highlight=False)
    shown = [[plain(value) for value in row] for row in rows]
    if not console.is_terminal:
        widths = (max(cell_len(text) for text in texts) for texts in zip(columns, *shown, strict=True))
        console.width = max(console.width, sum(widths) + 2 * len(columns))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for texts in shown:
        table.add_row(*(Text(text) for text in texts))
    console.print(table)


def print_fields(fields: Sequence[tuple[str, object]]) -> None:
    """Print names and values, one pair a line; what is None is left out."""
    shown = [(name, value) for name, value in fields if value is not None]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        typer.echo(f"{name.ljust(width)}  {plain(value)}")


def note(message: str) -> None:
    """Tell the person something that is not the result."""
    typer.echo(message, err=True)


def report_error(error: AppError, *, as_json: bool) -> None:
    """Print an error: one line, or the error object when JSON was asked for; on standard error."""
    if as_json:
        typer.echo(json.dumps(error.to_json(), ensure_ascii=True), err=True)
        return
    typer.echo(f"error: {plain(error.message)} ({plain(error.code)})", err=True)


def mapping(value: JsonValue) -> dict[str, JsonValue]:
    """Take a JSON object; anything else counts as an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: JsonValue) -> list[dict[str, JsonValue]]:
    """Take a JSON array of objects, without what is none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def is_interactive() -> bool:
    """Tell whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()
