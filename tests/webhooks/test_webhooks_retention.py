"""The log is kept for its time and then goes: in whole parts on PostgreSQL, a few rows at a time on SQLite."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest
import sqlalchemy as sa

from support.accounts_house import cheap_passwords
from support.receiver import Answer, Receiver
from support.webhooks_house import ACCOUNT, APP, CONTENT, House, owner_of
from switchbay.accounts.public import OPERATOR, Accounts
from switchbay.infra.db import Database, Params, Tx, bulk, open_database
from switchbay.infra.db.compiled import render
from switchbay.infra.db.migrate import migrate
from switchbay.infra.egress import Egress
from switchbay.infra.machine import ManualClock, Randomness, SystemClock
from switchbay.infra.vault import Vault
from switchbay.kit.errors import AppError
from switchbay.kit.ids import sortable_id
from switchbay.webhooks.public import DeliveryFilter
from switchbay.webhooks.replay import ReplayFilter, ReplayState
from switchbay.webhooks.retaining import Retaining
from switchbay.webhooks.retention import HOUR_MS, Span, missing, outdated, part_ms
from switchbay.webhooks.store import retention as store
from switchbay.webhooks.store import windows
from switchbay.webhooks.store.listing import first_id_at
from switchbay.webhooks.tables import attempts, deliveries, lanes

DAY_MS = 24 * HOUR_MS
KEEP = 10 * DAY_MS
NOW = 1_700_000_000_000


# What is decided


@pytest.mark.parametrize(("keep_days", "hours"), [(30, 72), (10, 24), (1, 3), (365, 876)])
def test_a_part_is_a_tenth_of_the_time_in_whole_hours(keep_days: int, hours: int) -> None:
    assert part_ms(keep_days * DAY_MS) == hours * HOUR_MS


def test_parts_follow_each_other_without_a_gap_up_to_two_ahead() -> None:
    begun = Span(None, NOW + HOUR_MS)
    assert list(missing([begun], NOW, KEEP)) == [
        Span(NOW + HOUR_MS, NOW + HOUR_MS + DAY_MS),
        Span(NOW + HOUR_MS + DAY_MS, NOW + HOUR_MS + 2 * DAY_MS),
    ]
    ahead = [begun, *missing([begun], NOW, KEEP)]
    assert list(missing(ahead, NOW, KEEP)) == []
    assert list(missing(ahead, NOW + 2 * HOUR_MS, KEEP)) == [Span(ahead[-1].end, ahead[-1].end + DAY_MS)]


def test_after_a_long_pause_parts_begin_with_the_next_full_hour() -> None:
    hour = NOW // HOUR_MS * HOUR_MS
    long_ago = Span(None, NOW - 5 * DAY_MS)
    assert next(missing([long_ago], NOW, KEEP)) == Span(hour + HOUR_MS, hour + HOUR_MS + DAY_MS)
    assert next(missing([], NOW, KEEP)).begin == hour + HOUR_MS


def test_a_part_is_outdated_when_all_of_it_is_older_than_the_log_is_kept() -> None:
    spans = [Span(NOW, NOW + DAY_MS), Span(None, NOW)]
    assert outdated(spans, NOW + KEEP - 1, KEEP) == []
    assert outdated(spans, NOW + KEEP, KEEP) == [spans[1]]
    assert outdated(spans, NOW + KEEP + DAY_MS, KEEP) == [spans[1], spans[0]]


# What is done


@pytest.fixture
async def db(fresh_database_url: str) -> AsyncIterator[Database]:
    """A database of the test's own, because its parts stay."""
    database = await open_database(fresh_database_url, connections=4)
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
async def clock(db: Database) -> ManualClock:
    """Begins in the part that the migration made, also when its hour is over by the time of the test."""
    if db.engine != "postgresql":
        return ManualClock(SystemClock().now_ms())
    [made] = await db.read(lambda tx: store.parts(tx, store.DELIVERIES))
    return ManualClock(made.end - HOUR_MS // 2)


@pytest.fixture
def retaining(db: Database, clock: ManualClock) -> Retaining:
    return Retaining(db, clock, KEEP // 1000)


async def run(retaining: Retaining, most: int = 500) -> int:
    steps = 0
    while await retaining.step_once(most):
        steps += 1
        assert steps < 1000
    return steps


async def days(house: House, retaining: Retaining, count: int) -> None:
    """So many days pass, and each the log is looked after."""
    assert isinstance(house.clock, ManualClock)
    for _ in range(count):
        house.clock.advance(ms=DAY_MS)
        await run(retaining)


async def texts(house: House) -> list[str]:
    found, _ = await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter(), limit=1000)
    return [(await house.webhooks.get_delivery(ACCOUNT, each.id)).body.decode() for each in reversed(found)]


async def count(db: Database, table: sa.Table) -> int:
    row = await db.read(lambda tx: tx.fetch_one(sa.select(sa.func.count()).select_from(table)))
    return 0 if row is None else int(row[0])


async def parts(db: Database, table: str = store.DELIVERIES) -> list[str]:
    found = await db.read(lambda tx: store.parts(tx, table))
    return [found[span] for span in sorted(found, key=lambda span: span.end)]


def needs_parts(db: Database) -> None:
    if db.engine != "postgresql":
        pytest.skip("SQLite has no partitions")


async def test_what_is_older_than_the_log_is_kept_goes_with_its_attempts(house: House, retaining: Retaining) -> None:
    await house.configure(owner_of(house.endpoint()))
    await run(retaining)
    for day in range(14):
        await house.publish(house.event(f"day {day}"))
        await house.settle()
        await days(house, retaining, 1)
    kept = await texts(house)
    assert kept == [f"day {day}" for day in range(14 - len(kept), 14)]
    assert len(kept) in {10, 11}  # a part more, on PostgreSQL
    assert await count(house.db, deliveries) == await count(house.db, attempts) == len(kept)
    await days(house, retaining, 13)
    assert await count(house.db, deliveries) == await count(house.db, attempts) == 0
    await house.publish(house.event("later"))
    await house.settle()
    assert await texts(house) == ["later"]


async def test_parts_are_made_ahead_and_events_lie_in_them(house: House, retaining: Retaining) -> None:
    needs_parts(house.db)
    await house.configure(owner_of(house.endpoint()))
    assert await run(retaining) == 4
    assert await run(retaining) == 0
    first = "webhook_deliveries_before"
    assert (await parts(house.db))[0] == first
    assert len(await parts(house.db)) == len(await parts(house.db, store.ATTEMPTS)) == 3
    assert isinstance(house.clock, ManualClock)
    house.clock.advance(ms=DAY_MS)
    await house.publish(house.event("a"))
    await house.settle()
    where = sa.text("SELECT tableoid::regclass::text FROM webhook_deliveries")
    row = await house.db.read(lambda tx: tx.fetch_one(where))
    assert row is not None
    assert row[0] == (await parts(house.db))[1]
    await days(house, retaining, 12)
    assert first not in await parts(house.db)
    assert len(await parts(house.db)) == len(await parts(house.db, store.ATTEMPTS)) in {13, 14}


async def test_inserting_never_fails_for_want_of_a_part(house: House, retaining: Retaining) -> None:
    await house.configure(owner_of(house.endpoint()))
    assert isinstance(house.clock, ManualClock)
    house.clock.advance(ms=100 * DAY_MS)  # nobody has made any
    await house.publish(house.event("a"))
    await house.settle()
    assert await house.states() == ["delivered"]
    await days(house, retaining, 1)
    await house.publish(house.event("b"))
    await house.settle()
    assert await texts(house) == ["a", "b"]
    await days(house, retaining, 10)
    assert await texts(house) == ["b"]
    await days(house, retaining, 2)
    assert await texts(house) == []
    assert await count(house.db, attempts) == 0


async def test_a_part_whose_time_has_rows_in_the_rest_is_left_out(house: House, retaining: Retaining) -> None:
    needs_parts(house.db)
    await house.configure(owner_of(house.endpoint()))
    assert isinstance(house.clock, ManualClock)
    house.clock.advance(ms=DAY_MS + 2 * HOUR_MS)  # a node whose clock is ahead
    await house.publish(house.event("a"))
    await house.settle()
    house.clock.advance(ms=-DAY_MS - 2 * HOUR_MS)
    await run(retaining)
    assert len(await parts(house.db)) == 2
    await days(house, retaining, 1)
    assert len(await parts(house.db)) == 3
    assert await texts(house) == ["a"]


@pytest.mark.parametrize("gate", [False, True])
async def test_nothing_pending_goes_however_old_it_is(house: House, retaining: Retaining, gate: bool) -> None:
    house.receiver.answer = lambda request: Answer(503 if request.body in {b"held", b"behind"} else 200)
    owner = replace(owner_of(house.endpoint(retries=1)), retention_time=259_200 if gate else 0)
    await house.configure(owner)
    await run(retaining)
    for text in ("done", "held", "behind"):
        await house.publish(house.event(text))
        await house.settle()
    assert await house.states() == ["delivered", "pending", "pending"]
    await days(house, retaining, 15)
    assert [text for text in await texts(house) if text != "done"] == ["held", "behind"]
    house.receiver.answer = lambda _: Answer()
    for _ in range(10):
        await house.webhooks.dispatcher.sweep_once()
        await house.settle()
        await house.pass_time(3)
    assert "pending" not in await house.states()
    if not gate:
        assert house.receiver.bodies[-2:] == [b"held", b"behind"]
    await run(retaining)
    assert await texts(house) == []


async def test_events_held_by_a_gate_survive_a_shorter_log(house: House, retaining: Retaining) -> None:
    """The log is kept for less time than an app's events are held."""
    short = Retaining(house.db, house.clock, 86_400)
    house.receiver.answer = lambda _: Answer(503)
    await house.configure(replace(owner_of(house.endpoint()), retention_time=259_200))
    await run(short)
    await house.publish_each(["a", "b", "c"])
    await house.settle()
    await days(house, short, 2)
    assert await house.states() == 3 * ["pending"]
    house.receiver.answer = lambda _: Answer()
    for _ in range(5):
        await house.webhooks.dispatcher.sweep_once()
        await house.webhooks.dispatcher._gates.look()
        await house.pass_time(300)
    assert await house.states() == 3 * ["delivered"]
    assert list(dict.fromkeys(house.receiver.bodies)) == [b"a", b"b", b"c"]
    await days(house, short, 2)
    assert await texts(house) == []


async def test_a_part_in_which_something_becomes_pending_meanwhile_stays(house: House, retaining: Retaining) -> None:
    needs_parts(house.db)
    node = house.node(running=False)
    await house.configure(owner_of(house.endpoint()))
    await house.publish(house.event("a"), node=node)
    with pytest.raises(store.StillPending):
        await house.db.write(lambda tx: store.drop_part(tx, store.DELIVERIES, "webhook_deliveries_before"))
    assert await texts(house) == ["a"]


async def test_pages_hold_still_while_parts_go(house: House, retaining: Retaining) -> None:
    await house.configure(owner_of(house.endpoint()))
    await run(retaining)
    for day in range(9):
        await house.publish(house.event(f"day {day}"))
        await house.settle()
        await days(house, retaining, 1)
    page, cursor = await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter(), limit=4)
    assert [each.position for each in page] == [8, 7, 6, 5]
    await days(house, retaining, 4)
    page, cursor = await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter(), cursor=cursor, limit=4)
    assert ([each.position for each in page], cursor) in (([4], None), ([4, 3], None))
    found, _ = await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter(lane="c1"))
    assert [each.position for each in found][:5] == [8, 7, 6, 5, 4]


