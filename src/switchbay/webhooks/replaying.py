"""Use cases of replays: begin, look, cancel, and one step of the work. Nothing here overtakes what is pending: an event
is sent again from the end of its conversation, as the bytes it was, under the id it had.
"""

import re
from collections.abc import Awaitable, Callable, Sequence

from switchbay.accounts.public import Actor, record_audit
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock, Randomness
from switchbay.kit.jsonvalue import JsonValue
from switchbay.webhooks import errors
from switchbay.webhooks.domain import Mark, Notification, Origin, Pending, Status
from switchbay.webhooks.replay import Replay, ReplayFilter, ReplayState
from switchbay.webhooks.store import listing, owners
from switchbay.webhooks.store import replays as store
from switchbay.webhooks.store.replays import Logged

MOST_RUNNING = 5
_EVENTS_A_STEP = 200
_CANCELLED_AT_ONCE = 500
_ID = re.compile(r"rpl_[0-9a-hjkmnp-tv-z]{26}")

Append = Callable[[Tx, Sequence[Notification]], Awaitable[list[Pending]]]


class Replays:
    """Replays of accounts. ``append`` puts deliveries at the ends of their lanes."""

    def __init__(self, db: Database, clock: Clock, randomness: Randomness, append: Append) -> None:
        self._db = db
        self._clock = clock
        self._randomness = randomness
        self._append = append

    async def replay_one(self, account_id: str, delivery_id: str, actor: Actor) -> str:
        """Send one event again; return the id of the new delivery.

        Raises ``delivery_unknown``, ``delivery_pending`` and ``event_not_subscribed``.
        """
        if not listing.is_delivery_id(delivery_id):
            raise errors.delivery_unknown()
        now = self._clock.now_ms()

        async def work(tx: Tx) -> str:
            logged = await store.get_logged(tx, account_id, delivery_id)
            if logged is None:
                raise errors.delivery_unknown()
            if logged.status == Status.PENDING:
                raise errors.delivery_pending()
            if (logged.owner_id, logged.event_key) not in await owners.subscriptions(tx, account_id, [logged.owner_id]):
                raise errors.event_not_subscribed(logged.event_key)
            [made] = await self._append(tx, [_again(account_id, logged, None, now)])
            await record_audit(
                tx,
                account_id=account_id,
                actor=actor,
                action="delivery.replay",
                object_type="delivery",
                object_id=delivery_id,
                at=now,
                detail={"delivery": made.id},
            )
            return made.id

        return await self._db.write(work)

    async def begin(self, account_id: str, wanted: ReplayFilter, actor: Actor) -> Replay:
        """Begin to send events again. What is made from now on is not part of it.

        Raises ``replay_range_invalid`` and ``replays_too_many``.
        """
        now = self._clock.now_ms()
        if not wanted.since < wanted.until <= now:
            raise errors.replay_range_invalid()
        replay = Replay(
            account_id,
            self._randomness.sortable_id("rpl", now),
            wanted,
            listing.first_id_at(wanted.since),
            0,
            0,
            ReplayState.RUNNING,
            now,
            now,
            None,
        )

        async def work(tx: Tx) -> None:
            if await store.count_running(tx, account_id) >= MOST_RUNNING:
                raise errors.replays_too_many(MOST_RUNNING)
            await store.insert(tx, replay)
            await self._audit(tx, replay, actor, "replay.create", _filter_to_json(wanted), now)

        await self._db.write(work)
        return replay

    async def list(self, account_id: str, *, cursor: str | None, limit: int) -> tuple[list[Replay], str | None]:
        """Replays, newest first, and the cursor of the next page if there is one. Raises ``cursor_invalid``."""
        if cursor is not None and not _ID.fullmatch(cursor):
            raise errors.cursor_invalid()
        found = await self._db.read(lambda tx: store.page(tx, account_id, before=cursor, most=limit + 1))
        page = found[:limit]
        return page, page[-1].id if len(found) > limit else None

    async def get(self, account_id: str, replay_id: str) -> Replay:
        """One replay. Raises ``replay_unknown``."""
        if not _ID.fullmatch(replay_id):
            raise errors.replay_unknown()
        found = await self._db.read(lambda tx: store.find(tx, account_id, replay_id))
        if found is None:
            raise errors.replay_unknown()
        return found

    async def cancel(self, account_id: str, replay_id: str, actor: Actor) -> Replay:
        """End a replay and cancel what it has queued; done again, it changes nothing. Raises ``replay_unknown``."""
        replay = await self.get(account_id, replay_id)
        now = self._clock.now_ms()

        async def end(tx: Tx) -> None:
            if await store.cancel(tx, account_id, replay_id, now):
                await self._audit(tx, replay, actor, "replay.cancel", None, now)

        await self._db.write(end)
        after: str | None = ""
        while after is not None:
            after = await self._cancel_queued(account_id, replay_id, after, now)
        return await self.get(account_id, replay_id)

    async def _cancel_queued(self, account_id: str, replay_id: str, after: str, now: int) -> str | None:
        async def work(tx: Tx) -> str | None:
            found = await store.find(tx, account_id, replay_id)
            if found is None or found.state is not ReplayState.CANCELLED:
                return None  # it was done before it could be cancelled: what it queued stays
            _, following = await store.cancel_queued(
                tx, account_id, replay_id, after=after, most=_CANCELLED_AT_ONCE, now=now
            )
            return following

        return await self._db.write(work)

    async def _audit(
        self, tx: Tx, replay: Replay, actor: Actor, action: str, detail: dict[str, JsonValue] | None, now: int
    ) -> None:
        await record_audit(
            tx,
            account_id=replay.account_id,
            actor=actor,
            action=action,
            object_type="replay",
            object_id=replay.id,
            at=now,
            detail=detail,
        )

    async def step_once(self, most: int = _EVENTS_A_STEP) -> bool:
        """Work off one stretch of the log for the replay that has waited longest; tell whether there was one.

        What is queued and how far the replay is are one transaction: a node that dies repeats nothing and misses
        nothing, and no other node works on the same replay meanwhile.
        """
        now = self._clock.now_ms()

        async def work(tx: Tx) -> bool:
            replay = await store.claim_next(tx)
            if replay is None:
                return False
            end = listing.first_id_at(replay.wanted.until)
            account_id = replay.account_id
            cursor = await store.boundary(tx, account_id, after=replay.cursor, before=end, most=most)
            found = await store.stretch(tx, account_id, replay.wanted, after=replay.cursor, before=cursor)
            taken = await owners.subscriptions(tx, account_id, sorted({each.owner_id for each in found}))
            wanted = [each for each in found if (each.owner_id, each.event_key) in taken]
            if wanted:
                await self._append(tx, [_again(account_id, each, replay.id, now) for each in wanted])
            skipped = len(found) - len(wanted)
            await store.advance(tx, replay.advanced(cursor, end=end, replayed=len(wanted), skipped=skipped, now=now))
            return True

        return await self._db.write(work)


def _again(account_id: str, logged: Logged, replay_id: str | None, now: int) -> Notification:
    mark = Mark(Origin.REPLAY, logged.event_id or logged.id, replay_id)
    return Notification(account_id, logged.owner_id, logged.lane, logged.event_key, logged.body, now, mark)


def _filter_to_json(wanted: ReplayFilter) -> dict[str, JsonValue]:
    given: dict[str, JsonValue] = {
        "app": wanted.owner_id,
        "conversation": wanted.lane,
        "event": wanted.event_key,
        "status": wanted.status,
        "outcome": wanted.outcome,
        "since": wanted.since,
        "until": wanted.until,
    }
    return {name: value for name, value in given.items() if value is not None}
