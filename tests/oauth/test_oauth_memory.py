"""What a node remembers: bounded, and loaded once for all who wait."""

import asyncio

import pytest

from switchbay.oauth.service.memory import BoundedCache, SingleFlight


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
