"""Checking a manifest from beginning to end: read the text, fill it, judge its shape, then its meaning, and report."""

from collections.abc import Mapping, Sequence

from switchbay.kit.findings import Finding, Severity, TooManyFindings, overflow_finding, syntax_finding
from switchbay.kit.jsonreading import EXPECTED_INSTEAD, Locator, Reading, read_text, read_value
from switchbay.kit.jsontext import Problem
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.shown import shown_text
from switchbay.manifest.domain.check import Check
from switchbay.manifest.domain.document import read_document
from switchbay.manifest.domain.findings import HELP_PAGE, Report
from switchbay.manifest.domain.meaning import judge
from switchbay.manifest.domain.model import Options
from switchbay.manifest.domain.normal import to_manifest
from switchbay.manifest.domain.placeholders import FilledTooLarge, fill_value


def check_text(data: bytes, options: Options, variables: Mapping[str, str]) -> Report:
    """Check a manifest as it was written; never raises for bad input."""
    return _check_reading(read_text(data), options, variables)


def check_value(value: JsonValue, options: Options, variables: Mapping[str, str]) -> Report:
    """Check a manifest that was already parsed: no lines and columns, and no way to see duplicate keys."""
    return _check_reading(read_value(value, "the manifest"), options, variables)


def _check_reading(reading: Reading, options: Options, variables: Mapping[str, str]) -> Report:
    syntax = [_syntax_finding(problem) for problem in reading.problems]
    if not reading.complete:
        return Report(tuple(syntax))
    return _check(reading.value, options, variables, reading.places, syntax)


def _check(
    value: JsonValue, options: Options, variables: Mapping[str, str], places: Locator, syntax: Sequence[Finding]
) -> Report:
    check = Check(options)
    try:
        filled = fill_value(value, variables)
    except FilledTooLarge as error:
        return Report((*syntax, _syntax_finding(Problem("json_too_large", str(error), (), 0, 0))))
    usable: dict[str, JsonValue] = {}
    overflow: list[Finding] = []
    try:
        for name in filled.unknown:
            message = f"the variable {shown_text(name)} was given, but no placeholder asks for it"
            check.add("unknown_variable", (), message, got=shown_text(name), expected="the name of a placeholder")
        usable = read_document(check, filled.value)
        if isinstance(filled.value, dict):
            usable = judge(check, filled.value, usable)
    except TooManyFindings:
        overflow.append(overflow_finding(HELP_PAGE))
    issues = [*syntax, *check.finish(places), *overflow]
    if syntax:
        issues.sort(key=lambda issue: (issue.line or 0, issue.column or 0))
    if any(issue.severity is Severity.ERROR for issue in issues):
        return Report(tuple(issues), tuple(check.defaults), tuple(check.ignored))
    manifest = to_manifest(usable)
    return Report(tuple(issues), tuple(check.defaults), tuple(check.ignored), usable, manifest)


def _syntax_finding(problem: Problem) -> Finding:
    return syntax_finding(problem, EXPECTED_INSTEAD[problem.kind], HELP_PAGE)
