"""Webhook notifications, rendered to the bytes that are stored, signed and sent.

One change per body. ``ms.MessagingEventNotification`` carries one event as it was published; chat states have neither
``sequence`` nor ``serverTimestamp``. ``cqm.ExConversationChangeNotification`` carries the whole conversation each time,
in the form that connectors get: participants as a list, the main dialog first.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from switchbay.messaging.domain import (
    Conversation,
    Csat,
    Delay,
    Dialog,
    DialogKind,
    EventKind,
    Open,
    Origin,
    Published,
)

CONVERSATION_CHANGE: Final = "cqm.ExConversationChangeNotification"
MESSAGING_EVENT: Final = "ms.MessagingEventNotification"
_encode: Final = msgspec.json.Encoder().encode


class Originator(msgspec.Struct, rename="camel"):
    """Who published an event, and as what."""

    id: str
    role: str


class _Event(msgspec.Struct, kw_only=True, rename="camel"):
    sequence: int | UnsetType = UNSET
    originator_id: str
    originator_metadata: Originator
    server_timestamp: int | UnsetType = UNSET
    event: msgspec.Raw
    conversation_id: str
    dialog_id: str
    message_audience: str
    originator_client_properties: msgspec.Raw | UnsetType = UNSET


class _Participant(msgspec.Struct, rename="camel"):
    id: str
    role: str


class _ParticipantDetails(msgspec.Struct, rename="camel"):
    id: str
    role: str
    state: str


class _Dialog(msgspec.Struct, kw_only=True, rename="camel"):
    dialog_id: str
    participants_details: list[_ParticipantDetails]
    dialog_type: str
    channel_type: str
    state: str
    creation_ts: int
    end_ts: int | UnsetType = UNSET
    meta_data_last_update_ts: int
    closed_by: str | UnsetType = UNSET
    closed_cause: str | UnsetType = UNSET
    meta_data: "_MetaData | UnsetType" = UNSET


class _Ttr(msgspec.Struct, rename="camel"):
    ttr_type: str
    value: int


class _Delay(msgspec.Struct, rename="camel"):
    type: str
    till_when: int


class _Csat(msgspec.Struct, kw_only=True, rename="camel"):
    csat_rate: int | UnsetType = UNSET
    csat_resolution_confirmation: bool | UnsetType = UNSET
    status: str


class _MetaData(msgspec.Struct, rename="camel"):
    app_install_id: str


class _Details(msgspec.Struct, kw_only=True, rename="camel"):
    skill_id: str
    participants: list[_Participant]
    dialogs: list[_Dialog]
    brand_id: str
    state: str
    stage: str
    close_reason: str | UnsetType = UNSET
    start_ts: int
    end_ts: int | UnsetType = UNSET
    meta_data_last_update_ts: int
    first_conversation: bool
    campaign_info: msgspec.Raw | UnsetType = UNSET
    context: msgspec.Raw | UnsetType = UNSET
    ttr: _Ttr
    delay: _Delay | UnsetType = UNSET
    manual_ettr: int | UnsetType = msgspec.field(name="manualETTR", default=UNSET)
    csat: _Csat | UnsetType = UNSET


class ConversationResult(msgspec.Struct, rename="camel"):
    """A conversation's whole state."""

    conv_id: str
    effective_ttr: int = msgspec.field(name="effectiveTTR")
    conversation_details: _Details


class _Change(msgspec.Struct, rename="camel"):
    type: str
    result: ConversationResult


class _Events(msgspec.Struct, rename="camel"):
    changes: tuple[_Event]


class _Changes(msgspec.Struct, rename="camel"):
    changes: tuple[_Change]


class _Notification(msgspec.Struct, rename="camel"):
    kind: str
    type: str
    body: _Events | _Changes


class StoredOpening(msgspec.Struct, kw_only=True, rename="camel"):
    """What the consumer asked for when the conversation was opened, as it is stored."""

    first_conversation: bool
    campaign_info: msgspec.Raw | UnsetType = UNSET
    context: msgspec.Raw | UnsetType = UNSET
    origin: Origin | UnsetType = UNSET


_opening: Final = msgspec.json.Decoder(StoredOpening)


def opening_text(request: Open, *, first: bool) -> str:
    """The stored form of what the consumer asked for."""
    return _encode(
        StoredOpening(
            first_conversation=first,
            campaign_info=_raw(request.campaign_info),
            context=_raw(request.context),
            origin=request.origin or UNSET,
        )
    ).decode()


