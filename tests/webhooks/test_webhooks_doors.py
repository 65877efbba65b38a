"""The doors of a node under random arrivals, outcomes, losses and steps of time: one probe, no rate exceeded, no lane
forgotten.
"""

import heapq
from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbay.infra.machine import ManualClock
from switchbay.webhooks.domain import Pace
from switchbay.webhooks.workers.doors import Doors
from switchbay.webhooks.workers.lane import Lane, Memory, State

KEY = ("4711001", "app", "https://bot.example/hook")
PACE = Pace(30, 5, 5, 1_000, 20, 60, 2, 1_000, breaker_failures=2, breaker_seconds=30)


class World:
    """Lanes that always have something to send, to one endpoint."""

    def __init__(self, rate: int | None, *, crowded: bool = False) -> None:
        self.rate = rate
        self.clock = ManualClock()
        self.alarms: list[tuple[int, int, Callable[[], None]]] = []
        self.numbers = count()
        self.lanes: list[Lane] = []
        self.in_flight: list[Lane] = []
        self.left: list[tuple[Lane, int]] = []
        self.admitted: list[int] = []
        self.begun: dict[Lane, int] = {}
        self.pauses: list[int | None] = []
        self.crowded = crowded
        self.moved: set[Lane] = set()
        self.doors = Doors(
            self.clock,
            PACE,
            alarm=lambda at, action: heapq.heappush(self.alarms, (at, next(self.numbers), action)),
            holds=lambda lane, generation: lane in self.lanes and lane.generation == generation,
            free=self.offer,
            leave=self.leave,
            paused=lambda _, until: self.pauses.append(until),
        )

    def leave(self, lane: Lane, until: int) -> bool:
        if self.crowded:
            self.lanes.remove(lane)
            self.left.append((lane, until))
        return self.crowded

    def offer(self, lane: Lane) -> None:
        lane.state = State.QUEUED
        if lane in self.moved:
            return  # it has nothing for this address any more
        if self.doors.admits(KEY, lane, self.rate):
            self.in_flight.append(lane)
            self.begun[lane] = self.clock.now_ms()
            self.admitted.append(self.begun[lane])

    def arrive(self) -> Lane:
        lane = Lane(("4711001", "app", f"c{len(self.lanes)}"), 1, 0, 0, Memory(1_000))
        self.lanes.append(lane)
        self.offer(lane)
        return lane

    def end(self, lane: Lane, outcome: str) -> None:
        """An attempt ends, or comes to nothing; the lane goes on, after 30 seconds if it has failed."""
        self.in_flight.remove(lane)
        if outcome == "answered":
            self.doors.answered(KEY, lane)
        elif outcome == "failed":
            self.doors.failed(KEY, lane)
        else:
            self.admitted.remove(self.begun[lane])  # no request was made
        if lane.door is not None:
            self.doors.put_back(lane)
        lane.state = State.WAITING
        generation = lane.generation
        wait = 30_000 if outcome == "failed" else 0
        action = lambda: self.again(lane, generation)  # noqa: E731 - it is what an alarm calls
        heapq.heappush(self.alarms, (self.clock.now_ms() + wait, next(self.numbers), action))

    def again(self, lane: Lane, generation: int) -> None:
        if lane in self.lanes and lane.generation == generation and lane.state is State.WAITING:
            self.offer(lane)

    def drop(self, lane: Lane) -> None:
        """Another node takes a lane over."""
        lane.generation += 1
        self.lanes.remove(lane)

    def pass_time(self, ms: int) -> None:
        until = self.clock.now_ms() + ms
        while self.alarms and self.alarms[0][0] <= until:
            at, _, action = heapq.heappop(self.alarms)
            self.clock.at_ms = max(self.clock.at_ms, at)
            action()
        self.clock.at_ms = until

    def check_rate(self) -> None:
        for start in self.admitted if self.rate is not None else ():
            within = [at for at in self.admitted if start <= at < start + 1_000]
            assert len(within) <= (self.rate or 0) * 1.1 + 1

    def drop_one(self, number: int) -> None:
        waiting = [lane for lane in self.lanes if lane not in self.in_flight]
        if waiting:
            self.drop(waiting[number % len(waiting)])

    def check(self) -> None:
        probing = [lane for lane in self.in_flight if lane.door is not None]
        assert len(probing) <= 1
        assert not probing or self.doors.shut_until(KEY) is not None


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["arrive", "answered", "failed", "failed", "failed", "nothing", "drop", "move", "time", "time"]
        ),
        st.integers(0, 40_000),
    ),
    min_size=40,  # shorter ones rarely come as far as a probe
    max_size=120,
)


