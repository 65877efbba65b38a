"""The bytes of files, in and out: what happens behind a signed address.

An upload is taken into the spool, judged there, and only then claims its file: whoever claims first stores, so slow or
broken uploads keep nobody else from uploading. The claim ends with the file stored, or given back if the store fails.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import structlog

from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock, Randomness
from switchbay.kit.errors import AppError, Kind
from switchbay.messaging.errors import (
    file_address_invalid,
    file_already_uploaded,
    file_damaged,
    file_infected,
    file_scan_unavailable,
    file_store_unavailable,
    file_type_unsupported,
    file_unknown,
)
from switchbay.messaging.files import store
from switchbay.messaging.files.domain import IMAGES, FileState, FileType, StoredFile
from switchbay.messaging.files.names import object_name, preview_name
from switchbay.messaging.files.previews import PREVIEW_BYTES, draw_preview
from switchbay.messaging.files.scanning import ScanFailed, Scanner
from switchbay.messaging.files.spool import Received, Spool
from switchbay.messaging.files.stores import ByteStore, FileDamaged, FileMissing, StoreUnavailable

_UPLOADS_AT_ONCE: Final = 64
_PREVIEWS_AT_ONCE: Final = 2
_STORING_MS: Final = 600_000
_TRY_AGAIN_MS: Final = 600_000
_log = structlog.get_logger("files")
QuotaOf: TypeAlias = Callable[[str], Awaitable[int]]
"""How many bytes the files of an account may have together."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings of files. Durations in seconds, sizes in bytes; ``types`` are those that are exchanged.

    ``account_bytes`` is what all files of an account may have together, 0 for any number.
    """

    most_bytes: int = 3_145_728
    types: frozenset[FileType] = frozenset(FileType)
    upload_seconds: int = 60
    download_seconds: int = 60
    unsent_seconds: int = 604_800
    needs_scan: bool = True
    account_bytes: int = 0


class Transfer:
    """Takes uploads and gives downloads; whether they are permitted has been asked before."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        randomness: Randomness,
        objects: ByteStore,
        spool: Spool,
        scanner: Scanner | None,
        rules: Rules,
        quota_of: QuotaOf,
    ) -> None:
        self._quota_of = quota_of
        self._db = db
        self._clock = clock
        self._randomness = randomness
        self._objects = objects
        self._spool = spool
        self._scanner = scanner
        self._rules = rules
        self._drawing = asyncio.Semaphore(_PREVIEWS_AT_ONCE)
        self._under_way = 0

    async def upload(self, account_id: str, file_id: str, body: AsyncIterator[bytes]) -> str:
        """Take the bytes of an announced file; return their SHA-256 in hex once they are durable.

        Raises ``file_address_invalid``, ``file_already_uploaded``, ``file_empty``, ``file_too_large``,
        ``file_type_unsupported``, ``file_quota_exceeded``, ``file_infected``, ``file_scan_unavailable``,
        ``file_store_unavailable``.
        """
        file = await self._db.read(lambda tx: store.find_file(tx, account_id, file_id))
        if file is None:
            raise file_address_invalid()
        if file.state is not FileState.AWAITED:
            raise file_already_uploaded()
        if self._under_way >= _UPLOADS_AT_ONCE:
            raise AppError(Kind.UNAVAILABLE, "overloaded", "Too many uploads are under way. Try again.", retry_after=2)
        self._under_way += 1
        try:
            name = f"{file_id}.{self._randomness.token(8)}"
            most = min(file.declared_size, self._rules.most_bytes)
            async with self._spool.receive(name, body, most) as received:
                return await self._take(file, received)
        finally:
            self._under_way -= 1

    async def _take(self, file: StoredFile, received: Received) -> str:
        found = received.file_type
        if found is None or found not in self._rules.types:
            raise file_type_unsupported(sorted(self._rules.types))
        await self._scan(file, received)
        preview = None
        if found in IMAGES:
            async with self._drawing:
                preview = await asyncio.to_thread(draw_preview, received.path, found)
        await self._store(file, received, found, preview)
        return received.sha256

    async def _scan(self, file: StoredFile, received: Received) -> None:
        if self._scanner is None:
            return
        try:
            infection = await self._scanner.scan(received.path)
        except ScanFailed as error:
            _log.error("the virus scanner failed", reason=str(error), account=file.account_id, file=file.file_id)
            if self._rules.needs_scan:
                raise file_scan_unavailable() from error
            return
        if infection is not None:
            _log.warning(
                "an infected file was refused",
                found=infection,
                account=file.account_id,
                file=file.file_id,
                uploader=file.uploader_id,
            )
            now = self._clock.now_ms()
            await self._db.write(lambda tx: store.refuse_upload(tx, file.account_id, file.file_id, now))
            raise file_infected(infection)

    async def _store(self, file: StoredFile, received: Received, file_type: FileType, preview: bytes | None) -> None:
        account_id, file_id, now = file.account_id, file.file_id, self._clock.now_ms()
        preview_size = 0 if preview is None else len(preview)
        most = await self._quota_of(account_id)

        async def claim(tx: Tx) -> bool:
            return await store.claim_upload(
                tx, account_id, file_id, now + _STORING_MS, size=received.size, preview_size=preview_size, most=most
            )

        if not await self._db.write(claim):
            raise file_already_uploaded()
        try:
            await self._objects.keep(object_name(account_id, file_id), received.path)
            if preview is not None:
                await self._objects.keep_bytes(preview_name(account_id, file_id), preview)
        except (StoreUnavailable, FileMissing) as error:
            room, again_at = received.size + preview_size, now + _TRY_AGAIN_MS
            await self._db.write(lambda tx: store.release_upload(tx, account_id, file_id, again_at, room))
            raise _unavailable(file, error) from error
        is_stored = await self._db.write(
            lambda tx: store.finish_upload(
                tx,
                account_id,
                file_id,
                file_type=file_type,
                size=received.size,
                sha256=received.sha256,
                preview_size=preview_size,
                purge_at=now + self._rules.unsent_seconds * 1_000,
            )
        )
        if not is_stored:  # erased meanwhile, and perhaps removed before it was there
            await self._objects.remove(object_name(account_id, file_id))
            await self._objects.remove(preview_name(account_id, file_id))
            raise file_address_invalid()

    async def find(self, account_id: str, file_id: str) -> StoredFile:
        """A file whose bytes are there. Raises ``file_unknown``."""
        file = await self._db.read(lambda tx: store.find_file(tx, account_id, file_id))
        if file is None or file.state is not FileState.STORED:
            raise file_unknown()
        return file

    async def read(self, file: StoredFile, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """A part of a file; close what is returned. Its first bytes have been read, so most trouble is raised here.

        Raises ``file_damaged`` and ``file_store_unavailable``.
        """
        name = object_name(file.account_id, file.file_id)
        parts = self._objects.read(name, start, stop, file.size, file.sha256)
        try:
            first = await anext(parts)
        except (FileMissing, FileDamaged, StoreUnavailable) as error:
            raise _unreadable(file, error) from error
        return _rest(file, first, parts)

    async def read_preview(self, file: StoredFile) -> bytes:
        """A file's preview, which it has. Raises ``file_damaged`` and ``file_store_unavailable``."""
        try:
            return await self._objects.read_bytes(preview_name(file.account_id, file.file_id), PREVIEW_BYTES)
        except (FileMissing, FileDamaged, StoreUnavailable) as error:
            raise _unreadable(file, error) from error


async def _rest(file: StoredFile, first: bytes, parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    try:
        yield first
        async for part in parts:
            yield part
    except (FileMissing, FileDamaged, StoreUnavailable) as error:
        raise _unreadable(file, error) from error
    finally:
        await parts.aclose()


def _unreadable(file: StoredFile, error: Exception) -> AppError:
    if isinstance(error, StoreUnavailable):
        return _unavailable(file, error)
    _log.error("a stored file is damaged", account=file.account_id, file=file.file_id, kind=type(error).__name__)
    return file_damaged()


def _unavailable(file: StoredFile, error: Exception) -> AppError:
    _log.error("the store of files is unavailable", account=file.account_id, file=file.file_id, reason=str(error))
    return file_store_unavailable(str(error))
