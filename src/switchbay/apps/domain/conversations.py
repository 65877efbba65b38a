"""Apps that ask for the events of all conversations of the account, and what an administrator has decided about it.

Asking gives nothing: only an approval does, and it lasts as long as the app keeps asking. Times are epoch milliseconds.
"""

from dataclasses import dataclass, replace
from enum import StrEnum


class AccessState(StrEnum):
    """How far a request is."""

    ASKED = "asked"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class ConversationAccess:
    """A request for all conversations. ``decided_by`` is the user's id."""

    state: AccessState
    asked_at: int
    decided_at: int | None = None
    decided_by: str | None = None

    @property
    def is_approved(self) -> bool:
        """Whether the app gets what it asks for."""
        return self.state is AccessState.APPROVED


_FROM = {
    AccessState.APPROVED: frozenset(AccessState),
    AccessState.REFUSED: frozenset({AccessState.ASKED, AccessState.REFUSED}),
    AccessState.WITHDRAWN: frozenset({AccessState.APPROVED, AccessState.WITHDRAWN}),
}


def access_after_change(old: ConversationAccess | None, *, asks: bool, now: int) -> ConversationAccess | None:
    """The request after a change of the manifest: one that goes on keeps what was decided."""
    if not asks:
        return None
    return old or ConversationAccess(AccessState.ASKED, now)


def decided(old: ConversationAccess, decision: AccessState, *, by: str, now: int) -> ConversationAccess | None:
    """The request after a decision; the same if it was so decided before, None if it cannot be so decided any more."""
    if old.state not in _FROM.get(decision, frozenset()):
        return None
    return old if old.state is decision else replace(old, state=decision, decided_at=now, decided_by=by)
