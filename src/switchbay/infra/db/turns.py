"""Whose turn it is to write, among the processes of one node that share an embedded database.

SQLite itself makes a process that finds the database locked try again after a sleep, so that one which writes all the
time starves the others. Here whoever waits is next, and is woken at once.
"""

import multiprocessing
import time


class Turns:
    """A fair lock of a process and those that it forks afterwards: one holds the turn, one is next, others queue."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("fork")
        self._next = context.Lock()
        self._turn = context.Lock()

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
