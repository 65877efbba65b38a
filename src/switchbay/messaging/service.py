"""Use cases of the messaging room: requests in, one durable batch, outcomes out."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol, TypeAlias

import structlog
from msgspec import structs

from switchbay.accounts.public import Account
from switchbay.infra.batch import Batcher
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock, Randomness
from switchbay.kit.errors import AppError
from switchbay.messaging import store, workers
from switchbay.messaging.commit import Announce, Happening, Outcome, RecordHappenings, Rings, run_batch
from switchbay.messaging.domain import (
    CloseDialog,
    Command,
    Consumer,
    Conversation,
    Reason,
    StoredEvent,
    Survey,
)
from switchbay.messaging.domain.state import OpenOrClose
from switchbay.messaging.errors import messaging_disabled, refusal
from switchbay.messaging.feed.feed import Feed
from switchbay.messaging.samples import Sample, render_sample
from switchbay.messaging.wire.ids import is_conversation_id
from switchbay.webhooks.public import Notification

_BATCH: Final = 64
_BATCHES_IN_FLIGHT: Final = 2  # on PostgreSQL: one waits for the disk while the other is decided
_WAITING: Final = 2_000
_TIDY_SECONDS: Final = 30.0
_log = structlog.get_logger("messaging")


Admit: TypeAlias = Callable[[Command], Awaitable[Command]]


class Publisher(Protocol):
    """What this room needs of the webhooks room."""

    async def publish(self, tx: Tx, notifications: Sequence[Notification]) -> None:
        """Store the deliveries of these notifications within the transaction."""
        ...


class AccountBook(Protocol):
    """What this room needs of the accounts room."""

    async def get_account(self, account_id: str) -> Account:
        """The account with its settings, from a cache when it may be."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings of this room: characters of a message, bytes of a body, seconds that answers are kept."""

    message_characters: int = 8_000
    body_bytes: int = 1_048_576
    idempotency_seconds: int = 86_400


