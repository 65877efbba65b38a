"""The Monitoring API over a real database, with campaigns that a test sets, and what is counted kept."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import sqlalchemy as sa

from support.accounts_house import ACCOUNT, OTHER, cheap_passwords
from switchbay.accounts.public import OPERATOR, Accounts
from switchbay.apps.public import Client
from switchbay.engagement.domain.conditions import Section, Url
from switchbay.engagement.domain.happenings import Happening
from switchbay.engagement.domain.published import (
    Published,
    PublishedCampaign,
    PublishedEngagement,
    PublishedGoal,
    PublishedLocation,
)
from switchbay.engagement.domain.visit import Visit
from switchbay.engagement.monitoring.neighbours import OpenConversation, Subject
from switchbay.engagement.monitoring.routes import routes
from switchbay.engagement.monitoring.service import Monitoring, Options
from switchbay.engagement.monitoring.tables import visit_subjects, visitors, visits
from switchbay.engagement.targeting.entry_points import Entry
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault
from switchbay.infra.web import Application

APP = "6c5a36a1-9b1f-4b4f-9a1e-0c7d3f1f2a01"
OFF = "6c5a36a1-9b1f-4b4f-9a1e-0c7d3f1f2a02"
ENGAGEMENT = f"/api/account/{ACCOUNT}/app/{APP}/engagement"
REPORT = f"/api/account/{ACCOUNT}/app/{APP}/report"
V = {"v": "1.1"}
HOME = "198.51.100.7"


class AppsInMemory:
    """One enabled app, and one that is not."""

    async def find_client(self, account_id: str, client_id: str) -> Client | None:
        if account_id != ACCOUNT or client_id not in (APP, OFF):
            return None
        none: frozenset[str] = frozenset()
        return Client(account_id, client_id, client_id, "com.example.shop", client_id == APP, none, none, (), none)


class PlainTargeting:
    """Offers whatever is at the visitor's place; enough to see what monitoring does with it."""

    def compile(self, published: Published) -> "_PlainIndex":
        return _PlainIndex(published)

    def choose(
        self, eligible: Sequence[PublishedEngagement], visit: Visit, draw: Callable[[], float]
    ) -> PublishedEngagement | None:
        return eligible[int(draw() * len(eligible))] if eligible else None

    def digest(self, eligible: Sequence[PublishedEngagement]) -> int:
        return sum(one.id for one in eligible)

    def reached(self, goal: PublishedGoal, before: Visit, after: Visit) -> int:
        new = after.purchases[len(before.purchases) :]
        return sum(1 for one in new if not one.repeated)


class _PlainIndex:
    def __init__(self, published: Published) -> None:
        self._published = published

    def locations_of(self, entry: Entry) -> tuple[int, ...]:
        return tuple(one.id for one in self._published.locations if _is_at(one, entry))

    def eligible(self, visit: Visit, installation_id: str, now: int) -> Sequence[PublishedEngagement]:
        at = visit.pages[-1].locations
        declined = {one.engagement_id for one in visit.contexts if one.declined is not None}
        return [
            one
            for one in self._published.engagements
            if one.app_installation_id == installation_id
            and one.id not in declined
            and (not one.locations or any(each.id in at for each in one.locations))
        ]


