"""Where an authorization answer may go: to a registered address, byte for byte, and nowhere else (RFC 9700 §4.1.3)."""

import pytest

from support.authorize_requests import NOTHING, FaceName, allow, ask, count_rows, landed, log_in
from support.browser import read_page
from support.oauth_stage import CALLBACK, OTHER_ACCOUNT, Stage

OTHER_CALLBACK = "https://app.example.com/other?kept=1&also=a%20b"

ATTACKS = {
    "scheme": "http://app.example.com/callback",
    "case of the host": "https://App.example.com/callback",
    "case of the path": "https://app.example.com/Callback",
    "case of the scheme": "HTTPS://app.example.com/callback",
    "port that is the default": "https://app.example.com:443/callback",
    "another port": "https://app.example.com:8443/callback",
    "trailing slash": "https://app.example.com/callback/",
    "user info": "https://app.example.com@evil.example/callback",
    "user info before": "https://evil@app.example.com/callback",
    "encoded slash": "https://app.example.com%2f.evil.example/callback",
    "encoded slash in the path": "https://app.example.com/callback%2f..%2fopen",
    "encoded letter": "https://app.example.com/%63allback",
    "backslash": "https://app.example.com\\@evil.example/callback",
    "backslashes for slashes": "https:\\\\app.example.com\\callback",
    "fragment": "https://app.example.com/callback#",
    "fragment with text": "https://app.example.com/callback#access_token=x",
    "query": "https://app.example.com/callback?next=https://evil.example",
    "empty query": "https://app.example.com/callback?",
    "path parameters": "https://app.example.com/callback;x=1",
    "dot segments": "https://app.example.com/x/../callback",
    "subdomain": "https://evil.app.example.com/callback",
    "suffix": "https://app.example.com.evil.example/callback",
    "trailing dot": "https://app.example.com./callback",
    "unicode host": "https://\u0430pp.example.com/callback",
    "unicode dot": "https://app.example\u3002com/callback",
    "full-width": "https://app.example.com/callbac\uff4b",
    "soft hyphen": "https://app.example.com/call\u00adback",
    "right to left mark": "https://app.example.com/callback\u200f",
    "white space after": "https://app.example.com/callback ",
    "white space before": " https://app.example.com/callback",
    "tab inside": "https://app.example.com/call\tback",
    "line break": "https://app.example.com/callback\r\nSet-Cookie: a=b",
    "relative": "/callback",
    "no scheme": "//app.example.com/callback",
    "javascript": "javascript:alert(1)//https://app.example.com/callback",
    "data": "data:text/html,<script>alert(1)</script>",
    "two in one": f"{CALLBACK} {OTHER_CALLBACK}",
    "placeholder": "https://*.example.com/callback",
    "the other without its query": "https://app.example.com/other",
    "the other with its query in another order": "https://app.example.com/other?also=a%20b&kept=1",
    "the other decoded": "https://app.example.com/other?kept=1&also=a b",
}


@pytest.mark.parametrize("face", ["oidc", "sentinel"])
async def test_an_address_that_is_not_registered_byte_for_byte_gets_a_page_and_never_a_redirect(
    stage: Stage, face: FaceName
) -> None:
    app = await stage.install(redirect_uris=[CALLBACK, OTHER_CALLBACK])
    await allow(stage, app)
    bearers = [await log_in(stage)]
    before = await count_rows(stage)
    for name, uri in ATTACKS.items():
        answer = await ask(stage, app, face=face, bearers=bearers, redirect_uri=uri)
        assert answer.status_code == 400, name
        assert "location" not in answer.headers, name
        assert "redirect_uri_mismatch" in answer.text, name
        assert not read_page(str(answer.url), answer).forms, name
    assert await count_rows(stage) == before


async def test_registered_addresses_keep_their_query(stage: Stage) -> None:
    app = await stage.install(redirect_uris=[CALLBACK, OTHER_CALLBACK])
    await allow(stage, app)
    answer = await ask(stage, app, bearers=[await log_in(stage)], redirect_uri=OTHER_CALLBACK)
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{OTHER_CALLBACK}&code=")


async def test_characters_that_are_often_encoded_anew_stay_as_they_are(stage: Stage) -> None:
    uri = "https://app.example.com/a;b=1,2/(c)'!~%7Ed$?x=1:2@3/4"
    app = await stage.install(redirect_uris=[uri])
    await allow(stage, app)
    answer = await ask(stage, app, bearers=[await log_in(stage)], redirect_uri=uri)
    assert answer.headers["location"].startswith(f"{uri}&code=")


