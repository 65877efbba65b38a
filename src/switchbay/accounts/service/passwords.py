"""Hashing of passwords with Argon2id, on a few threads of its own.

A hash takes about 25 ms and 19 MiB (the second of the parameter sets that OWASP lists as equally strong), so the
number of hashes under way is bounded by the threads, and the number of logins that wait for them by ``LoginQueue``.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError

from switchbay.accounts import errors
from switchbay.kit.secret import Secret

_MOST_THREADS = 4
_MOST_WAITING = 128
_MOST_WAITING_OF_ONE_NETWORK = 32


def _default_hasher() -> PasswordHasher:
    return PasswordHasher(time_cost=2, memory_cost=19 * 1_024, parallelism=1, type=Type.ID)


class Passwords:
    """Makes and checks password hashes without holding up the event loop."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or _default_hasher()
        self.threads = min(_MOST_THREADS, os.cpu_count() or 1)
        self._executor = ThreadPoolExecutor(self.threads, thread_name_prefix="passwords")
        # Checked in place of the hash of a user who does not exist, so that both answers take the same time.
        self._nobody = self._hasher.hash("nobody's password")

    async def hash(self, password: Secret) -> str:
        """Hash a password, with its salt and parameters in the result."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._hasher.hash, password.reveal())

    async def check(self, stored: str | None, password: Secret) -> bool:
        """Whether ``password`` is the one of the hash; with no hash, do the same work and answer False."""
        loop = asyncio.get_running_loop()
        matches = await loop.run_in_executor(self._executor, self._verify, stored or self._nobody, password.reveal())
        return matches and stored is not None

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (Argon2Error, InvalidHashError):
            return False

    def is_outdated(self, stored: str) -> bool:
        """Whether a hash was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Let the threads end."""
        self._executor.shutdown(wait=False, cancel_futures=True)


class LoginQueue:
    """Lets a few logins through at a time and turns away what would wait too long.

    The throttle is asked, the password hashed and the failure counted while a login holds its turn, so a burst of
    guesses gets no further past the throttle than the number of turns.
    """

    def __init__(self, turns: int) -> None:
        self._turns = asyncio.Semaphore(turns)
        self._waiting: Counter[str] = Counter()

    @asynccontextmanager
    async def turn(self, network: str) -> AsyncIterator[None]:
        """Wait for a turn. Raises ``login_busy`` when too many wait already, in all or from this network."""
        if self._waiting.total() >= _MOST_WAITING or self._waiting[network] >= _MOST_WAITING_OF_ONE_NETWORK:
            raise errors.login_busy()
        self._waiting[network] += 1
        try:
            async with self._turns:
                yield
        finally:
            self._waiting[network] -= 1
            if not self._waiting[network]:
                del self._waiting[network]
