"""What a person sees who watches conversations: which there are, what was said in one, and its files.

It changes nothing. Whoever calls it has made sure that the person may see every conversation of the account.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

import msgspec

from switchbay.accounts.public import User
from switchbay.infra.db import Database, Tx
from switchbay.messaging import store
from switchbay.messaging.domain import (
    AgentCaller,
    Audience,
    Consumer,
    Conversation,
    Dialog,
    OpenOrClose,
    Role,
    StoredEvent,
)
from switchbay.messaging.files.domain import relative_path
from switchbay.messaging.files.service import Files
from switchbay.messaging.history.domain.tombstones import ERASED_MARK
from switchbay.messaging.history.service import History, Hit
from switchbay.messaging.routing.service import Routing
from switchbay.messaging.service import Messaging

MOST_EVENTS: Final = 500
UNASSIGNED: Final = "-1"
_PSEUDONYM: Final = "erased-"
Standing = Literal["waiting", "offered", "with an agent", "in a survey", "closed"]
_decode: Final = msgspec.json.Decoder(dict[str, Any])


class People(Protocol):
    """What this needs of the accounts room."""

    async def find_users_by_pid(self, account_id: str, pids: Collection[str]) -> list[User]:
        """The users with these UUIDs."""
        ...


@dataclass(frozen=True, slots=True)
class Glance:
    """A conversation in a list. Times are epoch milliseconds.

    ``agent``: who is assigned, or is offered the conversation. ``waits_since``: since when the consumer waits for an
    agent, or else for an answer of the agent's; 0 when for neither.
    """

    conversation_id: str
    consumer: str
    standing: Standing
    skill: str
    agent: str
    waits_since: int
    started_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Line:
    """A message. ``event`` is what was published; ``is_read``: somebody of the other side has said so;
    ``is_erased``: what it said was erased with its consumer's data.
    """

    sequence: int
    at: int
    role: str
    name: str
    is_private: bool
    is_read: bool
    is_erased: bool
    event: Mapping[str, Any]

    @property
    def is_consumers(self) -> bool:
        """Whether the consumer said it."""
        return self.role == Role.CONSUMER


@dataclass(frozen=True, slots=True)
class Talk:
    """A dialog with its messages in order; ``left_out`` counts earlier events that are not looked at."""

    dialog_id: str
    kind: str
    is_open: bool
    lines: tuple[Line, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """One conversation."""

    glance: Glance
    talks: tuple[Talk, ...]


class Watching:
    """Reads for the watchers of all accounts."""

    def __init__(
        self, db: Database, messaging: Messaging, routing: Routing, people: People, history: History, files: Files
    ) -> None:
        self._db = db
        self._messaging = messaging
        self._routing = routing
        self._people = people
        self._history = history
        self._files = files

    async def list_conversations(
        self, account_id: str, state: OpenOrClose | None, before: tuple[int, str] | None, most: int
    ) -> list[Glance]:
        """The newest conversations that began before this start time and id."""
        found = await self._messaging.list_conversations(account_id, state=state, before=before, most=most)
        names = await self._names(account_id, found)
        return [names.glance(one) for one in found]

    async def find_messages(
        self, account_id: str, text: str, before: int | None, most: int
    ) -> tuple[list[Hit], int | None]:
        """Messages with these words, newest first, and where the next page begins. Raises ``search_invalid``."""
        return await self._history.find_messages(account_id, text, since=0, until=None, before=before, most=most)

    async def get_transcript(self, account_id: str, conversation_id: str) -> Transcript:
        """One conversation with the newest 500 events of each dialog. Raises ``conversation_unknown``."""
        conversation = await self._messaging.get_conversation(account_id, conversation_id)
        events: dict[str, list[StoredEvent]] = {}
        for dialog in conversation.dialogs:
            since = max(0, dialog.next_sequence - MOST_EVENTS)
            events[dialog.dialog_id] = await self._messaging.list_events(
                account_id, conversation_id, dialog.dialog_id, since=since, most=MOST_EVENTS
            )
        authors = {one.originator_id for some in events.values() for one in some}
        names = await self._names(account_id, [conversation], authors)
        talks = tuple(names.talk(conversation, dialog, events[dialog.dialog_id]) for dialog in conversation.dialogs)
        return Transcript(names.glance(conversation), talks)

    async def get_file_address(self, account_id: str, user_pid: str, file_id: str, *, preview: bool) -> str:
        """Where a user gets a file, or its preview, for a while. Raises ``file_unknown``, ``file_not_uploaded``."""
        caller, path = AgentCaller(user_pid), relative_path(account_id, file_id)
        generate = self._files.generate_preview_url if preview else self._files.generate_download_url
        address = await generate(account_id, caller, path)
        return (
            f"{address.relative_path}?temp_url_sig={address.temp_url_sig}&temp_url_expires={address.temp_url_expires}"
        )

    async def _names(self, account_id: str, found: Collection[Conversation], authors: Collection[str] = ()) -> "_Names":
        consumer_ids = {one.consumer_id for one in found}
        pids = {one.id for conversation in found for dialog in conversation.dialogs for one in dialog.participants}
        users = await self._people.find_users_by_pid(account_id, (pids | set(authors)) - consumer_ids)
        waiting_ids = [one.conversation_id for one in found if one.is_waiting]

        async def read(tx: Tx) -> tuple[list[Consumer], dict[str, int]]:
            consumers = await store.list_consumers(tx, account_id, consumer_ids)
            return consumers, await store.list_waiting_since(tx, account_id, waiting_ids)

        consumers, waiting = await self._db.read(read)
        skills = await self._routing.configuration.list_skills(account_id)
        return _Names(
            {one.user_pid: one.display_name or one.login_name for one in users},
            {one.consumer_id: _name_of(one) for one in consumers},
            {one.skill_id: one.name for one in skills},
            waiting,
        )


@dataclass(frozen=True, slots=True)
class _Names:
    """How agents, consumers and skills are called, by their ids, and since when conversations wait for an agent."""

    agents: Mapping[str, str]
    consumers: Mapping[str, str]
    skills: Mapping[str, str]
    waiting: Mapping[str, int]

    def glance(self, conversation: Conversation) -> Glance:
        agent = conversation.assigned or conversation.suggested
        main, is_open = conversation.main, conversation.state == "OPEN"
        return Glance(
            conversation_id=conversation.conversation_id,
            consumer=self.consumer(conversation.consumer_id),
            standing=_standing(conversation),
            skill=""
            if conversation.skill_id == UNASSIGNED
            else self.skills.get(conversation.skill_id, conversation.skill_id),
            agent="" if agent is None else self.agents.get(agent.id, agent.id),
            waits_since=self.waiting.get(conversation.conversation_id) or (main.awaiting_since if is_open else 0),
            started_at=conversation.started_at,
            updated_at=conversation.updated_at,
        )

    def consumer(self, consumer_id: str) -> str:
        if consumer_id.startswith(_PSEUDONYM):
            return "Erased consumer"
        return self.consumers.get(consumer_id) or f"Consumer {consumer_id[:8]}"

    def talk(self, conversation: Conversation, dialog: Dialog, events: list[StoredEvent]) -> Talk:
        decoded = [(one, _decode.decode(one.event)) for one in events]
        read: dict[bool, set[int]] = {True: set(), False: set()}
        for one, event in decoded:
            if event.get("status") == "READ":
                read[one.role == Role.CONSUMER].update(event.get("sequenceList", ()))
        lines = [
            Line(
                sequence=one.sequence,
                at=one.server_timestamp,
                role=one.role,
                name=self._author(conversation, one),
                is_private=one.audience != Audience.ALL,
                is_read=one.sequence in read[one.role != Role.CONSUMER],
                is_erased=one.metadata == ERASED_MARK,
                event=event,
            )
            for one, event in decoded
            if event.get("type") != "AcceptStatusEvent"
        ]
        left_out = events[0].sequence if events else 0
        return Talk(dialog.dialog_id, dialog.kind.value, dialog.state == "OPEN", tuple(lines), left_out)

    def _author(self, conversation: Conversation, one: StoredEvent) -> str:
        if one.originator_id == conversation.consumer_id:
            return self.consumer(conversation.consumer_id)
        return self.agents.get(one.originator_id, one.originator_id)


def _standing(conversation: Conversation) -> Standing:
    if conversation.stage == "CLOSE":
        return "closed"
    if conversation.state == "CLOSE":
        return "in a survey"
    if conversation.assigned is not None:
        return "with an agent"
    return "waiting" if conversation.suggested is None else "offered"


def _name_of(consumer: Consumer) -> str:
    parts = (consumer.profile.get(name) for name in ("firstName", "lastName"))
    return " ".join(one.strip() for one in parts if isinstance(one, str) and one.strip())
