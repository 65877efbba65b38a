"""What must hold of the delivery engine whatever has happened in its world.

In a lane nothing is begun before all that comes before it is done with, or, where an app takes the order by best
effort, has failed once; nothing is sent again unless a death, a stop or a lease that ran out explains it; in the end
nothing is pending, and what was not delivered has a reason that what happened allows. Who sends what is seen from
outside, by the requests that arrived; what is over, by the log.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import cast

from support.engine_world import BY_EFFORT, Arrival, World
from switchbay.infra.db import Row

MARGIN_MS = 11_000
"""What a lease has left at least when a request begins."""
PARKED = 259_200


async def check(world: World) -> None:
    """Everything that must hold when all is calm."""
    rows = await world.rows()
    _check_that_nothing_is_lost(world, rows)
    for row in rows:
        _check_end(world, row)
    _check_order(world, rows)
    _check_repetitions(world, rows)
    assert await world.is_over(), "a lane is held although nothing is pending"


def _check_that_nothing_is_lost(world: World, rows: Sequence[Row]) -> None:
    texts = [row["body"].decode() for row in rows if row["origin"] is None]
    assert len(texts) == len(set(texts)), "an event was stored twice"
    assert set(world.expected) <= set(texts), "an event that was committed is not in the log"
    assert [row["id"] for row in rows if row["status"] == "pending"] == []
    again = [row["event_id"] for row in rows if row["origin"] == "replay"]
    assert len(again) == len(set(again)), "an event is in a replay twice"
    assert world.replayed <= set(again)


def _check_end(world: World, row: Row) -> None:
    mine = [each for each in world.arrivals if each.key == _key(row)]
    if row["status"] == "delivered":
        assert any(each.is_success for each in mine), f"{row['id']} was never taken"
        return
    app = world.apps[row["owner_id"]]
    lasted = row["finished_at"] - row["created_at"]
    if row["reason"] == "retries_exhausted":
        assert 0 in app.all_retentions, "an app with a retention does not count its retries"
        assert min(app.all_retries) < row["attempts"] <= max(app.all_retries) + 1
        assert len(mine) >= row["attempts"]
    else:
        assert row["reason"] == "retention_expired", row["reason"]
        allowed = {each for each in app.all_retentions if each} | ({PARKED} if app.was_disabled else set())
        assert allowed, "nothing expires"
        assert world.set_back_at_steps or lasted >= 1000 * min(allowed), "it was given up too early"
    assert row["status"] == "failed"


def _check_order(world: World, rows: Sequence[Row]) -> None:
    first: dict[tuple[str, bool], Arrival] = {}
    taken: dict[tuple[str, bool], int] = {}
    failed: dict[tuple[str, bool], int] = {}
    for each in world.arrivals:
        first.setdefault(each.key, each)
        if each.is_success:
            taken.setdefault(each.key, each.place)
        elif each.is_success is False:
            failed.setdefault(each.key, each.place)
    by_lane: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        by_lane[row["owner_id"], row["conversation"] or row["lane"]].append(row)
    for (app, _), of_lane in by_lane.items():
        ordered = sorted(of_lane, key=lambda row: cast("int", row["position"]))
        assert [row["position"] for row in ordered] == list(range(len(ordered)))
        for place, row in enumerate(ordered):
            begun = first.get(_key(row))
            for before in ordered[:place] if begun is not None else ():
                assert begun is not None
                is_taken = taken.get(_key(before), len(world.arrivals)) < begun.place
                is_over = before["status"] == "failed" and world.finished_at_step[before["id"]] <= begun.step
                is_apart = app == BY_EFFORT and failed.get(_key(before), len(world.arrivals)) < begun.place
                assert is_taken or is_over or is_apart, (
                    f"{row['body']!r} was sent before {before['body']!r} was done with"
                )


def _check_repetitions(world: World, rows: Sequence[Row]) -> None:
    ends = {_key(row): world.finished_at_step[row["id"]] for row in rows}
    earlier: dict[tuple[str, bool], list[Arrival]] = defaultdict(list)
    for each in world.arrivals:
        was_set_back = any(step <= each.step for step in world.set_back_at_steps)
        assert ends[each.key] + 1 >= each.step or was_set_back, f"{each.event_id} was sent after it was over"
        for before in earlier[each.key]:
            if before.is_success and not was_set_back:
                ended = before.node.ended_at_step is not None and before.node.ended_at_step <= each.step
                assert ended or each.at - before.at >= MARGIN_MS, f"{each.event_id} was sent twice for no reason"
        earlier[each.key].append(each)


def _key(row: Row) -> tuple[str, bool]:
    return row["event_id"] or row["id"], row["origin"] == "replay"
