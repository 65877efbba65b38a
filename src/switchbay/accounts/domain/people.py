"""Users, their roles, and who is acting."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from switchbay.accounts import errors
from switchbay.kit.ids import is_account_id
from switchbay.kit.secret import Secret

_USER_ID = re.compile(r"[0-9]{1,18}", re.ASCII)
ActorKind = Literal["user", "operator", "app", "system"]


class Role(StrEnum):
    """What a user may do: administer the account, answer consumers, oversee those who do, look after applications.

    ``campaign_manager``: decide which visitors are offered a conversation.
    """

    ADMIN = "admin"
    AGENT = "agent"
    AGENT_MANAGER = "agent_manager"
    DEVELOPER = "developer"
    CAMPAIGN_MANAGER = "campaign_manager"


@dataclass(frozen=True, slots=True)
class User:
    """A user of one account. ``user_id`` is digits, ``user_pid`` a UUID; both are unique in the account."""

    account_id: str
    user_id: str
    user_pid: str
    login_name: str
    display_name: str
    roles: frozenset[Role]
    enabled: bool
    created_at: int
    password_changed_at: int


@dataclass(frozen=True, slots=True)
class UserChange:
    """What to change of a user; None leaves it as it is."""

    display_name: str | None = None
    roles: frozenset[Role] | None = None
    enabled: bool | None = None
    password: Secret | None = None

    @property
    def ends_sessions(self) -> bool:
        """Whether the user's sessions must not outlive this change."""
        return self.password is not None or self.enabled is False


@dataclass(frozen=True, slots=True)
class Principal:
    """The user behind a live session.

    ``auth_time`` is when the session was opened, in epoch milliseconds; ``amr`` says how the user proved who they are:
    words of RFC 8176, and ``fed`` for a login at another OpenID provider.
    """

    account_id: str
    user_id: str
    user_pid: str
    login_name: str
    display_name: str
    roles: frozenset[Role]
    session_id: str
    auth_time: int
    amr: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did something, and from which address; this is what the audit log keeps."""

    kind: ActorKind
    id: str
    name: str
    address: str | None = None


def checked_address(address: str | None) -> str | None:
    """Return an IP address, or None for whatever else a transport or a proxy put in its place."""
    try:
        return None if address is None else str(ipaddress.ip_address(address))
    except ValueError:
        return None


def actor_of(principal: Principal, address: str | None) -> Actor:
    """The acting user of a request that came from ``address``."""
    return Actor("user", principal.user_id, principal.login_name, checked_address(address))


def operator(name: str = "operator") -> Actor:
    """Someone with access to the host itself, acting through the command line; ``name`` is their system account."""
    return Actor("operator", "operator", name)


OPERATOR = operator()


def is_user_id(text: str) -> bool:
    """Whether ``text`` can be the id of a user: 1 to 18 digits."""
    return _USER_ID.fullmatch(text) is not None


def user_number(account_id: str, user_id: str) -> int:
    """The number in a user's id. Raises ``user_unknown`` for what cannot be the id of a user of an account."""
    if not is_account_id(account_id) or not is_user_id(user_id):
        raise errors.user_unknown()
    return int(user_id)


def require(principal: Principal, *roles: Role) -> None:
    """Raise ``role_missing`` (403) unless the user has at least one of ``roles``."""
    if principal.roles.isdisjoint(roles):
        raise errors.role_missing(" or ".join(roles))


def checked_roles(roles: Iterable[Role]) -> frozenset[Role]:
    """Return the roles of a user; there must be one."""
    found = frozenset(roles)
    if not found:
        raise errors.roles_missing()
    return found


def role_names(roles: Iterable[Role]) -> list[str]:
    """The roles as sorted words."""
    return sorted(role.value for role in roles)


def leaves_administration(before: User, change: UserChange) -> bool:
    """Whether ``change`` takes an enabled administrator away."""
    was = before.enabled and Role.ADMIN in before.roles
    enabled = before.enabled if change.enabled is None else change.enabled
    roles = before.roles if change.roles is None else change.roles
    return was and not (enabled and Role.ADMIN in roles)
