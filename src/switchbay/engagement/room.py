"""The engagement room as assembly builds it: what is configured, visited, offered, talked about and counted."""

from collections.abc import Callable, Collection, Mapping, Sequence

from fastapi import APIRouter
from starlette.routing import BaseRoute

from switchbay.accounts.public import Accounts
from switchbay.apps.public import Apps
from switchbay.engagement import tag
from switchbay.engagement.configuration import store as configuration_store
from switchbay.engagement.configuration.campaigns import Campaigns
from switchbay.engagement.conversations.service import Conversations, find_open
from switchbay.engagement.domain.published import Published, PublishedEngagement, PublishedGoal
from switchbay.engagement.domain.visit import Visit
from switchbay.engagement.monitoring import neighbour_routes
from switchbay.engagement.monitoring import routes as monitoring_routes
from switchbay.engagement.monitoring.errors import Refusal
from switchbay.engagement.monitoring.service import Monitoring, Options
from switchbay.engagement.reports import admin as reports_admin
from switchbay.engagement.reports.service import Reports
from switchbay.engagement.targeting import admin as targeting_admin
from switchbay.engagement.targeting import choice, goals
from switchbay.engagement.targeting.index import Index
from switchbay.engagement.targeting.service import Explanations
from switchbay.infra.db import Database
from switchbay.infra.machine import Clock, Randomness
from switchbay.messaging.public import Messaging, Routing


class Engagements:
    """Campaigns, the visits of their visitors, the conversations that begin with offers, and reports of it all."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        randomness: Randomness,
        accounts: Accounts,
        apps: Apps,
        messaging: Messaging,
        routing: Routing,
        options: Options | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._accounts = accounts
        self.campaigns = Campaigns(db, clock, accounts, apps, routing)
        self.reports = Reports(db, clock, randomness, self._names)
        self.monitoring = Monitoring(
            db,
            clock,
            randomness,
            accounts,
            apps,
            self.campaigns.offers,
            Targeting(),
            find_open,
            self.reports.record,
            options,
        )
        self.explanations = Explanations(db, clock, apps, SessionsThatGoOn(self.monitoring), find_open)
        self.conversations = Conversations(self.campaigns.offers, self.monitoring, self.reports.record)
        messaging.admit_with(self.conversations.admit)
        messaging.record_with(self.conversations.follow)

    async def _names(self, account_id: str, ids: Collection[int]) -> Mapping[int, str]:
        return await self._db.read(lambda tx: configuration_store.find_names(tx, account_id, ids))

    def routes(self) -> list[BaseRoute]:
        """The Monitoring API, the configuration API with its designs, and the tag's script."""
        return [
            *monitoring_routes.routes(self.monitoring, self._clock),
            *neighbour_routes.routes(self.monitoring, self._accounts, self._clock),
            *self.campaigns.routes(),
            *tag.routes(),
        ]

    def routers(self) -> list[APIRouter]:
        """The management API."""
        return [
            reports_admin.router(self.reports, self._accounts),
            targeting_admin.router(self.explanations, self._accounts),
        ]

    async def start(self) -> None:
        """Begin the background work."""
        await self.campaigns.start()
        await self.monitoring.start()

    async def stop(self) -> None:
        """Finish the requests that are under way and end it."""
        await self.monitoring.stop()
        await self.campaigns.stop()


class SessionsThatGoOn:
    """Sessions that go on, as explanations ask for them."""

    def __init__(self, monitoring: Monitoring) -> None:
        self._monitoring = monitoring

    async def find_visit(self, account_id: str, visitor_id: str, session_id: str) -> Visit | None:
        """The session; None when there is none with these ids or it is over."""
        try:
            return await self._monitoring.visit_of(account_id, visitor_id, session_id)
        except Refusal:
            return None


class Targeting:
    """Targeting as monitoring calls it."""

    def compile(self, published: Published) -> Index:
        """Compile an account's campaigns."""
        return Index(published)

    def choose(
        self, eligible: Sequence[PublishedEngagement], visit: Visit, draw: Callable[[], float]
    ) -> PublishedEngagement | None:
        """One of the eligible engagements."""
        return choice.choose(eligible, visit, draw)

    def digest(self, eligible: Sequence[PublishedEngagement]) -> int:
        """A number that stands for a set of eligible engagements."""
        return choice.set_digest(eligible)

    def reached(self, goal: PublishedGoal, before: Visit, after: Visit) -> int:
        """How many times a goal was reached."""
        return goals.reached(goal, before, after)
