"""Conversations, events, rings and agents' states as agents' sockets show them, in the old style and in the new.

Old: types begin with ``.ams.``, participants are objects from role to old ids beside the PIds, an event is the body.
New: types as connectors have them, participants are a list, events are changes. Section 5 of the messaging protocol,
with what the client library's transformer needs: every role's key, the same order in both lists, suggested ones last.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from switchbay.messaging.domain import Conversation, Published, Role, StoredEvent
from switchbay.messaging.routing.domain import AgentStateChanged, RoutingTask
from switchbay.messaging.sockets.names import Names
from switchbay.messaging.wire.notifications import CONVERSATION_CHANGE, MESSAGING_EVENT, conversation_result

OLD_CONVERSATION_CHANGE: Final = ".ams.aam.ExConversationChangeNotification"
OLD_EVENT: Final = ".ams.ms.OnlineEventDistribution"
OLD_ROUTING_TASK: Final = ".ams.routing.RoutingTaskNotification"
NEW_ROUTING_TASK: Final = "routing.routingTaskNotification"
OLD_AGENT_STATE: Final = ".ams.routing.AgentStateNotification"
NEW_AGENT_STATE: Final = "routing.agentStateNotification"
_ROLES: Final = tuple(role.value for role in Role)
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode


def agents_of(conversation: Conversation) -> set[str]:
    """Everybody in a conversation who has two names."""
    return {one.id for dialog in conversation.dialogs for one in dialog.participants if one.role is not Role.CONSUMER}


class Renderer:
    """Renders with the names of agents; they must have been learnt."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def _old_id(self, conversation: Conversation, participant_id: str) -> str:
        if participant_id == conversation.consumer_id:
            return participant_id
        return self._names.old_id(conversation.account_id, participant_id)

    # Conversations

    def conversation(
        self, conversation: Conversation, last: Published | None, *, is_new: bool, has_states: bool = True
    ) -> bytes:
        """The ``result`` of a change, with the content event that caused it, if one did.

        Without ``has_states`` participants have no state, and those that are only suggested are left out.
        """
        result = _decode(_encode(conversation_result(conversation, for_agents=True)))
        if not has_states:
            _leave_states_out(result["conversationDetails"])
        result["lastUpdateTime"] = conversation.updated_at
        if last is not None:
            result["lastContentEventNotification"] = self._event(conversation, _Shown.of(last), is_new=is_new)
        if not is_new:
            self._age(conversation, result["conversationDetails"])
        return _encode(result)

    def _age(self, conversation: Conversation, details: dict[str, Any]) -> None:
        participants = details["participants"]
        old: dict[str, list[str]] = {role: [] for role in _ROLES}
        pids: dict[str, list[str]] = {role: [] for role in _ROLES}
        for one in participants:
            pids[one["role"]].append(one["id"])
            old[one["role"]].append(self._old_id(conversation, one["id"]))
        details["participants"], details["participantsPId"] = old, pids
        for dialog in details["dialogs"]:
            for one in dialog["participantsDetails"]:
                one["id"] = self._old_id(conversation, one["id"])
        facts = conversation.facts
        details |= {
            "convId": conversation.conversation_id,
            "note": facts.note or "",
            "csatRate": 0 if facts.csat is None else facts.csat.rate or 0,
            "conversationHandlerDetails": {"accountId": conversation.account_id, "skillId": conversation.skill_id},
        }

    # Events

    def published(self, conversation: Conversation, published: Published, *, is_new: bool) -> bytes:
        """The notification of an event that has just been published."""
        event = self._event(conversation, _Shown.of(published), is_new=is_new)
        if is_new:
            body = {"dialogId": published.dialog_id, "changes": [event]}
            return _encode({"kind": "notification", "type": MESSAGING_EVENT, "body": body})
        return _encode({"kind": "notification", "type": OLD_EVENT, "body": event})

    def stored(
        self, conversation: Conversation, dialog_id: str, events: Iterable[StoredEvent], *, is_new: bool
    ) -> list[dict[str, Any]]:
        """Events as they are read back."""
        return [self._event(conversation, _Shown.of_stored(dialog_id, one), is_new=is_new) for one in events]

    def _event(self, conversation: Conversation, shown: "_Shown", *, is_new: bool) -> dict[str, Any]:
        properties = msgspec.Raw((shown.client_properties or '{"type":".ClientProperties"}').encode())
        event: dict[str, Any] = {} if shown.sequence is None else {"sequence": shown.sequence}
        pid = shown.originator_id
        event |= {
            "originatorClientProperties": properties,
            "originatorId": pid if is_new else self._old_id(conversation, pid),
            "originatorPId": pid,
            "originatorMetadata": {"id": pid, "role": shown.role, "clientProperties": properties},
        }
        if shown.server_timestamp is not None:
            event["serverTimestamp"] = shown.server_timestamp
        event |= {
            "event": msgspec.Raw(shown.event.encode()),
            "conversationId": conversation.conversation_id,
            "dialogId": shown.dialog_id,
            "messageAudience": shown.audience,
        }
        if shown.metadata is not None:
            event["metadata"] = msgspec.Raw(shown.metadata.encode())
        return event

    # Routing

    def task(self, subscription_id: str, task: RoutingTask, type_: str, *, is_new: bool) -> bytes:
        """The notification of a ring."""
        rings = [
            {
                "ringId": ring.ring_id,
                "ringState": ring.state,
                "ringExpiration": ring.expiration,
                "ringExpirationTs": ring.expires_at,
                "weight": ring.weight,
                "brandId": task.account_id,
                "convId": task.conversation_id,
                "consumerId": task.consumer_id,
                "skillId": task.skill_id,
            }
            for ring in task.rings
        ]
        pid = task.user_pid
        result = {
            "routingTaskId": task.task_id,
            "assignedAgentId": pid if is_new else self._names.old_id(task.account_id, pid),
            "brandId": task.account_id,
            "taskCompleted": task.is_completed,
            "conversationId": task.conversation_id,
            "consumerId": task.consumer_id,
            "skillId": task.skill_id,
            "ringsDetails": rings,
        }
        return self._subscribed(NEW_ROUTING_TASK if is_new else OLD_ROUTING_TASK, subscription_id, type_, result)

    def agent_state(self, subscription_id: str, state: AgentStateChanged, *, is_new: bool) -> bytes:
        """The notification of an agent's state."""
        pid = state.user_pid
        result = {
            "agentUserId": pid if is_new else self._names.old_id(state.account_id, pid),
            "channels": state.channels,
            "availability": state.availability,
            "description": state.description,
        }
        return self._subscribed(NEW_AGENT_STATE if is_new else OLD_AGENT_STATE, subscription_id, "UPSERT", result)

    @staticmethod
    def _subscribed(name: str, subscription_id: str, type_: str, result: object) -> bytes:
        body = {"subscriptionId": subscription_id, "changes": [{"type": type_, "result": result}]}
        return _encode({"kind": "notification", "type": name, "body": body})


