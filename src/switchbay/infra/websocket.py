"""WebSocket connections (RFC 6455) of the server: the upgrade, bounded frames in, a bounded queue of frames out.

A connection is a uvicorn protocol without an ASGI application behind it, because a socket that only waits should cost
nothing but its own state: no task, no queue, no timer. Frames are answered by plain calls; whoever takes them reads on
with a task of its own where it needs one. The protocol itself (handshake, masking, fragments, control frames) is the
``websockets`` library's. Compression is never accepted: it costs memory for each connection.

A peer that does not read is closed, never buffered without end; one that sends nothing for long is closed too.
"""

import asyncio
import logging
import struct
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Protocol, TypeAlias
from urllib.parse import parse_qsl, unquote
from weakref import WeakKeyDictionary

import structlog
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN, State
from websockets.server import ServerProtocol

from switchbay.infra.web import json_bytes
from switchbay.infra.websocket_metrics import CLOSED_SLOW, FRAMES_IN, FRAMES_OUT, OPEN_SOCKETS
from switchbay.kit.errors import AppError, Kind

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
TOO_MUCH: Final = 1008
FAILED: Final = 1011
_HIGH_WATER: Final = 65_536
_CLOSE_SECONDS: Final = 3.0
_QUIET_SECONDS: Final = 0.25
_LONGEST_WAIT: Final = 0.01
_log = structlog.get_logger("websocket")
_library_log = logging.getLogger("websockets.server")


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """What one connection may cost. Sizes in bytes, spans in seconds.

    A frame larger than ``frame_bytes`` closes it; so do ``queue_messages`` or ``queue_bytes`` that wait to be sent, and
    something that waits longer than ``slow_seconds``. Without any frame for ``idle_seconds`` it is closed as well.
    """

    frame_bytes: int = 1_048_576
    queue_messages: int = 2_000
    queue_bytes: int = 4_194_304
    slow_seconds: float = 30.0
    idle_seconds: float = 150.0


class Taker(Protocol):
    """Who takes what a connection brings. All calls come on the event loop, in order, and must not block."""

    def opened(self, socket: "Socket") -> None:
        """The upgrade is done."""
        ...

    def received(self, data: bytes) -> None:
        """A whole message has come, text or binary."""
        ...

    def closed(self, code: int) -> None:
        """The connection is over; nothing more is sent."""
        ...


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A request to open a socket: the variable segments of its path, its query, its peer's address."""

    segments: tuple[str, ...]
    query: dict[str, str]
    address: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


Opener: TypeAlias = Callable[[Upgrade], Awaitable[Taker]]
"""Decides about an upgrade: returns who takes the frames, or raises the AppError that refuses it."""


@dataclass(frozen=True, slots=True)
class SocketRoute:
    """Where sockets are opened: a path whose ``{…}`` are variable segments, and who decides."""

    path: str
    open: Opener
    limits: SocketLimits = SocketLimits()

    def match(self, path: str) -> tuple[str, ...] | None:
        """The variable segments of ``path`` (still quoted), if it is this route's."""
        wanted, given = self.path.split("/"), path.split("/")
        if len(wanted) != len(given):
            return None
        found = []
        for part, value in zip(wanted, given, strict=True):
            if part.startswith("{"):
                if not value:
                    return None
                found.append(unquote(value))
            elif part != value:
                return None
        return tuple(found)


@lru_cache(maxsize=1_024)
def frame_head(length: int) -> bytes:
    """The head of an unmasked text frame with a payload of this length."""
    if length < 126:  # noqa: PLR2004 - RFC 6455 §5.2
        return struct.pack("!BB", 0x81, length)
    if length < 65_536:  # noqa: PLR2004 - as above
        return struct.pack("!BBH", 0x81, 126, length)
    return struct.pack("!BBQ", 0x81, 127, length)


