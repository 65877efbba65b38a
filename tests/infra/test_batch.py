"""Group commit: what arrives together is run together, and everyone gets their own answer."""

import asyncio
from collections.abc import Sequence

import pytest

from switchbay.infra.batch import Batcher
from switchbay.infra.db import DatabaseUnavailable, UniqueViolation
from switchbay.kit.errors import AppError, Kind


class Runs:
    """Doubles numbers; keeps the batches it was given and fails as it is told."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.under_way = 0
        self.most_under_way = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.bad: dict[int, list[Exception]] = {}

    async def __call__(self, items: Sequence[int]) -> Sequence[int | AppError]:
        self.batches.append(list(items))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.gate.wait()
            for item in items:
                if self.bad.get(item):
                    raise self.bad[item].pop(0)
            return [AppError(Kind.INVALID, "odd", "odd") if item % 2 else item * 2 for item in items]
        finally:
            self.under_way -= 1


def batcher(runs: Runs, *, most: int = 4, in_flight: int = 1, waiting: int = 100) -> Batcher[int, int]:
    return Batcher(runs, most=most, in_flight=in_flight, waiting=waiting)


async def test_what_is_ready_at_once_is_one_batch() -> None:
    runs = Runs()
    box = batcher(runs)
    assert await asyncio.gather(*(box.submit(number) for number in (2, 4, 6))) == [4, 8, 12]
    assert runs.batches == [[2, 4, 6]]


async def test_what_arrives_meanwhile_is_the_next_batch_up_to_its_size() -> None:
    runs = Runs()
    runs.gate.clear()
    box = batcher(runs)
    first = asyncio.create_task(box.submit(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    rest = [asyncio.create_task(box.submit(number)) for number in range(10, 22, 2)]
    await asyncio.sleep(0)
    assert runs.batches == [[2]]
    runs.gate.set()
    assert await asyncio.gather(first, *rest) == [4, 20, 24, 28, 32, 36, 40]
    assert runs.batches == [[2], [10, 12, 14, 16], [18, 20]]


@pytest.mark.parametrize("in_flight", [1, 2])
async def test_no_more_batches_than_allowed_are_under_way(in_flight: int) -> None:
    runs = Runs()
    runs.gate.clear()
    box = batcher(runs, most=1, in_flight=in_flight)
    tasks = [asyncio.create_task(box.submit(number)) for number in range(0, 40, 2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    runs.gate.set()
    await asyncio.gather(*tasks)
    assert runs.most_under_way == in_flight


async def test_an_error_among_the_results_goes_to_its_caller_only() -> None:
    box = batcher(Runs())
    results = await asyncio.gather(*(box.submit(number) for number in (2, 3, 4)), return_exceptions=True)
    assert results[::2] == [4, 8]
    assert isinstance(results[1], AppError)
    assert results[1].code == "odd"


async def test_one_item_that_makes_the_batch_fail_does_not_spoil_the_others() -> None:
    runs = Runs()
    runs.bad[4] = [RuntimeError("first"), RuntimeError("second")]
    box = batcher(runs)
    results = await asyncio.gather(*(box.submit(number) for number in (2, 4, 6)), return_exceptions=True)
    assert results[::2] == [4, 12]
    assert str(results[1]) == "second"
    assert runs.batches == [[2, 4, 6], [2], [4], [6]]


async def test_a_failing_item_alone_is_not_run_again() -> None:
    runs = Runs()
    runs.bad[2] = [RuntimeError("first")]
    with pytest.raises(RuntimeError, match="first"):
        await batcher(runs).submit(2)
    assert runs.batches == [[2]]


async def test_a_database_that_is_gone_answers_all_and_is_not_asked_again() -> None:
    runs = Runs()
    runs.bad[4] = [DatabaseUnavailable("gone")]
    box = batcher(runs)
    results = await asyncio.gather(*(box.submit(number) for number in (2, 4, 6)), return_exceptions=True)
    assert [getattr(result, "code", None) for result in results] == ["database_unavailable"] * 3
    assert runs.batches == [[2, 4, 6]]
    assert await box.submit(4) == 8


async def test_a_row_that_another_node_inserted_first_is_looked_at_again() -> None:
    runs = Runs()
    runs.bad[2] = [UniqueViolation("taken"), UniqueViolation("taken")]
    assert await batcher(runs).submit(2) == 4
    assert runs.batches == [[2]] * 3


async def test_a_row_that_stays_taken_is_an_error_in_the_end() -> None:
    runs = Runs()
    runs.bad[2] = [UniqueViolation("taken")] * 9
    with pytest.raises(UniqueViolation):
        await batcher(runs).submit(2)
    assert runs.batches == [[2]] * 4


async def test_too_much_waiting_is_refused() -> None:
    runs = Runs()
    runs.gate.clear()
    box = batcher(runs, most=1, waiting=2)
    first = asyncio.create_task(box.submit(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(box.submit(number)) for number in (4, 6)]
    await asyncio.sleep(0)
    with pytest.raises(AppError) as refused:
        await box.submit(8)
    assert refused.value.code == "overloaded"
    assert refused.value.retry_after == 1
    runs.gate.set()
    assert await asyncio.gather(first, *waiting) == [4, 8, 12]


async def test_who_went_away_before_the_batch_began_is_left_out() -> None:
    runs = Runs()
    runs.gate.clear()
    box = batcher(runs, most=1)
    first = asyncio.create_task(box.submit(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gone = asyncio.create_task(box.submit(4))
    stays = asyncio.create_task(box.submit(6))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    runs.gate.set()
    assert list(await asyncio.gather(first, stays)) == [4, 12]
    assert runs.batches == [[2], [6]]


async def test_closing_finishes_what_is_there_and_refuses_the_rest() -> None:
    runs = Runs()
    box = batcher(runs, most=1)
    tasks = [asyncio.create_task(box.submit(number)) for number in (2, 4, 6)]
    await asyncio.sleep(0)
    await box.close()
    assert await asyncio.gather(*tasks) == [4, 8, 12]
    with pytest.raises(AppError) as refused:
        await box.submit(8)
    assert refused.value.code == "stopping"
    assert runs.batches == [[2], [4], [6]]


async def test_callers_of_a_batch_that_is_cancelled_do_not_wait_for_ever() -> None:
    runs = Runs()
    runs.gate.clear()
    box = batcher(runs)
    caller = asyncio.create_task(box.submit(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for task in asyncio.all_tasks() - {asyncio.current_task(), caller}:
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
