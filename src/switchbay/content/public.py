"""The door of the content room: check structured content and quick replies, as events carry them.

The elements are those of the published schemas of the wire protocol (``ms/richContent``), with what clients show
besides. What those schemas refuse is an error here too; links that could run code, sizes and counts come on top. What
is not known is at most a warning, so that content made for newer clients passes. One check serves the events, the API,
the command line, the console and the published JSON Schema; ``docs/reference/structured-content.md`` describes it.
"""

from switchbay.content.domain.checking import (
    EVENT_TYPE,
    TEXT_EVENT_TYPE,
    Report,
    check_parts,
    check_text,
    check_value,
    fix_all,
)
from switchbay.content.domain.codes import CATALOGUE, HELP_PAGE
from switchbay.content.domain.kinds import is_colour
from switchbay.content.domain.limits import MAX_ELEMENTS, MAX_LEVELS, MAX_PER_ROW
from switchbay.content.domain.schema import json_schema

__all__ = [
    "CATALOGUE",
    "EVENT_TYPE",
    "HELP_PAGE",
    "MAX_ELEMENTS",
    "MAX_LEVELS",
    "MAX_PER_ROW",
    "TEXT_EVENT_TYPE",
    "Report",
    "check_parts",
    "check_text",
    "check_value",
    "fix_all",
    "is_colour",
    "json_schema",
]
