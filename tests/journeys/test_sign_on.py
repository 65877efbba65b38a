"""Single sign-on over real sockets with TLS: the menu, the sample web application, and every way in which it ends."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import sqlalchemy as sa

from support.certs import Authority
from support.node import ACCOUNT, Node
from support.web_app import Person, WebApp, running_web_app
from switchbay.oauth.tables import logouts

_APPS = f"/switchbay/v1/accounts/{ACCOUNT}/apps"
_ISSUER = f"/oidc/{ACCOUNT}"
# What is about the application more than about the server runs on one engine: each test starts both.
_on_one_engine = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def admin(node: Node) -> dict[str, str]:
    return await node.login("admin")


@pytest.fixture
async def web_app(node: Node, authority: Authority, admin: dict[str, str]) -> AsyncIterator[WebApp]:
    async with running_web_app(node, authority, admin) as running:
        yield running


async def allow_for_everyone(web_app: WebApp, admin: dict[str, str]) -> None:
    path = f"/switchbay/v1/accounts/{ACCOUNT}/consents"
    body = {"app": web_app.installation["client_id"]}
    answer = await web_app.node.client.post(path, json=body, headers=admin)
    assert answer.status_code in (200, 201), answer.text


async def signed_in(web_app: WebApp, admin: dict[str, str]) -> Person:
    """Somebody who logged in at the menu and launched the application."""
    await allow_for_everyone(web_app, admin)
    person = web_app.person()
    await person.open(f"{person.origin}/launch/{ACCOUNT}")
    await person.log_in()
    page = await person.launch()
    assert page.heading == "Signed in as agent", page.text
    return person


def user_parameters(page_url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(page_url).query))


async def test_a_click_in_the_menu_opens_the_application_signed_in(web_app: WebApp, admin: dict[str, str]) -> None:
    person = web_app.person()
    login = await person.open(f"{person.origin}/launch/{ACCOUNT}")
    assert (login.heading, login.scripts) == ("Log in", 0)
    menu = await person.log_in()
    assert menu.heading == "Applications"
    assert menu.url == f"{person.origin}/launch/{ACCOUNT}"

    consent = await person.launch()
    assert consent.heading == "Allow Web application example?"
    assert (await person.submit(press="Allow")).heading == "Signed in as agent"
    assert "Administrator no" in person.shown.text
    assert "msg.consumer" in person.shown.text

    # The second time, and for whoever comes later from the same browser, nobody is asked anything.
    again = await person.launch()
    assert (again.heading, again.url) == ("Signed in as agent", f"{web_app.origin}/")
    await allow_for_everyone(web_app, admin)
    other = web_app.person()
    await other.open(f"{other.origin}/launch/{ACCOUNT}")
    await other.log_in("admin")
    assert (await other.launch()).heading == "Signed in as admin"
    assert "Administrator yes" in other.shown.text


@_on_one_engine
async def test_a_click_without_a_session_asks_for_a_login_and_goes_on(web_app: WebApp, admin: dict[str, str]) -> None:
    await allow_for_everyone(web_app, admin)
    person = web_app.person()
    click = f"{person.origin}/launch/{ACCOUNT}/{web_app.installation['client_id']}"
    assert (await person.open(click)).heading == "Log in"
    page = await person.log_in()
    assert (page.heading, page.url) == ("Signed in as agent", f"{web_app.origin}/")


@_on_one_engine
async def test_a_link_leads_into_the_application_through_the_sign_in(web_app: WebApp, admin: dict[str, str]) -> None:
    person = await signed_in(web_app, admin)
    click = f"{person.origin}/launch/{ACCOUNT}/{web_app.installation['client_id']}"
    page = await person.open(f"{click}?target_link_uri={web_app.origin}/signed-out?deep=1")
    assert (page.heading, page.url) == ("Signed out", f"{web_app.origin}/signed-out?deep=1")
    refused = await person.open(f"{click}?target_link_uri=https://evil.example/")
    assert (refused.status, refused.url.startswith(person.origin)) == (400, True)


@_on_one_engine
async def test_tokens_are_renewed_and_each_refresh_token_is_used_once(web_app: WebApp, admin: dict[str, str]) -> None:
    person = await signed_in(web_app, admin)
    for number in (1, 2, 3):
        page = await person.press("/refresh")
        assert (page.heading, f"Tokens renewed {number}" in page.text) == ("Signed in as agent", True)


async def test_signing_out_of_the_application_ends_the_session_here(web_app: WebApp, admin: dict[str, str]) -> None:
    person = await signed_in(web_app, admin)
    page = await person.press("/logout")
    assert (page.heading, page.url.partition("?")[0]) == ("Signed out", f"{web_app.origin}/signed-out")
    assert (await person.open(f"{web_app.origin}/")).heading == "Web application example"
    assert (await person.open(f"{person.origin}/launch/{ACCOUNT}")).heading == "Log in"


async def every_logout_told(node: Node) -> None:
    for _ in range(400):
        if not await node.platform.db.read(lambda tx: tx.fetch(sa.select(logouts))):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("an app was not told of a logout")


async def test_signing_out_here_reaches_the_application(
    node: Node, authority: Authority, admin: dict[str, str]
) -> None:
    async with running_web_app(node, authority, admin) as web_app:
        person = await signed_in(web_app, admin)
        bystander = await signed_in(web_app, admin)
        await person.open(f"{person.origin}/launch/{ACCOUNT}")
        await person.open(f"{person.origin}{_ISSUER}/logout")
        await person.submit()
        await every_logout_told(node)
        # Had it not been told, it would find out only now, and say "Your session has ended".
        assert (await person.open(f"{web_app.origin}/")).heading == "Web application example"
        assert (await bystander.open(f"{web_app.origin}/")).heading == "Signed in as agent"


async def uninstall(web_app: WebApp, admin: dict[str, str]) -> None:
    path = f"{_APPS}/{web_app.installation['id']}"
    answer = await web_app.node.client.delete(path, headers={**admin, "If-Match": "*"})
    assert answer.status_code in (200, 204), answer.text


async def disable(web_app: WebApp, admin: dict[str, str]) -> None:
    path = f"{_APPS}/{web_app.installation['id']}/disable"
    answer = await web_app.node.client.post(path, headers={**admin, "If-Match": "*"})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("end", [uninstall, disable])
async def test_an_application_that_is_taken_away_is_dead_at_once(
    web_app: WebApp, admin: dict[str, str], end: Any
) -> None:
    person = await signed_in(web_app, admin)
    client_id = web_app.installation["client_id"]
    await end(web_app, admin)
    assert (await person.open(f"{web_app.origin}/")).heading == "Your session has ended"
    menu = await person.open(f"{person.origin}/launch/{ACCOUNT}")
    assert (menu.heading, "Web application example" in menu.text) == ("Applications", False)
    click = await person.open(f"{person.origin}/launch/{ACCOUNT}/{client_id}")
    assert (click.status, "launch_app_unknown" in click.text) == (404, True)
    # The application's own link still begins a sign-in: it ends on our error page and never comes back.
    page = await person.open(f"{web_app.origin}/appentry")
    assert (page.status in (400, 401), page.url.startswith(person.origin)) == (True, True)


async def test_an_application_that_is_switched_on_again_needs_new_sign_ins(
    web_app: WebApp, admin: dict[str, str]
) -> None:
    person = await signed_in(web_app, admin)
    await disable(web_app, admin)
    path = f"{_APPS}/{web_app.installation['id']}/enable"
    await web_app.node.client.post(path, headers={**admin, "If-Match": "*"})
    assert (await person.open(f"{web_app.origin}/")).heading == "Your session has ended"
    assert (await person.launch()).heading == "Signed in as agent"


async def test_a_user_who_is_disabled_is_signed_out_everywhere(web_app: WebApp, admin: dict[str, str]) -> None:
    person = await signed_in(web_app, admin)
    users = f"/switchbay/v1/accounts/{ACCOUNT}/users"
    listed = (await web_app.node.client.get(users, headers=admin)).json()["items"]
    user_id = next(user["user_id"] for user in listed if user["login_name"] == "agent")
    await web_app.node.client.patch(f"{users}/{user_id}", json={"enabled": False}, headers=admin)
    assert (await person.open(f"{web_app.origin}/")).heading in ("Your session has ended", "Web application example")
    assert (await person.open(f"{person.origin}/launch/{ACCOUNT}")).heading == "Log in"
    assert (await person.log_in()).heading == "Log in"


@_on_one_engine
async def test_the_application_believes_no_other_issuer(web_app: WebApp) -> None:
    for path in (
        "/appentry?iss=https://evil.example",
        "/appentry?iss=",
        "/callback",
        "/callback?iss=https://evil.example&code=x&state=y",
    ):
        answer = await web_app.http.get(path)
        assert (path, answer.status_code, "location" in answer.headers) == (path, 400, False)


@_on_one_engine
async def test_the_application_takes_no_answer_that_it_did_not_ask_for(web_app: WebApp, admin: dict[str, str]) -> None:
    """Login CSRF: an attacker's code in a victim's browser, and a victim's code in an attacker's."""
    await allow_for_everyone(web_app, admin)
    attacker, victim = web_app.person(), await signed_in(web_app, admin)
    started = await attacker.at_app.open(f"{web_app.origin}/appentry")
    assert started.left_for is not None
    code = await victim.at_node.open(started.left_for)
    assert code.left_for is not None
    assert "code" in user_parameters(code.left_for)
    refused = await victim.at_app.open(code.left_for)
    assert (refused.status, refused.heading) == (400, "Sign-in failed")
    assert (await victim.open(f"{web_app.origin}/")).heading == "Signed in as agent"


@_on_one_engine
async def test_a_forged_logout_token_ends_nothing(web_app: WebApp, admin: dict[str, str]) -> None:
    person = await signed_in(web_app, admin)
    for token in ("", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "é", "x" * 100_000):
        answer = await web_app.http.post("/backchannel-logout", data={"logout_token": token})
        assert (token, answer.status_code) == (token, 400)
    assert (await person.open(f"{web_app.origin}/")).heading == "Signed in as agent"
