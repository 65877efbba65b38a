"""Whole logins as people meet them, in a browser without JavaScript."""

import base64
import hashlib
import re
from urllib.parse import parse_qsl, urlsplit

import pyotp
import pytest

from support.accounts_house import PASSWORD
from support.browser import Browser, Page
from support.oauth_stage import ACCOUNT, CALLBACK, ISSUER, ORIGIN, OTHER_ACCOUNT, Installed, Stage
from switchbay.accounts.public import OPERATOR
from switchbay.infra.db import Tx
from switchbay.kit.secret import Secret
from switchbay.oauth.browser import MARK_COOKIE, sessions_cookie
from switchbay.oauth.store.grants import list_grants

VERIFIER = "a" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
AUTHORIZE = f"/oidc/{ACCOUNT}/authorize"
INTERACTION = f"/oidc/{ACCOUNT}/interaction"
WORD = PASSWORD.reveal()


@pytest.fixture
def browser(stage: Stage) -> Browser:
    return Browser(stage.http)


def asking(app: Installed, **changes: str | None) -> dict[str, str]:
    given: dict[str, str | None] = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": CALLBACK,
        "scope": "openid profile",
        "state": "s/t ä%",
        "nonce": "n",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    return {name: value for name, value in given.items() if value is not None}


async def log_in(browser: Browser, name: str = "agent", password: str = WORD) -> Page:
    return await browser.submit({"username": name, "password": password}, press="Log in")


async def grants_of(stage: Stage) -> int:
    async def count(tx: Tx) -> int:
        return len(await list_grants(tx, ACCOUNT))

    return await stage.db.read(count)


async def redeem(stage: Stage, app: Installed, code: str) -> dict[str, str]:
    answer = await stage.http.post(
        f"/oidc/{ACCOUNT}/token",
        data={
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "client_id": app.client_id,
            "client_secret": app.secret,
            "code_verifier": VERIFIER,
        },
    )
    assert answer.status_code == 200, answer.text
    tokens: dict[str, str] = answer.json()
    return tokens


# The way through


