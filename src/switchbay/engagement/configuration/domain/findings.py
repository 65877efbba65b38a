"""What a check of an object finds, each with its stable code and the place where it stands."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from switchbay.kit.jsonvalue import JsonValue

MOST: Final = 100
"""That are reported of one request."""
CODES: Final = frozenset(
    {
        "campaign_over",
        "capability_missing",
        "choice_needed",
        "color_invalid",
        "control_percentage_invalid",
        "customer_types_too_many",
        "date_invalid",
        "flow_too_short",
        "frame_impossible",
        "ip_invalid",
        "language_invalid",
        "list_empty",
        "list_too_long",
        "name_invalid",
        "number_out_of_range",
        "range_empty",
        "range_impossible",
        "reference_unknown",
        "regex_refused",
        "status_impossible",
        "text_invalid",
        "time_zone_unknown",
        "type_wrong",
        "types_and_statuses",
    }
)
"""Every code; ``docs/reference/campaigns.md`` says what each means."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason to refuse an object. ``path`` is a JSON Pointer into the body."""

    code: str
    path: str
    message: str

    def to_json(self) -> JsonValue:
        """Render it for the wire."""
        return {"code": self.code, "path": self.path, "message": self.message}


def below(prefix: str, findings: Iterable[Finding]) -> list[Finding]:
    """The findings of a part, placed in the whole."""
    return [replace(finding, path=prefix + finding.path) for finding in findings]
