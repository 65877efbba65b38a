"""Sample notifications for test events: a short conversation goes through the room's own rules, and one event of it is
rendered as it would be if a consumer and an agent had really spoken. Nothing of it is stored.
"""

from dataclasses import dataclass
from typing import Final

from switchbay.messaging.domain import (
    Accepted,
    AddParticipant,
    AgentCaller,
    ConsumerCaller,
    Conversation,
    EventKind,
    Open,
    Publish,
    Published,
    Role,
    Step,
    decide,
)
from switchbay.messaging.domain.decide import opened
from switchbay.messaging.wire.events import parse_event
from switchbay.messaging.wire.notifications import (
    CONVERSATION_CHANGE,
    conversation_notification,
    event_key,
    event_notification,
    opening_text,
)
from switchbay.webhooks.public import canonical_event_key

_CHARACTERS: Final = 200
_BETWEEN_MS: Final = 1_000
_TEXT: Final = "This is a test event."
_EVENTS: Final = {
    event_key(kind): event
    for kind, event in (
        (EventKind.CONTENT, {"type": "ContentEvent", "message": _TEXT, "contentType": "text/plain"}),
        (
            EventKind.RICH_CONTENT,
            {
                "type": "RichContentEvent",
                "content": {"type": "vertical", "elements": [{"type": "text", "text": _TEXT, "tooltip": _TEXT}]},
            },
        ),
        (EventKind.ACCEPT_STATUS, {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [0]}),
        (EventKind.CHAT_STATE, {"type": "ChatStateEvent", "chatState": "COMPOSING"}),
    )
}
SAMPLED: Final = (*_EVENTS, CONVERSATION_CHANGE)


@dataclass(frozen=True, slots=True)
class Sample:
    """A notification and the conversation that it is of."""

    conversation_id: str
    body: bytes


def render_sample(
    key: str, *, account_id: str, installation_id: str, conversation_id: str, consumer_id: str, agent_id: str, now: int
) -> Sample | None:
    """The notification of an event of this key in a new conversation, or None if there is no such event."""
    canonical = canonical_event_key(key)
    request = Open("-1", "NORMAL", 600)
    consumer = ConsumerCaller(installation_id, consumer_id)
    start = now - 2 * _BETWEEN_MS
    begun = opened(request, consumer, account_id, conversation_id, opening_text(request, first=True), start)
    hello = parse_event(
        {"type": "ContentEvent", "message": "Hello", "contentType": "text/plain"}, characters=_CHARACTERS
    )
    said = _take(begun.conversation, consumer, Publish("", hello), start)
    joined = _take(
        said.conversation, AgentCaller(agent_id), AddParticipant(agent_id, Role.ASSIGNED_AGENT), start + _BETWEEN_MS
    )
    if canonical == CONVERSATION_CHANGE:
        return Sample(conversation_id, conversation_notification(joined.conversation))
    event = _EVENTS.get(canonical)
    if event is None:
        return None
    step = Publish("", parse_event(event, characters=_CHARACTERS))
    emitted = _take(joined.conversation, AgentCaller(agent_id), step, now).emitted
    published = next(each for each in emitted if isinstance(each, Published))
    return Sample(conversation_id, event_notification(conversation_id, published))


def _take(before: Conversation, caller: ConsumerCaller | AgentCaller, step: Step, now: int) -> Accepted:
    decision = decide(before, caller, (step,), now)
    assert isinstance(decision, Accepted), decision  # noqa: S101 - the script above follows the rules
    return decision
