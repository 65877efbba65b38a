"""The logout endpoint and its page, in a browser without JavaScript."""

import base64
import json
from typing import Any

import pytest

from support.accounts_house import HOME, PASSWORD
from support.browser import Browser
from support.oauth_stage import ACCOUNT, CALLBACK, OTHER_ACCOUNT, Installed, Stage
from switchbay.infra.db import Tx
from switchbay.oauth.browser import sessions_cookie
from switchbay.oauth.protocol.oidc_rp_logout import (
    Hint,
    LogoutRefused,
    add_state,
    check_client,
    check_redirect,
    read_fields,
    read_hint,
)
from switchbay.oauth.store.grants import list_grants

LOGOUT = f"/oidc/{ACCOUNT}/logout"
LEFT = "https://app.example.com/left?from=switchbay"
ISSUERS = frozenset({"https://localhost:8443/oidc/4711001"})


@pytest.fixture
def browser(stage: Stage) -> Browser:
    return Browser(stage.http)


@pytest.fixture
async def app(stage: Stage) -> Installed:
    return await stage.install(post_logout_redirect_uris=[LEFT])


async def log_in(stage: Stage, browser: Browser, app: Installed, name: str = "agent", scope: str = "openid") -> str:
    """Log in for the app; return the ID token."""
    parameters = {"response_type": "code", "client_id": app.client_id, "redirect_uri": CALLBACK, "scope": scope}
    stage.clock.advance(seconds=1)
    await browser.open(f"/oidc/{ACCOUNT}/authorize", {**parameters, "prompt": "login"})
    page = await browser.submit({"username": name, "password": PASSWORD.reveal()})
    if page.left_for is None:
        page = await browser.submit(press="Allow")
    answer = await stage.http.post(
        f"/oidc/{ACCOUNT}/token",
        data={
            "grant_type": "authorization_code",
            "code": page.answer_parameters["code"],
            "redirect_uri": CALLBACK,
            "client_id": app.client_id,
            "client_secret": app.secret,
        },
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id_token"])


async def live_sessions(stage: Stage, name: str = "agent") -> int:
    user = await stage.accounts.find_user_by_login(ACCOUNT, name)
    assert user is not None
    before = 1  # the stage's own, for the management API
    return len(await stage.accounts.list_sessions(ACCOUNT, user_id=user.user_id)) - before


async def live_grants(stage: Stage) -> int:
    async def count(tx: Tx) -> int:
        return len(await list_grants(tx, ACCOUNT))

    return await stage.db.read(count)


def in_browser(browser: Browser) -> int:
    cookie = browser.jar.find(sessions_cookie(ACCOUNT))
    return 0 if cookie is None else len(cookie.value.split("."))


# Asked for by an app


async def test_an_app_with_an_id_token_logs_its_user_out_without_a_question(
    stage: Stage, browser: Browser, app: Installed
) -> None:
    token = await log_in(stage, browser, app)
    assert (await live_sessions(stage), await live_grants(stage)) == (1, 1)
    page = await browser.open(LOGOUT, {"id_token_hint": token, "post_logout_redirect_uri": LEFT, "state": "a b&c=ä/+%"})
    assert page.left_for == f"{LEFT}&state=a%20b%26c%3D%C3%A4%2F%2B%25"
    assert page.answer_parameters["state"] == "a b&c=ä/+%"
    assert (await live_sessions(stage), await live_grants(stage), in_browser(browser)) == (0, 0, 0)


async def test_an_id_token_that_expired_long_ago_is_good_enough(stage: Stage, browser: Browser, app: Installed) -> None:
    token = await log_in(stage, browser, app)
    stage.clock.advance(seconds=7_200)
    page = await browser.open(LOGOUT, {"id_token_hint": token})
    assert page.heading == "You are logged out"
    assert await live_sessions(stage) == 0


async def test_a_form_from_the_apps_page_arrives_without_cookies_and_works_all_the_same(
    stage: Stage, browser: Browser, app: Installed
) -> None:
    token = await log_in(stage, browser, app)
    page = await browser.post(
        LOGOUT,
        {"id_token_hint": token, "post_logout_redirect_uri": LEFT, "state": "x"},
        from_site="https://app.example.com",
    )
    assert page.left_for == f"{LEFT}&state=x"
    assert "cookie" not in browser.trail[0].request.headers
    assert token not in browser.trail[0].headers["location"]
    assert (await live_sessions(stage), in_browser(browser)) == (0, 0)


async def test_only_the_user_of_the_id_token_is_logged_out(stage: Stage, browser: Browser, app: Installed) -> None:
    token = await log_in(stage, browser, app, "agent")
    await log_in(stage, browser, app, "admin")
    assert in_browser(browser) == 2
    await browser.open(LOGOUT, {"id_token_hint": token})
    assert (await live_sessions(stage, "agent"), await live_sessions(stage, "admin")) == (0, 1)
    assert in_browser(browser) == 1


async def test_all_sessions_of_the_user_in_this_browser_end_together(
    stage: Stage, browser: Browser, app: Installed
) -> None:
    token = await log_in(stage, browser, app)
    await log_in(stage, browser, app)
    assert (await live_sessions(stage), in_browser(browser)) == (2, 2)
    await browser.open(LOGOUT, {"id_token_hint": token})
    assert (await live_sessions(stage), in_browser(browser)) == (0, 0)


async def test_sessions_in_other_browsers_go_on(stage: Stage, browser: Browser, app: Installed) -> None:
    token = await log_in(stage, browser, app)
    other = Browser(stage.http)
    await log_in(stage, other, app)
    await browser.open(LOGOUT, {"id_token_hint": token})
    assert await live_sessions(stage) == 1


async def test_a_grant_for_work_without_the_user_outlives_a_plain_logout(stage: Stage, browser: Browser) -> None:
    app = await stage.install(client_name="com.example.offline")
    token = await log_in(stage, browser, app, scope="openid offline_access")
    await browser.open(LOGOUT, {"id_token_hint": token})
    assert (await live_sessions(stage), await live_grants(stage)) == (0, 1)


async def test_an_administrator_who_ends_the_session_ends_that_grant_too(stage: Stage, browser: Browser) -> None:
    app = await stage.install(client_name="com.example.offline")
    token = await log_in(stage, browser, app, scope="openid offline_access")
    answer = await stage.manage("DELETE", f"/sessions/{claims_of(token)['sid']}")
    assert answer.status_code == 204
    assert await live_grants(stage) == 0


# Without proof the person is asked


async def test_without_an_id_token_the_person_is_asked_and_may_stay(
    stage: Stage, browser: Browser, app: Installed
) -> None:
    await log_in(stage, browser, app)
    page = await browser.open(LOGOUT, {"client_id": app.client_id, "post_logout_redirect_uri": LEFT, "state": "s"})
    assert (page.status, page.heading) == (200, "Log out?")
    assert "Example web application asks to log you out" in page.text
    assert "Logged in here: agent." in page.text
    assert "form-action 'self' https:;" in page.answer.headers["content-security-policy"]
    assert await live_sessions(stage) == 1
    page = await browser.submit(press="Log out")
    assert page.left_for == f"{LEFT}&state=s"
    assert (await live_sessions(stage), in_browser(browser)) == (0, 0)


async def test_the_page_logs_every_user_of_the_browser_out(stage: Stage, browser: Browser, app: Installed) -> None:
    await log_in(stage, browser, app, "agent")
    await log_in(stage, browser, app, "admin")
    page = await browser.open(LOGOUT)
    assert "Logged in here: admin, agent." in page.text
    page = await browser.submit(press="Log out")
    assert page.heading == "You are logged out"
    assert (await live_sessions(stage, "agent"), await live_sessions(stage, "admin")) == (0, 0)


async def test_who_is_not_logged_in_is_not_asked(browser: Browser, app: Installed) -> None:
    page = await browser.open(LOGOUT)
    assert page.heading == "You are logged out"
    page = await browser.open(LOGOUT, {"client_id": app.client_id, "post_logout_redirect_uri": LEFT})
    assert page.left_for == LEFT


@pytest.mark.parametrize("change", ["signature", "none", "text", "access", "account"])
async def test_an_id_token_that_is_not_ours_proves_nothing(
    stage: Stage, browser: Browser, app: Installed, change: str
) -> None:
    token = await log_in(stage, browser, app)
    head, payload, signature = token.split(".")
    hints = {
        "signature": f"{head}.{payload}.{'A' * len(signature)}",
        "none": f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{payload}.",
        "text": "x" * 9_000,
        "access": f"{encoded({'alg': 'RS256', 'typ': 'at+jwt', 'kid': 'x'})}.{payload}.{signature}",
        "account": token,
    }
    account = OTHER_ACCOUNT if change == "account" else ACCOUNT
    page = await browser.open(f"/oidc/{account}/logout", {"id_token_hint": hints[change]})
    assert page.heading == ("You are logged out" if change == "account" else "Log out?")
    assert await live_sessions(stage) == 1


async def test_an_id_token_of_a_user_who_is_not_here_ends_nothing(
    stage: Stage, browser: Browser, app: Installed
) -> None:
    stranger = Browser(stage.http)
    token = await log_in(stage, stranger, app, "developer")
    await log_in(stage, browser, app, "agent")
    page = await browser.open(LOGOUT, {"id_token_hint": token, "post_logout_redirect_uri": LEFT})
    assert page.left_for == LEFT
    assert (await live_sessions(stage, "agent"), await live_sessions(stage, "developer")) == (1, 1)


# Where to go afterwards


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example.com/left",
        "https://app.example.com/left?from=switchbay&x=1",
        "https://app.example.com/left?from=switchbay#x",
        "https://APP.example.com/left?from=switchbay",
        "https://app.example.com:443/left?from=switchbay",
        "https://app.example.com@evil.example/left?from=switchbay",
        "https://evil.example/",
        "//evil.example",
        "javascript:alert(1)",
        "/launch",
    ],
)
async def test_an_address_that_is_not_registered_is_an_error_page_and_nothing_ends(
    stage: Stage, browser: Browser, app: Installed, uri: str
) -> None:
    token = await log_in(stage, browser, app)
    for given in ({"id_token_hint": token}, {"client_id": app.client_id}, {}):
        page = await browser.open(LOGOUT, {**given, "post_logout_redirect_uri": uri})
        assert page.status == 400
        assert page.left_for is None
        assert page.text.endswith("post_logout_redirect_uri_unknown")
    assert (await live_sessions(stage), in_browser(browser)) == (1, 1)


