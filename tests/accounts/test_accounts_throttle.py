"""The rules of waiting after failed logins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbay.accounts.domain.throttle import (
    ANY,
    HOUR_MS,
    LONGEST_WAIT_MS,
    NONE,
    Failures,
    Limits,
    Place,
    after_failure,
    forgiven,
    network_of,
    places,
    wait_ms,
)

LIMITS = Limits(per_user=3, per_network=20, first_wait_ms=60_000)
HERE = "198.51.100.7"
PAIR = Place("name", HERE)
NOW = 1_700_000_000_000


def failed(times: int, *, free: int = 3, at: int = NOW) -> Failures:
    """A count after some failures at one instant."""
    failures = NONE
    for _ in range(times):
        failures = after_failure(failures, free, LIMITS, at)
    return failures


def test_failures_below_the_limit_begin_no_wait() -> None:
    assert wait_ms(failed(2), NOW) == 0


@pytest.mark.parametrize(
    ("times", "seconds"), [(3, 60), (4, 120), (5, 240), (6, 480), (7, 960), (8, 1_920), (9, 3_600), (200, 3_600)]
)
def test_the_wait_doubles_up_to_an_hour(times: int, seconds: int) -> None:
    assert wait_ms(failed(times), NOW) == seconds * 1_000


def test_a_wait_is_over_when_its_time_has_passed() -> None:
    failures = failed(3)
    assert wait_ms(failures, NOW + 59_999) == 1
    assert wait_ms(failures, NOW + 60_000) == 0


def test_a_wait_stored_by_a_clock_far_ahead_lasts_an_hour_at_most() -> None:
    assert wait_ms(Failures(3, NOW + 10**12, NOW + 10**12), NOW) == LONGEST_WAIT_MS


def test_a_count_halves_for_each_quiet_hour_after_the_wait() -> None:
    failures = failed(8)  # its wait is 1,920 seconds
    end = NOW + 1_920_000
    assert after_failure(failures, 3, LIMITS, end + HOUR_MS - 1).count == 9
    assert after_failure(failures, 3, LIMITS, end + HOUR_MS).count == 5
    assert after_failure(failures, 3, LIMITS, end + 3 * HOUR_MS).count == 2


@given(st.lists(st.integers(0, 3 * HOUR_MS), max_size=60))
def test_no_wait_ever_exceeds_an_hour_and_every_wait_ends(gaps: list[int]) -> None:
    failures, now = NONE, NOW
    for gap in gaps:
        now += gap
        if wait_ms(failures, now) == 0:  # what comes during a wait is refused and not counted
            failures = after_failure(failures, 3, LIMITS, now)
        assert 0 <= wait_ms(failures, now) <= LONGEST_WAIT_MS
        assert wait_ms(failures, now + LONGEST_WAIT_MS) == 0


def test_a_stranger_is_measured_by_network_by_pair_and_by_name() -> None:
    assert places("name", HERE, network_is_known=False) == (Place(ANY, HERE), PAIR, Place("name", ANY))


def test_a_known_network_is_not_measured_by_what_others_do_with_the_name() -> None:
    assert places("name", HERE, network_is_known=True) == (Place(ANY, HERE), PAIR)


def test_the_count_of_a_name_everywhere_begins_where_no_single_network_gets() -> None:
    assert LIMITS.free(PAIR) == 3
    assert LIMITS.free(Place("name", ANY)) == 30
    assert LIMITS.free(Place(ANY, HERE)) == 20


def test_a_success_takes_only_its_own_failures_off_the_networks_count() -> None:
    assert forgiven(Failures(19, NOW, 0), Failures(2, NOW, 0)) == Failures(17, NOW, 0)
    assert forgiven(Failures(1, NOW, 0), Failures(2, NOW, 0)).count == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, "unknown"),
        ("", "unknown"),
        ("testclient", "unknown"),
        ("1.2.3.4\x00", "unknown"),
    ],
)
def test_addresses_are_counted_by_network(address: str | None, network: str) -> None:
    assert network_of(address) == network
