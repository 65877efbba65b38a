"""The management API of accounts, users, sessions and the audit log."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from support.accounts_app import management_calls, serve
from support.accounts_house import ACCOUNT, HOME, OTHER, PASSWORD, House
from switchbay.accounts.public import OPERATOR, Role

BASE = f"/switchbay/v1/accounts/{ACCOUNT}"
EVE = {"login_name": "eve", "password": "correct horse", "roles": ["developer"]}
CALLS = [
    ("GET", ""),
    ("PATCH", ""),
    ("GET", "/users"),
    ("POST", "/users"),
    ("GET", "/users/1000002"),
    ("PATCH", "/users/1000002"),
    ("POST", "/users/1000002/release"),
    ("GET", "/sessions"),
    ("DELETE", "/sessions/ses_x"),
    ("DELETE", "/users/1000002/sessions"),
    ("GET", "/audit"),
    ("GET", "/users/1000002/second-factor"),
    ("DELETE", "/users/1000002/second-factor"),
]
OWN_CALLS = [
    ("GET", "/me/second-factor"),
    ("POST", "/me/second-factor"),
    ("POST", "/me/second-factor/confirm"),
    ("POST", "/me/second-factor/recovery-codes"),
    ("POST", "/me/second-factor/remove"),
]


@pytest.fixture
async def anonymous(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client that has not logged in."""
    async with serve(house.accounts) as opened:
        yield opened


