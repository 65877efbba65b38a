"""Regular expressions of conditions: RE2's, which match in linear time whatever they and the texts are."""

from typing import Any, Final

import re2

MOST_CHARACTERS: Final = 1_000
_MOST_BYTES: Final = 1 << 20
"""Of the memory of one expression; RE2 refuses what needs more."""


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