async def test_a_replay_goes_on_where_the_log_is_left(
    house: House, retaining: Retaining, clock: ManualClock, randomness: Randomness, vault: Vault
) -> None:
    accounts = Accounts(house.db, clock, randomness, vault, password_hashing=cheap_passwords())
    await accounts.create_account(ACCOUNT, "Account", OPERATOR)
    await house.configure(owner_of(house.endpoint()))
    await run(retaining)
    start = clock.now_ms()
    for day in range(6):
        await house.publish(house.event(f"day {day}"))
        await house.settle()
        await days(house, retaining, 1)
    first, *_ = (await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter(until=start + 1)))[0]
    wanted = ReplayFilter(None, None, None, None, None, start, clock.now_ms())
    begun = await house.webhooks.replays.begin(ACCOUNT, wanted, OPERATOR)
    await house.webhooks.replays.step_once(1)
    await house.settle()
    await days(house, retaining, 7)
    left = [text for text in await texts(house) if text != "day 0"]
    assert len(left) < 5
    sent = len(house.receiver.bodies)
    while await house.webhooks.replays.step_once(1):
        await house.settle()
    assert [body.decode() for body in house.receiver.bodies[sent:]] == left
    ended = await house.webhooks.replays.get(ACCOUNT, begun.id)
    assert (ended.state, ended.replayed, ended.skipped) == (ReplayState.DONE, 1 + len(left), 0)
    with pytest.raises(AppError) as caught:
        await house.webhooks.replays.replay_one(ACCOUNT, first.id, OPERATOR)
    assert caught.value.code == "delivery_unknown"
    with pytest.raises(AppError) as caught:
        await house.webhooks.get_delivery(ACCOUNT, first.id)
    assert caught.value.code == "delivery_unknown"
    await days(house, retaining, 12)
    assert await house.webhooks.replays.list(ACCOUNT, cursor=None, limit=10) == ([], None)


