"""An apps room with its wire routes and its management API, and an account with one user of each role."""

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import sqlalchemy as sa
from starlette.routing import Mount

from support.accounts_house import HOME, PASSWORD
from support.filled import filled
from support.management import management
from switchbay.accounts.public import OPERATOR, Accounts, AuditEntry, Role
from switchbay.apps import admin, routes
from switchbay.apps.public import Apps
from switchbay.apps.tables import app_ended_secrets, app_installations, app_logos, app_secrets
from switchbay.infra import web
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault
from switchbay.webhooks.owners import OwnerCache, SendOwner

BRAND = "4711001"
OTHER_BRAND = "4711002"
INSTALLATIONS = f"/api/account/{BRAND}/configuration/app-install/installations"
MANAGEMENT = f"/switchbay/v1/accounts/{BRAND}/apps"
CONTENT_EVENT = "ms.MessagingEventNotification.ContentEvent"

_TABLES = (app_installations, app_secrets, app_ended_secrets, app_logos)
EMPTY: Sequence[Sequence[Mapping[str, Any]]] = [[] for _ in _TABLES]
"""What the room stores before the first app."""

CONNECTOR: Mapping[str, Any] = {
    "client_name": "com.example.connector",
    "display_name": "Example connector",
    "description": "Connects an example",
    "grant_types": ["client_credentials"],
    "scope": "msg.consumer",
    "enabled": True,
    "capabilities": {
        "webhooks": {
            CONTENT_EVENT: {
                "endpoint": "https://connector.example.com/content",
                "max_retries": 3,
                "headers": [{"header_name": "X-Api-Key", "header_value": "swordfish"}],
            },
        },
        "broadcast": {"enabled": True},
    },
    "x-team": {"name": "crew"},
}


def connector(**changes: object) -> dict[str, Any]:
    """A manifest that has no findings but the kept capability, with other members put in; None takes one out."""
    document = {**copy.deepcopy(dict(CONNECTOR)), **changes}
    return {name: value for name, value in document.items() if value is not None}


@dataclass(frozen=True, slots=True)
class AppsHouse:
    """What most tests of the room start from."""

    db: Database
    clock: ManualClock
    vault: Vault
    accounts: Accounts
    apps: Apps
    client: httpx.AsyncClient
    bearers: Mapping[str, str]

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        user: str | None = "admin",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """One request as a user; ``path`` may leave the installations' base away."""
        sent = dict(headers or {})
        if user is not None:
            sent.setdefault("Authorization", f"Bearer {self.bearers[user]}")
        if body is not None:
            content = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        address = path if path.startswith(("/api", "/switchbay")) else INSTALLATIONS + path
        return await self.client.request(method, address, content=content, headers=sent)

    async def install(self, **changes: object) -> dict[str, Any]:
        """Install an app and return what the API answered."""
        answer = await self.call("POST", "", connector(**changes))
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def revision(self) -> int:
        """The account's revision."""
        return await self.apps.find_revision(BRAND)

    async def audit(self, object_id: str | None = None) -> list[AuditEntry]:
        """The account's entries about apps, the oldest first."""
        page = await self.accounts.list_audit(BRAND, limit=200)
        entries = [entry for entry in reversed(page.entries) if entry.object_type == "app"]
        return [entry for entry in entries if object_id in (None, entry.object_id)]

    async def owner(self, app_id: str) -> SendOwner | None:
        """What the webhooks room knows of an app."""
        return await OwnerCache(self.db, self.vault, self.clock).find(BRAND, app_id)

    async def rows(self, table: sa.Table) -> Sequence[Mapping[str, Any]]:
        """Every row of a table."""

        async def work(tx: Tx) -> list[dict[str, Any]]:
            names = [column.name for column in table.columns]
            return [{name: row[name] for name in names} for row in await tx.fetch(sa.select(table))]

        return await self.db.read(work)

    async def state(self) -> list[Sequence[Mapping[str, Any]]]:
        """All that the room stores, to prove that a refused request changed nothing."""
        return [await self.rows(table) for table in _TABLES]


def platform(apps: Apps, accounts: Accounts) -> web.Application:
    """The room's routes behind the same handlers as in the whole program."""
    api = Mount("/switchbay/v1", management(admin.router, apps, accounts))
    return web.Application([*routes.routes(apps, accounts), api])


async def populate(db: Database, clock: ManualClock, randomness: Randomness, accounts: Accounts) -> dict[str, str]:
    """Make two accounts and log a user of each role in; return their bearers by role (``foreign``: the other's)."""
    return await filled(db, clock, randomness, "apps", lambda: _populate(accounts))


async def _populate(accounts: Accounts) -> dict[str, str]:
    for account_id, roles in ((BRAND, tuple(Role)), (OTHER_BRAND, (Role.ADMIN,))):
        await accounts.create_account(account_id, "Example Brand", OPERATOR)
        for role in roles:
            await accounts.create_user(account_id, role.value, PASSWORD, [role], OPERATOR)
    bearers = {role.value: (await accounts.login(BRAND, role.value, PASSWORD, HOME)).bearer.reveal() for role in Role}
    bearers["foreign"] = (await accounts.login(OTHER_BRAND, "admin", PASSWORD, HOME)).bearer.reveal()
    return bearers
