"""Name resolution with a deadline, on threads of its own, remembered for a short while."""

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_THREADS = 8
_REMEMBERED = 2048

Lookup = Callable[[str, int], list[str]]


def system_lookup(host: str, port: int) -> list[str]:
    """Ask the system's resolver; numeric forms of every kind (``127.1``, ``0x7f000001``) come back as addresses."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Resolver:
    """Resolves names. A lookup that hangs holds one of its own threads, never the event loop or other work."""

    def __init__(self, lookup: Lookup = system_lookup, *, remember_seconds: float = 30.0) -> None:
        self._lookup = lookup
        self._remember_seconds = remember_seconds
        self._known: OrderedDict[str, tuple[float, list[str]]] = OrderedDict()
        self._asked: dict[str, asyncio.Future[list[str]]] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="resolver")

    def known(self, host: str, now: float) -> list[str] | None:
        """The addresses of ``host`` if they were looked up a short while ago."""
        entry = self._known.get(host)
        return entry[1] if entry is not None and entry[0] > now else None

    async def resolve(self, host: str, port: int) -> list[str]:
        """The addresses of ``host``. Raises ``OSError``."""
        loop = asyncio.get_running_loop()
        known = self.known(host, loop.time())
        if known is not None:
            return known
        asked = self._asked.get(host)
        if asked is None:
            asked = loop.run_in_executor(self._threads, self._lookup, host, port)
            self._asked[host] = asked
            asked.add_done_callback(lambda done: self._note(host, done))
        return await asyncio.shield(asked)  # whoever gives up leaves the answer to the others

    def _note(self, host: str, done: "asyncio.Future[list[str]]") -> None:
        self._asked.pop(host, None)
        if done.cancelled() or done.exception() is not None:
            return
        self._known[host] = (done.get_loop().time() + self._remember_seconds, done.result())
        self._known.move_to_end(host)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def close(self) -> None:
        """Leave the threads to end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)
