"""How history names agents: by the number of their user, with the names that people know them by."""

from collections.abc import Mapping
from datetime import UTC, datetime

from switchbay.accounts.public import Role, User
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.record import Record
from switchbay.messaging.domain import Role as ParticipantRole


class Agents(Record, frozen=True):
    """Who and what a page of history names: users of the account by their UUID, names of skills by their id."""

    users: Mapping[str, User]
    skills: Mapping[str, str]

    def get(self, pid: str) -> User | None:
        """The user with this UUID."""
        return self.users.get(pid)


UNASSIGNED = "Unassigned"
_PERMISSIONS = {ParticipantRole.MANAGER: "AGENT_MANAGER"}
_THOUSAND = 1_000


def moment(name: str, at: int) -> dict[str, JsonValue]:
    """A time twice: in words under ``name``, in epoch milliseconds under ``name`` with an L."""
    seconds = datetime.fromtimestamp(at // _THOUSAND, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return {name: f"{seconds}.{at % _THOUSAND:03d}+0000", f"{name}L": at}


def agent_number(agents: Agents, pid: str) -> str:
    """The id of an agent as history shows it; the UUID of one who is not known any more."""
    user = agents.get(pid)
    return pid if user is None else user.user_id


def agent_names(agents: Agents, pid: str, prefix: str) -> dict[str, JsonValue]:
    """The three names of an agent, as members that begin with ``prefix``."""
    user = agents.get(pid)
    login, shown = ("", "") if user is None else (user.login_name, user.display_name)
    return {f"{prefix}LoginName": login, f"{prefix}Nickname": shown, f"{prefix}FullName": shown}


def agent_role(agents: Agents, pid: str) -> str:
    """What kind of user an agent is."""
    user = agents.get(pid)
    manages = user is not None and not user.roles.isdisjoint({Role.ADMIN, Role.AGENT_MANAGER})
    return "AGENT_MANAGER" if manages else "AGENT"


def permission(role: ParticipantRole | None, *, is_suggested: bool = False) -> str:
    """What an agent is in a dialog."""
    if is_suggested:
        return "SUGGESTED_ASSIGNED_AGENT"
    return "" if role is None else _PERMISSIONS.get(role, role.value)


def skill(agents: Agents, skill_id: str, prefix: str) -> dict[str, JsonValue]:
    """A skill's id, a number where it is one, and its name; of one that is not known any more, the id."""
    is_number = skill_id.lstrip("-").isdigit() and skill_id.isascii()
    name = UNASSIGNED if skill_id == "-1" else agents.skills.get(skill_id, skill_id)
    return {f"{prefix}Id": int(skill_id) if is_number else skill_id, f"{prefix}Name": name}
