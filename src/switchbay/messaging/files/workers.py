"""Background steps of files: giving up uploads that never came, and removing the bytes of files that are doomed."""

from typing import Final

import structlog

from switchbay.infra.db import Database
from switchbay.messaging.files import store
from switchbay.messaging.files.domain import StoredFile
from switchbay.messaging.files.names import object_name, preview_name
from switchbay.messaging.files.stores import ByteStore, FileMissing, StoreUnavailable

_LATER_MS: Final = 300_000
_log = structlog.get_logger("files")


async def purge_once(db: Database, objects: ByteStore, now: int) -> int:
    """Look at one portion of the files that are due at ``now`` (milliseconds); return how many there were.

    Doomed first, bytes removed then, rows deleted last: whatever happens in between, the next run goes on from there.
    """
    due, doomed = await db.write(lambda tx: store.doom_due_files(tx, now))
    removed: list[StoredFile] = []
    failed: list[StoredFile] = []
    for file in doomed:
        (removed if await _remove(objects, file) else failed).append(file)
    if doomed:
        await db.write(lambda tx: store.forget_files(tx, removed, failed, now + _LATER_MS))
    return due


async def _remove(objects: ByteStore, file: StoredFile) -> bool:
    try:
        await objects.remove(object_name(file.account_id, file.file_id))
        await objects.remove(preview_name(file.account_id, file.file_id))
    except FileMissing:
        return True
    except StoreUnavailable as error:
        _log.warning("could not remove a file", account=file.account_id, file=file.file_id, reason=str(error))
        return False
    return True
