"""Types and decisions of webhook delivery: who is told of what, whether an answer counts, what happens next.

Follows the vendor's documented webhook behaviour: one request per event, 200 and 201 succeed and nothing else does.
An app without a retention time has ``max_retries`` more attempts with a fixed gap between them, then the event is given
up. One with a retention time has a gate: a failure closes it for all of the app's events, which are kept until an
attempt succeeds or their time is over. Unlike the vendor's, the events of one lane (one app and one conversation) are
sent in their order throughout: while one waits for its next attempt, the later ones of its lane wait behind it. An app
without a retention time may choose that they do not: then the one that waits goes into a lane of its own.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum

from switchbay.kit.record import Record
from switchbay.kit.secret import Secret
from switchbay.kit.signatures import SignatureAlgorithm, SignatureEncoding, sign

MAX_RETRIES = 5


class Status(StrEnum):
    """What has become of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Why a delivery is finished without having been delivered."""

    RETRIES_EXHAUSTED = "retries_exhausted"
    RETENTION_EXPIRED = "retention_expired"
    ENDPOINT_GONE = "endpoint_gone"
    ENDPOINT_DISABLED = "endpoint_disabled"
    APP_DISABLED = "app_disabled"
    APP_REMOVED = "app_removed"
    ENDPOINT_REMOVED = "endpoint_removed"
    REPLAY_CANCELLED = "replay_cancelled"


class Origin(StrEnum):
    """What a delivery was made for, where it is not the event as it happened."""

    REPLAY = "replay"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the events of one key go. Header values may be credentials.

    ``is_exempt`` says that the manifest writes ``max_retries: 0``: failures of this webhook do not close the gate.
    """

    event_key: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    max_retries: int
    is_exempt: bool = False


class Ordering(StrEnum):
    """What the later events of a lane do while one waits to be tried again by number: wait behind it, or go on."""

    STRICT = "strict"
    BEST_EFFORT = "best_effort"


@dataclass(frozen=True, slots=True)
class Owner:
    """An installed app as this room sees it: where its events go and what signs them.

    ``retention_time`` is in seconds, 0 for none. ``other_secret`` is the second secret while a rotation lasts.
    ``hears_all`` says that it is told of every conversation of the account, not only of its own.
    """

    account_id: str
    owner_id: str
    client_id: str
    enabled: bool
    endpoints: tuple[Endpoint, ...]
    retention_time: int
    signing_secret: Secret
    other_secret: Secret | None
    hears_all: bool = False
    ordering: Ordering = Ordering.STRICT


@dataclass(frozen=True, slots=True)
class Mark:
    """What marks a delivery that is not the event as it happened: a replay names the event and what it belongs to."""

    origin: Origin
    event_id: str | None = None
    replay_id: str | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """One event for one app. ``body`` holds the exact bytes that are sent and signed."""

    account_id: str
    owner_id: str
    lane: str
    event_key: str
    body: bytes = field(repr=False)
    created_at: int
    mark: Mark | None = None


class Pending(Record, frozen=True):
    """A delivery that is to be made. ``attempts`` counts those made; ``not_before`` is 0 when nothing waits.

    ``origin`` is set where it is not the event as it happened; ``event_id`` is then the id by which receivers know it.
    """

    id: str
    position: int
    event_key: str
    body: bytes
    attempts: int
    not_before: int
    created_at: int
    origin: Origin | None = None
    event_id: str | None = None


# Event keys

_CONVERSATION_CHANGE = "cqm.ExConversationChangeNotification"
_ALIASES = {"ms.MessagingEventNotification.ExConversationChangeNotification": _CONVERSATION_CHANGE}


def canonical_event_key(key: str) -> str:
    """The one key for an event that the vendor's documents name in two ways."""
    return _ALIASES.get(key, key)


