"""Conversations as the messaging interactions API shows them: ``info`` always, all else as it is asked for."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

import msgspec

from switchbay.kit.jsonvalue import JsonValue
from switchbay.messaging.domain import Conversation, DialogKind, MoveKind
from switchbay.messaging.history.domain import transcript as past
from switchbay.messaging.history.domain.transcript import PastMove, Transcript
from switchbay.messaging.history.wire.messages import message_records, message_statuses
from switchbay.messaging.history.wire.people import (
    UNASSIGNED,
    Agents,
    agent_names,
    agent_number,
    agent_role,
    moment,
    permission,
    skill,
)

_NEUTRAL_SCORE: Final = 50
_decode: Final = msgspec.json.Decoder().decode
_Part = Callable[[Transcript, Agents], JsonValue]


def record(transcript: Transcript, agents: Agents, wanted: Collection[str], now: int) -> dict[str, JsonValue]:
    """One conversation with the parts that are wanted. ``now`` is in epoch milliseconds."""
    found: dict[str, JsonValue] = {"info": _info(transcript, agents, now)}
    found.update((name, PARTS[name](transcript, agents)) for name in PARTS if name in wanted)
    return found


def agents_named(transcripts: Iterable[Transcript]) -> set[str]:
    """The ids of everybody whom records of these transcripts may name, consumers among them."""
    found: set[str] = set()
    for one in transcripts:
        found.update(who.id for dialog in one.conversation.dialogs for who in dialog.participants)
        found.update(event.stored.originator_id for event in one.events)
        for made in one.moves:
            found.add(made.move.by)
            if made.move.participant_id is not None:
                found.add(made.move.participant_id)
    return found


def skills_named(transcripts: Iterable[Transcript]) -> set[str]:
    """The ids of the skills that records of these transcripts name."""
    found: set[str] = set()
    for one in transcripts:
        found.add(one.conversation.skill_id)
        changes = (MoveKind.OPENED, MoveKind.SKILL)
        for made in (made.move for made in one.moves if made.move.kind in changes):
            found.update(skill_id for skill_id in (made.before, made.after) if skill_id is not None)
    return found


def _opening(conversation: Conversation) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _decode(conversation.opening)
    return found


def _info(transcript: Transcript, agents: Agents, now: int) -> dict[str, JsonValue]:
    one = transcript.conversation
    opening = _opening(one)
    ended = one.main.ended_at if one.state == "CLOSE" else None
    found: dict[str, JsonValue] = moment("startTime", one.started_at)
    if ended is not None:
        found |= moment("endTime", one.ended_at or ended) | moment("conversationEndTime", ended)
    if one.ended_at is not None:
        found |= moment("fullDialogEndTime", one.ended_at)
    found["duration"] = (now if ended is None else ended) - one.started_at
    found |= {"conversationId": one.conversation_id, "brandId": one.account_id}
    agent = past.latest_agent(transcript)
    if agent is not None:
        found |= {"latestAgentId": agent_number(agents, agent), **agent_names(agents, agent, "latestAgent")}
    known = None if agent is None else agents.get(agent)
    found |= {"agentDeleted": agent is not None and (known is None or not known.enabled)}
    found |= skill(agents, one.skill_id, "latestSkill")
    found |= {"source": _source(opening), "device": "NA", "browser": "NA", "operatingSystem": "NA"}
    if one.close_reason is not None:
        found |= {"closeReason": one.close_reason, "closeReasonDescription": _described(one.close_reason)}
    csat = one.facts.csat
    if csat is not None and csat.rate is not None:
        found["csatRate"] = csat.rate
    return found | {
        "mcs": _NEUTRAL_SCORE,
        "alertedMCS": 0,
        "status": one.state,
        "fullDialogStatus": one.stage,
        "firstConversation": bool(opening.get("firstConversation")),
        "latestAgentGroupId": -1,
        "latestAgentGroupName": UNASSIGNED,
        "latestQueueState": "IN_QUEUE" if one.is_waiting else "ACTIVE",
        "isPartial": transcript.is_partial,
    }


def _source(opening: Mapping[str, Any]) -> str:
    context = opening.get("context")
    return "SHARK" if isinstance(context, Mapping) and context.get("type") == "SharkContext" else "APP"


def _described(reason: str) -> str:
    return "MANUAL_CLOSE" if reason in {"AGENT", "CONSUMER"} else f"{reason}_CLOSE"


def _campaign(transcript: Transcript, _agents: Agents) -> JsonValue:
    opening = _opening(transcript.conversation)
    given = opening.get("campaignInfo")
    if not isinstance(given, Mapping):
        return {}
    origin = opening.get("origin") or {}
    return {
        "campaignEngagementId": str(given.get("engagementId", "")),
        "campaignEngagementName": _text(origin.get("engagement_name")),
        "campaignId": str(given.get("campaignId", "")),
        "campaignName": _text(origin.get("campaign_name")),
        "engagementSource": "",
    }


def _participation(one: PastMove, agents: Agents) -> dict[str, JsonValue]:
    pid = one.move.participant_id or ""
    return _agent(agents, pid) | {
        **moment("time", one.at),
        "permission": permission(one.move.role, is_suggested=one.move.kind is MoveKind.SUGGESTED),
        "dialogId": one.move.dialog_id,
    }


def _agent(agents: Agents, pid: str) -> dict[str, JsonValue]:
    user = agents.get(pid)
    return {
        **agent_names(agents, pid, "agent"),
        "agentDeleted": user is None or not user.enabled,
        "agentId": agent_number(agents, pid),
        "userType": "1",
        "userTypeName": "Human",
        "role": agent_role(agents, pid),
        "agentGroupName": UNASSIGNED,
        "agentGroupId": -1,
    }


def _agents(transcript: Transcript, agents: Agents) -> JsonValue:
    return [_participation(one, agents) for one in past.joined(transcript.moves)]


def _agents_left(transcript: Transcript, agents: Agents) -> JsonValue:
    return [_participation(one, agents) for one in past.left(transcript.moves)]


def _agents_active(transcript: Transcript, agents: Agents) -> JsonValue:
    came = {(one.move.dialog_id, one.move.participant_id): one.at for one in past.joined(transcript.moves)}
    return [
        _agent(agents, who.id)
        | {
            **moment("time", came.get((dialog.dialog_id, who.id), dialog.created_at)),
            "permission": permission(who.role),
            "dialogId": dialog.dialog_id,
        }
        for dialog in transcript.conversation.dialogs
        for who in dialog.participants
        if who.is_active and who.id != transcript.conversation.consumer_id
    ]


def _consumers(transcript: Transcript, _agents: Agents) -> JsonValue:
    one, profile = transcript.conversation, transcript.profile
    private = profile.get("privateData")
    contact: Mapping[str, JsonValue] = private if isinstance(private, Mapping) else {}
    first = _text(profile.get("firstName"))
    return [
        {
            "participantId": one.consumer_id,
            "firstName": first,
            "lastName": _text(profile.get("lastName")),
            "token": "",
            "email": _text(contact.get("mail")),
            "phone": _text(contact.get("mobileNum")),
            "avatarURL": _text(profile.get("avatarUrl")),
            **moment("time", dialog.created_at),
            **moment("joinTime", dialog.created_at),
            "consumerName": _text(profile.get("nickName")) or first,
            "dialogId": dialog.dialog_id,
        }
        for dialog in one.dialogs
        if dialog.kind is not DialogKind.AGENTS
    ]


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""


def _transfers(transcript: Transcript, agents: Agents) -> JsonValue:
    found: list[JsonValue] = []
    for one in past.transfers(transcript.moves):
        shown: dict[str, JsonValue] = moment("time", one.at)
        shown["assignedAgentId"] = "null" if one.target_agent is None else agent_number(agents, one.target_agent)
        if one.target_agent is not None:
            shown |= agent_names(agents, one.target_agent, "assignedAgent")
        shown |= skill(agents, one.target_skill, "targetSkill") | {
            "reason": one.reason,
            "by": agent_number(agents, one.by),
        }
        shown |= skill(agents, one.source_skill, "sourceSkill")
        if one.source_agent is not None:
            shown["sourceAgentId"] = agent_number(agents, one.source_agent)
            shown |= agent_names(agents, one.source_agent, "sourceAgent")
        found.append(shown | {"dialogId": transcript.conversation.conversation_id})
    return found


def _interactions(transcript: Transcript, agents: Agents) -> JsonValue:
    return [
        {
            "assignedAgentId": agent_number(agents, one.move.participant_id or ""),
            **agent_names(agents, one.move.participant_id or "", "assignedAgent"),
            **moment("interactionTime", one.at),
            "interactiveSequence": place,
            "dialogId": one.move.dialog_id,
        }
        for place, one in enumerate(past.assignments(transcript.moves), start=1)
    ]


def _skill_changes(transcript: Transcript, agents: Agents) -> JsonValue:
    return [
        skill(agents, one.move.before or "-1", "previousSkill")
        | skill(agents, one.move.after or "-1", "newSkill")
        | moment("time", one.at)
        for one in past.skill_changes(transcript.moves)
    ]


def _dialogs(transcript: Transcript, agents: Agents) -> JsonValue:
    found: list[JsonValue] = []
    for dialog in transcript.conversation.dialogs:
        shown: dict[str, JsonValue] = {
            "dialogId": dialog.dialog_id,
            "status": dialog.state,
            "dialogType": dialog.kind.value,
            "dialogChannelType": "MESSAGING",
            **moment("startTime", dialog.created_at),
            **skill(agents, transcript.conversation.skill_id, "skill"),
        }
        if dialog.ended_at is not None:
            shown |= moment("endTime", dialog.ended_at)
        if dialog.closed_by is not None:
            described = dialog.closed_cause or _described(dialog.closed_by)
            shown |= {"closeReason": dialog.closed_by, "closeReasonDescription": described}
        found.append(shown)
    return found


def _surveys(transcript: Transcript, _agents: Agents) -> JsonValue:
    one = transcript.conversation
    csat = one.facts.csat
    if csat is None:
        return []
    answers: list[JsonValue] = []
    if csat.rate is not None:
        answers.append({"question": "Rate", "answer": str(csat.rate)})
    if csat.is_resolved is not None:
        answers.append({"question": "Confirm Resolution", "answer": "Yes" if csat.is_resolved else "No"})
    asked = next((dialog for dialog in one.dialogs if dialog.kind is DialogKind.POST_SURVEY), one.main)
    return [
        {
            "surveyType": "Satisfaction",
            "surveyStatus": csat.status,
            "dialogId": asked.dialog_id,
            "surveyData": answers,
        }
    ]


def _summary(transcript: Transcript, _agents: Agents) -> JsonValue:
    return {"text": transcript.conversation.facts.note or "", "lastUpdatedTime": transcript.conversation.updated_at}


def _response_time(transcript: Transcript, _agents: Agents) -> JsonValue:
    one = transcript.conversation
    return {"latestEffectiveResponseDueTime": one.effective_ttr, "configuredResponseTime": one.ttr_seconds * 1_000}


PARTS: Final[Mapping[str, _Part]] = {
    "campaign": _campaign,
    "messageRecords": lambda one, agents: list(message_records(one.events, agents)),
    "messageStatuses": lambda one, agents: list(message_statuses(one.events, agents)),
    "agentParticipants": _agents,
    "agentParticipantsLeave": _agents_left,
    "agentParticipantsActive": _agents_active,
    "consumerParticipants": _consumers,
    "transfers": _transfers,
    "interactions": _interactions,
    "messageScores": lambda _one, _agents: [],
    "conversationSurveys": _surveys,
    "coBrowseSessions": lambda _one, _agents: {"coBrowseSessionsList": []},
    "summary": _summary,
    "sdes": lambda _one, _agents: {"events": []},
    "dialogs": _dialogs,
    "responseTime": _response_time,
    "skillChanges": _skill_changes,
}
"""What ``contentToRetrieve`` may ask for; other names ask for nothing."""
BY_DEFAULT: Final = frozenset(PARTS) - {"dialogs", "responseTime", "skillChanges"}
"""What an answer has when nothing is said of it."""
WITH_EVENTS: Final = frozenset({"messageRecords", "messageStatuses"})
