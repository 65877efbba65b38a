"""Explanations and simulations over the management API, with real campaigns, apps and sessions."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI

from support.campaigns_house import BRAND, EVERYTHING, CampaignsHouse, build_house, close_house
from switchbay.engagement.conversations.service import find_open
from switchbay.engagement.domain.happenings import Happening
from switchbay.engagement.monitoring.service import Caller, Monitoring
from switchbay.engagement.monitoring.wire.bodies import EngagementBody
from switchbay.engagement.room import SessionsThatGoOn, Targeting
from switchbay.engagement.targeting.admin import router
from switchbay.engagement.targeting.service import Explanations
from switchbay.infra import web
from switchbay.infra.db import Database, Tx
from switchbay.infra.egress import Egress
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault


@dataclass(slots=True)
class TargetingStage:
    """An account with an app, whose campaigns a test makes."""

    house: CampaignsHouse
    app: str
    monitoring: Monitoring
    client: httpx.AsyncClient

    async def post(self, path: str, body: object, user: str = "manager") -> httpx.Response:
        """Ask as a user."""
        headers = {"Authorization": f"Bearer {await self.house.bearer(user)}"}
        return await self.client.post(f"/accounts/{BRAND}{path}", json=body, headers=headers)

    async def engagement(self, *, conditions: Sequence[Any] = (), **campaign: Any) -> tuple[int, int]:
        """Make an engagement for visitors in the section cart with these conditions; the campaign's id and its own."""
        location = await self.house.make("locations", conditions=[{"type": "section", "include": ["cart"]}])
        behavior = await self.house.make("behaviors", conditions=list(conditions))
        made = await self.house.make("campaigns", **{"controlGroup": {"percentage": 0}, **campaign})
        engagement = await self.house.make(
            "engagements",
            campaignId=made["id"],
            appInstallationId=self.app,
            entryPoints=[location["id"]],
            behaviors=[behavior["id"]],
            consumerIdentity="unauth",
        )
        return made["id"], engagement["id"]

    async def session(self, **body: Any) -> dict[str, str]:
        """Begin a session; its ids."""
        done = await self.monitoring.engagement(Caller(BRAND, self.app, on_behalf=True), EngagementBody(**body))
        visit = done.decision.visit
        return {"visitorId": visit.visitor_id, "sessionId": visit.session_id}


async def _count_nothing(tx: Tx, account_id: str, happenings: Sequence[Happening]) -> None:
    """Reports are another part."""


@asynccontextmanager
async def targeting_on(db: Database, clock: ManualClock, vault: Vault) -> AsyncIterator[TargetingStage]:
    """The API on a database."""
    egress = Egress(dev_loopback=True)
    house = await build_house(db, clock, vault, egress)
    await house.call("PUT", "/settings", {"controlGroup": {"percentage": 0}})
    monitoring = Monitoring(
        db, clock, Randomness(), house.accounts, house.apps, house.offers, Targeting(), find_open, _count_nothing
    )
    explanations = Explanations(db, clock, house.apps, SessionsThatGoOn(monitoring), find_open)
    api = FastAPI(exception_handlers=web.MANAGEMENT_EXCEPTION_HANDLERS)
    api.include_router(router(explanations, house.accounts))
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="https://switchbay.test") as client:
            yield TargetingStage(house, await house.install(EVERYTHING), monitoring, client)
    finally:
        await monitoring.stop()
        await close_house(house)
        await egress.close()
