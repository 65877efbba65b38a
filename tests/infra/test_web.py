"""Bodies are bounded, errors have one shape, nothing escapes as a bare 500."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from switchbay.infra import web
from switchbay.kit.errors import AppError, Kind


async def _echo(request: Request) -> Response:
    return web.json_response(await web.read_json(request, 64))


async def _boom(_request: Request) -> Response:
    raise ZeroDivisionError("secret detail")


async def _busy(_request: Request) -> Response:
    raise AppError(Kind.UNAVAILABLE, "database_unavailable", "Later.", retry_after=3)


def _client() -> httpx.AsyncClient:
    app = Starlette(
        routes=[Route("/echo", _echo, methods=["POST"]), Route("/boom", _boom), Route("/busy", _busy)],
        exception_handlers=web.EXCEPTION_HANDLERS,
    )
    transport = httpx.ASGITransport(web.OuterMiddleware(app), raise_app_exceptions=False)
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


async def test_a_body_that_drips_is_refused_when_its_time_is_up() -> None:
    async def slow(request: Request) -> Response:
        return web.json_response({"size": len(await web.read_body(request, 64, seconds=0.05))})

    async def whole(request: Request) -> Response:
        return web.json_response({"size": len(await request.body())})

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    bounded = Starlette(routes=[Route("/whole", whole, methods=["POST"])], exception_handlers=web.EXCEPTION_HANDLERS)
    app = Starlette(
        routes=[Route("/slow", slow, methods=["POST"]), Mount("/bounded", web.BodyLimit(bounded, 64, seconds=0.05))],
        exception_handlers=web.EXCEPTION_HANDLERS,
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        for path in ("/slow", "/bounded/whole"):
            answer = await client.post(path, content=endless())
            assert (answer.status_code, answer.json()["error"]["code"]) == (408, "body_too_slow")
