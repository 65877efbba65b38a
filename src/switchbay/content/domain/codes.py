"""The catalogue of findings about structured content: every code that a report can hold, in one table.

``docs/reference/structured-content.md`` explains each of them, and a test keeps the two in step. A code is never
renamed. Problems of the JSON text have the codes that the check of a manifest gives them.
"""

from collections.abc import Mapping
from typing import Final

from switchbay.kit.findings import Code, Severity
from switchbay.kit.jsonreading import EXPECTED_INSTEAD

HELP_PAGE: Final = "docs/reference/structured-content.md"
SYNTAX_PAGE: Final = "docs/reference/findings.md"
SYNTAX_CODES: Final = frozenset(EXPECTED_INSTEAD)


def _error(code: str, title: str, *, in_schema: bool = True) -> Code:
    return Code(code, Severity.ERROR, title, in_schema)


def _warning(code: str, title: str) -> Code:
    return Code(code, Severity.WARNING, title)


_TABLE: Final = (
    _error("required", "A required member is missing"),
    _error("type", "A value has the wrong type"),
    _error("unknown_value", "A value is not one of those listed"),
    _error("out_of_range", "A number lies outside its range"),
    _error("too_long", "A text is longer than allowed"),
    _error("too_few", "A list has fewer items than it needs"),
    _error("too_many", "A list has more items than allowed"),
    _error("too_many_elements", "The content has more than 1000 elements", in_schema=False),
    _error("too_deep", "Elements stand in each other deeper than 10 levels", in_schema=False),
    _error("too_many_findings", "There is more wrong than a report can hold", in_schema=False),
    _error("link_scheme", "The address begins with a scheme that is not allowed"),
    _error("link_hidden", "An unknown member holds an address with a dangerous scheme", in_schema=False),
    _warning("unknown_element", "The type of an element is not known"),
    _warning("unknown_action", "The type of an action is not known"),
    _warning("unknown_metadata", "The type of a piece of metadata is not known"),
    _warning("unknown_member", "A member is not known"),
    _warning("empty", "There is nothing to show"),
    _warning("shortened", "A text is longer than clients show"),
    _warning("without_effect", "A click does nothing"),
    _warning("single_card", "A carousel has only one card"),
    _warning("nested_carousel", "A carousel stands inside a carousel"),
    _warning("link_http", "An address is not encrypted"),
    _warning("link_invalid", "The value is no address that a client could open"),
    _warning("link_relative", "An address has no scheme"),
    _warning("link_user_info", "An address holds a user name"),
    _warning("unusual_value", "A value is not one that clients know"),
    _warning("coordinates", "A place is not on the earth"),
    _warning("colour", "A colour cannot be read"),
    _warning("image_without_words", "A picture has no words for those who do not see it"),
)

CATALOGUE: Final[Mapping[str, Code]] = {code.code: code for code in _TABLE}
