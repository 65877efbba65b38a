"""The configuration of engagements over its wire, with real accounts and apps, and two accounts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import sqlalchemy as sa

from support.accounts_house import HOME, PASSWORD, cheap_passwords
from switchbay.accounts.public import OPERATOR, Accounts, AuditEntry, Role
from switchbay.apps.public import Apps
from switchbay.engagement.configuration.designs import design_routes
from switchbay.engagement.configuration.publishing import Offers
from switchbay.engagement.configuration.routes import routes
from switchbay.engagement.configuration.service import Configuration
from switchbay.engagement.configuration.tables import configurations, objects, references
from switchbay.engagement.configuration.transfer import Transfer
from switchbay.engagement.domain.published import Published
from switchbay.infra.db import Database, Tx
from switchbay.infra.egress import Egress
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault
from switchbay.infra.web import Application
from switchbay.kit.jsonvalue import JsonValue
from switchbay.manifest.public import Options, check_value

BRAND = "4711001"
OTHER_BRAND = "4711002"
BASE = f"/api/account/{BRAND}/configuration/le-campaigns"
OTHER_BASE = f"/api/account/{OTHER_BRAND}/configuration/le-campaigns"
SKILLS = {7: "Billing", 8: "Sales"}
NOTHING: Mapping[str, JsonValue] = {
    "design_engagement": False,
    "design_window": False,
    "entry_point": ["section"],
    "visitor_behavior": [],
    "target_audience": [],
    "goal": [],
    "consumer_identity": ["auth"],
    "language_selection": False,
}
"""The narrowest capability."""
EVERYTHING: Mapping[str, JsonValue] = {
    "design_engagement": True,
    "design_window": True,
    "entry_point": ["section", "url"],
    "visitor_behavior": [
        "visited_location",
        "time_on_location",
        "flow",
        "engaged_in_session",
        "about_to_abandon",
        "cart_value",
        "cart_items",
        "visitor_error",
        "viewed_products",
        "service_activity",
    ],
    "target_audience": ["ip", "age", "gender", "customer_type", "platform", "geo_location"],
    "goal": ["url", "purchase_total", "num_of_pages", "lead", "service_activity"],
    "consumer_identity": ["auth", "unauth"],
    "language_selection": True,
}


@dataclass(frozen=True, slots=True)
class CampaignsHouse:
    """What most tests of the configuration start from."""

    db: Database
    clock: ManualClock
    accounts: Accounts
    apps: Apps
    offers: Offers
    configuration: Configuration
    client: httpx.AsyncClient
    bearers: dict[str, str]

    async def bearer(self, user: str) -> str:
        """The session of a user, who is made when they are first needed, as their account is."""
        if user not in self.bearers:
            account, role = _USERS[user]
            await self.expect_account(account)
            await self.accounts.create_user(account, user, PASSWORD, [role], OPERATOR)
            self.bearers[user] = (await self.accounts.login(account, user, PASSWORD, HOME)).bearer.reveal()
        return self.bearers[user]

    async def expect_account(self, account: str) -> None:
        """Make an account that is not there yet."""
        if account not in {one.account_id for one in await self.accounts.list_accounts()}:
            await self.accounts.create_account(account, "Example Brand", OPERATOR)

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        user: str | None = "manager",
        if_match: str | None = "*",
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One request as a user; ``path`` may leave the base away."""
        sent = dict(headers or {})
        if user is not None:
            sent["Authorization"] = f"Bearer {await self.bearer(user)}"
        if if_match is not None:
            sent["If-Match"] = if_match
        address = path if path.startswith("/api") else BASE + path
        given = json.dumps(body).encode() if body is not None else content
        return await self.client.request(method, address, content=given, headers=sent)

    async def make(
        self, collection: str, base: str = BASE, user: str = "manager", /, **members: object
    ) -> dict[str, Any]:
        """Make an object; it has a name if it is given none."""
        answer = await self.call("POST", f"{base}/{collection}", {"name": "Anything", **members}, user=user)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def change(self, collection: str, one: Mapping[str, Any], **members: object) -> httpx.Response:
        """Write an object back with other members."""
        return await self.call("PUT", f"/{collection}/{one['id']}", {**one, **members})

    async def read(self, path: str) -> Any:
        """What a GET answers."""
        answer = await self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def install(
        self, capability: Mapping[str, JsonValue] | None = None, *, name: str = "com.example.shop", account: str = BRAND
    ) -> str:
        """Install an app, and return its id."""
        await self.expect_account(account)
        issued = await self.apps.install(account, manifest(capability, name), OPERATOR)
        return issued.found.app.installation_id

    async def narrow(
        self, app_id: str, capability: Mapping[str, JsonValue] | None, name: str = "com.example.shop"
    ) -> None:
        """Give an app another capability."""
        await self.apps.update(BRAND, app_id, manifest(capability, name), OPERATOR)

    async def published(self, account: str = BRAND) -> Published:
        """What is published, as this node knows it."""
        return await self.offers.of(account)

    async def audit(self) -> list[AuditEntry]:
        """The account's entries about campaigns, the oldest first."""
        page = await self.accounts.list_audit(BRAND, limit=200)
        others = {"app", "user", "account", "session"}
        return [entry for entry in reversed(page.entries) if entry.object_type not in others]

    async def state(self) -> list[Sequence[Mapping[str, Any]]]:
        """All that is stored, to prove that a refused request changed nothing."""

        async def work(tx: Tx) -> list[Sequence[Mapping[str, Any]]]:
            found: list[Sequence[Mapping[str, Any]]] = []
            for table in (configurations, objects, references):
                names = [column.name for column in table.columns]
                rows = await tx.fetch(sa.select(table).order_by(*table.primary_key.columns))
                found.append([{name: row[name] for name in names} for row in rows])
            return found

        return await self.db.read(work)


