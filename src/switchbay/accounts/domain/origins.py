"""The web origins (RFC 6454) whose pages may use the messenger of an account."""

import re
from collections.abc import Sequence
from typing import Final

from switchbay.accounts import errors

ANY: Final = "*"
MOST: Final = 50
_LONGEST: Final = 270
_ORIGIN: Final = re.compile(r"(https?)://(\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::([0-9]{1,5}))?")
_USUAL: Final = {"http": 80, "https": 443}
_LARGEST_PORT: Final = 65_535


def checked_origins(given: Sequence[str]) -> tuple[str, ...]:
    """The origins as browsers write them: lower case, without the scheme's own port, without repeats.

    Raises ``account_setting_invalid`` for what is no http or https origin; ``*`` stands for all of them.
    """
    origins = tuple(dict.fromkeys(ANY if one == ANY else _checked(one) for one in given))
    if len(origins) > MOST:
        raise errors.account_setting_invalid("web_origins", f"there are at most {MOST} origins.")
    return origins


def _checked(given: str) -> str:
    match = _ORIGIN.fullmatch(given.lower()) if len(given) <= _LONGEST else None
    port = int(match[3]) if match and match[3] else None
    if match is None or (port is not None and not 1 <= port <= _LARGEST_PORT):
        raise errors.account_setting_invalid(
            "web_origins", "an origin is scheme://host or scheme://host:port, of http or https, or * for any."
        )
    usual = port is None or port == _USUAL[match[1]]
    return f"{match[1]}://{match[2]}" + ("" if usual else f":{port}")


def allows(origins: Sequence[str], origin: str) -> bool:
    """Whether a page of this origin, as its browser names it, may use what these origins may use."""
    return origin in origins or (ANY in origins and origin != "null")
