"""Login, consent and logout in Chromium, with JavaScript and without, against a served node."""

import json
import re
from typing import Any
from urllib.parse import quote

import pytest

from support.node import ACCOUNT, PASSWORD, Node
from support.receiver import Answer

pytest.importorskip("playwright.async_api", reason="Playwright is not installed: run make browsers")

HTML = (("Content-Type", "text/html; charset=utf-8"),)
APP = "https://app.example.com"
OTHER_SITE = "https://www.example.net"


def authorize_url(window: Any, app: Any, **changes: str) -> str:
    """Where the app sends its user."""
    parameters = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": f"{APP}/callback",
        "scope": "openid profile",
        "state": "s t/ä",
        **changes,
    }
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
    return f"{window.origin}/oidc/{ACCOUNT}/authorize?{query}"


async def log_in(page: Any, name: str = "agent") -> None:
    await page.get_by_label("User name").fill(name)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")


async def press(page: Any, name: str) -> None:
    await page.get_by_role("button", name=name).click()


# The way through


async def test_a_person_logs_in_allows_the_app_and_arrives(window: Any, app: Any) -> None:
    page = window.page
    await page.goto(authorize_url(window, app))
    assert await page.title() == "Log in – Test account"
    await log_in(page)
    await page.get_by_role("heading", name="Allow Example web application?").wait_for()
    await press(page, "Allow")
    await page.get_by_role("heading", name="The app").wait_for()
    assert page.url.startswith(f"{APP}/callback?code=")
    parameters = app.parameters()
    assert (parameters["state"], parameters["iss"]) == ("s t/ä", f"{window.origin}/oidc/{ACCOUNT}")
    assert "referer" not in app.arrived()[0].headers
    await page.goto(authorize_url(window, app, state="again"))
    assert len(app.arrived()) == 2, "the second time nothing is asked"


async def test_a_person_who_denies_goes_back_too(window: Any, app: Any) -> None:
    page = window.page
    await page.goto(authorize_url(window, app))
    await log_in(page)
    await press(page, "Deny")
    await page.get_by_role("heading", name="The app").wait_for()
    assert app.parameters()["error"] == "access_denied"


async def test_an_app_whose_callback_leads_on_to_another_site_is_not_stopped(window: Any, app: Any) -> None:
    app.pages["/callback"] = Answer(302, b"", (("Location", f"{OTHER_SITE}/home"),))
    page = window.page
    await page.goto(authorize_url(window, app))
    await log_in(page)
    await press(page, "Allow")
    await page.wait_for_url(f"{OTHER_SITE}/home")
    assert len(app.arrived("/home")) == 1


async def test_an_answer_by_form_reaches_the_app(window: Any, app: Any, request: pytest.FixtureRequest) -> None:
    page = window.page
    await page.goto(authorize_url(window, app, response_mode="form_post"))
    await log_in(page)
    await press(page, "Allow")
    if "noscript" in request.node.name:
        await page.get_by_role("heading", name="Continue to the app").wait_for()
        assert app.arrived() == []
        await press(page, "Continue")
    await page.get_by_role("heading", name="The app").wait_for()
    (received,) = app.arrived()
    assert received.method == "POST"
    assert app.parameters()["state"] == "s t/ä"
    assert set(app.parameters()) == {"code", "state", "iss"}


async def test_a_program_with_a_scheme_of_its_own_is_called(window: Any, app: Any) -> None:
    page = window.page
    called: list[str] = []
    page.on("request", lambda request: called.append(request.url))
    await page.goto(
        authorize_url(
            window, app, redirect_uri="com.example.app:/callback", code_challenge="x" * 43, code_challenge_method="S256"
        )
    )
    await log_in(page)
    await page.get_by_role("heading", name="Allow Example web application?").wait_for()
    async with page.expect_response(lambda answer: answer.url.endswith("/consent")) as answered:
        await press(page, "Allow")
    location = (await (await answered.value).all_headers())["location"]
    assert location.startswith("com.example.app:/callback?code=")


async def test_two_people_in_one_browser_choose_who_they_are(window: Any, app: Any) -> None:
    page = window.page
    await page.goto(authorize_url(window, app))
    await log_in(page, "agent")
    await press(page, "Allow")
    await page.goto(authorize_url(window, app, prompt="select_account"))
    await press(page, "Log in as another user")
    await log_in(page, "admin")
    await page.get_by_label("Allow it for everyone in this account").check()
    await press(page, "Allow")
    await page.goto(authorize_url(window, app, prompt="select_account"))
    await page.locator(".person", has_text="agent").click()
    await page.get_by_role("heading", name="The app").wait_for()
    assert len(app.arrived()) == 3


# What a page must not be used for


async def test_no_page_can_be_shown_in_a_frame(window: Any, app: Any) -> None:
    address = authorize_url(window, app).replace("&", "&amp;")
    app.pages["/frame"] = Answer(200, f'<h1>Trap</h1><iframe src="{address}"></iframe>'.encode(), HTML)
    page = window.page
    await page.goto(f"{APP}/frame")
    await page.wait_for_load_state("networkidle")
    frames = [frame for frame in page.frames if frame != page.main_frame]
    assert len(frames) == 1
    assert await frames[0].get_by_label("Password").count() == 0
    window.complaints.clear()  # that the policy refused the frame is the point