def origin_of(conversation: Conversation) -> Origin | None:
    """The offer that a conversation began with, if it was one of ours and nothing of it was erased."""
    if '"origin":{' not in conversation.opening:  # most have none, and everything that closes is asked
        return None
    return _opening.decode(conversation.opening).origin or None


def _raw(text: str | None) -> msgspec.Raw | UnsetType:
    return UNSET if text is None else msgspec.Raw(text.encode())


_EVENT_KEYS: Final = {kind: f"{MESSAGING_EVENT}.{kind.value}" for kind in EventKind}


def event_key(kind: EventKind) -> str:
    """What endpoints subscribe to in order to get events of this kind."""
    return _EVENT_KEYS[kind]


def event_notification(conversation_id: str, published: Published) -> bytes:
    """Render one published event."""
    change = _Event(
        sequence=UNSET if published.sequence is None else published.sequence,
        originator_id=published.originator_id,
        originator_metadata=Originator(published.originator_id, published.role),
        server_timestamp=UNSET if published.server_timestamp is None else published.server_timestamp,
        event=msgspec.Raw(published.event.json.encode()),
        conversation_id=conversation_id,
        dialog_id=published.dialog_id,
        message_audience=published.audience,
        originator_client_properties=_raw(published.client_properties),
    )
    return _encode(_Notification("notification", MESSAGING_EVENT, _Events((change,))))


def conversation_notification(conversation: Conversation) -> bytes:
    """Render the whole state of a conversation."""
    change = _Change("UPSERT", conversation_result(conversation))
    return _encode(_Notification("notification", CONVERSATION_CHANGE, _Changes((change,))))


def conversation_result(conversation: Conversation, *, for_agents: bool = False) -> ConversationResult:
    """The ``result`` of a conversation change; the agents' REST door shows conversations in the same form.

    Dialogs among agents are there ``for_agents`` only.
    """
    opening = _opening.decode(conversation.opening)
    facts = conversation.facts
    shown = [one for one in conversation.dialogs if for_agents or one.kind is not DialogKind.AGENTS]
    details = _Details(
        skill_id=conversation.skill_id,
        participants=_participants(shown),
        dialogs=[_dialog(dialog) for dialog in shown],
        brand_id=conversation.account_id,
        state=conversation.state,
        stage=conversation.stage,
        close_reason=conversation.close_reason or UNSET,
        start_ts=conversation.started_at,
        end_ts=UNSET if conversation.ended_at is None else conversation.ended_at,
        meta_data_last_update_ts=conversation.updated_at,
        first_conversation=opening.first_conversation,
        campaign_info=opening.campaign_info,
        context=opening.context,
        ttr=_Ttr(conversation.ttr_type, conversation.ttr_seconds),
        delay=_delay(facts.delay),
        manual_ettr=UNSET if facts.manual_ettr is None else facts.manual_ettr,
        csat=_csat(facts.csat),
    )
    return ConversationResult(conversation.conversation_id, conversation.effective_ttr, details)


def _delay(delay: Delay | None) -> _Delay | UnsetType:
    return UNSET if delay is None else _Delay(delay.type, delay.till_when)


def _csat(csat: Csat | None) -> _Csat | UnsetType:
    if csat is None:
        return UNSET
    return _Csat(
        csat_rate=UNSET if csat.rate is None else csat.rate,
        csat_resolution_confirmation=UNSET if csat.is_resolved is None else csat.is_resolved,
        status=csat.status,
    )


def _participants(dialogs: Sequence[Dialog]) -> list[_Participant]:
    found = {(one.id, one.role): None for dialog in dialogs for one in dialog.participants if one.is_active}
    return [_Participant(participant_id, role) for participant_id, role in found]


def _dialog(dialog: Dialog) -> _Dialog:
    return _Dialog(
        dialog_id=dialog.dialog_id,
        participants_details=[_ParticipantDetails(one.id, one.role, one.state) for one in dialog.participants],
        dialog_type=dialog.kind,
        channel_type="MESSAGING",
        state=dialog.state,
        creation_ts=dialog.created_at,
        end_ts=UNSET if dialog.ended_at is None else dialog.ended_at,
        meta_data_last_update_ts=dialog.updated_at,
        closed_by=dialog.closed_by or UNSET,
        closed_cause=dialog.closed_cause or UNSET,
        meta_data=UNSET if dialog.app_install_id is None else _MetaData(dialog.app_install_id),
    )
