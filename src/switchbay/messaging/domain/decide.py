"""Accept or refuse what a caller asks of a conversation.

The life cycle of conversations and the numbering of events are those of the consumer messaging API: sequences start at
0 in each dialog and grow by one for every event but chat states; closing the main dialog closes the conversation.
A conversation belongs to the installation whose token opened it and to its consumer. For everyone else it does not
exist, so that ids cannot be probed.
"""

from typing import Final, TypeAlias

from msgspec.structs import replace

from switchbay.kit.record import Record
from switchbay.messaging.domain.emitted import Changed, Emitted, Published
from switchbay.messaging.domain.refusals import Reason, Refused
from switchbay.messaging.domain.state import NOTHING_DUE, Conversation, Dialog, DialogKind, Participant, Role
from switchbay.messaging.domain.steps import (
    AgentCaller,
    Caller,
    CloseConversation,
    CloseDialog,
    ConsumerCaller,
    EventKind,
    Join,
    Leave,
    Open,
    Publish,
    Step,
)

_MILLISECONDS: Final = 1_000


class Accepted(Record, frozen=True):
    """The conversation after the steps, what they make known, and the sequence that each step answers with."""

    conversation: Conversation
    emitted: tuple[Emitted, ...]
    sequences: tuple[int, ...]


Decision: TypeAlias = Accepted | Refused


def opened(
    request: Open, caller: ConsumerCaller, account_id: str, conversation_id: str, opening: str, now: int
) -> Accepted:
    """Begin a conversation with one open main dialog of the same id. ``now`` is in epoch milliseconds."""
    consumer = Participant(caller.consumer_id, Role.CONSUMER)
    main = Dialog(conversation_id, DialogKind.MAIN, "OPEN", (consumer,), now, now)
    conversation = Conversation(
        account_id=account_id,
        conversation_id=conversation_id,
        installation_id=caller.installation_id,
        consumer_id=caller.consumer_id,
        state="OPEN",
        stage="OPEN",
        ttr_type=request.ttr_type,
        ttr_seconds=request.ttr_seconds,
        effective_ttr=now + request.ttr_seconds * _MILLISECONDS,
        opening=opening,
        dialogs=(main,),
        started_at=now,
        updated_at=now,
    )
    return Accepted(conversation, (Changed(conversation),), ())


def decide(conversation: Conversation | None, caller: Caller, steps: tuple[Step, ...], now: int) -> Decision:
    """Take all steps, or none of them. ``now`` is in epoch milliseconds."""
    if conversation is None or not _may_know(conversation, caller):
        return Refused(Reason.CONVERSATION_UNKNOWN)
    emitted: list[Emitted] = []
    sequences: list[int] = []
    for step in steps:
        taken = _take(conversation, caller, step, now)
        if isinstance(taken, Refused):
            return taken
        conversation = taken.conversation
        emitted.extend(taken.emitted)
        sequences.extend(taken.sequences)
    return Accepted(conversation, tuple(emitted), tuple(sequences))


def _may_know(conversation: Conversation, caller: Caller) -> bool:
    if isinstance(caller, AgentCaller):
        return True
    return conversation.installation_id == caller.installation_id and conversation.consumer_id == caller.consumer_id


def _take(conversation: Conversation, caller: Caller, step: Step, now: int) -> Decision:
    if conversation.stage == "CLOSE":
        return Refused(Reason.CONVERSATION_CLOSED)
    match step:
        case Publish():
            return _publish(conversation, caller, step, now)
        case CloseConversation():
            return _close(conversation, caller, None, now)
        case CloseDialog():
            return _close_dialog(conversation, caller, step, now)
        case Join():
            return _join(conversation, caller, now)
        case Leave():
            return _leave(conversation, caller, now)


def _caller_id(caller: Caller) -> str:
    return caller.user_pid if isinstance(caller, AgentCaller) else caller.consumer_id


def _publish(conversation: Conversation, caller: Caller, step: Publish, now: int) -> Decision:
    dialog = conversation.find_dialog(step.dialog_id or conversation.conversation_id)
    if dialog is None:
        return Refused(Reason.DIALOG_UNKNOWN)
    originator = _caller_id(caller)
    role = dialog.role_of(originator)
    if role is None:
        return Refused(Reason.PARTICIPANT_MISSING)
    if dialog.state == "CLOSE":
        return Refused(Reason.DIALOG_CLOSED)
    event = step.event
    if any(number >= dialog.next_sequence for number in event.acknowledges):
        return Refused(Reason.SEQUENCE_UNKNOWN)
    if event.kind is EventKind.CHAT_STATE:
        typing = Published(
            dialog.dialog_id, None, originator, role, None, event, step.audience, step.client_properties, step.metadata
        )
        return Accepted(conversation, (typing,), (0,))
    sequence = dialog.next_sequence
    at = max(now, dialog.last_event_at)
    published = Published(
        dialog.dialog_id, sequence, originator, role, at, event, step.audience, step.client_properties, step.metadata
    )
    counted = replace(dialog, next_sequence=sequence + 1, last_event_at=at)
    due = _due_after(conversation, role, step, at)
    after = replace(conversation, dialogs=_with(conversation.dialogs, counted), effective_ttr=due)
    return Accepted(after, (published,), (sequence,))


