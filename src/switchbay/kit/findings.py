"""Findings about a JSON document: code, place, reason and remedy, and how a check collects them.

The check of a manifest and that of structured content report in this form. A finding is drafted with the path of its
value; where that stands in a text is looked up at the end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import ClassVar, Final

from switchbay.kit.jsonreading import Locator, Spot
from switchbay.kit.jsontext import Problem
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import Path, to_pointer

MAX_FINDINGS: Final = 1000
_MAX_GUESSES: Final = 50
_MAX_GUESSED_LENGTH: Final = 80


class Severity(StrEnum):
    """An error refuses the document; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding. ``in_schema`` tells whether the published JSON Schema refuses what this error refuses.

    It is ``False`` where JSON Schema has no means to say it; the reason stands in the reference.
    """

    code: str
    severity: Severity
    title: str
    in_schema: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """A further place of a finding."""

    path: str
    line: int | None = None
    column: int | None = None

    def to_json(self) -> JsonValue:
        """Render the place."""
        return {"path": self.path, "line": self.line, "column": self.column}


@dataclass(frozen=True, slots=True)
class Patch:
    """A remedy as JSON Patch (RFC 6902) of the document that was checked."""

    operations: tuple[Mapping[str, JsonValue], ...]

    def to_json(self) -> JsonValue:
        """Render the patch as the array that RFC 6902 defines."""
        return [dict(operation) for operation in self.operations]


@dataclass(frozen=True, slots=True)
class SetVariable:
    """A remedy that the author knows: the value of a placeholder."""

    name: str

    def to_json(self) -> JsonValue:
        """Render the name of the variable to set."""
        return {"variable": self.name}


Fix = Patch | SetVariable


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a document.

    ``path`` is a JSON Pointer (of the member that should be there, when one is missing); ``line`` and ``column`` count
    from 1 and are None when the document did not come as text; ``got`` and ``expected`` are short texts and never show
    a value that is secret; ``help`` is the page of the code, relative to the repository.
    """

    code: str
    severity: Severity
    path: str
    line: int | None
    column: int | None
    message: str
    got: str | None
    expected: str | None
    fix: Fix | None
    also_at: tuple[Place, ...]
    help: str

    def to_json(self) -> dict[str, JsonValue]:
        """Render the finding for the wire."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "path": self.path,
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "got": self.got,
            "expected": self.expected,
            "fix": None if self.fix is None else self.fix.to_json(),
            "also_at": [place.to_json() for place in self.also_at],
            "help": self.help,
        }


@dataclass(frozen=True, slots=True)
class Summary:
    """How many findings of each severity there are."""

    errors: int
    warnings: int

    def in_words(self) -> str:
        """The counts for people: ``1 error, 2 warnings``."""
        return f"{_counted(self.errors, 'error')}, {_counted(self.warnings, 'warning')}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def summarise(issues: Sequence[Finding]) -> Summary:
    """Count findings."""
    errors = sum(issue.severity is Severity.ERROR for issue in issues)
    return Summary(errors, len(issues) - errors)


class TooManyFindings(Exception):
    """The report is full; the check ends here."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A finding before its place in the text is known. ``at_key`` puts it at the member's name, not its value."""

    code: str
    severity: Severity
    path: Path
    message: str
    got: str | None
    expected: str | None
    fix: Fix | None
    at_key: bool = False
    also: tuple[Path, ...] = ()


