"""One batch of requests as one unit of work: lock, decide in order, store, publish.

Requests of a batch that touch the same conversation see each other's effects, so their sequences follow each other. A
refused request leaves no trace and does not disturb its neighbours. The webhook deliveries of everything that was
accepted are stored in the same transaction.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, Protocol, TypeAlias

from msgspec import structs

from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value
from switchbay.infra.web import json_bytes
from switchbay.kit.errors import AppError
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.record import Record
from switchbay.messaging import store
from switchbay.messaging.domain import (
    Accepted,
    Audience,
    Changed,
    Command,
    Consumer,
    ConsumerCaller,
    Conversation,
    Emitted,
    Move,
    Refused,
    StoredOutcome,
    decide,
)
from switchbay.messaging.domain.decide import opened
from switchbay.messaging.domain.profiles import merged
from switchbay.messaging.errors import idempotency_key_reused, profile_too_large, refusal, ring_refusal
from switchbay.messaging.routing.domain.answers import RingRefusal, answered
from switchbay.messaging.routing.domain.rings import Ring
from switchbay.messaging.wire.notifications import (
    CONVERSATION_CHANGE,
    conversation_notification,
    event_key,
    event_notification,
    opening_text,
)
from switchbay.webhooks.public import Notification

PublishNotifications: TypeAlias = Callable[[Tx, Sequence[Notification]], Awaitable[None]]
Announce: TypeAlias = Callable[[Sequence["Happening"]], None]
RecordHappenings: TypeAlias = Callable[[Tx, Sequence["Happening"]], Awaitable[None]]
PROFILE_BYTES: Final = 65_536
_NOTHING: Final[Mapping[str, JsonValue]] = {}


class Rings(Protocol):
    """What a batch needs of routing: the rings that its requests answer, and those that end with what it changes."""

    async def lock(self, tx: Tx, keys: Collection[store.Key]) -> dict[store.Key, Ring]:
        """Lock rings, by account and id, and read them."""
        ...

    async def follow(self, tx: Tx, ended: Sequence[Ring], overtaken: Collection[store.Key], now: int) -> None:
        """Store how rings have ended, and cancel those of the conversations that wait no more as they did."""
        ...


class Outcome(Record, frozen=True):
    """What a request came to: its conversation, and the sequence that each of its steps answers with."""

    conversation_id: str
    sequences: tuple[int, ...]
    is_replayed: bool = False


class Happening(Record, frozen=True):
    """What a request has done to a conversation: how it was (None: it is new), how it is, what there is to tell."""

    before: Conversation | None
    after: Conversation
    emitted: tuple[Emitted, ...]
    moves: tuple[Move, ...]


async def run_batch(
    tx: Tx,
    commands: Sequence[Command],
    now: int,
    publish: PublishNotifications,
    announce: Announce | None = None,
    rings: Rings | None = None,
    record: RecordHappenings | None = None,
) -> list[Outcome | AppError]:
    """Do all commands, each completely or not at all; return one outcome or error for each. ``now`` in milliseconds.

    ``record`` stores within the transaction what has happened, ``announce`` is called with it, in order, once it is
    durable.
    """
    known = await store.lock_consumers(
        tx,
        {
            (command.account_id, consumer_id)
            for command in commands
            if (command.open is not None or command.profile is not None) and (consumer_id := _consumer_of(command))
        },
    )
    found = await store.lock_conversations(
        tx,
        {
            (command.account_id, command.conversation_id)
            for command in commands
            if command.open is None and command.conversation_id
        },
    )
    # After the locks: the first request with the same key has committed by now, or is in this batch.
    outcomes = await store.find_outcomes(
        tx, {(command.account_id, command.key.key_hash) for command in commands if command.key is not None}
    )
    answered_rings = {(command.account_id, command.ring.ring_id) for command in commands if command.ring is not None}
    rung = await rings.lock(tx, answered_rings) if rings is not None and answered_rings else {}
    ledger = _Ledger(now, known, found, outcomes, rung)
    results = [ledger.take(command) for command in commands]
    await ledger.store(tx)
    if rings is not None and (ledger.ended_rings or ledger.overtaken):
        await rings.follow(tx, ledger.ended_rings, ledger.overtaken, now)
    if ledger.notifications:
        await publish(tx, ledger.notifications)
    if record is not None and ledger.happenings:
        await record(tx, ledger.happenings)
    if announce is not None and ledger.happenings:
        tx.on_commit(partial(announce, ledger.happenings))
    return results


def _consumer_of(command: Command) -> str:
    """The consumer whom a command is for, if it says so."""
    if isinstance(command.caller, ConsumerCaller):
        return command.caller.consumer_id
    return "" if command.open is None else command.open.consumer_id


class _Ledger:
    """The state of everything a batch touches, as the commands taken so far have left it."""

    def __init__(
        self,
        now: int,
        consumers: dict[store.Key, Consumer],
        conversations: dict[store.Key, Conversation],
        outcomes: dict[store.Key, tuple[str, StoredOutcome]],
        rings: dict[store.Key, Ring],
    ) -> None:
        self._now = now
        self._consumers = consumers
        self._known_consumers = frozenset(consumers)
        self._touched_consumers: set[store.Key] = set()
        self._conversations = conversations
        self._known_conversations = frozenset(conversations)
        self._touched_conversations: set[store.Key] = set()
        self._outcomes = outcomes
        self._rings = rings
        self._outcome_rows: list[dict[str, Value]] = []
        self._event_rows: list[dict[str, Value]] = []
        self._move_rows: list[dict[str, Value]] = []
        self._said: dict[tuple[str, str, str], tuple[int, int]] = {}
        self._before: dict[store.Key, Conversation | None] = {}
        self.notifications: list[Notification] = []
        self.happenings: list[Happening] = []
        self.ended_rings: list[Ring] = []
        self.overtaken: list[store.Key] = []

    def take(self, command: Command) -> Outcome | AppError:
        """Do one command, or say why not."""
        try:
            return self._repeated(command) or self._do(command)
        except AppError as error:
            return error

    def _repeated(self, command: Command) -> Outcome | None:
        if command.key is None:
            return None
        earlier = self._outcomes.get((command.account_id, command.key.key_hash))
        if earlier is None:
            return None
        body_hash, outcome = earlier
        if body_hash != command.key.body_hash:
            raise idempotency_key_reused()
        return Outcome(outcome.conversation_id, outcome.sequences, is_replayed=True)

    def _do(self, command: Command) -> Outcome:
        ring = self._ring_after(command)
        consumer = self._consumer_after(command)
        try:
            accepted = self._conversation_after(command)
        except AppError as error:
            if ring is None:
                raise
            raise ring_refusal(RingRefusal.ENDED) from error  # what it offered is gone
        if ring is not None:
            self._rings[ring.account_id, ring.ring_id] = ring
            self.ended_rings.append(ring)
        if consumer is not None:
            key = (consumer.account_id, consumer.consumer_id)
            if consumer != self._consumers.get(key):
                self._consumers[key] = replace(consumer, updated_at=self._now)
                self._touched_consumers.add(key)
        if accepted is not None:
            self._record(command, accepted)
        outcome = Outcome(command.conversation_id, () if accepted is None else accepted.sequences)
        if command.key is not None:
            stored = StoredOutcome(outcome.conversation_id, outcome.sequences)
            self._outcomes[command.account_id, command.key.key_hash] = (command.key.body_hash, stored)
            self._outcome_rows.append(store.outcome_row(command.account_id, command.key, stored, self._now))
        return outcome

    def _ring_after(self, command: Command) -> Ring | None:
        if command.ring is None:
            return None
        known = self._rings.get((command.account_id, command.ring.ring_id))
        ring = answered(known, command.conversation_id, command.ring, self._now)
        if isinstance(ring, RingRefusal):
            raise ring_refusal(ring)
        return ring

    def _consumer_after(self, command: Command) -> Consumer | None:
        consumer_id = _consumer_of(command)
        if not consumer_id or (command.open is None and command.profile is None):
            return None
        known = self._consumers.get((command.account_id, consumer_id)) or Consumer(
            command.account_id, consumer_id, _NOTHING, has_conversation=False, created_at=self._now, updated_at=0
        )
        profile = known.profile
        if command.profile is not None:
            profile = merged(profile, command.profile)
            if len(json_bytes(profile)) > PROFILE_BYTES:
                raise profile_too_large(PROFILE_BYTES)
        return replace(known, profile=profile, has_conversation=known.has_conversation or command.open is not None)

    def _conversation_after(self, command: Command) -> Accepted | None:
        caller = command.caller
        if command.open is not None:
            before = self._consumers.get((command.account_id, _consumer_of(command)))
            text = opening_text(command.open, first=before is None or not before.has_conversation)
            begun = opened(command.open, caller, command.account_id, command.conversation_id, text, self._now)
            decision = decide(begun.conversation, caller, command.steps, self._now)
            if isinstance(decision, Refused):
                raise refusal(decision.reason)
            return structs.replace(
                decision, emitted=(*begun.emitted, *decision.emitted), moves=(*begun.moves, *decision.moves)
            )
        if not command.steps:
            return None
        known = self._conversations.get((command.account_id, command.conversation_id))
        decision = decide(known, caller, command.steps, self._now)
        if isinstance(decision, Refused):
            raise refusal(decision.reason)
        return decision

    def _record(self, command: Command, accepted: Accepted) -> None:
        key = (command.account_id, command.conversation_id)
        conversation = accepted.conversation
        before = self._conversations.get(key)
        if conversation is not before:
            self._before.setdefault(key, before)
            self._conversations[key] = conversation
            self._touched_conversations.add(key)
        if accepted.moves:
            self._move_rows.extend(store.move_rows(conversation, accepted.moves))
        for emitted in accepted.emitted:
            self._make_known(conversation, emitted)
        if accepted.emitted:
            self.happenings.append(Happening(before, conversation, accepted.emitted, accepted.moves))

    def _make_known(self, conversation: Conversation, emitted: Emitted) -> None:
        account_id, conversation_id = conversation.account_id, conversation.conversation_id
        if isinstance(emitted, Changed):
            name, body = CONVERSATION_CHANGE, conversation_notification(emitted.conversation)
        else:
            if emitted.sequence is not None:
                self._event_rows.append(store.event_row(account_id, conversation_id, emitted))
                if emitted.event.is_content:
                    said = (account_id, conversation_id, emitted.dialog_id)
                    self._said[said] = (self._said.get(said, (emitted.sequence,))[0], emitted.sequence)
            if emitted.audience is not Audience.ALL:
                return
            name, body = event_key(emitted.event.kind), event_notification(conversation_id, emitted)
        self.notifications.append(
            Notification(account_id, conversation.installation_id, conversation_id, name, body, self._now)
        )

    async def store(self, tx: Tx) -> None:
        """Write what has changed, in as few statements as there are tables."""
        consumers, conversations = self._consumers, self._conversations
        new = sorted(self._touched_consumers - self._known_consumers)
        await store.insert_consumers(tx, [consumers[key] for key in new])
        changed = sorted(self._touched_consumers & self._known_consumers)
        await store.update_consumers(tx, [consumers[key] for key in changed])
        begun = sorted(self._touched_conversations - self._known_conversations)
        await store.insert_conversations(tx, [conversations[key] for key in begun])
        moved = sorted(self._touched_conversations & self._known_conversations)
        await store.update_conversations(
            tx, [(was, conversations[key]) for key in moved if (was := self._before[key]) is not None]
        )
        changes = [
            (before, conversations[key])
            for key, before in self._before.items()
            if before is None or before.revision != conversations[key].revision
        ]
        if changes:
            await store.follow_participants(tx, changes)
            await store.follow_queue(tx, changes)
            await store.insert_moves(tx, self._move_rows)
            self.overtaken = [
                (after.account_id, after.conversation_id)
                for before, after in changes
                if store.waits_no_more_so(before, after)
            ]
        await store.insert_events(tx, self._event_rows)
        await store.insert_due(tx, self._said, self._now)
        await store.insert_outcomes(tx, self._outcome_rows)
