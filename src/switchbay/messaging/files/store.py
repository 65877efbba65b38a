"""All SQL of files. Functions take a transaction and never commit.

Every step of a file's life is one conditional update, so that of two nodes that try the same step one succeeds.
"""

from collections.abc import Collection
from typing import Any, Final

import sqlalchemy as sa

from switchbay.infra.db import Row, Tx
from switchbay.infra.db.door import Value
from switchbay.infra.db.lists import any_of, places
from switchbay.messaging.errors import file_quota_exceeded
from switchbay.messaging.files.domain import FileState, FileType, StoredFile
from switchbay.messaging.tables import conversations, file_usage, files

PURGED_AT_ONCE: Final = 100
_table = files.c
_ONE: Final = sa.and_(
    _table.account_id == sa.bindparam("account"),
    _table.file_id == sa.bindparam("file"),
)


def _file(row: Row) -> StoredFile:
    return StoredFile(
        account_id=row["account_id"],
        file_id=row["file_id"],
        state=FileState(row["state"]),
        uploader_id=row["uploader_id"],
        is_by_consumer=bool(row["is_by_consumer"]),
        installation_id=row["installation_id"],
        conversation_id=row["conversation_id"],
        is_private=bool(row["is_private"]),
        declared_size=row["declared_size"],
        file_type=None if row["file_type"] is None else FileType(row["file_type"]),
        size=row["size"],
        sha256=row["sha256"],
        preview_size=row["preview_size"],
        created_at=row["created_at"],
    )


async def insert_file(tx: Tx, file: StoredFile, purge_at: int) -> None:
    """Announce a file; it is given up at ``purge_at``."""
    await tx.insert(
        files,
        {
            "account_id": file.account_id,
            "file_id": file.file_id,
            "state": file.state.value,
            "uploader_id": file.uploader_id,
            "is_by_consumer": file.is_by_consumer,
            "installation_id": file.installation_id,
            "conversation_id": file.conversation_id,
            "is_private": file.is_private,
            "declared_size": file.declared_size,
            "file_type": None,
            "size": file.size,
            "sha256": file.sha256,
            "preview_size": file.preview_size,
            "created_at": file.created_at,
            "purge_at": purge_at,
        },
    )


_find: Final = sa.select(files).where(_ONE)


async def find_file(tx: Tx, account_id: str, file_id: str) -> StoredFile | None:
    """A file that has not been doomed."""
    row = await tx.fetch_one(_find, {"account": account_id, "file": file_id})
    found = None if row is None else _file(row)
    return None if found is None or found.state is FileState.DOOMED else found


def _move(before: FileState, after: FileState, **values: Any) -> sa.Update:  # noqa: ANN401 - columns of any type
    return (
        sa.update(files)
        .where(_ONE, _table.state == before.value)
        .values(state=after.value, purge_at=sa.bindparam("purge"), **values)
    )


_claim: Final = _move(
    FileState.AWAITED, FileState.STORING, size=sa.bindparam("bytes"), preview_size=sa.bindparam("preview")
)
_release: Final = _move(FileState.STORING, FileState.AWAITED, size=0, preview_size=0)
_finish: Final = _move(
    FileState.STORING,
    FileState.STORED,
    file_type=sa.bindparam("type"),
    size=sa.bindparam("bytes"),
    sha256=sa.bindparam("sum"),
    preview_size=sa.bindparam("preview"),
)
_refuse: Final = _move(FileState.AWAITED, FileState.DOOMED)


_used: Final = sa.select(file_usage.c.bytes).where(file_usage.c.account_id == sa.bindparam("account"))
_take: Final = (
    sa.update(file_usage)
    .where(
        file_usage.c.account_id == sa.bindparam("account"),
        file_usage.c.bytes + sa.bindparam("size", type_=sa.BigInteger) <= sa.bindparam("most", type_=sa.BigInteger),
    )
    .values(bytes=file_usage.c.bytes + sa.bindparam("size", type_=sa.BigInteger))
)
_give: Final = (
    sa.update(file_usage)
    .where(file_usage.c.account_id == sa.bindparam("account"))
    .values(
        bytes=sa.case(
            (
                file_usage.c.bytes > sa.bindparam("size", type_=sa.BigInteger),
                file_usage.c.bytes - sa.bindparam("size", type_=sa.BigInteger),
            ),
            else_=0,
        )
    )
)


