"""What one socket wants to be told: changes of which conversations, and the events of which dialogs from where on."""

from dataclasses import dataclass, field
from typing import Final

from switchbay.messaging.domain import Audience, Conversation, DialogKind, OpenOrClose, Published

MOST_SUBSCRIPTIONS: Final = 10
MOST_DIALOGS: Final = 100


@dataclass(slots=True)
class Subscription:
    """The conversations that a subscription is about, and those of them that the client knows."""

    states: frozenset[OpenOrClose] | None
    stages: frozenset[OpenOrClose] | None
    since: int
    known: set[str] = field(default_factory=set)

    def wants(self, conversation: Conversation) -> bool:
        """Whether the conversation, as it stands, is one of them."""
        return (
            (self.states is None or conversation.state in self.states)
            and (self.stages is None or conversation.stage in self.stages)
            and conversation.updated_at >= self.since
        )


@dataclass(slots=True)
class Cursor:
    """How far a dialog has been told. While it is read from the database, what is heard is only remembered."""

    conversation_id: str
    next: int
    heard: int = -1
    is_reading: bool = True

    def take(self, published: Published) -> bool | None:
        """Whether to tell the event now; None when events before it are missing and must be read first."""
        sequence = published.sequence
        if sequence is None:
            return published.audience is Audience.ALL
        self.heard = max(self.heard, sequence)
        if self.is_reading or sequence < self.next:
            return False
        if sequence > self.next:
            return None
        self.next = sequence + 1
        return published.audience is Audience.ALL


def is_followed_by(conversation: Conversation, dialog_id: str, consumer_id: str) -> bool:
    """Whether the consumer takes part in this dialog; those among agents do not exist for them."""
    dialog = conversation.find_dialog(dialog_id)
    return (
        conversation.consumer_id == consumer_id
        and dialog is not None
        and dialog.kind is not DialogKind.AGENTS
        and dialog.role_of(consumer_id) is not None
    )
