"""Consents: asked once, remembered by user, app and scope, given for everybody, withdrawn with what they allowed."""

import asyncio
from functools import partial

import pytest
import sqlalchemy as sa

from support.authorize_requests import NOTHING, allow, ask, count_rows, landed, log_in, parameters_of
from support.browser import Browser
from support.oauth_stage import ACCOUNT, ORIGIN, Installed, Stage
from switchbay.oauth.browser import sessions_cookie
from switchbay.oauth.store.consents import Consent, add_consent, find_consented_scope
from switchbay.oauth.tables import grants

SCOPE = "msg.consumer openid"


def _browser(stage: Stage, *bearers: str) -> Browser:
    browser = Browser(stage.http)
    browser.jar.store(f"{sessions_cookie(ACCOUNT)}={'.'.join(bearers)}; Path=/; Secure", ORIGIN)
    return browser


async def _begin(browser: Browser, app: Installed, **changes: str) -> str:
    """Open the endpoint; return the heading of the page that is shown, or the address that was left for."""
    page = await browser.open(f"/oidc/{ACCOUNT}/authorize", parameters_of(app, changes))
    return page.heading if page.left_for is None else page.left_for.partition("?")[0]


async def _silent(stage: Stage, app: Installed, bearer: str, scope: str = "openid") -> str:
    fields = landed(await ask(stage, app, bearers=[bearer], prompt="none", scope=scope)).fields
    return fields.get("error", "code")


async def _listed(stage: Stage, user: str = "admin", query: str = "") -> list[dict[str, object]]:
    answer = await stage.manage("GET", f"/consents{query}", user=user)
    assert answer.status_code == 200, answer.text
    return [{name: item[name] for name in ("app", "user", "scope", "granted_by")} for item in answer.json()["items"]]


async def _user_id(stage: Stage, bearer: str) -> str:
    return (await stage.accounts.authenticate(ACCOUNT, bearer)).user_id


async def test_consent_is_asked_once_and_remembered_for_user_app_and_scope(stage: Stage) -> None:
    app = await stage.install()
    bearer = await log_in(stage)
    browser = _browser(stage, bearer)
    assert (await _begin(browser, app)).startswith("Allow ")
    assert await count_rows(stage) == NOTHING
    page = await browser.submit(press="allow")
    assert page.answer_parameters.keys() == {"code", "state", "iss"}
    user_id = await _user_id(stage, bearer)
    assert await _listed(stage) == [{"app": app.client_id, "user": user_id, "scope": "openid", "granted_by": user_id}]
    assert await _silent(stage, app, bearer) == "code"
    # More asks again; what is allowed adds up.
    assert await _silent(stage, app, bearer, "openid msg.consumer") == "consent_required"
    assert (await _begin(browser, app, scope="msg.consumer")).startswith("Allow ")
    await browser.submit(press="allow")
    assert await _silent(stage, app, bearer, "openid msg.consumer") == "code"
    assert [item["scope"] for item in await _listed(stage)] == [SCOPE]
    # It is this user's, and for this app.
    assert await _silent(stage, app, await log_in(stage, "developer")) == "consent_required"
    other = await stage.install(client_name="com.example.other")
    assert await _silent(stage, other, bearer) == "consent_required"
    actions = (await stage.manage("GET", "/audit?object_type=consent")).json()["items"]
    assert [(entry["action"], entry["actor"]["id"], entry["detail"]["scope"]) for entry in actions] == [
        ("consent.grant", user_id, "msg.consumer"),
        ("consent.grant", user_id, "openid"),
    ]


async def test_denying_stores_nothing_and_tells_the_client(stage: Stage) -> None:
    app = await stage.install()
    browser = _browser(stage, await log_in(stage))
    await _begin(browser, app)
    page = await browser.submit(press="deny")
    assert page.answer_parameters["error"] == "access_denied"
    assert await count_rows(stage) == NOTHING


async def test_prompt_consent_asks_although_it_was_allowed(stage: Stage) -> None:
    app = await stage.install()
    await allow(stage, app)
    browser = _browser(stage, await log_in(stage))
    assert (await _begin(browser, app, prompt="consent")).startswith("Allow ")
    page = await browser.submit(press="allow")
    assert "code" in page.answer_parameters


async def test_an_app_without_any_scope_is_asked_about_once_too(stage: Stage) -> None:
    app = await stage.install(scope=None)
    browser = _browser(stage, await log_in(stage))
    assert (await _begin(browser, app, scope="")).startswith("Allow ")
    await browser.submit(press="allow")
    assert await _begin(browser, app, scope="") == "https://app.example.com/callback"


