"""What the server keeps in a browser."""

import re

import pytest
from starlette.requests import Request
from starlette.responses import Response

from support.accounts_house import HOME, PASSWORD
from support.oauth_stage import ACCOUNT, OTHER_ACCOUNT, Stage
from switchbay.accounts.public import OPERATOR, Principal, Role
from switchbay.kit.secret import Secret
from switchbay.oauth.browser import (
    MARK_COOKIE,
    MOST_SESSIONS,
    Browser,
    BrowserSession,
    kept_sessions,
    newest_of_each_user,
    sessions_cookie,
)


def request_with(cookies: dict[str, str]) -> Request:
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return Request({"type": "http", "headers": [(b"cookie", header.encode("latin-1"))]})


def cookie_of(response: Response) -> tuple[str, str, set[str]]:
    """Name, value and attributes of the one cookie that an answer sets."""
    (header,) = (value.decode() for name, value in response.raw_headers if name == b"set-cookie")
    pair, *attributes = header.split("; ")
    name, _, value = pair.partition("=")
    return name, value.strip('"'), set(attributes)


@pytest.fixture
def browser(stage: Stage) -> Browser:
    return stage.server.browser


async def log_in(stage: Stage, name: str, account_id: str = ACCOUNT) -> Secret:
    return (await stage.accounts.login(account_id, name, PASSWORD, HOME)).bearer


def session(user_id: str, number: int) -> BrowserSession:
    principal = Principal(ACCOUNT, user_id, "pid", "name", "Name", frozenset({Role.AGENT}), f"s{number}", 0, ())
    return BrowserSession(principal, Secret(f"{number}"), 0, ())


async def test_the_cookie_of_the_sessions_is_for_this_host_only_and_ends_with_the_browser(
    stage: Stage, browser: Browser
) -> None:
    bearer = await log_in(stage, "agent")
    response = Response()
    await browser.add_session(response, request_with({}), ACCOUNT, bearer)
    assert cookie_of(response) == (
        f"__Host-switchbay_{ACCOUNT}",
        bearer.reveal(),
        {"HttpOnly", "Path=/", "SameSite=lax", "Secure"},
    )


async def test_a_new_session_stands_before_the_others(stage: Stage, browser: Browser) -> None:
    first, second = await log_in(stage, "agent"), await log_in(stage, "admin")
    response = Response()
    await browser.add_session(response, request_with({sessions_cookie(ACCOUNT): first.reveal()}), ACCOUNT, second)
    _, value, _ = cookie_of(response)
    assert value == f"{second.reveal()}.{first.reveal()}"
    found = await browser.sessions(request_with({sessions_cookie(ACCOUNT): value}), ACCOUNT)
    assert [each.principal.login_name for each in found] == ["admin", "agent"]
    assert [each.bearer for each in found] == [second, first]
    assert {each.auth_time for each in found} == {stage.clock.at_ms}
    assert {each.amr for each in found} == {("pwd",)}


async def test_of_a_user_who_logged_in_twice_the_newest_session_counts_and_both_are_kept(
    stage: Stage, browser: Browser
) -> None:
    old, new = await log_in(stage, "agent"), await log_in(stage, "agent")
    response = Response()
    await browser.add_session(response, request_with({sessions_cookie(ACCOUNT): old.reveal()}), ACCOUNT, new)
    request = request_with({sessions_cookie(ACCOUNT): cookie_of(response)[1]})
    assert [each.bearer for each in await browser.sessions(request, ACCOUNT)] == [new]
    assert [each.bearer for each in await browser.all_sessions(request, ACCOUNT)] == [new, old]


async def test_sessions_that_are_over_are_left_out(stage: Stage, browser: Browser) -> None:
    ended, live = await log_in(stage, "agent"), await log_in(stage, "admin")
    await stage.accounts.logout(ACCOUNT, ended.reveal(), HOME)
    request = request_with({sessions_cookie(ACCOUNT): f"{ended.reveal()}.{live.reveal()}"})
    assert [each.bearer for each in await browser.all_sessions(request, ACCOUNT)] == [live]


async def test_a_session_of_another_account_is_none_here(stage: Stage, browser: Browser) -> None:
    foreign = await log_in(stage, "agent", OTHER_ACCOUNT)
    request = request_with({sessions_cookie(ACCOUNT): foreign.reveal()})
    assert await browser.sessions(request, ACCOUNT) == []


