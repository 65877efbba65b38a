"""The life of signing keys: by schedule for those that are published, by hand for all.

Every node takes these steps; each change of a state is guarded by the state before it, so that two nodes rotate once.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from switchbay.accounts.public import Actor, record_audit
from switchbay.infra.db import Database, Tx, UniqueViolation
from switchbay.infra.machine import Clock
from switchbay.kit.errors import AppError
from switchbay.kit.jsonvalue import JsonValue
from switchbay.oauth.domain import Algorithm, KeyPurpose, KeyState
from switchbay.oauth.errors import key_algorithm_unsupported, keys_unavailable
from switchbay.oauth.protocol.key_schedule import ALGORITHMS, PUBLISHED, Schedule
from switchbay.oauth.service.key_making import KeyMaker
from switchbay.oauth.store import keys as store
from switchbay.oauth.store.keys import KeyRow, Slot

MOST_A_STEP: Final = 50
"""Most keys that one step makes or moves, so that thousands of accounts that are due at once do not take every core."""
_SYSTEM = Actor("system", "oauth", "schedule")
_log = structlog.get_logger("oauth")


@dataclass(frozen=True, slots=True)
class Rotated:
    """What one step did: how many next keys it made, how many began to sign, how many went."""

    made: int
    promoted: int
    removed: int


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What administrators see of a key.

    ``until`` is when its state ends by itself: a next key begins to sign, an active one is followed by its successor, a
    retiring one goes. None: not by itself.
    """

    kid: str
    purpose: KeyPurpose
    alg: Algorithm
    state: KeyState
    published: bool
    created_at: int
    state_at: int
    until: int | None


class _Outrun(Exception):
    """Another node was faster; what this transaction did is undone."""


