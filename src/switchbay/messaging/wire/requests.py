"""Requests of the Send API: one envelope, or the batch that opens a conversation.

An envelope is ``{"kind": "req", "id", "type", "body", "metadata"?}``; ``id`` may be a string or a number and comes back
as it was sent. The request types are those of the consumer's ``conversation`` and ``send`` calls.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

import msgspec

from switchbay.infra.web import malformed_json
from switchbay.kit.errors import AppError, Kind
from switchbay.messaging.domain import Audience, CloseConversation, CloseDialog, Csat, Open, Publish, Rate, Step
from switchbay.messaging.errors import parameter_missing
from switchbay.messaging.wire.events import parse_event

OPENING_BYTES: Final = 16_384
_METADATA_BYTES: Final = 16_384
_CLIENT_PROPERTIES_CHARACTERS: Final = 4_096
_ID_CHARACTERS: Final = 128
_CAUSE_CHARACTERS: Final = 512
_MOST_FIELDS: Final = 10
_MISSING: Final = re.compile(r"Object missing required field `([^`]*)`(?: - at `\$\.?([^`]*)`)?")
_TTR_TYPES: Final = frozenset({"URGENT", "NORMAL", "PRIORITIZED", "CUSTOM"})

RequestId: TypeAlias = str | int | float
T = TypeVar("T")


class PublishBody(msgspec.Struct, rename="camel"):
    """Body of ``ms.PublishEvent``."""

    event: dict[str, Any]
    dialog_id: str = ""
    conversation_id: str = ""
    message_audience: str | None = None


class OpenBody(msgspec.Struct, rename="camel"):
    """Body of ``cm.ConsumerRequestConversation``."""

    brand_id: str | int
    channel_type: str | None = None
    ttr_def_name: str | None = None
    skill_id: str | int | None = None
    campaign_info: dict[str, Any] | None = None
    conversation_context: dict[str, Any] | None = None


class UpdateBody(msgspec.Struct, rename="camel"):
    """Body of ``cm.UpdateConversationField``; a single change may stand without its array."""

    conversation_id: str
    conversation_field: list[dict[str, Any]] | dict[str, Any]


class _Rating(msgspec.Struct, rename="camel"):
    """The change ``CSATRate``: the consumer's rating, of which anything may be left out."""

    csat_rate: Annotated[int, msgspec.Meta(ge=1, le=5)] | None = None
    csat_resolution_confirmation: bool | None = None
    status: Literal["FILLED", "PARTIALLY_FILLED", "SKIPPED"] | None = None


class _Envelope(msgspec.Struct, tag_field="type", rename="camel"):
    id: RequestId
    kind: str = "req"
    metadata: list[Any] | None = None


class PublishRequest(_Envelope, tag="ms.PublishEvent", kw_only=True):
    """An event to publish."""

    body: PublishBody


class OpenRequest(_Envelope, tag="cm.ConsumerRequestConversation", kw_only=True):
    """A conversation to open."""

    body: OpenBody


class UpdateRequest(_Envelope, tag="cm.UpdateConversationField", kw_only=True):
    """A conversation or a dialog to close."""

    body: UpdateBody


class ProfileRequest(_Envelope, tag="userprofile.SetUserProfile", kw_only=True):
    """What is known about the consumer."""

    body: dict[str, Any]


class UploadRequest(_Envelope, tag="ms.GenerateURLForUploadFile", kw_only=True):
    """A place for a file."""

    body: dict[str, Any]


class DownloadRequest(_Envelope, tag="ms.GenerateURLForDownloadFile", kw_only=True):
    """A way to a file."""

    body: dict[str, Any]


Said: TypeAlias = PublishRequest | OpenRequest | UpdateRequest | ProfileRequest
Request: TypeAlias = Said | UploadRequest | DownloadRequest

_one: Final[msgspec.json.Decoder[Request]] = msgspec.json.Decoder(Request)
_batch: Final[msgspec.json.Decoder[list[Request]]] = msgspec.json.Decoder(list[Request])
publishing: Final = msgspec.json.Decoder(PublishBody)
updating: Final = msgspec.json.Decoder(UpdateBody)
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Opening:
    """A batch that opens a conversation: who is asking, for what, and the first message."""

    profile: ProfileRequest | None
    open: OpenRequest
    publish: PublishRequest | None


