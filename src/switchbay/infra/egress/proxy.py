"""A forward proxy: its setting, and tunnels through it with CONNECT (RFC 9110 §9.3.6).

The proxy is asked for an address that was checked here, never for a name, so that it cannot be led elsewhere.
"""

import asyncio
import base64
import re
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import unquote, urlsplit

from switchbay.infra.egress.failures import Failed
from switchbay.infra.egress.targets import parse_target
from switchbay.kit.errors import AppError, Kind

_MOST_BYTES = 16 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?\r\n")
_END_OF_HEAD = b"\r\n\r\n"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_OK = range(200, 300)
_NOT_ADMITTED = 407


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where the proxy is. ``credentials`` is the value of ``Proxy-Authorization``."""

    host: str
    port: int
    is_secure: bool
    credentials: str | None = field(default=None, repr=False)

    def request(self, address: str, port: int) -> bytes:
        """The request for a tunnel to an address."""
        authority = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
        if self.credentials is not None:
            lines.append(f"Proxy-Authorization: {self.credentials}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def parse_proxy(text: str) -> Proxy | None:
    """Read the setting; empty is none. The text is not repeated in the error, since it may hold a password."""
    if not text:
        return None
    try:
        parts = urlsplit(text)
        place = parse_target(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/")
    except ValueError:
        raise _malformed() from None
    login = None if parts.username is None else f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    if parts.path not in ("", "/") or parts.query or parts.fragment or _CONTROL.search(text + (login or "")):
        raise _malformed()
    credentials = None if login is None else "Basic " + base64.b64encode(login.encode()).decode("ascii")
    return Proxy(place.host, place.port, place.scheme == "https", credentials)


def _malformed() -> AppError:
    return AppError(
        Kind.INVALID,
        "egress_proxy_malformed",
        "The proxy is not written as http://host:port or https://host:port, with user:password@ before the host if it "
        "asks for that.",
    )


class Asking(asyncio.Protocol):
    """Asks a proxy for a tunnel. ``answered`` gives it when the head of the answer is there; else raises ``Failed``."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._head = bytearray()
        self._transport: asyncio.Transport | None = None
        self.answered: asyncio.Future[asyncio.Transport] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The proxy is there."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are no subclasses of it
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """A part of the answer."""
        self._head += data
        end = self._head.find(_END_OF_HEAD)
        if len(self._head) > _MOST_BYTES:
            self._fail("the proxy's answer is too long")
        elif end >= 0:
            self._judge(end + len(_END_OF_HEAD))

    def _judge(self, length: int) -> None:
        found = _STATUS.match(self._head)
        status = 0 if found is None else int(found[1])
        if not status:
            self._fail("the proxy does not speak HTTP/1.1")
        elif status not in _OK:
            self._fail(f"the proxy answered {status}", is_final=status == _NOT_ADMITTED)
        elif len(self._head) != length or self._transport is None:
            self._fail("the proxy went on talking")  # the server behind it does not speak first
        elif not self.answered.done():
            self.answered.set_result(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The proxy is gone."""
        self._fail(str(exc) if exc else "the proxy closed the connection")

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, detail: str, *, is_final: bool = False) -> None:
        if not self.answered.done():
            self.answered.set_exception(Failed("proxy", detail, is_final=is_final))
            self.answered.exception()  # seen, even if whoever waits for it has given up
        self.abort()
