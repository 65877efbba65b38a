"""Offers, and conversations that begin with them: the Monitoring API and the Send API over one real database.

The campaigns are what a test publishes, and apps are known by their ids; all else is real.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from support.messaging_stage import ACCOUNT, Stage, request, stage_on
from support.monitoring_stage import APP, ENGAGEMENT, REPORT, AppsInMemory, Campaigns, V
from switchbay.engagement.conversations.service import Conversations, find_open
from switchbay.engagement.domain.published import Published, PublishedEngagement
from switchbay.engagement.domain.visit import Context, Visit
from switchbay.engagement.monitoring.routes import routes
from switchbay.engagement.monitoring.service import Monitoring
from switchbay.engagement.reports.service import Reports
from switchbay.engagement.reports.wire import render_report
from switchbay.engagement.room import Targeting
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.web import Application


@dataclass(slots=True)
class Offered:
    """An offer as a client has got it."""

    session: dict[str, str]
    details: dict[str, Any]

    def opening(self, **context: Any) -> dict[str, Any]:
        """The body of a request that opens a conversation from it; ``context`` says what else, or other, is in it."""
        return {
            "brandId": ACCOUNT,
            "campaignInfo": {"campaignId": self.details["campaignId"], "engagementId": self.details["engagementId"]},
            "conversationContext": {
                "type": "SharkContext",
                "visitorId": self.session["vid"],
                "sessionId": self.session["sid"],
                "interactionContextId": self.details["contextId"],
                **context,
            },
        }

    def impression(self, kind: str) -> dict[str, Any]:
        """An impression event about it."""
        return {
            "type": kind,
            "campaign": self.details["campaignId"],
            "engId": self.details["engagementId"],
            "revision": self.details["engagementRevision"],
            "eContext": [{"type": "engagementContext", "id": self.details["contextId"]}],
        }


@dataclass(slots=True)
class OffersStage:
    """Both services."""

    talk: Stage
    monitoring: Monitoring
    reports: Reports
    campaigns: Campaigns
    client: httpx.AsyncClient

    def publish(self, *engagements: PublishedEngagement) -> None:
        """Offer these."""
        self.campaigns.by_account[ACCOUNT] = Published(
            account_id=ACCOUNT, revision=self.talk.clock.now_ms(), control_percentage=0, engagements=engagements
        )

    async def engage(self, session: dict[str, str] | None = None, **body: Any) -> Any:
        """What ``engagement`` answers."""
        answer = await self.client.post(ENGAGEMENT, json=body, params={**V, **(session or {})})
        assert answer.is_success, answer.text
        return answer.json()

    async def offer(self, session: dict[str, str] | None = None, **body: Any) -> Offered:
        """The offer that a visitor gets, who is new if no session is given."""
        answer = await self.engage(session, **body)
        (details,) = answer["engagementDetails"]
        assert details["status"] == "expose"
        return Offered({"vid": answer["visitorId"], "sid": answer["sessionId"]}, details)

    async def report(self, session: dict[str, str], *attributes: object) -> None:
        """Report attributes and impression events."""
        sent = {"engagementAttributes": attributes}
        answer = await self.client.put(REPORT, json=sent, params={**V, **session})
        assert answer.is_success, answer.text

    async def open(self, body: dict[str, Any], **options: Any) -> str:
        """Open a conversation as an app; its id."""
        answered = await self.talk.post("", [request("cm.ConsumerRequestConversation", body)], **options)
        assert answered.status == 200, answered.body
        return str(answered.body[0]["body"]["conversationId"])

    async def visit(self, offered: Offered) -> Visit:
        """The session as it stands, over or not."""
        visit = await self.talk.db.write(
            lambda tx: self.monitoring.lock(tx, ACCOUNT, offered.session["vid"], offered.session["sid"])
        )
        assert visit is not None
        return visit

    async def context(self, offered: Offered) -> Context:
        """The session's newest offer."""
        return (await self.visit(offered)).contexts[-1]

    async def counted(self) -> dict[str, Any]:
        """What was counted, all together; zeros are left out."""
        rendered: Any = render_report(await self.reports.report(ACCOUNT))
        return {name: count for name, count in rendered["totals"].items() if count}


async def no_names(account_id: str, ids: Collection[int]) -> Mapping[int, str]:
    """Nothing has a name."""
    return {}


@asynccontextmanager
async def offers_on(db: Database, clock: ManualClock, randomness: Randomness) -> AsyncIterator[OffersStage]:
    """Both services on a database; the app is ``APP``, whose token is ``app``."""
    async with stage_on(db, clock, randomness) as talk:
        campaigns, reports = Campaigns(), Reports(db, clock, randomness, no_names)
        monitoring = Monitoring(
            db, clock, randomness, talk.accounts, AppsInMemory(), campaigns, Targeting(), find_open, reports.record
        )
        conversations = Conversations(campaigns, monitoring, reports.record)
        talk.messaging.admit_with(conversations.admit)
        talk.messaging.record_with(conversations.follow)
        transport = httpx.ASGITransport(Application(routes(monitoring, clock)))
        async with httpx.AsyncClient(
            transport=transport, base_url="https://switchbay.test", headers={"User-Agent": ""}
        ) as client:
            yield OffersStage(talk, monitoring, reports, campaigns, client)


__all__ = ["ACCOUNT", "APP", "Offered", "OffersStage", "offers_on"]
