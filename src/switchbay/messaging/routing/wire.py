"""How skills, agents and the queue look in the management API."""

from collections.abc import Mapping

from switchbay.kit.jsonvalue import JsonValue
from switchbay.messaging.routing.configuration import AgentView
from switchbay.messaging.routing.store.skills import Skill
from switchbay.messaging.routing.store.waiting import Queued


def render_skill(skill: Skill) -> dict[str, JsonValue]:
    """A skill."""
    return {
        "skill_id": skill.skill_id,
        "name": skill.name,
        "description": skill.description,
        "created_at": skill.created_at,
    }


def render_agent(view: AgentView, account_capacity: int) -> dict[str, JsonValue]:
    """An agent; ``capacity`` is what counts, ``own_capacity`` null where that is the account's."""
    user, state = view.user, view.state
    return {
        "user_id": user.user_id,
        "user_pid": user.user_pid,
        "login_name": user.login_name,
        "display_name": user.display_name,
        "enabled": user.enabled,
        "availability": state.availability.value,
        "since": state.changed_at,
        "is_connected": state.is_connected,
        "load": view.load,
        "ringing": view.ringing,
        "capacity": account_capacity if view.capacity is None else view.capacity,
        "own_capacity": view.capacity,
        "skills": [*view.skill_ids],
    }


def render_queued(queued: Queued, names: Mapping[str, str], now: int) -> dict[str, JsonValue]:
    """A conversation that waits; ``skill`` is null if the account has no skill with this id."""
    return {
        "conversation_id": queued.conversation_id,
        "skill_id": queued.skill_id,
        "skill": names.get(queued.skill_id),
        "since": queued.since,
        "waiting_ms": max(0, now - queued.since),
        "weight": queued.weight,
        "suggested_to": queued.suggested_pid,
        "rings_at": queued.rings_at,
    }
