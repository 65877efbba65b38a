"""Login at another OpenID provider, over real https, from the login page to the app and under attack."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey
from structlog.testing import capture_logs

from support.accounts_house import PASSWORD
from support.authorize_requests import allow
from support.browser import Browser, Page
from support.certs import Authority, make_authority
from support.oauth_stage import (
    ACCOUNT,
    CALLBACK,
    ISSUER,
    ORIGIN,
    OTHER_ACCOUNT,
    Installed,
    Stage,
    join_stage,
    make_stage,
    stage_settings,
)
from support.openid_provider import CLIENT_ID, CLIENT_SECRET, OpenIDProvider, rsa_key, sign_text
from support.receiver import Answer, Received, Receiver
from switchbay.accounts.public import OPERATOR, Role, UserChange
from switchbay.infra.db import Database
from switchbay.infra.egress import Egress
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.settings import Settings
from switchbay.infra.vault import Vault
from switchbay.oauth.protocol.oidc_upstream import UpstreamTrouble
from switchbay.oauth.service.upstream_provider import Providers
from switchbay.oauth.store.upstreams import list_upstreams, secret_context

ATTACKER = rsa_key("k1")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs the provider's certificate."""
    return make_authority(tmp_path_factory.mktemp("authority"))


def only_loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


@pytest.fixture
async def egress(authority: Authority) -> AsyncIterator[Egress]:
    door = Egress(("127.0.0.0/8",), authority.ca_file, lookup=only_loopback)
    yield door
    await door.close()