@pytest.mark.parametrize("value", ["", ".", "x" * 64, "0" * 63, "A" * 64, ".".join(["0" * 64] * 500), "\xff.é"])
async def test_a_cookie_that_is_not_ours_is_no_session(browser: Browser, value: str) -> None:
    assert await browser.all_sessions(request_with({sessions_cookie(ACCOUNT): value}), ACCOUNT) == []


@pytest.mark.parametrize("account_id", ["", "a" * 21, "x/y", "4711001;"])
async def test_an_account_id_that_cannot_be_one_has_no_sessions(browser: Browser, account_id: str) -> None:
    assert await browser.all_sessions(request_with({}), account_id) == []


async def test_sessions_are_dropped_one_by_one_and_all_at_once(stage: Stage, browser: Browser) -> None:
    first, second = await log_in(stage, "agent"), await log_in(stage, "admin")
    request = request_with({sessions_cookie(ACCOUNT): f"{first.reveal()}.{second.reveal()}"})
    one = Response()
    await browser.drop_sessions(one, request, ACCOUNT, [first])
    assert cookie_of(one)[1] == second.reveal()
    everything = Response()
    await browser.drop_sessions(everything, request, ACCOUNT)
    name, value, attributes = cookie_of(everything)
    assert (name, value) == (sessions_cookie(ACCOUNT), "")
    assert {"Max-Age=0", "Secure", "Path=/"} <= attributes
    assert len(await browser.all_sessions(request, ACCOUNT)) == 2, "dropping does not end a session"


async def test_a_disabled_user_has_no_session_left(stage: Stage, browser: Browser) -> None:
    user = await stage.accounts.create_user(ACCOUNT, "leaver", PASSWORD, [Role.AGENT], OPERATOR)
    bearer = await log_in(stage, "leaver")
    request = request_with({sessions_cookie(ACCOUNT): bearer.reveal()})
    assert [each.principal.user_id for each in await browser.sessions(request, ACCOUNT)] == [user.user_id]
    await stage.manage("PATCH", f"/users/{user.user_id}", {"enabled": False})
    assert await browser.sessions(request, ACCOUNT) == []


# The rules of the cookie, without a server


def test_the_chooser_shows_each_user_once() -> None:
    sessions = [session("1", 1), session("2", 2), session("1", 3)]
    assert [each.principal.session_id for each in newest_of_each_user(sessions)] == ["s1", "s2"]


def test_the_sixth_user_takes_the_place_of_the_one_who_logged_in_first() -> None:
    sessions = [session(str(number), number) for number in range(6)]
    assert [each.principal.user_id for each in kept_sessions(sessions)] == ["0", "1", "2", "3", "4"]


def test_older_sessions_of_a_user_do_not_push_others_out() -> None:
    sessions = [session("1", number) for number in range(20)] + [session("2", 99)]
    kept = kept_sessions(sessions)
    assert len(kept) == MOST_SESSIONS
    assert [each.principal.session_id for each in kept] == [f"s{number}" for number in range(9)] + ["s99"]


# The mark


def test_a_browser_without_a_mark_gets_one_and_keeps_it(stage: Stage, browser: Browser) -> None:
    mark = browser.browser_token(request_with({}))
    response = Response()
    browser.ensure_browser_token(response, mark)
    name, value, attributes = cookie_of(response)
    assert name == MARK_COOKIE == "__Host-switchbay-browser"
    assert re.fullmatch("[0-9a-f]{64}", value)
    assert attributes == {"HttpOnly", "Path=/", "SameSite=lax", "Secure"}
    again = browser.browser_token(request_with({MARK_COOKIE: value}))
    assert again.digest == mark.digest
    assert not again.is_new
    unchanged = Response()
    browser.ensure_browser_token(unchanged, again)
    assert "set-cookie" not in unchanged.headers


def test_two_browsers_have_two_marks(browser: Browser) -> None:
    assert browser.browser_token(request_with({})).digest != browser.browser_token(request_with({})).digest


@pytest.mark.parametrize("value", ["", "short", "Z" * 64, "0" * 65])
def test_a_mark_that_is_not_ours_is_replaced(browser: Browser, value: str) -> None:
    assert browser.browser_token(request_with({MARK_COOKIE: value})).is_new