async def test_a_private_scheme_is_answered(stage: Stage) -> None:
    app = await stage.install(redirect_uris=["com.example.app:/callback"])
    await allow(stage, app)
    answer = await ask(stage, app, bearers=[await log_in(stage)], redirect_uri="com.example.app:/callback")
    assert answer.headers["location"].startswith("com.example.app:/callback?code=")


@pytest.mark.parametrize(
    ("face", "scope", "registered", "status"),
    [
        ("sentinel", "openid", [CALLBACK], 302),
        ("sentinel", None, [CALLBACK], 302),
        ("sentinel", None, [CALLBACK, OTHER_CALLBACK], 400),
        ("oidc", "msg.consumer", [CALLBACK], 302),
        ("oidc", "msg.consumer", [CALLBACK, OTHER_CALLBACK], 400),
        ("oidc", "openid", [CALLBACK], 400),
    ],
)
async def test_the_address_may_be_left_out_where_one_alone_is_registered_but_not_by_openid(
    stage: Stage, face: FaceName, scope: str | None, registered: list[str], status: int
) -> None:
    app = await stage.install(redirect_uris=registered)
    await allow(stage, app)
    bearers = [await log_in(stage)]
    for left_out in (None, ""):
        answer = await ask(stage, app, face=face, bearers=bearers, redirect_uri=left_out, scope=scope)
        assert answer.status_code == status, answer.text
        if status == 302:
            assert landed(answer).address == CALLBACK
        else:
            assert "redirect_uri_missing" in answer.text
            assert "location" not in answer.headers


async def test_an_app_without_any_address_gets_a_page(stage: Stage) -> None:
    app = await stage.install(redirect_uris=None, grant_types=["client_credentials"], response_types=None)
    answer = await ask(stage, app, bearers=[await log_in(stage)])
    assert (answer.status_code, "location" in answer.headers) == (400, False)


@pytest.mark.parametrize("face", ["oidc", "sentinel"])
async def test_who_is_not_known_gets_a_page(stage: Stage, face: FaceName) -> None:
    app = await stage.install()
    theirs = await stage.install(account_id=OTHER_ACCOUNT)
    bearers = [await log_in(stage)]
    foreign = [await log_in(stage, "agent", OTHER_ACCOUNT)]
    cases = [
        (await ask(stage, app, face=face, account_id="nobody", bearers=bearers), 400, "account_unknown"),
        (await ask(stage, app, face=face, account_id="no-such!", bearers=bearers), 400, "account_unknown"),
        (await ask(stage, theirs, face=face, bearers=bearers), 401, "client_unknown"),
        (await ask(stage, app, face=face, account_id=OTHER_ACCOUNT, bearers=foreign), 401, "client_unknown"),
        (await ask(stage, app, face=face, bearers=bearers, client_id=None), 400, "client_missing"),
        (await ask(stage, app, face=face, bearers=bearers, client_id=""), 400, "client_missing"),
        (await ask(stage, app, face=face, bearers=bearers, client_id="x' OR 1=1"), 401, "client_unknown"),
        (await ask(stage, app, face=face, bearers=bearers, client_id=app.client_id.upper()), 401, "client_unknown"),
    ]
    for answer, status, code in cases:
        assert (answer.status_code, "location" in answer.headers) == (status, False), answer.url
        assert code in answer.text
    assert await count_rows(stage) == NOTHING


async def test_a_disabled_app_gets_a_page(stage: Stage) -> None:
    app = await stage.install()
    await allow(stage, app)
    before = await count_rows(stage)
    await stage.manage("POST", f"/apps/{app.client_id}/disable")
    answer = await ask(stage, app, bearers=[await log_in(stage)])
    assert (answer.status_code, "location" in answer.headers) == (401, False)
    assert "client_disabled" in answer.text
    assert await count_rows(stage) == before


async def test_what_was_expected_and_what_came_is_in_the_developer_log_and_not_on_the_page(stage: Stage) -> None:
    app = await stage.install()
    answer = await ask(stage, app, redirect_uri="https://evil.example/callback")
    assert CALLBACK not in answer.text
    assert "evil.example" not in answer.text
    await stage.server.refusals.flush_once()
    [noted] = (await stage.manage("GET", f"/apps/{app.client_id}/refusals")).json()["items"]
    assert (noted["endpoint"], noted["error"], noted["reason"]) == ("authorize", "error_page", "redirect_uri_mismatch")
    assert noted["detail"] == {"expected": CALLBACK, "got": "https://evil.example/callback"}


async def test_nothing_is_logged_for_an_app_that_is_not_there(stage: Stage) -> None:
    app = await stage.install()
    await ask(stage, app, client_id="3f0c0000-0000-4000-8000-000000000000")
    assert stage.server.refusals.held == 0