async def test_a_login_and_a_consent_lead_to_a_code(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    page = await browser.open(AUTHORIZE, asking(app))
    assert (page.status, page.title, page.heading) == (200, "Log in – Example Brand", "Log in")
    assert "to continue to Example web application" in page.text
    page = await log_in(browser)
    assert (page.status, page.heading) == (200, "Allow Example web application?")
    assert "Know that it is you" in page.text
    assert "See your name and user name" in page.text
    assert "You then go to app.example.com ." in page.text
    assert "everyone" not in {each.name for each in page.form.inputs}
    page = await browser.submit(press="Allow")
    assert page.answer.status_code == 303
    assert page.left_for is not None
    assert page.left_for.startswith(f"{CALLBACK}?")
    assert page.answer_parameters == {"code": page.answer_parameters["code"], "state": "s/t ä%", "iss": ISSUER}
    assert await grants_of(stage) == 1


async def test_the_second_time_nothing_has_to_be_typed(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    await browser.open(AUTHORIZE, asking(app))
    await log_in(browser)
    first = await browser.submit(press="Allow")
    second = await browser.open(AUTHORIZE, asking(app))
    assert len(browser.trail) == 1
    assert set(second.answer_parameters) == {"code", "state", "iss"}
    assert second.answer_parameters["code"] != first.answer_parameters["code"]


async def test_who_denies_goes_back_with_the_state_and_nothing_is_granted(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    await browser.open(AUTHORIZE, asking(app))
    await log_in(browser)
    page = await browser.submit(press="Deny")
    assert page.answer_parameters["error"] == "access_denied"
    assert page.answer_parameters["state"] == "s/t ä%"
    assert page.answer_parameters["iss"] == ISSUER
    assert await grants_of(stage) == 0
    page = await browser.open(AUTHORIZE, asking(app))
    assert page.heading == "Allow Example web application?"


async def test_an_administrator_allows_the_app_for_everyone(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    await browser.open(AUTHORIZE, asking(app))
    page = await log_in(browser, "admin")
    assert page.form.input("everyone").checked is False
    page = await browser.submit(press="Allow", tick=["everyone"])
    assert "code" in page.answer_parameters
    other = Browser(stage.http)
    await other.open(AUTHORIZE, asking(app))
    page = await log_in(other, "agent")
    assert "code" in page.answer_parameters, "nobody else is asked"


async def test_a_user_without_the_role_cannot_allow_it_for_everyone(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    await browser.open(AUTHORIZE, asking(app))
    page = await log_in(browser, "agent")
    values = {**dict(page.form.values()), "decision": "allow", "everyone": "yes"}
    await browser.post(page.form.action, values)
    other = Browser(stage.http)
    await other.open(AUTHORIZE, asking(app))
    page = await log_in(other, "developer")
    assert page.heading == "Allow Example web application?"


async def test_new_scopes_are_asked_for_and_marked(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    await browser.open(AUTHORIZE, asking(app, scope="openid"))
    await log_in(browser)
    await browser.submit(press="Allow")
    page = await browser.open(AUTHORIZE, asking(app, scope="openid profile"))
    assert "Know that it is you See your name and user name new" in page.text


async def test_a_form_post_answer_is_a_form_that_a_button_sends(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    await browser.open(AUTHORIZE, asking(app, response_mode="form_post"))
    await log_in(browser)
    page = await browser.submit(press="Allow")
    assert page.status == 200
    assert page.form.action == CALLBACK
    fields = dict(page.form.values())
    assert fields["state"] == "s/t ä%"
    assert fields["iss"] == ISSUER
    assert set(fields) == {"code", "state", "iss"}


async def test_the_legacy_face_uses_the_same_pages(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    parameters = {"response_type": "code", "client_id": app.client_id, "redirect_uri": CALLBACK, "v": "1.0"}
    page = await browser.open(f"/sentinel/api/account/{ACCOUNT}/authorize", parameters)
    assert page.heading == "Log in"
    await log_in(browser)
    page = await browser.submit(press="Allow")
    assert "code" in page.answer_parameters
    assert "iss" not in page.answer_parameters


async def test_the_app_is_named_in_the_readers_language(stage: Stage) -> None:
    app = await stage.install(**{"display_name#de": "Beispielanwendung", "display_name#fr": "Application exemple"})
    german = await Browser(stage.http, languages="de-AT,en;q=0.5").open(AUTHORIZE, asking(app))
    assert "to continue to Beispielanwendung" in german.text
    asked = await Browser(stage.http, languages="de").open(AUTHORIZE, asking(app, ui_locales="fr-CA"))
    assert "to continue to Application exemple" in asked.text
    other = await Browser(stage.http, languages="it").open(AUTHORIZE, asking(app))
    assert "to continue to Example web application" in other.text


async def test_a_hostile_app_cannot_write_html_into_the_pages(stage: Stage, browser: Browser) -> None:
    name = "<script>alert(1)</script>\"'><img src=x>"
    app = await stage.install(display_name=name, description=name)
    page = await browser.open(AUTHORIZE, asking(app, login_hint=name))
    assert (page.scripts, page.images) == (0, [])
    assert page.form.input("username").value == name
    await log_in(browser)
    assert browser.shown.headings == [f"Allow {name}?"]
    assert (browser.shown.scripts, browser.shown.images) == (0, [])


# Logging in


async def test_a_wrong_password_shows_the_page_again_without_it(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    await browser.open(AUTHORIZE, asking(app))
    page = await log_in(browser, "agent", "not the password 1")
    assert (page.status, page.alerts) == (403, ["The user name or the password is wrong."])
    assert page.form.input("username").value == "agent"
    assert page.form.input("password").value == ""
    assert "not the password 1" not in page.answer.text
    assert browser.jar.find(sessions_cookie(ACCOUNT)) is None
    page = await log_in(browser)
    assert page.heading == "Allow Example web application?"


async def test_an_unknown_user_gets_the_same_page_as_a_wrong_password(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    bodies = []
    for name in ("agent", "nobody"):
        await browser.open(AUTHORIZE, asking(app))
        page = await log_in(browser, name, "not the password 1")
        body = page.answer.text.replace(str(page.form.input("t").value), "T").replace(f'value="{name}"', "N")
        bodies.append((page.status, body))
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize(
    "values", [{}, {"username": ""}, {"username": "agent"}, {"username": "\x00", "password": "x" * 5000}]
)
async def test_what_cannot_be_a_login_is_answered_as_a_wrong_one(
    stage: Stage, browser: Browser, values: dict[str, str]
) -> None:
    app = await stage.install()
    page = await browser.open(AUTHORIZE, asking(app))
    page = await browser.post(page.form.action, {"t": page.form.input("t").value, **values})
    assert (page.status, page.alerts) == (403, ["The user name or the password is wrong."])


async def test_after_too_many_failures_the_page_tells_how_long_to_wait(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    await browser.open(AUTHORIZE, asking(app))
    for _ in range(5):
        await log_in(browser, "agent", "not the password 1")
    page = await log_in(browser, "agent", "not the password 1")
    assert page.status == 429
    assert page.answer.headers["retry-after"] == "60"
    assert page.alerts == ["Too many failed logins. Try again in 60 seconds."]
    page = await log_in(browser)
    assert page.status == 429, "the right password does not help before"
    stage.clock.advance(seconds=61)
    assert (await log_in(browser)).heading == "Allow Example web application?"


async def test_a_login_hint_is_filled_in(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    page = await browser.open(AUTHORIZE, asking(app, login_hint="agent"))
    assert page.form.input("username").value == "agent"


async def test_every_login_has_a_bearer_of_its_own_whatever_the_cookie_said_before(
    stage: Stage, browser: Browser
) -> None:
    app = await stage.install()
    planted = "0" * 64
    await browser.open(AUTHORIZE, asking(app))
    browser.jar.store(f"{sessions_cookie(ACCOUNT)}={planted}; Path=/; Secure", ORIGIN)
    await log_in(browser)
    cookie = browser.jar.find(sessions_cookie(ACCOUNT))
    assert cookie is not None
    assert re.fullmatch("[0-9a-f]{64}", cookie.value)
    assert cookie.value != planted
    assert (cookie.http_only, cookie.secure, cookie.same_site) == (True, True, "lax")


async def test_prompt_login_asks_although_there_is_a_session(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    await browser.open(AUTHORIZE, asking(app))
    await log_in(browser)
    await browser.submit(press="Allow")
    stage.clock.advance(seconds=10)
    page = await browser.open(AUTHORIZE, asking(app, prompt="login"))
    assert page.heading == "Log in"
    page = await log_in(browser)
    assert "code" in page.answer_parameters


async def test_prompt_none_without_a_session_goes_back_at_once(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    page = await browser.open(AUTHORIZE, asking(app, prompt="none"))
    assert page.answer_parameters["error"] == "login_required"
    assert len(browser.trail) == 1


async def test_a_second_factor_is_asked_for(stage: Stage, browser: Browser) -> None:
    secret = await enrol(stage, "agent")
    app = await stage.install()
    await browser.open(AUTHORIZE, asking(app))
    page = await log_in(browser)
    assert (page.status, page.heading) == (200, "Enter your code")
    assert browser.jar.find(sessions_cookie(ACCOUNT)) is None
    page = await browser.submit({"code": "000000"})
    assert (page.status, page.alerts) == (403, ["This code is wrong, too old, or has been used already."])
    page = await browser.submit({"code": code_at(stage, secret)})
    assert page.heading == "Allow Example web application?"
    page = await browser.submit(press="Allow")
    tokens = await redeem(stage, app, page.answer_parameters["code"])
    assert '"otp"' in decoded_payload(tokens["id_token"])


async def test_a_code_that_comes_after_too_long_starts_the_login_again(stage: Stage, browser: Browser) -> None:
    secret = await enrol(stage, "agent")
    app = await stage.install()
    await browser.open(AUTHORIZE, asking(app))
    await log_in(browser)
    stage.clock.advance(seconds=600)
    page = await browser.submit({"code": code_at(stage, secret)})
    assert (page.status, page.heading) == (403, "Log in")
    assert page.alerts == ["This login took too long. Start it again."]


async def test_who_has_the_password_alone_cannot_skip_the_second_factor(stage: Stage, browser: Browser) -> None:
    await enrol(stage, "agent")
    app = await stage.install()
    await browser.open(AUTHORIZE, asking(app))
    page = await log_in(browser)
    sealed = page.form.input("t").value
    page = await browser.open(f"{INTERACTION}/resume", {"t": sealed})
    assert page.heading == "Log in"


# Choosing a user


async def test_with_two_users_in_the_browser_the_person_chooses(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    await browser.open(AUTHORIZE, asking(app))
    await log_in(browser, "agent")
    await browser.submit(press="Allow")
    page = await browser.open(AUTHORIZE, asking(app, prompt="select_account"))
    assert page.heading == "Choose a user"
    page = await browser.submit(press="Log in as another user")
    assert page.heading == "Log in"
    page = await log_in(browser, "admin")
    await browser.submit(press="Allow")
    page = await browser.open(AUTHORIZE, asking(app, prompt="select_account"))
    assert [button.text for button in page.form.buttons] == ["Aadminadmin", "Aagentagent", "Log in as another user"]
    page = await browser.submit(press="agent")
    tokens = await redeem(stage, app, page.answer_parameters["code"])
    agent = await stage.accounts.find_user_by_login(ACCOUNT, "agent")
    assert agent is not None
    assert f'"sub":"{agent.user_id}"' in decoded_payload(tokens["id_token"])


async def test_a_chosen_session_that_ended_meanwhile_is_not_used(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    await browser.open(AUTHORIZE, asking(app))
    await log_in(browser, "agent")
    page = await browser.open(AUTHORIZE, asking(app, prompt="select_account"))
    session_id = page.form.buttons[0].value
    assert (await stage.manage("DELETE", f"/sessions/{session_id}")).status_code in {200, 204}
    page = await browser.submit(press=session_id)
    assert page.heading == "Log in"


async def test_a_session_that_is_not_of_this_browser_cannot_be_chosen(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    await browser.open(AUTHORIZE, asking(app))
    await log_in(browser, "agent")
    for chosen in ("", "ses_00000000000000000000000000", "another ", "x" * 1000):
        page = await browser.open(AUTHORIZE, asking(app, prompt="select_account"))
        page = await browser.post(page.form.action, {"t": page.form.input("t").value, "session": chosen})
        assert page.heading == "Choose a user"


async def test_the_session_of_another_browser_cannot_be_chosen(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    victim = Browser(stage.http)
    await victim.open(AUTHORIZE, asking(app))
    await log_in(victim, "admin")
    page = await victim.open(AUTHORIZE, asking(app, prompt="select_account"))
    session_id = page.form.buttons[0].value
    await browser.open(AUTHORIZE, asking(app))
    await log_in(browser, "agent")
    page = await browser.open(AUTHORIZE, asking(app, prompt="select_account"))
    page = await browser.post(page.form.action, {"t": page.form.input("t").value, "session": session_id})
    assert page.heading == "Choose a user"
    assert await grants_of(stage) == 0


# Forged forms


@pytest.mark.parametrize("step", ["login", "code", "choose", "consent"])
async def test_a_form_of_another_browser_is_refused(stage: Stage, browser: Browser, step: str) -> None:
    app = await stage.install()
    attacker = Browser(stage.http)
    page = await attacker.open(AUTHORIZE, asking(app))
    stolen = page.form.input("t").value
    await browser.open(AUTHORIZE, asking(app))
    await log_in(browser)
    sessions = browser.jar.find(sessions_cookie(ACCOUNT))
    page = await browser.post(
        f"{INTERACTION}/{step}",
        {"t": stolen, "username": "admin", "password": WORD, "decision": "allow", "session": "another"},
    )
    assert (page.status, page.heading) == (403, "This page belongs to another browser")
    assert browser.jar.find(sessions_cookie(ACCOUNT)) == sessions
    assert await grants_of(stage) == 0


@pytest.mark.parametrize("step", ["login", "choose", "consent", "resume"])
async def test_an_address_of_another_browser_is_refused(stage: Stage, browser: Browser, step: str) -> None:
    app = await stage.install()
    stolen = (await Browser(stage.http).open(AUTHORIZE, asking(app))).form.input("t").value
    await browser.open(AUTHORIZE, asking(app))
    page = await browser.open(f"{INTERACTION}/{step}", {"t": stolen})
    assert (page.status, page.heading) == (403, "This page belongs to another browser")


async def test_a_form_on_a_page_of_another_site_is_refused(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    page = await browser.open(AUTHORIZE, asking(app))
    sealed = page.form.input("t").value
    values = {"t": sealed, "username": "agent", "password": WORD}
    for headers in (
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-site"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    ):
        await browser.open(f"{INTERACTION}/login", {"t": sealed})
        page = await browser.submit({"username": "agent", "password": WORD}, headers=headers)
        assert (page.status, page.text.endswith("form_of_another_site")) == (403, True)
    page = await browser.post(f"{INTERACTION}/login", values, from_site="https://evil.example")
    assert page.status == 403
    assert browser.jar.find(sessions_cookie(ACCOUNT)) is None


async def test_an_old_browser_that_only_sends_the_origin_is_judged_by_it(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    page = await browser.open(AUTHORIZE, asking(app))
    body = f"t={page.form.input('t').value}&username=agent&password={WORD.replace(' ', '+')}"
    statuses = {}
    for origin in ("https://evil.example", f"{ORIGIN}.evil.example", "null", ORIGIN):
        answer = await stage.http.post(
            f"{INTERACTION}/login",
            content=body,
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": origin,
                "Cookie": browser.jar.header(f"{ORIGIN}/"),
            },
        )
        statuses[origin] = answer.status_code
    assert statuses == {"https://evil.example": 403, f"{ORIGIN}.evil.example": 403, "null": 303, ORIGIN: 303}


async def test_without_cookies_the_page_says_that_they_are_needed(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    page = await browser.open(AUTHORIZE, asking(app))
    browser.jar.cookies.clear()
    sealed = {"t": page.form.input("t").value}
    for shown in (
        await browser.open(f"{INTERACTION}/login", sealed),
        await browser.post(f"{INTERACTION}/login", sealed),
    ):
        assert (shown.status, shown.heading) == (400, "Cookies are needed")


async def test_a_transaction_lives_for_an_hour(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    page = await browser.open(AUTHORIZE, asking(app))
    stage.clock.advance(seconds=3_600)
    page = await log_in(browser)
    assert (page.status, page.heading) == (400, "This page is too old")
    assert browser.jar.find(sessions_cookie(ACCOUNT)) is None


@pytest.mark.parametrize("step", ["login", "code", "choose", "consent"])
async def test_a_hostile_transaction_is_refused(stage: Stage, browser: Browser, step: str) -> None:
    app = await stage.install()
    await browser.open(AUTHORIZE, asking(app))
    for sealed in ("", "x", "A" * 100, "é", "\x00", "=" * 20_000, "..", "%2e", "a b"):
        for page in (
            await browser.open(f"{INTERACTION}/{step}", {"t": sealed}),
            await browser.post(f"{INTERACTION}/{step}", {"t": sealed, "decision": "allow", "session": "another"}),
        ):
            assert (page.status, page.heading) == (400, "This page is too old")


async def test_a_transaction_of_one_account_is_worth_nothing_at_another(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    page = await browser.open(AUTHORIZE, asking(app))
    sealed = page.form.input("t").value
    page = await browser.open(f"/oidc/{OTHER_ACCOUNT}/interaction/login", {"t": sealed})
    assert (page.status, page.heading) == (400, "This page is too old")


async def test_the_pages_of_an_account_that_is_not_there_do_not_exist(browser: Browser) -> None:
    page = await browser.open("/oidc/999/interaction/login", {"t": "x"})
    assert (page.status, page.headings) == (404, ["This did not work"])


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("", b"t=x", 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("application/x-www-form-urlencoded", b"t=\xff", 400),
        ("application/x-www-form-urlencoded", b"t=%ff", 400),
        ("application/x-www-form-urlencoded", b"t=a&t=b", 400),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % number for number in range(50)), 400),
        ("application/x-www-form-urlencoded", b"t=" + b"x" * 70_000, 413),
    ],
)
async def test_what_is_not_a_form_of_ours_is_refused_by_a_page(
    stage: Stage, content_type: str, body: bytes, status: int
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = await stage.http.post(f"{INTERACTION}/login", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-frame-options"] == "DENY"


async def test_a_consent_without_a_decision_decides_nothing(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    await browser.open(AUTHORIZE, asking(app))
    page = await log_in(browser)
    page = await browser.post(page.form.action, {"t": page.form.input("t").value})
    assert page.status == 400
    assert await grants_of(stage) == 0


async def test_a_consent_cannot_be_given_with_the_form_of_the_login_page(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    page = await browser.open(AUTHORIZE, asking(app))
    sealed = page.form.input("t").value
    await log_in(browser)
    page = await browser.post(f"{INTERACTION}/consent", {"t": sealed, "decision": "allow"})
    assert page.heading == "Allow Example web application?"
    assert await grants_of(stage) == 0


# Headers


async def test_every_step_keeps_others_out(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    answers = []
    await browser.open(AUTHORIZE, asking(app))
    answers += browser.trail
    await log_in(browser)
    answers += browser.trail
    await browser.submit(press="Allow")
    answers += browser.trail
    assert [answer.status_code for answer in answers] == [302, 200, 303, 303, 200, 303]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        if answer.status_code == 200:
            policy = answer.headers["content-security-policy"]
            assert "frame-ancestors 'none'" in policy
            assert "form-action 'self' https:;" in policy
            assert answer.headers["x-frame-options"] == "DENY"


async def test_no_address_on_the_way_holds_a_password_or_a_bearer(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    await browser.open(AUTHORIZE, asking(app))
    await log_in(browser)
    cookie = browser.jar.find(sessions_cookie(ACCOUNT))
    assert cookie is not None
    for answer in browser.trail:
        for text in (str(answer.request.url), answer.headers.get("location", ""), answer.text):
            assert cookie.value not in text
            assert WORD not in text
            assert dict(parse_qsl(urlsplit(text).query)).keys() <= {"t"}


async def test_a_spoofed_host_leads_nowhere_else(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    await browser.open(AUTHORIZE, asking(app))
    answer = await stage.http.get(
        AUTHORIZE, params=asking(app), headers={"Host": "evil.example", "Cookie": browser.jar.header(ORIGIN)}
    )
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{INTERACTION}/login?t=")
    assert "evil" not in answer.headers["location"]


async def test_the_mark_stays_the_same_over_many_logins(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    await browser.open(AUTHORIZE, asking(app))
    mark = browser.jar.find(MARK_COOKIE)
    await log_in(browser)
    await browser.open(AUTHORIZE, asking(app, prompt="login"))
    assert browser.jar.find(MARK_COOKIE) == mark


# Two tabs


async def test_a_login_in_another_tab_does_not_spoil_this_one(stage: Stage, browser: Browser) -> None:
    app = await stage.install()
    first = await browser.open(AUTHORIZE, asking(app, state="first"))
    await browser.open(AUTHORIZE, asking(app, state="second"))
    await log_in(browser)
    browser.page = first
    await log_in(browser)
    page = await browser.submit(press="Allow")
    assert page.answer_parameters["state"] == "first"


async def enrol(stage: Stage, name: str) -> str:
    """Give a user a second factor; return its secret."""
    user = await stage.accounts.find_user_by_login(ACCOUNT, name)
    assert user is not None
    enrolled = await stage.accounts.begin_second_factor(ACCOUNT, user.user_id, OPERATOR)
    secret = enrolled.secret.reveal()
    await stage.accounts.confirm_second_factor(ACCOUNT, user.user_id, Secret(code_at(stage, secret)), OPERATOR)
    stage.clock.advance(seconds=30)
    return secret


def code_at(stage: Stage, secret: str) -> str:
    return pyotp.TOTP(secret).at(stage.clock.at_ms // 1000)


def decoded_payload(token: str) -> str:
    payload = token.split(".")[1]
    return base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()
