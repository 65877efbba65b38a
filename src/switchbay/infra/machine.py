"""The machine's clock and randomness, behind values that tests replace."""

import os
import threading
import time
from typing import Protocol

from switchbay.kit import ids


class Clock(Protocol):
    """Where the time comes from."""

    def now_ms(self) -> int:
        """Epoch milliseconds of the wall clock."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go backwards, for measuring spans."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        """Epoch milliseconds of the wall clock."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds that never go backwards, for measuring spans."""
        return time.monotonic()


class ManualClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, at_ms: int = 1_700_000_000_000) -> None:
        self.at_ms = at_ms

    def now_ms(self) -> int:
        """Epoch milliseconds, as set."""
        return self.at_ms

    def monotonic(self) -> float:
        """The same instant in seconds."""
        return self.at_ms / 1000

    def advance(self, *, ms: int = 0, seconds: float = 0) -> None:
        """Move the clock forward."""
        self.at_ms += ms + int(seconds * 1000)


class Randomness:
    """Fresh identifiers and secrets from the operating system's generator."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = (0, 0)

    def bytes(self, count: int) -> bytes:
        """``count`` unpredictable bytes."""
        return os.urandom(count)

    def uuid(self) -> str:
        """A new version 4 UUID."""
        return ids.uuid_from(self.bytes(16))

    def token(self, count: int = 32) -> str:
        """A hexadecimal token of ``count`` random bytes."""
        return self.bytes(count).hex()

    def sortable_id(self, prefix: str, at_ms: int) -> str:
        """A new id with this prefix that sorts by time, and within a millisecond by the order of the calls."""
        with self._lock:
            last_at, last = self._last
            number = last + 1 if at_ms == last_at else int.from_bytes(self.bytes(ids.SORTABLE_RANDOM_BYTES), "big") >> 1
            self._last = (at_ms, number)
        return ids.sortable_id(prefix, at_ms, number.to_bytes(ids.SORTABLE_RANDOM_BYTES, "big"))

    def client_secret(self) -> str:
        """A new client secret of 130 bits."""
        return ids.client_secret_from(self.bytes(ids.CLIENT_SECRET_RANDOM_BYTES))
