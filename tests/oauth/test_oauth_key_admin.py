"""Keys and policies over the management API: for administrators of the account, each change in the audit log."""

import pytest

from support.oauth_stage import ACCOUNT, OTHER_ACCOUNT, Stage
from switchbay.infra.machine import ManualClock
from switchbay.oauth.domain import Algorithm, KeyPurpose, Policy
from switchbay.oauth.service.policies import Policies

KEYS, ROTATE, POLICY = "/keys", "/keys/rotate", "/oauth-policy"
DEFAULTS = {"implicit_enabled": False, "token_algorithm": "RS256", "resources": [], "registration": "token"}


async def audit_of(stage: Stage, action: str) -> list[dict[str, object]]:
    items: list[dict[str, object]] = (await stage.manage("GET", f"/audit?action={action}")).json()["items"]
    return items


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", KEYS, None),
        ("POST", ROTATE, {"purpose": "oidc", "emergency": True}),
        ("GET", POLICY, None),
        ("PATCH", POLICY, {"implicit_enabled": True}),
    ],
)
async def test_only_administrators_of_the_account_come_in(stage: Stage, method: str, path: str, body: object) -> None:
    await stage.server.keys.get_signing_key(ACCOUNT, KeyPurpose.OIDC)
    before = await stage.server.keys.list_keys(ACCOUNT)
    for user, status in (("agent", 403), ("developer", 403), ("foreign", 401)):
        assert (await stage.manage(method, path, body, user=user)).status_code == status
    url = f"/switchbay/v1/accounts/{ACCOUNT}{path}"
    assert (await stage.http.request(method, url, json=body)).status_code == 401
    assert await stage.server.keys.list_keys(ACCOUNT) == before
    assert await stage.server.policies.get(ACCOUNT) == Policy()


# Keys


async def test_the_list_shows_each_key_and_nothing_secret(stage: Stage, clock: ManualClock) -> None:
    assert (await stage.manage("GET", KEYS)).json() == {"items": []}
    kid = (await stage.server.keys.get_signing_key(ACCOUNT, KeyPurpose.OIDC, Algorithm.ES256)).kid
    await stage.server.keys.get_signing_key(OTHER_ACCOUNT, KeyPurpose.APP_V1)
    (shown,) = (await stage.manage("GET", KEYS)).json()["items"]
    assert shown == {
        "kid": kid,
        "purpose": "oidc",
        "alg": "ES256",
        "state": "active",
        "published": True,
        "created_at": clock.now_ms(),
        "state_at": clock.now_ms(),
        "until": clock.now_ms() + 7_776_000_000,
    }


async def test_a_key_is_replaced_ahead_of_its_time(stage: Stage) -> None:
    first = (await stage.server.keys.get_signing_key(ACCOUNT, KeyPurpose.OIDC)).kid
    answer = await stage.manage("POST", ROTATE, {"purpose": "oidc"})
    assert answer.status_code == 200
    assert {key["kid"] == first: key["state"] for key in answer.json()["items"]} == {True: "active", False: "next"}
    (entry,) = await audit_of(stage, "key.rotate")
    assert entry["object"] == {
        "type": "key",
        "id": next(key["kid"] for key in answer.json()["items"] if key["kid"] != first),
    }
    assert entry["actor"] == {"kind": "user", "id": "1000001", "name": "admin", "address": "127.0.0.1"}
    detail = entry["detail"]
    assert isinstance(detail, dict)
    assert (detail["purpose"], detail["alg"], detail["signs_from"]) == (
        "oidc",
        "RS256",
        next(key["until"] for key in answer.json()["items"] if key["kid"] == first),
    )


