"""Bodies are bounded, errors have one shape, nothing escapes as a bare 500."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from switchbay.infra import web
from switchbay.kit.errors import AppError, Kind


async def _echo(request: Request) -> Response:
    return web.json_response(await web.read_json(request, 64))


async def _boom(_request: Request) -> Response:
    raise ZeroDivisionError("secret detail")


async def _busy(_request: Request) -> Response:
    raise AppError(Kind.UNAVAILABLE, "database_unavailable", "Later.", retry_after=3)


def _client() -> httpx.AsyncClient:
    app = web.Application([Route("/echo", _echo, methods=["POST"]), Route("/boom", _boom), Route("/busy", _busy)])
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_a_json_body_is_echoed_with_the_plain_media_type() -> None:
    async with _client() as client:
        answer = await client.post("/echo", content=b'{"a":"\xf0\x9f\x98\x80"}')
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {"a": "😀"}
    assert len(answer.headers["x-request-id"]) == 32


@pytest.mark.parametrize("body", [b"", b"{", b"nope", b'{"a":NaN}', b'"\xff"', b"[" * 60])
async def test_what_is_not_json_is_malformed_json(body: bytes) -> None:
    async with _client() as client:
        answer = await client.post("/echo", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed_json")


async def test_a_declared_length_over_the_limit_is_refused() -> None:
    async with _client() as client:
        answer = await client.post("/echo", content=b"x" * 65)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
    assert answer.json()["error"]["detail"] == {"limit": 64}


async def test_a_chunked_body_over_the_limit_is_refused() -> None:
    async def drip() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b"x"

    async with _client() as client:
        answer = await client.post("/echo", content=drip())
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


async def test_an_unforeseen_failure_shows_no_trace() -> None:
    async with _client() as client:
        answer = await client.get("/boom")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "secret detail" not in answer.text
    assert answer.json()["error"]["detail"]["request_id"] == answer.headers["x-request-id"]


async def test_an_error_says_when_to_try_again() -> None:
    async with _client() as client:
        answer = await client.get("/busy")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")


async def test_unknown_routes_and_methods_answer_in_the_same_shape() -> None:
    async with _client() as client:
        missing = await client.get("/nowhere")
        wrong = await client.get("/echo")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "route_unknown")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "POST"
