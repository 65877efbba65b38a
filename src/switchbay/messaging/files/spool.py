"""Uploads on their way: bytes go to a file of their own as they come, and are looked at before anything else has them.

No more than a quarter of a megabyte of an upload is ever in memory. What a crash leaves behind is removed by age.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from switchbay.messaging.errors import file_empty, file_store_unavailable, file_too_large
from switchbay.messaging.files.detection import Detector
from switchbay.messaging.files.domain import FileType

CHUNK_BYTES: Final = 256 * 1024
_STALE_SECONDS: Final = 3_600
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Received:
    """An upload that has arrived whole: where it lies, and what it is."""

    path: Path
    size: int
    sha256: str
    file_type: FileType | None


class Spool:
    """A folder of this node for uploads under way. ``receive`` may run many times at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @asynccontextmanager
    async def receive(self, name: str, body: AsyncIterator[bytes], most: int) -> AsyncIterator[Received]:
        """Take a body of at most ``most`` bytes into a file; the file is gone afterwards, if nobody has moved it.

        Raises ``file_too_large``, ``file_empty``, ``file_store_unavailable``.
        """
        path = self._folder / name
        try:
            writer = await _on_disk(_Writer, path)
            try:
                await _fill(writer, body, most)
                received = await _on_disk(writer.finish)
            finally:
                writer.close()
            yield received
        finally:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def sweep(self, now: int) -> int:
        """Remove what crashes have left behind, an hour before ``now`` (milliseconds); return how many files."""
        removed = 0
        with suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                with suppress(FileNotFoundError):
                    if now / 1_000 - path.stat().st_mtime > _STALE_SECONDS:
                        path.unlink()
                        removed += 1
        return removed


async def _fill(writer: "_Writer", body: AsyncIterator[bytes], most: int) -> None:
    waiting: list[bytes] = []
    held = size = 0
    async for chunk in body:
        size += len(chunk)
        if size > most:
            raise file_too_large(most)
        waiting.append(chunk)
        held += len(chunk)
        if held >= CHUNK_BYTES:
            await _on_disk(writer.write, b"".join(waiting))
            waiting, held = [], 0
    if not size:
        raise file_empty()
    await _on_disk(writer.write, b"".join(waiting))


class _Writer:
    """Writes one file, on threads; ``finish`` makes it durable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0)
        self._hash = hashlib.sha256()
        self._detector = Detector()
        self._size = 0

    def write(self, chunk: bytes) -> None:
        rest = memoryview(chunk)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._hash.update(chunk)
        self._detector.feed(chunk)
        self._size += len(chunk)

    def finish(self) -> Received:
        os.fsync(self._file.fileno())
        return Received(self._path, self._size, self._hash.hexdigest(), self._detector.type())

    def close(self) -> None:
        self._file.close()


async def _on_disk(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    try:
        return await asyncio.to_thread(function, *arguments, **named)
    except OSError as error:
        raise file_store_unavailable(str(error)) from error
