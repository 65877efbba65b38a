"""What goes over the wire to an endpoint, what is kept of its answer, deliveries as the management API shows them."""

import base64
from functools import lru_cache

import msgspec

from switchbay import __version__
from switchbay.infra.egress import Outcome
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.signatures import SignatureAlgorithm, SignatureEncoding
from switchbay.webhooks.domain import Pending, signatures
from switchbay.webhooks.owners import SendEndpoint, SendOwner
from switchbay.webhooks.replay import Replay
from switchbay.webhooks.request_head import HIDDEN, parse_head
from switchbay.webhooks.store.listing import AttemptDetail, DeliveryDetail, DeliverySummary
from switchbay.webhooks.timeline import Moment, Step, timeline

_USER_AGENT = f"Switchbay/{__version__}"
_CONTENT_TYPE = "application/json; charset=utf-8"
_CAPABILITY = "webhooks"
_HIDDEN_RESPONSE_HEADERS = frozenset({"set-cookie", "set-cookie2", "authorization", "www-authenticate"})
_KEPT_HEADERS = 40
_KEPT_HEADER_CHARACTERS = 256
KEPT_BODY_BYTES = 1_024
_KEPT_DETAIL_CHARACTERS = 300

_headers_decoder = msgspec.json.Decoder(list[tuple[str, str]])


def request_headers(
    account_id: str,
    owner: SendOwner,
    endpoint: SendEndpoint,
    delivery: Pending,
    *,
    now: int,
    algorithm: SignatureAlgorithm,
    encoding: SignatureEncoding,
) -> list[tuple[str, str]]:
    """The headers of a webhook request, custom ones last."""
    headers = [
        ("Content-Type", _CONTENT_TYPE),
        ("Accept", "*/*"),
        ("X-Liveperson-Account-Id", account_id),
        ("X-Liveperson-Client-Id", owner.client_id),
        ("X-Liveperson-Capability", _CAPABILITY),
        ("X-Liveperson-Request-Id", delivery.event_id or delivery.id),
        ("X-Liveperson-Timestamp", str(now)),
        *signatures(delivery.body, owner.signing_secret, owner.other_secret, algorithm, encoding),
    ]
    if delivery.origin is not None:
        headers.append(("X-Switchbay-Origin", delivery.origin.value))
    custom = {name.lower() for name, _ in endpoint.headers}
    if "accept" in custom:
        del headers[1]
    if "user-agent" not in custom:
        headers.append(("User-Agent", _USER_AGENT))
    headers.extend(endpoint.headers)
    return headers


@lru_cache(maxsize=64)  # an endpoint's answers have the same head for as long as the second of their Date
def kept_headers(headers: tuple[tuple[str, str], ...]) -> str:
    """A response's headers as JSON text: bounded, cookies and challenges hidden."""
    kept = [
        (name[:_KEPT_HEADER_CHARACTERS], HIDDEN if name.lower() in _HIDDEN_RESPONSE_HEADERS else _cut(value))
        for name, value in headers[:_KEPT_HEADERS]
    ]
    return msgspec.json.encode(kept).decode()


def _cut(value: str) -> str:
    return value if len(value) <= _KEPT_HEADER_CHARACTERS else value[:_KEPT_HEADER_CHARACTERS] + "…"


def kept_detail(outcome: Outcome) -> str | None:
    """The detail of a failure, bounded and without characters that a database refuses."""
    if outcome.detail is None:
        return None
    return outcome.detail.replace("\x00", "\ufffd")[:_KEPT_DETAIL_CHARACTERS]


def _body_to_json(body: bytes) -> dict[str, JsonValue]:
    """A body as text where it is UTF-8, else in base64."""
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode("ascii")}


