"""Addresses in structured content: which may be opened by those who get it.

Browsers drop tabs and line ends inside an address and control characters before it (WHATWG URL), so that is done here
too before the scheme is looked at.
"""

import re
from collections.abc import Iterator
from typing import Final

from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import Path

DANGEROUS: Final = (
    "about",
    "blob",
    "data",
    "file",
    "filesystem",
    "javascript",
    "jscript",
    "livescript",
    "mhtml",
    "vbscript",
    "view-source",
)
"""Schemes that run code, carry a document of their own, or reach into the reader's machine."""

SPACE: Final = r"\u0000-\u0020\u007f-\u00a0\u2028\u2029\u3000"
"""Control characters and white space, of which an address has none, as a class of a regular expression."""

_SPACE_RE: Final = re.compile(f"[{SPACE}]")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_WEB: Final = re.compile(rf"[Hh][Tt][Tt][Pp][Ss]?://[^/?#\\{SPACE}]+")
_USER_INFO: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\\/]+[^/?#\\]*@")
_BARE_HOST: Final = re.compile(r"(?:[A-Za-z0-9-]{1,63}\.){1,10}[A-Za-z]{2,24}(?:[/?#].*)?")
_ADDRESS_NAMES: Final = frozenset({"uri", "url", "href", "src", "link"})


def without_space(text: str) -> str:
    """The text without what browsers take out of an address."""
    return _SPACE_RE.sub("", text)


def has_space(text: str) -> bool:
    """Whether a text holds white space or control characters."""
    return _SPACE_RE.search(text) is not None


def scheme_of(uri: str) -> str | None:
    """The scheme, in lower case, as a browser would read it."""
    match = _SCHEME.match(without_space(uri))
    return match.group(1).lower() if match else None


def is_dangerous(uri: str) -> bool:
    """Whether opening the address could run code or show what is not where it says."""
    return scheme_of(uri) in DANGEROUS


def is_web(uri: str) -> bool:
    """Whether this is http or https with a host."""
    return _WEB.match(uri) is not None


def has_user_info(uri: str) -> bool:
    """Whether a name stands before the host, where readers may take it for the host."""
    return _USER_INFO.match(uri) is not None


def is_bare_host(uri: str) -> bool:
    """Whether only the scheme seems to be missing."""
    return _BARE_HOST.fullmatch(uri) is not None


def find_dangerous(path: Path, value: JsonValue) -> Iterator[tuple[Path, str]]:
    """The places of dangerous addresses in a value, and their schemes. The value nests no deeper than JSON text may."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from find_dangerous((*path, name), item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from find_dangerous((*path, index), item)
    elif isinstance(value, str) and path and str(path[-1]).casefold() in _ADDRESS_NAMES:
        scheme = scheme_of(value)
        if scheme in DANGEROUS:
            yield path, str(scheme)
