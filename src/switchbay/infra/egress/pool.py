"""Connections that are kept for the next request to the same origin at the same address."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence

from switchbay.infra.egress.http1 import Connection

_MOST = 512

Origin = tuple[str, str, int] | tuple[str, str, int, str]
"""Scheme, host and port, and the name of the client certificate that is shown, if one is."""


class KeptConnections:
    """A bounded number of idle connections; each is closed when it was idle for too long."""

    def __init__(self, idle_seconds: float) -> None:
        self._idle_seconds = idle_seconds
        self._idle: OrderedDict[tuple[Origin, str], deque[Connection]] = OrderedDict()
        self._count = 0
        self._tidy: asyncio.TimerHandle | None = None
        self._closed = False

    def take(self, origin: Origin, addresses: Sequence[str]) -> tuple[Connection | None, str | None]:
        """A connection to one of these addresses, and which, if one is kept: the one used last."""
        if not self._idle:
            return None, None
        oldest = asyncio.get_running_loop().time() - self._idle_seconds
        for address in addresses:
            place = (origin, address)
            kept = self._idle.get(place)
            while kept:
                connection = kept.pop()
                self._count -= 1
                if not kept:
                    del self._idle[place]
                if connection.is_reusable and connection.idle_since >= oldest:
                    return connection, address
                connection.abort()
        return None, None

    def give_back(self, origin: Origin, address: str | None, connection: Connection) -> None:
        """Keep a connection if it can be used again, else close it."""
        if address is None or self._closed or not connection.is_reusable:
            connection.abort()
            return
        loop = asyncio.get_running_loop()
        place = (origin, address)
        connection.idle_since = loop.time()
        self._idle.setdefault(place, deque()).append(connection)
        self._idle.move_to_end(place)
        self._count += 1
        while self._count > _MOST:
            self._drop_first(next(iter(self._idle)))
        if self._tidy is None:
            self._tidy = loop.call_later(self._idle_seconds, self._close_old)

    def _drop_first(self, place: tuple[Origin, str]) -> None:
        kept = self._idle[place]
        kept.popleft().abort()
        self._count -= 1
        if not kept:
            del self._idle[place]

    def _close_old(self) -> None:
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self._idle_seconds
        for place, kept in tuple(self._idle.items()):
            while kept and (kept[0].idle_since <= oldest or not kept[0].is_reusable):
                self._drop_first(place)
        self._tidy = loop.call_later(self._idle_seconds, self._close_old) if self._idle else None

    def close(self) -> None:
        """Close every kept connection, and whatever is given back from now on."""
        self._closed = True
        if self._tidy is not None:
            self._tidy.cancel()
        for kept in self._idle.values():
            for connection in kept:
                connection.abort()
        self._idle.clear()
        self._count = 0
