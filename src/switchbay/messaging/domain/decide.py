"""Accept or refuse what a caller asks of a conversation.

The life cycle of conversations and the numbering of events are those of the messaging API: sequences start at 0 in each
dialog and grow by one for every event but chat states; closing the main dialog closes the conversation, unless a survey
follows. A conversation belongs to its consumer and to the installation whose token opened it. For other consumers and
applications it does not exist, so that ids cannot be probed.
"""

from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from switchbay.messaging.domain import closing, fields, participants, publishing
from switchbay.messaging.domain.decision import MILLISECONDS, Accepted, Decision, takes_part
from switchbay.messaging.domain.emitted import Changed, Emitted, Move, MoveKind
from switchbay.messaging.domain.refusals import Reason, Refused
from switchbay.messaging.domain.state import Conversation, Dialog, DialogKind, Participant, Role
from switchbay.messaging.domain.steps import (
    AddParticipant,
    AgentCaller,
    Caller,
    CloseConversation,
    CloseDialog,
    CloseSilent,
    ConsumerCaller,
    DescribeDialog,
    Open,
    OpenDialog,
    Publish,
    Rate,
    RemoveParticipant,
    SetFact,
    SetSkill,
    SetTtr,
    Step,
    SuggestAgent,
    WithdrawSuggestion,
)

_RULES: Final[dict[type[Any], Callable[[Conversation, Caller, Any, int], Decision]]] = {
    Publish: publishing.publish,
    CloseConversation: closing.close_conversation,
    CloseDialog: closing.close_dialog,
    CloseSilent: closing.close_silent,
    DescribeDialog: closing.describe_dialog,
    OpenDialog: closing.open_dialog,
    AddParticipant: participants.add,
    RemoveParticipant: participants.remove,
    SuggestAgent: participants.suggest,
    WithdrawSuggestion: participants.withdraw,
    SetSkill: fields.set_skill,
    SetTtr: fields.set_ttr,
    SetFact: fields.set_fact,
    Rate: fields.rate,
}


def opened(
    request: Open,
    caller: Caller,
    account_id: str,
    conversation_id: str,
    opening: str,
    now: int,
) -> Accepted:
    """Begin a conversation with one open main dialog of the same id. ``now`` is in epoch milliseconds.

    An agent who begins it is its assigned agent.
    """
    consumer_id, installation_id = request.consumer_id, request.installation_id
    if isinstance(caller, ConsumerCaller):
        consumer_id, installation_id = caller.consumer_id, caller.installation_id or ""
    taking_part = [Participant(consumer_id, Role.CONSUMER)]
    if isinstance(caller, AgentCaller):
        taking_part.append(Participant(caller.user_pid, Role.ASSIGNED_AGENT))
    main = Dialog(conversation_id, DialogKind.MAIN, "OPEN", tuple(taking_part), now, now, awaiting_since=now)
    conversation = Conversation(
        account_id=account_id,
        conversation_id=conversation_id,
        installation_id=installation_id,
        consumer_id=consumer_id,
        state="OPEN",
        stage="OPEN",
        ttr_type=request.ttr_type,
        ttr_seconds=request.ttr_seconds,
        effective_ttr=now + request.ttr_seconds * MILLISECONDS,
        skill_id=request.skill_id,
        opening=opening,
        dialogs=(main,),
        started_at=now,
        updated_at=now,
    )
    by = caller.user_pid if isinstance(caller, AgentCaller) else consumer_id
    moves = [Move(MoveKind.OPENED, by, conversation_id, consumer_id, Role.CONSUMER, after=request.skill_id)]
    if isinstance(caller, AgentCaller):
        moves.append(Move(MoveKind.JOINED, by, conversation_id, by, Role.ASSIGNED_AGENT))
    return Accepted(conversation, (Changed(conversation),), (), tuple(moves))


def decide(conversation: Conversation | None, caller: Caller, steps: tuple[Step, ...], now: int) -> Decision:
    """Take all steps, or none of them. ``now`` is in epoch milliseconds."""
    if conversation is None or not may_know(conversation, caller):
        return Refused(Reason.CONVERSATION_UNKNOWN)
    if len(steps) == 1:
        return _take(conversation, caller, steps[0], now)
    if isinstance(caller, AgentCaller):
        caller = replace(caller, was_in=takes_part(conversation, caller))
    emitted: list[Emitted] = []
    sequences: list[int] = []
    moves: list[Move] = []
    for step in steps:
        taken = _take(conversation, caller, step, now)
        if isinstance(taken, Refused):
            return taken
        conversation = taken.conversation
        if taken.emitted and emitted and isinstance(emitted[-1], Changed) and isinstance(taken.emitted[0], Changed):
            emitted.pop()  # one request, one change: nobody sees the steps between
        emitted.extend(taken.emitted)
        sequences.extend(taken.sequences)
        moves.extend(taken.moves)
    return Accepted(conversation, tuple(emitted), tuple(sequences), tuple(moves))


def may_know(conversation: Conversation, caller: Caller) -> bool:
    """Whether the conversation exists for this caller."""
    if not isinstance(caller, ConsumerCaller):
        return True
    if conversation.consumer_id != caller.consumer_id:
        return False
    return caller.installation_id is None or conversation.installation_id == caller.installation_id


def _take(conversation: Conversation, caller: Caller, step: Step, now: int) -> Decision:
    if conversation.stage == "CLOSE" and not isinstance(step, Rate):
        return Refused(Reason.CONVERSATION_CLOSED)
    return _RULES[type(step)](conversation, caller, step, now)