def _is_at(location: PublishedLocation, entry: Entry) -> bool:
    for condition in location.conditions:
        if isinstance(condition, Section) and set(condition.include) & set(entry.sections):
            return True
        if isinstance(condition, Url) and any(one.value in entry.url for one in condition.include):
            return True
    return not location.conditions


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation that goes on."""

    conversation_id: str
    campaign_id: int | None = None
    engagement_id: int | None = None


@dataclass(slots=True)
class Campaigns:
    """What the accounts offer."""

    by_account: dict[str, Published] = field(default_factory=dict)

    async def of(self, account_id: str) -> Published:
        return self.by_account.setdefault(account_id, Published(account_id=account_id, revision=0))


@dataclass(slots=True)
class MonitoringStage:
    """A served Monitoring API."""

    db: Database
    clock: ManualClock
    monitoring: Monitoring
    campaigns: Campaigns
    client: httpx.AsyncClient
    told: list[Happening]
    conversations: dict[Subject, OpenConversation]

    def publish(self, *engagements: PublishedEngagement) -> None:
        """Offer these, and have their locations."""
        places = {one.id: one for each in engagements for one in each.locations}
        self.campaigns.by_account[ACCOUNT] = Published(
            account_id=ACCOUNT,
            revision=self.clock.now_ms(),
            locations=tuple(places.values()),
            engagements=engagements,
        )

    async def engage(self, body: object = None, *, session: Mapping[str, str] | None = None, **more: Any) -> Any:
        """Call ``engagement``, in a session if one is given; the whole answer."""
        params = {**V, **(session or {}), **more.pop("params", {})}
        return await self.client.post(ENGAGEMENT, json={} if body is None else body, params=params, **more)

    async def begin(self, body: object = None, **more: Any) -> dict[str, str]:
        """Begin a session; the ids to go on with it."""
        answer = await self.engage(body, **more)
        assert answer.status_code == 201, answer.text
        return {"vid": answer.json()["visitorId"], "sid": answer.json()["sessionId"]}

    async def report(self, *attributes: object, session: Mapping[str, str], **body: Any) -> Any:
        """Call ``report`` in a session; the whole answer."""
        sent = {"engagementAttributes": attributes, **body}
        return await self.client.put(REPORT, json=sent, params={**V, **session})

    async def visit(self, session: Mapping[str, str]) -> Visit:
        """The visit as it stands."""
        return await self.monitoring.visit_of(ACCOUNT, session["vid"], session["sid"])

    async def rows(self) -> list[list[tuple[Any, ...]]]:
        """Everything that is stored."""

        async def work(tx: Tx) -> list[list[tuple[Any, ...]]]:
            found = []
            for table in (visits, visit_subjects, visitors):
                keys = list(table.primary_key.columns)
                rows: Any = await tx.fetch(sa.select(table).order_by(*keys))
                found.append([tuple(row) for row in rows])
            return found

        return await self.db.read(work)


@asynccontextmanager
async def monitoring_on(
    db: Database, clock: ManualClock, vault: Vault, options: Options | None = None
) -> AsyncIterator[MonitoringStage]:
    """Serve the API to pages and programs at ``HOME``."""
    accounts = Accounts(db, clock, Randomness(), vault, password_hashing=cheap_passwords())
    await accounts.create_account(ACCOUNT, "Shop", OPERATOR)
    await accounts.create_account(OTHER, "Other shop", OPERATOR)
    told: list[Happening] = []
    conversations: dict[Subject, OpenConversation] = {}

    async def record(tx: Tx, account_id: str, happenings: Sequence[Happening]) -> None:
        assert account_id == ACCOUNT
        tx.on_commit(lambda: told.extend(happenings))

    async def open_conversations(tx: Tx, subjects: Collection[Subject]) -> Mapping[Subject, OpenConversation]:
        return {one: conversations[one] for one in subjects if one in conversations}

    campaigns = Campaigns()
    monitoring = Monitoring(
        db,
        clock,
        Randomness(),
        accounts,
        AppsInMemory(),
        campaigns,
        PlainTargeting(),
        open_conversations,
        record,
        options,
    )
    transport = httpx.ASGITransport(Application(routes(monitoring, clock)), client=(HOME, 40_000))
    async with httpx.AsyncClient(
        transport=transport, base_url="https://switchbay.test", headers={"User-Agent": ""}
    ) as client:
        yield MonitoringStage(db, clock, monitoring, campaigns, client, told, conversations)


def campaign(number: int = 1, **more: Any) -> PublishedCampaign:
    """A campaign for everybody, with a goal if one is given."""
    given: dict[str, Any] = {
        "id": number,
        "name": f"campaign {number}",
        "revision": 1,
        "starts": None,
        "ends": None,
        "priority": "medium",
        "control_percentage": 0,
        "audience": None,
        "goal": None,
    }
    return PublishedCampaign(**{**given, **more})


def offer(number: int = 10, **more: Any) -> PublishedEngagement:
    """An engagement that is offered everywhere."""
    given: dict[str, Any] = {
        "id": number,
        "name": f"engagement {number}",
        "revision": 3,
        "campaign": campaign(),
        "app_installation_id": APP,
        "locations": (),
        "behaviors": (),
        "language": None,
        "skill_id": -1,
        "window_id": None,
        "connector_id": 77,
        "consumer_identity": "unauth",
    }
    return PublishedEngagement(**{**given, **more})


def at_section(number: int, *names: str) -> PublishedLocation:
    """A location by sections."""
    return PublishedLocation(id=number, revision=1, conditions=(Section(include=names),))