class Collector:
    """Collects the findings of one document, bounded. ``page`` is where the codes of the catalogue are explained."""

    likeness: ClassVar[float] = 0.6
    """How alike two words must be, from 0 to 1, for one to be taken for the other misspelled."""

    def __init__(self, catalogue: Mapping[str, Code], page: str, most: int = MAX_FINDINGS) -> None:
        self.drafts: list[Draft] = []
        self._catalogue = catalogue
        self._page = page
        self._most = most
        self._guesses = 0

    def add(
        self,
        code: str,
        path: Path,
        message: str,
        *,
        got: str | None = None,
        expected: str | None = None,
        fix: Fix | None = None,
        at_key: bool = False,
        also: tuple[Path, ...] = (),
    ) -> None:
        """Note a finding. Raises ``TooManyFindings`` when there is no more room."""
        if len(self.drafts) >= self._most:
            raise TooManyFindings
        self.drafts.append(Draft(code, self.severity_of(code), path, message, got, expected, fix, at_key, also))

    def severity_of(self, code: str) -> Severity:
        """What a code weighs: what its catalogue says."""
        return self._catalogue[code].severity

    def guess(self, word: str, choices: Sequence[str]) -> str | None:
        """The choice that a misspelled word most likely means; only so many guesses a check, for time's sake."""
        if self._guesses >= _MAX_GUESSES or len(word) > _MAX_GUESSED_LENGTH:
            return None
        self._guesses += 1
        by_fold = {choice.casefold(): choice for choice in choices}
        found = get_close_matches(word.casefold().strip(), list(by_fold), n=1, cutoff=self.likeness)
        return by_fold[found[0]] if found else None

    def late_drafts(self, places: Locator) -> Sequence[Draft]:
        """Findings that are told only when the whole document was seen: none."""
        del places
        return ()

    def finish(self, places: Locator) -> tuple[Finding, ...]:
        """The findings in the order of the document."""
        placed = [
            (places.locate(draft.path, key=draft.at_key), draft) for draft in (*self.drafts, *self.late_drafts(places))
        ]
        placed.sort(key=lambda pair: (pair[0].order, to_pointer(pair[1].path), pair[1].code))
        return tuple(self._finding(draft, spot, places) for spot, draft in placed)

    def _finding(self, draft: Draft, spot: Spot, places: Locator) -> Finding:
        also = []
        for path in draft.also:
            other = places.locate(path)
            also.append(Place(to_pointer(path), other.line, other.column))
        return Finding(
            code=draft.code,
            severity=draft.severity,
            path=to_pointer(draft.path),
            line=spot.line,
            column=spot.column,
            message=draft.message,
            got=draft.got,
            expected=draft.expected,
            fix=draft.fix,
            also_at=tuple(also),
            help=f"{self._page}#{draft.code}",
        )


def overflow_finding(page: str) -> Finding:
    """What ends a report that is full."""
    message = "there is more to say than a report can hold; mend what stands here first"
    code = "too_many_findings"
    return Finding(code, Severity.ERROR, "", None, None, message, None, None, None, (), f"{page}#{code}")


def syntax_finding(problem: Problem, expected: str, page: str) -> Finding:
    """A problem of the JSON text as a finding."""
    path = to_pointer(problem.path)
    return Finding(
        code=problem.kind,
        severity=Severity.ERROR,
        path=path,
        line=problem.line or None,
        column=problem.column or None,
        message=problem.message,
        got=None,
        expected=expected,
        fix=None,
        also_at=() if problem.first is None else (Place(path, *problem.first),),
        help=f"{page}#{problem.kind}",
    )


# Remedies


def patch_replace(path: Path, value: JsonValue) -> Patch:
    """Put another value in the place of the one there."""
    return Patch(({"op": "replace", "path": to_pointer(path), "value": value},))


def patch_remove(path: Path) -> Patch:
    """Take a member or an item out."""
    return Patch(({"op": "remove", "path": to_pointer(path)},))


def patch_add(path: Path, value: JsonValue) -> Patch:
    """Put a member in."""
    return Patch(({"op": "add", "path": to_pointer(path), "value": value},))


def patch_move(source: Path, target: Path) -> Patch:
    """Give a member another name."""
    return Patch(({"op": "move", "from": to_pointer(source), "path": to_pointer(target)},))


def patch_copy(source: Path, target: Path) -> Patch:
    """Put a member in with the value of another one."""
    return Patch(({"op": "copy", "from": to_pointer(source), "path": to_pointer(target)},))
