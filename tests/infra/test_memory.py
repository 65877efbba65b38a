"""What a node remembers: bounded, and loaded once for all who wait."""

import asyncio

import pytest

from switchbay.infra.machine import ManualClock
from switchbay.infra.memory import BoundedCache, RecentCache, SingleFlight


def test_the_entry_not_asked_for_the_longest_goes_first() -> None:
    cache: BoundedCache[str, int] = BoundedCache(2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)
    assert len(cache) == 2


def test_replacing_an_entry_pushes_no_other_out() -> None:
    cache: BoundedCache[str, int] = BoundedCache(2)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.put("a", 3)
    assert (cache.get("a"), cache.get("b")) == (3, 2)


def test_a_forgotten_entry_is_gone() -> None:
    cache: BoundedCache[str, int] = BoundedCache(2)
    cache.put("a", 1)
    cache.discard("a")
    cache.discard("a")
    assert cache.get("a") is None


class Source:
    """Counts attempts; each waits until it is let go."""

    def __init__(self) -> None:
        self.attempts = 0
        self.go = asyncio.Event()
        self.error: Exception | None = None

    async def load(self) -> int:
        self.attempts += 1
        await self.go.wait()
        if self.error:
            raise self.error
        return self.attempts


async def test_those_who_wait_for_the_same_share_one_attempt() -> None:
    flight: SingleFlight[str, int] = SingleFlight()
    source = Source()
    callers = [asyncio.create_task(flight.run("k", source.load)) for _ in range(5)]
    await asyncio.sleep(0)
    source.go.set()
    assert await asyncio.gather(*callers) == [1] * 5
    assert await flight.run("k", source.load) == 2


async def test_a_caller_who_goes_away_does_not_spoil_it_for_the_others() -> None:
    flight: SingleFlight[str, int] = SingleFlight()
    source = Source()
    first, second = (asyncio.create_task(flight.run("k", source.load)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.go.set()
    assert await second == 1
    assert first.cancelled()


async def test_a_failed_attempt_fails_for_all_and_is_tried_anew_by_the_next() -> None:
    flight: SingleFlight[str, int] = SingleFlight()
    source = Source()
    source.error = ValueError("gone")
    source.go.set()
    outcomes = await asyncio.gather(*(flight.run("k", source.load) for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ValueError] * 3
    with pytest.raises(ValueError, match="gone"):
        await flight.run("k", source.load)
    assert source.attempts == 2


class _Table:
    """Rows that can be read, slowly if asked to."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {"a": "one"}
        self.reads = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def read(self, key: str) -> str | None:
        """Read a row as it is when the reading begins."""
        self.reads += 1
        found = self.rows.get(key)
        await self.may_answer.wait()
        return found


def _recent(table: _Table, clock: ManualClock) -> RecentCache[str, str]:
    return RecentCache(table.read, clock, seconds=2, most=2)


async def test_a_row_is_read_again_when_it_is_too_old(clock: ManualClock) -> None:
    table = _Table()
    cache = _recent(table, clock)
    assert [await cache.find("a"), await cache.find("a"), table.reads] == ["one", "one", 1]
    table.rows["a"] = "two"
    clock.advance(seconds=1.9)
    assert (cache.known("a"), await cache.find("a")) == ("one", "one")
    clock.advance(seconds=0.2)
    assert (cache.known("a"), await cache.find("a"), table.reads) == (None, "two", 2)


async def test_those_who_ask_together_share_one_reading(clock: ManualClock) -> None:
    table = _Table()
    cache = _recent(table, clock)
    assert await asyncio.gather(*(cache.find("a") for _ in range(50))) == ["one"] * 50
    assert table.reads == 1


async def test_a_dropped_row_does_not_come_back_from_a_reading_that_began_before(clock: ManualClock) -> None:
    table = _Table()
    cache = _recent(table, clock)
    table.may_answer.clear()
    early = asyncio.create_task(cache.find("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    table.rows["a"] = "two"
    cache.drop("a")
    table.may_answer.set()
    assert await early == "one"
    assert (cache.known("a"), await cache.find("a")) == (None, "two")


async def test_what_is_not_there_is_asked_for_each_time(clock: ManualClock) -> None:
    table = _Table()
    cache = _recent(table, clock)
    assert [await cache.find("b"), await cache.find("b"), table.reads] == [None, None, 2]
