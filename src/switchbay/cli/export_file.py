"""The file that an export is written to, and how an export that broke off goes on in it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self

from switchbay.kit.errors import AppError, Kind

_BLOCK = 65_536
_CURSOR = re.compile(rb'\{"cursor":"([A-Za-z0-9_-]{1,200})"')
_LONGEST_HEAD = 256


class ExportFile:
    """Lines of an export. ``cursor`` is that of the last line that was there already."""

    def __init__(self, stream: BinaryIO, cursor: str | None) -> None:
        self._stream = stream
        self.cursor = cursor
        self.lines = 0

    @classmethod
    @contextmanager
    def open(cls, path: Path, *, resume: bool) -> Iterator[Self]:
        """Open the file, emptied or, with ``resume``, cut after its last whole line.

        Raises ``export_file_unusable``.
        """
        try:
            with path.open("r+b" if resume else "wb") as stream:
                yield cls(stream, _cut(stream) if resume else None)
        except OSError as error:
            reason = error.strerror or str(error)
            raise AppError(Kind.INVALID, "export_file_unusable", f"{path} cannot be written: {reason}.") from error

    def write(self, piece: bytes) -> None:
        """Add a piece."""
        self._stream.write(piece)
        self.lines += piece.count(b"\n")


def _cut(stream: BinaryIO) -> str | None:
    """Cut off what follows the last line end; the cursor of the line before that."""
    end = _line_end_before(stream, stream.seek(0, 2))
    stream.seek(end)
    stream.truncate()
    if not end:
        return None
    begin = _line_end_before(stream, end - 1)
    stream.seek(begin)
    match = _CURSOR.match(stream.read(_LONGEST_HEAD))
    if match is None:
        raise AppError(Kind.INVALID, "export_file_unusable", "The file is not an export: its last line has no cursor.")
    stream.seek(end)
    return match[1].decode("ascii")


def _line_end_before(stream: BinaryIO, end: int) -> int:
    """The place after the last line end before ``end``, 0 if there is none."""
    while end:
        begin = max(0, end - _BLOCK)
        stream.seek(begin)
        found = stream.read(end - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0
