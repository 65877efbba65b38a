"""Events as history shows them: messages, and the states of messages that receipts tell of."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from switchbay.kit.jsonvalue import JsonValue
from switchbay.messaging.domain import Role
from switchbay.messaging.history.domain.transcript import PastEvent
from switchbay.messaging.history.wire.people import Agents, agent_number, moment

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode
_FORMS: Final = {
    "forms/secure-invitation": ("SECURE_FORM_INVITATION", "securedFormInvitation"),
    "forms/secure-submission": ("SECURE_FORM_SUBMIT", "securedFormSubmission"),
}
_STRUCTURED: Final = {"BotResponse": "botResponse", "ActionReason": "actionReason"}


def message_id(dialog_id: str, sequence: int) -> str:
    """The id of a message."""
    return f"ms::dialog:{dialog_id}::msg:{sequence}"


def message_records(events: Iterable[PastEvent], agents: Agents) -> Iterator[dict[str, JsonValue]]:
    """The records of messages, receipts left out."""
    for past in events:
        event: Mapping[str, Any] = _decode(past.stored.event)
        content = _content(event)
        if content is None:
            continue
        type_, data = content
        stored = past.stored
        is_consumer = stored.role == Role.CONSUMER
        record: dict[str, JsonValue] = {
            "type": type_,
            "messageData": data,
            "messageId": message_id(past.dialog_id, stored.sequence),
            "seq": stored.sequence,
            "dialogId": past.dialog_id,
            "participantId": stored.originator_id if is_consumer else agent_number(agents, stored.originator_id),
            "source": "APP",
            **moment("time", stored.server_timestamp),
            "device": "NA",
            "audience": stored.audience,
            "sentBy": "Consumer" if is_consumer else "Agent",
        }
        if stored.metadata is not None:
            record["contextData"] = _context(stored.metadata)
        yield record


def _content(event: Mapping[str, Any]) -> tuple[str, dict[str, JsonValue]] | None:
    """The type and the data of a message, or None if the event says nothing."""
    data: dict[str, JsonValue] = {}
    if event.get("quickReplies") is not None:
        data["quickReplies"] = {"content": _encode(event["quickReplies"]).decode()}
    message = event.get("message")
    match event.get("type"):
        case "RichContentEvent":
            return "RICH_CONTENT", data | {"richContent": {"content": _encode(event.get("content")).decode()}}
        case "ContentEvent" if event.get("contentType") == "hosted/file":
            return "HOSTED_FILE", data | {"file": _file(message)}
        case "ContentEvent" if (form := _FORMS.get(event.get("contentType", ""))) is not None:
            return form[0], data | {form[1]: message}
        case "ContentEvent":
            return "TEXT_PLAIN", data | {"msg": {"text": message}}
        case _:
            return None


def _file(message: Any) -> dict[str, JsonValue]:  # noqa: ANN401 - checked when it was published
    names = ("relativePath", "fileType", "caption", "preview")
    return {name: message.get(name, "") for name in names}


def _context(metadata: str) -> dict[str, JsonValue]:
    """The metadata of a message, as it came and, where its type is known, by that type."""
    given = _decode(metadata)
    structured: list[JsonValue] = [
        {_STRUCTURED[one["type"]]: {name: value for name, value in one.items() if name != "type"}}
        for one in (given if isinstance(given, list) else [])
        if isinstance(one, Mapping) and one.get("type") in _STRUCTURED
    ]
    return {"rawMetadata": metadata, "structuredMetadata": structured}


def message_statuses(events: Iterable[PastEvent], agents: Agents) -> Iterator[dict[str, JsonValue]]:
    """What receipts say of each message that they name."""
    for past in events:
        if '"AcceptStatusEvent"' not in past.stored.event:
            continue
        event: Mapping[str, Any] = _decode(past.stored.event)
        if event.get("type") != "AcceptStatusEvent":
            continue
        stored = past.stored
        is_consumer = stored.role == Role.CONSUMER
        for sequence in event["sequenceList"]:
            yield {
                "messageId": message_id(past.dialog_id, sequence),
                "seq": sequence,
                **moment("time", stored.server_timestamp),
                "participantId": stored.originator_id if is_consumer else agent_number(agents, stored.originator_id),
                "participantType": "Consumer" if is_consumer else "Agent",
                "messageDeliveryStatus": event["status"],
                "dialogId": past.dialog_id,
            }
