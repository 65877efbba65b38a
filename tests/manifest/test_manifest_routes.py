"""The routes of the room, over a real ASGI application."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from jsonschema import Draft202012Validator

from switchbay.infra.web import Application
from switchbay.kit.jsontext import MAX_BYTES
from switchbay.manifest.public import Options, json_schema
from switchbay.manifest.routes import routes


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = Application(routes())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://platform.test") as client:
        yield client


async def test_schema_is_published_with_its_type_and_tag(client: httpx.AsyncClient) -> None:
    answer = await client.get("/schemas/manifest.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/schema+json"
    assert answer.json() == json_schema()
    Draft202012Validator.check_schema(answer.json())
    assert answer.headers["etag"].startswith('"')


async def test_schema_that_the_client_has_is_not_sent_again(client: httpx.AsyncClient) -> None:
    tag = (await client.get("/schemas/manifest.json")).headers["etag"]
    answer = await client.get("/schemas/manifest.json", headers={"If-None-Match": f'"other", W/{tag}'})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert (await client.get("/schemas/manifest.json", headers={"If-None-Match": '"other"'})).status_code == 200


async def test_check_answers_the_report_of_an_invalid_manifest_with_200(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/manifest/check", content=b'{\n "client_name": ""}')
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["valid"] is False
    assert [(issue["code"], issue["line"], issue["column"]) for issue in body["issues"]] == [("empty", 2, 17)]


async def test_check_fills_placeholders_given_in_the_query(client: httpx.AsyncClient, examples: Path) -> None:
    query = {"set": ["YOUR_APPLICATION_DOMAIN=app.example.com", "CALLBACK_PATH=cb?a=b"]}
    manifest = (examples / "web-application.json").read_bytes()
    body = (await client.post("/api/manifest/check", params=query, content=manifest)).json()
    assert body["valid"] is True
    assert body["normalised"]["redirect_uris"] == ["http://app.example.com/cb?a=b"]


async def test_check_can_be_strict(client: httpx.AsyncClient) -> None:
    manifest = json.dumps({"client_name": "a", "homepage": "b"}).encode()
    lenient = (await client.post("/api/manifest/check", content=manifest)).json()
    strict = (await client.post("/api/manifest/check?strict=true", content=manifest)).json()
    assert (lenient["valid"], strict["valid"]) == (True, False)


async def test_check_is_held_to_the_operators_options() -> None:
    app = Application(routes(Options(extra_scopes=frozenset({"openid"}))))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://platform.test") as client:
        answer = await client.post("/api/manifest/check", content=b'{"client_name": "a", "scope": "openid"}')
    assert answer.json()["valid"] is True


async def test_check_does_not_show_header_values(client: httpx.AsyncClient) -> None:
    webhook = {"endpoint": "https://a.example/", "headers": [{"header_name": "N", "header_value": "s3cr3t"}]}
    events = {"ms.MessagingEventNotification.ContentEvent": webhook}
    manifest = json.dumps({"client_name": "a", "capabilities": {"webhooks": events}}).encode()
    answer = await client.post("/api/manifest/check", content=manifest)
    assert answer.json()["valid"] is True
    assert "s3cr3t" not in answer.text


@pytest.mark.parametrize("setting", ["NAME", "=x", ""])
async def test_variable_without_name_or_value_is_refused(client: httpx.AsyncClient, setting: str) -> None:
    answer = await client.post("/api/manifest/check", params={"set": setting}, content=b"{}")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_variable"


async def test_too_many_variables_are_refused(client: httpx.AsyncClient) -> None:
    query = {"set": [f"N{number}=x" for number in range(101)]}
    answer = await client.post("/api/manifest/check", params=query, content=b"{}")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "too_many_variables"


async def test_too_large_a_body_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/manifest/check", content=b" " * (MAX_BYTES + 1))
    assert answer.status_code == 413
    assert (await client.post("/api/manifest/check", content=b" " * MAX_BYTES)).status_code == 200


async def test_filling_cannot_make_a_manifest_larger_than_allowed(client: httpx.AsyncClient) -> None:
    manifest = json.dumps({"client_name": "a", "x-a": ["{A}"] * 30_000}).encode()
    answer = await client.post("/api/manifest/check", params={"set": "A=" + "b" * 2000}, content=manifest)
    assert [issue["code"] for issue in answer.json()["issues"]] == ["json_too_large"]