def render_summary(delivery: DeliverySummary) -> dict[str, JsonValue]:
    """One delivery in a list."""
    return {
        "id": delivery.id,
        "app": delivery.owner_id,
        "conversation": delivery.lane,
        "position": delivery.position,
        "event": delivery.event_key,
        "status": delivery.status,
        "reason": delivery.reason,
        "attempts": delivery.attempts,
        "next_attempt_at": delivery.next_attempt_at,
        "created_at": delivery.created_at,
        "finished_at": delivery.finished_at,
        "origin": delivery.origin,
        "event_id": delivery.event_id or delivery.id,
        "replay": delivery.replay_id,
    }


def _render_request(attempt: AttemptDetail, delivery: DeliverySummary) -> dict[str, JsonValue] | None:
    """The head of a request as it was sent, without what every client sends."""
    if attempt.request is None:
        return None
    url, kept = parse_head(attempt.request)
    headers = [
        ("Content-Type", _CONTENT_TYPE),
        ("X-Liveperson-Capability", _CAPABILITY),
        ("X-Liveperson-Request-Id", delivery.event_id or delivery.id),
        ("X-Liveperson-Timestamp", str(attempt.started_at)),
        *([] if delivery.origin is None else [("X-Switchbay-Origin", delivery.origin)]),
        *kept,
    ]
    return {"method": "POST", "url": url, "headers": [{"name": name, "value": value} for name, value in headers]}


def _render_attempt(attempt: AttemptDetail, delivery: DeliverySummary) -> dict[str, JsonValue]:
    headers: list[JsonValue] = [
        {"name": name, "value": value} for name, value in _headers_decoder.decode(attempt.response_headers)
    ]
    return {
        "number": attempt.number,
        "started_at": attempt.started_at,
        "connect_ms": attempt.connect_ms,
        "first_byte_ms": attempt.first_byte_ms,
        "total_ms": attempt.total_ms,
        "address": attempt.address,
        "status": attempt.status,
        "failure": attempt.failure,
        "detail": attempt.detail,
        "request": _render_request(attempt, delivery),
        "response": {"headers": headers, "body": _body_to_json(attempt.response_body)},
        "outcome": attempt.outcome,
    }


def render_detail(delivery: DeliveryDetail) -> dict[str, JsonValue]:
    """One delivery with its body and attempts."""
    return {
        **render_summary(delivery.summary),
        "body": _body_to_json(delivery.body),
        "attempts_made": [_render_attempt(attempt, delivery.summary) for attempt in delivery.attempts],
        "timeline": [
            _render_moment(moment, delivery.summary)
            for moment in timeline(delivery.summary, delivery.published_at, delivery.attempts, delivery.holder)
        ],
    }


def render_replay(replay: Replay) -> dict[str, JsonValue]:
    """A replay and how far it is."""
    wanted = replay.wanted
    return {
        "id": replay.id,
        "filter": {
            "app": wanted.owner_id,
            "conversation": wanted.lane,
            "event": wanted.event_key,
            "status": wanted.status,
            "outcome": wanted.outcome,
            "since": wanted.since,
            "until": wanted.until,
        },
        "state": replay.state,
        "replayed": replay.replayed,
        "skipped": replay.skipped,
        "progress": replay.progress,
        "passed_until": replay.passed_until,
        "created_at": replay.created_at,
        "updated_at": replay.updated_at,
        "finished_at": replay.finished_at,
    }


def _render_moment(moment: Moment, delivery: DeliverySummary) -> dict[str, JsonValue]:
    shown: dict[str, JsonValue] = {"at": moment.at, "step": moment.step}
    if moment.held_by is not None:
        shown |= {"by": moment.held_by, "until": moment.until, "delivery": moment.delivery_id}
    elif moment.attempt is not None:
        attempt = moment.attempt
        shown |= {
            "number": attempt.number,
            "connect_ms": attempt.connect_ms,
            "first_byte_ms": attempt.first_byte_ms,
            "total_ms": attempt.total_ms,
            "status": attempt.status,
            "failure": attempt.failure,
            "outcome": attempt.outcome,
        }
    elif moment.step is Step.DONE:
        shown |= {"status": delivery.status, "reason": delivery.reason}
    return shown
