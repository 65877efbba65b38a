"""Consumer identity over HTTP."""

import base64
import json
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from support.oauth_clients import ACCOUNT, CLIENT_ID, CLIENT_SECRET, OTHER_ACCOUNT, Directory
from switchbay.infra.db import Database, Tx
from switchbay.kit.secret import Secret
from switchbay.oauth.protocol.rfc6749_client_authentication import Presented
from switchbay.oauth.public import OAuth
from switchbay.oauth.tables import consumer_identities

PATH = f"/api/account/{ACCOUNT}/consumer?v=1.0"
BODY = {"ext_consumer_id": "consumer-1"}


@pytest.fixture
async def token(oauth: OAuth) -> str:
    """An application token."""
    issued = await oauth.client_credentials(ACCOUNT, Presented(CLIENT_ID, Secret(CLIENT_SECRET)))
    return issued.access_token


async def count_identities(db: Database) -> int:
    async def read(tx: Tx) -> int:
        row = await tx.fetch_one(sa.select(sa.func.count()).select_from(consumer_identities))
        assert row is not None
        return int(row[0])

    return await db.read(read)


def claims_of(answer: httpx.Response) -> dict[str, Any]:
    payload = answer.json()["token"].split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims


@pytest.mark.parametrize("form", ["{}", "Bearer {}"])
async def test_the_answer_is_a_token(oauth: OAuth, http: httpx.AsyncClient, token: str, form: str) -> None:
    answer = await http.post(PATH, json=BODY, headers={"Authorization": form.format(token)})
    assert answer.status_code == 201
    assert list(answer.json()) == ["token"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    verified = await oauth.verify_consumer_token(ACCOUNT, answer.json()["token"])
    assert (verified.account_id, verified.ext_consumer_id) == (ACCOUNT, "consumer-1")


async def test_the_platforms_id_is_the_same_each_time(http: httpx.AsyncClient, token: str) -> None:
    answers = [await http.post(PATH, json=BODY, headers={"Authorization": token}) for _ in range(2)]
    first, second = (claims_of(answer)["lp_consumer_id"] for answer in answers)
    assert first == second


async def test_a_number_and_its_digits_are_the_same_consumer(http: httpx.AsyncClient, token: str) -> None:
    headers = {"Authorization": token}
    number = claims_of(await http.post(PATH, json={"ext_consumer_id": 491701234567}, headers=headers))
    digits = claims_of(await http.post(PATH, json={"ext_consumer_id": "491701234567"}, headers=headers))
    assert number == digits
    assert number["ext_consumer_id"] == "491701234567"


async def test_unknown_members_and_the_content_type_do_not_matter(http: httpx.AsyncClient, token: str) -> None:
    content = b'{"ext_consumer_id":"a","more":[1]}'
    answer = await http.post(PATH, content=content, headers={"Authorization": token, "Content-Type": "text/plain"})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed_json"),
        (b"{", "malformed_json"),
        (b"\xff", "malformed_json"),
        (b'{"ext_consumer_id":"\\ud800"}', "malformed_json"),
        (b"[" * 5_000, "invalid_body"),
        (b"[]", "invalid_body"),
        (b"null", "invalid_body"),
        (b"{}", "invalid_body"),
        (b'{"ext_consumer_id":null}', "invalid_body"),
        (b'{"ext_consumer_id":true}', "invalid_body"),
        (b'{"ext_consumer_id":1.5}', "invalid_body"),
        (b'{"ext_consumer_id":["a"]}', "invalid_body"),
        (b'{"ext_consumer_id":' + b"9" * 5_000 + b"}", "invalid_body"),
        (b'{"ext_consumer_id":""}', "consumer_id_invalid"),
        (b'{"ext_consumer_id":"a\\u0000"}', "consumer_id_invalid"),
        (b'{"ext_consumer_id":"' + b"x" * 513 + b'"}', "consumer_id_invalid"),
        (b'{"ext_consumer_id":' + b"9" * 41 + b"}", "consumer_id_invalid"),
    ],
)
async def test_a_bad_body_is_refused(db: Database, http: httpx.AsyncClient, token: str, body: bytes, code: str) -> None:
    answer = await http.post(PATH, content=body, headers={"Authorization": token})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert await count_identities(db) == 0


async def test_a_large_body_is_refused(db: Database, http: httpx.AsyncClient, token: str) -> None:
    answer = await http.post(PATH, content=b" " * 1_048_576, headers={"Authorization": token})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
    assert await count_identities(db) == 0


@pytest.mark.parametrize(
    ("header", "code"), [(None, "app_token_missing"), ("", "app_token_missing"), ("Bearer x", "app_token_invalid")]
)
async def test_a_missing_or_bad_application_token_is_refused(
    db: Database, http: httpx.AsyncClient, header: str | None, code: str
) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = await http.post(PATH, json=BODY, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert await count_identities(db) == 0


async def test_another_accounts_application_token_is_refused(db: Database, http: httpx.AsyncClient, token: str) -> None:
    path = PATH.replace(ACCOUNT, OTHER_ACCOUNT)
    answer = await http.post(path, json=BODY, headers={"Authorization": token})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "app_token_invalid")
    assert await count_identities(db) == 0


async def test_the_scope_is_required(db: Database, oauth: OAuth, http: httpx.AsyncClient, directory: Directory) -> None:
    directory.change(scope=frozenset({"other"}))
    issued = await oauth.client_credentials(ACCOUNT, Presented(CLIENT_ID, Secret(CLIENT_SECRET)))
    answer = await http.post(PATH, json=BODY, headers={"Authorization": issued.access_token})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "scope_missing")
    assert await count_identities(db) == 0
