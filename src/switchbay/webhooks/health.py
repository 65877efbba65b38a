"""How an endpoint is doing: what is counted of its calls, when it counts as failing or slow, and why, in words.

An endpoint is an address of an app. Its calls are counted by minute and node; the counts of all nodes are added up.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256

from switchbay.webhooks.domain import SUCCESS

MINUTE_MS = 60_000
LATENCY_STEPS = (5, 10, 20, 35, 50, 75, 100, 150, 200, 300, 500, 750, 1_000, 1_500, 2_000, 2_500, 3_000, 4_000, 5_000)
"""Milliseconds up to which an answer's time falls into a step; there is one more step for longer times."""
STEPS = len(LATENCY_STEPS) + 1
FAILING_AFTER = 5
SLOW_MS = 2_500
SLOW_MINUTES = 2
SLOW_ANSWERS = 10
"""The least number of answers in those minutes for them to mean anything."""


def digest(url: str) -> str:
    """The short name of an address, under which its figures are stored."""
    return sha256(url.encode()).hexdigest()[:32]


def shown_url(url: str) -> str:
    """An address without its query, which may hold a credential."""
    return url.partition("?")[0]


# Counting


@dataclass(frozen=True, slots=True)
class Counts:
    """Calls in some time. ``answers`` are those that had an answer, in ``answers_ms`` together."""

    requests: int = 0
    failures: int = 0
    answers: int = 0
    answers_ms: int = 0
    latencies: tuple[int, ...] = (0,) * STEPS

    @property
    def mean_ms(self) -> float | None:
        """The mean time of an answer."""
        return self.answers_ms / self.answers if self.answers else None

    @property
    def success_rate(self) -> float | None:
        """The part of the calls that succeeded, 0 to 1."""
        return (self.requests - self.failures) / self.requests if self.requests else None

    def percentile_ms(self, percent: int) -> int | None:
        """The time within which so many percent of the answers came, as the upper end of its step."""
        if not self.answers:
            return None
        wanted = -(-self.answers * percent // 100)
        for place, count in enumerate(self.latencies):
            wanted -= count
            if wanted <= 0:
                return LATENCY_STEPS[min(place, len(LATENCY_STEPS) - 1)]
        return LATENCY_STEPS[-1]


def added(counts: Iterable[Counts]) -> Counts:
    """The sum."""
    listed = list(counts)
    return Counts(
        sum(each.requests for each in listed),
        sum(each.failures for each in listed),
        sum(each.answers for each in listed),
        sum(each.answers_ms for each in listed),
        tuple(sum(each.latencies[place] for each in listed) for place in range(STEPS)),
    )


class Counter:
    """Counts that grow, of one minute; ``told`` is how many of the requests have been written down."""

    __slots__ = ("answers", "answers_ms", "failures", "latencies", "minute", "requests", "told")

    def __init__(self, minute: int) -> None:
        self.minute = minute
        self.requests = 0
        self.told = 0
        self.failures = 0
        self.answers = 0
        self.answers_ms = 0
        self.latencies = [0] * STEPS

    def add(self, total_ms: int, *, is_answered: bool, is_success: bool) -> None:
        """Count a call."""
        self.requests += 1
        if not is_success:
            self.failures += 1
        if is_answered:
            self.answers += 1
            self.answers_ms += total_ms
            self.latencies[bisect_left(LATENCY_STEPS, total_ms)] += 1

    @property
    def counts(self) -> Counts:
        """The counts as they are."""
        return Counts(self.requests, self.failures, self.answers, self.answers_ms, tuple(self.latencies))


# What has happened, and what it means


@dataclass(frozen=True, slots=True)
class News:
    """What one node has seen of an endpoint since it last told: ``failures`` are those after the last success.

    ``paused_until`` is None where nothing has changed about its breaker, and 0 when that has closed.
    """

    failures: int = 0
    succeeded_at: int | None = None
    failed_at: int | None = None
    failure: str | None = None
    paused_until: int | None = None

    def then(self, later: "News") -> "News":
        """These, and later ones."""
        return News(
            later.failures if later.succeeded_at is not None else self.failures + later.failures,
            later.succeeded_at or self.succeeded_at,
            later.failed_at or self.failed_at,
            later.failure if later.failed_at is not None else self.failure,
            self.paused_until if later.paused_until is None else later.paused_until,
        )


class EndpointState(StrEnum):
    """How an endpoint is doing."""

    HEALTHY = "healthy"
    FAILING = "failing"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Condition:
    """What is known of an endpoint; ``failures`` are those in a row, on all nodes."""

    state: EndpointState = EndpointState.HEALTHY
    since: int = 0
    failures: int = 0
    succeeded_at: int | None = None
    failed_at: int | None = None
    failure: str | None = None
    paused_until: int | None = None


def _later(one: int | None, other: int | None) -> int | None:
    return max((each for each in (one, other) if each is not None), default=None)


def _merged(before: Condition, news: News) -> Condition:
    succeeded_at = _later(before.succeeded_at, news.succeeded_at)
    failures = before.failures + news.failures if news.succeeded_at is None else news.failures
    if succeeded_at is not None and news.failed_at is not None and news.failed_at < succeeded_at:
        failures = min(failures, before.failures)  # another node has had a success since
    if news.succeeded_at is not None and before.failed_at is not None and news.succeeded_at < before.failed_at:
        failures += before.failures  # another node has had failures since
    is_newer = news.failed_at is not None and (before.failed_at is None or news.failed_at >= before.failed_at)
    return replace(
        before,
        failures=failures,
        succeeded_at=succeeded_at,
        failed_at=_later(before.failed_at, news.failed_at),
        failure=news.failure if is_newer else before.failure,
        paused_until=before.paused_until if news.paused_until is None else news.paused_until or None,
    )


def judged(before: Condition, news: News, *, is_slow: bool | None, now: int) -> Condition:
    """The condition after what a node tells. ``is_slow`` is None where too little is known of the last minutes."""
    after = _merged(before, news)
    if after.failures >= FAILING_AFTER or (before.state is EndpointState.FAILING and after.failures):
        state = EndpointState.FAILING
    elif is_slow is None:
        state = EndpointState.SLOW if before.state is EndpointState.SLOW else EndpointState.HEALTHY
    else:
        state = EndpointState.SLOW if is_slow else EndpointState.HEALTHY
    return after if state is before.state else replace(after, state=state, since=now)


def is_worth_storing(before: Condition, after: Condition) -> bool:
    """Whether anything has changed; of a success after a success once a minute is enough."""
    if replace(after, succeeded_at=before.succeeded_at) != before:
        return True
    return abs((after.succeeded_at or 0) - (before.succeeded_at or 0)) >= MINUTE_MS


def is_slow(minutes: Sequence[Counts]) -> bool | None:
    """Whether the last whole minutes, one after the other, were each slow in the mean; None if they say too little."""
    if len(minutes) < SLOW_MINUTES or sum(each.answers for each in minutes) < SLOW_ANSWERS:
        return None
    means = [each.mean_ms for each in minutes]
    return all(mean is not None and mean > SLOW_MS for mean in means)


# Words

_REASONS = {
    "bad_url": "its address cannot be called",
    "http_refused": "its address is plain http",
    "dns": "its name does not exist or was not resolved in time",
    "blocked_address": "its name leads only to addresses that may not be called",
    "connect_timeout": "no connection came about in time",
    "connect": "the connection was refused or cannot be routed",
    "tls": "its TLS is too old or its certificate is not valid for it",
    "client_certificate": "it did not accept the client certificate",
    "proxy": "the forward proxy refused the connection",
    "proxy_timeout": "the forward proxy did not answer in time",
    "response_timeout": "it did not answer in time",
    "connection_closed": "it closed the connection before its answer was whole",
    "protocol": "its answer is not HTTP/1.1",
    "response_head_too_large": "the head of its answer is too large",
}


def reason_in_words(status: int | None, failure: str | None) -> str | None:
    """Why a call failed; None if it did not."""
    if failure is not None:
        return _REASONS.get(failure, failure.replace("_", " "))
    return None if status in SUCCESS else f"it answered {status}"


def condition_in_words(condition: Condition) -> str:
    """Why an endpoint is in its state."""
    if condition.state is EndpointState.FAILING:
        times = "once" if condition.failures == 1 else f"{condition.failures} times in a row"
        return f"the last calls failed ({times}); of the last one: {condition.failure or 'unknown'}"
    if condition.state is EndpointState.SLOW:
        return f"its answers took more than {SLOW_MS / 1000:g} seconds in the mean, for {SLOW_MINUTES} minutes"
    return "it answers"
