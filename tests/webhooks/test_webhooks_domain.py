"""Decisions of delivery: what succeeds, when to try again, which custom headers may be sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbay.webhooks.domain import (
    MAX_RETRIES,
    AttemptOutcome,
    Gate,
    GateState,
    Reason,
    Verdict,
    canonical_event_key,
    gap_after,
    gate_after_failure,
    gate_after_success,
    gate_when_sent,
    header_fault,
    is_sent,
    judge,
    retry_after_ms,
)

NOW = 1_700_000_000_000
GAP = 30_000


@pytest.mark.parametrize("status", [200, 201])
def test_a_whole_answer_of_200_or_201_succeeds(status: int) -> None:
    verdict = judge(status, None, number=1, max_retries=0, now=NOW, gap_ms=GAP)
    assert verdict == Verdict(AttemptOutcome.DELIVERED, None)


def test_200_in_an_answer_that_never_ended_is_a_failure() -> None:
    verdict = judge(200, "response_timeout", number=1, max_retries=1, now=NOW, gap_ms=GAP)
    assert verdict == Verdict(AttemptOutcome.RETRY, NOW + GAP)


@given(st.integers(100, 599) | st.none(), st.integers(0, 9), st.integers(1, 9))
def test_a_failure_is_tried_again_while_retries_are_left(status: int | None, max_retries: int, number: int) -> None:
    verdict = judge(status, None if status else "connect", number=number, max_retries=max_retries, now=NOW, gap_ms=GAP)
    if status in {200, 201}:
        assert verdict.outcome is AttemptOutcome.DELIVERED
    elif status == 410:
        assert verdict == Verdict(AttemptOutcome.GAVE_UP, None, Reason.ENDPOINT_GONE)
    elif number <= min(max_retries, MAX_RETRIES):
        assert verdict == Verdict(AttemptOutcome.RETRY, NOW + GAP)
    else:
        assert verdict == Verdict(AttemptOutcome.GAVE_UP, None, Reason.RETRIES_EXHAUSTED)


def test_at_most_six_attempts_are_made() -> None:
    outcomes = [
        judge(500, None, number=number, max_retries=5, now=NOW, gap_ms=GAP).outcome.value for number in range(1, 7)
    ]
    assert outcomes == 5 * ["retry"] + ["gave_up"]


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "host",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Keep-Alive",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
        "X-Liveperson-Signature",
        "x-LIVEPERSON-anything",
    ],
)
def test_a_reserved_header_is_refused(name: str) -> None:
    assert header_fault(name, "1") == "the name is reserved"


@pytest.mark.parametrize("name", ["", "X A", "X:A", "X\r\nY", "Ü", "X\x00", "(x)"])
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    assert header_fault(name, "1") == "the name is not an HTTP token"


@pytest.mark.parametrize("value", ["a\r\nX-B: 2", "a\nb", "a\rb", "a\x00b", "\x7f", "a\x0bb"])
def test_a_value_with_a_control_character_is_refused(value: str) -> None:
    assert header_fault("X-A", value) == "the value holds a line break or another control character"


@pytest.mark.parametrize(("name", "value"), [("Authorization", "Bearer x"), ("X-A", ""), ("X-A", "a\tb"), ("X-A", "é")])
def test_an_ordinary_header_is_accepted(name: str, value: str) -> None:
    assert header_fault(name, value) is None


@pytest.mark.parametrize("name", ["Content-Type", "content-encoding", "Accept-Encoding", "X-Switchbay-Signature"])
def test_a_header_that_describes_the_body_is_not_sent(name: str) -> None:
    assert not is_sent(name)


def test_the_two_names_of_the_conversation_event_are_one() -> None:
    proper = "cqm.ExConversationChangeNotification"
    assert canonical_event_key("ms.MessagingEventNotification.ExConversationChangeNotification") == proper
    assert canonical_event_key(proper) == proper
    assert canonical_event_key("ms.MessagingEventNotification.ContentEvent").endswith("ContentEvent")


# Time to live


def test_a_failure_that_is_a_matter_of_the_gate_names_no_time() -> None:
    verdict = judge(503, None, number=1, max_retries=0, now=NOW, gap_ms=GAP, wait_ms=7_000, holds=True)
    assert verdict == Verdict(AttemptOutcome.RETRY, None, holds=True, wait_ms=7_000)


def test_the_gaps_of_a_gate_double_up_to_five_minutes() -> None:
    assert [gap_after(failures) // 1000 for failures in range(1, 12)] == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert gap_after(1_000_000) == 300_000


def test_a_failure_closes_a_gate_and_only_its_own_attempts_lengthen_the_gap() -> None:
    closed = gate_after_failure(Gate(GateState.UP, 5), lane="a", is_probe=False, now=NOW)
    assert closed == Gate(GateState.FAILED, NOW, 1, NOW + 2_000, NOW + 2_000, "a")
    assert gate_after_failure(closed, lane="b", is_probe=False, now=NOW + 1_000) == closed
    later = NOW + 2_000
    assert gate_after_failure(closed, lane="a", is_probe=True, now=later) == Gate(
        GateState.FAILED, NOW, 2, later + 4_000, later + 4_000, "a"
    )


@pytest.mark.parametrize("state", [GateState.IN_TRANSITION, GateState.RECOVERED])
def test_a_failure_while_a_gate_recovers_closes_it_and_begins_with_the_shortest_gap(state: GateState) -> None:
    closed = gate_after_failure(Gate(state, 5), lane="a", is_probe=False, now=NOW)
    assert (closed.state, closed.failures, closed.next_at) == (GateState.FAILED, 1, NOW + 2_000)


def test_a_gate_opens_by_its_own_attempt_and_goes_over_in_transition_and_recovered_to_up() -> None:
    closed = gate_after_failure(Gate(GateState.UP, 5), lane="a", is_probe=False, now=NOW)
    first = gate_after_success(closed, now=NOW + 1)
    second = gate_when_sent(first, now=NOW + 2)
    third = gate_when_sent(second, now=NOW + 3)
    assert first == Gate(GateState.IN_TRANSITION, NOW + 1, timer_at=NOW + 1)
    assert second == Gate(GateState.RECOVERED, NOW + 2, timer_at=NOW + 2)
    assert third == Gate(GateState.UP, NOW + 3)
    assert gate_after_success(third, now=NOW + 9) == third


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("0", 0),
        ("120", 120_000),
        (" 7 ", 7_000),
        ("301", 300_000),
        (9 * "9", 300_000),
        (5_000 * "9", 0),
        ("-5", 0),
        ("1.5", 0),
        ("", 0),
        ("soon", 0),
        ("Tue, 14 Nov 2023 22:14:00 GMT", 40_000),
        ("Tue, 14 Nov 2023 22:14:00 -0000", 40_000),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0),
        ("Tue, 14 Nov 2090 22:13:00 GMT", 300_000),
        ("Tue, 99 Nov 2023 99:99:99 GMT", 0),
    ],
)
def test_what_an_answer_asks_for_is_read_and_capped(value: str, wait: int) -> None:
    assert retry_after_ms([("Date", "x"), ("retry-AFTER", value)], NOW) == wait


@given(st.text(max_size=60))
def test_whatever_an_answer_asks_for_has_its_bounds(value: str) -> None:
    assert 0 <= retry_after_ms([("Retry-After", value)], NOW) <= 300_000


def test_an_answer_that_asks_for_nothing_is_not_waited_for() -> None:
    assert retry_after_ms([("Date", "Tue, 14 Nov 2023 22:14:00 GMT")], NOW) == 0
