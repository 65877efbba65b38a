"""Login, refresh, logout, the directory and the feature grants, over HTTP."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from support.accounts_app import serve
from support.accounts_house import ACCOUNT, OTHER, PASSWORD, House
from switchbay.accounts.public import OPERATOR, SERVICES, AccountChange, UserChange

GOOD = {"username": "ada", "password": PASSWORD.reveal()}
BASE = f"/api/account/{ACCOUNT}"
GRANTS = f"{BASE}/configuration/provision/featureGrants?v=1.0&excludeLegacy=true&jsonProvider=gson"


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a cookie jar, as the agent SDK has one."""
    async with serve(house.accounts) as opened:
        yield opened


async def logged_in(client: httpx.AsyncClient) -> dict[str, Any]:
    """The body of a successful login; the cookie stays in the jar."""
    answer = await client.post(f"{BASE}/login?v=1.3", json=GOOD)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def code(answer: httpx.Response) -> str:
    """The code of a refusal."""
    found: str = answer.json()["error"]["code"]
    return found


async def test_a_login_answers_what_clients_of_the_service_read(client: httpx.AsyncClient, house: House) -> None:
    answer = await client.post(f"{BASE}/login", json=GOOD)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert len(body.pop("bearer")) == 64
    assert len(body.pop("csrf")) == 32
    assert body == {
        "sessionTTl": "28800000",
        "config": {
            "loginName": "ada",
            "userId": "1000001",
            "userPid": house.admin.user_pid,
            "userAgentPid": house.admin.user_pid,
            "isAdmin": True,
            "isLPA": False,
            "userPrivileges": [],
            "roles": ["admin"],
            "serverCurrentTime": house.clock.now_ms(),
            "timeDiff": 0,
            "serverTimeZoneName": "UTC",
            "serverTimeGMTDiff": 0,
            "accountTimeZoneId": "Etc/UTC",
        },
        "csdsCollectionResponse": {
            "baseURIs": [
                {"service": service, "account": ACCOUNT, "baseURI": "switchbay.test:8443"} for service in SERVICES
            ]
        },
        "accountData": {},
    }
    assert str(uuid.UUID(body["config"]["userPid"])) == body["config"]["userPid"]


async def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(client: httpx.AsyncClient) -> None:
    answer = await client.post(f"{BASE}/login", json=GOOD)
    assert answer.headers["set-cookie"] == (
        f"Session_id={answer.json()['bearer']}; HttpOnly; Path=/api/account/{ACCOUNT}; SameSite=strict; Secure"
    )


async def test_an_agent_is_no_administrator(client: httpx.AsyncClient) -> None:
    answer = await client.post(f"{BASE}/login", json={**GOOD, "username": "bob"})
    assert (answer.json()["config"]["isAdmin"], answer.json()["config"]["roles"]) == (False, ["agent"])


@pytest.mark.parametrize("query", ["", "?v=1.1", "?v=1.3", "?v=x&v=y"])
async def test_a_login_takes_any_version(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.post(f"{BASE}/login{query}", json=GOOD)).status_code == 200


@pytest.mark.parametrize("account", [ACCOUNT, "nobody", "a%00b", "%2e%2e"])
async def test_wrong_credentials_are_401(client: httpx.AsyncClient, account: str) -> None:
    answer = await client.post(f"/api/account/{account}/login", json={**GOOD, "password": "wrong horse"})
    assert (answer.status_code, code(answer)) == (401, "login_failed")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b"", "malformed_json"),
        (b"{", "malformed_json"),
        (b"\xff\xfe", "malformed_json"),
        (b"[" * 8_000, "malformed_json"),
        (b"[]", "invalid_body"),
        (b"null", "invalid_body"),
        (b'"x"', "invalid_body"),
        (b"{}", "login_field_missing"),
        (b'{"username": "ada"}', "login_field_missing"),
        (b'{"username": "", "password": "x"}', "login_field_missing"),
        (b'{"username": 5, "password": "x"}', "login_field_missing"),
        (b'{"username": "ada", "password": null}', "login_field_missing"),
        (b'{"username": "ada", "password": ["x"]}', "login_field_missing"),
        (b'{"username": "a\\u0000b", "password": "x"}', "name_invalid"),
        (b'{"username": "' + b"a" * 129 + b'", "password": "x"}', "name_invalid"),
        (b'{"username": "ada", "password": "' + b"x" * 1_025 + b'"}', "password_invalid"),
        (b'{"username": "ada", "password": "\\ud800"}', "malformed_json"),
        (b'{"jwt": "dummy", "assertion": "PHNhbWw+"}', "login_method_unsupported"),
        (
            b'{"username": "ada", "appKey": "k", "secret": "s", "accessToken": "t", "accessTokenSecret": "u"}',
            "login_method_unsupported",
        ),
    ],
)
async def test_an_odd_login_body_is_400(client: httpx.AsyncClient, body: bytes, refusal: str) -> None:
    answer = await client.post(f"{BASE}/login", content=body)
    assert (answer.status_code, code(answer)) == (400, refusal)


