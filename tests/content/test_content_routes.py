"""The published schema and the check of structured content over HTTP."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import Mount

from switchbay.content import routes as content_routes
from switchbay.content.public import json_schema
from switchbay.infra import web
from switchbay.kit.jsontext import MAX_BYTES

CHECK = "/switchbay/v1/structured-content/check"
SCHEMA = "/schemas/structured-content.json"


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server with these routes only: nobody is logged in."""
    api = FastAPI(exception_handlers=web.MANAGEMENT_EXCEPTION_HANDLERS)
    api.include_router(content_routes.router())
    app = web.Application([*content_routes.routes(), Mount("/switchbay/v1", api)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://bay.example") as client:
        yield client


async def test_a_check_answers_the_report(http: httpx.AsyncClient) -> None:
    answer = await http.post(CHECK, content=b'{"type": "image",\n "url": "http://www.example.com/a.png", "alt": "A"}')
    assert answer.status_code == 200
    assert answer.json() == {
        "valid": True,
        "summary": {"errors": 0, "warnings": 1},
        "issues": [
            {
                "code": "link_http",
                "severity": "warning",
                "path": "/url",
                "line": 2,
                "column": 9,
                "message": "url is not encrypted",
                "got": '"http://www.example.com/a.png"',
                "expected": "https",
                "fix": [{"op": "replace", "path": "/url", "value": "https://www.example.com/a.png"}],
                "also_at": [],
                "help": "docs/reference/structured-content.md#link_http",
            }
        ],
    }


async def test_a_check_of_what_is_refused_answers_200_too(http: httpx.AsyncClient) -> None:
    for body in (b'{"type": "text"}', b"", b"\xff", b"[" * 1_000):
        answer = await http.post(CHECK, content=body)
        assert (answer.status_code, answer.json()["valid"]) == (200, False)


async def test_a_body_larger_than_any_content_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.post(CHECK, content=b" " * (MAX_BYTES + 1))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


async def test_the_schema_is_published_and_not_sent_twice(http: httpx.AsyncClient) -> None:
    answer = await http.get(SCHEMA)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/schema+json")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.json() == json_schema()
    again = await http.get(SCHEMA, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
