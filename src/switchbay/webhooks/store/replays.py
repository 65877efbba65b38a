"""SQL of replays: their rows, and the stretches of the log that they work off, oldest first."""

from dataclasses import dataclass, field

import sqlalchemy as sa

from switchbay.infra.db import Row, Tx
from switchbay.kit.ids import time_of_sortable_id
from switchbay.webhooks.domain import Reason, Status
from switchbay.webhooks.replay import Replay, ReplayFilter, ReplayState
from switchbay.webhooks.store.listing import CONVERSATION, DeliveryFilter, conditions, filter_params, first_id_at
from switchbay.webhooks.tables import deliveries, replays

_LAST_ID = "rpl_" + 26 * "z"


@dataclass(frozen=True, slots=True)
class Logged:
    """A finished delivery of the log, with what it takes to send its event again."""

    id: str
    owner_id: str
    lane: str
    position: int
    event_key: str
    body: bytes = field(repr=False)
    status: str
    event_id: str | None


_by_id = sa.select(replays).where(
    replays.c.account_id == sa.bindparam("account_id"), replays.c.replay_id == sa.bindparam("replay_id")
)
_page = (
    sa.select(replays)
    .where(replays.c.account_id == sa.bindparam("account_id"), replays.c.replay_id < sa.bindparam("before"))
    .order_by(replays.c.replay_id.desc())
    .limit(sa.bindparam("most"))
)
_running = sa.select(sa.func.count()).where(
    replays.c.account_id == sa.bindparam("account_id"), sa.literal_column("state") == sa.literal_column("'running'")
)
_next = (
    sa.select(replays)
    # Written out, so that both engines see that the partial index fits.
    .where(sa.literal_column("state") == sa.literal_column("'running'"))
    .order_by(replays.c.updated_at)
    .limit(sa.literal_column("1"))
    .with_for_update(skip_locked=True)
)
_end = (
    sa.update(replays)
    .where(
        replays.c.account_id == sa.bindparam("account"),
        replays.c.replay_id == sa.bindparam("replay"),
        sa.literal_column("state") == sa.literal_column("'running'"),
    )
    .values(state=sa.bindparam("new_state"), updated_at=sa.bindparam("now"), finished_at=sa.bindparam("now"))
)
_LOGGED = (
    deliveries.c.id,
    deliveries.c.owner_id,
    CONVERSATION,
    deliveries.c.position,
    deliveries.c.event_key,
    deliveries.c.body,
    deliveries.c.status,
    deliveries.c.event_id,
)
_one = sa.select(*_LOGGED).where(
    deliveries.c.account_id == sa.bindparam("account_id"), deliveries.c.id == sa.bindparam("id")
)
_boundary = (
    sa.select(deliveries.c.id)
    .where(
        deliveries.c.account_id == sa.bindparam("account_id"),
        deliveries.c.id >= sa.bindparam("after"),
        deliveries.c.id < sa.bindparam("before"),
    )
    .order_by(deliveries.c.id)
    .offset(sa.bindparam("most"))
    .limit(sa.literal_column("1"))
)
_queued = (
    sa.select(deliveries.c.id, deliveries.c.event_id)
    .where(
        deliveries.c.account_id == sa.bindparam("account_id"),
        deliveries.c.replay_id == sa.bindparam("replay_id"),
        deliveries.c.event_id > sa.bindparam("after"),
        deliveries.c.status == Status.PENDING.value,
    )
    .order_by(deliveries.c.event_id)
    .limit(sa.bindparam("most"))
)
_cancel = (
    sa.update(deliveries)
    .where(
        deliveries.c.account_id == sa.bindparam("account"),
        deliveries.c.id.in_(sa.bindparam("ids", expanding=True)),
        sa.literal_column("status") == sa.literal_column("'pending'"),
    )
    .values(
        status=Status.CANCELLED.value,
        reason=Reason.REPLAY_CANCELLED.value,
        finished_at=sa.bindparam("now"),
        next_attempt_at=sa.null(),
    )
)
_delete_old = sa.delete(replays).where(replays.c.finished_at < sa.bindparam("finished_before"))


async def insert(tx: Tx, replay: Replay) -> None:
    """Store a new replay."""
    wanted = replay.wanted
    await tx.insert(
        replays,
        {
            "account_id": replay.account_id,
            "replay_id": replay.id,
            "owner_id": wanted.owner_id,
            "lane": wanted.lane,
            "event_key": wanted.event_key,
            "status": wanted.status,
            "outcome": wanted.outcome,
            "since": wanted.since,
            "until": wanted.until,
            "cursor": replay.cursor,
            "replayed": replay.replayed,
            "skipped": replay.skipped,
            "state": replay.state.value,
            "created_at": replay.created_at,
            "updated_at": replay.updated_at,
            "finished_at": replay.finished_at,
        },
    )