async def test_the_address_of_another_app_is_not_registered_for_this_one(
    stage: Stage, browser: Browser, app: Installed
) -> None:
    other = await stage.install(client_name="com.example.other")
    page = await browser.open(LOGOUT, {"client_id": other.client_id, "post_logout_redirect_uri": LEFT})
    assert page.status == 400
    page = await browser.open(
        f"/oidc/{OTHER_ACCOUNT}/logout", {"client_id": app.client_id, "post_logout_redirect_uri": LEFT}
    )
    assert page.status == 400


async def test_the_client_id_must_be_the_one_of_the_id_token(stage: Stage, browser: Browser, app: Installed) -> None:
    token = await log_in(stage, browser, app)
    other = await stage.install(client_name="com.example.other")
    page = await browser.open(LOGOUT, {"id_token_hint": token, "client_id": other.client_id})
    assert (page.status, page.text.rpartition(" ")[2]) == (400, "client_id_mismatch")
    assert await live_sessions(stage) == 1


async def test_an_unreadable_id_token_alone_logs_out_but_leads_nowhere(
    stage: Stage, browser: Browser, app: Installed
) -> None:
    await log_in(stage, browser, app)
    page = await browser.open(LOGOUT, {"id_token_hint": "of.old.keys", "post_logout_redirect_uri": LEFT})
    assert page.heading == "Log out?"
    page = await browser.submit(press="Log out")
    assert (page.heading, page.left_for) == ("You are logged out", None)