@pytest.fixture
async def provider(authority: Authority, clock: ManualClock) -> AsyncIterator[OpenIDProvider]:
    """The company's provider."""
    made = OpenIDProvider(lambda: clock.now_ms() // 1000)
    async with Receiver(authority, made.answer) as receiver:
        made.receiver = receiver
        yield made


@pytest.fixture
async def stage(
    db: Database, clock: ManualClock, randomness: Randomness, vault: Vault, egress: Egress
) -> AsyncIterator[Stage]:
    """The whole server, which trusts the test authority."""
    made = await make_stage(db, clock, randomness, vault, egress, stage_settings())
    yield made
    await made.http.aclose()


@pytest.fixture
async def app(stage: Stage) -> Installed:
    """An app that everybody is allowed to use."""
    installed = await stage.install()
    await allow(stage, installed)
    return installed


@pytest.fixture
def browser(stage: Stage) -> Browser:
    return Browser(stage.http)


async def add(stage: Stage, provider: OpenIDProvider, **changes: object) -> dict[str, Any]:
    """Have the administrator add the provider."""
    body = {
        "label": "Corp SSO",
        "issuer": provider.issuer,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        **changes,
    }
    answer = await stage.manage("POST", "/upstreams", body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.fixture
async def upstream(stage: Stage, provider: OpenIDProvider) -> dict[str, Any]:
    """The provider, offered to users who are here already."""
    return await add(stage, provider)


def request_of(app: Installed, **more: str) -> dict[str, str]:
    return {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": CALLBACK,
        "scope": "openid",
        "state": "of the app",
        "nonce": "n",
        **more,
    }


async def go(browser: Browser, app: Installed, **more: str) -> str:
    """From the app to the login page and, by the button, to the provider; the address there."""
    await browser.open(f"/oidc/{ACCOUNT}/authorize", request_of(app, **more))
    page = await browser.follow("Corp SSO")
    assert page.left_for is not None, page.text
    return page.left_for


async def come_back(browser: Browser, url: str) -> Page:
    """Follow the provider's redirect, and ours, to where they end."""
    assert url.startswith(ORIGIN + "/")
    return await browser.open(url)


async def log_in(browser: Browser, app: Installed, provider: OpenIDProvider, **claims: Any) -> Page:
    """The whole way."""
    return await come_back(browser, provider.authorize(await go(browser, app), **claims))


def parameters(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


async def user_of(stage: Stage, page: Page, app: Installed) -> dict[str, Any]:
    """The claims of the ID token that the app gets for its code."""
    assert page.left_for is not None, page.text
    assert page.left_for.startswith(CALLBACK + "?"), page.left_for
    answer = await stage.http.post(
        f"/oidc/{ACCOUNT}/token",
        data={"grant_type": "authorization_code", "code": page.answer_parameters["code"], "redirect_uri": CALLBACK},
        auth=(app.client_id, app.secret),
    )
    assert answer.status_code == 200, answer.text
    claims: dict[str, Any] = json.loads(_payload(answer.json()["id_token"]))
    return claims


async def sessions(stage: Stage) -> int:
    """How many sessions there are beyond those that the stage opened for its own calls."""
    return len(await stage.accounts.list_sessions(ACCOUNT)) - len(Role)


async def agent_id(stage: Stage, login_name: str = "agent") -> str:
    user = await stage.accounts.find_user_by_login(ACCOUNT, login_name)
    assert user is not None
    return user.user_id


async def refused(stage: Stage, page: Page, code: str, status: int = 403) -> None:
    """The page says so, no session was opened, and nobody is remembered."""
    assert page.left_for is None, page.left_for
    assert (page.status, page.heading) == (status, "The login did not succeed"), page.text
    assert f"Code for support: {code}" in page.text
    assert await sessions(stage) == 0
    actions = [entry.action for entry in (await stage.accounts.list_audit(ACCOUNT, limit=200)).entries]
    assert "user.upstream_link" not in actions


# It works


async def test_a_user_of_the_company_gets_to_the_app_without_a_password_here(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    page = await log_in(browser, app, provider, amr=["pwd", "hwk", "hwk", 7, "x" * 21, "not a word"])
    assert page.answer_parameters["state"] == "of the app"
    claims = await user_of(stage, page, app)
    assert (claims["iss"], claims["sub"]) == (ISSUER, await agent_id(stage))
    assert claims["amr"] == ["fed", "pwd", "hwk"]
    newest = (await stage.accounts.list_sessions(ACCOUNT))[0]
    assert (newest.user_id, newest.amr) == (claims["sub"], ("fed", "pwd", "hwk"))
    entries = (await stage.accounts.list_audit(ACCOUNT, limit=2)).entries
    assert [(entry.action, entry.actor.name) for entry in entries] == [
        ("session.open", "agent"),
        ("user.upstream_link", "Corp SSO"),
    ]
    assert entries[1].detail == {"upstream_id": upstream["upstream_id"], "subject": "subject-1"}
    assert not [name for name, _ in browser.jar.cookies if "upstream" in name]


async def test_the_request_to_the_provider_is_a_code_flow_with_pkce_nonce_and_state(
    browser: Browser, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    sent = parameters(await go(browser, app))
    assert {name: sent[name] for name in ("response_type", "client_id", "redirect_uri", "scope", "tenant")} == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": f"{ORIGIN}/oidc/{ACCOUNT}/interaction/upstream/{upstream['upstream_id']}/callback",
        "scope": "openid profile email",
        "tenant": "corp",
    }
    assert upstream["redirect_uri"] == sent["redirect_uri"]
    assert (len(sent["nonce"]), len(sent["code_challenge"]), sent["code_challenge_method"]) == (64, 43, "S256")
    other = parameters(await go(browser, app))
    assert all(sent[name] != other[name] for name in ("nonce", "code_challenge", "state"))
    cookie = next(cookie for (name, _), cookie in browser.jar.cookies.items() if "upstream" in name)
    assert (cookie.secure, cookie.http_only, cookie.same_site, cookie.path) == (True, True, "lax", "/")
    assert sent["nonce"] not in cookie.value


async def test_whoever_came_once_stays_the_same_user_whatever_their_name_becomes(
    stage: Stage, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    first = await user_of(stage, await log_in(Browser(stage.http), app, provider), app)
    again = await log_in(Browser(stage.http), app, provider, preferred_username="admin")
    assert (await user_of(stage, again, app))["sub"] == first["sub"] == await agent_id(stage)


async def test_an_unknown_user_is_made_where_that_is_wanted(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider
) -> None:
    await add(stage, provider, create_roles=["agent", "developer"])
    page = await log_in(browser, app, provider, preferred_username="Grace@Corp.example", name="Grace H.")
    made = await stage.accounts.find_user_by_login(ACCOUNT, "grace@corp.example")
    assert made is not None
    assert (await user_of(stage, page, app))["sub"] == made.user_id
    assert (made.login_name, made.display_name) == ("Grace@Corp.example", "Grace H.")
    assert made.roles == {Role.AGENT, Role.DEVELOPER}


@pytest.mark.parametrize("name", ["", "  ", "x" * 200, "a\u202eb", 7])
async def test_a_name_that_cannot_be_shown_does_not_keep_a_user_out(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, name: object
) -> None:
    await add(stage, provider, create_roles=["agent"])
    await log_in(browser, app, provider, preferred_username="grace", name=name)
    made = await stage.accounts.find_user_by_login(ACCOUNT, "grace")
    assert made is not None
    assert made.display_name == "grace"


async def test_two_first_logins_at_once_are_one_user(
    stage: Stage,
    app: Installed,
    provider: OpenIDProvider,
    clock: ManualClock,
    randomness: Randomness,
    vault: Vault,
    egress: Egress,
) -> None:
    await add(stage, provider, create_roles=["agent"])
    other = join_stage(stage.db, clock, randomness, vault, egress, stage_settings())
    browsers = [Browser(node.http) for node in (stage, other) * 2]
    ways = [provider.authorize(await go(browser, app), preferred_username="grace") for browser in browsers]
    pages = await asyncio.gather(*(come_back(browser, way) for browser, way in zip(browsers, ways, strict=True)))
    assert {(await user_of(stage, page, app))["sub"] for page in pages} == {await agent_id(stage, "grace")}
    actions = [entry.action for entry in (await stage.accounts.list_audit(ACCOUNT, limit=200)).entries]
    assert actions.count("user.upstream_link") == 1
    await other.http.aclose()


@pytest.mark.parametrize("verified", [True, "true"])
async def test_a_verified_address_can_be_the_login_name(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, verified: object
) -> None:
    await add(stage, provider, login_claim="email")
    await stage.accounts.create_user(ACCOUNT, "grace@corp.example", PASSWORD, [Role.AGENT], OPERATOR)
    page = await log_in(browser, app, provider, email="grace@corp.example", email_verified=verified)
    assert (await user_of(stage, page, app))["sub"] == await agent_id(stage, "grace@corp.example")


@pytest.mark.parametrize("verified", [False, None, "false", 1, "yes"])
async def test_an_address_that_the_provider_has_not_verified_is_nobody(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, verified: object
) -> None:
    await add(stage, provider, login_claim="email")
    await stage.accounts.create_user(ACCOUNT, "grace@corp.example", PASSWORD, [Role.AGENT], OPERATOR)
    provider.userinfo = {"sub": "subject-1"}
    page = await log_in(browser, app, provider, email="grace@corp.example", email_verified=verified)
    await refused(stage, page, "upstream_claim_missing")


async def test_the_subject_can_be_the_login_name(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider
) -> None:
    await add(stage, provider, login_claim="sub", scope="openid")
    page = await log_in(browser, app, provider, sub="agent", preferred_username="admin")
    assert (await user_of(stage, page, app))["sub"] == await agent_id(stage)


async def test_a_claim_that_the_id_token_lacks_is_asked_for_at_userinfo(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    provider.userinfo = {"sub": "subject-1", "preferred_username": "developer"}
    page = await log_in(browser, app, provider, preferred_username=None)
    assert (await user_of(stage, page, app))["sub"] == await agent_id(stage, "developer")


async def test_userinfo_about_somebody_else_is_not_believed(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    provider.userinfo = {"sub": "subject-2", "preferred_username": "admin"}
    page = await log_in(browser, app, provider, preferred_username=None)
    await refused(stage, page, "upstream_malformed", 502)


@pytest.mark.parametrize(
    ("methods", "basic"),
    [
        (None, True),
        (["client_secret_post", "client_secret_basic"], True),
        (["private_key_jwt", "client_secret_post"], False),
    ],
)
async def test_the_secret_is_sent_as_the_provider_wants_it(
    stage: Stage,
    browser: Browser,
    app: Installed,
    provider: OpenIDProvider,
    upstream: dict[str, Any],
    methods: list[str] | None,
    basic: bool,
) -> None:
    provider.document = {"token_endpoint_auth_methods_supported": methods}
    await user_of(stage, await log_in(browser, app, provider), app)
    request = next(request for request in provider.receiver.requests if request.path == "/token")
    assert ("authorization" in request.headers) is basic
    assert (b"client_secret=" in request.body) is not basic


@pytest.mark.parametrize(
    ("alg", "key"),
    [
        ("PS256", rsa_key()),
        ("ES256", ECKey.generate_key("P-256", parameters={"kid": "ec"})),
        ("EdDSA", OKPKey.generate_key("Ed25519", parameters={"kid": "ed"})),
    ],
)
async def test_other_algorithms_of_the_day_are_understood(
    stage: Stage,
    browser: Browser,
    app: Installed,
    provider: OpenIDProvider,
    upstream: dict[str, Any],
    alg: str,
    key: RSAKey | ECKey | OKPKey,
) -> None:
    provider.alg, provider.keys = alg, [key]
    await user_of(stage, await log_in(browser, app, provider), app)


async def test_another_account_of_a_server_like_this_can_be_the_provider(
    db: Database,
    clock: ManualClock,
    randomness: Randomness,
    vault: Vault,
    egress: Egress,
    authority: Authority,
    stage: Stage,
    app: Installed,
    browser: Browser,
    tmp_path: Path,
) -> None:
    served: list[Stage] = []

    async def forward(request: Received) -> Answer:
        headers = {name: text for name, text in request.header_list if name.lower() not in ("host", "content-length")}
        answer = await served[0].http.request(request.method, request.path, headers=headers, content=request.body)
        return Answer(answer.status_code, answer.content, [("Content-Type", answer.headers["content-type"])])

    async with Receiver(authority, forward) as receiver:
        settings = Settings(data_dir=tmp_path, public_host=f"localhost:{receiver.port}")
        far = join_stage(db, clock, randomness, vault, egress, settings)
        served.append(far)
        issuer = f"https://localhost:{receiver.port}/oidc/{OTHER_ACCOUNT}"
        upstream_body = {"label": "Corp SSO", "issuer": issuer, "client_id": "later", "client_secret": "later"}
        made = (await stage.manage("POST", "/upstreams", upstream_body)).json()
        client = await far.install(account_id=OTHER_ACCOUNT, redirect_uris=[made["redirect_uri"]])
        change = {"client_id": client.client_id, "client_secret": client.secret}
        assert (await stage.manage("PATCH", f"/upstreams/{made['upstream_id']}", change)).status_code == 200
        way = await go(browser, app)
        assert way.startswith(f"{issuer}/authorize?")
        transport = httpx.ASGITransport(far.app)
        client_there = httpx.AsyncClient(transport=transport, base_url=f"https://localhost:{receiver.port}")
        elsewhere = Browser(client_there)
        await elsewhere.open(way)
        await elsewhere.submit({"username": "agent", "password": PASSWORD.reveal()}, press="Log in")
        page = await elsewhere.submit(press="Allow")
        assert page.left_for is not None, page.text
        landed = await come_back(browser, page.left_for)
        claims = await user_of(stage, landed, app)
        assert (claims["sub"], claims["amr"]) == (await agent_id(stage), ["fed", "pwd"])
        await client_there.aclose()
        await far.http.aclose()


# What the app asks of the login


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ({"prompt": "login", "login_hint": "agent"}, {"prompt": "login", "login_hint": "agent"}),
        ({"max_age": "300", "ui_locales": "de fr"}, {"max_age": "300", "ui_locales": "de fr"}),
        ({"prompt": "consent"}, {}),
    ],
)
async def test_what_the_app_asks_of_the_login_is_passed_on(
    browser: Browser,
    app: Installed,
    provider: OpenIDProvider,
    upstream: dict[str, Any],
    asked: dict[str, str],
    sent: dict[str, str],
) -> None:
    found = parameters(await go(browser, app, **asked))
    names = ("prompt", "max_age", "login_hint", "ui_locales")
    assert {name: found[name] for name in names if name in found} == sent


@pytest.mark.parametrize(
    ("asked", "age", "taken"),
    [
        ({"prompt": "login"}, 0, True),
        ({"prompt": "login"}, None, True),
        ({"prompt": "login"}, 600, False),
        ({"max_age": "300"}, 300, True),
        ({"max_age": "300"}, 600, False),
        ({"max_age": "300"}, None, False),
        ({}, 600_000, True),
    ],
)
async def test_the_provider_must_have_asked_for_the_login_that_was_wanted(
    stage: Stage,
    browser: Browser,
    app: Installed,
    provider: OpenIDProvider,
    upstream: dict[str, Any],
    asked: dict[str, str],
    age: int | None,
    taken: bool,
) -> None:
    way = await go(browser, app, **asked)
    auth_time = None if age is None else provider.now() - age
    page = await come_back(browser, provider.authorize(way, auth_time=auth_time))
    if taken:
        await user_of(stage, page, app)
    else:
        await refused(stage, page, "upstream_id_token_invalid")


async def test_who_wants_to_be_somebody_else_is_asked_who(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    await log_in(browser, app, provider)
    await browser.open(f"/oidc/{ACCOUNT}/authorize", request_of(app, prompt="select_account"))
    await browser.submit(press="another")
    page = await browser.follow("Corp SSO")
    assert page.left_for is not None
    assert parameters(page.left_for)["prompt"] == "select_account"
    landed = await come_back(browser, provider.authorize(page.left_for, sub="s2", preferred_username="developer"))
    assert (await user_of(stage, landed, app))["sub"] == await agent_id(stage, "developer")


# Who may not come in


async def test_an_unknown_user_is_refused_where_none_are_made(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    before = await stage.accounts.list_users(ACCOUNT)
    await refused(stage, await log_in(browser, app, provider, preferred_username="grace"), "upstream_user_unknown")
    assert await stage.accounts.list_users(ACCOUNT) == before


@pytest.mark.parametrize("name", [None, "", 7, ["agent"], " agent ", "a\x00b", "x" * 200, "a\u200bb"])
async def test_what_can_be_no_login_name_is_nobody(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, name: object
) -> None:
    await add(stage, provider, create_roles=["agent"])
    provider.userinfo = {"sub": "subject-1"}
    before = await stage.accounts.list_users(ACCOUNT)
    await refused(stage, await log_in(browser, app, provider, preferred_username=name), "upstream_claim_missing")
    assert await stage.accounts.list_users(ACCOUNT) == before


async def test_a_disabled_user_stays_out_at_the_first_login_and_later(
    stage: Stage, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    user = await agent_id(stage)
    await stage.accounts.update_user(ACCOUNT, user, UserChange(enabled=False), OPERATOR)
    page = await log_in(Browser(stage.http), app, provider)
    assert (page.status, "upstream_user_disabled" in page.text) == (403, True)
    await stage.accounts.update_user(ACCOUNT, user, UserChange(enabled=True), OPERATOR)
    await user_of(stage, await log_in(Browser(stage.http), app, provider), app)
    await stage.accounts.update_user(ACCOUNT, user, UserChange(enabled=False), OPERATOR)
    page = await log_in(Browser(stage.http), app, provider)
    assert (page.status, "upstream_user_disabled" in page.text) == (403, True)


async def test_somebody_else_with_the_same_name_there_is_not_this_user(
    stage: Stage, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    await log_in(Browser(stage.http), app, provider, sub="first")
    before = await sessions(stage)
    page = await log_in(Browser(stage.http), app, provider, sub="second")
    assert (page.status, "upstream_user_taken" in page.text) == (403, True)
    assert await sessions(stage) == before
    path = f"/upstreams/{upstream['upstream_id']}/users/{await agent_id(stage)}"
    assert (await stage.manage("DELETE", path)).status_code == 204
    assert (await stage.manage("DELETE", path)).json()["error"]["code"] == "upstream_link_unknown"
    await user_of(stage, await log_in(Browser(stage.http), app, provider, sub="second"), app)


async def test_the_same_subject_at_two_providers_is_two_people(
    stage: Stage, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    await log_in(Browser(stage.http), app, provider, sub="s", preferred_username="agent")
    await stage.manage("PATCH", f"/upstreams/{upstream['upstream_id']}", {"label": "Old"})
    await add(stage, provider)
    page = await log_in(Browser(stage.http), app, provider, sub="s", preferred_username="developer")
    assert (await user_of(stage, page, app))["sub"] == await agent_id(stage, "developer")


# ID tokens that are not believed


def _public(key: RSAKey) -> bytes:
    return key.as_pem(private=False)


FORGED: dict[str, Callable[[OpenIDProvider], None]] = {}


def forged(name: str) -> Callable[[Callable[[OpenIDProvider], None]], Callable[[OpenIDProvider], None]]:
    def keep(attack: Callable[[OpenIDProvider], None]) -> Callable[[OpenIDProvider], None]:
        FORGED[name] = attack
        return attack

    return keep


def _claims(**changed: Any) -> Callable[[OpenIDProvider], None]:
    def attack(provider: OpenIDProvider) -> None:
        provider.claims = {name: value(provider) if callable(value) else value for name, value in changed.items()}

    return attack


FORGED |= {
    "another nonce": _claims(nonce="0" * 64),
    "no nonce": _claims(nonce=None),
    "a nonce that is no text": _claims(nonce=["x"]),
    "another audience": _claims(aud="somebody"),
    "no audience": _claims(aud=None),
    "many audiences and no authorized party": _claims(aud=[CLIENT_ID, "somebody"]),
    "another authorized party": _claims(azp="somebody"),
    "another issuer": _claims(iss="https://evil.example"),
    "the issuer with a slash": _claims(iss=lambda provider: provider.issuer + "/"),
    "over": _claims(exp=lambda provider: provider.now() - 61),
    "no end": _claims(exp=None),
    "an end that is no number": _claims(exp="never"),
    "an end that is a truth value": _claims(exp=True),
    "issued long ago": _claims(iat=lambda provider: provider.now() - 601),
    "issued in the future": _claims(iat=lambda provider: provider.now() + 61),
    "no time of issue": _claims(iat=None),
    "no subject": _claims(sub=None),
    "an empty subject": _claims(sub=""),
    "an endless subject": _claims(sub="x" * 256),
    "a subject with a control character": _claims(sub="a\x00b"),
    "a subject that is no text": _claims(sub=1),
}


def _header(**changed: Any) -> Callable[[OpenIDProvider], None]:
    def attack(provider: OpenIDProvider) -> None:
        provider.header = changed

    return attack


FORGED |= {
    "an unknown key": _header(kid="k2"),
    "critical extensions": _header(crit=["exp"], exp=1),
    "an unencoded payload": _header(b64=False, crit=["b64"]),
    "an algorithm that is no word": _header(alg=["RS256"]),
    "RS384": _header(alg="RS384"),
    "an algorithm of another kind of key": _header(alg="ES256"),
    "NONE in capitals": _header(alg="NONE"),
}


@forged("no signature")
def _none(provider: OpenIDProvider) -> None:
    provider.alg = "none"


@forged("no signature but its dot")
def _none_with_signature(provider: OpenIDProvider) -> None:
    provider.header = {"alg": "none"}


@forged("HS256 with the public key")
def _public_key_as_secret(provider: OpenIDProvider) -> None:
    key = provider.keys[0]
    assert isinstance(key, RSAKey)
    provider.token_text = lambda text: _resigned(text, {"alg": "HS256", "kid": "k1"}, _public(key))


@forged("HS256 with the client secret")
def _client_secret(provider: OpenIDProvider) -> None:
    provider.token_text = lambda text: _resigned(text, {"alg": "HS256"}, CLIENT_SECRET.encode())


@forged("the key of somebody else, under the same id")
def _other_key(provider: OpenIDProvider) -> None:
    provider.token_text = lambda text: _resigned(text, {"alg": "RS256", "kid": "k1"}, ATTACKER)


@forged("a key in the header")
def _key_in_header(provider: OpenIDProvider) -> None:
    header = {"alg": "RS256", "kid": "k1", "jwk": ATTACKER.as_dict(private=False)}
    provider.token_text = lambda text: _resigned(text, header, ATTACKER)


@forged("a key elsewhere")
def _key_elsewhere(provider: OpenIDProvider) -> None:
    provider.token_text = lambda text: _resigned(
        text, {"alg": "RS256", "kid": "k1", "jku": "https://evil.example/keys"}, ATTACKER
    )


@forged("other claims under the signature")
def _swapped(provider: OpenIDProvider) -> None:
    def swap(text: str) -> str:
        head, _, signature = text.split(".")
        claims = json.loads(_payload(text)) | {"sub": "admin", "preferred_username": "admin"}
        return ".".join((head, sign_text({"alg": "none"}, claims, ATTACKER, "none").split(".")[1], signature))

    provider.token_text = swap


def _changed(change: Callable[[str], str]) -> Callable[[OpenIDProvider], None]:
    def attack(provider: OpenIDProvider) -> None:
        provider.token_text = change

    return attack


FORGED |= {
    "a cut signature": _changed(lambda text: text[:-8]),
    "no token": _changed(lambda _text: ""),
    "two dots": _changed(lambda _text: ".."),
    "an encrypted token": _changed(lambda text: text + ".a.b"),
    "an endless token": _changed(lambda text: text.replace(".", "." + "A" * 140_000, 1)),
    "a header that is no object": _changed(lambda text: "W10." + text.partition(".")[2]),
    "a spelling that is not canonical": _changed(lambda text: text + "="),
    "blanks": _changed(lambda text: " " + text),
}


def _payload(text: str) -> bytes:
    part = text.split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _resigned(text: str, header: dict[str, Any], key: RSAKey | bytes) -> str:
    return sign_text(header, json.loads(_payload(text)), key, header["alg"])


async def test_an_id_token_that_cannot_be_believed_lets_nobody_in(
    stage: Stage, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    for name, attack in FORGED.items():
        attack(provider)
        with capture_logs() as logs:
            page = await log_in(Browser(stage.http), app, provider)
        provider.behave()
        assert page.left_for is None, name
        await refused(stage, page, "upstream_id_token_invalid")
        line = next(line for line in logs if line["event"] == "login at another provider failed")
        assert (line["code"], line["account_id"], line["upstream_id"]) == (
            "upstream_id_token_invalid",
            ACCOUNT,
            upstream["upstream_id"],
        )
        assert line["problem"] not in page.text, name
    await user_of(stage, await log_in(Browser(stage.http), app, provider), app)


@pytest.mark.parametrize("aud", [[CLIENT_ID], [CLIENT_ID, "another"]])
async def test_an_audience_may_be_a_list(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any], aud: list[str]
) -> None:
    provider.claims = {"aud": aud, "azp": CLIENT_ID}
    await user_of(stage, await log_in(browser, app, provider), app)


async def test_a_token_without_a_key_id_is_tried_with_the_keys_that_fit(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    provider.keys = [provider.keys[0], rsa_key("k2"), ECKey.generate_key("P-256")]
    provider.header = {"kid": None}
    await user_of(stage, await log_in(browser, app, provider), app)


# Answers that belong to no login of this browser


async def test_an_answer_is_good_only_in_the_browser_that_was_sent(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    way = provider.authorize(await go(browser, app))
    victim = Browser(stage.http)
    page = await come_back(victim, way)
    assert page.status == 400
    assert "cookie" in page.text.lower()
    await go(victim, app)
    page = await come_back(victim, way)
    assert (page.status, "transaction_of_another_browser" in page.text) == (403, True)
    assert await sessions(stage) == 0
    assert provider.calls("/token") == 0
    await user_of(stage, await come_back(browser, way), app)


async def test_an_answer_counts_once(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    way = provider.authorize(await go(browser, app))
    await user_of(stage, await come_back(browser, way), app)
    page = await come_back(browser, way)
    assert (page.status, "upstream_state_invalid" in page.text) == (403, True)
    assert (await sessions(stage), provider.calls("/token")) == (1, 1)


async def test_the_code_of_somebody_else_does_not_fit_the_nonce_and_the_verifier(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    theirs = parameters(provider.authorize(await go(Browser(stage.http), app), preferred_username="admin"))
    mine = parameters(await go(browser, app))
    page = await come_back(browser, provider.callback(mine, code=theirs["code"], iss=provider.issuer))
    await refused(stage, page, "upstream_token_refused", 502)
    assert provider.refusals == ["code_verifier"]


async def test_the_state_of_one_login_does_not_fit_the_transaction_of_another(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    first, second = parameters(await go(browser, app)), parameters(await go(browser, app, state="second"))
    state = first["state"].partition(".")[0] + "." + second["state"].partition(".")[2]
    page = await come_back(browser, provider.callback({**first, "state": state}, code="x", iss=provider.issuer))
    await refused(stage, page, "upstream_state_invalid")
    assert provider.calls("/token") == 0


async def test_the_answer_of_one_provider_is_not_taken_for_anothers(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    await stage.manage("PATCH", f"/upstreams/{upstream['upstream_id']}", {"label": "Honest"})
    evil = await add(stage, provider)
    sent = parameters(await go(browser, app))
    assert sent["redirect_uri"] == evil["redirect_uri"]
    answer = {**sent, "redirect_uri": upstream["redirect_uri"]}
    page = await come_back(browser, provider.callback(answer, code="x", iss=provider.issuer))
    await refused(stage, page, "upstream_state_invalid")


@pytest.mark.parametrize("iss", ["https://evil.example", "", None])
async def test_an_answer_from_another_issuer_is_refused(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any], iss: str | None
) -> None:
    code = parameters(provider.authorize(way := await go(browser, app)))["code"]
    answer = {"code": code} if iss is None else {"code": code, "iss": iss}
    page = await come_back(browser, provider.callback(parameters(way), **answer))
    await refused(stage, page, "upstream_issuer_wrong")
    assert provider.calls("/token") == 0


async def test_a_provider_that_never_names_itself_need_not(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    provider.document = {"authorization_response_iss_parameter_supported": None}
    code = parameters(provider.authorize(way := await go(browser, app)))["code"]
    await user_of(stage, await come_back(browser, provider.callback(parameters(way), code=code)), app)


async def test_the_provider_says_no(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    hostile = "<script>alert(1)</script>\r\n\u202e"
    way = provider.callback(
        parameters(await go(browser, app)), error="access_denied", error_description=hostile, iss=provider.issuer
    )
    with capture_logs() as logs:
        page = await come_back(browser, way)
    await refused(stage, page, "upstream_refused")
    assert page.scripts == 0
    line = next(line for line in logs if line["event"] == "login at another provider failed")
    assert (line["error"], line["description"]) == ("access_denied", "<script>alert(1)</script>\\r\\n\\u202e")


@pytest.mark.parametrize("answer", [{}, {"code": ""}])
async def test_an_answer_without_a_code_is_none(
    stage: Stage,
    browser: Browser,
    app: Installed,
    provider: OpenIDProvider,
    upstream: dict[str, Any],
    answer: dict[str, str],
) -> None:
    page = await come_back(
        browser, provider.callback(parameters(await go(browser, app)), **answer, iss=provider.issuer)
    )
    await refused(stage, page, "upstream_malformed", 502)


async def test_a_parameter_that_comes_twice_is_refused(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    way = provider.authorize(await go(browser, app))
    page = await come_back(browser, way + "&code=another")
    assert (page.status, "form_malformed" in page.text) == (400, True)
    assert (await sessions(stage), provider.calls("/token")) == (0, 0)


async def test_the_way_there_and_back_takes_half_an_hour_at_most(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    way = provider.authorize(await go(browser, app))
    stage.clock.advance(seconds=1_800)
    await refused(stage, await come_back(browser, way), "upstream_state_invalid")


@pytest.mark.parametrize("change", ["disable", "remove"])
async def test_a_provider_that_was_taken_away_meanwhile_lets_nobody_in(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any], change: str
) -> None:
    way = provider.authorize(await go(browser, app))
    path = f"/upstreams/{upstream['upstream_id']}"
    if change == "disable":
        await stage.manage("PATCH", path, {"enabled": False})
    else:
        assert (await stage.manage("DELETE", path)).status_code == 204
    await refused(stage, await come_back(browser, way), "upstream_unknown", 404)
    page = await browser.open(f"/oidc/{ACCOUNT}/authorize", request_of(app))
    assert "Corp SSO" not in page.text
    assert page.form.action == f"/oidc/{ACCOUNT}/interaction/login"


async def test_a_login_of_one_account_does_not_end_at_another(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    way = provider.authorize(await go(browser, app))
    page = await come_back(browser, way.replace(f"/oidc/{ACCOUNT}/", f"/oidc/{OTHER_ACCOUNT}/"))
    assert (page.status, "transaction_invalid" in page.text) == (400, True)
    assert provider.calls("/token") == 0


async def test_noise_at_the_callback_is_never_a_failure_of_ours(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    good = parameters(provider.authorize(await go(browser, app)))
    base = f"/oidc/{ACCOUNT}/interaction/upstream"
    ours = upstream["upstream_id"]
    for state in (
        "",
        ".",
        "a.b",
        "0" * 32,
        "0" * 32 + ".",
        "\x00",
        "é",
        good["state"] + "x",
        "." + good["state"],
        "x" * 5_000,
    ):
        for path in (f"{base}/{ours}/callback", f"{base}/%00/callback", f"{base}/ups_x"):
            query = urlencode(
                {"state": state, "t": state, "code": "\x00", "iss": "\ud800".encode("utf-8", "surrogatepass")}
            )
            answer = await stage.http.get(f"{path}?{query}", headers={"Cookie": browser.jar.header(ORIGIN + "/")})
            assert answer.status_code in (400, 403, 404), (state, path, answer.status_code)
    assert await sessions(stage) == 0


# Providers that misbehave

DOCUMENT = "/.well-known/openid-configuration"
BROKEN: dict[str, tuple[str, Answer, str]] = {
    "no document": (DOCUMENT, Answer(404), "upstream_unreachable"),
    "a failing document": (DOCUMENT, Answer(500), "upstream_unreachable"),
    "a document elsewhere": (DOCUMENT, Answer(302, b"", [("Location", "https://localhost/")]), "upstream_unreachable"),
    "a huge document": (DOCUMENT, Answer(200, b"[" * 65_536, repeat_body=16), "upstream_unreachable"),
    "a document that is no JSON": (DOCUMENT, Answer(200, b"<html>"), "upstream_malformed"),
    "a document that is a list": (DOCUMENT, Answer(200, b"[]"), "upstream_malformed"),
    "a deep document": (DOCUMENT, Answer(200, b'{"a":' * 20_000), "upstream_malformed"),
    "half a document": (
        DOCUMENT,
        Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", close=True),
        "upstream_unreachable",
    ),
    "no HTTP": (DOCUMENT, Answer(raw=b"SSH-2.0-OpenSSH\r\n", close=True), "upstream_unreachable"),
    "failing keys": ("/keys", Answer(500), "upstream_unreachable"),
    "keys that are no JSON": ("/keys", Answer(200, b"\xff"), "upstream_malformed"),
    "keys that are no list": ("/keys", Answer(200, b'{"keys": {"a": 1}}'), "upstream_id_token_invalid"),
    "no keys": ("/keys", Answer(200, b'{"keys": []}'), "upstream_id_token_invalid"),
    "symmetric keys": (
        "/keys",
        Answer(200, b'{"keys": [{"kty": "oct", "k": "AAAA", "kid": "k1"}]}'),
        "upstream_id_token_invalid",
    ),
    "a failing token endpoint": ("/token", Answer(500, b"oops"), "upstream_token_refused"),
    "a token endpoint elsewhere": (
        "/token",
        Answer(307, b"", [("Location", "https://localhost/")]),
        "upstream_token_refused",
    ),
    "a huge token": ("/token", Answer(200, b"x" * 65_536, repeat_body=16), "upstream_unreachable"),
    "no token": ("/token", Answer(200, b"{}"), "upstream_malformed"),
    "a token that is no text": ("/token", Answer(200, b'{"id_token": {"a": 1}}'), "upstream_malformed"),
    "a token answer that is no JSON": ("/token", Answer(200, b"id_token=x"), "upstream_malformed"),
}


async def test_a_provider_that_misbehaves_is_told_of_by_a_page(
    stage: Stage, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    for fault, (path, answer, code) in BROKEN.items():
        provider.answers[path] = answer
        browser = Browser(stage.http)
        if path == DOCUMENT:
            await browser.open(f"/oidc/{ACCOUNT}/authorize", request_of(app))
            page = await browser.follow("Corp SSO")
        else:
            page = await log_in(browser, app, provider)
        assert page.left_for is None, fault
        await refused(stage, page, code, 403 if code == "upstream_id_token_invalid" else 502)
        provider.behave()
        stage.clock.advance(seconds=600)
    await user_of(stage, await log_in(Browser(stage.http), app, provider), app)


DOCUMENTS: tuple[dict[str, Any], ...] = (
    {"issuer": "https://evil.example"},
    {"issuer": None},
    {"authorization_endpoint": "http://localhost/authorize"},
    {"authorization_endpoint": "javascript:alert(1)"},
    {"authorization_endpoint": "https://localhost/authorize#here"},
    {"authorization_endpoint": "https://user@localhost/authorize"},
    {"authorization_endpoint": "https://localhost/\r\nSet-Cookie: a=b"},
    {"token_endpoint": None},
    {"token_endpoint": ["https://localhost/token"]},
    {"token_endpoint": "/token"},
    {"jwks_uri": "file:///etc/passwd"},
    {"jwks_uri": "https://localhost/" + "x" * 2_000},
    {"userinfo_endpoint": "http://localhost/userinfo"},
    {"token_endpoint_auth_methods_supported": ["private_key_jwt"]},
)


async def test_a_document_that_cannot_be_used_sends_nobody_anywhere(
    stage: Stage, browser: Browser, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    for document in DOCUMENTS:
        provider.document = document
        await browser.open(f"/oidc/{ACCOUNT}/authorize", request_of(app))
        page = await browser.follow("Corp SSO")
        assert page.left_for is None, document
        await refused(stage, page, "upstream_malformed", 502)
        stage.clock.advance(seconds=10)


async def test_a_private_address_is_not_called_unless_the_operator_allows_it(
    authority: Authority, clock: ManualClock, provider: OpenIDProvider
) -> None:
    door = Egress((), authority.ca_file, lookup=only_loopback)
    with pytest.raises(UpstreamTrouble) as trouble:
        await Providers(clock, door).find(provider.issuer)
    assert (trouble.value.code, trouble.value.detail["failure"]) == ("upstream_unreachable", "blocked_address")
    assert provider.receiver.connections == 0
    await door.close()


async def test_a_certificate_of_nobody_is_not_believed(clock: ManualClock, provider: OpenIDProvider) -> None:
    door = Egress(("127.0.0.0/8",), lookup=only_loopback)
    with pytest.raises(UpstreamTrouble) as trouble:
        await Providers(clock, door).find(provider.issuer)
    assert trouble.value.detail["failure"] == "tls"
    assert provider.receiver.requests == []
    await door.close()


async def test_a_provider_that_answers_too_slowly_is_left_and_its_failure_remembered(
    clock: ManualClock, egress: Egress, provider: OpenIDProvider
) -> None:
    provider.answers[DOCUMENT] = Answer(200, b"{}", delay=30)
    providers = Providers(clock, egress, response_seconds=0.2)
    for _ in range(2):
        with pytest.raises(UpstreamTrouble) as trouble:
            await providers.find(provider.issuer)
        assert trouble.value.detail["failure"] == "response_timeout"
    assert provider.calls(DOCUMENT) == 1
    clock.advance(seconds=10)
    del provider.answers[DOCUMENT]
    assert (await providers.find(provider.issuer)).issuer == provider.issuer


async def test_documents_and_keys_are_kept_for_ten_minutes(
    stage: Stage, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    for _ in range(2):
        await log_in(Browser(stage.http), app, provider)
    assert (provider.calls(DOCUMENT), provider.calls("/keys")) == (1, 1)
    stage.clock.advance(seconds=600)
    await log_in(Browser(stage.http), app, provider)
    assert (provider.calls(DOCUMENT), provider.calls("/keys")) == (2, 2)


async def test_a_provider_may_change_its_keys_at_any_time(
    stage: Stage, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    await user_of(stage, await log_in(Browser(stage.http), app, provider), app)
    stage.clock.advance(seconds=30)
    provider.keys = [rsa_key("k2")]
    await user_of(stage, await log_in(Browser(stage.http), app, provider), app)
    assert provider.calls("/keys") == 2


async def test_unknown_key_ids_have_the_keys_fetched_every_half_minute_at_most(
    stage: Stage, app: Installed, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    await log_in(Browser(stage.http), app, provider)
    stage.clock.advance(seconds=30)
    provider.header = {"kid": "nobody's"}
    for _ in range(3):
        assert (await log_in(Browser(stage.http), app, provider)).status == 403
    assert provider.calls("/keys") == 2


# The management API

GOOD = {"label": "Corp SSO", "issuer": "https://login.corp.example", "client_id": "c", "client_secret": "s"}


async def test_an_administrator_adds_changes_and_removes_a_provider(stage: Stage) -> None:
    answer = await stage.manage("POST", "/upstreams", GOOD)
    assert answer.status_code == 201
    made = answer.json()
    at = stage.clock.now_ms()
    assert made == {
        "upstream_id": made["upstream_id"],
        "label": "Corp SSO",
        "issuer": "https://login.corp.example",
        "client_id": "c",
        "scope": "openid profile email",
        "login_claim": "preferred_username",
        "create_roles": [],
        "enabled": True,
        "redirect_uri": f"{ORIGIN}/oidc/{ACCOUNT}/interaction/upstream/{made['upstream_id']}/callback",
        "created_at": at,
        "updated_at": at,
    }
    path = f"/upstreams/{made['upstream_id']}"
    assert (await stage.manage("GET", path)).json() == made
    assert (await stage.manage("GET", "/upstreams")).json() == {"items": [made]}
    stage.clock.advance(seconds=1)
    changed = await stage.manage("PATCH", path, {"label": "SSO", "create_roles": ["agent"], "client_secret": "new"})
    assert changed.json() == {**made, "label": "SSO", "create_roles": ["agent"], "updated_at": at + 1_000}
    entry = (await stage.accounts.list_audit(ACCOUNT)).entries[0]
    assert (entry.action, entry.object_id) == ("upstream.update", made["upstream_id"])
    assert entry.detail == {
        "label": {"from": "Corp SSO", "to": "SSO"},
        "create_roles": {"from": [], "to": ["agent"]},
        "new_client_secret": True,
    }
    assert (await stage.manage("DELETE", path)).status_code == 204
    assert (await stage.manage("GET", path)).json()["error"]["code"] == "upstream_unknown"
    actions = [entry.action for entry in (await stage.accounts.list_audit(ACCOUNT, limit=3)).entries]
    assert actions == ["upstream.remove", "upstream.update", "upstream.create"]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("issuer", "http://login.corp.example"),
        ("issuer", "https://login.corp.example?tenant=1"),
        ("issuer", "https://login.corp.example#x"),
        ("issuer", "https://user:password@login.corp.example"),
        ("issuer", "https://lögin.corp.example"),
        ("issuer", "login.corp.example"),
        ("issuer", ""),
        ("issuer", "https://login.corp.example/" + "x" * 2_000),
        ("label", ""),
        ("label", "x" * 65),
        ("label", " x"),
        ("label", "a\nb"),
        ("client_id", ""),
        ("client_id", "é"),
        ("client_secret", ""),
        ("client_secret", "a\r\nb"),
        ("scope", "profile"),
        ("scope", "openid  email"),
        ("scope", 'openid "'),
        ("login_claim", "name"),
    ],
)
async def test_what_a_provider_cannot_have_is_refused(stage: Stage, member: str, value: str) -> None:
    answer = await stage.manage("POST", "/upstreams", {**GOOD, member: value})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "upstream_invalid")
    assert answer.json()["error"]["detail"] == {"member": member}
    assert (await stage.manage("GET", "/upstreams")).json() == {"items": []}


@pytest.mark.parametrize("user", ["agent", "developer", "foreign"])
async def test_only_administrators_of_the_account_may(stage: Stage, user: str) -> None:
    made = (await stage.manage("POST", "/upstreams", GOOD)).json()
    path = f"/upstreams/{made['upstream_id']}"
    for method, where, body in (
        ("GET", "/upstreams", None),
        ("POST", "/upstreams", GOOD),
        ("GET", path, None),
        ("PATCH", path, {"label": "x"}),
        ("DELETE", path, None),
        ("POST", f"{path}/test", None),
        ("DELETE", f"{path}/users/1000001", None),
    ):
        answer = await stage.manage(method, where, body, user=user)
        assert answer.status_code == (401 if user == "foreign" else 403), (method, where)
    assert (await stage.manage("GET", "/upstreams")).json() == {"items": [made]}


async def test_an_account_has_at_most_twenty_providers(stage: Stage) -> None:
    for _ in range(20):
        assert (await stage.manage("POST", "/upstreams", GOOD)).status_code == 201
    answer = await stage.manage("POST", "/upstreams", GOOD)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "upstream_limit")


async def test_the_secret_is_sealed_for_its_row(stage: Stage) -> None:
    made = (await stage.manage("POST", "/upstreams", {**GOOD, "client_secret": "very secret"})).json()
    row = (await stage.db.read(lambda tx: list_upstreams(tx, ACCOUNT)))[0]
    assert b"very secret" not in row.sealed
    opened = stage.vault.open(row.sealed, secret_context(ACCOUNT, made["upstream_id"]))
    assert opened.reveal() == "very secret"


async def test_a_provider_is_tried(stage: Stage, provider: OpenIDProvider, upstream: dict[str, Any]) -> None:
    path = f"/upstreams/{upstream['upstream_id']}/test"
    assert (await stage.manage("POST", path)).json() == {
        "reachable": True,
        "problem": None,
        "authorization_endpoint": f"{provider.issuer}/authorize?tenant=corp",
        "token_endpoint": f"{provider.issuer}/token",
        "userinfo_endpoint": f"{provider.issuer}/userinfo",
        "auth_method": "client_secret_basic",
        "usable_keys": 1,
    }


async def test_what_is_wrong_with_a_provider_is_said(
    stage: Stage, provider: OpenIDProvider, upstream: dict[str, Any]
) -> None:
    provider.answers["/keys"] = Answer(503)
    answer = (await stage.manage("POST", f"/upstreams/{upstream['upstream_id']}/test")).json()
    assert (answer["reachable"], answer["usable_keys"]) == (False, 0)
    assert answer["problem"] == {
        "code": "upstream_unreachable",
        "call": "keys",
        "failure": "status_503",
        "reason": "",
    }