async def test_an_administrator_allows_for_everybody_on_the_page(stage: Stage) -> None:
    app = await stage.install()
    admin = await log_in(stage, "admin")
    browser = _browser(stage, admin)
    await _begin(browser, app)
    await browser.submit(press="allow", tick=["everyone"])
    [consent] = await _listed(stage)
    assert (consent["user"], consent["granted_by"]) == ("*", await _user_id(stage, admin))
    assert await _silent(stage, app, await log_in(stage, "agent")) == "code"


async def test_who_is_no_administrator_allows_for_themself_only(stage: Stage) -> None:
    app = await stage.install()
    agent = await log_in(stage)
    browser = _browser(stage, agent)
    await _begin(browser, app)
    form = browser.shown.form
    await browser.post(form.action, {**dict(form.values()), "decision": "allow", "everyone": "yes"})
    [consent] = await _listed(stage)
    assert consent["user"] == await _user_id(stage, agent)
    assert await _silent(stage, app, await log_in(stage, "developer")) == "consent_required"


async def test_what_was_allowed_counts_for_the_scope_that_was_shown(stage: Stage) -> None:
    """The manifest grows while the page is on the screen: the app's whole scope was asked for, and is more now."""
    app = await stage.install(scope=None)
    browser = _browser(stage, await log_in(stage))
    await _begin(browser, app, scope="")
    document = (await stage.manage("GET", f"/apps/{app.client_id}/export")).json()
    answer = await stage.manage("PUT", f"/apps/{app.client_id}", {**document, "scope": "msg.consumer"})
    assert answer.status_code == 200, answer.text
    page = await browser.submit(press="allow")
    assert page.heading.startswith("Allow ")
    assert await count_rows(stage) == NOTHING