async def test_a_form_on_another_site_cannot_log_a_person_in(window: Any, app: Any, node: Node) -> None:
    page = window.page
    await page.goto(authorize_url(window, app))
    sealed = await page.locator("input[name=t]").get_attribute("value")
    form = (
        f'<form method="post" action="{window.origin}/oidc/{ACCOUNT}/interaction/login">'
        f'<input name="t" value="{sealed}"><input name="username" value="agent">'
        f'<input name="password" value="{PASSWORD}"><button>Win a prize</button></form>'
    )
    app.pages["/trap"] = Answer(200, form.encode(), HTML)
    await page.goto(f"{APP}/trap")
    await press(page, "Win a prize")
    await page.get_by_text("form_of_another_site").wait_for()
    cookies = await page.context.cookies(window.origin)
    assert [cookie["name"] for cookie in cookies] == ["__Host-switchbay-browser"]


async def test_the_cookies_are_kept_from_scripts_and_end_with_the_browser(window: Any, app: Any) -> None:
    page = window.page
    await page.goto(authorize_url(window, app))
    await log_in(page)
    await page.get_by_role("heading", name="Allow Example web application?").wait_for()
    cookies = {cookie["name"]: cookie for cookie in await page.context.cookies(window.origin)}
    assert set(cookies) == {"__Host-switchbay-browser", f"__Host-switchbay_{ACCOUNT}"}
    for cookie in cookies.values():
        assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Lax")
        assert (cookie["path"], cookie["expires"]) == ("/", -1)


async def test_an_app_cannot_write_into_the_pages(window: Any, app: Any, node: Node) -> None:
    hostile = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    manifest = {
        "client_name": "com.example.hostile",
        "display_name": hostile,
        "description": hostile,
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "redirect_uris": [f"{APP}/callback"],
    }
    installed = await node.install(manifest, await node.login())
    app.client_id = installed["client_id"]
    page = window.page
    await page.goto(authorize_url(window, app, login_hint=hostile))
    assert await page.title() == "Log in – Test account"
    assert await page.get_by_label("User name").input_value() == hostile
    await log_in(page)
    await page.get_by_role("heading", name=f"Allow {hostile}?").wait_for()
    assert await page.locator("img, main script").count() == 0


# Logout


async def test_an_app_logs_its_user_out_by_a_form(window: Any, app: Any, node: Node) -> None:
    page = window.page
    await page.goto(authorize_url(window, app))
    await log_in(page)
    await press(page, "Allow")
    await page.get_by_role("heading", name="The app").wait_for()
    answer = await node.client.post(
        f"/oidc/{ACCOUNT}/token",
        data={
            "grant_type": "authorization_code",
            "code": app.parameters()["code"],
            "redirect_uri": f"{APP}/callback",
            "client_id": app.client_id,
            "client_secret": app.secret,
        },
    )
    token = json.loads(answer.text)["id_token"]
    form = (
        f'<form method="post" action="{window.origin}/oidc/{ACCOUNT}/logout">'
        f'<input type="hidden" name="id_token_hint" value="{token}"><input type="hidden" name="state" value="bye">'
        f'<input type="hidden" name="post_logout_redirect_uri" value="{APP}/left"><button>Log out</button></form>'
    )
    app.pages["/account"] = Answer(200, form.encode(), HTML)
    await page.goto(f"{APP}/account")
    await press(page, "Log out")
    await page.wait_for_url(f"{APP}/left?state=bye")
    cookies = await page.context.cookies(window.origin)
    assert [cookie["name"] for cookie in cookies] == ["__Host-switchbay-browser"]
    await page.goto(authorize_url(window, app))
    await page.get_by_role("heading", name="Log in").wait_for()


async def test_without_proof_the_person_is_asked_before_they_are_logged_out(window: Any, app: Any) -> None:
    page = window.page
    await page.goto(authorize_url(window, app))
    await log_in(page)
    await press(page, "Allow")
    await page.goto(
        f"{window.origin}/oidc/{ACCOUNT}/logout?client_id={app.client_id}&post_logout_redirect_uri={APP}/left"
    )
    await page.get_by_role("heading", name="Log out?").wait_for()
    assert app.arrived("/left") == []
    await press(page, "Log out")
    await page.wait_for_url(f"{APP}/left")


# How it looks


@pytest.mark.parametrize("width", [320, 1280])
async def test_the_pages_need_no_scrolling_sideways(window: Any, app: Any, width: int) -> None:
    page = window.page
    await page.set_viewport_size({"width": width, "height": 640})
    await page.goto(authorize_url(window, app))
    for name in ("User name", "Password"):
        box = await page.get_by_label(name).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["height"] >= 44, "large enough for a finger"
    await log_in(page)
    for name in ("Deny", "Allow"):
        box = await page.get_by_role("button", name=name, exact=True).bounding_box()
        assert box["x"] + box["width"] <= width


async def test_the_style_is_applied_and_follows_the_wish_for_darkness(window: Any, app: Any) -> None:
    page = window.page
    grounds = []
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        await page.goto(authorize_url(window, app))
        shot = await page.screenshot(clip={"x": 0, "y": 0, "width": 1, "height": 1})
        grounds.append(shot)
    assert grounds[0] != grounds[1]


async def test_the_first_field_has_the_focus_and_the_password_after_it(window: Any, app: Any) -> None:
    page = window.page
    await page.goto(authorize_url(window, app))
    await page.keyboard.type("agent")
    await page.keyboard.press("Tab")
    await page.keyboard.type("wrong password")
    await page.keyboard.press("Enter")
    await page.get_by_role("alert").wait_for()
    assert await page.get_by_label("User name").input_value() == "agent"
    assert await page.get_by_label("Password").input_value() == ""
    assert re.search("wrong", await page.get_by_role("alert").inner_text())
