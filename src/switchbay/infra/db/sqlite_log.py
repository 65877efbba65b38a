"""Waiting for the disk apart from writing.

A commit appends to SQLite's log, the WAL, while it holds the one lock to write. With ``synchronous=FULL`` it would also
wait for the disk under that lock; with ``NORMAL``, as here, SQLite waits only before it takes the log over into the
database, which keeps the file whole but not the last commits. So whoever has committed has the log written out to the
disk, after it has given the lock to the next, and only then tells anybody: what was told is on the disk, as with
``FULL``. The log is written in order, so one such wait is good for every commit before it, whoever made it.

What was committed and is not on the disk yet can be read. Nothing leaves the process by a read before it is.

A wait that failed is never tried again: the system may have dropped what it could not write, and would say the next
time that all is well, while later commits stand behind a hole in the log. A new process reads the log anew.
"""

import os
import sqlite3
import threading
from pathlib import Path
from typing import Final

from switchbay.infra.db.errors import DatabaseUnavailable
from switchbay.infra.db.turns import Marks

_write_out: Final = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class Log:
    """The log of one open database file."""

    def __init__(self, connection: sqlite3.Connection, path: Path, marks: Marks) -> None:
        """``connection`` is the one that writes. Where there can be no log, SQLite waits for the disk itself."""
        self._path = path.with_name(path.name + "-wal")
        self._marks = marks
        self._file: int | None = None
        self._opening = threading.Lock()
        self._failure: str | None = None
        self._is_used = connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        if not self._is_used:
            connection.execute("PRAGMA synchronous=FULL")

    def begin(self) -> int:
        """The number of the commit that its caller, who alone may write, is about to make."""
        self._marks.begun += 1
        return self._marks.begun

    def make_durable(self, number: int) -> None:
        """Wait until a commit is on the disk, and with it all before. Raises ``DatabaseUnavailable``."""
        if self._marks.durable < number:
            self._write_out()
            self._marks.durable = max(self._marks.durable, number)

    def make_seen_durable(self) -> None:
        """Wait until all is on the disk that a transaction which has just ended may have seen.

        Raises ``DatabaseUnavailable``.
        """
        if self._marks.durable < self._marks.begun:
            self._write_out()

    def _write_out(self) -> None:
        if not self._is_used:
            return
        if self._failure is not None:
            raise DatabaseUnavailable(self._failure)
        try:
            file = self._open()
            if file is not None:
                _write_out(file)
        except OSError as error:
            self._failure = error.strerror or type(error).__name__
            raise DatabaseUnavailable(self._failure) from error

    def _open(self) -> int | None:
        """The log's file, which stays the same while the database is open; None before there is one."""
        with self._opening:
            if self._file is None:
                try:
                    self._file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
                except FileNotFoundError:
                    return None
                folder = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.fsync(folder)  # the name of a new file is in its folder
                finally:
                    os.close(folder)
            return self._file

    def close(self) -> None:
        """Close the file; the database is closed by now."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
