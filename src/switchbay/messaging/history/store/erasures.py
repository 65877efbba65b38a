"""SQL of requests to erase."""

from typing import Any, Final

import sqlalchemy as sa

from switchbay.infra.db import Params, Row, Tx
from switchbay.infra.db.door import Value
from switchbay.messaging.history.domain.erasures import Erasure, Phase
from switchbay.messaging.tables import consumers, conversations, erasures, participants

_ACCOUNT: Final = erasures.c.account_id == sa.bindparam("account_id")
_by_id: Final = sa.select(erasures).where(_ACCOUNT, erasures.c.erasure_id == sa.bindparam("erasure_id"))
_by_id_locked: Final = _by_id.with_for_update()
_of_consumer: Final = sa.select(erasures).where(_ACCOUNT, erasures.c.consumer_id == sa.bindparam("consumer_id"))
_page: Final = (
    sa.select(erasures)
    .where(_ACCOUNT, erasures.c.erasure_id < sa.bindparam("before"))
    .order_by(erasures.c.erasure_id.desc())
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_next_running: Final = (
    sa.select(erasures)
    .where(
        erasures.c.finished_at.is_(None),
        sa.tuple_(erasures.c.account_id, erasures.c.erasure_id)
        > sa.tuple_(sa.bindparam("account_id", type_=sa.Text), sa.bindparam("erasure_id", type_=sa.Text)),
    )
    .order_by(erasures.c.account_id, erasures.c.erasure_id)
    .limit(sa.literal_column("1"))
)
_theirs: Final = (
    sa.select(sa.func.min(conversations.c.started_at))
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
        participants.c.account_id == sa.bindparam("account_id"),
        participants.c.participant_id == sa.bindparam("consumer_id"),
    )
)
_forget_profile: Final = sa.delete(consumers).where(
    consumers.c.account_id == sa.bindparam("account_id"), consumers.c.consumer_id == sa.bindparam("consumer_id")
)


def _erasure(row: Row) -> Erasure:
    return Erasure(
        row["account_id"],
        row["erasure_id"],
        row["consumer_id"],
        row["pseudonym"],
        Phase(row["phase"]),
        row["cursor"],
        row["since"],
        row["conversations"],
        row["events"],
        row["requested_at"],
        row["finished_at"],
    )


async def find(tx: Tx, account_id: str, erasure_id: str, *, lock: bool = False) -> Erasure | None:
    """Read an erasure, and keep others from changing it if ``lock``."""
    statement = _by_id_locked if lock else _by_id
    row = await tx.fetch_one(statement, {"account_id": account_id, "erasure_id": erasure_id})
    return None if row is None else _erasure(row)


async def find_of_consumer(tx: Tx, account_id: str, consumer_id: str) -> Erasure | None:
    """The erasure of a consumer that is under way."""
    row = await tx.fetch_one(_of_consumer, {"account_id": account_id, "consumer_id": consumer_id})
    return None if row is None else _erasure(row)


async def list_newest(tx: Tx, account_id: str, before: str, most: int) -> list[Erasure]:
    """The newest erasures of an account with ids below ``before``."""
    params: Params = {"account_id": account_id, "before": before, "most": most}
    return [_erasure(row) for row in await tx.fetch(_page, params)]


async def find_running(tx: Tx, after: tuple[str, str]) -> Erasure | None:
    """The next erasure that is not done, after an account and id."""
    row = await tx.fetch_one(_next_running, {"account_id": after[0], "erasure_id": after[1]})
    return None if row is None else _erasure(row)


async def first_conversation(tx: Tx, account_id: str, consumer_id: str) -> int | None:
    """When the first conversation of a consumer began."""
    row: Any = await tx.fetch_one(_theirs, {"account_id": account_id, "consumer_id": consumer_id})
    return None if row is None else row[0]


async def forget_profile(tx: Tx, account_id: str, consumer_id: str) -> None:
    """Delete what is known about a consumer."""
    await tx.execute(_forget_profile, {"account_id": account_id, "consumer_id": consumer_id})


async def insert(tx: Tx, one: Erasure) -> None:
    """Store a request. Raises ``UniqueViolation`` when one for this consumer is under way."""
    await tx.insert(
        erasures,
        {
            **_key(one),
            **_changing(one),
            "pseudonym": one.pseudonym,
            "since": one.since,
            "requested_at": one.requested_at,
        },
    )


async def save(tx: Tx, one: Erasure) -> None:
    """Store how far the work is."""
    await tx.update_many(erasures, [_key(one) | _changing(one)], keys=("account_id", "erasure_id"))


def _key(one: Erasure) -> dict[str, Value]:
    return {"account_id": one.account_id, "erasure_id": one.erasure_id}


def _changing(one: Erasure) -> dict[str, Value]:
    return {
        "consumer_id": one.consumer_id,
        "phase": one.phase.value,
        "cursor": one.cursor,
        "conversations": one.conversations,
        "events": one.events,
        "finished_at": one.finished_at,
    }
