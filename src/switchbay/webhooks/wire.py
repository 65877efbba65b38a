"""What goes over the wire to an endpoint, what is kept of its answer, deliveries as the management API shows them."""

import base64
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from switchbay import __version__
from switchbay.infra.egress import Outcome
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.signatures import SignatureAlgorithm, SignatureEncoding
from switchbay.webhooks.domain import Pending, signatures
from switchbay.webhooks.owners import SendEndpoint, SendOwner

_USER_AGENT = f"Switchbay/{__version__}"
_HIDDEN = "(hidden)"
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
        ("Content-Type", "application/json; charset=utf-8"),
        ("Accept", "*/*"),
        ("X-Liveperson-Account-Id", account_id),
        ("X-Liveperson-Client-Id", owner.client_id),
        ("X-Liveperson-Capability", "webhooks"),
        ("X-Liveperson-Request-Id", delivery.id),
        ("X-Liveperson-Timestamp", str(now)),
        *signatures(delivery.body, owner.signing_secret, owner.other_secret, algorithm, encoding),
    ]
    custom = {name.lower() for name, _ in endpoint.headers}
    if "accept" in custom:
        del headers[1]
    if "user-agent" not in custom:
        headers.append(("User-Agent", _USER_AGENT))
    headers.extend(endpoint.headers)
    return headers


def kept_headers(headers: Iterable[tuple[str, str]]) -> str:
    """A response's headers as JSON text: bounded, cookies and challenges hidden."""
    kept = [
        (name[:_KEPT_HEADER_CHARACTERS], _HIDDEN if name.lower() in _HIDDEN_RESPONSE_HEADERS else _cut(value))
        for name, value in list(headers)[:_KEPT_HEADERS]
    ]
    return msgspec.json.encode(kept).decode()


def _cut(value: str) -> str:
    return value if len(value) <= _KEPT_HEADER_CHARACTERS else value[:_KEPT_HEADER_CHARACTERS] + "…"


def kept_detail(outcome: Outcome) -> str | None:
    """The detail of a failure, bounded and without characters that a database refuses."""
    if outcome.detail is None:
        return None
    return outcome.detail.replace("\x00", "\ufffd")[:_KEPT_DETAIL_CHARACTERS]


def read_kept_headers(text: str) -> list[tuple[str, str]]:
    """What ``kept_headers`` made."""
    return _headers_decoder.decode(text)


def body_to_json(body: bytes) -> dict[str, JsonValue]:
    """A body as text where it is UTF-8, else in base64."""
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode("ascii")}


def delivery_to_json(values: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """One delivery in a list."""
    return {
        "id": values["id"],
        "app": values["owner_id"],
        "conversation": values["lane"],
        "position": values["position"],
        "event": values["event_key"],
        "status": values["status"],
        "reason": values["reason"],
        "attempts": values["attempts"],
        "next_attempt_at": values["next_attempt_at"],
        "created_at": values["created_at"],
        "finished_at": values["finished_at"],
    }


def attempts_to_json(attempts: Sequence[Mapping[str, JsonValue]]) -> list[JsonValue]:
    """The attempts of a delivery."""
    return [dict(attempt) for attempt in attempts]
