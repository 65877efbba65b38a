"""Checking structured content from beginning to end: as text, as a value, and as part of an event."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from switchbay.content.domain.codes import HELP_PAGE, SYNTAX_PAGE
from switchbay.content.domain.elements import ELEMENT
from switchbay.content.domain.kinds import Anything, Check, Choice, Record
from switchbay.content.domain.quick_replies import QUICK_REPLIES, TYPE
from switchbay.kit.findings import (
    Finding,
    Severity,
    Summary,
    TooManyFindings,
    overflow_finding,
    summarise,
    syntax_finding,
)
from switchbay.kit.jsonreading import EXPECTED_INSTEAD, Reading, read_text, read_value
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.patching import fix_until_done

EVENT_TYPE: Final = "RichContentEvent"
TEXT_EVENT_TYPE: Final = "ContentEvent"
_WHOLE: Final = "the content"

EVENT: Final = Record(
    EVENT_TYPE,
    {"type": Choice((EVENT_TYPE,)), "content": ELEMENT, "quickReplies": QUICK_REPLIES},
    {"content": None},
)

TEXT_EVENT: Final = Record(
    TEXT_EVENT_TYPE,
    {
        "type": Choice((TEXT_EVENT_TYPE,)),
        "contentType": Anything(),
        "message": Anything(),
        "quickReplies": QUICK_REPLIES,
    },
)


@dataclass(frozen=True, slots=True)
class Report:
    """All findings of one check, in the order of the document. ``value``: what was read, if it could be."""

    issues: tuple[Finding, ...]
    value: JsonValue = field(default=None, repr=False)

    @property
    def valid(self) -> bool:
        """Whether there is no error."""
        return self.summary.errors == 0

    @property
    def summary(self) -> Summary:
        """The findings counted."""
        return summarise(self.issues)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that refuse the content."""
        return tuple(issue for issue in self.issues if issue.severity is Severity.ERROR)

    def to_json(self) -> dict[str, JsonValue]:
        """Render the report for the wire."""
        summary = self.summary
        return {
            "valid": self.valid,
            "summary": {"errors": summary.errors, "warnings": summary.warnings},
            "issues": [issue.to_json() for issue in self.issues],
        }


def check_text(data: bytes) -> Report:
    """Check content, quick replies or a whole event with them as written; never raises for bad input."""
    return _check(read_text(data))


def check_value(value: JsonValue) -> Report:
    """Check what was already parsed: no lines and columns, and no way to see duplicate members."""
    return _check(read_value(value, _WHOLE))


def fix_all(value: JsonValue) -> JsonValue:
    """The content after checking and patching in turns until no finding offers a patch any more."""
    return fix_until_done(value, lambda given: check_value(given).issues)


def check_parts(parts: Mapping[str, JsonValue]) -> Report:
    """Check the ``content`` and the ``quickReplies`` of an event, as far as they are given."""
    return _check(read_value(dict(parts), "the event's content"), parts=True)


def _check(reading: Reading, *, parts: bool = False) -> Report:
    issues = [syntax_finding(problem, EXPECTED_INSTEAD[problem.kind], SYNTAX_PAGE) for problem in reading.problems]
    if not reading.complete:
        return Report(tuple(issues))
    check = Check()
    overflow = []
    try:
        if parts:
            _read_parts(check, reading.value)
        else:
            _read_document(check, reading.value)
    except TooManyFindings:
        overflow.append(overflow_finding(HELP_PAGE))
    found = [*issues, *check.finish(reading.places), *overflow]
    if issues:
        found.sort(key=lambda issue: (issue.line or 0, issue.column or 0))
    return Report(tuple(found), reading.value)


def _read_document(check: Check, value: JsonValue) -> None:
    tag = value.get("type") if isinstance(value, dict) else None
    if tag == TYPE:
        QUICK_REPLIES.read(check, (), value)
    elif tag == EVENT_TYPE:
        EVENT.read(check, (), _without_null(value))
    elif tag == TEXT_EVENT_TYPE:
        TEXT_EVENT.read(check, (), _without_null(value))
    else:
        ELEMENT.read(check, (), value)


def _without_null(event: JsonValue) -> JsonValue:
    """The event without quick replies that are null, which is as good as absent."""
    if isinstance(event, dict) and event.get("quickReplies") is None:
        return {name: item for name, item in event.items() if name != "quickReplies"}
    return event


def _read_parts(check: Check, value: JsonValue) -> None:
    if not isinstance(value, dict):
        return
    if "content" in value:
        ELEMENT.read(check, ("content",), value["content"])
    if "quickReplies" in value:
        QUICK_REPLIES.read(check, ("quickReplies",), value["quickReplies"])
