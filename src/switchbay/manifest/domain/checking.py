"""Checking a manifest from beginning to end: read the text, fill it, judge its shape, then its meaning, and report."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Final

from switchbay.kit.jsontext import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_NUMBER_LENGTH,
    MAX_PROBLEMS,
    JsonText,
    Problem,
    has_surrogate,
    parse,
    without_surrogates,
)
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import Path, to_pointer
from switchbay.manifest.domain.check import Check, Locator, Spot, TooManyFindings, shown_text
from switchbay.manifest.domain.codes import Severity
from switchbay.manifest.domain.document import read_document
from switchbay.manifest.domain.findings import HELP_PAGE, Finding, Place, Report
from switchbay.manifest.domain.meaning import judge
from switchbay.manifest.domain.model import Options
from switchbay.manifest.domain.normal import to_manifest
from switchbay.manifest.domain.placeholders import FilledTooLarge, fill_value

_TOO_LARGE: Final = 10**MAX_NUMBER_LENGTH


def check_text(data: bytes, options: Options, variables: Mapping[str, str]) -> Report:
    """Check a manifest as it was written; never raises for bad input."""
    text = parse(data)
    syntax = [_syntax_finding(problem) for problem in text.problems]
    if not text.complete:
        return Report(tuple(syntax))
    return _check(text.value, options, variables, _TextPlaces(text), syntax)


def check_value(value: JsonValue, options: Options, variables: Mapping[str, str]) -> Report:
    """Check a manifest that was already parsed: no lines and columns, and no way to see duplicate keys."""
    cleaner = _Cleaner()
    cleaned = cleaner.clean(value, ())
    problems = cleaner.problems
    if not problems:
        size = len(json.dumps(cleaned, ensure_ascii=False, separators=(",", ":")).encode())
        if size > MAX_BYTES:
            message = f"the manifest has {size} bytes, more than the {MAX_BYTES} allowed"
            problems.append(Problem("json_too_large", message, (), 0, 0))
    if any(problem.kind in {"json_too_large", "json_too_deep"} for problem in problems):
        return Report(tuple(_syntax_finding(problem) for problem in problems))
    syntax = [_syntax_finding(problem) for problem in problems]
    return _check(cleaned, options, variables, _ValuePlaces(cleaned), syntax)


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
        overflow.append(_overflow())
    issues = [*syntax, *check.finish(places), *overflow]
    if syntax:
        issues.sort(key=lambda issue: (issue.line or 0, issue.column or 0))
    if any(issue.severity is Severity.ERROR for issue in issues):
        return Report(tuple(issues), tuple(check.defaults), tuple(check.ignored))
    manifest = to_manifest(usable)
    return Report(tuple(issues), tuple(check.defaults), tuple(check.ignored), usable, manifest)


def _overflow() -> Finding:
    message = "there is more to say than a report can hold; mend what stands here first"
    code = "too_many_findings"
    return Finding(code, Severity.ERROR, "", None, None, message, None, None, None, (), f"{HELP_PAGE}#{code}")


def _syntax_finding(problem: Problem) -> Finding:
    path = to_pointer(problem.path)
    also = () if problem.first is None else (Place(path, *problem.first),)
    return Finding(
        code=problem.kind,
        severity=Severity.ERROR,
        path=path,
        line=problem.line or None,
        column=problem.column or None,
        message=problem.message,
        got=None,
        expected=_EXPECTED.get(problem.kind, "JSON as RFC 8259 has it"),
        fix=None,
        also_at=also,
        help=f"{HELP_PAGE}#{problem.kind}",
    )


_EXPECTED: Final[Mapping[str, str]] = {
    "json_encoding": "UTF-8",
    "json_too_large": f"at most {MAX_BYTES} bytes",
    "json_too_deep": f"at most {MAX_DEPTH} levels",
    "json_comment": "no comments",
    "json_trailing_comma": "no comma after the last one",
    "json_number": f"a finite number of at most {MAX_NUMBER_LENGTH} characters",
    "json_surrogate": "both halves of a character, or the character itself",
    "duplicate_key": "each member once",
}


class _TextPlaces:
    """Places in a text."""

    def __init__(self, text: JsonText) -> None:
        self._text = text

    def locate(self, path: Path, *, key: bool = False) -> Spot:
        line, column = self._text.position(path, key=key)
        return Spot((self._text.offset(path, key=key),), line, column)


class _ValuePlaces:
    """Places in a parsed document: only their order is known."""

    def __init__(self, value: JsonValue) -> None:
        self._value = value
        self._indexes: dict[int, dict[str, int]] = {}

    def locate(self, path: Path, *, key: bool = False) -> Spot:
        del key  # a member's name and its value stand at the same rank
        order: list[int] = []
        here = self._value
        for step in path:
            if isinstance(here, dict) and isinstance(step, str) and step in here:
                index = self._indexes.setdefault(id(here), {}) or self._index(here)
                order.append(index[step])
                here = here[step]
            elif isinstance(here, list) and isinstance(step, int) and step < len(here):
                order.append(step)
                here = here[step]
            else:
                break
        return Spot(tuple(order), None, None)

    def _index(self, members: dict[str, JsonValue]) -> dict[str, int]:
        index = {key: number for number, key in enumerate(members)}
        self._indexes[id(members)] = index
        return index


class _Cleaner:
    """Makes of a Python value what JSON text could have said, and notes what it could not."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def clean(self, value: JsonValue, path: Path) -> JsonValue:
        """A copy of the value within the limits of a text; stops descending where it nests too deeply."""
        if isinstance(value, str):
            return self._string(value, path)
        if isinstance(value, dict | list):
            if len(path) >= MAX_DEPTH:
                self._note("json_too_deep", f"objects and arrays nest deeper than {MAX_DEPTH} levels", path)
                return None
            if isinstance(value, list):
                return [self.clean(item, (*path, index)) for index, item in enumerate(value)]
            return {self._string(key, (*path, key)): self.clean(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, float) and not math.isfinite(value):
            self._note("json_number", "the number is not finite", path)
            return None
        if isinstance(value, int) and abs(value) >= _TOO_LARGE:
            self._note("json_number", f"the number is longer than {MAX_NUMBER_LENGTH} characters", path)
            return None
        return value

    def _string(self, text: str, path: Path) -> str:
        if not has_surrogate(text):
            return text
        self._note("json_surrogate", "a string holds half of a character", path)
        return without_surrogates(text)

    def _note(self, kind: str, message: str, path: Path) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            clean = tuple(without_surrogates(step) if isinstance(step, str) else step for step in path)
            self.problems.append(Problem(kind, message, clean, 0, 0))
