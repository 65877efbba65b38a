"""A lane in memory gives out every delivery once and in order, whatever it is told and however it reads on."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from switchbay.webhooks.domain import Pending
from switchbay.webhooks.workers.lane import WINDOW, Lane, Memory, State

KEY = ("1", "app", "c1")


def pending(position: int, size: int = 10) -> Pending:
    return Pending(f"dlv_{position}", position, "key", bytes(size), 0, 0, 0)


def lane_of(memory: Memory | None = None, expected: int = 0) -> Lane:
    return Lane(KEY, 1, 0, expected, memory or Memory(1_000_000))


def begun(lane: Lane) -> int:
    delivery = lane.begin_next()
    assert delivery is not None
    return delivery.position


def test_deliveries_that_follow_are_kept_in_memory() -> None:
    lane = lane_of()
    lane.add(pending(0))
    lane.add(pending(1))
    assert (begun(lane), lane.is_behind) == (0, False)
    lane.end_current()
    assert begun(lane) == 1


def test_a_gap_means_reading_on() -> None:
    lane = lane_of()
    lane.add(pending(1))
    assert (lane.begin_next(), lane.is_behind) == (None, True)
    lane.add(pending(0))
    assert lane.begin_next() is None


def test_what_was_given_out_before_is_not_taken_again() -> None:
    lane = lane_of(expected=5)
    lane.add(pending(4))
    assert (lane.begin_next(), lane.is_behind) == (None, False)


def test_a_full_window_means_reading_on() -> None:
    lane = lane_of()
    for position in range(WINDOW + 5):
        lane.add(pending(position))
    assert (len(lane.queue), lane.expected, lane.is_behind) == (WINDOW, WINDOW, True)


def test_bodies_are_held_within_the_memorys_limit() -> None:
    memory = Memory(2_000)
    lanes = [lane_of(memory) for _ in range(10)]
    for lane in lanes:
        for position in range(5):
            lane.add(pending(position, 30))
    assert memory.held == 4 * (30 + 500)
    for lane in lanes:
        lane.shed()
    assert memory.held == 0


def test_a_lane_that_changed_hands_forgets_its_queue_and_its_generation() -> None:
    memory = Memory(1000)
    lane = lane_of(memory)
    lane.add(pending(0))
    lane.add(pending(1))
    lane.renew(2, 99, 7, is_behind=False)
    assert (lane.begin_next(), lane.expected, lane.generation, memory.held) == (None, 7, 1, 0)


def test_what_arrives_while_a_lane_is_read_is_read_in_turn() -> None:
    lane = lane_of()
    lane.is_behind = True
    lane.state = State.READING
    lane.add(pending(1))
    lane.read([pending(0)], 1, most=WINDOW)
    assert (lane.expected, lane.is_behind) == (1, True)


class Simulation:
    """A database that holds ``published`` positions, of which ``finished`` are done, and a lane that follows it."""

    def __init__(self, window: int) -> None:
        self.memory = Memory(1_500)
        self.lane = lane_of(self.memory)
        self.window = window
        self.published = 0
        self.finished = 0
        self.late: list[int] = []

    def do(self, step: str) -> None:
        if step == "next":
            self.proceed()
        elif step == "shed":
            self.lane.shed()
        else:
            if step == "publish":
                self.lane.add(pending(self.published))
            elif step == "publish, told late":
                self.late.append(self.published)
            self.published += 1

    def proceed(self) -> bool:
        """Finish the next delivery or read on; return False when the lane knows of nothing more."""
        delivery = self.lane.begin_next()
        if delivery is not None:
            assert delivery.position == self.finished
            self.finished += 1
            self.lane.end_current()
            return True
        if self.lane.is_behind:
            first = max(self.lane.expected, self.finished)
            rows = [pending(position) for position in range(first, self.published)][: self.window]
            self.lane.read(rows, self.published, most=self.window)
            return True
        return False

    def finish(self) -> None:
        """Tell the lane what it was not told yet, and let it run until it could be released."""
        for position in self.late:
            self.lane.add(pending(position))
        while self.proceed() or self.lane.expected != self.published:
            # Nothing known is left, but the release fails because the lane's next position is another one.
            self.lane.is_behind = self.lane.is_behind or self.lane.expected != self.published


@given(
    st.lists(st.sampled_from(["publish", "publish, told late", "publish, not told", "next", "next", "shed"])),
    st.integers(1, 4),
)
def test_every_delivery_comes_once_and_in_order(steps: Sequence[str], window: int) -> None:
    simulation = Simulation(window)
    for step in steps:
        simulation.do(step)
    simulation.finish()
    assert simulation.finished == simulation.published
    assert simulation.memory.held == 0
