"""The migration to quotas counts the files that are there."""

import asyncio

import sqlalchemy as sa

from switchbay.infra.db import Tx, open_database
from switchbay.infra.db.migrate import migrate
from switchbay.messaging.files import store


async def test_files_of_the_version_before_are_counted(bare_database_url: str) -> None:
    await asyncio.to_thread(migrate, bare_database_url, "0016")
    db = await open_database(bare_database_url, connections=2)
    insert = sa.text(
        "INSERT INTO messaging_files (account_id, file_id, state, uploader_id, is_by_consumer, is_private,"
        " declared_size, size, sha256, preview_size, created_at)"
        " VALUES (:account, :file, 'STORED', 'kim', true, false, 0, :size, '', 5, 0)"
    ).bindparams(*(sa.bindparam(name, type_=sa.Text) for name in ("account", "file")))

    async def work(tx: Tx) -> None:
        for place, account in enumerate(("a", "a", "b")):
            await tx.execute(insert, {"account": account, "file": f"f{place}", "size": 10**place})

    await db.write(work)
    await db.close()
    await asyncio.to_thread(migrate, bare_database_url)
    db = await open_database(bare_database_url, connections=2)

    async def read(tx: Tx) -> list[int]:
        return [await store.find_usage(tx, account) for account in ("a", "b", "c")]

    assert await db.read(read) == [1 + 10 + 5 + 5, 100 + 5, 0]
    await db.close()