async def advance(tx: Tx, replay: Replay) -> None:
    """Store how far a replay is, in the transaction of what it has just sent again."""
    await tx.update_many(
        replays,
        [
            {
                "account_id": replay.account_id,
                "replay_id": replay.id,
                "cursor": replay.cursor,
                "replayed": replay.replayed,
                "skipped": replay.skipped,
                "state": replay.state.value,
                "updated_at": replay.updated_at,
                "finished_at": replay.finished_at,
            }
        ],
        keys=("account_id", "replay_id"),
    )


async def find(tx: Tx, account_id: str, replay_id: str) -> Replay | None:
    """One replay."""
    row = await tx.fetch_one(_by_id, {"account_id": account_id, "replay_id": replay_id})
    return None if row is None else _replay(row)


async def page(tx: Tx, account_id: str, *, before: str | None, most: int) -> list[Replay]:
    """Replays of an account, newest first."""
    rows = await tx.fetch(_page, {"account_id": account_id, "before": before or _LAST_ID, "most": most})
    return [_replay(row) for row in rows]


async def count_running(tx: Tx, account_id: str) -> int:
    """How many replays of an account are under way."""
    row = await tx.fetch_one(_running, {"account_id": account_id})
    return 0 if row is None else int(row[0])


async def claim_next(tx: Tx) -> Replay | None:
    """The replay that has waited longest, locked until the transaction ends; one that another node works on is left."""
    row = await tx.fetch_one(_next)
    return None if row is None else _replay(row)


async def cancel(tx: Tx, account_id: str, replay_id: str, now: int) -> bool:
    """End a running replay; tell whether it was running."""
    params: dict[str, str | int] = {
        "account": account_id,
        "replay": replay_id,
        "new_state": ReplayState.CANCELLED.value,
        "now": now,
    }
    return await tx.execute(_end, params) == 1


async def cancel_queued(
    tx: Tx, account_id: str, replay_id: str, *, after: str, most: int, now: int
) -> tuple[int, str | None]:
    """Cancel up to ``most`` pending deliveries of a replay; return how many, and where to go on, or None at the end."""
    params: dict[str, str | int] = {"account_id": account_id, "replay_id": replay_id, "after": after, "most": most}
    found = await tx.fetch(_queued, params)
    if not found:
        return 0, None
    done = await tx.execute(_cancel, {"account": account_id, "ids": [row[0] for row in found], "now": now})
    return done, str(found[-1][1]) if len(found) == most else None


async def get_logged(tx: Tx, account_id: str, delivery_id: str) -> Logged | None:
    """One delivery of the log."""
    row = await tx.fetch_one(_one, {"account_id": account_id, "id": delivery_id})
    return None if row is None else Logged(*(row[place] for place in range(len(_LOGGED))))


async def boundary(tx: Tx, account_id: str, *, after: str, before: str, most: int) -> str:
    """The end of a stretch of about ``most`` deliveries from ``after`` on. It never parts those of one millisecond."""
    row = await tx.fetch_one(_boundary, {"account_id": account_id, "after": after, "before": before, "most": most})
    if row is None:
        return before
    at = time_of_sortable_id(row[0])
    begin = first_id_at(at)
    return min(before, begin if begin > after else first_id_at(at + 1))


async def stretch(tx: Tx, account_id: str, wanted: ReplayFilter, *, after: str, before: str) -> list[Logged]:
    """The finished, unmarked deliveries of a stretch that are wanted, in the order of their conversations."""
    plain = DeliveryFilter(wanted.owner_id, wanted.lane, wanted.event_key, None, wanted.outcome)
    given = filter_params(plain)
    statement = sa.select(*_LOGGED).where(
        *conditions(frozenset(given)),
        deliveries.c.origin.is_(None),
        deliveries.c.status != Status.PENDING.value,
    )
    if wanted.status is not None:
        statement = statement.where(deliveries.c.status == sa.bindparam("wanted_status"))
        given["wanted_status"] = wanted.status
    rows = await tx.fetch(statement, {"account_id": account_id, "after": after, "before": before, **given})
    found = [Logged(*(row[place] for place in range(len(_LOGGED)))) for row in rows]
    return sorted(found, key=lambda each: (each.owner_id, each.lane, each.position))


async def delete_finished(tx: Tx, before_ms: int) -> int:
    """Forget the replays that ended before a time; return how many."""
    return await tx.execute(_delete_old, {"finished_before": before_ms})


def _replay(row: Row) -> Replay:
    return Replay(
        row["account_id"],
        row["replay_id"],
        ReplayFilter(
            row["owner_id"],
            row["lane"],
            row["event_key"],
            row["status"],
            row["outcome"],
            row["since"],
            row["until"],
        ),
        row["cursor"],
        row["replayed"],
        row["skipped"],
        ReplayState(row["state"]),
        row["created_at"],
        row["updated_at"],
        row["finished_at"],
    )