@pytest.fixture
async def client(house: House, anonymous: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client logged in as the administrator."""
    login = await house.login()
    anonymous.headers["Authorization"] = f"Bearer {login.bearer.reveal()}"
    return anonymous


async def answer_of(
    client: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None = None
) -> tuple[int, Any]:
    """Call and return the status and the body, or the code of the refusal."""
    answer = await client.request(method, BASE + path, json=body)
    value = answer.json() if answer.content else None
    if answer.status_code >= 400 and isinstance(value, dict) and "error" in value:
        return answer.status_code, value["error"]["code"]
    return answer.status_code, value


async def test_without_a_session_every_call_is_401(anonymous: httpx.AsyncClient) -> None:
    every = [*CALLS, *OWN_CALLS]
    answers = {call: await answer_of(anonymous, *call, {}) for call in every}
    assert answers == dict.fromkeys(every, (401, "session_missing"))


async def test_no_call_of_this_api_is_left_out_of_these_tests(house: House) -> None:
    assert len(management_calls(house.accounts)) == len(CALLS) + len(OWN_CALLS)


@pytest.mark.parametrize("role", [Role.AGENT, Role.DEVELOPER])
async def test_only_administrators_may_call(anonymous: httpx.AsyncClient, house: House, role: Role) -> None:
    await house.accounts.create_user(ACCOUNT, "someone", PASSWORD, [role], OPERATOR)
    login = await house.login("someone")
    anonymous.headers["Authorization"] = login.bearer.reveal()
    before = await house.actions()
    answers = {call: await answer_of(anonymous, *call, EVE if call == ("POST", "/users") else {}) for call in CALLS}
    assert answers == dict.fromkeys(CALLS, (403, "role_missing"))
    assert await house.actions() == before


@pytest.mark.parametrize("account", [OTHER, "nobody", "a%00b"])
async def test_an_administrator_of_one_account_is_nobody_at_another(
    client: httpx.AsyncClient, house: House, account: str
) -> None:
    await house.accounts.create_account(OTHER, "Other", OPERATOR)
    answer = await client.get(f"/switchbay/v1/accounts/{account}/users")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "session_invalid")


async def test_there_is_no_way_to_create_an_account(client: httpx.AsyncClient) -> None:
    answer = await client.post("/switchbay/v1/accounts", json={"account_id": "new", "name": "New"})
    assert answer.status_code == 404


async def test_the_settings_are_read_and_changed(client: httpx.AsyncClient, house: House) -> None:
    expected = {
        "account_id": ACCOUNT,
        "name": "Example Brand",
        "created_at": house.clock.now_ms(),
        "signature_algorithm": "sha1",
        "signature_encoding": "base64",
        "standard_webhooks": "off",
        "reveal_client_secret": False,
        "messaging_enabled": True,
        "webhook_breaker": False,
        "disable_slow_webhooks": False,
        "survey_app": "",
        "survey_seconds": 3_600,
        "auto_close_seconds": 0,
        "history_days": 0,
        "agent_capacity": 30,
        "requeue_on_disconnect": True,
        "web_origins": [],
        "file_total_bytes": 0,
        "ttr_seconds": {"URGENT": 300, "NORMAL": 3_600, "PRIORITIZED": 600},
    }
    assert await answer_of(client, "GET", "") == (200, expected)
    patch = {
        "signature_algorithm": "sha256",
        "signature_encoding": "hex",
        "standard_webhooks": "v1a",
        "webhook_breaker": True,
        "disable_slow_webhooks": True,
        "survey_app": "app",
        "survey_seconds": 60,
        "auto_close_seconds": 86_400,
        "history_days": 30,
        "agent_capacity": 3,
        "requeue_on_disconnect": False,
        "web_origins": ["https://www.example.com"],
        "file_total_bytes": 1_000_000,
        "name": "Renamed",
    }
    changed = {**expected, **patch}
    assert await answer_of(client, "PATCH", "", patch) == (200, changed)
    assert await answer_of(client, "GET", "") == (200, changed)


@pytest.mark.parametrize(
    ("patch", "refusal"),
    [
        ({"signature_algorithm": "md5"}, "invalid_request"),
        ({"signature_encoding": "base32"}, "invalid_request"),
        ({"standard_webhooks": "v2"}, "invalid_request"),
        ({"reveal_client_secret": "yes"}, "invalid_request"),
        ({"webhook_breaker": 1}, "invalid_request"),
        ({"disable_slow_webhooks": "true"}, "invalid_request"),
        ({"survey_app": "a" * 65}, "account_setting_invalid"),
        ({"survey_seconds": 0}, "account_setting_invalid"),
        ({"auto_close_seconds": -1}, "account_setting_invalid"),
        ({"auto_close_seconds": "60"}, "invalid_request"),
        ({"history_days": -1}, "account_setting_invalid"),
        ({"file_total_bytes": -1}, "account_setting_invalid"),
        ({"agent_capacity": 0}, "account_setting_invalid"),
        ({"requeue_on_disconnect": 1}, "invalid_request"),
        ({"web_origins": ["www.example.com"]}, "account_setting_invalid"),
        ({"web_origins": "*"}, "invalid_request"),
        ({"ttr_seconds": {"NORMAL": "60"}}, "invalid_request"),
        ({"ttr_seconds": {"NORMAL": -1}}, "account_setting_invalid"),
        ({"ttr_seconds": {"NORMAL": 10**30}}, "account_setting_invalid"),
        ({"name": "a\x00b"}, "name_invalid"),
        ({"account_id": "other"}, "invalid_request"),
        ({"unknown": 1}, "invalid_request"),
    ],
)
async def test_an_odd_setting_is_refused_and_changes_nothing(
    client: httpx.AsyncClient, house: House, patch: dict[str, Any], refusal: str
) -> None:
    before = await answer_of(client, "GET", "")
    assert await answer_of(client, "PATCH", "", {"messaging_enabled": False, **patch}) == (400, refusal)
    house.clock.advance(seconds=3)
    assert await answer_of(client, "GET", "") == before


async def test_a_user_is_created_read_and_logs_in(client: httpx.AsyncClient, house: House) -> None:
    status, created = await answer_of(client, "POST", "/users", {**EVE, "display_name": "Eve"})
    assert status == 201
    assert created == {
        "user_id": "1000003",
        "user_pid": created["user_pid"],
        "login_name": "eve",
        "display_name": "Eve",
        "roles": ["developer"],
        "enabled": True,
        "created_at": house.clock.now_ms(),
        "password_changed_at": house.clock.now_ms(),
    }
    assert await answer_of(client, "GET", "/users/1000003") == (200, created)
    assert (await house.login("eve")).principal.roles == {Role.DEVELOPER}


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"login_name": "ADA"}, (409, "user_exists")),
        ({"login_name": "a\x00b"}, (400, "name_invalid")),
        ({"display_name": "a\x00b"}, (400, "name_invalid")),
        ({"password": "short"}, (400, "password_invalid")),
        ({"roles": []}, (400, "roles_missing")),
    ],
)
async def test_a_user_that_cannot_be_is_refused(
    client: httpx.AsyncClient, house: House, change: dict[str, Any], refusal: tuple[int, str]
) -> None:
    assert await answer_of(client, "POST", "/users", {**EVE, **change}) == refusal
    assert len(await house.accounts.list_users(ACCOUNT)) == 2


async def test_an_unknown_role_is_refused(client: httpx.AsyncClient, house: House) -> None:
    assert await answer_of(client, "POST", "/users", {**EVE, "roles": ["root"]}) == (400, "invalid_request")
    assert len(await house.accounts.list_users(ACCOUNT)) == 2


@pytest.mark.parametrize(
    "name",
    [b'"\\ud800"', b'"\xff"', b"[" * 100_000, b"1e999", b"null"],
    ids=["surrogate", "byte", "deep", "inf", "null"],
)
async def test_a_hostile_user_body_is_400(client: httpx.AsyncClient, house: House, name: bytes) -> None:
    body = b'{"password": "correct horse", "roles": ["agent"], "login_name": ' + name + b"}"
    answer = await client.post(f"{BASE}/users", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert len(await house.accounts.list_users(ACCOUNT)) == 2


async def test_users_are_listed_in_pages(client: httpx.AsyncClient) -> None:
    _, first = await answer_of(client, "GET", "/users?limit=1")
    assert [user["login_name"] for user in first["items"]] == ["ada"]
    _, second = await answer_of(client, "GET", f"/users?limit=5&cursor={first['next_cursor']}")
    assert ([user["login_name"] for user in second["items"]], second["next_cursor"]) == (["bob"], None)


async def test_a_user_gets_roles_and_a_password(client: httpx.AsyncClient, house: House) -> None:
    patch = {"roles": ["agent", "developer"], "password": "battery staple"}
    status, changed = await answer_of(client, "PATCH", f"/users/{house.agent.user_id}", patch)
    assert (status, changed["roles"]) == (200, ["agent", "developer"])
    answer = await client.post(f"/api/account/{ACCOUNT}/login", json={"username": "bob", "password": "battery staple"})
    assert answer.status_code == 200


async def test_the_last_administrator_cannot_be_disabled(client: httpx.AsyncClient, house: House) -> None:
    path = f"/users/{house.admin.user_id}"
    assert await answer_of(client, "PATCH", path, {"enabled": False}) == (409, "last_admin")
    assert (await answer_of(client, "GET", path))[1]["enabled"] is True


async def test_an_administrator_ends_sessions(client: httpx.AsyncClient, house: House) -> None:
    for _ in range(3):
        await house.login("bob")
    path = f"/sessions?user={house.agent.user_id}"
    _, listed = await answer_of(client, "GET", path)
    assert {session["address"] for session in listed["items"]} == {HOME}
    session_id = listed["items"][0]["session_id"]
    assert await answer_of(client, "DELETE", f"/sessions/{session_id}") == (204, None)
    assert await answer_of(client, "DELETE", f"/sessions/{session_id}") == (404, "session_unknown")
    assert await answer_of(client, "DELETE", f"/users/{house.agent.user_id}/sessions") == (200, {"ended": 2})
    assert await answer_of(client, "GET", path) == (200, {"items": []})
    assert (await house.actions())[-2:] == ["session.revoke", "user.revoke_sessions"]


async def test_a_session_is_listed_without_its_bearer(client: httpx.AsyncClient, house: House) -> None:
    login = await house.login("bob")
    answer = await client.get(f"{BASE}/sessions?user={house.agent.user_id}")
    assert answer.json()["items"] == [
        {
            "session_id": login.principal.session_id,
            "user_id": house.agent.user_id,
            "created_at": house.clock.now_ms(),
            "expires_at": login.expires_at,
            "address": HOME,
            "amr": ["pwd"],
        }
    ]


async def test_a_throttled_user_is_released(client: httpx.AsyncClient, house: House) -> None:
    bad = {"username": "bob", "password": "wrong horse"}
    for _ in range(6):
        await client.post(f"/api/account/{ACCOUNT}/login", json=bad)
    assert await answer_of(client, "POST", f"/users/{house.agent.user_id}/release") == (204, None)
    assert (await house.login("bob")).principal.login_name == "bob"


async def test_the_audit_log_is_read_by_page_and_filter(client: httpx.AsyncClient, house: House) -> None:
    await answer_of(client, "POST", "/users", EVE)
    _, page = await answer_of(client, "GET", "/audit?limit=1")
    assert page == {
        "items": [
            {
                "number": 5,
                "at": house.clock.now_ms(),
                "actor": {"kind": "user", "id": house.admin.user_id, "name": "ada", "address": HOME},
                "action": "user.create",
                "object": {"type": "user", "id": "1000003"},
                "detail": {"login_name": "eve", "roles": ["developer"]},
            }
        ],
        "next_cursor": "5",
    }
    _, rest = await answer_of(client, "GET", f"/audit?cursor=5&action=user.create&object_id={house.agent.user_id}")
    assert ([entry["number"] for entry in rest["items"]], rest["next_cursor"]) == ([3], None)


@pytest.mark.parametrize(
    ("query", "code"), [("cursor=x", "cursor_invalid"), ("action=a%00b", "filter_invalid")], ids=["cursor", "filter"]
)
async def test_an_odd_query_of_the_audit_log_is_400(client: httpx.AsyncClient, query: str, code: str) -> None:
    assert await answer_of(client, "GET", f"/audit?{query}") == (400, code)


@pytest.mark.parametrize("path", ["/users/x", "/users/a%00b", "/users/1000009", "/sessions/a%00b"])
async def test_what_is_not_there_is_404(client: httpx.AsyncClient, path: str) -> None:
    method = "DELETE" if path.startswith("/sessions") else "GET"
    assert (await answer_of(client, method, path))[0] == 404
