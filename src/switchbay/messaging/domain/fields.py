"""What is noted about a conversation: skill, time to respond, the consumer's rating, notes of agents."""

from msgspec.structs import replace

from switchbay.messaging.domain.decision import (
    Decision,
    caller_id,
    change_time,
    changed,
    may_manage,
    nothing,
    takes_part,
)
from switchbay.messaging.domain.emitted import Move, MoveKind
from switchbay.messaging.domain.publishing import due
from switchbay.messaging.domain.refusals import Reason, Refused
from switchbay.messaging.domain.state import Conversation
from switchbay.messaging.domain.steps import Caller, ConsumerCaller, Rate, SetFact, SetSkill, SetTtr


def set_skill(conversation: Conversation, caller: Caller, step: SetSkill, now: int) -> Decision:
    """Change the skill. Who has just left the conversation in the same request has said where it goes before."""
    refused = _refused(conversation, caller)
    if refused is not None:
        return refused
    if step.skill_id == conversation.skill_id:
        return nothing(conversation)
    after = replace(conversation, skill_id=step.skill_id, updated_at=change_time(conversation, now))
    move = Move(
        MoveKind.SKILL,
        caller_id(caller),
        conversation.conversation_id,
        before=conversation.skill_id,
        after=step.skill_id,
    )
    return changed(after, move)


def set_ttr(conversation: Conversation, caller: Caller, step: SetTtr, now: int) -> Decision:
    """Change how soon the consumer is to be answered, from their last word on."""
    refused = _refused(conversation, caller)
    if refused is not None:
        return refused
    set_to = replace(conversation, ttr_type=step.ttr_type, ttr_seconds=step.seconds)
    after = replace(set_to, effective_ttr=due(set_to), updated_at=change_time(conversation, now))
    move = Move(
        MoveKind.TTR,
        caller_id(caller),
        conversation.conversation_id,
        before=f"{conversation.ttr_type} {conversation.ttr_seconds}",
        after=f"{step.ttr_type} {step.seconds}",
    )
    return changed(after, move)


def set_fact(conversation: Conversation, caller: Caller, step: SetFact, now: int) -> Decision:
    """Note something, or take the note away."""
    refused = _refused(conversation, caller)
    if refused is not None:
        return refused
    noted = replace(conversation, facts=replace(conversation.facts, **{step.name: step.value}))
    after = replace(noted, effective_ttr=due(noted), updated_at=change_time(conversation, now))
    return changed(after, Move(MoveKind.FACT, caller_id(caller), conversation.conversation_id, after=step.name))


def rate(conversation: Conversation, caller: Caller, step: Rate, now: int) -> Decision:
    """Take the consumer's rating; it comes when the main dialog has ended, and may be given anew."""
    if not isinstance(caller, ConsumerCaller):
        return Refused(Reason.CHANGE_NOT_ALLOWED)
    if conversation.state == "OPEN":
        return Refused(Reason.CONVERSATION_OPEN)
    rated = replace(conversation, facts=replace(conversation.facts, csat=step.csat))
    after = replace(rated, updated_at=change_time(conversation, now))
    given = None if step.csat.rate is None else str(step.csat.rate)
    move = Move(MoveKind.CSAT, caller_id(caller), conversation.conversation_id, after=given)
    return changed(after, move)


def _refused(conversation: Conversation, caller: Caller) -> Refused | None:
    if isinstance(caller, ConsumerCaller):
        return Refused(Reason.CHANGE_NOT_ALLOWED)
    if conversation.main.state == "CLOSE":
        return Refused(Reason.DIALOG_CLOSED)
    if not (may_manage(caller) or takes_part(conversation, caller)):
        return Refused(Reason.PARTICIPANT_MISSING)
    return None
