"""Slots are bounded, shared fairly, and taken from origins that time out."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from switchbay.webhooks.workers.slots import Origin, Slots

APP = ("4711001", "app")
ORIGINS: list[Origin] = [("https", f"{letter}.example", 443) for letter in "abcd"]


def take_all(slots: Slots[int]) -> list[tuple[Origin, int]]:
    taken = []
    while (each := slots.take()) is not None:
        taken.append(each)
    return taken


def test_origins_take_turns() -> None:
    slots: Slots[int] = Slots(4)
    for number in range(10):
        slots.offer(ORIGINS[0], APP, number)
    slots.offer(ORIGINS[1], APP, 100)
    assert [item for _, item in take_all(slots)] == [0, 100, 1]


def test_installations_take_turns_within_an_origin() -> None:
    slots: Slots[int] = Slots(8)
    for number in range(5_000):
        slots.offer(ORIGINS[0], APP, number)
    slots.offer(ORIGINS[0], ("4711001", "other"), 100_000)
    slots.offer(ORIGINS[0], ("4711002", "app"), 200_000)
    assert [item for _, item in take_all(slots)] == [0, 100_000, 200_000, 1]


def test_one_origin_never_holds_more_than_half() -> None:
    slots: Slots[int] = Slots(10)
    for number in range(100):
        slots.offer(ORIGINS[0], APP, number)
    assert len(take_all(slots)) == 5


def test_an_origin_that_times_out_is_halved_to_one_and_grows_again() -> None:
    slots: Slots[int] = Slots(200)
    bounds = []
    for timed_out in [*6 * [True], *3 * [False]]:
        slots.offer(ORIGINS[0], APP, 0)
        take_all(slots)
        slots.done(ORIGINS[0], timed_out=timed_out)
        bounds.append(slots.bound(ORIGINS[0]))
    assert bounds == [8, 4, 2, 1, 1, 1, 2, 3, 4]


def test_a_healthy_origin_may_use_half_of_all() -> None:
    slots: Slots[int] = Slots(200)
    for number in range(500):
        slots.offer(ORIGINS[0], APP, number)
    for _ in range(200):
        take_all(slots)
        slots.done(ORIGINS[0], timed_out=False)
    assert slots.bound(ORIGINS[0]) == 100


def test_origins_without_work_are_forgotten() -> None:
    slots: Slots[int] = Slots(10)
    for number in range(10_000):
        origin = ("https", f"h{number}.example", 443)
        slots.offer(origin, APP, number)
        take_all(slots)
        slots.done(origin, timed_out=True)
    assert len(slots._queues) <= 4_096


@given(
    st.integers(1, 20),
    st.lists(st.tuples(st.sampled_from(["offer", "done", "timeout"]), st.integers(0, 3)), max_size=200),
)
def test_bounds_hold_and_everything_offered_gets_its_turn(total: int, steps: list[tuple[str, int]]) -> None:
    slots: Slots[int] = Slots(total)
    offered: dict[Origin, list[int]] = defaultdict(list)
    served: dict[Origin, list[int]] = defaultdict(list)
    busy: dict[Origin, int] = defaultdict(int)

    def take() -> None:
        before = {origin: slots.bound(origin) for origin in ORIGINS}
        for origin, item in take_all(slots):
            served[origin].append(item)
            busy[origin] += 1
            assert busy[origin] <= max(before[origin], 1)
        assert slots.busy == sum(busy.values()) <= total

    def end(origin: Origin, *, timed_out: bool) -> None:
        busy[origin] -= 1
        slots.done(origin, timed_out=timed_out)

    for number, (step, place) in enumerate(steps):
        origin = ORIGINS[place]
        if step == "offer":
            offered[origin].append(number)
            slots.offer(origin, APP, number)
        elif busy[origin]:
            end(origin, timed_out=step == "timeout")
        take()
    while any(busy.values()):
        end(next(origin for origin, count in busy.items() if count), timed_out=False)
        take()
    assert {origin: items for origin, items in served.items() if items} == dict(offered)
