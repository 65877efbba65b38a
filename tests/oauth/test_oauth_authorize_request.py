"""What an authorization request may ask for, and the answers to those that may not: over HTTP, and as pure checks."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa

from support.accounts_house import HOME
from support.authorize_requests import (
    CHALLENGE,
    VERIFIER,
    FaceName,
    allow,
    ask,
    ask_raw,
    count_rows,
    landed,
    log_in,
    parameters_of,
    path_of,
)
from support.browser import Browser
from support.oauth_stage import ACCOUNT, CALLBACK, ISSUER, Stage
from switchbay.kit.errors import AppError, Kind
from switchbay.oauth.browser import sessions_cookie
from switchbay.oauth.domain import Policy, digest
from switchbay.oauth.protocol import rfc7636_pkce
from switchbay.oauth.tables import codes, grants

IMPLICIT: Mapping[str, Any] = {"response_types": ["code", "token", "id_token", "id_token token"]}


async def _switch_implicit_on(stage: Stage) -> None:
    answer = await stage.manage("PATCH", "/oauth-policy", {"implicit_enabled": True})
    assert answer.status_code == 200, answer.text


async def test_a_user_with_a_session_gets_a_code_at_once(stage: Stage) -> None:
    app = await stage.install()
    await allow(stage, app)
    bearer = await log_in(stage)
    answer = await ask(stage, app, bearers=[bearer], code_challenge=CHALLENGE, code_challenge_method="S256", nonce="n")
    assert answer.status_code == 302
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    found = landed(answer)
    assert found.address == CALLBACK
    assert {name: value for name, value in found.fields.items() if name != "code"} == {"state": "xyz", "iss": ISSUER}
    assert len(found.fields["code"]) == 43
    principal = await stage.accounts.authenticate("4711001", bearer)
    code = await stage.db.read(lambda tx: tx.fetch_one(sa.select(codes)))
    grant = await stage.db.read(lambda tx: tx.fetch_one(sa.select(grants)))
    assert code is not None
    assert grant is not None
    assert bytes(code["code_hash"]) == digest(found.fields["code"])
    now = stage.clock.now_ms()
    assert (code["grant_id"], code["client_id"], code["used_at"]) == (grant["grant_id"], app.client_id, None)
    assert (code["redirect_uri"], code["redirect_uri_given"]) == (CALLBACK, True)
    assert (code["code_challenge"], code["nonce"], code["expires_at"]) == (CHALLENGE, "n", now + 60_000)
    assert (grant["client_id"], grant["user_id"]) == (app.client_id, principal.user_id)
    assert (grant["session_id"], grant["face"], grant["scope"]) == (principal.session_id, "oidc", "openid")
    assert (grant["auth_time"], grant["amr"], grant["created_at"]) == (principal.auth_time, "pwd", now)
    assert (grant["expires_at"], grant["revoked_at"], grant["resources"]) == (now + 60_000, None, "[]")


async def test_the_old_path_answers_without_iss_and_takes_the_whole_scope_of_the_manifest(stage: Stage) -> None:
    app = await stage.install()
    await allow(stage, app)
    bearers = [await log_in(stage)]
    answer = await ask(stage, app, face="sentinel", bearers=bearers, scope=None, v="1.0")
    assert answer.status_code == 302
    assert landed(answer).fields.keys() == {"code", "state"}
    grant = await stage.db.read(lambda tx: tx.fetch_one(sa.select(grants)))
    assert grant is not None
    assert (grant["face"], grant["scope"]) == ("sentinel", "msg.consumer openid")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_old_path_gives_the_scope_that_is_named_and_no_other(stage: Stage) -> None:
    app = await stage.install(**IMPLICIT)
    await allow(stage, app)
    await _switch_implicit_on(stage)
    wanted = {"response_type": "id_token token", "nonce": "n", "scope": "msg.consumer"}
    answer = await ask(stage, app, face="sentinel", bearers=[await log_in(stage)], changes=wanted)
    assert landed(answer).fields["scope"] == "msg.consumer"
    assert "id_token" in landed(answer).fields


@pytest.mark.parametrize("face", ["oidc", "sentinel"])
async def test_a_form_that_is_posted_is_answered_by_a_redirect_that_posts_nothing(stage: Stage, face: FaceName) -> None:
    app = await stage.install()
    await allow(stage, app)
    answer = await ask(stage, app, face=face, bearers=[await log_in(stage)], method="POST")
    assert answer.status_code == 303
    assert landed(answer).address == CALLBACK
    assert "code" in landed(answer).fields


async def test_the_host_of_a_request_does_not_change_the_issuer(stage: Stage) -> None:
    app = await stage.install()
    form = urlencode(parameters_of(app, {"prompt": "none"}))
    answer = await stage.http.get(
        f"/oidc/4711001/authorize?{form}",
        headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"},
    )
    assert landed(answer).fields["iss"] == ISSUER


REFUSALS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any], str, str]] = {
    # what is asked: (changes of the manifest, changes of the request, error, reason in the developer log)
    "no response type": ({}, {"response_type": None}, "invalid_request", "response_type_missing"),
    "unknown response type": ({}, {"response_type": "none"}, "unsupported_response_type", "response_type_unknown"),
    "hybrid": (IMPLICIT, {"response_type": "code id_token"}, "unsupported_response_type", "response_type_unknown"),
    "the same word twice": ({}, {"response_type": "code code"}, "unsupported_response_type", "response_type_unknown"),
    "another case": ({}, {"response_type": "Code"}, "unsupported_response_type", "response_type_unknown"),
    "not in the manifest": ({}, {"response_type": "token"}, "unauthorized_client", "response_type_not_allowed"),
    "implicit off": (
        IMPLICIT,
        {"response_type": "id_token", "nonce": "n"},
        "unsupported_response_type",
        "implicit_disabled",
    ),
    "unknown mode": ({}, {"response_mode": "web_message"}, "invalid_request", "response_mode"),
    "unknown scope": ({}, {"scope": "openid admin"}, "invalid_scope", "scope_not_allowed"),
    "malformed scope": ({}, {"scope": "openid  profile"}, "invalid_scope", "scope_malformed"),
    "scope of another app": ({"scope": None}, {"scope": "msg.consumer"}, "invalid_scope", "scope_not_allowed"),
    "offline without refresh": (
        {"grant_types": ["authorization_code"]},
        {"scope": "openid offline_access"},
        "invalid_scope",
        "scope_not_allowed",
    ),
    "plain": (
        {},
        {"code_challenge": VERIFIER, "code_challenge_method": "plain"},
        "invalid_request",
        "pkce_method",
    ),
    "plain by default": ({}, {"code_challenge": CHALLENGE}, "invalid_request", "pkce_method"),
    "unknown method": (
        {},
        {"code_challenge": CHALLENGE, "code_challenge_method": "s256"},
        "invalid_request",
        "pkce_method",
    ),
    "method alone": ({}, {"code_challenge_method": "S256"}, "invalid_request", "pkce_missing"),
    "short challenge": (
        {},
        {"code_challenge": CHALLENGE[:-1], "code_challenge_method": "S256"},
        "invalid_request",
        "pkce_challenge",
    ),
    "padded challenge": (
        {},
        {"code_challenge": CHALLENGE + "=", "code_challenge_method": "S256"},
        "invalid_request",
        "pkce_challenge",
    ),
    "challenge of other characters": (
        {},
        {"code_challenge": CHALLENGE[:-1] + "+", "code_challenge_method": "S256"},
        "invalid_request",
        "pkce_challenge",
    ),
    "public client without PKCE": (
        {"token_endpoint_auth_method": "none", "grant_types": ["authorization_code"]},
        {},
        "invalid_request",
        "pkce_missing",
    ),
    "none with another": ({}, {"prompt": "none login"}, "invalid_request", "prompt"),
    "unknown prompt": ({}, {"prompt": "create"}, "invalid_request", "prompt"),
    "negative age": ({}, {"max_age": "-1"}, "invalid_request", "max_age"),
    "age in words": ({}, {"max_age": "1e3"}, "invalid_request", "max_age"),
    "age of other digits": ({}, {"max_age": "\u0661\u0662"}, "invalid_request", "max_age"),
    "age beyond all": ({}, {"max_age": "9" * 40}, "invalid_request", "max_age"),
    "request object": ({}, {"request": "eyJ"}, "request_not_supported", "request_not_supported"),
    "request by address": (
        {},
        {"request_uri": "https://app.example.com/request"},
        "request_uri_not_supported",
        "request_uri_not_supported",
    ),
    "registration": ({}, {"registration": "{}"}, "registration_not_supported", "registration_not_supported"),
    "resource that is none": ({}, {"resource": "not-a-uri"}, "invalid_target", "resource_malformed"),
    "resource with fragment": ({}, {"resource": f"{ISSUER}#x"}, "invalid_target", "resource_malformed"),
    "resource of others": ({}, {"resource": "https://api.example.com/"}, "invalid_target", "resource_unknown"),
    "one resource of two": (
        {},
        {"resource": [ISSUER, "https://api.example.com/"]},
        "invalid_target",
        "resource_unknown",
    ),
    "hint that is no token": ({}, {"id_token_hint": "x.y.z"}, "invalid_request", "id_token_hint_invalid"),
    "repeated parameter": ({}, {"nonce": ["a", "b"]}, "invalid_request", "parameter_repeated"),
    "repeated unknown parameter": ({}, {"foo": ["a", "a"]}, "invalid_request", "parameter_repeated"),
    "repeated scope": ({}, {"scope": ["openid", "openid"]}, "invalid_request", "parameter_repeated"),
    "repeated response type": ({}, {"response_type": ["code", "code"]}, "invalid_request", "parameter_repeated"),
    "repeated prompt": ({}, {"prompt": ["login", "none"]}, "invalid_request", "parameter_repeated"),
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", REFUSALS)
async def test_what_may_not_be_asked_is_refused_by_an_answer_to_the_client(stage: Stage, name: str) -> None:
    manifest, changes, error, reason = REFUSALS[name]
    app = await stage.install(**manifest)
    await allow(stage, app)
    before = await count_rows(stage)
    answer = await ask(stage, app, bearers=[await log_in(stage)], changes=changes)
    found = landed(answer)
    assert found.address == CALLBACK
    assert found.fields.keys() == {"error", "error_description", "state", "iss"}
    assert (found.fields["error"], found.fields["state"], found.fields["iss"]) == (error, "xyz", ISSUER)
    assert '"' not in found.fields["error_description"]
    assert "\\" not in found.fields["error_description"]
    assert await count_rows(stage) == before
    await stage.server.refusals.flush_once()
    [noted] = (await stage.manage("GET", f"/apps/{app.client_id}/refusals")).json()["items"]
    assert (noted["endpoint"], noted["error"], noted["reason"]) == ("authorize", error, reason)


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
async def test_a_repeated_parameter_that_says_whom_to_answer_gets_a_page(stage: Stage, name: str) -> None:
    app = await stage.install()
    value = {"client_id": app.client_id, "redirect_uri": CALLBACK}[name]
    for values in ([value, value], [value, "https://evil.example/"], ["", value]):
        answer = await ask(stage, app, bearers=[await log_in(stage)], changes={name: values})
        assert (answer.status_code, "location" in answer.headers) == (400, False)
        assert "parameter_repeated" in answer.text


@pytest.mark.parametrize("face", ["oidc", "sentinel"])
async def test_a_form_of_another_site_finds_the_user_logged_in(stage: Stage, face: FaceName) -> None:
    """The browser sends no SameSite=Lax cookie with it, and does with the redirect that answers it."""
    app = await stage.install()
    await allow(stage, app)
    browser = Browser(stage.http)
    browser.jar.store(f"{sessions_cookie(ACCOUNT)}={await log_in(stage)}; Path=/; Secure; SameSite=Lax", ISSUER)
    values = dict(parameters_of(app, {"state": "a b&c=d\r\n\u00e4"}))
    page = await browser.post(path_of(face), values, from_site="https://app.example.com")
    assert page.answer_parameters.keys() - {"iss"} == {"code", "state"}
    assert page.answer_parameters["state"] == "a b&c=d\r\n\u00e4"
    assert [answer.status_code for answer in browser.trail] == [303, 302]


async def test_a_form_without_cookies_that_is_too_long_for_a_query_is_answered_all_the_same(stage: Stage) -> None:
    app = await stage.install()
    form = urlencode(parameters_of(app, {"prompt": "none", "state": None})) + "&state=" + "(" * 4_000
    answer = await ask_raw(stage, form, method="POST")
    assert landed(answer).fields["error"] == "login_required"
    assert landed(answer).fields["state"] == "(" * 4_000


async def test_a_parameter_in_the_query_and_in_the_form_counts_as_repeated(stage: Stage) -> None:
    app = await stage.install()
    form = urlencode(parameters_of(app, {}))
    answer = await stage.http.post(
        "/oidc/4711001/authorize?state=other",
        content=form,
        headers={"Content-Type": "application/x-www-form-urlencoded", "Cookie": "__Host-switchbay_4711001="},
    )
    fields = landed(answer).fields
    assert (fields["error"], "state" in fields) == ("invalid_request", False)


async def test_a_form_of_the_old_path_may_leave_its_version_in_the_query(stage: Stage) -> None:
    app = await stage.install()
    await allow(stage, app)
    bearer = await log_in(stage)
    answer = await stage.http.post(
        "/sentinel/api/account/4711001/authorize?v=2.0",
        content=urlencode(parameters_of(app, {})),
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": f"__Host-switchbay_4711001={bearer}",
        },
    )
    assert "code" in landed(answer).fields


async def test_an_unknown_version_of_the_old_path_is_refused(stage: Stage) -> None:
    app = await stage.install()
    answer = await ask(stage, app, face="sentinel", v="3.0")
    assert landed(answer).fields == {
        "error": "invalid_request",
        "error_description": "The parameter v must be 1.0 or 2.0.",
        "state": "xyz",
    }


async def test_unknown_parameters_and_empty_ones_are_ignored(stage: Stage) -> None:
    app = await stage.install()
    await allow(stage, app)
    ignored = {"foo": "bar", "claims": "{}", "display": "page", "prompt": "", "max_age": "", "request": "", "nonce": ""}
    answer = await ask(stage, app, bearers=[await log_in(stage)], changes=ignored)
    assert "code" in landed(answer).fields


async def test_a_resource_that_the_account_has_is_kept_with_the_grant(stage: Stage) -> None:
    app = await stage.install()
    await allow(stage, app)
    answer = await stage.manage("PATCH", "/oauth-policy", {"resources": ["https://api.example.com/"]})
    assert answer.status_code == 200, answer.text
    wanted = [ISSUER, "https://api.example.com/", ISSUER]
    answer = await ask(stage, app, bearers=[await log_in(stage)], changes={"resource": wanted})
    assert "code" in landed(answer).fields
    grant = await stage.db.read(lambda tx: tx.fetch_one(sa.select(grants.c.resources)))
    assert grant is not None
    assert grant["resources"] == f'["{ISSUER}","https://api.example.com/"]'


@pytest.mark.parametrize(
    ("changes", "mode_field", "fields"),
    [
        (
            {"response_type": "token", "scope": "msg.consumer"},
            "#",
            {"access_token", "token_type", "expires_in", "scope"},
        ),
        ({"response_type": "id_token", "nonce": "n"}, "#", {"id_token"}),
        (
            {"response_type": "id_token token", "nonce": "n"},
            "#",
            {"access_token", "token_type", "expires_in", "scope", "id_token"},
        ),
        (
            {"response_type": "token id_token", "nonce": "n"},
            "#",
            {"access_token", "token_type", "expires_in", "scope", "id_token"},
        ),
        ({"response_type": "id_token", "nonce": "n", "response_mode": "form_post"}, "", {"id_token"}),
        ({"response_type": "id_token", "nonce": "n", "response_mode": "fragment"}, "#", {"id_token"}),
        ({"response_mode": "fragment"}, "#", {"code"}),
        ({"response_mode": "query"}, "?", {"code"}),
        ({"response_mode": "form_post"}, "", {"code"}),
    ],
)
@pytest.mark.parametrize("face", ["oidc", "sentinel"])
async def test_every_type_is_answered_in_the_modes_that_it_may_use(
    stage: Stage, face: FaceName, changes: Mapping[str, str], mode_field: str, fields: set[str]
) -> None:
    app = await stage.install(**IMPLICIT)
    await allow(stage, app)
    await _switch_implicit_on(stage)
    answer = await ask(stage, app, face=face, bearers=[await log_in(stage)], changes=changes)
    found = landed(answer)
    assert found.address == CALLBACK
    assert found.fields.keys() == fields | ({"state", "iss"} if face == "oidc" else {"state"})
    if mode_field:
        assert answer.headers["location"].startswith(f"{CALLBACK}{mode_field}")
    else:
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "id_token"}, "invalid_request"),
        ({"response_type": "id_token token"}, "invalid_request"),
        ({"response_type": "id_token", "nonce": "n", "scope": "msg.consumer"}, "invalid_scope"),
        ({"response_type": "token", "response_mode": "query"}, "invalid_request"),
        ({"response_type": "id_token", "nonce": "n", "response_mode": "query"}, "invalid_request"),
    ],
)
async def test_a_refused_request_for_tokens_is_answered_in_the_fragment(
    stage: Stage, changes: Mapping[str, str], error: str
) -> None:
    app = await stage.install(**IMPLICIT)
    await allow(stage, app)
    await _switch_implicit_on(stage)
    before = await count_rows(stage)
    answer = await ask(stage, app, bearers=[await log_in(stage)], changes=changes)
    assert answer.headers["location"].startswith(f"{CALLBACK}#error={error}&")
    assert await count_rows(stage) == before


async def test_the_old_path_needs_a_nonce_for_id_tokens_too(stage: Stage) -> None:
    app = await stage.install(**IMPLICIT)
    await allow(stage, app)
    await _switch_implicit_on(stage)
    answer = await ask(stage, app, face="sentinel", bearers=[await log_in(stage)], response_type="id_token", scope=None)
    assert landed(answer).fields["error"] == "invalid_request"


async def test_offline_access_is_not_granted_without_a_code(stage: Stage) -> None:
    app = await stage.install(**IMPLICIT)
    await allow(stage, app)
    await _switch_implicit_on(stage)
    answer = await ask(
        stage, app, bearers=[await log_in(stage)], response_type="token", scope="openid offline_access", nonce="n"
    )
    assert landed(answer).fields["scope"] == "openid"


@pytest.mark.parametrize(
    "form",
    [
        "client_id=%FF",
        "client_id=%ED%A0%80",
        "state=%00",
        "%00=x",
        "state=" + "x" * 4_097,
        "x" * 4_097 + "=1",
        "state=" + "x" * 8_193,
        "&".join(f"a{number}=1" for number in range(65)),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_no_client_sends_gets_a_page(stage: Stage, method: Any, form: str) -> None:
    app = await stage.install()
    good = urlencode(parameters_of(app, {"state": None}))
    answer = await ask_raw(stage, f"{good}&{form}", method=method, bearers=[await log_in(stage)])
    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert "request_malformed" in answer.text
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_body_that_is_no_form_gets_a_page(stage: Stage) -> None:
    app = await stage.install()
    body = urlencode(parameters_of(app, {}))
    for media in ("application/json", "multipart/form-data; boundary=x", "text/plain", ""):
        answer = await stage.http.post("/oidc/4711001/authorize", content=body, headers={"Content-Type": media})
        assert (answer.status_code, "location" in answer.headers) == (400, False), media


async def test_an_id_token_hint_must_be_this_apps(stage: Stage) -> None:
    app, other = await stage.install(**IMPLICIT), await stage.install(client_name="com.example.other", **IMPLICIT)
    await allow(stage, app)
    await allow(stage, other)
    await _switch_implicit_on(stage)
    agent, admin = await log_in(stage, "agent"), await log_in(stage, "admin")
    wanted: dict[str, str] = {"response_type": "id_token", "nonce": "n"}
    hint = landed(await ask(stage, app, bearers=[agent], changes=wanted)).fields["id_token"]
    theirs = landed(await ask(stage, other, bearers=[agent], changes=wanted)).fields["id_token"]

    async def answer(hint: str, bearers: Sequence[str]) -> str:
        fields = landed(await ask(stage, app, bearers=bearers, prompt="none", id_token_hint=hint)).fields
        return fields.get("error") or "code"

    assert await answer(hint, [agent]) == "code"
    assert await answer(hint, [admin, agent]) == "code"
    assert await answer(hint, [admin]) == "login_required"
    assert await answer(theirs, [agent]) == "invalid_request"
    assert await answer(hint[:-4] + "AAAA", [agent]) == "invalid_request"
    stage.clock.advance(seconds=3_600)  # an ID token that is over tells as well who it was
    assert await answer(hint, [await log_in(stage, "agent")]) == "code"


async def test_a_session_that_was_ended_counts_no_more(stage: Stage) -> None:
    app = await stage.install()
    await allow(stage, app)
    bearer = await log_in(stage)
    await stage.accounts.logout("4711001", f"Bearer {bearer}", HOME)
    answer = await ask(stage, app, bearers=[bearer], prompt="none")
    assert landed(answer).fields["error"] == "login_required"


async def test_a_session_of_another_account_does_not_count(stage: Stage) -> None:
    app = await stage.install()
    await allow(stage, app)
    foreign = await log_in(stage, "agent", "4711002")
    answer = await ask(stage, app, bearers=[foreign], prompt="none")
    assert landed(answer).fields["error"] == "login_required"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_database_that_is_away_is_told_to_the_client_once_it_is_certain(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = await stage.install()

    async def fail(_account_id: str) -> Policy:
        raise AppError(Kind.UNAVAILABLE, "database_unavailable", "Away.")

    monkeypatch.setattr(stage.server.policies, "get", fail)
    answer = await ask(stage, app)
    assert (landed(answer).fields["error"], landed(answer).fields["state"]) == ("temporarily_unavailable", "xyz")
    monkeypatch.setattr(stage.accounts, "get_account", fail)
    answer = await ask(stage, app)
    assert (answer.status_code, "location" in answer.headers) == (503, False)
    assert answer.headers["content-type"].startswith("text/html")


def test_the_example_of_rfc_7636() -> None:
    assert rfc7636_pkce.make_challenge(VERIFIER) == CHALLENGE
