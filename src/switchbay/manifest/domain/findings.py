"""The report of a check: findings with place, reason and remedy, and how they are rendered as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from switchbay.kit.jsonvalue import JsonValue
from switchbay.manifest.domain.codes import Severity
from switchbay.manifest.domain.export import redact
from switchbay.manifest.domain.model import Manifest

HELP_PAGE: Final = "docs/reference/findings.md"


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
    """One thing to know about a manifest.

    ``path`` is a JSON Pointer (of the member that should be there, when one is missing); ``line`` and ``column`` count
    from 1 and are None when the manifest did not come as text; ``got`` and ``expected`` are short texts and never show
    the value of a header; ``help`` is the page of the code, relative to the repository.
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
class AppliedDefault:
    """A value that the manifest left to us."""

    path: str
    value: JsonValue
    reason: str

    def to_json(self) -> JsonValue:
        """Render the default."""
        return {"path": self.path, "value": self.value, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Summary:
    """How many findings of each severity there are."""

    errors: int
    warnings: int


@dataclass(frozen=True, slots=True)
class Report:
    """All findings of one check, in the order of the document.

    ``normalised`` and ``manifest`` are None when there are errors. ``normalised`` holds header values as they are; only
    ``to_json`` masks them. ``ignored`` are pointers of read-only members that an earlier answer of the platform had.
    """

    issues: tuple[Finding, ...]
    applied_defaults: tuple[AppliedDefault, ...] = ()
    ignored: tuple[str, ...] = ()
    normalised: dict[str, JsonValue] | None = field(default=None, repr=False)
    manifest: Manifest | None = None

    @property
    def valid(self) -> bool:
        """Whether there is no error."""
        return self.summary.errors == 0

    @property
    def summary(self) -> Summary:
        """The findings counted."""
        errors = sum(issue.severity is Severity.ERROR for issue in self.issues)
        return Summary(errors, len(self.issues) - errors)

    def to_json(self) -> dict[str, JsonValue]:
        """Render the report for the wire, header values masked."""
        issues: Sequence[JsonValue] = [issue.to_json() for issue in self.issues]
        return {
            "valid": self.valid,
            "summary": {"errors": self.summary.errors, "warnings": self.summary.warnings},
            "issues": list(issues),
            "applied_defaults": [default.to_json() for default in self.applied_defaults],
            "ignored": list(self.ignored),
            "normalised": None if self.normalised is None else redact(self.normalised),
        }