class Messaging:
    """Conversations and their events."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        randomness: Randomness,
        webhooks: Publisher,
        accounts: AccountBook,
        limits: Limits,
    ) -> None:
        self._db = db
        self._clock = clock
        self._randomness = randomness
        self._webhooks = webhooks
        self._accounts = accounts
        self.limits = limits
        self._batcher: Batcher[Command, Outcome] = Batcher(
            self._run,
            most=_BATCH,
            in_flight=1 if db.engine == "sqlite" else _BATCHES_IN_FLIGHT,
            waiting=_WAITING,
        )
        self._listeners: list[Announce] = []
        self.feed = Feed(db, clock, randomness.uuid())
        """What happens on all nodes; ``listen`` tells of this one."""
        self._listeners.append(self.feed.heard)
        self._rings: Rings | None = None
        self._records: list[RecordHappenings] = [self.feed.record]
        self._admissions: list[Admit] = []
        self._tidying: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin the background work."""
        await self.feed.start()
        self._tidying = asyncio.create_task(self._tidy_until_stopped(), name="messaging-tidy")

    async def stop(self) -> None:
        """Finish the requests that are under way and end the background work."""
        await self._batcher.close()
        await self.feed.stop()
        if self._tidying is not None:
            self._tidying.cancel()
            with suppress(asyncio.CancelledError):
                await self._tidying
            self._tidying = None

    async def _tidy_until_stopped(self) -> None:
        while True:
            try:
                keep = self.limits.idempotency_seconds
                while await workers.purge_once(self._db, self._clock.now_ms(), keep) >= store.PURGED_AT_ONCE:
                    pass
                await self.close_silent_once()
            except Exception as error:  # noqa: BLE001 - tidying must not end with one bad moment
                _log.warning("could not tidy up", reason=str(error))
            await asyncio.sleep(_TIDY_SECONDS)

    async def close_silent_once(self) -> int:
        """Close what has been silent for as long as its account allows; return how many conversations and surveys."""
        return await workers.close_silent_once(self._db, self._clock.now_ms(), self._accounts.get_account, self.submit)

    # Changes

    def new_conversation_id(self) -> str:
        """An id for a conversation that is to be opened."""
        return self._randomness.uuid()

    async def admit_opening(self, account_id: str) -> Mapping[str, int]:
        """Whether the account takes new conversations, and its response times in seconds, by type.

        Raises ``account_unknown`` and ``messaging_disabled``.
        """
        account = await self._accounts.get_account(account_id)
        if not account.messaging_enabled:
            raise messaging_disabled()
        return account.ttr_seconds

    async def submit(self, command: Command) -> Outcome:
        """Do a command; return when its effects and its webhook deliveries are durable. Raises its refusal."""
        if command.open is None and command.steps and not is_conversation_id(command.conversation_id):
            raise refusal(Reason.CONVERSATION_UNKNOWN)
        if any(isinstance(step, CloseDialog) for step in command.steps):
            command = await self._with_survey(command)
        for admit in self._admissions:
            command = await admit(command)
        return await self._batcher.submit(command)

    async def _with_survey(self, command: Command) -> Command:
        """Have the account's survey follow where the main dialog is to be closed."""
        account = await self._accounts.get_account(command.account_id)
        if not account.survey_app:
            return command
        survey = Survey(self._randomness.uuid(), account.survey_app)
        steps = tuple(
            replace(step, survey=survey)
            if isinstance(step, CloseDialog) and step.dialog_id == command.conversation_id
            else step
            for step in command.steps
        )
        return structs.replace(command, steps=steps)

    async def _run(self, commands: Sequence[Command]) -> Sequence[Outcome | AppError]:
        now = self._clock.now_ms()
        work = partial(
            run_batch,
            commands=commands,
            now=now,
            publish=self._webhooks.publish,
            announce=self._announce,
            rings=self._rings,
            record=self._record,
        )
        return await self._db.write(work)

    def use_rings(self, rings: Rings) -> None:
        """Have commands answer rings, and rings end with what they offered. Routing calls it, before the start."""
        self._rings = rings

    def admit_with(self, admit: Admit) -> None:
        """Have every command pass through ``admit`` before it is done: it may refuse it, or return another one."""
        self._admissions.append(admit)

    def record_with(self, record: RecordHappenings) -> None:
        """Have ``record`` called with what has happened, within the transaction that stores it, before the start."""
        self._records.append(record)

    async def _record(self, tx: Tx, happenings: Sequence[Happening]) -> None:
        for record in self._records:
            await record(tx, happenings)

    def listen(self, listener: Announce) -> None:
        """Have ``listener`` called on the event loop with what has happened on this node, once it is durable."""
        self._listeners.append(listener)

    def _announce(self, happenings: Sequence[Happening]) -> None:
        for listener in self._listeners:
            listener(happenings)

    # Reading

    async def get_conversation(self, account_id: str, conversation_id: str) -> Conversation:
        """One conversation as it stands. Raises ``conversation_unknown``."""
        found = None
        if is_conversation_id(conversation_id):
            found = await self._db.read(lambda tx: store.find_conversation(tx, account_id, conversation_id))
        if found is None:
            raise refusal(Reason.CONVERSATION_UNKNOWN)
        return found

    def sample(self, account_id: str, installation_id: str, key: str, *, agent_id: str) -> Sample | None:
        """A notification of this event in a conversation that never was, or None if there is no such event."""
        return render_sample(
            key,
            account_id=account_id,
            installation_id=installation_id,
            conversation_id=self._randomness.uuid(),
            consumer_id=self._randomness.bytes(32).hex(),
            agent_id=agent_id,
            now=self._clock.now_ms(),
        )

    async def list_conversations(
        self, account_id: str, *, state: OpenOrClose | None, before: tuple[int, str] | None, most: int
    ) -> list[Conversation]:
        """The newest conversations that began ``before`` this start time and id."""
        return await self._db.read(lambda tx: store.list_conversations(tx, account_id, state, before, most))

    async def list_open_conversations(self, account_id: str, *, most: int) -> list[Conversation]:
        """The newest conversations of an account with an open dialog."""
        return await self._db.read(lambda tx: store.list_open_of(tx, account_id, most))

    async def list_conversations_of(
        self, account_id: str, participant_id: str, *, is_open: bool | None = None, most: int
    ) -> list[Conversation]:
        """The newest conversations that somebody takes part in; ``is_open``: only those with an open dialog."""
        return await self._db.read(
            lambda tx: store.list_conversations_of(tx, account_id, participant_id, is_open=is_open, most=most)
        )

    async def list_events(
        self, account_id: str, conversation_id: str, dialog_id: str | None, *, since: int, most: int
    ) -> list[StoredEvent]:
        """The events of a dialog, the main one by default, whose sequence is at least ``since``, in order."""
        conversation = await self.get_conversation(account_id, conversation_id)
        if conversation.find_dialog(dialog_id or conversation_id) is None:
            raise refusal(Reason.DIALOG_UNKNOWN)
        return await self._db.read(
            lambda tx: store.list_events(tx, account_id, conversation_id, dialog_id or conversation_id, since, most)
        )

    async def find_consumer(self, account_id: str, consumer_id: str) -> Consumer | None:
        """What is known about a consumer."""
        return await self._db.read(lambda tx: store.find_consumer(tx, account_id, consumer_id))
