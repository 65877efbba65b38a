"""Use cases of monitoring: requests in, one durable batch, answers out."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from switchbay.accounts.public import network_of
from switchbay.engagement.domain.visit import Geo, Visit
from switchbay.engagement.monitoring import commit, store
from switchbay.engagement.monitoring.commit import Outcome
from switchbay.engagement.monitoring.devices import LONGEST_AGENT, Devices
from switchbay.engagement.monitoring.domain.asked import Asked, Decision, Device, Rules
from switchbay.engagement.monitoring.domain.goals import exposures_of
from switchbay.engagement.monitoring.domain.sessions import (
    RANDOM_BYTES,
    Fresh,
    is_live,
    is_session_id,
    is_visitor_id,
)
from switchbay.engagement.monitoring.errors import (
    Refusal,
    account_unknown,
    body_invalid,
    installation_invalid,
    session_ended,
    session_invalid,
    visitor_invalid,
)
from switchbay.engagement.monitoring.geo import Places
from switchbay.engagement.monitoring.neighbours import AccountBook, AppBook, Offers, OpenConversations, Recording
from switchbay.engagement.monitoring.rules import RuleBook, Targeting
from switchbay.engagement.monitoring.wire.bodies import EngagementBody, ReportBody
from switchbay.engagement.monitoring.workers import Workers
from switchbay.infra.batch import Batcher
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock, Randomness
from switchbay.infra.rates import Rates

_BATCH: Final = 64
_BATCHES_IN_FLIGHT: Final = 2  # on PostgreSQL: one waits for the disk while the other is decided
_WAITING: Final = 2_000


@dataclass(frozen=True, slots=True)
class Options:
    """The settings of monitoring."""

    geo_file: Path | None = None
    sessions_per_minute: int = 600
    """Most new sessions from one network to a node."""
    kept_seconds: int = 43_200
    """How long a session is kept after its end."""
    visitor_days: int = 90
    """For how many days a visitor who does not come back is known."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and for which app and session: what is beside a request's body. Ids not sent are empty."""

    account_id: str
    installation_id: str
    visitor_id: str = ""
    session_id: str = ""
    on_behalf: bool = False
    address: str = ""
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What a request came to, and the rules that it was decided by."""

    decision: Decision
    rules: Rules


class Monitoring:
    """Visits: what is reported of them, and what they are offered."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        randomness: Randomness,
        accounts: AccountBook,
        apps: AppBook,
        offers: Offers,
        targeting: Targeting,
        open_conversations: OpenConversations,
        record: Recording,
        options: Options | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._randomness = randomness
        self._accounts = accounts
        self._apps = apps
        self._rules = RuleBook(offers, targeting)
        self._options = options or Options()
        self._around = Around(self._options.geo_file)
        self._means = commit.Means(
            self._around,
            _Networks(Rates(clock, self._options.sessions_per_minute)),
            open_conversations,
            record,
            self._options.kept_seconds * 1_000,
        )
        self._batcher: Batcher[Asked, Outcome] = Batcher(
            self._run,
            most=_BATCH,
            in_flight=1 if db.engine == "sqlite" else _BATCHES_IN_FLIGHT,
            waiting=_WAITING,
        )

        self._workers = Workers(db, clock, self._around.places, self._options.visitor_days)

    async def start(self) -> None:
        """Begin the background work."""
        await self._workers.start()

    async def stop(self) -> None:
        """Finish the requests that are under way and end the background work."""
        await self._batcher.close()
        await self._workers.stop()

    async def forget(self, tx: Tx, account_id: str, sub: str, most: int) -> int:
        """Delete the visits in which somebody was named; ``most`` if there may be more."""
        return await store.forget_subject(tx, account_id, sub, most)

    # Requests

    async def engagement(self, caller: Caller, body: EngagementBody) -> Done:
        """Take in what a client says of a visit and choose what to offer. Raises ``Refusal``."""
        return await self._ask(caller, body)

    async def add(self, account_id: str, visitor_id: str, session_id: str, body: ReportBody) -> Done:
        """Take in attributes of a visit that goes on, whichever app it is of. Raises ``Refusal``."""
        await self.check_account(account_id)
        await self.visit_of(account_id, visitor_id, session_id)
        return await self._ask(Caller(account_id, "", visitor_id, session_id, on_behalf=True), body)

    async def report(self, caller: Caller, body: ReportBody) -> Done:
        """Take in attributes and impression events. Raises ``Refusal``."""
        if not (caller.visitor_id or body.consumer_id or body.identities):
            raise body_invalid("consumerId: a report needs a consumerId, an identity or a vid.")
        return await self._ask(caller, body)

    async def lock(self, tx: Tx, account_id: str, visitor_id: str, session_id: str) -> Visit | None:
        """A visit as it stands, over or not, which nobody else changes until the transaction ends."""
        if not (is_visitor_id(visitor_id) and is_session_id(session_id)):
            return None
        found = (await store.lock_visits(tx, [(account_id, session_id)])).get((account_id, session_id))
        return found if found is not None and found.visitor_id == visitor_id else None

    async def keep(self, tx: Tx, account_id: str, visit: Visit) -> None:
        """Store a visit that was locked, and what its visitor has seen by now."""
        await store.update_visits(tx, [(account_id, visit)], self._means.kept_ms)
        seen = exposures_of(visit, visit.seen)
        await store.update_visitors(tx, {(account_id, visit.visitor_id): (visit.seen, seen)})

    async def visit_of(self, account_id: str, visitor_id: str, session_id: str) -> Visit:
        """A visit that goes on. Raises 404 with 37, 39 or, when it is over, 12."""
        if not is_visitor_id(visitor_id):
            raise visitor_invalid()
        if not is_session_id(session_id):
            raise session_invalid()
        found = await self._db.read(lambda tx: store.find_visit(tx, account_id, session_id))
        if found is None or found.visitor_id != visitor_id:
            raise session_invalid()
        if not is_live(found, self._clock.now_ms()):
            raise session_ended()
        return found

    async def rules_of(self, account_id: str) -> Rules:
        """The account's published campaigns, compiled."""
        return await self._rules.of(account_id)

    async def check_account(self, account_id: str) -> None:
        """Raises 404/6 where there is no such account."""
        if await self._accounts.find_account(account_id) is None:
            raise account_unknown()

    async def check(self, caller: Caller) -> None:
        """Whether there is such an account with such an app, and the ids have the shape of ids. Raises 404."""
        await self.check_account(caller.account_id)
        client = await self._apps.find_client(caller.account_id, caller.installation_id)
        if client is None or not client.enabled:
            raise installation_invalid()
        _check_ids(caller.visitor_id, caller.session_id)

    async def _ask(self, caller: Caller, body: EngagementBody | ReportBody) -> Done:
        rules = await self._rules.of(caller.account_id)
        await self._around.prepare()
        asked = Asked(
            account_id=caller.account_id,
            installation_id=caller.installation_id,
            visitor_id=caller.visitor_id,
            session_id=caller.session_id if caller.visitor_id else "",
            on_behalf=caller.on_behalf,
            address=caller.address,
            user_agent=caller.user_agent[:LONGEST_AGENT],
            fresh=Fresh(self._randomness.bytes(RANDOM_BYTES)),
            rules=rules,
            body=body,
        )
        outcome = await self._batcher.submit(asked)
        if isinstance(outcome, Refusal):
            raise outcome
        return Done(outcome, rules)

    async def _run(self, items: Sequence[Asked]) -> Sequence[Outcome]:
        now = self._clock.now_ms()
        return await self._db.write(partial(commit.run_batch, items=items, now=now, means=self._means))


