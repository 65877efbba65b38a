"""The token endpoint over HTTP, as connectors call it and as attackers do."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from support.oauth_clients import (
    ACCOUNT,
    CLIENT_ID,
    CLIENT_SECRET,
    OTHER_ACCOUNT,
    OTHER_CLIENT_ID,
    Directory,
    client_of,
)
from switchbay.infra.db import Database, Tx
from switchbay.oauth.public import OAuth
from switchbay.oauth.service import KeyRing
from switchbay.oauth.tables import keys

V1 = f"/sentinel/api/account/{ACCOUNT}/app/token"
V2 = f"/sentinel/api/v2/account/{ACCOUNT}/app/token"
FORM = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
GRANT = {"grant_type": "client_credentials"}


def claims_of(answer: httpx.Response) -> dict[str, Any]:
    payload = answer.json()["access_token"].split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims


async def count_keys(db: Database) -> int:
    async def read(tx: Tx) -> int:
        row = await tx.fetch_one(sa.select(sa.func.count()).select_from(keys))
        assert row is not None
        return int(row[0])

    return await db.read(read)


def assert_refused(answer: httpx.Response, status: int, error: str) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert set(answer.json()) == {"error", "error_description"}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    challenge = 'Basic realm="switchbay", charset="UTF-8"' if status == 401 else None
    assert answer.headers.get("www-authenticate") == challenge


# As connectors call it


async def test_the_answer_has_the_documented_members(http: httpx.AsyncClient) -> None:
    answer = await http.post(V1, params={"v": "1.0"}, data=FORM)
    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("access_token").count(".") == 2
    assert body == {"token_type": "Bearer", "expires_in": 3_600, "scope": "msg.consumer"}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"


async def test_everything_may_be_in_the_query_with_an_empty_form(http: httpx.AsyncClient) -> None:
    answer = await http.post(
        V1, params={"v": "1.0", **FORM}, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 200
    assert claims_of(answer)["azp"] == CLIENT_ID


async def test_everything_may_be_in_the_query_with_neither_body_nor_type(http: httpx.AsyncClient) -> None:
    answer = await http.post(V1, params=FORM)
    assert "content-type" not in answer.request.headers
    assert answer.status_code == 200


async def test_a_form_without_a_content_type_is_read(http: httpx.AsyncClient) -> None:
    answer = await http.post(V1, content=httpx.QueryParams(FORM).__str__().encode())
    assert "content-type" not in answer.request.headers
    assert answer.status_code == 200


async def test_http_basic_authenticates(http: httpx.AsyncClient) -> None:
    answer = await http.post(V1, data=GRANT, auth=(CLIENT_ID, CLIENT_SECRET))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("path", "query"), [(V1, "?v=2.0"), (V2, ""), (V2, "?v=1.0"), (f"/sentinel/api/v2/account/{ACCOUNT}/app/token", "")]
)
async def test_version_two_is_signed_with_the_published_key(http: httpx.AsyncClient, path: str, query: str) -> None:
    answer = await http.post(path + query, data=FORM)
    header = json.loads(base64.urlsafe_b64decode(answer.json()["access_token"].split(".")[0] + "=="))
    published = (await http.get("/sentinel/well-known/jwks")).json()["keys"]
    assert [key["kid"] for key in published] == [header["kid"]]


async def test_a_part_of_the_scope_may_be_asked_for(http: httpx.AsyncClient, directory: Directory) -> None:
    directory.change(scope=frozenset({"msg.consumer", "more"}))
    answer = await http.post(V1, data={**FORM, "scope": "msg.consumer"})
    assert (answer.json()["scope"], claims_of(answer)["scope"]) == ("msg.consumer", "msg.consumer")
    answer = await http.post(V1, data=FORM)
    assert (answer.json()["scope"], claims_of(answer)["scope"]) == ("more msg.consumer", "more msg.consumer")


async def test_many_first_requests_at_once_make_one_key(db: Database, http: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(http.post(V1, data=FORM) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert await count_keys(db) == 1


# Refusals


def _told(answer: httpx.Response) -> dict[str, str]:
    """The headers, without the number that every answer has of its own."""
    return {name: value for name, value in answer.headers.items() if name != "x-request-id"}


async def test_unknown_account_unknown_client_and_wrong_secret_are_one_answer(
    db: Database, http: httpx.AsyncClient, directory: Directory
) -> None:
    attempts = [
        (V1, {**FORM, "client_secret": "wrong"}),
        (V1, {**FORM, "client_id": "0c7d3f1f-0000-4000-8000-000000000000"}),
        (V1, {**FORM, "client_id": OTHER_CLIENT_ID}),
        (V1, {**FORM, "client_id": CLIENT_ID.upper()}),
        (V1.replace(ACCOUNT, OTHER_ACCOUNT), FORM),
        (V1.replace(ACCOUNT, "999"), FORM),
        (V1.replace(ACCOUNT, "%00"), FORM),
        (V1.replace(ACCOUNT, "x" * 300), FORM),
        (V1, {**FORM, "client_id": "a\x00b"}),
        (V1, {**FORM, "client_secret": CLIENT_SECRET + "\x00"}),
        (V1, {**FORM, "client_secret": "ü"}),
        (V1, {**FORM, "client_id": "' OR 1=1 --"}),
    ]
    answers = [await http.post(path, data=form) for path, form in attempts]
    for answer in answers:
        assert_refused(answer, 401, "invalid_client")
        assert answer.content == answers[0].content
        assert _told(answer) == _told(answers[0])
    assert directory.checked == [form["client_secret"] for _, form in attempts]
    assert await count_keys(db) == 0


@pytest.mark.parametrize("client_id", ["a\x00b", "é", "x" * 600])
async def test_a_strange_client_id_never_reaches_the_applications(
    http: httpx.AsyncClient, directory: Directory, client_id: str
) -> None:
    assert_refused(await http.post(V1, data={**FORM, "client_id": client_id}), 401, "invalid_client")
    assert directory.asked == []


async def test_no_credentials_are_refused(http: httpx.AsyncClient) -> None:
    assert_refused(await http.post(V1, data=GRANT), 401, "invalid_client")


async def test_a_wrong_secret_in_http_basic_is_refused(http: httpx.AsyncClient) -> None:
    assert_refused(await http.post(V1, data=GRANT, auth=(CLIENT_ID, "wrong")), 401, "invalid_client")


async def test_two_mechanisms_at_once_are_refused_though_both_are_right(
    http: httpx.AsyncClient, directory: Directory
) -> None:
    assert_refused(await http.post(V1, data=FORM, auth=(CLIENT_ID, CLIENT_SECRET)), 400, "invalid_request")
    answer = await http.post(V1, params=FORM, auth=(CLIENT_ID, CLIENT_SECRET))
    assert_refused(answer, 400, "invalid_request")
    assert directory.checked == []


async def test_a_parameter_in_query_and_form_is_refused(http: httpx.AsyncClient) -> None:
    assert_refused(await http.post(V1, params=FORM, data=FORM), 400, "invalid_request")


async def test_a_disabled_application_gets_no_token(
    db: Database, http: httpx.AsyncClient, directory: Directory
) -> None:
    directory.change(enabled=False)
    assert_refused(await http.post(V1, data=FORM), 400, "unauthorized_client")
    assert_refused(await http.post(V1, data={**FORM, "client_secret": "wrong"}), 401, "invalid_client")
    assert await count_keys(db) == 0


async def test_an_application_without_the_grant_gets_no_token(http: httpx.AsyncClient, directory: Directory) -> None:
    directory.change(grant_types=frozenset({"authorization_code"}))
    assert_refused(await http.post(V1, data=FORM), 400, "unauthorized_client")


async def test_another_grant_is_refused(http: httpx.AsyncClient) -> None:
    assert_refused(await http.post(V1, data={**FORM, "grant_type": "password"}), 400, "unsupported_grant_type")
    assert_refused(await http.post(V1, data={**FORM, "grant_type": ""}), 400, "invalid_request")


async def test_more_than_the_scope_is_refused(http: httpx.AsyncClient) -> None:
    assert_refused(await http.post(V1, data={**FORM, "scope": "msg.consumer admin"}), 400, "invalid_scope")


async def test_another_version_is_refused(http: httpx.AsyncClient) -> None:
    assert_refused(await http.post(V1 + "?v=3.0", data=FORM), 400, "invalid_request")


async def test_a_json_body_is_refused(http: httpx.AsyncClient) -> None:
    assert_refused(await http.post(V1, json=FORM), 400, "invalid_request")


async def test_a_large_body_is_refused_declared_or_not(http: httpx.AsyncClient, directory: Directory) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(1_024):
            yield b"x" * 1_024

    assert_refused(await http.post(V1, content=b"x" * 1_048_576), 413, "invalid_request")
    assert_refused(await http.post(V1, content=parts()), 413, "invalid_request")
    assert directory.checked == []


async def test_other_methods_are_refused(http: httpx.AsyncClient) -> None:
    for method in ("GET", "PUT", "DELETE"):
        assert (await http.request(method, V1, params=FORM)).status_code == 405


async def test_the_query_is_refused_when_the_operator_turned_it_off(
    oauth: OAuth, ring: KeyRing, directory: Directory
) -> None:
    async with client_of(oauth, ring, directory, query_credentials=False) as strict:
        assert_refused(await strict.post(V1, params=FORM), 400, "invalid_request")
        assert directory.checked == []
        assert (await strict.post(V1, params={"v": "1.0"}, data=FORM)).status_code == 200


async def test_a_database_that_is_gone_is_a_temporary_failure(db: Database, http: httpx.AsyncClient) -> None:
    await db.close()
    answer = await http.post(V1, data=FORM)
    assert_refused(answer, 503, "temporarily_unavailable")
    assert answer.headers["retry-after"] == "1"


async def test_a_refusal_is_logged_without_secrets(http: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        await http.post(V1, data={**FORM, "client_secret": "hunter2-hunter2"})
        await http.post(V1.replace(ACCOUNT, "a%0Ab"), data=FORM)
    assert [(line["account"], line["error"], line["reason"]) for line in lines] == [
        (ACCOUNT, "invalid_client", "secret_wrong"),
        (None, "invalid_client", "client_unknown"),
    ]
    assert "hunter2" not in str(lines)
    assert CLIENT_SECRET not in str(lines)
