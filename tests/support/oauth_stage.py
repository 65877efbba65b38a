"""The whole authorization server over a real database: accounts, users, installed apps, and a client of its routes."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from fastapi import APIRouter
from starlette.routing import Mount

from support.accounts_house import HOME, PASSWORD, cheap_passwords
from support.filled import filled
from support.management import management_of
from switchbay.accounts import admin as accounts_admin
from switchbay.accounts.public import OPERATOR, Accounts, Role
from switchbay.apps import admin as apps_admin
from switchbay.apps.public import Apps
from switchbay.infra import web
from switchbay.infra.db import Database
from switchbay.infra.egress import Egress
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.settings import Settings
from switchbay.infra.vault import Vault
from switchbay.manifest.public import Options
from switchbay.oauth.build import Managed, routers_over
from switchbay.oauth.public import AuthorizationServer, Means, build

ACCOUNT = "4711001"
OTHER_ACCOUNT = "4711002"
ORIGIN = "https://localhost:8443"
ISSUER = f"{ORIGIN}/oidc/{ACCOUNT}"
CALLBACK = "https://app.example.com/callback"

WEB_APP: Mapping[str, Any] = {
    "client_name": "com.example.web",
    "display_name": "Example web application",
    "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
    "response_types": ["code"],
    "redirect_uris": [CALLBACK],
    "scope": "msg.consumer",
    "entry_uri": "https://app.example.com/launch",
}


@dataclass(frozen=True, slots=True)
class Installed:
    """An app as its developer knows it."""

    client_id: str
    secret: str


@dataclass(slots=True)
class Stage:
    """One node of the server, with two accounts of which each has an ``admin``, an ``agent`` and a ``developer``."""

    db: Database
    clock: ManualClock
    vault: Vault
    randomness: Randomness
    accounts: Accounts
    apps: Apps
    server: AuthorizationServer
    app: web.Application
    http: httpx.AsyncClient
    bearers: dict[str, str]
    """Bearers of the users of ``ACCOUNT`` by role, for the management API; ``foreign``: the other account's admin."""

    async def install(self, *, account_id: str = ACCOUNT, **changes: object) -> Installed:
        """Install the web application with other members put in; None takes one out."""
        document = {**copy.deepcopy(dict(WEB_APP)), **changes}
        text = json.dumps({name: value for name, value in document.items() if value is not None}).encode()
        manifest, _ = await self.apps.accept(text)
        issued = await self.apps.install(account_id, manifest, OPERATOR)
        return Installed(issued.found.app.installation_id, issued.secret.reveal())

    async def manage(self, method: str, path: str, body: object = None, *, user: str = "admin") -> httpx.Response:
        """One call of the management API; ``path`` is what follows the account."""
        return await self.http.request(
            method,
            f"/switchbay/v1/accounts/{ACCOUNT}{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.bearers[user]}"},
        )


def _routers(*rooms: Any) -> APIRouter:
    every = APIRouter()
    for router in routers_over(Managed(*rooms)):
        every.include_router(router)
    return every


@cache
def stage_settings() -> Settings:
    """The settings of most stages; reading them from all their sources takes longer than the rest of a stage."""
    return Settings(data_dir=Path("unused"))


async def make_stage(
    db: Database, clock: ManualClock, randomness: Randomness, vault: Vault, egress: Egress, settings: Settings
) -> Stage:
    """Build a node and fill it. A second call with the same database builds another node beside it: ``join_stage``."""
    stage = join_stage(db, clock, randomness, vault, egress, settings)
    stage.bearers.update(await filled(db, clock, randomness, "oauth", lambda: _populate(stage.accounts)))
    return stage


async def _populate(accounts: Accounts) -> dict[str, str]:
    for account_id in (ACCOUNT, OTHER_ACCOUNT):
        await accounts.create_account(account_id, "Example Brand", OPERATOR)
        for role in Role:
            await accounts.create_user(account_id, role.value, PASSWORD, [role], OPERATOR)
    bearers = {role.value: (await accounts.login(ACCOUNT, role.value, PASSWORD, HOME)).bearer.reveal() for role in Role}
    bearers["foreign"] = (await accounts.login(OTHER_ACCOUNT, "admin", PASSWORD, HOME)).bearer.reveal()
    return bearers


def join_stage(
    db: Database, clock: ManualClock, randomness: Randomness, vault: Vault, egress: Egress, settings: Settings
) -> Stage:
    """Build a node on a database that may have been filled before."""
    accounts = Accounts(db, clock, randomness, vault, password_hashing=cheap_passwords())
    options = Options(dev_mode=True)
    apps = Apps(db, clock, randomness, vault, accounts, egress, options=options, secret_overlap_seconds=3_600)
    server = build(Means(db, clock, randomness, vault, accounts, apps, egress, settings))

    managed = server.managed
    api = management_of(
        (accounts_admin.router, accounts),
        (apps_admin.router, apps, accounts),
        (_routers, *(getattr(managed, each.name) for each in fields(managed))),
    )
    app = web.Application([*server.routes, Mount("/switchbay/v1", api)])
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN)
    return Stage(db, clock, vault, randomness, accounts, apps, server, app, http, {})
