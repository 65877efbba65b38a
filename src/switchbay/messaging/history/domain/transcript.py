"""What is stored of a conversation, and what follows from its moves: who took part when, who transferred it to whom."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final, Literal

from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.record import Record
from switchbay.messaging.domain import Conversation, Move, MoveKind, Role, StoredEvent

TransferReason = Literal["Skill", "Agent", "back2Q", "TakeOver", "SuggestedAgentTimeout"]
_PLATFORM: Final = frozenset({"TIMEOUT", "SYSTEM"})


class PastEvent(Record, frozen=True):
    """An event and the dialog that it is in."""

    dialog_id: str
    stored: StoredEvent


class PastMove(Record, frozen=True):
    """A move: moves of one request have the same revision. ``at`` is epoch milliseconds."""

    revision: int
    at: int
    move: Move


class Transcript(Record, frozen=True):
    """A conversation with everything that is stored of it; ``is_partial`` when not all of its events are here."""

    conversation: Conversation
    profile: Mapping[str, JsonValue]
    events: Sequence[PastEvent]
    moves: Sequence[PastMove]
    is_partial: bool = False


class Transfer(Record, frozen=True):
    """A conversation changed hands. Agents are known by the UUID of their user."""

    at: int
    reason: TransferReason
    by: str
    source_skill: str
    target_skill: str
    source_agent: str | None
    target_agent: str | None


def joined(moves: Iterable[PastMove]) -> Iterator[PastMove]:
    """The moves by which agents came in, or were offered the conversation."""
    return (one for one in moves if one.move.kind in {MoveKind.JOINED, MoveKind.SUGGESTED})


def left(moves: Iterable[PastMove]) -> Iterator[PastMove]:
    """The moves by which agents went out."""
    return (one for one in moves if one.move.kind is MoveKind.LEFT)


def assignments(moves: Iterable[PastMove]) -> Iterator[PastMove]:
    """The moves by which agents became the assigned one."""
    return (one for one in moves if one.move.kind is MoveKind.JOINED and one.move.role is Role.ASSIGNED_AGENT)


def latest_agent(transcript: Transcript) -> str | None:
    """The agent who was assigned last, also when they have left."""
    assigned = transcript.conversation.assigned
    if assigned is not None:
        return assigned.id
    found = None
    for one in assignments(transcript.moves):
        found = one.move.participant_id
    return found


def transfers(moves: Sequence[PastMove]) -> list[Transfer]:
    """Whenever a conversation changed hands: to a skill, to an agent, back to the queue, to a manager."""
    found: list[Transfer] = []
    skill, agent = "-1", None
    for _, group in groupby(moves, key=lambda one: one.revision):
        made = list(group)
        by_kind = {one.move.kind: one.move for one in made if one.move.role in {None, Role.ASSIGNED_AGENT}}
        opened = next((one.move for one in made if one.move.kind is MoveKind.OPENED), None)
        if opened is not None:
            skill = opened.after or "-1"
        transfer = _transfer(made[0].at, by_kind, skill, agent)
        if transfer is not None:
            found.append(transfer)
            skill = transfer.target_skill
        if MoveKind.JOINED in by_kind:
            agent = by_kind[MoveKind.JOINED].participant_id
        elif MoveKind.LEFT in by_kind:
            agent = None
    return found


def _transfer(at: int, made: Mapping[MoveKind, Move], skill: str, agent: str | None) -> Transfer | None:
    gone = made.get(MoveKind.LEFT)
    source = agent if gone is None else gone.participant_id
    changed = made.get(MoveKind.SKILL)
    target_skill = skill if changed is None else changed.after or "-1"
    reason: TransferReason
    if (suggested := made.get(MoveKind.SUGGESTED)) is not None:
        reason, by, target = "Agent", suggested.by, suggested.participant_id
    elif changed is not None:
        reason, by, target = "Skill", changed.by, None
    elif (withdrawn := made.get(MoveKind.SUGGESTION_WITHDRAWN)) is not None:
        reason = "SuggestedAgentTimeout" if withdrawn.by in _PLATFORM else "back2Q"
        by, target, source = withdrawn.by, None, withdrawn.participant_id
    elif gone is not None and MoveKind.CLOSED not in made:
        came = made.get(MoveKind.JOINED)
        if came is not None and came.participant_id == gone.participant_id:
            return None
        reason = "back2Q" if came is None else "TakeOver"
        by, target = gone.by, None if came is None else came.participant_id
    else:
        return None
    return Transfer(at, reason, by, skill, target_skill, source, target)


def skill_changes(moves: Iterable[PastMove]) -> Iterator[PastMove]:
    """The moves that changed the skill."""
    return (one for one in moves if one.move.kind is MoveKind.SKILL)