# Forged and broken requests


async def test_the_form_of_another_browser_is_refused(stage: Stage, browser: Browser, app: Installed) -> None:
    attacker = Browser(stage.http)
    await log_in(stage, attacker, app, "developer")
    stolen = (await attacker.open(LOGOUT)).form.input("t").value
    await log_in(stage, browser, app)
    for sealed in (stolen, "", "x" * 50_000, "é"):
        page = await browser.post(f"/oidc/{ACCOUNT}/interaction/logout", {"t": sealed})
        assert (page.status, page.heading) == (403, "This page cannot be used here")
    page = await browser.post(f"/oidc/{ACCOUNT}/interaction/logout", {"t": stolen}, from_site="https://evil.example")
    assert page.status == 403
    assert (await live_sessions(stage), in_browser(browser)) == (1, 1)


async def test_a_sealed_form_is_no_sealed_request_and_of_one_account_only(
    stage: Stage, browser: Browser, app: Installed
) -> None:
    await log_in(stage, browser, app)
    form = (await browser.open(LOGOUT)).form.input("t").value
    await browser.post(LOGOUT, {"client_id": app.client_id})
    request = str(browser.trail[1].request.url.params["r"])
    for address, sealed in (
        (LOGOUT, form),
        (LOGOUT, ""),
        (LOGOUT, "é"),
        (f"/oidc/{OTHER_ACCOUNT}/logout", request),
    ):
        page = await browser.open(address, {"r": sealed})
        assert (page.status, page.heading) == (400, "This page is too old")
    page = await browser.post(f"/oidc/{OTHER_ACCOUNT}/interaction/logout", {"t": form})
    assert page.status == 403
    stage.clock.advance(seconds=3_600)
    assert (await browser.open(LOGOUT, {"r": request})).status == 400
    assert (await browser.post(f"/oidc/{ACCOUNT}/interaction/logout", {"t": form})).status == 403


