"""Regular expressions of conditions: RE2's, which match in linear time whatever they and the texts are.

To compile one takes time too, the more memory it may take the longer: so its memory is bounded, and their number.
"""

from typing import Any, Final

import msgspec
import re2

MOST_CHARACTERS: Final = 1_000
MOST_IN_OBJECT: Final = 100
MOST_IN_FILE: Final = 1_000
_MOST_BYTES: Final = 1 << 17
"""Of the memory of one expression; RE2 refuses what needs more. Whoever matches with it may give it more."""


def count_expressions(one: msgspec.Struct) -> int:
    """How many regular expressions an object has."""
    return _count(msgspec.to_builtins(one))


def _count(value: object) -> int:
    if isinstance(value, dict):
        return (value.get("matchType") == "regex") + sum(_count(each) for each in value.values())
    return sum(_count(each) for each in value) if isinstance(value, list | tuple) else 0


def find_flaw(pattern: str) -> str | None:
    """Why RE2 refuses an expression, in its own words; None when it takes it."""
    options: Any = re2.Options()
    options.max_mem = _MOST_BYTES
    options.case_sensitive = False
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    return None
