"""Decisions of delivery: what succeeds, when to try again, which custom headers may be sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbay.webhooks.domain import (
    MAX_RETRIES,
    AttemptOutcome,
    Verdict,
    canonical_event_key,
    header_fault,
    is_sent,
    judge,
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
    elif number <= min(max_retries, MAX_RETRIES):
        assert verdict == Verdict(AttemptOutcome.RETRY, NOW + GAP)
    else:
        assert verdict == Verdict(AttemptOutcome.GAVE_UP, None)


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
