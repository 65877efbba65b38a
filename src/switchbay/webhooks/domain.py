"""Types and decisions of webhook delivery: who is told of what, whether an answer counts, what happens next.

Follows the vendor's documented webhook behaviour: one request per event, 200 and 201 succeed and nothing else does,
``max_retries`` more attempts with a fixed gap between them, then the event is given up. Unlike the vendor's, the events
of one lane (one app and one conversation) are sent in their order throughout: while one waits for its next attempt,
the later ones of its lane wait behind it.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum

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
    """Where the events of one key go. Header values may be credentials."""

    event_key: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    max_retries: int


@dataclass(frozen=True, slots=True)
class Owner:
    """An installed app as this room sees it: where its events go and what signs them.

    ``retention_time`` is in seconds, 0 for none. ``other_secret`` is the second secret while a rotation lasts.
    """

    account_id: str
    owner_id: str
    client_id: str
    enabled: bool
    endpoints: tuple[Endpoint, ...]
    retention_time: int
    signing_secret: Secret
    other_secret: Secret | None


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


@dataclass(frozen=True, slots=True)
class Pending:
    """A delivery that is to be made. ``attempts`` counts those made; ``not_before`` is 0 when nothing waits.

    ``origin`` is set where it is not the event as it happened; ``event_id`` is then the id by which receivers know it.
    """

    id: str
    position: int
    event_key: str
    body: bytes = field(repr=False)
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


class AttemptOutcome(StrEnum):
    """What one attempt led to."""

    DELIVERED = "delivered"
    RETRY = "retry"
    GAVE_UP = "gave_up"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an attempt led to, and when the next one is due if there is one (epoch milliseconds)."""

    outcome: AttemptOutcome
    next_attempt_at: int | None


def judge(status: int | None, failure: str | None, *, number: int, max_retries: int, now: int, gap_ms: int) -> Verdict:
    """Judge attempt ``number`` (from 1): a whole answer of 200 or 201 succeeds, nothing else does."""
    if failure is None and status in SUCCESS:
        return Verdict(AttemptOutcome.DELIVERED, None)
    if number <= min(max_retries, MAX_RETRIES):
        return Verdict(AttemptOutcome.RETRY, now + gap_ms)
    return Verdict(AttemptOutcome.GAVE_UP, None)


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

    @property
    def retry_ms(self) -> int:
        """The gap between attempts."""
        return round(self.retry_seconds * 1000)

    @property
    def lease_ms(self) -> int:
        """How long a lane is a node's without a sign of life."""
        return round(self.lease_seconds * 1000)

    @property
    def margin_ms(self) -> int:
        """What must be left of a lease for an attempt to begin: as long as the attempt may take, and a bit."""
        longest = round((self.connect_seconds + self.response_seconds) * 1000)
        return min(longest + 1_000, self.lease_ms // 2)