async def test_rows_are_deleted_a_few_at_a_time_account_by_account(house: House, retaining: Retaining) -> None:
    if house.db.engine != "sqlite":
        pytest.skip("deleted row by row on SQLite")
    await house.configure(owner_of(house.endpoint()))
    for account_id in ("a", "b", "c"):
        await house.configure(replace(owner_of(house.endpoint()), account_id=account_id))
        for number in range(7):
            await house.publish(replace(house.event(str(number)), account_id=account_id))
    await house.settle()
    assert await count(house.db, deliveries) == 21
    assert isinstance(house.clock, ManualClock)
    house.clock.advance(ms=KEEP + 1)
    left = []
    while await retaining.step_once(3):
        left.append(await count(house.db, deliveries))
    assert left == [18, 15, 14, 11, 8, 7, 4, 1, 0]
    assert await count(house.db, attempts) == 0


async def test_two_nodes_look_after_the_log_at_once(house: House, retaining: Retaining) -> None:
    other = Retaining(house.db, house.clock, KEEP // 1000)
    await house.configure(owner_of(house.endpoint()))
    await house.publish(house.event("a"))
    await house.settle()
    for _ in range(14):
        assert isinstance(house.clock, ManualClock)
        house.clock.advance(ms=DAY_MS)
        await asyncio.gather(run(retaining), run(other))
    await run(retaining)
    assert await texts(house) == []
    if house.db.engine == "postgresql":
        assert len(await parts(house.db)) == len(await parts(house.db, store.ATTEMPTS)) in {13, 14}


# Cost


async def plan_of(url: str, text: str, *values: object) -> str:
    """How PostgreSQL does it when it does not look at the values beforehand."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off")
        await connection.execute(f"PREPARE it AS {text}")
        given = ", ".join(_literal(value) for value in values)
        rows = await connection.fetch(f"EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) EXECUTE it({given})")
        return "\n".join(row[0] for row in rows)
    finally:
        await connection.close()


def _literal(value: object) -> str:
    if isinstance(value, list):
        return "ARRAY[" + ", ".join(_literal(each) for each in value) + "]"
    return f"'{value}'" if isinstance(value, str) else "NULL" if value is None else str(value)


async def test_the_hot_statements_open_the_parts_of_their_time_only(
    house: House, retaining: Retaining, fresh_database_url: str
) -> None:
    needs_parts(house.db)
    await house.configure(owner_of(house.endpoint()))
    await run(retaining)
    await days(house, retaining, 8)
    node = house.node(running=False)
    await house.publish_each(["a", "b"], node=node)
    [newest, _] = (await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter()))[0]
    total = len(await parts(house.db)) + 1
    assert total > 10

    columns = ("account_id", "id", "status", "reason", "attempts", "next_attempt_at", "finished_at")
    text = bulk.update_postgresql(deliveries, columns, ("account_id", "id"), ())
    row: list[object] = [[ACCOUNT], [newest.id], ["pending"], [""], [0], [1], [1]]
    plan = await plan_of(fresh_database_url, text, *row, newest.id, newest.id)
    assert f"Subplans Removed: {total - 1}" in plan
    assert "Seq Scan" not in plan

    floor = first_id_at(house.clock.now_ms())
    given: Params = {
        "accounts": [ACCOUNT],
        "owners": [APP],
        "lanes": ["c1"],
        "positions": [0],
        "floor": floor,
        "most": 32,
    }
    text, values = render(windows._windows_given, given, "postgresql")
    plan = await plan_of(fresh_database_url, text, *values)
    assert f"Subplans Removed: {total - 4}" in plan  # of now, two ahead, the rest
    assert "Seq Scan" not in plan
    assert "ix_webhook_deliveries" in plan or "_account_id_owner_id_lane_position_idx" in plan


async def test_what_a_node_with_a_slow_clock_publishes_is_found(house: House, retaining: Retaining) -> None:
    await house.configure(owner_of(house.endpoint()))
    await run(retaining)
    await days(house, retaining, 40)
    node = house.node(running=False)
    await house.publish(house.event("a"), node=node)
    assert isinstance(house.clock, ManualClock)
    house.clock.advance(ms=-20 * DAY_MS)
    await house.publish(house.event("b"), node=node)
    house.clock.advance(ms=20 * DAY_MS)
    found, _ = await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter(lane="c1"))
    assert [each.position for each in found] == [0, 1]  # newest first, by the time at which they were made
    await house.webhooks.dispatcher.sweep_once()
    await house.settle()
    assert house.receiver.bodies == [b"a", b"b"]


# The migration


@pytest.fixture
async def old_database_url(bare_database_url: str) -> str:
    """A database of the version before, with a delivery that was made and one that is to be made."""
    await _fill(bare_database_url)
    return bare_database_url


_IDS = [sortable_id("dlv", NOW, bytes([number] * 10)) for number in range(2)]


async def _fill(url: str) -> None:
    await asyncio.to_thread(migrate, url, "0008")
    db = await open_database(url, connections=1)
    key: dict[str, str | int] = {"account_id": ACCOUNT, "owner_id": APP, "lane": "c1"}
    lane: dict[str, str | int] = {"next_position": 2, "claimed_from": 0, "node": "gone", "fence": 1, "wake_at": NOW}
    event: dict[str, str | int | bytes] = {"event_key": CONTENT, "created_at": NOW}
    made: dict[str, str | int | bytes] = {
        "id": _IDS[0],
        "position": 0,
        "body": b"one",
        "status": "delivered",
        "attempts": 1,
    }
    to_make: dict[str, str | int | bytes] = {
        "id": _IDS[1],
        "position": 1,
        "body": b"two",
        "status": "pending",
        "attempts": 0,
    }
    attempt: dict[str, str | int | bytes] = {"account_id": ACCOUNT, "delivery_id": _IDS[0], "number": 1}
    attempt |= {"started_at": NOW, "total_ms": 5, "outcome": "delivered"}
    attempt |= {"response_headers": "[]", "response_body": b"OK"}

    async def work(tx: Tx) -> None:
        await tx.insert(lanes, {**key, **lane, "first_at": NOW, "last_at": NOW})
        await tx.insert_many(deliveries, [{**key, **event, **row} for row in (made, to_make)])
        await tx.insert(attempts, attempt)

    await db.write(work)
    await db.close()


async def test_the_migration_carries_the_log_of_the_version_before(
    old_database_url: str, vault: Vault, egress: Egress, receiver: Receiver
) -> None:
    await asyncio.to_thread(migrate, old_database_url)
    db = await open_database(old_database_url, connections=4)
    house = House(db, ManualClock(NOW + 1000), vault, egress, receiver)
    node = house.node()
    await house.configure(owner_of(house.endpoint()))
    assert await texts(house) == ["one", "two"]
    assert (await node.get_delivery(ACCOUNT, _IDS[0])).attempts[0].total_ms == 5
    await node.dispatcher.sweep_once()
    await house.settle()
    assert receiver.bodies == [b"two"]
    assert await house.states() == 2 * ["delivered"]
    house.clock = ManualClock(SystemClock().now_ms() + KEEP + 2 * DAY_MS)
    await run(Retaining(db, house.clock, KEEP // 1000))
    assert await count(db, deliveries) == await count(db, attempts) == 0
    await house.close()
    await db.close()
