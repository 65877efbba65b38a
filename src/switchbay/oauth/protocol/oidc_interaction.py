"""Whether a person must do something before an app gets its answer: log in, choose an account, allow it.

OpenID Connect Core 1.0 §3.1.2.1 to §3.1.2.6 (prompt, max_age, hints) and RFC 9470 (acr_values), as pure decisions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

InteractionKind: TypeAlias = Literal["login", "choose", "consent"]


@dataclass(frozen=True, slots=True)
class Steps:
    """What the person has done so far for this request; it travels in the sealed transaction.

    ``session_id`` is the session they chose or opened; ``offered`` the scope that the consent page shows them in that
    session, None before it did; ``allowed`` and ``for_account`` what they answered there.
    """

    session_id: str | None = None
    offered: frozenset[str] | None = None
    allowed: bool = False
    for_account: bool = False
    denied: bool = False

    @classmethod
    def choose(cls, session_id: str) -> "Steps":
        """Go on as the user of this session, which was chosen or has just been opened; nobody allowed anything yet."""
        return cls(session_id=session_id)

    def allow(self, *, for_account: bool = False) -> "Steps":
        """They allow what the consent page offered; ``for_account``: for every user, if they are an administrator."""
        return replace(self, allowed=True, for_account=for_account)

    def deny(self) -> "Steps":
        """They want none of it."""
        return replace(self, denied=True)


NO_STEPS = Steps()


@dataclass(frozen=True, slots=True)
class Presence:
    """A live session of this browser. ``auth_time`` in epoch milliseconds; ``amr`` as in RFC 8176."""

    session_id: str
    user_id: str
    user_pid: str
    login_name: str
    auth_time: int
    amr: tuple[str, ...]
    is_admin: bool = False


__all__ = ["NO_STEPS", "InteractionKind", "Presence", "Sequence", "Steps"]