async def find_usage(tx: Tx, account_id: str) -> int:
    """How many bytes the files of an account have, previews included."""
    row = await tx.fetch_one(_used, {"account": account_id})
    return 0 if row is None else int(row["bytes"])


async def _take_room(tx: Tx, account_id: str, size: int, most: int) -> bool:
    params: dict[str, Value] = {"account": account_id, "size": size, "most": most}
    if await tx.execute(_take, params) == 1:
        return True
    # No room, or the account's first file: whoever is first makes the row, and those who came at once use it too.
    await tx.insert_many(file_usage, [{"account_id": account_id, "bytes": 0}], ignore_conflicts=True)
    return await tx.execute(_take, params) == 1


async def claim_upload(
    tx: Tx, account_id: str, file_id: str, purge_at: int, *, size: int, preview_size: int, most: int
) -> bool:
    """Be the one upload whose bytes go into the store, which takes until ``purge_at`` at most.

    The room for them is taken at once, out of the account's ``most`` bytes. Raises ``file_quota_exceeded``.
    """
    params: dict[str, Value] = {
        "account": account_id,
        "file": file_id,
        "purge": purge_at,
        "bytes": size,
        "preview": preview_size,
    }
    if await tx.execute(_claim, params) != 1:
        return False
    if not await _take_room(tx, account_id, size + preview_size, most):
        raise file_quota_exceeded(most)
    return True


async def release_upload(tx: Tx, account_id: str, file_id: str, purge_at: int, room: int) -> None:
    """Let another upload try: this one's bytes did not get into the store, and need no room."""
    if await tx.execute(_release, {"account": account_id, "file": file_id, "purge": purge_at}) == 1:
        await tx.execute(_give, {"account": account_id, "size": room})


async def finish_upload(
    tx: Tx,
    account_id: str,
    file_id: str,
    *,
    file_type: FileType,
    size: int,
    sha256: str,
    preview_size: int,
    purge_at: int,
) -> bool:
    """The bytes are in the store. False if the file was given up meanwhile."""
    params = {
        "account": account_id,
        "file": file_id,
        "type": file_type.value,
        "bytes": size,
        "sum": sha256,
        "preview": preview_size,
        "purge": purge_at,
    }
    return await tx.execute(_finish, params) == 1


async def refuse_upload(tx: Tx, account_id: str, file_id: str, now: int) -> None:
    """An upload that nobody may have: its address is used up."""
    await tx.execute(_refuse, {"account": account_id, "file": file_id, "purge": now})


_attach: Final = (
    sa.update(files)
    .where(_ONE, _table.state == FileState.STORED.value, _table.conversation_id.is_(None))
    .values(conversation_id=sa.bindparam("conversation"), is_private=sa.bindparam("private"))
)
_show: Final = (
    sa.update(files)
    .where(_ONE, _table.state == FileState.STORED.value, _table.conversation_id == sa.bindparam("conversation"))
    .values(is_private=sa.false())
)


async def attach_file(tx: Tx, account_id: str, file_id: str, conversation_id: str, *, is_private: bool) -> bool:
    """Make a stored file that has no conversation one of this conversation."""
    params: dict[str, Value] = {
        "account": account_id,
        "file": file_id,
        "conversation": conversation_id,
        "private": is_private,
    }
    return await tx.execute(_attach, params) == 1


async def show_file(tx: Tx, account_id: str, file_id: str, conversation_id: str) -> bool:
    """Let the consumer of its conversation have a file that was private."""
    params = {"account": account_id, "file": file_id, "conversation": conversation_id}
    return await tx.execute(_show, params) == 1


