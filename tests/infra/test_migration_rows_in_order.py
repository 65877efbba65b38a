"""The migration that lays events and attempts in the order of their coming keeps every row, and their keys."""

import asyncio
from functools import partial

import pytest
import sqlalchemy as sa

from switchbay.infra.db import Tx, UniqueViolation, open_database
from switchbay.infra.db.migrate import migrate

_PUT_EVENT = sa.text(
    "INSERT INTO messaging_events (account_id, conversation_id, dialog_id, sequence, originator_id, role, audience,"
    " event, client_properties, metadata, server_timestamp)"
    " VALUES ('a', 'c', 'd', :sequence, 'kim', 'CONSUMER', 'ALL', '{}', '{}', '[]', 7)"
).bindparams(sa.bindparam("sequence", type_=sa.BigInteger))
_PUT_ATTEMPT = sa.text(
    "INSERT INTO webhook_attempts (account_id, delivery_id, number, started_at, connect_ms, first_byte_ms, total_ms,"
    " address, status, failure, detail, request, response_headers, response_body, outcome)"
    " VALUES ('a', 'dlv_1', :number, 1, 2, 3, 4, 'host', 500, 'f', 'd', 'r', '[]', '', 'failed')"
).bindparams(sa.bindparam("number", type_=sa.Integer))
_EVENTS = sa.text("SELECT * FROM messaging_events ORDER BY sequence")
_ATTEMPTS = sa.text("SELECT * FROM webhook_attempts ORDER BY number")


async def test_events_and_attempts_of_the_version_before_are_all_there(bare_database_url: str) -> None:
    await asyncio.to_thread(migrate, bare_database_url, "0019")
    db = await open_database(bare_database_url, connections=2)

    async def put(tx: Tx) -> None:
        for number in (3, 1, 2):
            await tx.execute(_PUT_EVENT, {"sequence": number})
            await tx.execute(_PUT_ATTEMPT, {"number": number})

    async def read(tx: Tx) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
        return [_values(row) for row in await tx.fetch(_EVENTS)], [_values(row) for row in await tx.fetch(_ATTEMPTS)]

    await db.write(put)
    before = await db.read(read)
    await db.close()
    await asyncio.to_thread(migrate, bare_database_url)
    db = await open_database(bare_database_url, connections=2)
    assert await db.read(read) == before
    assert [len(rows) for rows in before] == [3, 3]
    for again in (_PUT_EVENT, _PUT_ATTEMPT):
        with pytest.raises(UniqueViolation):
            await db.write(partial(_put_again, again))
    assert await db.read(read) == before
    await db.close()


async def _put_again(put: sa.TextClause, tx: Tx) -> None:
    await tx.execute(put, {"sequence": 2, "number": 2})


def _values(row: object) -> dict[str, object]:
    return dict(row)  # type: ignore[call-overload,no-any-return]  # both drivers' rows are mappings
