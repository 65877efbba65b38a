"""The queue as routing reads it: conversations that wait, and those of them that ring at nobody."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa

from switchbay.infra.db import Row, Tx
from switchbay.infra.db.door import Value
from switchbay.infra.db.lists import any_of, places
from switchbay.kit.record import Record
from switchbay.messaging.tables import conversations, queue

_MOST_SUGGESTED: Final = 200


class Queued(Record, frozen=True):
    """A conversation in the queue. Times are epoch milliseconds; ``rings_at`` is the agent at whom it rings."""

    conversation_id: str
    skill_id: str
    since: int
    weight: int
    suggested_pid: str | None
    rings_at: str | None


_COLUMNS = (
    queue.c.conversation_id,
    queue.c.skill_id,
    queue.c.since,
    queue.c.weight,
    queue.c.suggested_pid,
    queue.c.rings_at,
)
_ACCOUNT = queue.c.account_id == sa.bindparam("account_id")
_UNRUNG = queue.c.rings_at.is_(None)
_after = sa.tuple_(queue.c.weight, queue.c.conversation_id) > sa.tuple_(
    sa.bindparam("weight", type_=sa.BigInteger), sa.bindparam("conversation_id", type_=sa.Text)
)


def _queued(row: Row) -> Queued:
    return Queued(row[0], row[1], row[2], row[3], row[4], row[5])


@lru_cache(maxsize=16)
def _take(skills: int) -> sa.Select[Any]:
    statement = sa.select(*_COLUMNS).where(_ACCOUNT, queue.c.suggested_pid.is_(None), _UNRUNG, _after)
    if skills:
        statement = statement.where(queue.c.skill_id.in_(any_of("s", skills)))
    return (
        statement.order_by(queue.c.weight, queue.c.conversation_id)
        .limit(sa.bindparam("most"))
        .with_for_update(skip_locked=True)
    )


async def take_waiting(
    tx: Tx, account_id: str, after: tuple[int, str], skills: Sequence[str] | None, most: int
) -> list[Queued]:
    """Lock conversations that ring at nobody, by weight, those ``after`` a place; of these skills, None for any.

    A conversation that is being changed just now is left out: its change wakes the router again.
    """
    count, params = (0, {}) if skills is None else places("s", skills)
    rows = await tx.fetch(
        _take(count),
        {**params, "account_id": account_id, "weight": after[0], "conversation_id": after[1], "most": most},
    )
    return [_queued(row) for row in rows]


_suggested: Final = (
    sa.select(*_COLUMNS)
    .where(_ACCOUNT, queue.c.suggested_pid.is_not(None), _UNRUNG)
    .order_by(queue.c.weight, queue.c.conversation_id)
    .limit(_MOST_SUGGESTED)
    .with_for_update(skip_locked=True)
)


async def take_suggested(tx: Tx, account_id: str) -> list[Queued]:
    """Lock the conversations that are suggested to an agent and do not ring there."""
    return [_queued(row) for row in await tx.fetch(_suggested, {"account_id": account_id})]


async def mark_ringing(tx: Tx, account_id: str, agents: Iterable[tuple[str, str | None]]) -> None:
    """Note at whom (None: at nobody) conversations ring; those that wait no more are passed over."""
    rows: list[dict[str, Value]] = [
        {"account_id": account_id, "conversation_id": conversation_id, "rings_at": user_pid}
        for conversation_id, user_pid in sorted(agents)
    ]
    await tx.update_many(queue, rows, keys=("account_id", "conversation_id"))


@lru_cache(maxsize=16)
def _consumers(count: int) -> sa.Select[Any]:
    return sa.select(conversations.c.conversation_id, conversations.c.consumer_id).where(
        conversations.c.account_id == sa.bindparam("account_id"),
        conversations.c.conversation_id.in_(any_of("i", count)),
    )


async def list_consumers_of(tx: Tx, account_id: str, conversation_ids: Collection[str]) -> Mapping[str, str]:
    """The ids of the consumers of conversations, by the ids of these."""
    if not conversation_ids:
        return {}
    count, params = places("i", conversation_ids)
    rows = await tx.fetch(_consumers(count), {**params, "account_id": account_id})
    return {row[0]: row[1] for row in rows}


_page: Final = (
    sa.select(*_COLUMNS)
    .where(_ACCOUNT, _after)
    .order_by(queue.c.weight, queue.c.conversation_id)
    .limit(sa.bindparam("most"))
)
_count: Final = sa.select(sa.func.count()).select_from(queue).where(_ACCOUNT)


async def list_queue(tx: Tx, account_id: str, after: tuple[int, str], most: int) -> list[Queued]:
    """What waits, the next one first, those ``after`` a place."""
    rows = await tx.fetch(
        _page, {"account_id": account_id, "weight": after[0], "conversation_id": after[1], "most": most}
    )
    return [_queued(row) for row in rows]


async def count_queue(tx: Tx, account_id: str) -> int:
    """How many conversations wait."""
    row = await tx.fetch_one(_count, {"account_id": account_id})
    return 0 if row is None else int(row[0])