class _Flushes:
    """Writes to many connections, one after the other, so that what is sent in the same moment goes out in one write.

    A write costs several times what a frame does. After a long turn, when a thousand sockets were written to, the next
    one waits for as long again, up to ``_LONGEST_WAIT``: what is sent meanwhile goes along with it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: list[Callable[[], None]] = []
        self._not_before = 0.0

    def add(self, flush: Callable[[], None]) -> None:
        """Have ``flush`` called with the next turn."""
        self._due.append(flush)
        if len(self._due) > 1:
            return
        if self._loop.time() < self._not_before:
            self._loop.call_at(self._not_before, self._turn)
        else:
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        begun = time.monotonic()
        due, self._due = self._due, []
        for flush in due:
            flush()
        took = time.monotonic() - begun
        self._not_before = self._loop.time() + min(took, _LONGEST_WAIT)


_by_loop: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Flushes]] = WeakKeyDictionary()


def _flushes_of(loop: asyncio.AbstractEventLoop) -> _Flushes:
    found = _by_loop.get(loop)
    if found is None:
        found = _by_loop[loop] = _Flushes(loop)
    return found


class Socket:
    """One open connection, as whoever takes its frames sees it."""

    __slots__ = ("_connection", "send")

    send: Callable[..., None]
    """Send one text message, given in parts; it is never waited for. A peer that does not read is closed."""

    def __init__(self, connection: "SocketConnection") -> None:
        self._connection = connection
        self.send = connection.send_text

    def close(self, code: int, reason: str = "") -> None:
        """End the connection; what has been sent before still goes out."""
        self._connection.end(code, reason)

    def pause(self) -> None:
        """Read no more until ``resume``."""
        self._connection.pause()

    def resume(self) -> None:
        """Read on."""
        self._connection.resume()

    @property
    def is_open(self) -> bool:
        """Whether something can still be sent."""
        return self._connection.is_open


class SocketConnection(asyncio.Protocol):
    """uvicorn's protocol for upgraded connections. ``routes`` is set by whoever builds the server."""

    routes: Sequence[SocketRoute] = ()

    def __init__(self, config: Any, server_state: Any, app_state: Any) -> None:  # noqa: ANN401 - uvicorn's business
        del config, app_state
        self._state = server_state
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._protocol: ServerProtocol | None = ServerProtocol(max_size=None, logger=_library_log)
        self._taker: Taker | None = None
        self._limits = SocketLimits()
        self._fragments: list[bytes] | None = None
        self._unsent: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._messages = 0
        self._blocked_since: float | None = None
        self._flushes = _flushes_of(self._loop)
        self._is_flushing = False
        self._last_heard = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._close_code: int | None = None

    # The connection's life, as uvicorn and the event loop tell it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The upgrade request has been read; it follows as data."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's transports are not asyncio's
        self._state.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone."""
        del exc
        self._state.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._unsent.clear()
        protocol, self._protocol = self._protocol, None
        taker, self._taker = self._taker, None
        if taker is not None:
            OPEN_SOCKETS.dec()
            code = self._close_code
            if code is None:
                code = protocol.close_rcvd.code if protocol is not None and protocol.close_rcvd is not None else 1006
            taker.closed(code)

    def shutdown(self) -> None:
        """The server stops."""
        if self._taker is None and self._transport is not None:
            self._transport.close()
            return
        self.end(GOING_AWAY, "the server stops")

    def pause_writing(self) -> None:
        """The peer does not read as fast as it is sent to."""
        if self._blocked_since is None:
            self._blocked_since = self._loop.time()

    def resume_writing(self) -> None:
        """It reads again."""
        self._blocked_since = None
        self.flush()

    # What comes in

    def data_received(self, data: bytes) -> None:
        """Take bytes; hand whole messages on."""
        protocol = self._protocol
        if protocol is None:
            return
        self._last_heard = self._loop.time()
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
            elif isinstance(event, Request):
                self._begin(protocol, event)
        if self._protocol is None:
            return
        replies = protocol.data_to_send()
        if replies:  # pongs, and the answer to a close or to nonsense
            self._queue([part for part in replies if part])
        if protocol.state is OPEN or self._taker is None:
            return
        if self._close_code is None:
            self._leave(protocol.close_sent.code if protocol.close_sent is not None else 1006)
        elif protocol.close_rcvd is not None and self._transport is not None:
            self._transport.close()

    def eof_received(self) -> None:
        """The peer sends no more: it is gone."""

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PING or frame.opcode is Opcode.PONG or frame.opcode is Opcode.CLOSE:
            return  # the library answers them
        if self._fragments is not None:
            self._fragments.append(bytes(frame.data))
            if not frame.fin:
                return
            data, self._fragments = b"".join(self._fragments), None
        elif frame.fin:
            data = bytes(frame.data)
        else:
            self._fragments = [bytes(frame.data)]
            return
        FRAMES_IN.inc()
        if self._taker is not None and self._close_code is None:
            try:
                self._taker.received(data)
            except Exception:  # noqa: BLE001 - one connection's trouble must not reach the event loop
                _log.exception("a message could not be taken")
                self.end(FAILED, "the server failed")

    # The upgrade

    def _begin(self, protocol: ServerProtocol, request: Request) -> None:
        response = protocol.accept(request)
        if response.status_code != 101:  # noqa: PLR2004 - switching protocols
            self._refuse(protocol, response.status_code, (response.body or b"").decode("utf-8", "replace"))
            return
        self.pause()
        path, _, query = request.path.partition("?")
        for route in self.routes:
            segments = route.match(path)
            if segments is not None:
                self._limits = route.limits
                protocol.max_message_size = route.limits.frame_bytes
                upgrade = Upgrade(
                    segments,
                    dict(parse_qsl(query, max_num_fields=64)) if query.count("&") < 64 else {},  # noqa: PLR2004 - as given
                    self._address(),
                    {name.lower(): value for name, value in request.headers.raw_items()},
                )
                task = self._loop.create_task(self._decide(protocol, response, route, upgrade))
                self._state.tasks.add(task)
                task.add_done_callback(self._state.tasks.discard)
                return
        self._refuse_with(protocol, AppError(Kind.NOT_FOUND, "route_unknown", "There is nothing here."))

    async def _decide(self, protocol: ServerProtocol, response: Any, route: SocketRoute, upgrade: Upgrade) -> None:  # noqa: ANN401 - the library's response
        try:
            taker = await route.open(upgrade)
        except AppError as error:
            self._refuse_with(protocol, error)
            return
        except Exception:  # noqa: BLE001 - whatever it is becomes an answer
            _log.exception("a socket could not be opened")
            self._refuse_with(protocol, AppError(Kind.INTERNAL, "internal_error", "The server failed."))
            return
        if self._protocol is None or self._transport is None or self._transport.is_closing():
            taker.closed(1006)
            return
        protocol.send_response(response)
        self._transport.write(b"".join(protocol.data_to_send()))
        protocol.response = None  # type: ignore[attr-defined]  # nobody reads it again
        set_limits = getattr(self._transport, "set_write_buffer_limits", None)
        if set_limits is not None:
            set_limits(high=_HIGH_WATER)
        self._taker = taker
        OPEN_SOCKETS.inc()
        self._timer = self._loop.call_later(self._limits.idle_seconds, self._look)
        taker.opened(Socket(self))
        self.resume()

    def _address(self) -> str | None:
        peer = None if self._transport is None else self._transport.get_extra_info("peername")
        return str(peer[0]) if isinstance(peer, tuple) else None

    def _refuse_with(self, protocol: ServerProtocol, error: AppError) -> None:
        self._refuse(protocol, error.kind.http_status, json_bytes(error.to_json()).decode(), "application/json")

    def _refuse(self, protocol: ServerProtocol, status: int, text: str, media_type: str = "text/plain") -> None:
        if self._transport is None or self._transport.is_closing():
            return
        response = protocol.reject(status, text)
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = media_type
        protocol.send_response(response)
        self._transport.write(b"".join(part for part in protocol.data_to_send() if part))
        self._transport.close()

    # What goes out

    @property
    def is_open(self) -> bool:
        """Whether something can still be sent."""
        return self._taker is not None and self._close_code is None

    def send_text(self, *parts: bytes) -> None:
        """Queue one text frame, given in parts."""
        if self._taker is None or self._close_code is not None:
            return
        size = sum(map(len, parts))
        unsent = self._unsent
        unsent.append(frame_head(size))
        unsent += parts
        self._unsent_bytes += size
        self._messages += 1
        if not self._is_flushing and self._blocked_since is None:
            self._is_flushing = True
            self._flushes.add(self.flush)
        limits = self._limits
        if self._unsent_bytes > limits.queue_bytes or self._messages > limits.queue_messages:
            self._drop()

    def _queue(self, parts: Sequence[bytes]) -> None:
        """Queue what belongs to the protocol."""
        self._unsent.extend(parts)
        self._unsent_bytes += sum(map(len, parts))
        if not self._is_flushing and self._blocked_since is None:
            self._is_flushing = True
            self._flushes.add(self.flush)

    def flush(self) -> None:
        """Write what waits, unless the peer does not read."""
        self._is_flushing = False
        if not self._unsent or self._blocked_since is not None or self._transport is None:
            return
        data = b"".join(self._unsent)
        self._unsent.clear()
        FRAMES_OUT.inc(self._messages)
        self._unsent_bytes = self._messages = 0
        self._transport.write(data)

    def _drop(self) -> None:
        """Give up on a peer that does not read."""
        CLOSED_SLOW.inc()
        self._close_code = TOO_MUCH
        self._unsent.clear()
        if self._transport is not None:
            self._transport.abort()

    def end(self, code: int, reason: str = "") -> None:
        """Say that it is over, and close."""
        protocol = self._protocol
        if protocol is None or not self.is_open or protocol.state is not State.OPEN:
            return
        protocol.send_close(code, reason)
        self._queue(protocol.data_to_send())
        self._leave(code)

    def _leave(self, code: int) -> None:
        """Send what is queued, then close the connection: once the peer has answered, or is quiet.

        What it still sends is thrown away until then. To close over unread bytes would reset the connection, and the
        peer would never learn why.
        """
        if self._close_code is None:
            self._close_code = code
        self._blocked_since = None  # whatever is queued goes to the transport, which has the time below for it
        self.flush()
        if self._transport is None or self._protocol is None:
            return
        if self._protocol.close_rcvd is not None:
            self._transport.close()
        else:
            self.resume()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(_QUIET_SECONDS, self._linger, self._loop.time() + _CLOSE_SECONDS)

    def _linger(self, until: float) -> None:
        if self._transport is None:
            return
        now = self._loop.time()
        if now >= until:
            self._transport.abort()
            return
        if now - self._last_heard >= _QUIET_SECONDS:
            self._transport.close()
        self._timer = self._loop.call_later(_QUIET_SECONDS, self._linger, until)

    def pause(self) -> None:
        """Read no more for a while."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _look(self) -> None:
        """From time to time: is the peer there, and does it read?"""
        now = self._loop.time()
        limits = self._limits
        if self._blocked_since is not None and now - self._blocked_since >= limits.slow_seconds:
            self._drop()
            return
        left = self._last_heard + limits.idle_seconds - now
        if left <= 0:
            self.end(GOING_AWAY, "nothing was heard for too long")
            return
        if self._blocked_since is not None:
            left = min(left, limits.slow_seconds)
        self._timer = self._loop.call_later(min(left, max(limits.slow_seconds, 1.0)), self._look)
