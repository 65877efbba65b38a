"""The report of a check of a manifest, and how it is rendered as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from switchbay.kit.findings import Finding, Summary, summarise
from switchbay.kit.jsonvalue import JsonValue
from switchbay.manifest.domain.export import redact
from switchbay.manifest.domain.model import Manifest

HELP_PAGE: Final = "docs/reference/findings.md"


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
        return summarise(self.issues)

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
