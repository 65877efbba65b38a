"""URLs of outbound calls, taken apart strictly (RFC 3986, RFC 9110 §4.2)."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import quote, urlsplit

_MAX_LENGTH = 4096
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
_HOST = re.compile(r"[a-z0-9_.-]{1,253}|[0-9a-f:.]{2,45}")
_IN_BRACKETS = re.compile(r"\[[0-9A-Fa-f:.]+\](?::[0-9]*)?")
_PORTS = {"https": 443, "http": 80}
_KEPT = "/%:@!$&'()*+,;=-._~?"


class BadUrl(ValueError):
    """The URL cannot be called; the text says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect and what to ask for."""

    scheme: Literal["https", "http"]
    host: str
    port: int
    path: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port (RFC 6454)."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The value of the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def _ascii_host(host: str) -> str:
    host = host.rstrip(".").lower()
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise BadUrl("the host name is not a legal international name") from error
    if not _HOST.fullmatch(host):
        raise BadUrl("the host name is not legal")
    return host


@lru_cache(maxsize=4096)
def parse_target(url: str) -> Target:
    """Take an ``https`` or ``http`` URL apart. Raises ``BadUrl``."""
    if len(url) > _MAX_LENGTH or _FORBIDDEN.search(url):
        raise BadUrl("the URL is too long or holds blanks, control characters or backslashes")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadUrl("the URL is malformed") from error
    if parts.scheme not in ("https", "http"):
        raise BadUrl("the scheme is neither https nor http")
    if parts.username is not None or parts.password is not None:
        raise BadUrl("the URL holds a user name or password")
    if not _IN_BRACKETS.fullmatch(parts.netloc) and set("[]") & set(parts.netloc):
        raise BadUrl("the brackets hold no address, or not all of the host")
    if not parts.hostname:
        raise BadUrl("the URL has no host")
    if port == 0:
        raise BadUrl("the port is 0")
    scheme: Literal["https", "http"] = "https" if parts.scheme == "https" else "http"
    path = quote(parts.path or "/", safe=_KEPT)
    if parts.query:
        path += "?" + quote(parts.query, safe=_KEPT)
    return Target(scheme, _ascii_host(parts.hostname), port or _PORTS[scheme], path)
