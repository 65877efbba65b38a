"""Rows that tell which conversations somebody takes part in, kept in step with the conversations' dialogs."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa

from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value
from switchbay.infra.db.lists import any_of, places
from switchbay.messaging.domain import Conversation, Role
from switchbay.messaging.store.keys import Key
from switchbay.messaging.tables import participants

_Taking = Mapping[str, tuple[str, str]]


def _taking_part(conversation: Conversation) -> _Taking:
    """Everybody with their role and state in the first dialog that has them."""
    found: dict[str, tuple[str, str]] = {}
    for dialog in conversation.dialogs:
        for one in dialog.participants:
            found.setdefault(one.id, (one.role.value, one.state))
    return found


_delete: Final = participants.delete().where(
    participants.c.account_id == sa.bindparam("account_id"),
    participants.c.conversation_id == sa.bindparam("conversation_id"),
)


async def follow_participants(tx: Tx, changes: Collection[tuple[Conversation | None, Conversation]]) -> None:
    """Write who takes part after each change, where that differs from before."""
    rows: list[dict[str, Value]] = []
    for before, after in changes:
        if before is not None:
            if before.dialogs is after.dialogs or _same(before, after):
                continue
            await tx.execute(_delete, {"account_id": after.account_id, "conversation_id": after.conversation_id})
        rows.extend(_rows(after))
    await tx.insert_many(participants, rows)


def _same(before: Conversation, after: Conversation) -> bool:
    return before.stage == after.stage and before.state == after.state and _taking_part(before) == _taking_part(after)


def _rows(conversation: Conversation) -> list[dict[str, Value]]:
    assigned = conversation.assigned
    return [
        {
            "account_id": conversation.account_id,
            "participant_id": participant_id,
            "conversation_id": conversation.conversation_id,
            "role": role,
            "state": state,
            "is_open": conversation.stage == "OPEN",
            "is_assigned": conversation.state == "OPEN" and assigned is not None and assigned.id == participant_id,
        }
        for participant_id, (role, state) in _taking_part(conversation).items()
    ]


_conversations_of: Final = (
    sa.select(participants.c.conversation_id)
    .where(
        participants.c.account_id == sa.bindparam("account_id"),
        participants.c.participant_id == sa.bindparam("participant_id"),
        participants.c.is_open == sa.bindparam("is_open"),
        participants.c.conversation_id > sa.bindparam("after"),
    )
    .order_by(participants.c.conversation_id)
    .limit(sa.bindparam("most"))
)


async def list_conversation_ids_of(
    tx: Tx, account_id: str, participant_id: str, *, is_open: bool, after: str = "", most: int = 1_000
) -> Sequence[str]:
    """The ids of the conversations somebody takes part in, suggested ones included, in the order of the ids."""
    rows = await tx.fetch(
        _conversations_of,
        {
            "account_id": account_id,
            "participant_id": participant_id,
            "is_open": is_open,
            "after": after,
            "most": most,
        },
    )
    return [row[0] for row in rows]


@lru_cache(maxsize=64)
def _talking(accounts: int, consumers: int) -> sa.Select[Any]:
    table = participants.c
    return sa.select(table.account_id, table.participant_id, table.conversation_id).where(
        table.account_id.in_(any_of("a", accounts)),
        table.participant_id.in_(any_of("p", consumers)),
        table.is_open.is_(sa.true()),
        table.role == Role.CONSUMER.value,
    )


async def find_talking(tx: Tx, consumers: Collection[Key]) -> Mapping[Key, str]:
    """Those of these consumers, by account and id, who have an open conversation, each with one of them."""
    if not consumers:
        return {}
    accounts, account_params = places("a", {account_id for account_id, _ in consumers})
    ids, id_params = places("p", {consumer_id for _, consumer_id in consumers})
    rows = await tx.fetch(_talking(accounts, ids), {**account_params, **id_params})
    wanted = set(consumers)
    return {key: row[2] for row in rows if (key := (row[0], row[1])) in wanted}
