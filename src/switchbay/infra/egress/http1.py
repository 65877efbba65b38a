"""One HTTP/1.1 connection of a client (RFC 9112): sends a request, reads a bounded response.

The parser is llhttp's. Everything that a server may send is bounded: the head (with all interim responses), the body
that is kept, the bytes that are taken altogether.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import httptools

from switchbay.infra.egress.failures import reason_of

MAX_HEAD_BYTES = 32 * 1024
_MAX_HEADERS = 200
_VERSIONS = frozenset({"1.1", "1.0"})
_FIRST_INTERIM = 100
_SWITCHING_PROTOCOLS = 101
_FIRST_FINAL = 200
_CODING = b"transfer-encoding"


@dataclass(slots=True)
class Reply:
    """What a server has answered so far. ``failure`` is the word for what broke it."""

    status: int | None = None
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    truncated: bool = False
    failure: str | None = None
    detail: str | None = None
    received: int = 0
    """Bytes that have arrived since the request."""
    first_byte_at: float | None = None
    """When the first of them did, by the event loop's clock."""


class Connection(asyncio.Protocol):
    """A connection that carries one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._reply = Reply()
        self._done: asyncio.Future[Reply] | None = None
        self._body_limit = 0
        self._head_done = False
        self._is_chunked = False
        self._time: Callable[[], float] = asyncio.get_running_loop().time
        self._open = False
        self._keep = False
        self.idle_since = 0.0

    # What the pool and the client ask

    @property
    def is_reusable(self) -> bool:
        """Tell whether another request may go over this connection."""
        return self._open and self._keep and self._done is None

    def exchange(self, request: bytes, body_limit: int) -> "asyncio.Future[Reply]":
        """Send a request; the future gives the reply, whole or broken off. It never raises."""
        if self._transport is None:
            raise RuntimeError("not connected")
        self._parser = httptools.HttpResponseParser(self)
        self._reply = Reply()
        self._body_limit = body_limit
        self._head_done = False
        self._is_chunked = False
        self._keep = False
        self._done = asyncio.get_running_loop().create_future()
        done = self._done
        if self._open:
            self._transport.write(request)
        else:
            self._finish("connection_closed", "the connection was closed before the request")
        return done

    def expire(self, seconds: float) -> None:
        """The time for the response is over: what has arrived by now is all of it."""
        self._finish("response_timeout", f"no whole response within {seconds:g} s")

    def abort(self) -> None:
        """Close at once, without ceremony."""
        self._open = False
        self._keep = False
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are no subclasses of it
        self._open = True

    def data_received(self, data: bytes) -> None:
        """Bytes of a response, or bytes that nobody asked for."""
        if self._done is None or self._parser is None:
            self.abort()
            return
        reply = self._reply
        if not reply.received:
            reply.first_byte_at = self._time()
        if reply.received + len(data) <= MAX_HEAD_BYTES:
            reply.received += len(data)
            self._feed(data)
        else:
            self._feed_within_limits(data)

    def _feed(self, data: bytes) -> None:
        if self._parser is None:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._finish("protocol", "the server switched protocols")
        except httptools.HttpParserError as error:
            if self._done is None:
                self.abort()  # what follows the response is no HTTP
            self._finish("protocol", str(error) or type(error).__name__)

    def _feed_within_limits(self, data: bytes) -> None:
        """Take bytes up to the next limit, so that what comes out does not depend on how they were split."""
        reply = self._reply
        for limit in (MAX_HEAD_BYTES, 2 * self._body_limit + 4 * MAX_HEAD_BYTES):
            part = data[: max(0, limit - reply.received)]
            data = data[len(part) :]
            reply.received += len(part)
            self._feed(part)
            if self._done is None:
                if data:
                    self.abort()  # more than the response
                return
            if not data:
                return
            if not self._head_done:
                self._finish("response_head_too_large", f"more than {MAX_HEAD_BYTES} bytes of head")
                return
        reply.truncated = True  # framing without content: endless chunk extensions or trailers
        self._finish(None, None)

    def eof_received(self) -> bool:
        """The server is done sending."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; a body that ends with the connection is whole now."""
        self._open = False
        self._keep = False
        if self._done is None:
            return
        if exc is None and self._head_done and not self._has_framing():
            self._finish(None, None)
        elif isinstance(exc, ssl.SSLError):
            self._finish("tls", reason_of(exc))  # only now did the server say what it thinks of our certificate
        else:
            self._finish("connection_closed", str(exc) if exc else "the server closed the connection")

    def _has_framing(self) -> bool:
        return any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in self._reply.headers)

    # llhttp's callbacks

    def on_message_begin(self) -> None:
        """A response begins; if it is one that nobody asked for, the connection is of no use any more."""
        if self._done is None:
            self.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which is not kept."""
        if self._head_done or self._done is None:
            return
        if len(self._reply.headers) >= _MAX_HEADERS:
            self._finish("response_head_too_large", f"more than {_MAX_HEADERS} headers")
            return
        if len(name) == len(_CODING) and name.lower() == _CODING:
            if self._is_chunked or value.lower() != b"chunked":
                self._finish("protocol", "a Transfer-Encoding that was not asked for")  # RFC 9112 §7.4
                return
            self._is_chunked = True
        self._reply.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is complete: of an interim response (forgotten) or of the final one."""
        if self._parser is None or self._done is None:
            return
        status = self._parser.get_status_code()
        if self._parser.get_http_version() not in _VERSIONS or status < _FIRST_INTERIM:
            self._finish("protocol", "the answer is not HTTP/1.1")
        elif status == _SWITCHING_PROTOCOLS:
            self._finish("protocol", "the server switched protocols")
        elif status < _FIRST_FINAL:
            self._reply.headers.clear()
            self._is_chunked = False
        else:
            self._reply.status = status
            self._head_done = True

    def on_body(self, data: bytes) -> None:
        """A part of the body: kept up to the limit, then the exchange is over."""
        if self._done is None:
            return
        room = self._body_limit - len(self._reply.body)
        self._reply.body += data[:room]
        if len(data) > room:
            self._reply.truncated = True
            self._finish(None, None)

    def on_message_complete(self) -> None:
        """The response is complete."""
        if self._done is None or self._parser is None or not self._head_done:
            return
        self._keep = bool(self._parser.should_keep_alive())
        self._finish(None, None)

    def _finish(self, failure: str | None, detail: str | None) -> None:
        done, self._done = self._done, None
        if done is None:
            return
        if not self._head_done:
            self._reply.headers.clear()  # which of them are known by now is chance
        self._reply.failure = failure
        self._reply.detail = detail
        if not done.done():
            done.set_result(self._reply)
        if not self._keep:
            self.abort()