def manifest(capability: Mapping[str, JsonValue] | None, name: str) -> Any:
    """A checked manifest with a capability, or with none."""
    document: dict[str, JsonValue] = {
        "client_name": name,
        "grant_types": ["client_credentials"],
        "scope": "msg.consumer",
    }
    if capability is not None:
        document["capabilities"] = {"engagement": dict(capability)}
    report = check_value(document, Options())
    assert report.manifest is not None, report.to_json()
    return report.manifest


async def build_house(db: Database, clock: ManualClock, vault: Vault, egress: Egress) -> CampaignsHouse:
    """The rooms, still empty; users are ``admin``, ``manager`` (of campaigns) and ``developer``, and ``foreign``."""
    randomness = Randomness()
    accounts = Accounts(db, clock, randomness, vault, password_hashing=cheap_passwords())
    apps = Apps(db, clock, randomness, vault, accounts, egress, options=Options(), secret_overlap_seconds=86_400)
    offers = Offers(db, apps)
    configuration = Configuration(db, clock, apps, offers, _skills)
    every = [*routes(configuration, Transfer(db, configuration), accounts), *design_routes(offers)]
    client = httpx.AsyncClient(transport=httpx.ASGITransport(Application(every)), base_url="https://switchbay.test")
    return CampaignsHouse(db, clock, accounts, apps, offers, configuration, client, {})


_USERS = {
    "admin": (BRAND, Role.ADMIN),
    "manager": (BRAND, Role.CAMPAIGN_MANAGER),
    "developer": (BRAND, Role.DEVELOPER),
    "foreign": (OTHER_BRAND, Role.ADMIN),
}


async def _skills(_account_id: str) -> Mapping[int, str]:
    return SKILLS


async def close_house(house: CampaignsHouse) -> None:
    """End what runs."""
    await house.client.aclose()
    await house.offers.stop()
    await house.apps.stop()
    await house.accounts.stop()
