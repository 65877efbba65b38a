"""Where the bytes of files lie: on this machine's disk, or in an S3-compatible store."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Protocol


class FileMissing(Exception):
    """The store does not have this object."""


class FileDamaged(Exception):
    """The object is not what was stored."""


class StoreUnavailable(Exception):
    """The store cannot be used just now; the text says why."""


class ByteStore(Protocol):
    """Objects by name. Every call may be repeated, and raises ``StoreUnavailable`` when the store cannot be used."""

    async def keep(self, name: str, path: Path) -> None:
        """Store the file at ``path``, which may be moved away; it is durable when this returns."""
        ...

    async def keep_bytes(self, name: str, content: bytes) -> None:
        """Store a few bytes, durably."""
        ...

    def read(self, name: str, start: int, stop: int, size: int, sha256: str) -> AsyncGenerator[bytes, None]:
        """The bytes from ``start`` up to ``stop`` of an object of ``size`` bytes with this checksum, in parts.

        Raises ``FileMissing`` and ``FileDamaged``: from the disk before the first part, from elsewhere before the last.
        """
        ...

    async def read_bytes(self, name: str, most: int) -> bytes:
        """A small object whole. Raises ``FileMissing``, and ``FileDamaged`` if it has more than ``most`` bytes."""
        ...

    async def remove(self, name: str) -> None:
        """Remove an object; one that is not there is no error."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
