"""Rows of conversations, each with its dialogs."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from switchbay.infra.db import Params, Row, Tx
from switchbay.infra.db.door import Value
from switchbay.infra.db.lists import any_of, places
from switchbay.messaging.domain import Conversation, Dialog, Facts, OpenOrClose
from switchbay.messaging.domain.state import NO_FACTS
from switchbay.messaging.store.keys import Key
from switchbay.messaging.tables import conversations, participants

_encode: Final = msgspec.json.Encoder().encode
_dialogs: Final = msgspec.json.Decoder(tuple[Dialog, ...])
_facts: Final = msgspec.json.Decoder(Facts)


@lru_cache(maxsize=64)
def _lock_conversations(accounts: int, ids: int) -> sa.Select[Any]:
    table = conversations.c
    return (
        sa.select(conversations)
        .where(table.account_id.in_(any_of("a", accounts)), table.conversation_id.in_(any_of("i", ids)))
        .order_by(table.account_id, table.conversation_id)
        .with_for_update()
    )


async def lock_conversations(tx: Tx, keys: Collection[Key]) -> dict[Key, Conversation]:
    """Lock these conversations, at most 128 of them, and read them as they stand."""
    if not keys:
        return {}
    accounts, account_params = places("a", {account_id for account_id, _ in keys})
    ids, id_params = places("i", {conversation_id for _, conversation_id in keys})
    rows = await tx.fetch(_lock_conversations(accounts, ids), {**account_params, **id_params})
    found = [conversation_from(row) for row in rows]
    return {(one.account_id, one.conversation_id): one for one in found}


def conversation_from(row: Row) -> Conversation:
    """Read a conversation from a row of the table."""
    return Conversation(
        account_id=row["account_id"],
        conversation_id=row["conversation_id"],
        installation_id=row["installation_id"],
        consumer_id=row["consumer_id"],
        state=row["state"],
        stage=row["stage"],
        ttr_type=row["ttr_type"],
        ttr_seconds=row["ttr_seconds"],
        effective_ttr=row["effective_ttr"],
        skill_id=row["skill_id"],
        opening=row["opening"],
        dialogs=_dialogs.decode(row["dialogs"]),
        started_at=row["started_at"],
        updated_at=row["updated_at"],
        revision=row["revision"],
        ended_at=row["ended_at"],
        close_reason=row["close_reason"],
        facts=NO_FACTS if row["facts"] is None else _facts.decode(row["facts"]),
    )


async def insert_conversations(tx: Tx, found: Sequence[Conversation]) -> None:
    """Store new conversations."""
    await tx.insert_many(conversations, [_fixed(one) | _changing(one) for one in found])


async def update_conversations(tx: Tx, changed: Sequence[tuple[Conversation, Conversation]]) -> None:
    """Store what has changed of conversations, each given as it was and as it is.

    Most have only got a message. Then no column is set that an index has: SQLite would write the indexes anew, too.
    """
    keys = ("account_id", "conversation_id")
    await tx.update_many(conversations, [_spoken(now) for was, now in changed if _has_only_spoken(was, now)], keys=keys)
    rest = [_changing(now) for was, now in changed if not _has_only_spoken(was, now)]
    await tx.update_many(conversations, rest, keys=keys)


def _fixed(one: Conversation) -> dict[str, Value]:
    return {
        "installation_id": one.installation_id,
        "consumer_id": one.consumer_id,
        "opening": one.opening,
        "started_at": one.started_at,
    }


def _has_only_spoken(was: Conversation, now: Conversation) -> bool:
    """Whether nothing has changed but what ``_spoken`` has."""
    return (
        was.state == now.state
        and was.stage == now.stage
        and was.revision == now.revision
        and was.updated_at == now.updated_at
        and was.ttr_seconds == now.ttr_seconds
        and was.ttr_type == now.ttr_type
        and was.skill_id == now.skill_id
        and was.ended_at == now.ended_at
        and was.close_reason == now.close_reason
    )


def _spoken(one: Conversation) -> dict[str, Value]:
    """What a message changes."""
    return {
        "account_id": one.account_id,
        "conversation_id": one.conversation_id,
        "effective_ttr": one.effective_ttr,
        "dialogs": _encode(one.dialogs).decode(),
        "facts": None if one.facts is NO_FACTS or one.facts == NO_FACTS else _encode(one.facts).decode(),
    }


def _changing(one: Conversation) -> dict[str, Value]:
    return {
        **_spoken(one),
        "state": one.state,
        "stage": one.stage,
        "ttr_type": one.ttr_type,
        "ttr_seconds": one.ttr_seconds,
        "skill_id": one.skill_id,
        "updated_at": one.updated_at,
        "revision": one.revision,
        "ended_at": one.ended_at,
        "close_reason": one.close_reason,
    }


_find_conversation: Final = sa.select(conversations).where(
    conversations.c.account_id == sa.bindparam("account_id"),
    conversations.c.conversation_id == sa.bindparam("conversation_id"),
)


async def find_conversation(tx: Tx, account_id: str, conversation_id: str) -> Conversation | None:
    """Read one conversation without locking it."""
    row = await tx.fetch_one(_find_conversation, {"account_id": account_id, "conversation_id": conversation_id})
    return None if row is None else conversation_from(row)


_open_after: Final = (
    sa.select(conversations)
    .where(
        conversations.c.stage == sa.literal_column("'OPEN'"),  # as the index has it
        sa.tuple_(conversations.c.account_id, conversations.c.started_at, conversations.c.conversation_id)
        > sa.tuple_(
            sa.bindparam("account_id", type_=sa.Text),
            sa.bindparam("started_at", type_=sa.BigInteger),
            sa.bindparam("conversation_id", type_=sa.Text),
        ),
        conversations.c.started_at <= sa.bindparam("until", type_=sa.BigInteger),
    )
    .order_by(conversations.c.account_id, conversations.c.started_at, conversations.c.conversation_id)
    .limit(sa.bindparam("most"))
)


async def list_open(tx: Tx, after: tuple[str, int, str], until: int, most: int) -> list[Conversation]:
    """Conversations with an open dialog that began until a time, by account and start, those ``after`` a place."""
    account_id, started_at, conversation_id = after
    params: Params = {
        "account_id": account_id,
        "started_at": started_at,
        "conversation_id": conversation_id,
        "until": until,
        "most": most,
    }
    return [conversation_from(row) for row in await tx.fetch(_open_after, params)]


_open_of: Final = (
    sa.select(conversations)
    .where(
        conversations.c.account_id == sa.bindparam("account_id"),
        conversations.c.stage == sa.literal_column("'OPEN'"),  # as the index has it
    )
    .order_by(conversations.c.started_at.desc(), conversations.c.conversation_id.desc())
    .limit(sa.bindparam("most"))
)


async def list_open_of(tx: Tx, account_id: str, most: int) -> list[Conversation]:
    """The newest conversations of an account that have an open dialog."""
    return [conversation_from(row) for row in await tx.fetch(_open_of, {"account_id": account_id, "most": most})]


@lru_cache(maxsize=2)
def _conversations_of(*, is_open: bool) -> sa.Select[Any]:
    table = participants.c
    joined = sa.and_(
        table.account_id == conversations.c.account_id, table.conversation_id == conversations.c.conversation_id
    )
    statement = (
        sa.select(conversations)
        .join(participants, joined)
        .where(table.account_id == sa.bindparam("account_id"), table.participant_id == sa.bindparam("participant_id"))
    )
    if is_open:
        statement = statement.where(table.is_open)
    # Nobody has as many conversations as the account: + 0 keeps SQLite from going through all of those in their order.
    newest = (conversations.c.started_at + sa.literal_column("0")).desc()
    return statement.order_by(newest, conversations.c.conversation_id.desc()).limit(sa.bindparam("most"))


async def list_conversations_of(
    tx: Tx, account_id: str, participant_id: str, *, is_open: bool | None = None, most: int
) -> list[Conversation]:
    """The newest conversations that somebody takes part in or is offered; ``is_open``: with an open dialog."""
    params: Params = {"account_id": account_id, "participant_id": participant_id, "most": most}
    rows = await tx.fetch(_conversations_of(is_open=bool(is_open)), params)
    return [conversation_from(row) for row in rows]


@lru_cache(maxsize=4)
def _newest(*, of_state: bool, before: bool) -> sa.Select[Any]:
    table = conversations.c
    statement = sa.select(conversations).where(table.account_id == sa.bindparam("account_id"))
    if of_state:
        statement = statement.where(table.state == sa.bindparam("state"))
    if before:
        given = sa.tuple_(
            sa.bindparam("started_at", type_=sa.BigInteger), sa.bindparam("conversation_id", type_=sa.Text)
        )
        statement = statement.where(sa.tuple_(table.started_at, table.conversation_id) < given)
    return statement.order_by(table.started_at.desc(), table.conversation_id.desc()).limit(sa.bindparam("most"))


async def list_conversations(
    tx: Tx, account_id: str, state: OpenOrClose | None, before: tuple[int, str] | None, most: int
) -> list[Conversation]:
    """The newest conversations, those ``before`` a start time and id first."""
    params: dict[str, Value] = {"account_id": account_id, "most": most}
    if state is not None:
        params["state"] = state
    if before is not None:
        params["started_at"], params["conversation_id"] = before
    rows = await tx.fetch(_newest(of_state=state is not None, before=before is not None), params)
    return [conversation_from(row) for row in rows]
