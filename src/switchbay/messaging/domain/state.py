"""What a conversation is: its two flags, its dialogs and who takes part.

``state`` follows the main dialog, ``stage`` stays open until the last dialog is closed. Sequences belong to a dialog.
The names on the wire are those of the conversation change notification.

What is made anew for every message is a ``Record``: frozen like the other values, and made in a tenth of the time.
"""

from enum import StrEnum
from typing import Final, Literal

from switchbay.kit.record import Record

OpenOrClose = Literal["OPEN", "CLOSE"]
NOTHING_DUE: Final = -1
"""The effective time to respond of a conversation that waits for nobody."""


class Role(StrEnum):
    """What a participant is in a dialog."""

    CONSUMER = "CONSUMER"
    ASSIGNED_AGENT = "ASSIGNED_AGENT"
    AGENT = "AGENT"
    MANAGER = "MANAGER"
    CONTROLLER = "CONTROLLER"
    READER = "READER"


class DialogKind(StrEnum):
    """What a dialog is for. The main dialog has the conversation's id."""

    MAIN = "MAIN"
    POST_SURVEY = "POST_SURVEY"
    AGENTS = "AGENTS"


class Participant(Record, frozen=True):
    """Someone in a dialog: a consumer by consumer id, an agent by the user's UUID."""

    id: str
    role: Role


class Dialog(Record, frozen=True):
    """One dialog of a conversation. Times are epoch milliseconds."""

    dialog_id: str
    kind: DialogKind
    state: OpenOrClose
    participants: tuple[Participant, ...]
    created_at: int
    updated_at: int
    next_sequence: int = 0
    last_event_at: int = 0
    ended_at: int | None = None
    closed_by: str | None = None
    closed_cause: str | None = None

    def role_of(self, participant_id: str) -> Role | None:
        """The role of someone in this dialog, if he takes part."""
        for participant in self.participants:
            if participant.id == participant_id:
                return participant.role
        return None


class Conversation(Record, frozen=True):
    """A conversation as it stands. ``opening`` is the JSON text of what the consumer asked for; no rule reads it."""

    account_id: str
    conversation_id: str
    installation_id: str
    consumer_id: str
    state: OpenOrClose
    stage: OpenOrClose
    ttr_type: str
    ttr_seconds: int
    effective_ttr: int
    opening: str
    dialogs: tuple[Dialog, ...]
    started_at: int
    updated_at: int
    ended_at: int | None = None
    close_reason: str | None = None

    @property
    def main(self) -> Dialog:
        """The dialog that every conversation begins with."""
        return self.dialogs[0]

    def find_dialog(self, dialog_id: str) -> Dialog | None:
        """The dialog with this id, if the conversation has it."""
        for dialog in self.dialogs:
            if dialog.dialog_id == dialog_id:
                return dialog
        return None
