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


ParticipantState = Literal["ACTIVE", "SUGGESTED"]


class Participant(Record, frozen=True, omit_defaults=True):
    """Someone in a dialog: a consumer by consumer id, an agent by the user's UUID.

    Suggested is the agent to whom a conversation was transferred and who has not accepted it: not in the dialog yet.
    """

    id: str
    role: Role
    state: ParticipantState = "ACTIVE"

    @property
    def is_active(self) -> bool:
        """Whether they are in the dialog."""
        return self.state == "ACTIVE"


class Dialog(Record, frozen=True, omit_defaults=True):
    """One dialog of a conversation. Times are epoch milliseconds.

    ``awaiting_since`` is the consumer's last word that no agent has answered, 0 when there is none. ``metadata`` is
    JSON text that a survey's bot attaches, ``app_install_id`` the application that conducts the survey.
    """

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
    awaiting_since: int = 0
    app_install_id: str | None = None
    metadata: str | None = None

    def role_of(self, participant_id: str) -> Role | None:
        """The role of someone in this dialog, if they take part."""
        for participant in self.participants:
            if participant.id == participant_id and participant.is_active:
                return participant.role
        return None

    def find(self, role: Role, state: ParticipantState = "ACTIVE") -> Participant | None:
        """The first participant in this role and state."""
        for participant in self.participants:
            if participant.role is role and participant.state == state:
                return participant
        return None


CsatStatus = Literal["FILLED", "PARTIALLY_FILLED", "SKIPPED"]
DelayType = Literal["NIGHT", "WEEKEND", "HOLIDAY"]


class Csat(Record, frozen=True, omit_defaults=True):
    """The consumer's rating, 1 to 5, whether their matter is settled, and how much of the survey they answered."""

    rate: int | None = None
    is_resolved: bool | None = None
    status: CsatStatus = "FILLED"


class Delay(Record, frozen=True):
    """Until when nobody is there to answer; the time to respond counts from then on."""

    type: DelayType
    till_when: int


class Facts(Record, frozen=True, omit_defaults=True):
    """What agents and the consumer note about a conversation: it changes seldom."""

    csat: Csat | None = None
    delay: Delay | None = None
    manual_ettr: int | None = None
    note: str | None = None
    topic: str | None = None


NO_FACTS: Final = Facts()


class Conversation(Record, frozen=True):
    """A conversation as it stands. ``opening`` is the JSON text of what the consumer asked for; no rule reads it.

    ``revision`` counts its changes (not its events) from 0. ``installation_id`` is empty when its consumer came without
    an application.
    """

    account_id: str
    conversation_id: str
    installation_id: str
    consumer_id: str
    state: OpenOrClose
    stage: OpenOrClose
    ttr_type: str
    ttr_seconds: int
    effective_ttr: int
    skill_id: str
    opening: str
    dialogs: tuple[Dialog, ...]
    started_at: int
    updated_at: int
    revision: int = 0
    ended_at: int | None = None
    close_reason: str | None = None
    facts: Facts = NO_FACTS

    @property
    def main(self) -> Dialog:
        """The dialog that every conversation begins with."""
        return self.dialogs[0]

    @property
    def assigned(self) -> Participant | None:
        """The agent who answers the consumer."""
        return self.main.find(Role.ASSIGNED_AGENT)

    @property
    def suggested(self) -> Participant | None:
        """The agent to whom the conversation is offered."""
        return self.main.find(Role.ASSIGNED_AGENT, "SUGGESTED")

    @property
    def is_waiting(self) -> bool:
        """Whether it waits in the queue for an agent."""
        return self.state == "OPEN" and self.main.state == "OPEN" and self.assigned is None

    def role_of(self, participant_id: str) -> Role | None:
        """The role of someone in the first dialog that they take part in."""
        for dialog in self.dialogs:
            role = dialog.role_of(participant_id)
            if role is not None:
                return role
        return None

    def find_dialog(self, dialog_id: str) -> Dialog | None:
        """The dialog with this id, if the conversation has it."""
        for dialog in self.dialogs:
            if dialog.dialog_id == dialog_id:
                return dialog
        return None
