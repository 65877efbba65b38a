"""One connection's work: requests one after the other, and after each answer what happened meanwhile.

A client hears of no change before it knows that its own request made it. Requests wait in a short queue; while it is
full, nothing more is read from the socket. A line that settles first holds back events for a moment, because clients
know what to do with one only once they have been told of its conversation.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

import structlog

from switchbay.infra.websocket import FAILED, TOO_MUCH, Socket

MOST_WAITING: Final = 64
_MOST_HELD: Final = 5_000
_LONGEST_REASON: Final = 120
Job: TypeAlias = Callable[[], Awaitable[None]]
Place: TypeAlias = tuple[str, int | None]
"""Where an event stands: its dialog's id, and its sequence if it has one."""
_log = structlog.get_logger("messaging.sockets")


class Line(ABC):
    """What a socket brings is given to ``answer``, one message at a time; ``tell`` sends notifications."""

    def __init__(self) -> None:
        self.socket: Socket | None = None
        self._waiting: deque[bytes | Job] = deque()
        self._held: list[tuple[Sequence[bytes], Place | None]] = []
        self._is_busy = False
        self._settling: asyncio.TimerHandle | None = None
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
        self.settled()
        if self._work is not None:
            self._work.cancel()

    @abstractmethod
    async def answer(self, data: bytes) -> None:
        """Do what a message asks and ``send`` the answer."""

    def tell(self, *parts: bytes) -> None:
        """Send a notification, given in parts; while a request is under way, after its answer."""
        if self._is_busy:
            self._hold(parts, None)
        elif self.socket is not None:
            self.socket.send(*parts)

    def tell_event(self, *parts: bytes, place: Place) -> None:
        """Send the notification of an event, given in parts. ``place`` is where it stands, for ``forget_held``."""
        if self._is_held(place):
            self._hold(parts, place)
        else:
            self.send(*parts)

    def _hold(self, parts: Sequence[bytes], place: Place | None) -> None:
        if len(self._held) < _MOST_HELD:
            self._held.append((parts, place))
        else:
            self.end(TOO_MUCH, "too much happened at once")

    def _is_held(self, place: Place | None) -> bool:
        return self._is_busy or (self._settling is not None and place is not None)

    def forget_held(self, dialog_id: str, below: int) -> None:
        """Send no event of a dialog that is held back and comes before a sequence: it has been sent otherwise."""
        self._held = [
            (parts, place)
            for parts, place in self._held
            if place is None or place[0] != dialog_id or place[1] is None or place[1] >= below
        ]

    def settle(self, seconds: float) -> None:
        """Hold back events until ``settled``, but not for longer than this."""
        self._settling = asyncio.get_running_loop().call_later(seconds, self.settled)

    def settled(self) -> None:
        """The client knows what it needs to know."""
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
            self._release()

    def _release(self) -> None:
        held, self._held = self._held, []
        for parts, place in held:
            if self._is_held(place):
                self._held.append((parts, place))
            else:
                self.send(*parts)

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
                self._is_busy = True
                try:
                    await (self.answer(item) if isinstance(item, bytes) else item())
                finally:
                    self._is_busy = False
                self._release()
        except Exception:  # noqa: BLE001 - the client comes back and reads on; a half-told change would stay so
            _log.exception("a socket failed")
            self.end(FAILED, "the server failed")
        finally:
            self._work = None
