"""What a socket has subscribed to: conversations by a filter, rings of its agent, the states of agents."""

from dataclasses import dataclass, field
from typing import Final

from switchbay.messaging.domain import Conversation, Dialog, DialogKind, OpenOrClose, Role
from switchbay.messaging.sockets.rendering import Change

MOST_SUBSCRIPTIONS: Final = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which conversations. None restricts nothing; ``agents`` and ``seen_by`` are PIds.

    ``agents``: one of them takes part, or, with ``offers``, is offered the conversation. ``seen_by``: this agent does
    too, for users who may see their own conversations only; with ``surveys``, those too whose survey waits for somebody
    to conduct it. ``since``: changed at this time or later, epoch milliseconds.
    """

    states: frozenset[OpenOrClose] | None = None
    stages: frozenset[OpenOrClose] | None = None
    agents: frozenset[str] | None = None
    seen_by: str | None = None
    consumer_id: str | None = None
    since: int = 0
    offers: bool = True
    surveys: bool = False

    def matches(self, conversation: Conversation) -> bool:
        """Whether the conversation, as it stands, is one of them."""
        if self.states is not None and conversation.state not in self.states:
            return False
        if self.stages is not None and conversation.stage not in self.stages:
            return False
        if self.consumer_id is not None and conversation.consumer_id != self.consumer_id:
            return False
        if conversation.updated_at < self.since:
            return False
        if self.agents is None and self.seen_by is None:
            return True
        there = {
            one.id for dialog in conversation.dialogs for one in dialog.participants if one.is_active or self.offers
        }
        if self.seen_by is not None and self.seen_by not in there and not self._is_shown(conversation):
            return False
        return self.agents is None or not self.agents.isdisjoint(there)

    def _is_shown(self, conversation: Conversation) -> bool:
        return self.surveys and any(awaits_conductor(dialog) for dialog in conversation.dialogs)


def awaits_conductor(dialog: Dialog) -> bool:
    """Whether a dialog is a survey that nobody conducts yet: any agent may, so every agent may see it."""
    return (
        dialog.kind is DialogKind.POST_SURVEY
        and dialog.state == "OPEN"
        and all(one.role is Role.CONSUMER for one in dialog.participants)
    )


@dataclass(slots=True)
class Subscription:
    """A filter, and those conversations that the client has been told of."""

    id: str
    wanted: Wanted
    known: set[str] = field(default_factory=set)
    raw_id: bytes = b""
    arriving: dict[str, Change] | None = field(default_factory=dict)
    """What changed while the conversations were read that there are, the last change of each; None once they are told.
    """

    def __post_init__(self) -> None:
        """Keep the id as it goes into notifications."""
        self.raw_id = self.id.encode()
