"""One check under way: it collects findings, bounded, and later gives each its place in the text."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final, Protocol

from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import Path, to_pointer
from switchbay.manifest.domain.codes import CATALOGUE, LOGO_CODES, Severity
from switchbay.manifest.domain.findings import HELP_PAGE, AppliedDefault, Finding, Fix, Patch, Place, SetVariable
from switchbay.manifest.domain.model import Options
from switchbay.manifest.domain.placeholders import find_placeholders
from switchbay.manifest.domain.uris import mask_user_info

MAX_FINDINGS: Final = 1000
MAX_SHOWN: Final = 100
_MAX_GUESSES: Final = 50
_MAX_GUESSED_LENGTH: Final = 80


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


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a path stands: numbers to sort by, and line and column when there is a text."""

    order: tuple[int, ...]
    line: int | None
    column: int | None


class Locator(Protocol):
    """Knows where paths stand."""

    def locate(self, path: Path, *, key: bool = False) -> Spot:
        """The place of a value, of its name, or of the nearest enclosing value when nothing is there."""


class Check:
    """Collects the findings of one document."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.drafts: list[Draft] = []
        self.defaults: list[AppliedDefault] = []
        self.ignored: list[str] = []
        self._placeholders: dict[str, list[Path]] = {}
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
        """Note a finding; its severity stands in the catalogue, raised where the options say so."""
        severity = CATALOGUE[code].severity
        if (code in LOGO_CODES and self.options.logo_policy == "enforce") or (
            code == "unknown_member" and self.options.strict
        ):
            severity = Severity.ERROR
        if len(self.drafts) >= MAX_FINDINGS:
            raise TooManyFindings
        self.drafts.append(Draft(code, severity, path, message, got, expected, fix, at_key, also))

    def add_default(self, path: Path, value: JsonValue, reason: str) -> None:
        """Note a value that the manifest left to us."""
        self.defaults.append(AppliedDefault(to_pointer(path), value, reason))

    def has_placeholder(self, path: Path, value: JsonValue, *, address: bool = False) -> bool:
        """Note the unfilled placeholders of a value; a value that has any is judged no further."""
        names = find_placeholders(value, address=address) if isinstance(value, str) else ()
        for name in names:
            if name not in self._placeholders and len(self._placeholders) >= MAX_FINDINGS:
                raise TooManyFindings
            self._placeholders.setdefault(name, []).append(path)
        return bool(names)

    def guess(self, word: str, choices: Sequence[str]) -> str | None:
        """The choice that a misspelled word most likely means; only so many guesses a check, for time's sake."""
        if self._guesses >= _MAX_GUESSES or len(word) > _MAX_GUESSED_LENGTH:
            return None
        self._guesses += 1
        by_fold = {choice.casefold(): choice for choice in choices}
        found = get_close_matches(word.casefold().strip(), list(by_fold), n=1)
        return by_fold[found[0]] if found else None

    def finish(self, places: Locator) -> tuple[Finding, ...]:
        """The findings in the order of the document."""
        placed = [
            (places.locate(draft.path, key=draft.at_key), draft)
            for draft in (*self.drafts, *self._placeholder_drafts(places))
        ]
        placed.sort(key=lambda pair: (pair[0].order, to_pointer(pair[1].path), pair[1].code))
        return tuple(_finding(draft, spot, places) for spot, draft in placed)

    def _placeholder_drafts(self, places: Locator) -> list[Draft]:
        drafts = []
        for name, paths in self._placeholders.items():
            first, *others = sorted(paths, key=lambda path: places.locate(path).order)
            more = f" and in {len(others)} more {'place' if len(others) == 1 else 'places'}" if others else ""
            message = f"the placeholder {name} is not filled at {to_pointer(first)}{more}"
            expected = f"a value for {name}, as in --set {name}=…"
            fix = SetVariable(name)
            draft = Draft("unfilled_placeholder", Severity.ERROR, first, message, name, expected, fix)
            drafts.append(replace(draft, also=tuple(others[:MAX_FINDINGS])))
        return drafts


def _finding(draft: Draft, spot: Spot, places: Locator) -> Finding:
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
        help=f"{HELP_PAGE}#{draft.code}",
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


# How values are shown


def show(value: JsonValue) -> str:
    """A value as short text: scalars as JSON without passwords of addresses, objects and arrays by their kind only."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"an array of {len(value)}"
    if isinstance(value, str):
        return shown_text(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def shown_text(text: str) -> str:
    """A string in quotes, cut to a readable length, control characters escaped, passwords of addresses masked."""
    masked = mask_user_info(text)
    cut = masked if len(masked) <= MAX_SHOWN else masked[: MAX_SHOWN - 1] + "…"
    return '"' + "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in cut) + '"'


def name_of(path: Path) -> str:
    """What a message calls the value at a path: the member's name, and which item of it."""
    steps: list[str] = []
    for step in reversed(path):
        steps.insert(0, str(step))
        if isinstance(step, str):
            break
    name = "/".join(steps) or "the manifest"
    return name if name.isprintable() and len(name) <= MAX_SHOWN else shown_text(name)


def kind_of(value: JsonValue) -> str:
    """The kind of a value, for places where the value itself must not be shown."""
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def listed(words: Sequence[str]) -> str:
    """Words as people list them."""
    return ", ".join(words)