# Custom headers

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_RESERVED = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_RESERVED_PREFIX = "x-liveperson-"
_OURS = frozenset(
    {"accept-encoding", "content-encoding", "content-type", "x-switchbay-origin", "x-switchbay-signature"}
)


def header_fault(name: str, value: str) -> str | None:
    """Why a custom header cannot be sent: it breaks the request's framing or poses as the platform's; else None."""
    if not _TOKEN.fullmatch(name):
        return "the name is not an HTTP token"
    if name.lower() in _RESERVED or name.lower().startswith(_RESERVED_PREFIX):
        return "the name is reserved"
    if _CONTROL.search(value):
        return "the value holds a line break or another control character"
    return None


def is_sent(name: str) -> bool:
    """Tell whether a custom header is sent; those that describe the body or sign it are ours alone."""
    return name.lower() not in _OURS


# Judging an attempt

SUCCESS = frozenset({200, 201})
GONE = 410


class AttemptOutcome(StrEnum):
    """What one attempt led to."""

    DELIVERED = "delivered"
    RETRY = "retry"
    GAVE_UP = "gave_up"


class Verdict(Record, frozen=True):
    """What an attempt led to, and when the next one is due if there is one (epoch milliseconds).

    ``reason`` says why there is none. ``holds`` says that it is the gate that decides when the next one is made, and
    ``wait_ms`` how long the endpoint asked not to be called.
    """

    outcome: AttemptOutcome
    next_attempt_at: int | None
    reason: Reason | None = None
    holds: bool = False
    wait_ms: int = 0


def judge(
    status: int | None,
    failure: str | None,
    *,
    number: int,
    max_retries: int,
    now: int,
    gap_ms: int,
    wait_ms: int = 0,
    holds: bool = False,
) -> Verdict:
    """Judge attempt ``number`` (from 1): a whole answer of 200 or 201 succeeds, nothing else does.

    ``wait_ms`` is what the answer asked for; ``holds`` says that a failure is a matter of the gate.
    """
    if failure is None and status in SUCCESS:
        return Verdict(AttemptOutcome.DELIVERED, None)
    if failure is None and status == GONE:
        return Verdict(AttemptOutcome.GAVE_UP, None, Reason.ENDPOINT_GONE)
    if holds:
        return Verdict(AttemptOutcome.RETRY, None, holds=True, wait_ms=wait_ms)
    if number <= min(max_retries, MAX_RETRIES):
        return Verdict(AttemptOutcome.RETRY, now + max(gap_ms, wait_ms), wait_ms=wait_ms)
    return Verdict(AttemptOutcome.GAVE_UP, None, Reason.RETRIES_EXHAUSTED)


_SECONDS = re.compile(r"[0-9]{1,9}")


def retry_after_ms(headers: Iterable[tuple[str, str]], now: int) -> int:
    """How long an answer asks not to be called again (RFC 9110 §10.2.3), at most five minutes; 0 if it does not."""
    value = next((value.strip() for name, value in headers if name.lower() == "retry-after"), "")
    if _SECONDS.fullmatch(value):
        return min(int(value) * 1000, LONGEST_GAP_MS)
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        wait = round(moment.timestamp() * 1000) - now
    except (ValueError, OverflowError):
        return 0
    return max(0, min(wait, LONGEST_GAP_MS))


# Gates


class GateState(StrEnum):
    """How an app with a retention time is doing."""

    UP = "up"
    FAILED = "failed"
    IN_TRANSITION = "in_transition"
    RECOVERED = "recovered"


FIRST_GAP_MS = 2_000
LONGEST_GAP_MS = 300_000


@dataclass(frozen=True, slots=True)
class Gate:
    """An app's gate: closed while it has failed.

    ``failures`` counts those in a row. ``next_at`` is when the next attempt is due, by the lane ``lane`` if that still
    has something; ``timer_at`` is when somebody has to look after the gate, None while it is up.
    """

    state: GateState
    since: int
    failures: int = 0
    next_at: int | None = None
    timer_at: int | None = None
    lane: str | None = None

    @property
    def is_closed(self) -> bool:
        """Whether events are held."""
        return self.state is GateState.FAILED

    def is_attempt_due(self, now: int) -> bool:
        """Whether an attempt may be made; also when its time is so far away that the clock must have been set back."""
        return self.next_at is None or self.next_at <= now or self.next_at > now + 2 * LONGEST_GAP_MS


