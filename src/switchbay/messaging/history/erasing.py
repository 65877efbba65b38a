"""Erasing what is kept of one consumer: asked for at once, done in steps that any node goes on with.

Each step is one transaction that also says how far the work has come, so a node that is killed leaves it where another
finds it, and asking again while it is under way changes nothing. First the conversations, one after the other: an open
one is closed by the platform, what was said becomes tombstones, the consumer a pseudonym. Then the log of webhooks, at
last the answers that are kept for repeated requests, and what other rooms keep. Then nobody knows any more whom the
pseudonym stood for.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from typing import Final, Protocol

from switchbay.accounts.public import Actor, record_audit
from switchbay.infra.db import Database, Tx, UniqueViolation
from switchbay.infra.machine import Clock, Randomness
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue
from switchbay.messaging import store
from switchbay.messaging.commit import Outcome
from switchbay.messaging.domain import CloseConversation, Command, SystemCaller
from switchbay.messaging.files.store import delete_files_of, delete_unsent_files_of
from switchbay.messaging.history.domain.erasures import Erasure, Phase
from switchbay.messaging.history.domain.tombstones import erased_notification
from switchbay.messaging.history.store import erasing, erasures
from switchbay.messaging.history.store.transcripts import events_after
from switchbay.messaging.history.store.words import drop_documents
from switchbay.webhooks.public import rewrite_bodies

ROWS_A_STEP: Final = 500
_LONGEST_ID: Final = 256
_SYSTEM: Final = Actor("system", "messaging", "erasure")
_ALREADY: Final = frozenset({"conversation_closed", "conversation_unknown"})
_NEWEST: Final = "\x7f"
DeleteFiles = Callable[[Tx, str, Collection[str], int], Awaitable[int]]
"""Has the files of an account's conversations deleted from the commit on, given the time; says how many."""
Forget = Callable[[Tx, str, str, int], Awaitable[int]]
"""Deletes what another room keeps of an account's consumer, at most so many rows; says how many it deleted."""
_Step = Callable[[Tx, Erasure], Awaitable[Erasure]]


class Conversations(Protocol):
    """Who closes conversations."""

    async def submit(self, command: Command) -> Outcome:
        """Do a command."""
        ...


