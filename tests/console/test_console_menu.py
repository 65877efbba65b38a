"""The quick-launch menu and its clicks, as a browser without scripts meets them."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from support.accounts_house import PASSWORD
from support.browser import Page
from support.console_house import House
from support.oauth_stage import ACCOUNT, ISSUER, OTHER_ACCOUNT
from switchbay.accounts.public import OPERATOR

MENU = f"/launch/{ACCOUNT}"
ENTRY = "https://app.example.com/launch"


def tiles(page: Page) -> list[tuple[str, str]]:
    return [(" ".join(text.split()), href) for href, text in page.links if href.startswith(f"{MENU}/")]


def sent(page: Page) -> Mapping[str, str]:
    assert page.left_for is not None, page.text
    return dict(parse_qsl(urlsplit(page.left_for).query))


async def test_the_menu_shows_what_can_be_started_by_name(house: House) -> None:
    zebra = await house.install("zebra", display_name="Zebra", description="Stripes")
    ant = await house.install("ant", display_name="ant", description=None)
    await house.install("hidden", quick_launch_enabled=False)
    plain = await house.install("plain", entry_uri="http://app.example.com/launch")
    disabled = await house.install("disabled")
    await house.stage.apps.set_enabled(ACCOUNT, disabled.client_id, OPERATOR, enabled=False)
    browser = house.browser()
    user_id = await house.log_in(browser)
    page = await browser.open(MENU)
    assert (page.status, page.title, page.scripts) == (200, "Applications – Example Brand", 0)
    assert tiles(page) == [
        ("A ant", f"{MENU}/{ant.client_id}?user={user_id}"),
        ("Z Zebra Stripes", f"{MENU}/{zebra.client_id}?user={user_id}"),
    ]
    assert plain.client_id not in page.answer.text
    assert "You are logged in as agent" in page.text
    assert (f"/oidc/{ACCOUNT}/logout", "Log out") in page.links


async def test_an_empty_menu_says_so(house: House) -> None:
    browser = house.browser()
    await house.log_in(browser)
    assert "There are no applications yet" in (await browser.open(MENU)).text


async def test_the_menu_speaks_the_readers_language(house: House) -> None:
    localised = {"display_name#fr": "Toile", "description": "Web", "description#de": "Netz"}
    await house.install(**localised)
    browser = house.browser("de-AT, fr;q=0.5")
    await house.log_in(browser)
    assert [text for text, _ in tiles(await browser.open(MENU))] == ["T Toile Netz"]
    asked = await browser.open(MENU, {"ui_locales": "fr"})
    assert [text for text, _ in tiles(asked)] == ["T Toile Netz"]
    browser.languages = "en"
    assert [text for text, _ in tiles(await browser.open(MENU))] == ["E Example web application Web"]


async def test_names_of_apps_are_text_and_never_markup(house: House) -> None:
    await house.install(display_name="<script>alert(1)</script>", description='"><img src=x onerror=alert(1)>')
    browser = house.browser()
    await house.log_in(browser)
    page = await browser.open(MENU)
    assert (page.scripts, page.images) == (0, [])
    assert "<script>alert(1)</script>" in page.text


async def test_the_menu_cannot_be_framed_cached_or_given_scripts(house: House) -> None:
    browser = house.browser()
    await house.log_in(browser)
    headers = (await browser.open(MENU)).answer.headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"]
    assert {"default-src 'none'", "img-src 'self'", "frame-ancestors 'none'"} <= set(policy.split("; "))
    assert "script-src" not in policy


async def test_a_click_leads_to_the_entry_with_who_and_where(house: House) -> None:
    app = await house.install()
    browser = house.browser()
    user_id = await house.log_in(browser)
    await browser.open(MENU)
    page = await browser.open(tiles(browser.shown)[0][1])
    assert (page.status, page.left_for) == (302, f"{ENTRY}?{urlsplit(page.left_for or '').query}")
    assert sent(page) == {
        "account_id": ACCOUNT,
        "iss": ISSUER,
        "target_link_uri": ENTRY,
        "login_hint": user_id,
    }
    assert page.answer.headers["cache-control"] == "no-store"
    assert page.answer.headers["referrer-policy"] == "no-referrer"
    assert tiles(await browser.open(MENU))[0][1] == f"{MENU}/{app.client_id}?user={user_id}"


async def test_the_issuer_is_never_taken_from_the_host_header(house: House) -> None:
    app = await house.install()
    browser = house.browser()
    await house.log_in(browser)
    answer = await house.http.get(
        f"{MENU}/{app.client_id}", headers={"Host": "evil.example", "Cookie": browser.jar.header("https://localhost/")}
    )
    assert dict(parse_qsl(urlsplit(answer.headers["location"]).query))["iss"] == ISSUER


async def test_a_link_may_lead_into_the_app_but_nowhere_else(house: House) -> None:
    app = await house.install()
    browser = house.browser()
    await house.log_in(browser)
    page = await browser.open(f"{MENU}/{app.client_id}", {"target_link_uri": "https://app.example.com/orders?id=1"})
    assert sent(page)["target_link_uri"] == "https://app.example.com/orders?id=1"
    refused = await browser.open(f"{MENU}/{app.client_id}", {"target_link_uri": "https://evil.example/"})
    assert (refused.status, refused.left_for) == (400, None)
    assert "launch_target_refused" in refused.text
    assert "evil" not in refused.answer.text


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"quick_launch_enabled": False}, 404, "launch_app_unknown"),
        ({"enabled": False}, 404, "launch_app_unknown"),
        ({"entry_uri": "http://app.example.com/launch"}, 409, "launch_entry_unsafe"),
    ],
)
async def test_an_app_that_the_menu_does_not_show_cannot_be_started(
    house: House, changes: dict[str, Any], status: int, code: str
) -> None:
    app = await house.install(**changes)
    browser = house.browser()
    await house.log_in(browser)
    page = await browser.open(f"{MENU}/{app.client_id}")
    assert (page.status, code in page.text, page.left_for) == (status, True, None)


async def test_an_app_that_is_gone_cannot_be_started(house: House) -> None:
    app = await house.install()
    browser = house.browser()
    await house.log_in(browser)
    await house.stage.apps.uninstall(ACCOUNT, app.client_id, OPERATOR)
    page = await browser.open(f"{MENU}/{app.client_id}")
    assert (page.status, "launch_app_unknown" in page.text) == (404, True)
    assert tiles(await browser.open(MENU)) == []


@pytest.mark.parametrize("app", ["x", "x" * 5_000, "%00", "..%2f..", "6c5a36a1-9b1f-4b4f-9a1e-0c7d3f1f2a01"])
async def test_any_other_path_below_the_menu_is_an_unknown_app(house: House, app: str) -> None:
    browser = house.browser()
    await house.log_in(browser)
    page = await browser.open(f"{MENU}/{app}")
    assert page.status == 404


async def test_an_app_of_another_account_is_not_in_this_menu(house: House) -> None:
    foreign = await house.stage.install(account_id=OTHER_ACCOUNT, quick_launch_enabled=True)
    browser = house.browser()
    await house.log_in(browser)
    assert (await browser.open(f"{MENU}/{foreign.client_id}")).status == 404
    assert tiles(await browser.open(MENU)) == []


@pytest.mark.parametrize("account", ["nobody", "%00", "x" * 300, "..%2f"])
async def test_the_menu_of_an_account_that_is_not_there_asks_nobody_to_log_in(house: House, account: str) -> None:
    page = await house.browser().open(f"/launch/{account}")
    assert (page.status, page.forms) == (404, [])


async def test_a_session_of_one_account_opens_no_menu_of_another(house: House) -> None:
    browser = house.browser()
    await house.log_in(browser)
    answer = await house.http.get(
        f"/launch/{OTHER_ACCOUNT}", headers={"Cookie": browser.jar.header("https://localhost/")}
    )
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"/oidc/{OTHER_ACCOUNT}/interaction/login?t=")


async def test_of_several_users_the_last_one_or_the_chosen_one_starts_apps(house: House) -> None:
    app = await house.install()
    browser = house.browser()
    admin = await house.log_in(browser, "admin")
    agent = await house.log_in(browser, "agent")
    page = await browser.open(MENU)
    assert ("Go on as admin", f"{MENU}?user={admin}") in [(text.strip(), href) for href, text in page.links]
    assert sent(await browser.open(f"{MENU}/{app.client_id}"))["login_hint"] == agent
    page = await browser.open(f"{MENU}?user={admin}")
    assert "You are logged in as admin" in page.text
    assert sent(await browser.open(tiles(page)[0][1]))["login_hint"] == admin


async def test_a_session_that_has_ended_opens_nothing(house: House) -> None:
    app = await house.install()
    browser = house.browser()
    user_id = await house.log_in(browser)
    await house.stage.accounts.revoke_sessions_of(ACCOUNT, user_id, OPERATOR)
    for path in (MENU, f"{MENU}/{app.client_id}"):
        answer = await house.http.get(path, headers={"Cookie": browser.jar.header("https://localhost/")})
        assert answer.status_code == 303
        assert answer.headers["location"].startswith(f"/oidc/{ACCOUNT}/interaction/login?t=")


async def test_a_login_leads_back_to_the_menu_or_on_to_the_app(house: House) -> None:
    app = await house.install("app", display_name="Web & more")
    browser = house.browser()
    assert (await browser.open(MENU)).heading == "Log in"
    menu = await browser.submit({"username": "agent", "password": PASSWORD.reveal()})
    assert (menu.heading, urlsplit(menu.url).path) == ("Applications", MENU)

    other = house.browser()
    target = "https://app.example.com/orders?id=1&x=%20"
    assert (await other.open(f"{MENU}/{app.client_id}", {"target_link_uri": target})).heading == "Log in"
    page = await other.submit({"username": "agent", "password": PASSWORD.reveal()})
    # A page of ours ends the redirects that answer the form: its policy names no other site than this one.
    assert (page.status, page.title) == (200, "Web & more – Example Brand")
    address = page.answer.headers["refresh"].removeprefix("0; url=")
    assert [href for href, text in page.links if text == "Go on"] == [address]
    assert sent(await other.open(address))["target_link_uri"] == target


async def test_a_link_elsewhere_is_refused_after_the_login_too(house: House) -> None:
    app = await house.install()
    browser = house.browser()
    await browser.open(f"{MENU}/{app.client_id}", {"target_link_uri": "https://evil.example/"})
    page = await browser.submit({"username": "agent", "password": PASSWORD.reveal()})
    assert (page.status, "launch_target_refused" in page.text, "refresh" in page.answer.headers) == (400, True, False)


async def test_another_user_can_log_in_beside_the_first(house: House) -> None:
    browser = house.browser()
    await house.log_in(browser, "agent")
    await browser.open(MENU)
    assert (await browser.follow("Log in as another user")).heading == "Log in"
    page = await browser.submit({"username": "admin", "password": PASSWORD.reveal()})
    assert "You are logged in as admin" in page.text
    assert "Go on as agent" in page.text