def parse_one(body: bytes) -> Request:
    """Parse the body of a ``send`` call."""
    request = _decode(body, _one)
    _check_envelope(request)
    return request


def parse_batch(body: bytes) -> Opening:
    """Parse the body of a ``conversation`` call: a profile, a new conversation, a first event, in this order."""
    requests = _decode(body, _batch)
    for request in requests:
        _check_envelope(request)
    rest = list(requests)
    profile = rest.pop(0) if rest and isinstance(rest[0], ProfileRequest) else None
    opening = rest.pop(0) if rest and isinstance(rest[0], OpenRequest) else None
    publish = rest.pop(0) if rest and isinstance(rest[0], PublishRequest) else None
    if not isinstance(opening, OpenRequest) or rest:
        raise AppError(
            Kind.INVALID,
            "batch_invalid",
            "A batch is userprofile.SetUserProfile (optional), cm.ConsumerRequestConversation, "
            "ms.PublishEvent (optional), in this order.",
        )
    profile = profile if isinstance(profile, ProfileRequest) else None
    publish = publish if isinstance(publish, PublishRequest) else None
    if publish is not None and (publish.body.dialog_id or publish.body.conversation_id):
        raise AppError(
            Kind.INVALID, "batch_invalid", "In a batch, ms.PublishEvent has an empty dialogId: the new conversation."
        )
    return Opening(profile, opening, publish)