async def test_a_password_with_a_nul_is_merely_wrong(client: httpx.AsyncClient) -> None:
    answer = await client.post(f"{BASE}/login", json={**GOOD, "password": "a\x00b"})
    assert (answer.status_code, code(answer)) == (401, "login_failed")


async def test_a_huge_login_body_is_413(client: httpx.AsyncClient) -> None:
    answer = await client.post(f"{BASE}/login", content=b" " * 1_000_000)
    assert (answer.status_code, code(answer)) == (413, "body_too_large")


async def test_a_throttled_login_is_429_and_says_when_to_come_back(client: httpx.AsyncClient) -> None:
    for _ in range(5):
        await client.post(f"{BASE}/login", json={**GOOD, "password": "wrong horse"})
    answer = await client.post(f"{BASE}/login", json=GOOD)
    assert (answer.status_code, code(answer), answer.headers["retry-after"]) == (429, "login_throttled", "60")


async def test_waits_belong_to_the_address_the_request_came_from(client: httpx.AsyncClient, house: House) -> None:
    for _ in range(5):
        await client.post(f"{BASE}/login", json={**GOOD, "password": "wrong horse"})
    async with serve(house.accounts, address="192.0.2.44") as elsewhere:
        assert (await elsewhere.post(f"{BASE}/login", json=GOOD)).status_code == 200


async def test_a_refresh_with_csrf_and_cookie_answers_200_without_a_body(
    client: httpx.AsyncClient, house: House
) -> None:
    body = await logged_in(client)
    house.clock.advance(seconds=28_000)
    answer = await client.post(f"{BASE}/refresh?v=1.3", json={"csrf": body["csrf"]})
    assert (answer.status_code, answer.content) == (200, b"")
    house.clock.advance(seconds=28_000)
    assert (await client.get(GRANTS, headers={"Authorization": f"Bearer {body['bearer']}"})).status_code == 200


async def test_a_refresh_takes_the_bearer_in_the_header_instead(client: httpx.AsyncClient) -> None:
    body = await logged_in(client)
    client.cookies.clear()
    answer = await client.post(
        f"{BASE}/refresh", json={"csrf": body["csrf"]}, headers={"Authorization": f"Bearer {body['bearer']}"}
    )
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("body", [{}, {"csrf": ""}, {"csrf": 5}, {"csrf": "0" * 32}, {"csrf": "a\x00"}])
async def test_a_refresh_without_the_right_csrf_is_403_as_the_session_lives(
    client: httpx.AsyncClient, body: dict[str, object]
) -> None:
    await logged_in(client)
    answer = await client.post(f"{BASE}/refresh", json=body)
    assert (answer.status_code, code(answer)) == (403, "csrf_invalid")


async def test_a_refresh_of_a_dead_session_is_401(client: httpx.AsyncClient, house: House) -> None:
    body = await logged_in(client)
    await house.accounts.update_user(ACCOUNT, house.admin.user_id, UserChange(password=PASSWORD), OPERATOR)
    answer = await client.post(f"{BASE}/refresh", json={"csrf": body["csrf"]})
    assert (answer.status_code, code(answer)) == (401, "session_invalid")


@pytest.mark.parametrize("cookie", ["0" * 64, "x", "a%00b", '"', "x" * 4_000])
async def test_a_forged_cookie_opens_nothing(client: httpx.AsyncClient, cookie: str) -> None:
    body = await logged_in(client)
    client.cookies.clear()
    answer = await client.post(
        f"{BASE}/refresh", json={"csrf": body["csrf"]}, headers={"Cookie": f"Session_id={cookie}"}
    )
    assert answer.status_code == 401


