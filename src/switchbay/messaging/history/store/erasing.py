"""SQL that takes a consumer out of their conversations and leaves tombstones."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import structs

from switchbay.infra.db import Params, Tx
from switchbay.infra.db.door import Value
from switchbay.infra.db.lists import any_of, places
from switchbay.messaging import store
from switchbay.messaging.domain import Conversation, Dialog
from switchbay.messaging.history.domain.tombstones import ERASED_EVENT, ERASED_MARK, is_content
from switchbay.messaging.history.domain.transcript import PastEvent
from switchbay.messaging.tables import conversations, events, idempotency, moves, participants, rings

_ACCOUNT: Final = "account_id"
_decode: Final = msgspec.json.Decoder().decode
_MOST_IDS: Final = 256

_next: Final = (
    sa.select(conversations.c.conversation_id, conversations.c.stage)
    .select_from(
        participants.join(
            conversations,
            sa.and_(
                conversations.c.account_id == participants.c.account_id,
                conversations.c.conversation_id == participants.c.conversation_id,
            ),
        )
    )
    .where(
        participants.c.account_id == sa.bindparam(_ACCOUNT),
        participants.c.participant_id == sa.bindparam("consumer_id"),
        conversations.c.consumer_id == sa.bindparam("consumer_id"),
        conversations.c.started_at <= sa.bindparam("until", type_=sa.BigInteger),
    )
    .order_by(participants.c.conversation_id)
    .limit(sa.literal_column("1"))
)


async def next_conversation(tx: Tx, account_id: str, consumer_id: str, until: int) -> tuple[str, bool] | None:
    """A conversation of the consumer that began until a time: its id, and whether it is open."""
    params: Params = {_ACCOUNT: account_id, "consumer_id": consumer_id, "until": until}
    row: Any = await tx.fetch_one(_next, params)
    return None if row is None else (row[0], row[1] == "OPEN")


async def bury_events(
    tx: Tx, account_id: str, conversation_id: str, found: Sequence[PastEvent], consumer_id: str, pseudonym: str
) -> None:
    """Put tombstones where messages were, and the pseudonym where the consumer was."""
    rows: list[dict[str, Value]] = [
        {
            _ACCOUNT: account_id,
            "conversation_id": conversation_id,
            "dialog_id": one.dialog_id,
            "sequence": one.stored.sequence,
            "originator_id": pseudonym if one.stored.originator_id == consumer_id else one.stored.originator_id,
            "event": ERASED_EVENT if is_content(one.stored.event) else one.stored.event,
            "client_properties": None,
            "metadata": ERASED_MARK,
        }
        for one in found
    ]
    await tx.update_many(events, rows, keys=(_ACCOUNT, "conversation_id", "dialog_id", "sequence"))


_scrub_opening: Final = (
    sa.update(conversations)
    .where(
        conversations.c.account_id == sa.bindparam("in_account"),
        conversations.c.conversation_id == sa.bindparam("in_conversation"),
    )
    .values(consumer_id=sa.bindparam("new_consumer"), opening=sa.bindparam("new_opening"))
)


def _renamed(table: sa.Table, column: str) -> sa.Update:
    return (
        sa.update(table)
        .where(
            table.c.account_id == sa.bindparam("in_account"),
            table.c.conversation_id == sa.bindparam("in_conversation"),
            table.c[column] == sa.bindparam("old_consumer"),
        )
        .values({column: sa.bindparam("new_consumer")})
    )


_rename: Final = (
    _renamed(participants, "participant_id"),
    _renamed(moves, "participant_id"),
    _renamed(moves, "actor_id"),
    _renamed(rings, "consumer_id"),
)
# Why a dialog was closed is what somebody wrote.
_scrub_causes: Final = (
    sa.update(moves)
    .where(
        moves.c.account_id == sa.bindparam("in_account"),
        moves.c.conversation_id == sa.bindparam("in_conversation"),
        moves.c.kind == sa.literal_column("'dialog_closed'"),
    )
    .values(after=sa.null())
)


async def bury_conversation(tx: Tx, one: Conversation, pseudonym: str) -> None:
    """Take the consumer out of a conversation, which is locked, and out of what tells who takes part."""
    names: Params = {
        "in_account": one.account_id,
        "in_conversation": one.conversation_id,
        "old_consumer": one.consumer_id,
        "new_consumer": pseudonym,
    }
    for statement in _rename:
        await tx.execute(statement, names)
    key = {"in_account": one.account_id, "in_conversation": one.conversation_id}
    await tx.execute(_scrub_causes, key)
    first = bool(_decode(one.opening).get("firstConversation"))
    opening = msgspec.json.encode({"firstConversation": first}).decode()
    await tx.execute(_scrub_opening, {**key, "new_consumer": pseudonym, "new_opening": opening})
    facts = structs.replace(one.facts, note=None, topic=None)
    dialogs = tuple(_buried(dialog, one.consumer_id, pseudonym) for dialog in one.dialogs)
    await store.update_conversations(tx, [(one, structs.replace(one, dialogs=dialogs, facts=facts))])


def _buried(dialog: Dialog, consumer_id: str, pseudonym: str) -> Dialog:
    who = tuple(structs.replace(one, id=pseudonym) if one.id == consumer_id else one for one in dialog.participants)
    return structs.replace(dialog, participants=who, metadata=None, closed_cause=None)


@lru_cache(maxsize=16)
def _among(size: int) -> sa.Select[Any]:
    return sa.select(participants.c.conversation_id).where(
        participants.c.account_id == sa.bindparam(_ACCOUNT),
        participants.c.participant_id == sa.bindparam("participant_id"),
        participants.c.conversation_id.in_(any_of("i", size)),
    )


async def conversations_among(tx: Tx, account_id: str, pseudonym: str, ids: Collection[str]) -> set[str]:
    """Those of these conversations that the pseudonym takes part in."""
    found: set[str] = set()
    given = sorted(ids)
    for start in range(0, len(given), _MOST_IDS):
        size, params = places("i", given[start : start + _MOST_IDS])
        rows = await tx.fetch(_among(size), {_ACCOUNT: account_id, "participant_id": pseudonym, **params})
        found.update(row[0] for row in rows)
    return found


_outcomes: Final = (
    sa.select(idempotency.c.key_hash, idempotency.c.outcome)
    .where(idempotency.c.account_id == sa.bindparam(_ACCOUNT), idempotency.c.key_hash > sa.bindparam("after"))
    .order_by(idempotency.c.key_hash)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_drop_outcomes: Final = sa.delete(idempotency).where(
    idempotency.c.account_id == sa.bindparam(_ACCOUNT),
    idempotency.c.key_hash.in_(sa.bindparam("hashes", expanding=True)),
)


async def drop_outcomes(tx: Tx, account_id: str, pseudonym: str, after: str, most: int) -> str | None:
    """Forget what requests came to that were about the pseudonym's conversations, in one portion of all.

    Returns where the next portion begins, None when there is none.
    """
    rows = await tx.fetch(_outcomes, {_ACCOUNT: account_id, "after": after, "most": most})
    about = {row[0]: _decode(row[1]).get("conversation_id", "") for row in rows}
    theirs = await conversations_among(tx, account_id, pseudonym, set(about.values()) - {""})
    hashes: list[Value] = [key for key, conversation_id in about.items() if conversation_id in theirs]
    if hashes:
        await tx.execute(_drop_outcomes, {_ACCOUNT: account_id, "hashes": hashes})
    return rows[-1][0] if len(rows) == most else None
