"""Rows of the conversations that wait for an agent, kept in step with the conversations."""

from collections.abc import Collection
from functools import lru_cache
from typing import Final

import sqlalchemy as sa

from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value
from switchbay.infra.db.lists import any_of, places
from switchbay.messaging.domain import Conversation
from switchbay.messaging.domain.decision import MILLISECONDS
from switchbay.messaging.tables import queue

_delete: Final = queue.delete().where(
    queue.c.account_id == sa.bindparam("account_id"), queue.c.conversation_id == sa.bindparam("conversation_id")
)
_update: Final = (
    queue.update()
    .where(queue.c.account_id == sa.bindparam("in_account"), queue.c.conversation_id == sa.bindparam("in_conversation"))
    .values(
        skill_id=sa.bindparam("new_skill"),
        suggested_pid=sa.bindparam("new_suggested"),
        weight=queue.c.since + sa.bindparam("new_ttr", type_=sa.BigInteger),
        rings_at=sa.case((sa.bindparam("rings_on", type_=sa.Boolean), queue.c.rings_at), else_=None),
    )
)


@lru_cache(maxsize=16)
def _waiting_of(size: int) -> sa.Select[tuple[str, int]]:
    return sa.select(queue.c.conversation_id, queue.c.since).where(
        queue.c.account_id == sa.bindparam("account_id"), queue.c.conversation_id.in_(any_of("i", size))
    )


async def list_waiting_since(tx: Tx, account_id: str, conversation_ids: Collection[str]) -> dict[str, int]:
    """Since when those of these conversations, a few hundred at most, wait that do."""
    if not conversation_ids:
        return {}
    size, params = places("i", conversation_ids)
    rows = await tx.fetch(_waiting_of(size), {"account_id": account_id, **params})
    return {row[0]: row[1] for row in rows}


def waits_no_more_so(before: Conversation | None, after: Conversation) -> bool:
    """Whether a conversation that waited waits no more, or for another agent than before."""
    if before is None or not before.is_waiting:
        return False
    return not after.is_waiting or _way(before)[:2] != _way(after)[:2]


async def follow_queue(tx: Tx, changes: Collection[tuple[Conversation | None, Conversation]]) -> None:
    """Queue what has begun to wait, change what waits differently, take away what waits no more."""
    rows: list[dict[str, Value]] = []
    for before, after in changes:
        was_waiting = before is not None and before.is_waiting
        if not after.is_waiting:
            if was_waiting:
                await tx.execute(_delete, {"account_id": after.account_id, "conversation_id": after.conversation_id})
        elif not was_waiting:
            rows.append(_row(after))
        elif before is not None and _way(before) != _way(after):
            await tx.execute(
                _update,
                {
                    "in_account": after.account_id,
                    "in_conversation": after.conversation_id,
                    "new_skill": after.skill_id,
                    "new_suggested": None if after.suggested is None else after.suggested.id,
                    "new_ttr": after.ttr_seconds * MILLISECONDS,
                    "rings_on": not waits_no_more_so(before, after),
                },
            )
    await tx.insert_many(queue, rows)


def _way(conversation: Conversation) -> tuple[str, str | None, int]:
    suggested = conversation.suggested
    return conversation.skill_id, None if suggested is None else suggested.id, conversation.ttr_seconds


def _row(conversation: Conversation) -> dict[str, Value]:
    skill_id, suggested, ttr_seconds = _way(conversation)
    return {
        "account_id": conversation.account_id,
        "conversation_id": conversation.conversation_id,
        "skill_id": skill_id,
        "suggested_pid": suggested,
        "since": conversation.updated_at,
        "weight": conversation.updated_at + ttr_seconds * MILLISECONDS,
    }