async def test_an_administrator_allows_over_the_management_api(stage: Stage) -> None:
    app = await stage.install()
    answer = await stage.manage("POST", "/consents", {"app": app.client_id, "scope": "openid"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["user"], answer.json()["scope"]) == ("*", "openid")
    bearer = await log_in(stage)
    assert await _silent(stage, app, bearer) == "code"
    assert await _silent(stage, app, bearer, SCOPE) == "consent_required"
    answer = await stage.manage("POST", "/consents", {"app": app.client_id})
    assert answer.json()["scope"] == "email msg.consumer offline_access openid profile"
    assert await _silent(stage, app, bearer, "offline_access openid") == "code"


@pytest.mark.parametrize(
    ("user", "body", "status", "code"),
    [
        ("agent", {"app": "APP"}, 403, "role_missing"),
        ("developer", {"app": "APP"}, 403, "role_missing"),
        ("foreign", {"app": "APP"}, 401, "session_invalid"),
        ("admin", {"app": "3f0c0000-0000-4000-8000-000000000000"}, 404, "app_unknown"),
        ("admin", {"app": "\x00"}, 404, "app_unknown"),
        ("admin", {"app": "APP", "scope": "openid admin"}, 400, "consent_scope_invalid"),
        ("admin", {"app": "APP", "scope": "\x00"}, 400, "consent_scope_invalid"),
        ("admin", {"app": "APP", "user": "1"}, 400, "invalid_request"),
        ("admin", {}, 400, "invalid_request"),
    ],
)
async def test_a_consent_for_everybody_that_is_refused_changes_nothing(
    stage: Stage, user: str, body: dict[str, str], status: int, code: str
) -> None:
    app = await stage.install()
    sent = {name: app.client_id if text == "APP" else text for name, text in body.items()}
    answer = await stage.manage("POST", "/consents", sent, user=user)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert await count_rows(stage) == NOTHING


async def test_withdrawing_asks_again_and_ends_what_was_granted(stage: Stage) -> None:
    app = await stage.install()
    agent, developer = await log_in(stage), await log_in(stage, "developer")
    for bearer in (agent, developer):
        browser = _browser(stage, bearer)
        await _begin(browser, app)
        await browser.submit(press="allow")
    user_id = await _user_id(stage, agent)
    answer = await stage.manage("DELETE", f"/consents/{app.client_id}/{user_id}")
    assert (answer.status_code, answer.json()) == (200, {"grants_ended": 1})
    assert await _silent(stage, app, agent) == "consent_required"
    assert await _silent(stage, app, developer) == "code"
    rows = await stage.db.read(lambda tx: tx.fetch(sa.select(grants)))
    ended = {row["user_id"]: row["revoked_for"] for row in rows if row["revoked_at"] is not None}
    assert ended == {user_id: "consent_withdrawn"}
    answer = await stage.manage("DELETE", f"/consents/{app.client_id}/{user_id}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "consent_unknown")


async def test_withdrawing_the_consent_for_everybody_ends_every_grant_of_the_app(stage: Stage) -> None:
    app, other = await stage.install(), await stage.install(client_name="com.example.other")
    await allow(stage, app)
    await allow(stage, other)
    for name in ("agent", "developer"):
        bearer = await log_in(stage, name)
        assert await _silent(stage, app, bearer) == "code"
        assert await _silent(stage, other, bearer) == "code"
    answer = await stage.manage("DELETE", f"/consents/{app.client_id}/*")
    assert answer.json() == {"grants_ended": 2}
    assert await _silent(stage, app, await log_in(stage)) == "consent_required"
    assert await _silent(stage, other, await log_in(stage)) == "code"


async def test_users_see_and_withdraw_their_own_consents_only(stage: Stage) -> None:
    app = await stage.install()
    await allow(stage, app)
    for name in ("agent", "developer"):
        browser = _browser(stage, stage.bearers[name])
        await _begin(browser, app, prompt="consent")
        await browser.submit(press="allow")
    agent, developer = [await _user_id(stage, stage.bearers[name]) for name in ("agent", "developer")]
    assert [item["user"] for item in await _listed(stage)] == sorted(["*", agent, developer])
    assert [item["user"] for item in await _listed(stage, "agent", f"?user={developer}")] == [agent]
    for whose in (developer, "*"):
        answer = await stage.manage("DELETE", f"/consents/{app.client_id}/{whose}", user="agent")
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "role_missing")
    assert len(await _listed(stage)) == 3
    answer = await stage.manage("DELETE", f"/consents/{app.client_id}/{agent}", user="agent")
    assert answer.status_code == 200
    assert [item["user"] for item in await _listed(stage)] == ["*", developer]


async def test_lists_are_paged_and_filtered(stage: Stage) -> None:
    apps = [await stage.install(client_name=f"com.example.app{number}") for number in range(3)]
    for app in apps:
        await allow(stage, app)
    ids = sorted(app.client_id for app in apps)
    seen: list[object] = []
    cursor = ""
    while True:
        answer = (await stage.manage("GET", f"/consents?limit=1{cursor}")).json()
        seen += [item["app"] for item in answer["items"]]
        if answer["next_cursor"] is None:
            break
        cursor = f"&cursor={answer['next_cursor']}"
    assert seen == ids
    assert [item["app"] for item in await _listed(stage, query=f"?app={ids[1]}")] == [ids[1]]
    assert await _listed(stage, query="?app=%00") == []
    assert await _listed(stage, query="?user=%00") == []
    for wrong in ("x", "%00.1", "a.b"):
        answer = await stage.manage("GET", f"/consents?cursor={wrong}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "cursor_invalid")


async def test_consents_given_at_once_add_up(stage: Stage) -> None:
    def consent(word: str) -> Consent:
        return Consent(ACCOUNT, "app", "1001", frozenset({word}), 1, "1001")

    wanted = [f"word{number}" for number in range(12)]
    await asyncio.gather(*(stage.db.write(partial(add_consent, consent=consent(word))) for word in wanted))
    found = await stage.db.read(lambda tx: find_consented_scope(tx, ACCOUNT, "app", "1001"))
    assert found == frozenset(wanted)


async def test_a_code_is_never_left_alive_by_a_consent_that_is_withdrawn_at_the_same_time(stage: Stage) -> None:
    app = await stage.install()
    bearer = await log_in(stage)
    for _ in range(10):
        await allow(stage, app)
        answers = await asyncio.gather(
            *(_silent(stage, app, bearer) for _ in range(5)),
            stage.manage("DELETE", f"/consents/{app.client_id}/*"),
        )
        assert set(answers[:5]) <= {"code", "consent_required"}
        alive = await stage.db.read(
            lambda tx: tx.fetch(sa.select(grants.c.grant_id).where(grants.c.revoked_at.is_(None)))
        )
        assert not alive


async def test_a_code_is_never_left_alive_by_a_session_that_is_ended_at_the_same_time(stage: Stage) -> None:
    app = await stage.install()
    await allow(stage, app)
    for _ in range(10):
        bearer = await log_in(stage)
        answers = await asyncio.gather(
            *(_silent(stage, app, bearer) for _ in range(5)),
            stage.accounts.logout(ACCOUNT, bearer, None),
        )
        assert set(answers[:5]) <= {"code", "login_required"}
        alive = await stage.db.read(
            lambda tx: tx.fetch(sa.select(grants.c.grant_id).where(grants.c.revoked_at.is_(None)))
        )
        assert not alive
