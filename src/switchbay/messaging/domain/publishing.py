"""Events: who may publish what in which dialog, how they are numbered, and when an answer is due."""

from msgspec.structs import replace

from switchbay.messaging.domain.decision import (
    AGENT_SIDE,
    MILLISECONDS,
    Accepted,
    Decision,
    caller_id,
    with_dialog,
)
from switchbay.messaging.domain.emitted import Published
from switchbay.messaging.domain.refusals import Reason, Refused
from switchbay.messaging.domain.state import NOTHING_DUE, Conversation, Dialog, DialogKind, Role
from switchbay.messaging.domain.steps import Audience, Caller, EventKind, Publish


def publish(conversation: Conversation, caller: Caller, step: Publish, now: int) -> Decision:
    """Give an event its sequence; chat states have none and are passed on only."""
    dialog = conversation.find_dialog(step.dialog_id or conversation.conversation_id)
    if dialog is None:
        return Refused(Reason.DIALOG_UNKNOWN)
    originator = caller_id(caller)
    role = dialog.role_of(originator)
    if role is None:
        return Refused(Reason.PARTICIPANT_MISSING)
    if dialog.state == "CLOSE":
        return Refused(Reason.DIALOG_CLOSED)
    event = step.event
    if role is Role.READER and event.is_content:
        return Refused(Reason.READER_ONLY)
    if any(number >= dialog.next_sequence for number in event.acknowledges):
        return Refused(Reason.SEQUENCE_UNKNOWN)
    audience = Audience.AGENTS_AND_MANAGERS if dialog.kind is DialogKind.AGENTS else step.audience
    is_chat_state = event.kind is EventKind.CHAT_STATE
    if is_chat_state and dialog.kind is DialogKind.POST_SURVEY and role is Role.CONSUMER:
        return Refused(Reason.EVENT_NOT_ALLOWED)
    sequence = None if is_chat_state else dialog.next_sequence
    at = None if is_chat_state else max(now, dialog.last_event_at)
    published = Published(
        dialog.dialog_id, sequence, originator, role, at, event, audience, step.client_properties, step.metadata
    )
    if sequence is None or at is None:
        return Accepted(conversation, (published,), (0,))
    counted = replace(dialog, next_sequence=sequence + 1, last_event_at=at, awaiting_since=_awaiting(dialog, published))
    after = replace(conversation, dialogs=with_dialog(conversation, counted))
    if dialog.kind is DialogKind.MAIN and event.is_content:
        if not counted.awaiting_since and after.facts.manual_ettr is not None:  # what was promised has been done
            after = replace(after, facts=replace(after.facts, manual_ettr=None))
        after = replace(after, effective_ttr=due(after))
    return Accepted(after, (published,), (sequence,))


def _awaiting(dialog: Dialog, published: Published) -> int:
    """Since when the consumer waits for an answer, once this event is there."""
    if not published.event.is_content or published.server_timestamp is None:
        return dialog.awaiting_since
    if published.role is Role.CONSUMER:
        return published.server_timestamp
    is_answer = published.role in AGENT_SIDE and published.audience is Audience.ALL
    return 0 if is_answer else dialog.awaiting_since


def due(conversation: Conversation) -> int:
    """Until when the consumer should be answered, epoch milliseconds; ``NOTHING_DUE`` when they do not wait.

    What an agent has set by hand counts first; else the time to respond runs from the consumer's last word, or from the
    time at which somebody is there again.
    """
    awaiting = conversation.main.awaiting_since
    if not awaiting or conversation.main.state == "CLOSE":
        return NOTHING_DUE
    facts = conversation.facts
    if facts.manual_ettr is not None:
        return facts.manual_ettr
    begin = awaiting if facts.delay is None else max(awaiting, facts.delay.till_when)
    return begin + conversation.ttr_seconds * MILLISECONDS
