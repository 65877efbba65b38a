"""The link between the two processes of a node: messages each way, in order, over a pair of sockets.

What is sent is news that saves the other side a look into the database, so nothing depends on its arrival: a message
that finds no room, or nobody, is dropped.
"""

import asyncio
import socket
from collections.abc import Callable

import structlog

_HEAD = 5  # four bytes of length, one of the kind
_MOST_UNSENT = 8 * 1024 * 1024

_log = structlog.get_logger("link")
Handler = Callable[[bytes], None]


class Link(asyncio.Protocol):
    """One end. ``over`` is set when the other process is gone, or has closed its end."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._transport: asyncio.Transport | None = None
        self._handlers: dict[int, Handler] = {}
        self._received = bytearray()
        self.over = asyncio.Event()

    async def open(self) -> None:
        """Begin to hear; whoever wants to hear something has said so by now."""
        self._end.setblocking(False)  # noqa: FBT003 - as sockets have it
        await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=self._end)

    def handle(self, kind: bytes, handler: Handler) -> None:
        """Have messages of a kind (one byte) given to ``handler``."""
        self._handlers[kind[0]] = handler

    @property
    def has_room(self) -> bool:
        """Whether what is sent now would be sent."""
        transport = self._transport
        return transport is not None and transport.get_write_buffer_size() < _MOST_UNSENT

    def send(self, kind: bytes, message: bytes = b"") -> None:
        """Send a message, or drop it when too much is unsent already."""
        if self._transport is not None and self.has_room:
            self._transport.write(len(message).to_bytes(4, "big") + kind + message)

    def close(self) -> None:
        """Send what is unsent and close this end."""
        if self._transport is None:
            self._end.close()
        else:
            self._transport.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # sockets have no other
        """It is open."""
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """The other process is gone."""
        del exc
        self._transport = None
        self.over.set()

    def data_received(self, data: bytes) -> None:
        """Give whole messages to their handlers."""
        received = self._received
        received += data
        at = 0
        while len(received) - at >= _HEAD:
            end = at + _HEAD + int.from_bytes(received[at : at + 4], "big")
            if len(received) < end:
                break
            self._hear(received[at + 4], bytes(received[at + _HEAD : end]))
            at = end
        del received[:at]

    def _hear(self, kind: int, message: bytes) -> None:
        handler = self._handlers.get(kind)
        if handler is None:
            return
        try:
            handler(message)
        except Exception:  # noqa: BLE001 - one bad message must not end the link
            _log.exception("a message of the other process was not understood")
