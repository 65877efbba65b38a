"""One connection's work: requests one after the other, and after each answer what happened meanwhile.

A client hears of no change before it knows that its own request made it. Requests wait in a short queue; while it is
full, nothing more is read from the socket.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

import structlog

from switchbay.infra.websocket import FAILED, TOO_MUCH, Socket

MOST_WAITING: Final = 64
_MOST_HELD: Final = 5_000
_LONGEST_REASON: Final = 120
Job: TypeAlias = Callable[[], Awaitable[None]]
_log = structlog.get_logger("messaging.sockets")


class Line:
    """What a socket brings is given to ``answer``, one message at a time; ``tell`` sends notifications."""

    def __init__(self) -> None:
        self.socket: Socket | None = None
        self._waiting: deque[bytes | Job] = deque()
        self._held: list[Sequence[bytes]] | None = None
        self._work: asyncio.Task[None] | None = None

    def opened(self, socket: Socket) -> None:
        """The upgrade is done."""
        self.socket = socket

    def received(self, data: bytes) -> None:
        """A message has come."""
        self.add(data)

    def closed(self, code: int) -> None:
        """The connection is over."""
        del code
        self.socket = None
        self._waiting.clear()
        if self._work is not None:
            self._work.cancel()

    async def answer(self, data: bytes) -> None:
        """Do what a message asks and ``send`` the answer."""
        raise NotImplementedError

    def tell(self, *parts: bytes) -> None:
        """Send a notification, given in parts; while a request is under way, after its answer."""
        if self._held is None:
            self.send(*parts)
        elif len(self._held) < _MOST_HELD:
            self._held.append(parts)
        else:
            self.end(TOO_MUCH, "too much happened at once")

    def send(self, *parts: bytes) -> None:
        """Send now."""
        if self.socket is not None:
            self.socket.send(*parts)

    def end(self, code: int, reason: str) -> None:
        """Close the connection."""
        if self.socket is not None:
            self.socket.close(code, reason[:_LONGEST_REASON])

    def add(self, item: bytes | Job) -> None:
        """Have something done in its turn."""
        self._waiting.append(item)
        if len(self._waiting) == MOST_WAITING and self.socket is not None:
            self.socket.pause()
        if self._work is None:
            self._work = asyncio.create_task(self._run(), name="socket")

    async def _run(self) -> None:
        try:
            while self._waiting and self.socket is not None:
                item = self._waiting.popleft()
                if len(self._waiting) == MOST_WAITING // 2:
                    self.socket.resume()
                self._held = []
                try:
                    await (self.answer(item) if isinstance(item, bytes) else item())
                finally:
                    held, self._held = self._held, None
                for parts in held:
                    self.send(*parts)
        except Exception:  # noqa: BLE001 - the client comes back and reads on; a half-told change would stay so
            _log.exception("a socket failed")
            self.end(FAILED, "the server failed")
        finally:
            self._work = None
