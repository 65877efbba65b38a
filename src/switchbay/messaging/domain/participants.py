"""Who takes part: joining, leaving, transfers to a skill or an agent, and taking over."""

from msgspec.structs import replace

from switchbay.messaging.domain.decision import (
    AGENT_SIDE,
    Decision,
    caller_id,
    change_time,
    changed,
    may_manage,
    nothing,
    takes_part,
    with_dialog,
)
from switchbay.messaging.domain.emitted import Move, MoveKind
from switchbay.messaging.domain.refusals import Reason, Refused
from switchbay.messaging.domain.state import Conversation, Dialog, DialogKind, Participant, Role
from switchbay.messaging.domain.steps import (
    AddParticipant,
    AgentCaller,
    Caller,
    ConsumerCaller,
    RemoveParticipant,
    SuggestAgent,
    WithdrawSuggestion,
)


def add(conversation: Conversation, caller: Caller, step: AddParticipant, now: int) -> Decision:
    """Put an agent into a dialog, themselves or, as a manager, another. Whoever is in it already changes the role."""
    dialog = conversation.find_dialog(step.dialog_id or conversation.conversation_id)
    if dialog is None:
        return Refused(Reason.DIALOG_UNKNOWN)
    if isinstance(caller, ConsumerCaller):
        return Refused(Reason.PARTICIPANT_MISSING)
    if dialog.state == "CLOSE":
        return Refused(Reason.DIALOG_CLOSED)
    if not _may_add(dialog, caller, step):
        return Refused(Reason.ROLE_NOT_ALLOWED)
    if dialog.role_of(step.user_pid) is step.role:
        return nothing(conversation)
    if step.role is Role.ASSIGNED_AGENT and _is_taken(dialog, caller, step.user_pid):
        return Refused(Reason.CONVERSATION_TAKEN)
    moves = []
    before = dialog.role_of(step.user_pid)
    if before is not None:
        moves.append(Move(MoveKind.LEFT, caller_id(caller), dialog.dialog_id, step.user_pid, before))
    moves.append(Move(MoveKind.JOINED, caller_id(caller), dialog.dialog_id, step.user_pid, step.role))
    staying = [
        one
        for one in dialog.participants
        if one.id != step.user_pid and (step.role is not Role.ASSIGNED_AGENT or one.is_active)
    ]
    joined = Participant(step.user_pid, step.role)
    return _with(conversation, dialog, _ordered([*staying, joined]), now, *moves)


def _may_add(dialog: Dialog, caller: Caller, step: AddParticipant) -> bool:
    if step.role not in AGENT_SIDE:
        return False
    if may_manage(caller):
        return True
    if step.user_pid != caller_id(caller):
        return False
    if step.role is Role.ASSIGNED_AGENT:
        return dialog.kind is DialogKind.MAIN
    return step.role is Role.AGENT and dialog.kind is not DialogKind.MAIN


def _is_taken(dialog: Dialog, caller: Caller, user_pid: str) -> bool:
    """Whether somebody else is assigned, or the conversation is offered to somebody else."""
    assigned = dialog.find(Role.ASSIGNED_AGENT)
    if assigned is not None:
        return True
    suggested = dialog.find(Role.ASSIGNED_AGENT, "SUGGESTED")
    return suggested is not None and suggested.id != user_pid and not may_manage(caller)


def remove(conversation: Conversation, caller: Caller, step: RemoveParticipant, now: int) -> Decision:
    """Take an agent out of a dialog: themselves, or another by a manager or the assigned agent's own transfer."""
    dialog = conversation.find_dialog(step.dialog_id or conversation.conversation_id)
    if dialog is None:
        return Refused(Reason.DIALOG_UNKNOWN)
    if isinstance(caller, ConsumerCaller):
        return Refused(Reason.PARTICIPANT_MISSING)
    leaving = [
        one
        for one in dialog.participants
        if one.role is not Role.CONSUMER
        and one.is_active
        and (step.user_pid is None or one.id == step.user_pid)
        and (step.role is None or one.role is step.role)
    ]
    if not leaving:
        return Refused(Reason.AGENT_ABSENT)
    if dialog.state == "CLOSE":
        return Refused(Reason.DIALOG_CLOSED)
    if not may_manage(caller) and any(one.id != caller_id(caller) for one in leaving):
        return Refused(Reason.ROLE_NOT_ALLOWED)
    moves = [Move(MoveKind.LEFT, caller_id(caller), dialog.dialog_id, one.id, one.role) for one in leaving]
    staying = [one for one in dialog.participants if one not in leaving]
    return _with(conversation, dialog, staying, now, *moves)


def suggest(conversation: Conversation, caller: Caller, step: SuggestAgent, now: int) -> Decision:
    """Offer the conversation to an agent. Nobody may be assigned: a transfer first takes the assigned agent out."""
    main = conversation.main
    if isinstance(caller, ConsumerCaller) or not (may_manage(caller) or takes_part(conversation, caller)):
        return Refused(Reason.PARTICIPANT_MISSING)
    if main.state == "CLOSE":
        return Refused(Reason.DIALOG_CLOSED)
    if main.find(Role.ASSIGNED_AGENT) is not None:
        return Refused(Reason.CONVERSATION_TAKEN)
    staying = [one for one in main.participants if one.is_active]
    offered = Participant(step.user_pid, Role.ASSIGNED_AGENT, "SUGGESTED")
    move = Move(MoveKind.SUGGESTED, caller_id(caller), main.dialog_id, step.user_pid, Role.ASSIGNED_AGENT)
    return _with(conversation, main, [*staying, offered], now, move)


def withdraw(conversation: Conversation, caller: Caller, step: WithdrawSuggestion, now: int) -> Decision:
    """End an offer: by the agent who rejects it, by the platform when its time is over, by a manager."""
    main = conversation.main
    suggested = conversation.suggested
    if suggested is None or suggested.id != step.user_pid:
        return Refused(Reason.AGENT_ABSENT)
    is_own = isinstance(caller, AgentCaller) and caller.user_pid == step.user_pid
    if not (is_own or may_manage(caller)):
        return Refused(Reason.ROLE_NOT_ALLOWED)
    staying = [one for one in main.participants if one.is_active]
    move = Move(MoveKind.SUGGESTION_WITHDRAWN, caller_id(caller), main.dialog_id, step.user_pid, Role.ASSIGNED_AGENT)
    return _with(conversation, main, staying, now, move)


def _ordered(participants: list[Participant]) -> list[Participant]:
    """Those who are only offered the conversation come last, as clients count on."""
    return [one for one in participants if one.is_active] + [one for one in participants if not one.is_active]


def _with(
    conversation: Conversation, dialog: Dialog, participants: list[Participant], now: int, *moves: Move
) -> Decision:
    at = change_time(conversation, now)
    after = replace(dialog, participants=tuple(participants), updated_at=at)
    return changed(replace(conversation, dialogs=with_dialog(conversation, after), updated_at=at), *moves)