async def test_a_cookie_of_one_account_is_worth_nothing_at_another(client: httpx.AsyncClient, house: House) -> None:
    await house.accounts.create_account(OTHER, "Other", OPERATOR)
    body = await logged_in(client)
    answer = await client.post(
        f"/api/account/{OTHER}/refresh",
        json={"csrf": body["csrf"]},
        headers={"Cookie": f"Session_id={body['bearer']}"},
    )
    assert (answer.status_code, code(answer)) == (401, "session_invalid")


async def test_a_cookie_alone_does_not_call_the_configuration(client: httpx.AsyncClient) -> None:
    await logged_in(client)
    answer = await client.get(GRANTS)
    assert (answer.status_code, code(answer)) == (401, "session_missing")


async def test_a_logout_ends_the_session_and_takes_the_cookie_back(client: httpx.AsyncClient) -> None:
    body = await logged_in(client)
    headers = {"Authorization": f"Bearer {body['bearer']}"}
    answer = await client.post(f"{BASE}/logout", headers=headers)
    assert (answer.status_code, answer.content) == (200, b"")
    assert 'Session_id=""' in answer.headers["set-cookie"]
    assert (await client.get(GRANTS, headers=headers)).status_code == 401


async def test_a_logout_by_cookie_needs_the_csrf_value(client: httpx.AsyncClient) -> None:
    body = await logged_in(client)
    refused = await client.post(f"{BASE}/logout")
    assert (refused.status_code, code(refused)) == (403, "csrf_invalid")
    wrong = await client.post(f"{BASE}/logout", json={"csrf": "0" * 32})
    assert (wrong.status_code, code(wrong)) == (403, "csrf_invalid")
    assert (await client.post(f"{BASE}/logout", json={"csrf": body["csrf"]})).status_code == 200


async def test_the_directory_lists_every_service(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{BASE}/service/baseURI.json?version=1.0")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    found = {entry["service"]: entry for entry in answer.json()["baseURIs"]}
    assert set(found) == set(SERVICES)
    assert {"agentVep", "facadeMsg", "asyncMessagingEnt", "sentinel", "idp", "runtimeFormLogic"} <= set(found)
    assert found["sentinel"] == {"service": "sentinel", "account": ACCOUNT, "baseURI": "switchbay.test:8443"}


async def test_the_directory_finds_each_service_by_its_name(client: httpx.AsyncClient) -> None:
    for service in SERVICES:
        answer = await client.get(f"{BASE}/service/{service}/baseURI.json")
        assert answer.json() == {"service": service, "account": ACCOUNT, "baseURI": "switchbay.test:8443"}


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        ("/api/account/nobody/service/baseURI.json", "account_unknown"),
        ("/api/account/nobody/service/sentinel/baseURI.json", "account_unknown"),
        ("/api/account/a%00b/service/baseURI.json", "account_unknown"),
        (f"{BASE}/service/Sentinel/baseURI.json", "service_unknown"),
        (f"{BASE}/service/a%00b/baseURI.json", "service_unknown"),
    ],
)
async def test_what_the_directory_does_not_know_is_404_in_json(
    client: httpx.AsyncClient, path: str, refusal: str
) -> None:
    answer = await client.get(path)
    assert (answer.status_code, code(answer)) == (404, refusal)
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("enabled", [True, False])
async def test_the_feature_grants_tell_whether_messaging_is_on(
    client: httpx.AsyncClient, house: House, enabled: bool
) -> None:
    await house.accounts.update_account(ACCOUNT, AccountChange(messaging_enabled=enabled), OPERATOR)
    body = await logged_in(client)
    answer = await client.get(GRANTS, headers={"Authorization": f"Bearer {body['bearer']}"})
    grants = answer.json()["appDataList"][0]["accountList"]["accountList"][0]["itemsCollection"]["data"]
    assert grants == [{"compoundFeatureID": "Common.Async_Messaging", "value": {"value": enabled}}]


async def test_many_clients_at_once_get_sessions_of_their_own(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.post(f"{BASE}/login", json=GOOD) for _ in range(10)))
    assert len({answer.json()["bearer"] for answer in answers}) == 10
