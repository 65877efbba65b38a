"""The busiest routes are served past the router, and behave as if they were not."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import ASGIApp, Message

from switchbay.infra import web
from switchbay.infra.express import Call, ExpressRoute, JsonAnswer
from switchbay.kit.errors import AppError, Kind

_PATH = "/api/account/{account}/echo"


async def _echo(call: Call) -> JsonAnswer | Response:
    body = await call.body(64)
    if body == b"refuse":
        raise AppError(Kind.CONFLICT, "no", "No.")
    if body == b"fail":
        raise ZeroDivisionError("secret detail")
    if body == b"teapot":
        return Response(b"short and stout", 418, {"X-Pot": "tea"})
    shown = {"segment": call.segment, "body": body.decode(), "x": call.headers.get("x-given")}
    return JsonAnswer(web.json_bytes(shown), (("X-More", "yes"),))


def _express() -> ASGIApp:
    return web.Application([ExpressRoute(_PATH, _echo)])


def _by_the_router() -> ASGIApp:
    return web.Application([Mount("", routes=[ExpressRoute(_PATH, _echo)])])


@pytest.fixture(params=[_express, _by_the_router], ids=["express", "router"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the route, served either way."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(request.param()), base_url="http://test") as made:
        yield made


async def test_segment_headers_and_body_arrive(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/account/one/echo", content=b"hello", headers={"X-Given": "here"})
    assert answer.status_code == 200
    assert answer.json() == {"segment": "one", "body": "hello", "x": "here"}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["x-more"] == "yes"
    assert len(answer.headers["x-request-id"]) == 32


async def test_of_headers_that_come_twice_the_first_counts(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/account/one/echo", headers=[("X-Given", "first"), ("X-Given", "second")])
    assert answer.json()["x"] == "first"


@pytest.mark.parametrize("path", ["/api/account//echo", "/api/account/a/b/echo", "/api/account/echo", "/x/one/echo"])
async def test_other_paths_are_not_there(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, content=b"hello")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "route_unknown")


async def test_other_methods_are_not_allowed(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/account/one/echo")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [(b"refuse", 409, "no"), (b"fail", 500, "internal_error"), (b"x" * 65, 413, "body_too_large")],
)
async def test_errors_have_their_shape(client: httpx.AsyncClient, body: bytes, status: int, code: str) -> None:
    answer = await client.post("/api/account/one/echo", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert "secret detail" not in answer.text
    assert len(answer.headers["x-request-id"]) == 32


async def test_another_answer_is_given_as_it_is(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/account/one/echo", content=b"teapot")
    assert (answer.status_code, answer.text, answer.headers["x-pot"]) == (418, "short and stout", "tea")


async def test_a_body_in_parts_is_put_together(client: httpx.AsyncClient) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for part in (b"in", b"", b" parts"):
            yield part

    answer = await client.post("/api/account/one/echo", content=parts())
    assert answer.json()["body"] == "in parts"


async def test_a_body_in_parts_is_bounded(client: httpx.AsyncClient) -> None:
    async def drip() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b"x"

    answer = await client.post("/api/account/one/echo", content=drip())
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


async def test_a_client_that_goes_away_gets_no_answer() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    path = "/api/account/one/echo"
    await _express()({"type": "http", "method": "POST", "path": path, "headers": []}, receive, send)
    assert sent == []