async def delete_files_of(tx: Tx, account_id: str, conversation_ids: Collection[str], now: int) -> int:
    """Doom the files of these conversations, at most 128 of them: from the commit on nobody gets them any more.

    The worker removes their bytes. Call it in the transaction that erases the conversations; returns how many files.
    """
    if not conversation_ids:
        return 0
    size, ids = places("c", conversation_ids)
    statement = (
        sa.update(files)
        .where(
            _table.account_id == sa.bindparam("account"),
            _table.conversation_id.in_(any_of("c", size)),
            _table.state != FileState.DOOMED.value,
        )
        .values(state=FileState.DOOMED.value, purge_at=sa.bindparam("now"))
    )
    params: dict[str, Value] = {"account": account_id, "now": now, **ids}
    return await tx.execute(statement, params)


_delete_unsent: Final = (
    sa.update(files)
    .where(
        _table.account_id == sa.bindparam("account"),
        _table.uploader_id == sa.bindparam("uploader"),
        _table.is_by_consumer,
        _table.conversation_id.is_(None),
        _table.purge_at.is_not(None),  # every one that was not sent has a time, and so an index
        _table.state != FileState.DOOMED.value,
    )
    .values(state=FileState.DOOMED.value, purge_at=sa.bindparam("now"))
)


async def delete_unsent_files_of(tx: Tx, account_id: str, consumer_id: str, now: int) -> int:
    """Doom the files that a consumer has announced or uploaded and not sent; returns how many."""
    return await tx.execute(_delete_unsent, {"account": account_id, "uploader": consumer_id, "now": now})


_due: Final = (
    sa.select(files).where(_table.purge_at <= sa.bindparam("now")).order_by(_table.purge_at).limit(sa.bindparam("most"))
)
_has_conversation: Final = sa.exists().where(
    conversations.c.account_id == _table.account_id, conversations.c.conversation_id == _table.conversation_id
)
_still_due: Final = sa.and_(_ONE, _table.purge_at <= sa.bindparam("now"))
_keep: Final = (
    sa.update(files)
    .where(_still_due, _table.state == FileState.STORED.value, _has_conversation)
    .values(purge_at=sa.null())
)
_doom: Final = sa.update(files).where(_still_due).values(state=FileState.DOOMED.value)
_postpone: Final = (
    sa.update(files).where(_ONE, _table.state == FileState.DOOMED.value).values(purge_at=sa.bindparam("later"))
)
_delete: Final = sa.delete(files).where(_ONE, _table.state == FileState.DOOMED.value)


async def doom_due_files(tx: Tx, now: int) -> tuple[int, list[StoredFile]]:
    """Look at up to 100 files that are due: how many they were, and those of them that are doomed now.

    A stored file whose conversation exists is not doomed but kept from now on for as long as the conversation.
    """
    rows = await tx.fetch(_due, {"now": now, "most": PURGED_AT_ONCE})
    doomed = []
    for row in rows:
        params = {"account": row["account_id"], "file": row["file_id"], "now": now}
        if await tx.execute(_keep, params) == 0 and await tx.execute(_doom, params) == 1:
            doomed.append(_file(row))
    return len(rows), doomed


async def forget_files(tx: Tx, removed: Collection[StoredFile], failed: Collection[StoredFile], later: int) -> None:
    """Delete the rows of files whose bytes are gone; those whose bytes could not be removed come again ``later``.

    The room of what is gone is free again.
    """
    rooms: dict[str, int] = {}
    for file in removed:
        if await tx.execute(_delete, {"account": file.account_id, "file": file.file_id}) == 1:
            rooms[file.account_id] = rooms.get(file.account_id, 0) + file.size + file.preview_size
    for account_id, size in sorted(rooms.items()):
        if size:
            await tx.execute(_give, {"account": account_id, "size": size})
    for file in failed:
        await tx.execute(_postpone, {"account": file.account_id, "file": file.file_id, "later": later})
