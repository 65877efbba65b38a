"""Uploads on their way: bytes go to a file of their own as they come, and are looked at before anything else has them.

No more than a quarter of a megabyte of an upload is ever in memory. What a crash leaves behind is removed by age.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from switchbay.messaging.errors import file_empty, file_store_unavailable, file_too_large
from switchbay.messaging.files.detection import Detector
from switchbay.messaging.files.domain import FileType

CHUNK_BYTES: Final = 256 * 1024
_STALE_SECONDS: Final = 3_600


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
            writer = await asyncio.to_thread(_Writer, path)
            try:
                await _fill(writer, body, most)
                received = await asyncio.to_thread(writer.finish)
            finally:
                await asyncio.to_thread(writer.close)
        except OSError as error:
            await asyncio.to_thread(path.unlink, missing_ok=True)
            raise file_store_unavailable(str(error)) from error
        except BaseException:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            raise
        try:
            yield received
        finally:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def sweep(self) -> int:
        """Remove what crashes have left behind; return how many files that were."""
        removed = 0
        with suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                with suppress(FileNotFoundError):
                    if time.time() - path.stat().st_mtime > _STALE_SECONDS:
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
            await asyncio.to_thread(writer.write, b"".join(waiting))
            waiting, held = [], 0
    if not size:
        raise file_empty()
    await asyncio.to_thread(writer.write, b"".join(waiting))


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