async def test_parameters_that_come_twice_are_refused(stage: Stage, browser: Browser, app: Installed) -> None:
    page = await browser.open(LOGOUT, [("state", "a"), ("state", "b")])
    assert (page.status, page.text.rpartition(" ")[2]) == (400, "parameter_repeated")


@pytest.mark.parametrize(
    "query", ["state=%ff", "%00=%00", "state=" + "x" * 40_000, "&".join(f"a{n}=1" for n in range(50))]
)
async def test_noise_is_answered_by_a_page(stage: Stage, query: str) -> None:
    for answer in (
        await stage.http.get(f"{LOGOUT}?{query}"),
        await stage.http.post(LOGOUT, content=query, headers={"Content-Type": "application/x-www-form-urlencoded"}),
    ):
        assert answer.status_code in {200, 303, 400, 413}
        if answer.status_code != 303:
            assert answer.headers["x-frame-options"] == "DENY"


async def test_a_session_that_is_over_already_is_no_trouble(stage: Stage, browser: Browser, app: Installed) -> None:
    token = await log_in(stage, browser, app)
    await browser.open(LOGOUT)
    cookie = browser.jar.find(sessions_cookie(ACCOUNT))
    assert cookie is not None
    await stage.accounts.logout(ACCOUNT, cookie.value, HOME)
    page = await browser.submit(press="Log out")
    assert page.heading == "You are logged out"
    page = await browser.open(LOGOUT, {"id_token_hint": token})
    assert page.heading == "You are logged out"


# The rules, without a server


def test_a_hint_is_read_from_an_id_token_of_this_issuer_for_one_app() -> None:
    issuer = next(iter(ISSUERS))
    good = {"iss": issuer, "sub": "7", "aud": "app", "sid": "ses_1"}
    assert read_hint(json.dumps(good).encode(), ISSUERS) == Hint("app", "7", "ses_1")
    assert read_hint(json.dumps({**good, "aud": ["app"]}).encode(), ISSUERS) == Hint("app", "7", "ses_1")
    broken: list[dict[str, object]] = [
        {"aud": ["a", "b"]},
        {"aud": []},
        {"iss": "https://evil.example"},
        {"sub": 7},
        {"sid": 1},
        {"aud": None},
    ]
    for bad in broken:
        assert read_hint(json.dumps({**good, **bad}).encode(), ISSUERS) is None
    for noise in (b"", b"[]", b"\xff", b"null"):
        assert read_hint(noise, ISSUERS) is None


def test_the_app_is_the_one_of_the_hint_or_of_the_client_id() -> None:
    assert check_client(None, None) is None
    assert check_client(None, "app") == "app"
    assert check_client(Hint("app", "7", None), None) == "app"
    with pytest.raises(LogoutRefused):
        check_client(Hint("app", "7", None), "other")


def test_a_redirect_needs_an_app_that_registered_it() -> None:
    assert check_redirect(None, None) is None
    assert check_redirect(LEFT, [LEFT]) == LEFT
    for registered in (None, [], [LEFT + "/"]):
        with pytest.raises(LogoutRefused):
            check_redirect(LEFT, registered)


def test_empty_parameters_count_as_left_out_and_unknown_ones_are_ignored() -> None:
    assert read_fields([("state", ""), ("x", "1"), ("x", "2"), ("client_id", "a")]) == {"client_id": "a"}


@pytest.mark.parametrize(
    ("uri", "state", "result"),
    [
        ("https://a.example/x", None, "https://a.example/x"),
        ("https://a.example/x", "", "https://a.example/x?state="),
        ("https://a.example/x?y=1", "a b", "https://a.example/x?y=1&state=a%20b"),
        ("com.example.app:/left", "&=#", "com.example.app:/left?state=%26%3D%23"),
        ("https://a.example/x#part", "s", "https://a.example/x?state=s#part"),
    ],
)
def test_the_state_is_added_to_the_address(uri: str, state: str | None, result: str) -> None:
    assert add_state(uri, state) == result


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def encoded(value: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