def _decode(body: bytes, decoder: "msgspec.json.Decoder[T]") -> T:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _misfit(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed_json(str(error)) from error


def _misfit(problem: str) -> AppError:
    missing = _MISSING.match(problem)
    if missing is not None:
        return parameter_missing(f"{missing[2]}.{missing[1]}" if missing[2] else missing[1])
    if problem.startswith("Invalid value") and problem.endswith(".type`"):
        return AppError(Kind.INVALID, "request_type_unknown", "The request's type is not known here.")
    return AppError(Kind.INVALID, "invalid_body", f"The body does not fit: {problem}.")


def _check_envelope(request: Request) -> None:
    if request.kind != "req":
        raise AppError(Kind.INVALID, "invalid_body", "kind must be req.")
    if isinstance(request.id, str) and len(request.id) > _ID_CHARACTERS:
        raise AppError(Kind.INVALID, "invalid_body", f"id is longer than {_ID_CHARACTERS} characters.")


@lru_cache(maxsize=1_024)
def parse_client_properties(header: str | None) -> str | None:
    """The ``Client-Properties`` header as compact JSON text. It is advice: what is not an object is ignored."""
    if header is None or len(header) > _CLIENT_PROPERTIES_CHARACTERS:
        return None
    try:
        value = msgspec.json.decode(header)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return _encode(value).decode() if isinstance(value, dict) else None


def to_publish(request: PublishRequest, *, characters: int, client_properties: str | None) -> tuple[str, Publish]:
    """The conversation that an event is for, and the step that publishes it."""
    body = request.body
    if body.message_audience not in {None, Audience.ALL.value}:
        raise AppError(Kind.INVALID, "invalid_body", "A consumer's messageAudience is ALL.")
    event = parse_event(body.event, characters=characters)
    step = Publish(body.dialog_id, event, Audience.ALL, client_properties, _metadata(request.metadata))
    return body.conversation_id or body.dialog_id, step


def _metadata(metadata: list[Any] | None) -> str | None:
    if not metadata:
        return None
    encoded = _encode(metadata)
    if len(encoded) > _METADATA_BYTES:
        raise AppError(Kind.INVALID, "invalid_body", f"metadata is longer than {_METADATA_BYTES} bytes.")
    return encoded.decode()


def to_open(body: OpenBody, account_id: str, ttr_seconds: Mapping[str, int], client_properties: str | None) -> Open:
    """Check what a new conversation shall be like. ``ttr_seconds`` are the account's response times by type."""
    if str(body.brand_id) != account_id:
        raise AppError(Kind.INVALID, "brand_mismatch", "brandId is not the account of the path.")
    if body.channel_type not in {None, "MESSAGING"}:
        raise AppError(Kind.INVALID, "invalid_body", "channelType must be MESSAGING.")
    ttr_type = body.ttr_def_name or "NORMAL"
    if ttr_type not in _TTR_TYPES:
        raise AppError(Kind.INVALID, "invalid_body", "ttrDefName must be one of " + ", ".join(sorted(_TTR_TYPES)) + ".")
    skill_id = "-1" if body.skill_id is None else str(body.skill_id)
    context = body.conversation_context
    if context is not None and client_properties is not None and "clientProperties" not in context:
        context = {**context, "clientProperties": msgspec.Raw(client_properties.encode())}
    campaign_text = None if body.campaign_info is None else _encode(body.campaign_info).decode()
    context_text = None if context is None else _encode(context).decode()
    if len(skill_id) + len(campaign_text or "") + len(context_text or "") > OPENING_BYTES:
        raise AppError(
            Kind.TOO_LARGE,
            "opening_too_large",
            f"skillId, campaignInfo and conversationContext are longer than {OPENING_BYTES} characters.",
            {"limit": OPENING_BYTES},
        )
    return Open(skill_id, ttr_type, ttr_seconds.get(ttr_type, ttr_seconds["NORMAL"]), campaign_text, context_text)


def announced_file(body: Mapping[str, Any]) -> tuple[object, object]:
    """Size and type of a file that is to be uploaded, as they were written."""
    for name in ("fileSize", "fileType"):
        if body.get(name) is None:
            raise parameter_missing(f"body.{name}")
    return body["fileSize"], body["fileType"]


def wanted_file(body: Mapping[str, Any]) -> object:
    """The path of a file that is wanted, as it was written."""
    if body.get("relativePath") is None:
        raise parameter_missing("body.relativePath")
    return body["relativePath"]


def to_steps(body: UpdateBody) -> tuple[Step, ...]:
    """The changes that a consumer may make: close the conversation, close a dialog."""
    fields = body.conversation_field if isinstance(body.conversation_field, list) else [body.conversation_field]
    if not 1 <= len(fields) <= _MOST_FIELDS:
        raise AppError(Kind.INVALID, "invalid_body", f"conversationField holds 1 to {_MOST_FIELDS} changes.")
    return tuple(_to_step(field) for field in fields)


def _to_step(field: Mapping[str, Any]) -> Step:
    name = field.get("field")
    if name is None:
        raise parameter_missing("conversationField.field")
    if name == "ConversationStateField":
        if field.get("conversationState") != "CLOSE":
            raise AppError(Kind.INVALID, "invalid_body", "conversationState must be CLOSE.")
        return CloseConversation()
    if name == "DialogChange":
        return _to_close_dialog(field)
    if name == "CSATRate":
        return _to_rate(field)
    raise AppError(
        Kind.INVALID,
        "field_unsupported",
        "Consumers may change ConversationStateField, DialogChange and CSATRate.",
    )


def _to_rate(field: Mapping[str, Any]) -> Rate:
    try:
        given = msgspec.convert(field, _Rating)
    except msgspec.ValidationError as error:
        raise AppError(Kind.INVALID, "invalid_body", f"CSATRate does not fit: {error}.") from error
    rate, is_resolved = given.csat_rate, given.csat_resolution_confirmation
    status = given.status
    if status is None:
        status = "SKIPPED" if rate is None else "PARTIALLY_FILLED" if is_resolved is None else "FILLED"
    return Rate(Csat(rate, is_resolved, status))


def _to_close_dialog(field: Mapping[str, Any]) -> CloseDialog:
    dialog = field.get("dialog")
    if not isinstance(dialog, dict):
        raise parameter_missing("conversationField.dialog")
    if field.get("type") != "UPDATE" or dialog.get("state") != "CLOSE":
        raise AppError(Kind.INVALID, "field_unsupported", "Of a dialog, consumers may change the state, to CLOSE.")
    dialog_id, cause = dialog.get("dialogId"), dialog.get("closedCause")
    if not isinstance(dialog_id, str) or not dialog_id:
        raise parameter_missing("conversationField.dialog.dialogId")
    if cause is not None and (not isinstance(cause, str) or len(cause) > _CAUSE_CHARACTERS):
        raise AppError(
            Kind.INVALID, "invalid_body", f"closedCause must be a string of at most {_CAUSE_CHARACTERS} characters."
        )
    return CloseDialog(dialog_id, cause)
