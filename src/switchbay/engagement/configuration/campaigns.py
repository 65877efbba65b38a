"""The configuration as assembly builds it: its services, what is published, and the routes of both."""

from collections.abc import Mapping

from starlette.routing import BaseRoute

from switchbay.accounts.public import Accounts
from switchbay.apps.public import Apps
from switchbay.engagement.configuration.designs import design_routes
from switchbay.engagement.configuration.publishing import Offers
from switchbay.engagement.configuration.routes import routes
from switchbay.engagement.configuration.service import Configuration
from switchbay.engagement.configuration.transfer import Transfer
from switchbay.infra.db import Database
from switchbay.infra.machine import Clock
from switchbay.messaging.public import Routing


class Campaigns:
    """Campaigns of all accounts, and what is offered of them."""

    def __init__(self, db: Database, clock: Clock, accounts: Accounts, apps: Apps, routing: Routing) -> None:
        self._accounts = accounts
        self._routing = routing
        self.offers = Offers(db, apps)
        self.configuration = Configuration(db, clock, apps, self.offers, self._skills)
        self.transfer = Transfer(db, self.configuration)

    async def _skills(self, account_id: str) -> Mapping[int, str]:
        skills = await self._routing.configuration.list_skills(account_id)
        return {int(skill.skill_id): skill.name for skill in skills}

    def routes(self) -> list[BaseRoute]:
        """The configuration API, and the public route of designs."""
        return [*routes(self.configuration, self.transfer, self._accounts), *design_routes(self.offers)]

    async def start(self) -> None:
        """Begin to look for what other nodes change."""
        await self.offers.start()

    async def stop(self) -> None:
        """End it."""
        await self.offers.stop()