def gap_after(failures: int) -> int:
    """The gap after so many failures in a row, in milliseconds: 2, 4, 8 … seconds, at most 300."""
    return min(FIRST_GAP_MS << min(failures - 1, 16), LONGEST_GAP_MS)


def gate_after_failure(gate: Gate, *, lane: str, is_probe: bool, now: int, wait_ms: int = 0) -> Gate:
    """The gate after an attempt that failed: it closes; while it is closed, only its own attempts count."""
    if gate.is_closed and not is_probe:
        return gate
    failures = gate.failures + 1 if gate.is_closed else 1
    next_at = now + max(gap_after(failures), min(wait_ms, LONGEST_GAP_MS))
    return Gate(GateState.FAILED, gate.since if gate.is_closed else now, failures, next_at, next_at, lane)


def gate_after_success(gate: Gate, *, now: int) -> Gate:
    """The gate after its own attempt succeeded: what is stored may go."""
    return Gate(GateState.IN_TRANSITION, now, timer_at=now) if gate.is_closed else gate


def gate_when_sent(gate: Gate, *, now: int) -> Gate:
    """The gate when all is sent that had been stored before its state began."""
    if gate.state is GateState.IN_TRANSITION:
        return Gate(GateState.RECOVERED, now, timer_at=now)
    return Gate(GateState.UP, now)


# Breakers


def breaker_pause(openings: int, first_ms: int) -> int:
    """How long a breaker that has opened so many times in a row pauses: twice as long each time, at most 300 s."""
    return min(first_ms << min(openings - 1, 16), LONGEST_GAP_MS)


# Signing


def signatures(
    body: bytes,
    signing: bytes,
    other: bytes | None,
    algorithm: SignatureAlgorithm,
    encoding: SignatureEncoding,
) -> tuple[tuple[str, str], ...]:
    """The signature headers of a body: the vendor's, and while a rotation lasts ours with both secrets' signatures."""
    main = sign(signing, body, algorithm, encoding)
    if other is None:
        return (("X-Liveperson-Signature", main),)
    both = f"{main}, {sign(other, body, algorithm, encoding)}"
    return (("X-Liveperson-Signature", main), ("X-Switchbay-Signature", both))


# How a node works


@dataclass(frozen=True, slots=True)
class Pace:
    """Limits of a node's deliveries. Durations in seconds, ``response_bytes`` of a response body that are read."""

    retry_seconds: float
    connect_seconds: float
    response_seconds: float
    response_bytes: int
    in_flight: int
    lease_seconds: float
    sweep_seconds: float
    most_lanes: int
    parked_seconds: float = 259_200.0
    breaker_failures: int = 10
    breaker_seconds: float = 30.0

    @property
    def retry_ms(self) -> int:
        """The gap between attempts."""
        return round(self.retry_seconds * 1000)

    @property
    def breaker_ms(self) -> int:
        """The first pause of a breaker."""
        return round(self.breaker_seconds * 1000)

    @property
    def lease_ms(self) -> int:
        """How long a lane is a node's without a sign of life."""
        return round(self.lease_seconds * 1000)

    @property
    def parked_ms(self) -> int:
        """How long the events of a disabled app are kept that has no retention time."""
        return round(self.parked_seconds * 1000)

    @property
    def margin_ms(self) -> int:
        """What must be left of a lease for an attempt to begin: as long as the attempt may take, and a bit."""
        longest = round((self.connect_seconds + self.response_seconds) * 1000)
        return min(longest + 1_000, self.lease_ms // 2)
