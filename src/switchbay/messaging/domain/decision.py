"""What a rule answers, and the few things that all rules need: who is asking, at what time a change counts."""

from typing import Final, TypeAlias

from msgspec.structs import replace

from switchbay.kit.record import Record
from switchbay.messaging.domain.emitted import Changed, Emitted, Move
from switchbay.messaging.domain.refusals import Refused
from switchbay.messaging.domain.state import Conversation, Dialog, Role
from switchbay.messaging.domain.steps import AgentCaller, Caller, ConsumerCaller

MILLISECONDS: Final = 1_000
AGENT_SIDE: Final = frozenset({Role.ASSIGNED_AGENT, Role.AGENT, Role.MANAGER, Role.READER})


class Accepted(Record, frozen=True):
    """The conversation after the steps, what they make known, the sequence that each answers with, what to remember."""

    conversation: Conversation
    emitted: tuple[Emitted, ...]
    sequences: tuple[int, ...]
    moves: tuple[Move, ...] = ()


Decision: TypeAlias = Accepted | Refused


def changed(conversation: Conversation, *moves: Move) -> Accepted:
    """Accept a change that has been made; it counts as the next revision."""
    after = replace(conversation, revision=conversation.revision + 1)
    return Accepted(after, (Changed(after),), (0,), moves)


def nothing(conversation: Conversation) -> Accepted:
    """Accept what is so already."""
    return Accepted(conversation, (), (0,))


def change_time(conversation: Conversation, now: int) -> int:
    """The time of a change: never before what the conversation already shows, whatever node's clock is asked."""
    return max(now, conversation.updated_at, *(dialog.last_event_at for dialog in conversation.dialogs))


def with_dialog(conversation: Conversation, dialog: Dialog) -> tuple[Dialog, ...]:
    """The dialogs, one of them changed."""
    dialogs = conversation.dialogs
    if len(dialogs) == 1:
        return (dialog,)
    return tuple(dialog if other.dialog_id == dialog.dialog_id else other for other in dialogs)


def caller_id(caller: Caller) -> str:
    """Who is asking, as participants are named; the platform by the word for its reason."""
    match caller:
        case AgentCaller():
            return caller.user_pid
        case ConsumerCaller():
            return caller.consumer_id
        case _:
            return caller.reason


def may_manage(caller: Caller) -> bool:
    """Whether the caller may change conversations without being in them."""
    return not isinstance(caller, ConsumerCaller) and (not isinstance(caller, AgentCaller) or caller.may_manage)


def takes_part(conversation: Conversation, caller: Caller) -> bool:
    """Whether the caller is in a dialog of the conversation, as somebody who may do more than read."""
    if not isinstance(caller, AgentCaller):
        return True
    return caller.was_in or any(
        dialog.role_of(caller.user_pid) not in {None, Role.READER} for dialog in conversation.dialogs
    )