@given(st.sampled_from([None, 1, 3, 50]), STEPS)
def test_one_probe_at_a_time_no_rate_exceeded_and_no_lane_forgotten(
    rate: int | None, steps: list[tuple[str, int]]
) -> None:
    world = World(rate)
    for step, number in steps:
        if step == "arrive":
            world.arrive()
        elif step == "time":
            world.pass_time(number)
        elif step == "move":
            world.moved.update(world.lanes[number % 7 : number % 7 + 2])
        elif step == "drop":
            world.drop_one(number)
        elif world.in_flight:
            was_shut = world.doors.shut_until(KEY) is not None
            lane = world.in_flight[number % len(world.in_flight)]
            world.end(lane, step)
            assert not was_shut or step == "answered" or world.doors.shut_until(KEY) is not None
        world.check()
    world.check_rate()
    left = set(world.lanes) - world.moved
    for _ in range(400 + 80):
        left -= set(world.in_flight)
        for lane in tuple(world.in_flight):
            world.end(lane, "answered")
        world.pass_time(1_000)
        world.check()
        if not left:
            break
    assert left == set()


def opened() -> World:
    world = World(None)
    for _ in range(2):
        world.end(world.arrive(), "failed")
    return world


def test_a_failure_that_had_begun_before_does_not_prolong_the_pause() -> None:
    world = World(None)
    lanes = [world.arrive() for _ in range(5)]
    for lane in lanes:
        world.pass_time(1_000)
        world.end(lane, "failed")
    assert world.doors.shut_until(KEY) == world.clock.now_ms() - 3_000 + 30_000
    assert len(world.pauses) == 1


def test_an_answer_that_had_begun_before_opens_the_door() -> None:
    world = World(None)
    slow = world.arrive()
    for _ in range(2):
        world.end(world.arrive(), "failed")
    waiting = world.arrive()
    assert waiting not in world.in_flight
    world.end(slow, "answered")
    world.pass_time(1)
    assert waiting in world.in_flight
    assert world.pauses[-1] is None
    assert not world.doors


@pytest.mark.parametrize("seconds", [30, 4_000])
def test_a_lane_that_comes_after_the_pause_makes_the_probe_if_none_waits(seconds: int) -> None:
    world = opened()
    for lane in tuple(world.lanes):
        world.drop(lane)
    world.pass_time(seconds * 1_000)
    first, second = world.arrive(), world.arrive()
    assert world.in_flight == [first]
    world.end(first, "answered")
    world.pass_time(1)
    assert second in world.in_flight


def test_lanes_of_a_crowded_node_are_left_until_the_pause_is_over() -> None:
    world = opened()
    world.crowded = True
    lane = world.arrive()
    assert world.left == [(lane, world.clock.now_ms() + 30_000)]
    assert lane.state is State.QUEUED


def test_a_probe_that_comes_to_nothing_is_made_by_another_lane() -> None:
    world = opened()
    waiting = world.arrive()
    world.pass_time(30_000)
    [probe] = world.in_flight
    world.drop(probe)  # another node has taken it over, and its request was not made
    world.end(probe, "nothing")
    world.pass_time(1)
    [second] = world.in_flight
    assert second is not probe
    assert second.door == KEY
    world.end(second, "answered")
    world.pass_time(1)
    assert waiting in world.in_flight


def test_after_a_probe_that_failed_the_next_lane_tries_when_the_pause_is_over() -> None:
    world = opened()
    world.arrive()
    world.pass_time(30_000)
    [probe] = world.in_flight
    world.end(probe, "failed")
    world.drop(probe)
    for lane in [lane for lane in world.lanes if lane.state is not State.WAITING]:
        world.drop(lane)
    world.pass_time(59_999)
    assert world.in_flight == []
    world.pass_time(1)
    assert len(world.in_flight) == 1


def test_a_probe_that_is_overtaken_by_an_earlier_answer_is_an_attempt_like_any_other() -> None:
    world = World(None)
    slow = world.arrive()
    for _ in range(2):
        world.end(world.arrive(), "failed")
    world.pass_time(30_000)
    [overtaken] = [lane for lane in world.in_flight if lane.door is not None]
    world.end(slow, "answered")
    assert overtaken.door is None
    world.end(overtaken, "failed")  # one failure: the door stays open
    assert world.doors.shut_until(KEY) is None
