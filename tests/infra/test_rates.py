"""Limits on how often something may happen."""

from switchbay.infra.machine import ManualClock
from switchbay.infra.rates import Rates


def test_a_key_may_do_it_so_often_at_once_and_then_evenly() -> None:
    clock = ManualClock()
    rates: Rates[str] = Rates(clock, 4)
    assert [rates.take("a") for _ in range(5)] == [0, 0, 0, 0, 15]
    clock.advance(seconds=14)
    assert rates.take("a") == 1
    clock.advance(seconds=1)
    assert [rates.take("a") for _ in range(2)] == [0, 15]


def test_keys_do_not_disturb_each_other() -> None:
    rates: Rates[str] = Rates(ManualClock(), 1)
    assert [rates.take(key) for key in "aba"] == [0, 0, 60]


def test_who_was_away_for_a_minute_begins_anew() -> None:
    clock = ManualClock()
    rates: Rates[str] = Rates(clock, 2)
    assert [rates.take("a") for _ in range(3)] == [0, 0, 30]
    clock.advance(seconds=60)
    assert [rates.take("a") for _ in range(3)] == [0, 0, 30]


def test_memory_is_bounded_and_the_one_not_seen_longest_is_forgotten() -> None:
    rates: Rates[int] = Rates(ManualClock(), 1, most=2)
    assert [rates.take(key) for key in (1, 2, 3)] == [0, 0, 0]
    assert [rates.take(key) for key in (3, 1)] == [60, 0]