class Rotation:
    """Moves keys along. ``forget`` is called after a change, with the slot and the ids of keys that are gone."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        maker: KeyMaker,
        schedule: Schedule,
        forget: Callable[[Slot, Sequence[str]], None],
    ) -> None:
        self._db = db
        self._clock = clock
        self._maker = maker
        self._schedule = schedule
        self._forget = forget

    # By schedule

    async def rotate_once(self, now: int) -> Rotated:
        """Let next keys sign that were published long enough, make those that will be needed, remove what is over."""
        ripe = self._schedule.next_is_ripe(now)
        promoted = 0
        for key in await self._db.read(lambda tx: store.list_ripe_keys(tx, ripe, MOST_A_STEP)):
            promoted += await self._promote(key, now)
        made = 0
        for slot in await self._find_due(now):
            made += await self._add_next(slot) is not None
        return Rotated(made, promoted, await self._db.write(lambda tx: self._remove_over(tx, now)))

    async def _find_due(self, now: int) -> Sequence[Slot]:
        due = self._schedule.next_is_due(now)
        if due is None:
            return ()
        return await self._db.read(lambda tx: store.list_slots_without_next(tx, tuple(PUBLISHED), due, MOST_A_STEP))

    async def _add_next(self, slot: Slot) -> KeyRow | None:
        """Make and publish the successor of a slot's key; None: it has one meanwhile."""
        made = await self._maker.make(slot, KeyState.NEXT)
        added = await self._db.write(lambda tx: store.add_key(tx, made))
        return made if added else None

    async def _promote(self, key: KeyRow, now: int) -> bool:
        """Have a next key sign and the active one retire, both or neither; False: another node did it."""
        slot = Slot(key.account_id, key.purpose, key.alg)

        async def promote(tx: Tx) -> None:
            active = await store.find_key_in_state(tx, slot, KeyState.ACTIVE)
            if active is not None and not await store.change_state(tx, active, KeyState.RETIRING, now):
                raise _Outrun
            if not await store.change_state(tx, key, KeyState.ACTIVE, now):
                raise _Outrun
            tx.on_commit(lambda: self._forget(slot, ()))
            await _audit(tx, key, _SYSTEM, now, {"retires": None if active is None else active.kid})

        try:
            await self._db.write(promote)
        except (_Outrun, UniqueViolation):
            return False
        return True

    async def _remove_over(self, tx: Tx, now: int) -> int:
        removed = 0
        for purpose in KeyPurpose:
            removed += await store.remove_retired_keys(tx, purpose, self._schedule.retiring_is_over(purpose, now))
        return removed

    # By hand

    async def list_keys(self, account_id: str) -> list[KeyInfo]:
        """The keys of an account, newest first."""
        rows = await self._db.read(lambda tx: store.list_account_keys(tx, account_id))
        ripe = {
            (row.purpose, row.alg): row.state_at + self._schedule.lead_ms for row in rows if row.state is KeyState.NEXT
        }
        return [self._info(row, ripe.get((row.purpose, row.alg))) for row in rows]

    async def rotate(
        self, account_id: str, purpose: KeyPurpose, alg: Algorithm, actor: Actor, *, emergency: bool = False
    ) -> list[KeyInfo]:
        """Replace the key of an account that signs for this purpose; return the account's keys.

        The successor of a published key is made and published now and signs as soon as the schedule lets it; one that
        is not published signs at once. In an emergency every key of the slot is dropped, since who could read one could
        read all, and a new one signs at once: what the dropped ones signed is good no more, and a verifier knows the
        new one when it next reads the key set. Raises ``key_algorithm_unsupported``.
        """
        if alg not in ALGORITHMS[purpose]:
            raise key_algorithm_unsupported(purpose.value, alg.value)
        slot = Slot(account_id, purpose, alg)
        if emergency:
            await self._replace(slot, actor)
        elif purpose in PUBLISHED:
            await self._ask_for_next(slot, actor)
        else:
            await self._exchange(slot, actor)
        return await self.list_keys(account_id)

    async def _replace(self, slot: Slot, actor: Actor) -> None:
        made = await self._maker.make(slot, KeyState.ACTIVE)

        async def replace(tx: Tx) -> None:
            there = await store.list_slot_kids(tx, slot)
            await store.drop_keys(tx, slot)
            if not await store.add_key(tx, made):
                raise keys_unavailable()
            tx.on_commit(lambda: self._forget(slot, there))
            await _audit(tx, made, actor, made.state_at, {"emergency": True, "dropped": [*there]})

        await self._db.write(replace)
        _log.warning("signing keys dropped", account=slot.account_id, purpose=slot.purpose.value, alg=slot.alg.value)

    async def _ask_for_next(self, slot: Slot, actor: Actor) -> None:
        """Make the successor, if there is none on its way; the schedule does the rest."""
        if await self._db.read(lambda tx: store.find_key_in_state(tx, slot, KeyState.NEXT)) is not None:
            return
        made = await self._maker.make(slot, KeyState.NEXT)

        async def add(tx: Tx) -> None:
            if await store.add_key(tx, made):
                await _audit(tx, made, actor, made.state_at, {"signs_from": made.state_at + self._schedule.lead_ms})

        await self._db.write(add)

    async def _exchange(self, slot: Slot, actor: Actor) -> None:
        """Have a new key sign and the active one retire, at once: nobody but this server verifies with them."""
        made = await self._maker.make(slot, KeyState.ACTIVE)

        async def exchange(tx: Tx) -> None:
            active = await store.find_key_in_state(tx, slot, KeyState.ACTIVE)
            if active is not None and not await store.change_state(tx, active, KeyState.RETIRING, made.state_at):
                raise keys_unavailable()
            if not await store.add_key(tx, made):
                raise keys_unavailable()
            tx.on_commit(lambda: self._forget(slot, ()))
            await _audit(tx, made, actor, made.state_at, {"retires": None if active is None else active.kid})

        await self._db.write(exchange)

    def _info(self, row: KeyRow, successor_ripe: int | None) -> KeyInfo:
        """``successor_ripe``: when the next key of the same slot signs, if there is one."""
        published = row.purpose in PUBLISHED
        until: int | None = None
        if row.state is KeyState.NEXT:
            until = row.state_at + self._schedule.lead_ms
        elif row.state is KeyState.RETIRING:
            until = row.state_at + self._schedule.retiring_ms(row.purpose)
        elif successor_ripe is not None:
            until = successor_ripe
        elif published and self._schedule.rotation_ms:
            until = row.state_at + max(self._schedule.rotation_ms, self._schedule.lead_ms)
        return KeyInfo(row.kid, row.purpose, row.alg, row.state, published, row.created_at, row.state_at, until)


async def _audit(tx: Tx, key: KeyRow, actor: Actor, now: int, detail: dict[str, JsonValue]) -> None:
    await record_audit(
        tx,
        account_id=key.account_id,
        actor=actor,
        action="key.rotate",
        object_type="key",
        object_id=key.kid,
        at=now,
        detail={"purpose": key.purpose.value, "alg": key.alg.value, **detail},
    )


async def rotate_forever(rotation: Rotation, clock: Clock, seconds: float) -> None:
    """Call ``rotate_once`` again and again; at once again while there is more to do than one step takes."""
    while True:
        busy = False
        try:
            done = await rotation.rotate_once(clock.now_ms())
            busy = MOST_A_STEP in (done.made, done.promoted)
        except AppError as error:
            _log.warning("keys are rotated later", code=error.code)
        except Exception:  # noqa: BLE001 - a loop that ends quietly would leave every key as it is
            _log.exception("keys could not be rotated")
        await asyncio.sleep(1 if busy else seconds)