def _leave_states_out(details: dict[str, Any]) -> None:
    for dialog in details["dialogs"]:
        there = [one for one in dialog["participantsDetails"] if one.pop("state") == "ACTIVE"]
        dialog["participantsDetails"] = there


class Change:
    """A conversation's change, rendered once for each style and kind, whatever the number of its subscribers."""

    def __init__(self, renderer: Renderer, conversation: Conversation, last: Published | None) -> None:
        self._renderer = renderer
        self._last = last
        self.conversation = conversation
        self._rendered: dict[tuple[bool, bool, str], tuple[bytes, bytes]] = {}

    def parts(
        self, subscription_id: bytes, *, is_new: bool, has_states: bool, type_: str
    ) -> tuple[bytes, bytes, bytes]:
        """The notification for one subscription, in parts."""
        known = self._rendered.get((is_new, has_states, type_))
        if known is None:
            result = self._renderer.conversation(self.conversation, self._last, is_new=is_new, has_states=has_states)
            known = (
                _head(is_new=is_new),
                b'","changes":[{"type":"' + type_.encode() + b'","result":' + result + b"}]}}",
            )
            self._rendered[is_new, has_states, type_] = known
        return known[0], subscription_id, known[1]


def _head(*, is_new: bool) -> bytes:
    name = CONVERSATION_CHANGE if is_new else OLD_CONVERSATION_CHANGE
    return f'{{"kind":"notification","type":"{name}","body":{{"subscriptionId":"'.encode()


def many(subscription_id: str, results: Iterable[bytes], *, is_new: bool) -> bytes:
    """Conversations as they stand, in one notification."""
    changes = b",".join(b'{"type":"UPSERT","result":' + result + b"}" for result in results)
    return b"".join((_head(is_new=is_new), subscription_id.encode(), b'","changes":[', changes, b"]}}"))


class _Shown(msgspec.Struct, frozen=True):
    """An event, just published or read back."""

    dialog_id: str
    sequence: int | None
    originator_id: str
    role: str
    server_timestamp: int | None
    event: str
    audience: str
    client_properties: str | None
    metadata: str | None

    @classmethod
    def of(cls, one: Published) -> "_Shown":
        return cls(
            one.dialog_id,
            one.sequence,
            one.originator_id,
            one.role.value,
            one.server_timestamp,
            one.event.json,
            one.audience.value,
            one.client_properties,
            one.metadata,
        )

    @classmethod
    def of_stored(cls, dialog_id: str, one: StoredEvent) -> "_Shown":
        return cls(
            dialog_id,
            one.sequence,
            one.originator_id,
            one.role,
            one.server_timestamp,
            one.event,
            one.audience,
            one.client_properties,
            one.metadata,
        )
