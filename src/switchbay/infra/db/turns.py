"""Whose turn it is to write, among the processes of one node that share an embedded database, and what is on the disk.

SQLite itself makes a process that finds the database locked try again after a sleep, so that one which writes all the
time starves the others. Here whoever waits is next, and is woken at once.

Whoever has written waits for the disk after its turn. Until then others see what may still be lost with the machine's
power, so commits are numbered: what is read is passed on only when all that may be in it is on the disk.
"""

import multiprocessing
import multiprocessing.sharedctypes
import time
from typing import Protocol


class Marks(Protocol):
    """Numbers of commits: the last that was begun, and one up to which all are on the disk."""

    begun: int
    durable: int


class OwnMarks:
    """The marks of a process that shares its database with nobody."""

    def __init__(self) -> None:
        self.begun = 0
        self.durable = 0


class SharedMarks:
    """The marks of a process and those that it forks afterwards."""

    def __init__(self) -> None:
        self._numbers = multiprocessing.sharedctypes.RawArray("Q", 2)

    @property
    def begun(self) -> int:
        """Written by whoever has the turn."""
        return int(self._numbers[0])

    @begun.setter
    def begun(self, number: int) -> None:
        self._numbers[0] = number

    @property
    def durable(self) -> int:
        """Written by everybody: one that is overwritten with less costs a wait for the disk, and no more."""
        return int(self._numbers[1])

    @durable.setter
    def durable(self, number: int) -> None:
        self._numbers[1] = number


class Turns:
    """A fair lock of a process and those that it forks afterwards: one holds the turn, one is next, others queue."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("fork")
        self._next = context.Lock()
        self._turn = context.Lock()
        self.marks = SharedMarks()

    def take(self, seconds: float) -> bool:
        """Wait for the turn, at most so long; tell whether it is ours."""
        until = time.monotonic() + seconds
        if not self._next.acquire(timeout=seconds):
            return False
        try:
            return self._turn.acquire(timeout=max(0.0, until - time.monotonic()))
        finally:
            self._next.release()

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits for it."""
        if self._next.acquire(block=False):
            self._next.release()
            return False
        return True

    def give(self) -> None:
        """Let the next have it."""
        self._turn.release()
