"""Rows of what happened to conversations besides their events."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value
from switchbay.messaging.domain import Conversation, Move, MoveKind, Role
from switchbay.messaging.domain.emitted import StoredMove
from switchbay.messaging.tables import moves


def move_rows(conversation: Conversation, made: Iterable[Move]) -> list[dict[str, Value]]:
    """The rows of the moves that led to this revision of a conversation."""
    return [
        {
            "account_id": conversation.account_id,
            "conversation_id": conversation.conversation_id,
            "revision": conversation.revision,
            "place": place,
            "at": conversation.updated_at,
            "kind": move.kind.value,
            "actor_id": move.by,
            "dialog_id": move.dialog_id,
            "participant_id": move.participant_id,
            "role": None if move.role is None else move.role.value,
            "before": move.before,
            "after": move.after,
        }
        for place, move in enumerate(made)
    ]


async def insert_moves(tx: Tx, rows: Sequence[Mapping[str, Value]]) -> None:
    """Store moves."""
    await tx.insert_many(moves, rows)


_moves_of: Final = (
    sa.select(moves)
    .where(
        moves.c.account_id == sa.bindparam("account_id"),
        moves.c.conversation_id == sa.bindparam("conversation_id"),
    )
    .order_by(moves.c.revision, moves.c.place)
    .limit(sa.bindparam("most"))
)


async def list_moves(tx: Tx, account_id: str, conversation_id: str, most: int = 10_000) -> list[StoredMove]:
    """What happened to a conversation, in order."""
    rows = await tx.fetch(_moves_of, {"account_id": account_id, "conversation_id": conversation_id, "most": most})
    return [
        StoredMove(
            row["at"],
            Move(
                MoveKind(row["kind"]),
                row["actor_id"],
                row["dialog_id"],
                row["participant_id"],
                None if row["role"] is None else Role(row["role"]),
                row["before"],
                row["after"],
            ),
        )
        for row in rows
    ]
