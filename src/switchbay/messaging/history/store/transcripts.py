"""Reading everything that is stored of conversations."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa

from switchbay.infra.db import Params, Row, Tx
from switchbay.infra.db.lists import any_of, places
from switchbay.messaging import store
from switchbay.messaging.domain import Conversation, Move, MoveKind, Role, StoredEvent
from switchbay.messaging.history.domain.transcript import PastEvent, PastMove, Transcript
from switchbay.messaging.tables import consumers, events, moves, skills

_ACCOUNT: Final = "account_id"
_MOVES: Final = 50_000


async def load_transcripts(
    tx: Tx, account_id: str, wanted: Sequence[Conversation], *, most_events: int, with_moves: bool = True
) -> list[Transcript]:
    """Conversations with their profiles, moves and events, of these at most ``most_events`` in all.

    The transcripts that this cuts short say so. At most 128 conversations; 0 events is none at all, and not partial.
    """
    if not wanted:
        return []
    ids = [one.conversation_id for one in wanted]
    said = await _load_events(tx, account_id, ids, most_events) if most_events else {}
    made = await _load_moves(tx, account_id, ids) if with_moves else {}
    known = await _load_profiles(tx, account_id, {one.consumer_id for one in wanted})
    found = []
    for one in wanted:
        own = said.get(one.conversation_id, [])
        is_partial = most_events > 0 and len(own) < sum(dialog.next_sequence for dialog in one.dialogs)
        found.append(
            Transcript(one, known.get(one.consumer_id, {}), own, made.get(one.conversation_id, []), is_partial)
        )
    return found


@lru_cache(maxsize=16)
def _events_of(size: int) -> sa.Select[Any]:
    table = events.c
    return (
        sa.select(
            table.conversation_id,
            table.dialog_id,
            table.sequence,
            table.originator_id,
            table.role,
            table.audience,
            table.event,
            table.client_properties,
            table.metadata,
            table.server_timestamp,
        )
        .where(table.account_id == sa.bindparam(_ACCOUNT), table.conversation_id.in_(any_of("i", size)))
        .order_by(table.conversation_id, table.dialog_id, table.sequence)
        .limit(sa.bindparam("most", type_=sa.Integer))
    )


async def _load_events(tx: Tx, account_id: str, ids: Collection[str], most: int) -> dict[str, list[PastEvent]]:
    size, params = places("i", ids)
    rows = await tx.fetch(_events_of(size), {_ACCOUNT: account_id, "most": most, **params})
    found: dict[str, list[PastEvent]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(to_event(row, 1))
    return found


def to_event(row: Row, place: int) -> PastEvent:
    """Read an event from the columns of a row from ``place`` on, which are in the order of ``events_after``."""
    return PastEvent(row[place], StoredEvent(*(row[place + 1 + column] for column in range(8))))


_events_after: Final = (
    sa.select(
        events.c.dialog_id,
        events.c.sequence,
        events.c.originator_id,
        events.c.role,
        events.c.audience,
        events.c.event,
        events.c.client_properties,
        events.c.metadata,
        events.c.server_timestamp,
    )
    .where(
        events.c.account_id == sa.bindparam(_ACCOUNT),
        events.c.conversation_id == sa.bindparam("conversation_id"),
        sa.tuple_(events.c.dialog_id, events.c.sequence)
        > sa.tuple_(sa.bindparam("dialog_id", type_=sa.Text), sa.bindparam("sequence", type_=sa.BigInteger)),
    )
    .order_by(events.c.dialog_id, events.c.sequence)
    .limit(sa.bindparam("most", type_=sa.Integer))
)


async def events_after(
    tx: Tx, account_id: str, conversation_id: str, after: tuple[str, int], most: int
) -> list[PastEvent]:
    """The events of a conversation that follow a dialog and sequence, in the order of dialogs and sequences."""
    params: Params = {
        _ACCOUNT: account_id,
        "conversation_id": conversation_id,
        "dialog_id": after[0],
        "sequence": after[1],
        "most": most,
    }
    return [to_event(row, 0) for row in await tx.fetch(_events_after, params)]


@lru_cache(maxsize=16)
def _moves_of(size: int) -> sa.Select[Any]:
    table = moves.c
    return (
        sa.select(moves)
        .where(table.account_id == sa.bindparam(_ACCOUNT), table.conversation_id.in_(any_of("i", size)))
        .order_by(table.conversation_id, table.revision, table.place)
        .limit(_MOVES)
    )


async def _load_moves(tx: Tx, account_id: str, ids: Collection[str]) -> dict[str, list[PastMove]]:
    size, params = places("i", ids)
    found: dict[str, list[PastMove]] = {}
    for row in await tx.fetch(_moves_of(size), {_ACCOUNT: account_id, **params}):
        move = Move(
            MoveKind(row["kind"]),
            row["actor_id"],
            row["dialog_id"],
            row["participant_id"],
            None if row["role"] is None else Role(row["role"]),
            row["before"],
            row["after"],
        )
        found.setdefault(row["conversation_id"], []).append(PastMove(row["revision"], row["at"], move))
    return found


@lru_cache(maxsize=16)
def _profiles_of(size: int) -> sa.Select[Any]:
    table = consumers.c
    return sa.select(consumers).where(
        table.account_id == sa.bindparam(_ACCOUNT), table.consumer_id.in_(any_of("i", size))
    )


async def _load_profiles(tx: Tx, account_id: str, ids: Collection[str]) -> dict[str, Any]:
    size, params = places("i", ids)
    rows = await tx.fetch(_profiles_of(size), {_ACCOUNT: account_id, **params})
    return {row["consumer_id"]: store.consumer_from(row).profile for row in rows}


@lru_cache(maxsize=16)
def _skills_of(size: int) -> sa.Select[Any]:
    return sa.select(skills.c.skill_id, skills.c.name).where(
        skills.c.account_id == sa.bindparam(_ACCOUNT), skills.c.skill_id.in_(any_of("i", size))
    )


async def load_skill_names(tx: Tx, account_id: str, ids: Collection[str]) -> dict[str, str]:
    """The names of skills by their id; those that are not there are left out."""
    if not ids:
        return {}
    size, params = places("i", sorted(ids))
    rows = await tx.fetch(_skills_of(size), {_ACCOUNT: account_id, **params})
    return {row[0]: row[1] for row in rows}
