"""What keeps lanes from an endpoint for a while: the circuit breaker of retries by number, and limits to the rate.

A door belongs to one address of one owner, as this node knows it: nothing of it is stored, and a node begins with every
door open. The lanes that wait at a door are remembered there and cost one timer together. They keep their leases and
their attempts, and nothing of them is sent: an event that waits here has not been tried.

A breaker shuts its door after some failures in a row that say that nobody is there. When its pause is over exactly one
lane goes through; if that one's attempt fails, the door stays shut for twice as long, and any answer opens it.
"""

from collections import deque
from collections.abc import Callable

from switchbay.infra.machine import Clock
from switchbay.webhooks import metrics
from switchbay.webhooks.domain import LONGEST_GAP_MS, Pace, breaker_pause
from switchbay.webhooks.workers.lane import DoorKey, Lane, State

_CARRIED_MS = 100
"""How much of the time in which nothing was sent may be made up for: timers are late now and then."""
_LONG_WAIT_MS = 1_000
_NEXT_CANDIDATES_MS = 1_000
_MOST_DOORS = 10_000

Alarm = Callable[[int, Callable[[], None]], None]
Holds = Callable[[Lane, int], bool]
Free = Callable[[Lane], None]
Leave = Callable[[Lane, int], bool]
Paused = Callable[[DoorKey, int | None], None]


class _Door:
    __slots__ = ("alarm_at", "candidates", "failures", "next_at", "openings", "prober", "rate", "shut_until", "waiting")

    def __init__(self) -> None:
        self.failures = 0
        self.openings = 0
        self.shut_until: int | None = None
        self.prober: Lane | None = None
        self.candidates = 1
        self.rate: int | None = None
        self.next_at = 0.0
        self.waiting: deque[tuple[Lane, int]] = deque()
        self.alarm_at: int | None = None

    def is_pause_over(self, now: int) -> bool:
        """Also when it would last longer than any does: then the clock has been set back."""
        return self.shut_until is not None and not now < self.shut_until <= now + LONGEST_GAP_MS

    def may_go(self, now: int) -> bool:
        """Whether the rate allows one more; the clock may have been set back."""
        return not now < self.next_at <= now + _LONG_WAIT_MS

    def count(self, now: int, rate: int) -> None:
        """One more goes."""
        since = self.next_at if self.next_at <= now + _LONG_WAIT_MS else now
        self.next_at = max(since, now - _CARRIED_MS) + 1_000 / rate

    @property
    def is_idle(self) -> bool:
        """Whether nothing is known that matters."""
        return not (self.failures or self.waiting or self.prober or self.shut_until is not None or self.rate)


