"""Real OAuth 2.0 and OpenID Connect clients, unchanged, against a served node: Authlib and requests-oauthlib."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from joserfc import jwt
from joserfc.jwk import KeySet
from requests_oauthlib import OAuth2Session

from support.browser import Browser
from support.node import ACCOUNT, PASSWORD, Node, running_node

CALLBACK = "https://app.example.com/callback"
WEB_APP: dict[str, Any] = {
    "client_name": "com.example.web",
    "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
    "response_types": ["code"],
    "redirect_uris": [CALLBACK],
    "scope": "msg.consumer",
}


@pytest.fixture
async def node(tmp_path: Path, database_url: str) -> AsyncIterator[Node]:
    """A served node on each engine."""
    async with running_node(tmp_path / "node", database_url) as node:
        yield node


async def sign_in(node: Node, address: str) -> str:
    """Go to the address in a fresh browser, log in as the agent, agree; return the address of the answer."""
    browser = Browser(node.client)
    await browser.open(address)
    names = {each.name for each in browser.shown.form.inputs}
    name = next(candidate for candidate in ("username", "login_name", "name") if candidate in names)
    page = await browser.submit({name: "agent", "password": PASSWORD})
    if page.left_for is None:
        page = await browser.submit(press="Allow")
    assert page.left_for is not None, page.text
    return page.left_for


async def test_authlib_signs_a_user_in_and_keeps_the_sign_in_fresh(node: Node) -> None:
    app = await node.install(WEB_APP, await node.login())
    metadata = (await node.client.get(f"/oidc/{ACCOUNT}/.well-known/openid-configuration")).json()
    client = AuthlibSession(
        app["client_id"],
        app["client_secret"],
        redirect_uri=CALLBACK,
        scope="openid profile msg.consumer",
        code_challenge_method="S256",
    )
    client.verify, client.trust_env = str(node.ca_file), False
    verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    address, state = client.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
    )
    answered = await sign_in(node, address)
    assert httpx.URL(answered).params["iss"] == metadata["issuer"]

    def use() -> None:
        token = client.fetch_token(
            metadata["token_endpoint"], authorization_response=answered, state=state, code_verifier=verifier
        )
        keys = KeySet.import_key_set(client.get(metadata["jwks_uri"], withhold_token=True).json())
        claims = jwt.decode(token["id_token"], keys, algorithms=["RS256"]).claims
        assert (claims["iss"], claims["aud"], claims["nonce"]) == (metadata["issuer"], app["client_id"], nonce)
        described = client.get(metadata["userinfo_endpoint"]).json()
        assert (described["sub"], described["preferred_username"]) == (claims["sub"], "agent")
        renewed = client.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
        assert renewed["refresh_token"] != token["refresh_token"]
        access = renewed["access_token"]
        told = client.introspect_token(metadata["introspection_endpoint"], token=access).json()
        assert (told["active"], told["client_id"], told["sub"]) == (True, app["client_id"], claims["sub"])
        ended = client.revoke_token(metadata["revocation_endpoint"], token=renewed["refresh_token"])
        assert ended.status_code == 200
        told = client.introspect_token(metadata["introspection_endpoint"], token=access).json()
        assert told == {"active": False}

    try:
        await asyncio.to_thread(use)
    finally:
        client.close()


@pytest.mark.parametrize(("version", "length"), [("1.0", 64), ("2.0", None)])
async def test_requests_oauthlib_signs_in_on_the_paths_of_existing_clients(
    node: Node, version: str, length: int | None
) -> None:
    app = await node.install(WEB_APP, await node.login())
    base = str(node.client.base_url.join(f"/sentinel/api/account/{ACCOUNT}"))
    session = OAuth2Session(app["client_id"], redirect_uri=CALLBACK, scope=["msg.consumer"])
    session.verify, session.trust_env = str(node.ca_file), False
    address, _ = session.authorization_url(f"{base}/authorize?v={version}")
    answered = await sign_in(node, address)

    def redeem() -> dict[str, Any]:
        token: dict[str, Any] = session.fetch_token(
            f"{base}/token?v={version}",
            authorization_response=answered,
            client_secret=app["client_secret"],
            include_client_id=True,
        )
        return token

    try:
        token = await asyncio.to_thread(redeem)
    finally:
        session.close()
    assert token["token_type"] == "Bearer"
    assert (len(token["access_token"]) == length) if length else (token["access_token"].count(".") == 2)
    keys = KeySet.import_key_set((await node.client.get("/sentinel/well-known/jwks")).json())
    claims = jwt.decode(token["id_token"], keys, algorithms=["RS256"]).claims
    assert (claims["iss"], claims["aud"], claims["is_admin"], claims["is_lpa"]) == (
        "Sentinel",
        app["client_id"],
        False,
        False,
    )