def _due_after(conversation: Conversation, role: Role, step: Publish, at: int) -> int:
    """An answer is due some time after the consumer's last word; when an agent has the last word, nothing is due."""
    if not step.event.is_content:
        return conversation.effective_ttr
    if role is Role.CONSUMER:
        return at + conversation.ttr_seconds * _MILLISECONDS
    return NOTHING_DUE if step.audience == "ALL" else conversation.effective_ttr


def _with(dialogs: tuple[Dialog, ...], changed: Dialog) -> tuple[Dialog, ...]:
    if len(dialogs) == 1:
        return (changed,)
    return tuple(changed if dialog.dialog_id == changed.dialog_id else dialog for dialog in dialogs)


def _change_time(conversation: Conversation, now: int) -> int:
    """The time of a change: never before what the conversation already shows, whatever node's clock is asked."""
    return max(now, conversation.updated_at, *(dialog.last_event_at for dialog in conversation.dialogs))


def _close_dialog(conversation: Conversation, caller: Caller, step: CloseDialog, now: int) -> Decision:
    dialog = conversation.find_dialog(step.dialog_id)
    if dialog is None:
        return Refused(Reason.DIALOG_UNKNOWN)
    if dialog.state == "CLOSE":
        return Refused(Reason.DIALOG_CLOSED)
    if not any(other.state == "OPEN" for other in conversation.dialogs if other is not dialog):
        return _close(conversation, caller, step.cause, now)
    if not _may_close(conversation, caller):
        return Refused(Reason.PARTICIPANT_MISSING)
    at = _change_time(conversation, now)
    closed = _closed(dialog, caller, step.cause, at)
    state = "CLOSE" if dialog.kind is DialogKind.MAIN else conversation.state
    after = replace(conversation, dialogs=_with(conversation.dialogs, closed), state=state, updated_at=at)
    return Accepted(after, (Changed(after),), (0,))


def _may_close(conversation: Conversation, caller: Caller) -> bool:
    if isinstance(caller, ConsumerCaller) or caller.may_close_any:
        return True
    return any(dialog.role_of(caller.user_pid) is not None for dialog in conversation.dialogs)


def _closer(caller: Caller) -> str:
    return "AGENT" if isinstance(caller, AgentCaller) else "CONSUMER"


def _closed(dialog: Dialog, caller: Caller, cause: str | None, at: int) -> Dialog:
    if dialog.state == "CLOSE":
        return dialog
    return replace(dialog, state="CLOSE", ended_at=at, updated_at=at, closed_by=_closer(caller), closed_cause=cause)


def _close(conversation: Conversation, caller: Caller, cause: str | None, now: int) -> Decision:
    if not _may_close(conversation, caller):
        return Refused(Reason.PARTICIPANT_MISSING)
    at = _change_time(conversation, now)
    after = replace(
        conversation,
        state="CLOSE",
        stage="CLOSE",
        close_reason=_closer(caller),
        dialogs=tuple(_closed(dialog, caller, cause, at) for dialog in conversation.dialogs),
        effective_ttr=NOTHING_DUE,
        ended_at=at,
        updated_at=at,
    )
    return Accepted(after, (Changed(after),), (0,))


def _join(conversation: Conversation, caller: Caller, now: int) -> Decision:
    if isinstance(caller, ConsumerCaller):
        return Refused(Reason.PARTICIPANT_MISSING)
    main = conversation.main
    if main.state == "CLOSE":
        return Refused(Reason.DIALOG_CLOSED)
    if main.role_of(caller.user_pid) is not None:
        return Accepted(conversation, (), (0,))
    if any(participant.role is Role.ASSIGNED_AGENT for participant in main.participants):
        return Refused(Reason.CONVERSATION_TAKEN)
    joined = (*main.participants, Participant(caller.user_pid, Role.ASSIGNED_AGENT))
    return _with_participants(conversation, main, joined, now)


def _leave(conversation: Conversation, caller: Caller, now: int) -> Decision:
    main = conversation.main
    if isinstance(caller, ConsumerCaller) or main.role_of(caller.user_pid) is None:
        return Refused(Reason.PARTICIPANT_MISSING)
    if main.state == "CLOSE":
        return Refused(Reason.DIALOG_CLOSED)
    left = tuple(participant for participant in main.participants if participant.id != caller.user_pid)
    return _with_participants(conversation, main, left, now)


def _with_participants(
    conversation: Conversation, main: Dialog, participants: tuple[Participant, ...], now: int
) -> Decision:
    at = _change_time(conversation, now)
    changed = replace(main, participants=participants, updated_at=at)
    after = replace(conversation, dialogs=_with(conversation.dialogs, changed), updated_at=at)
    return Accepted(after, (Changed(after),), (0,))