class Doors:
    """The doors of a node.

    ``leave`` has a lane leave this node's memory until a time, if that is crowded; ``paused`` hears until when a
    breaker is open, and None when it closes.
    """

    def __init__(
        self, clock: Clock, pace: Pace, *, alarm: Alarm, holds: Holds, free: Free, leave: Leave, paused: Paused
    ) -> None:
        self._clock = clock
        self._pace = pace
        self._alarm = alarm
        self._holds = holds
        self._free = free
        self._leave = leave
        self._paused = paused
        self._doors: dict[DoorKey, _Door] = {}

    def __bool__(self) -> bool:
        """Whether there is any door that may be shut."""
        return bool(self._doors)

    def shut_until(self, key: DoorKey) -> int | None:
        """Until when the breaker keeps the door shut, if it does."""
        door = self._doors.get(key)
        return None if door is None else door.shut_until

    def admits(self, key: DoorKey, lane: Lane, rate: int | None) -> bool:
        """Whether a lane may go on to an endpoint now; else it waits here until it is freed.

        ``rate`` is how many requests a second the endpoint may get, None for any number.
        """
        door = self._doors.get(key)
        if door is None:
            if rate is None:
                return True
            door = self._add(key)
        door.rate = rate
        now = self._clock.now_ms()
        if door.shut_until is not None:
            if door.prober is not None or not door.is_pause_over(now):
                return self._keep(key, door, lane, now)
            door.prober, lane.door = lane, key
            door.candidates = 1
        elif rate is not None and not lane.has_leave and (door.waiting or not door.may_go(now)):
            metrics.RATE_DELAYED.inc()
            return self._keep(key, door, lane, now)
        if rate is not None and not lane.has_leave:
            door.count(now, rate)
        lane.has_leave = False
        return True

    def _add(self, key: DoorKey) -> _Door:
        if len(self._doors) >= _MOST_DOORS:
            now = self._clock.now_ms()
            for each, door in tuple(self._doors.items()):
                if not door.waiting and door.prober is None and (door.shut_until is None or door.is_pause_over(now)):
                    del self._doors[each]
        door = self._doors[key] = _Door()
        return door

    def _keep(self, key: DoorKey, door: _Door, lane: Lane, now: int) -> bool:
        at = self._next_at(door, now)
        wait = max(at - now, 0) + (0 if door.rate is None else len(door.waiting) * 1_000 // door.rate)
        if self._leave(lane, now + max(wait, _LONG_WAIT_MS)):
            return False
        if wait > _LONG_WAIT_MS:
            lane.shed()
        lane.state = State.WAITING
        door.waiting.append((lane, lane.generation))
        if door.prober is None:
            self._set_alarm(key, door, at)
        return False

    def _next_at(self, door: _Door, now: int) -> int:
        if door.shut_until is not None:
            return now if door.is_pause_over(now) else door.shut_until
        return now if door.may_go(now) else int(door.next_at) + 1

    def _set_alarm(self, key: DoorKey, door: _Door, at: int) -> None:
        if door.alarm_at is None or at < door.alarm_at or door.alarm_at <= self._clock.now_ms():
            door.alarm_at = at
            self._alarm(at, lambda: self._look(key, door))

    def _look(self, key: DoorKey, door: _Door) -> None:
        """Its timer has gone off: let lanes go on, as far as that may be."""
        door.alarm_at = None
        if self._doors.get(key) is not door:
            return
        now = self._clock.now_ms()
        if door.shut_until is not None:
            if door.prober is None and door.is_pause_over(now):
                # One is enough, unless it has nothing for this address any more: then more are asked.
                self._let_go(door, door.candidates)
                door.candidates *= 2
                now += _NEXT_CANDIDATES_MS
        elif door.rate is None:
            self._let_go(door, len(door.waiting))
        else:
            while door.may_go(now) and self._let_go(door, 1, has_leave=True):
                door.count(now, door.rate)
        if door.waiting and door.prober is None:
            self._set_alarm(key, door, max(self._next_at(door, now), self._clock.now_ms() + 1))
        self._forget(key, door)

    def _let_go(self, door: _Door, most: int, *, has_leave: bool = False) -> int:
        """Free up to so many of the lanes that wait; return how many."""
        freed = 0
        for _ in range(len(door.waiting)):
            if freed == most or not door.waiting:
                break
            lane, generation = door.waiting.popleft()
            if self._holds(lane, generation) and lane.state is State.WAITING:
                lane.has_leave = has_leave
                freed += 1
                self._free(lane)
        return freed

    def _forget(self, key: DoorKey, door: _Door) -> None:
        if door.is_idle and self._doors.get(key) is door:
            del self._doors[key]

    # What came of attempts

    def answered(self, key: DoorKey, lane: Lane) -> None:
        """The endpoint is there: whoever waits may go on."""
        door = self._doors.get(key)
        lane.door = None
        if door is None:
            return
        door.failures = door.openings = 0
        if door.shut_until is not None:
            if door.prober is not None:
                door.prober.door = None  # somebody who had begun before was first: its attempt is like any other now
            door.shut_until = door.prober = None
            self._paused(key, None)
            self._set_alarm(key, door, self._clock.now_ms())
        self._forget(key, door)

    def failed(self, key: DoorKey, lane: Lane) -> None:
        """Nobody seems to be there."""
        door = self._doors.get(key) or self._add(key)
        is_probe = door.prober is lane
        lane.door = None
        door.failures += 1
        if door.shut_until is not None and not is_probe:
            return  # it had begun before
        if not is_probe and door.failures < self._pace.breaker_failures:
            return
        door.openings += 1
        door.prober = None
        now = self._clock.now_ms()
        door.shut_until = now + breaker_pause(door.openings, self._pace.breaker_ms)
        metrics.BREAKERS_OPENED.inc()
        self._paused(key, door.shut_until)
        if door.waiting:
            self._set_alarm(key, door, door.shut_until)

    def put_back(self, lane: Lane) -> None:
        """The attempt that a shut door waits for was not made: another lane makes it."""
        key, lane.door = lane.door, None
        door = None if key is None else self._doors.get(key)
        if key is not None and door is not None and door.prober is lane:
            door.prober = None
            if door.waiting:
                self._set_alarm(key, door, self._clock.now_ms())