class Erasing:
    """Takes requests to erase, and does them."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        randomness: Randomness,
        messaging: Conversations,
        delete_files: DeleteFiles = delete_files_of,
        rows: int = ROWS_A_STEP,
    ) -> None:
        self._db = db
        self._clock = clock
        self._randomness = randomness
        self._messaging = messaging
        self._delete_files = delete_files
        self._rows = rows
        self._after = ("", "")
        self._elsewhere: list[Forget] = []

    def forget_with(self, forget: Forget) -> None:
        """Have ``forget`` called in an erasure's last phase, until it has nothing left to delete."""
        self._elsewhere.append(forget)

    # Requests

    async def request(self, account_id: str, consumer_id: str, actor: Actor) -> Erasure:
        """Ask for everything to be erased that is kept of a consumer; profile and unsent files are gone at once.

        While an erasure of the same consumer is under way it is that which is answered. It need not be known whether
        there is such a consumer. Raises ``consumer_id_invalid``.
        """
        if not 0 < len(consumer_id) <= _LONGEST_ID or not consumer_id.isprintable():
            raise AppError(Kind.INVALID, "consumer_id_invalid", "This cannot be the id of a consumer.")
        now = self._clock.now_ms()
        made = Erasure(
            account_id,
            self._randomness.sortable_id("era", now),
            consumer_id,
            f"erased-{self._randomness.token(16)}",
            Phase.CONVERSATIONS,
            "",
            now,
            0,
            0,
            now,
        )

        async def work(tx: Tx) -> Erasure:
            running = await erasures.find_of_consumer(tx, account_id, consumer_id)
            if running is not None:
                return running
            since = await erasures.first_conversation(tx, account_id, consumer_id)
            erasure = made if since is None else replace(made, since=min(since, now))
            await erasures.insert(tx, erasure)
            await erasures.forget_profile(tx, account_id, consumer_id)
            await delete_unsent_files_of(tx, account_id, consumer_id, now)
            await self._record(tx, "consumer.erase", erasure, actor, {"pseudonym": erasure.pseudonym})
            return erasure

        try:
            return await self._db.write(work)
        except UniqueViolation:  # asked for twice at the same time: the other one is there now
            return await self._db.write(work)

    async def find(self, account_id: str, erasure_id: str) -> Erasure:
        """One erasure. Raises ``erasure_unknown``."""
        found = None
        if erasure_id.isprintable():
            found = await self._db.read(lambda tx: erasures.find(tx, account_id, erasure_id))
        if found is None:
            raise AppError(Kind.NOT_FOUND, "erasure_unknown", "There is no such erasure.")
        return found

    async def list_newest(self, account_id: str, before: str | None, most: int) -> list[Erasure]:
        """The newest erasures, those before an id."""
        last = _NEWEST if before is None else before
        return await self._db.read(lambda tx: erasures.list_newest(tx, account_id, last, most))

    # Work

    async def erase_once(self) -> bool:
        """Take one step of one erasure; tell whether there was one. Erasures take turns."""
        found = await self._db.read(lambda tx: erasures.find_running(tx, self._after))
        if found is None and self._after != ("", ""):
            found = await self._db.read(lambda tx: erasures.find_running(tx, ("", "")))
        if found is None:
            self._after = ("", "")
            return False
        self._after = (found.account_id, found.erasure_id)
        match found.phase:
            case Phase.CONVERSATIONS:
                await self._erase_conversation(found)
            case Phase.WEBHOOKS:
                await self._step(found, self._rewrite_log)
            case _:
                await self._step(found, self._forget_answers)
        return True

    async def _step(self, seen: Erasure, work: _Step) -> None:
        """Do a part and note it, unless another node has done it meanwhile."""

        async def once(tx: Tx) -> None:
            current = await erasures.find(tx, seen.account_id, seen.erasure_id, lock=True)
            if current == seen:
                await erasures.save(tx, await work(tx, current))

        await self._db.write(once)

    async def _erase_conversation(self, seen: Erasure) -> None:
        account_id, consumer_id = seen.account_id, seen.consumer_id or ""
        found = await self._db.read(
            lambda tx: erasing.next_conversation(tx, account_id, consumer_id, seen.requested_at)
        )
        if found is None:
            await self._step(seen, _turn_to(Phase.WEBHOOKS))
            return
        conversation_id, is_open = found
        if is_open:
            try:
                await self._messaging.submit(
                    Command(account_id, SystemCaller(), conversation_id, (CloseConversation(),))
                )
            except AppError as error:
                if error.code not in _ALREADY:
                    raise
            return
        await self._step(seen, lambda tx, erasure: self._bury(tx, erasure, conversation_id))

    async def _bury(self, tx: Tx, erasure: Erasure, conversation_id: str) -> Erasure:
        """Bury a part of a conversation: what can be found of it, its events in their order, at last itself."""
        account_id, consumer_id = erasure.account_id, erasure.consumer_id or ""
        locked = await store.lock_conversations(tx, [(account_id, conversation_id)])
        one = locked.get((account_id, conversation_id))
        if one is None or one.stage != "CLOSE" or one.consumer_id != consumer_id:
            return erasure
        if await drop_documents(tx, account_id, conversation_id, self._rows) == self._rows:
            return erasure
        dialog_id, _, sequence = erasure.cursor.rpartition(" ")
        after = (dialog_id, int(sequence)) if erasure.cursor else ("", -1)
        events = await events_after(tx, account_id, conversation_id, after, self._rows)
        await erasing.bury_events(tx, account_id, conversation_id, events, consumer_id, erasure.pseudonym)
        erasure = replace(erasure, events=erasure.events + len(events))
        if len(events) == self._rows:
            return replace(erasure, cursor=f"{events[-1].dialog_id} {events[-1].stored.sequence}")
        await self._delete_files(tx, account_id, [conversation_id], self._clock.now_ms())
        await erasing.bury_conversation(tx, one, erasure.pseudonym)
        return replace(erasure, cursor="", conversations=erasure.conversations + 1)

    async def _rewrite_log(self, tx: Tx, erasure: Erasure) -> Erasure:
        account_id, consumer_id, pseudonym = erasure.account_id, erasure.consumer_id or "", erasure.pseudonym

        async def theirs(tx: Tx, ids: Collection[str]) -> Collection[str]:
            return await erasing.conversations_among(tx, account_id, pseudonym, ids)

        cursor = await rewrite_bodies(
            tx,
            account_id,
            theirs,
            lambda body: erased_notification(body, consumer_id, pseudonym),
            since=erasure.since,
            cursor=erasure.cursor,
            most=self._rows,
        )
        return replace(erasure, phase=Phase.ANSWERS, cursor="") if cursor is None else replace(erasure, cursor=cursor)

    async def _forget_answers(self, tx: Tx, erasure: Erasure) -> Erasure:
        for forget in self._elsewhere:
            if await forget(tx, erasure.account_id, erasure.consumer_id or "", self._rows) >= self._rows:
                return erasure  # there may be more
        cursor = await erasing.drop_outcomes(tx, erasure.account_id, erasure.pseudonym, erasure.cursor, self._rows)
        if cursor is not None:
            return replace(erasure, cursor=cursor)
        done = replace(erasure, consumer_id=None, phase=Phase.DONE, cursor="", finished_at=self._clock.now_ms())
        detail: dict[str, JsonValue] = {
            "pseudonym": done.pseudonym,
            "conversations": done.conversations,
            "events": done.events,
        }
        await self._record(tx, "consumer.erased", done, _SYSTEM, detail)
        return done

    async def _record(
        self, tx: Tx, action: str, erasure: Erasure, actor: Actor, detail: Mapping[str, JsonValue]
    ) -> None:
        await record_audit(
            tx,
            account_id=erasure.account_id,
            actor=actor,
            action=action,
            object_type="erasure",
            object_id=erasure.erasure_id,
            at=self._clock.now_ms(),
            detail=detail,
        )


def _turn_to(phase: Phase) -> _Step:
    async def work(_tx: Tx, erasure: Erasure) -> Erasure:
        return replace(erasure, phase=phase, cursor="")

    return work