class Around:
    """Places and devices: loaded before the first request that needs them."""

    def __init__(self, geo_file: Path | None) -> None:
        self.places = Places(geo_file)
        self._devices = Devices()
        self._ready: asyncio.Task[None] | None = None

    async def prepare(self) -> None:
        """Load what look-ups need, once; it takes a second, and memory that a node without visits does without."""
        if self._ready is None:
            self._ready = asyncio.create_task(asyncio.to_thread(self._load))
        if not self._ready.done():
            await asyncio.shield(self._ready)

    def _load(self) -> None:
        self.places.refresh()
        self._devices.device_of("")

    def locate(self, address: str) -> Geo | None:
        """The place of an address."""
        return self.places.locate(address)

    def device_of(self, user_agent: str) -> Device:
        """The device of a user agent."""
        return self._devices.device_of(user_agent)


class _Networks:
    """Counts new sessions by the network that they come from."""

    def __init__(self, rates: Rates[str]) -> None:
        self._rates = rates

    def take(self, address: str) -> int:
        """Count one more."""
        return self._rates.take(network_of(address))


def _check_ids(visitor_id: str, session_id: str) -> None:
    if visitor_id and not is_visitor_id(visitor_id):
        raise visitor_invalid()
    if session_id and not is_session_id(session_id):
        raise session_invalid()
