"""Tokens of applications that are really installed: what happens to the application happens to its tokens."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from support.accounts_house import cheap_passwords
from switchbay.accounts.public import OPERATOR, Accounts
from switchbay.apps.public import Apps
from switchbay.infra.db import Database
from switchbay.infra.egress import Egress
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault
from switchbay.infra.web import Application
from switchbay.kit.errors import AppError
from switchbay.manifest.public import Options
from switchbay.oauth.public import OAuth
from switchbay.oauth.routes import keys as keys_routes
from switchbay.oauth.routes import routes
from switchbay.oauth.service import KeyRing
from switchbay.oauth.service.client_authentication import ClientAuthentication

TOKEN = "/sentinel/api/account/acme/app/token"
MANIFEST = json.dumps(
    {
        "client_name": "Connector",
        "description": "Carries messages.",
        "grant_types": ["client_credentials"],
        "response_types": [],
        "scope": "msg.consumer",
        "logo_uri": "https://connector.example/logo.png",
        "capabilities": {},
    }
).encode()


class Platform:
    """One node with accounts, applications and the authorization server."""

    def __init__(self, accounts: Accounts, apps: Apps, oauth: OAuth, http: httpx.AsyncClient) -> None:
        self.accounts = accounts
        self.apps = apps
        self.oauth = oauth
        self.http = http

    async def install(self) -> dict[str, str]:
        manifest, _ = await self.apps.accept(MANIFEST)
        issued = await self.apps.install("acme", manifest, OPERATOR)
        return {
            "grant_type": "client_credentials",
            "client_id": issued.found.app.installation_id,
            "client_secret": issued.secret.reveal(),
        }

    async def token(self, form: dict[str, str]) -> str:
        answer = await self.http.post(TOKEN, data=form)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    async def verdict(self, token: str) -> str:
        try:
            await self.oauth.verify_app_token("acme", token)
        except AppError as refused:
            return refused.code
        return "believed"


@pytest.fixture
async def platform(db: Database, clock: ManualClock, randomness: Randomness, vault: Vault) -> AsyncIterator[Platform]:
    """A platform with one empty account."""
    accounts = Accounts(db, clock, randomness, vault, password_hashing=cheap_passwords())
    egress = Egress()
    apps = Apps(db, clock, randomness, vault, accounts, egress, options=Options(), secret_overlap_seconds=60)
    ring = KeyRing(db, clock, randomness, vault)
    oauth = OAuth(ring, clock, accounts, apps, ClientAuthentication(db, clock, apps, egress))
    app = Application([*routes(oauth), *keys_routes.routes(ring, accounts)])
    await accounts.create_account("acme", "Acme", OPERATOR)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://sentinel.example") as http:
        try:
            yield Platform(accounts, apps, oauth, http)
        finally:
            await apps.stop()
            await accounts.stop()
            await egress.close()


async def test_an_installed_application_gets_a_token_and_speaks_for_a_consumer(platform: Platform) -> None:
    form = await platform.install()
    token = await platform.token(form)
    believed = await platform.oauth.verify_app_token("acme", token)
    assert (believed.client_id, believed.scope) == (form["client_id"], frozenset({"msg.consumer"}))
    answer = await platform.http.post(
        "/api/account/acme/consumer", json={"ext_consumer_id": 7}, headers={"Authorization": token}
    )
    consumer = await platform.oauth.verify_consumer_token("acme", answer.json()["token"])
    assert consumer.ext_consumer_id == "7"


async def test_a_wrong_secret_and_an_unknown_client_are_one_answer(platform: Platform) -> None:
    form = await platform.install()
    wrong = await platform.http.post(TOKEN, data={**form, "client_secret": "wrong"})
    unknown = await platform.http.post(TOKEN, data={**form, "client_id": "0c7d3f1f-0000-4000-8000-000000000000"})
    assert (wrong.status_code, wrong.content) == (unknown.status_code, unknown.content)
    assert wrong.status_code == 401


async def test_a_disabled_application_is_refused_at_once(platform: Platform) -> None:
    form = await platform.install()
    token = await platform.token(form)
    assert await platform.verdict(token) == "believed"
    await platform.apps.set_enabled("acme", form["client_id"], OPERATOR, enabled=False)
    assert await platform.verdict(token) == "app_token_invalid"
    refused = await platform.http.post(TOKEN, data=form)
    assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")


async def test_a_token_from_before_an_application_was_disabled_stays_refused(
    platform: Platform, clock: ManualClock
) -> None:
    form = await platform.install()
    token = await platform.token(form)
    clock.advance(seconds=1)
    await platform.apps.set_enabled("acme", form["client_id"], OPERATOR, enabled=False)
    await platform.apps.set_enabled("acme", form["client_id"], OPERATOR, enabled=True)
    assert await platform.verdict(token) == "app_token_invalid"
    clock.advance(seconds=1)
    assert await platform.verdict(await platform.token(form)) == "believed"


async def test_an_uninstalled_application_is_as_unknown_as_any(platform: Platform) -> None:
    form = await platform.install()
    token = await platform.token(form)
    await platform.apps.uninstall("acme", form["client_id"], OPERATOR)
    assert await platform.verdict(token) == "app_token_invalid"
    refused = await platform.http.post(TOKEN, data=form)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


async def test_both_secrets_work_until_the_rotation_ends(platform: Platform, clock: ManualClock) -> None:
    old = await platform.install()
    rotated = await platform.apps.rotate_secret("acme", old["client_id"], OPERATOR)
    new = {**old, "client_secret": rotated.secret.reveal()}
    assert await platform.verdict(await platform.token(old)) == "believed"
    assert await platform.verdict(await platform.token(new)) == "believed"
    clock.advance(seconds=60)
    assert (await platform.http.post(TOKEN, data=old)).status_code == 401
    assert await platform.verdict(await platform.token(new)) == "believed"


@pytest.mark.parametrize("account", ["nobody", "%00", "x" * 300, "a%2Fb"])
async def test_the_keys_of_an_account_that_does_not_exist_are_not_found(platform: Platform, account: str) -> None:
    answer = await platform.http.get(f"/sentinel/api/account/{account}/jwks")
    assert answer.status_code == 404
    assert (await platform.http.get("/.well-known/jwks.json")).json() == {"keys": []}


async def test_the_keys_of_an_account_are_found(platform: Platform) -> None:
    answer = await platform.http.get("/sentinel/api/account/acme/jwks")
    assert (answer.status_code, len(answer.json()["keys"])) == (200, 3)