async def test_in_an_emergency_the_tokens_of_before_are_refused_at_once(stage: Stage) -> None:
    app = await stage.install()
    form = {"grant_type": "client_credentials", "client_id": app.client_id, "client_secret": app.secret}
    token_path = f"/sentinel/api/account/{ACCOUNT}/app/token?v=1.0"
    old = (await stage.http.post(token_path, data=form)).json()["access_token"]
    answer = await stage.manage("POST", ROTATE, {"purpose": "app_v1", "emergency": True})
    (key,) = answer.json()["items"]
    assert (key["state"], key["published"], key["until"]) == ("active", False, None)
    new = (await stage.http.post(token_path, data=form)).json()["access_token"]
    consumer = f"/api/account/{ACCOUNT}/consumer?v=1.0"
    statuses = [
        (await stage.http.post(consumer, json={"ext_consumer_id": "c"}, headers={"Authorization": each})).status_code
        for each in (old, new)
    ]
    assert statuses == [401, 201]
    (entry,) = await audit_of(stage, "key.rotate")
    detail = entry["detail"]
    assert isinstance(detail, dict)
    assert detail["emergency"] is True
    assert len(detail["dropped"]) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_request"),
        ({"purpose": "master"}, "invalid_request"),
        ({"purpose": "oidc", "alg": "none"}, "invalid_request"),
        ({"purpose": "oidc", "emergency": "yes"}, "invalid_request"),
        ({"purpose": "oidc", "kid": "x"}, "invalid_request"),
        ({"purpose": "app_v2", "alg": "ES256"}, "key_algorithm_unsupported"),
    ],
)
async def test_a_rotation_that_cannot_be_is_refused(stage: Stage, body: object, code: str) -> None:
    await stage.server.keys.get_signing_key(ACCOUNT, KeyPurpose.APP_V2)
    before = await stage.server.keys.list_keys(ACCOUNT)
    answer = await stage.manage("POST", ROTATE, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert await stage.server.keys.list_keys(ACCOUNT) == before
    assert await audit_of(stage, "key.rotate") == []


async def test_the_schedule_writes_down_who_follows_whom(stage: Stage, clock: ManualClock) -> None:
    first = (await stage.server.keys.get_signing_key(ACCOUNT, KeyPurpose.OIDC)).kid
    await stage.manage("POST", ROTATE, {"purpose": "oidc"})
    clock.advance(seconds=1_860)
    assert (await stage.server.keys.rotate_once(clock.now_ms())).promoted == 1
    newest, _ = await audit_of(stage, "key.rotate")
    assert newest["actor"] == {"kind": "system", "id": "oauth", "name": "schedule", "address": None}
    assert newest["detail"] == {"purpose": "oidc", "alg": "RS256", "retires": first}


# Policies


async def test_without_a_decision_the_defaults_hold(stage: Stage) -> None:
    assert (await stage.manage("GET", POLICY)).json() == DEFAULTS
    assert await stage.server.policies.get(ACCOUNT) == Policy()


async def test_what_is_changed_is_changed_and_the_rest_stays(stage: Stage) -> None:
    answer = await stage.manage("PATCH", POLICY, {"implicit_enabled": True, "resources": ["https://api.example.com/a"]})
    wanted = {**DEFAULTS, "implicit_enabled": True, "resources": ["https://api.example.com/a"]}
    assert (answer.status_code, answer.json()) == (200, wanted)
    assert (await stage.manage("PATCH", POLICY, {"token_algorithm": "ES256", "registration": "off"})).status_code == 200
    assert (await stage.manage("GET", POLICY)).json() == {
        **wanted,
        "token_algorithm": "ES256",
        "registration": "off",
    }
    assert await stage.server.policies.get(ACCOUNT) == Policy(
        implicit_enabled=True,
        token_algorithm=Algorithm.ES256,
        resources=frozenset({"https://api.example.com/a"}),
        registration="off",
    )
    assert await stage.server.policies.get(OTHER_ACCOUNT) == Policy()


async def test_a_change_is_written_down_and_one_that_changes_nothing_is_not(stage: Stage) -> None:
    for _ in range(2):
        await stage.manage("PATCH", POLICY, {"implicit_enabled": True})
    (entry,) = await audit_of(stage, "policy.update")
    assert entry["object"] == {"type": "policy", "id": ACCOUNT}
    assert entry["detail"] == {"implicit_enabled": {"from": False, "to": True}}


async def test_another_node_follows_within_two_seconds(stage: Stage, clock: ManualClock) -> None:
    other = Policies(stage.db, clock)
    assert not (await other.get(ACCOUNT)).implicit_enabled
    await stage.manage("PATCH", POLICY, {"implicit_enabled": True})
    assert (await stage.server.policies.get(ACCOUNT)).implicit_enabled
    clock.advance(ms=1_999)
    assert not (await other.get(ACCOUNT)).implicit_enabled
    clock.advance(ms=1)
    assert (await other.get(ACCOUNT)).implicit_enabled


@pytest.mark.parametrize(
    "resource",
    [
        "",
        "api",
        "http://api.example.com",
        "https://",
        "https://api.example.com/#fragment",
        "https://user@api.example.com",
        "https://api.example.com/a b",
        "https://api.example.com/\x00",
        "https://api.example.com:x/",
        "https://[::1",
        "https://api.example.com/" + "a" * 500,
        "javascript:alert(1)",
    ],
)
async def test_a_resource_that_is_no_absolute_https_address_is_refused(stage: Stage, resource: str) -> None:
    answer = await stage.manage("PATCH", POLICY, {"resources": [resource], "implicit_enabled": True})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "resource_invalid")
    assert await stage.server.policies.get(ACCOUNT) == Policy()
    assert await audit_of(stage, "policy.update") == []


@pytest.mark.parametrize(
    "body",
    [
        {"implicit_enabled": "yes"},
        {"token_algorithm": "none"},
        {"token_algorithm": "HS256"},
        {"registration": "open"},
        {"resources": "https://api.example.com"},
        {"resources": [f"https://api.example.com/{number}" for number in range(101)]},
        {"unknown": 1},
    ],
)
async def test_a_policy_of_another_shape_is_refused(stage: Stage, body: object) -> None:
    answer = await stage.manage("PATCH", POLICY, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert await stage.server.policies.get(ACCOUNT) == Policy()
