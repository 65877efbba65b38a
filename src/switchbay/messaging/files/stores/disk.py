"""Files in folders of this machine, 65,536 of them per account, so that none becomes large.

A file appears under its name whole or not at all: it is written beside, made durable, renamed, and the folder made
durable. Whenever bytes of a file are read, the whole file is first compared with its checksum, from the same open file.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from switchbay.messaging.files.stores import FileDamaged, FileMissing, StoreUnavailable

_CHUNK_BYTES: Final = 256 * 1024
P = ParamSpec("P")
T = TypeVar("T")


class DiskStore:
    """Objects below one folder. ``name`` is a relative path that the caller has made, never a client's word."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def keep(self, name: str, path: Path) -> None:
        """Move the file, which must be on the same disk and durable itself, to its place."""
        await _run(self._move, path, name)

    async def keep_bytes(self, name: str, content: bytes) -> None:
        """Write a few bytes."""
        await _run(self._write, content, name)

    async def read(self, name: str, start: int, stop: int, size: int, sha256: str) -> AsyncGenerator[bytes, None]:
        """Compare the whole file with its checksum, then give the part of it."""
        descriptor = await _run(self._open_checked, name, size, sha256)
        try:
            while start < stop:
                chunk = await _run(os.pread, descriptor, min(_CHUNK_BYTES, stop - start), start)
                if not chunk:
                    raise FileDamaged(name)
                start += len(chunk)
                yield chunk
        finally:
            os.close(descriptor)

    async def read_bytes(self, name: str, most: int) -> bytes:
        """Read a small file."""

        def read() -> bytes:
            with (self._folder / name).open("rb") as file:
                return file.read(most + 1)

        content = await _run(read)
        if len(content) > most:
            raise FileDamaged(name)
        return content

    async def remove(self, name: str) -> None:
        """Remove a file."""
        await _run(lambda: (self._folder / name).unlink(missing_ok=True))

    async def close(self) -> None:
        """Nothing is held."""

    def _move(self, path: Path, name: str) -> None:
        target = self._folder / name
        _make_folder(target.parent)
        path.replace(target)
        _sync_folder(target.parent)

    def _write(self, content: bytes, name: str) -> None:
        target = self._folder / name
        _make_folder(target.parent)
        beside = target.with_name(target.name + ".new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
        _sync_folder(target.parent)

    def _open_checked(self, name: str, size: int, sha256: str) -> int:
        descriptor = os.open(self._folder / name, os.O_RDONLY)
        try:
            if os.fstat(descriptor).st_size != size or _checksum(descriptor) != sha256:
                raise FileDamaged(name)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def _checksum(descriptor: int) -> str:
    found = hashlib.sha256()
    place = 0
    while chunk := os.pread(descriptor, _CHUNK_BYTES, place):
        found.update(chunk)
        place += len(chunk)
    return found.hexdigest()


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, each durable in the one that holds it."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True, mode=0o700)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def _run(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    try:
        return await asyncio.to_thread(function, *arguments, **named)
    except FileNotFoundError as error:
        raise FileMissing(str(error)) from error
    except OSError as error:
        raise StoreUnavailable(str(error)) from error
