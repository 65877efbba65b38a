"""RSA signatures off the event loop.

A signature takes OpenSSL a third of a millisecond, in which it needs no interpreter: a few threads make them while the
event loop goes on. Handing work to a thread and back costs a tenth of that again, so a thread takes whatever has
gathered and reports it in one go. There are more threads than cores, because between two signatures a thread has to
wait until the event loop lets go of the interpreter.
"""

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from switchbay.oauth.protocol.rfc7515_signature import sign_rs256

_THREADS: Final = 4
_MOST_A_REPORT: Final = 4


class Signers:
    """A few threads that sign. For one event loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="sign")
        self._waiting: deque[tuple[asyncio.Future[bytes], rsa.RSAPrivateKey, bytes]] = deque()
        self._working = 0
        self._stopped = False

    async def sign(self, key: rsa.RSAPrivateKey, signed: bytes) -> bytes:
        """The RS256 signature of these bytes. Raises ``RuntimeError`` once it was stopped."""
        if self._stopped:
            raise RuntimeError("nothing is signed any more")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bytes] = loop.create_future()
        self._waiting.append((future, key, signed))
        self._put_to_work(loop)
        return await future

    def stop(self) -> None:
        """End the threads; after this nothing can be signed, and who still waits is told so."""
        self._stopped = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        while self._waiting:
            self._waiting.popleft()[0].cancel()

    def _put_to_work(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._working < _THREADS and len(self._waiting) > self._working:
            self._threads.submit(self._work, loop)
            self._working += 1

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        """Sign what is waiting until nothing is. Runs in a thread."""
        done: list[tuple[asyncio.Future[bytes], bytes | Exception]] = []
        while True:
            try:
                future, key, signed = self._waiting.popleft()
            except IndexError:
                break
            try:
                done.append((future, sign_rs256(key, signed)))
            except Exception as error:  # noqa: BLE001 - whoever waits for this signature is told
                done.append((future, error))
            if len(done) == _MOST_A_REPORT:
                loop.call_soon_threadsafe(_settle, done)
                done = []
        loop.call_soon_threadsafe(self._finish, loop, done)

    def _finish(
        self, loop: asyncio.AbstractEventLoop, done: list[tuple[asyncio.Future[bytes], bytes | Exception]]
    ) -> None:
        self._working -= 1
        _settle(done)
        self._put_to_work(loop)  # what came after the thread had looked for the last time


def _settle(done: list[tuple[asyncio.Future[bytes], bytes | Exception]]) -> None:
    for future, outcome in done:
        if future.done():  # whoever waited has gone away
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
