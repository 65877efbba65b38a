"""Servers of a command: a peer that does not finish its request loses the connection, others are served."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from switchbay.cli import servers

_HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
_BODY_TO_COME = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n123"


async def _after_its_body(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        await Request(scope, receive).body()
    except ClientDisconnect:
        return
    await PlainTextResponse("hello")(scope, receive, send)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server that waits a fifth of a second for a request."""
    sockets = servers.open_sockets("127.0.0.1", 0)
    stop = asyncio.Event()
    site = servers.Site(_after_its_body, sockets, request_seconds=0.2)
    running = asyncio.create_task(servers.serve_until([site], stop, 1))
    yield int(sockets[0].getsockname()[1])
    stop.set()
    await running


@pytest.mark.parametrize("begun", [b"", b"GET / HTT", _HEAD[:-2], _BODY_TO_COME])
async def test_a_request_that_does_not_end_costs_the_connection(port: int, begun: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(begun)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await asyncio.wait_for(reader.readexactly(1), 10)
    writer.close()


async def test_a_connection_that_is_kept_is_not_ended_between_requests(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(_HEAD)
        assert await asyncio.wait_for(reader.readuntil(b"hello"), 10)
        await asyncio.sleep(0.3)
    writer.close()


async def test_head_and_body_of_an_answer_arrive_together(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(3):
        writer.write(_HEAD)
        answer = await asyncio.wait_for(reader.read(65_536), 10)
        assert (answer.count(b"HTTP/1.1 200"), answer.endswith(b"\r\n\r\nhello")) == (1, True)
    writer.close()


async def _in_pieces(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
    await asyncio.sleep(0.01)
    for piece in (b"one ", b"two ", b"three"):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await asyncio.sleep(0.01)
    await send({"type": "http.response.body", "body": b"!"})


async def test_an_answer_in_pieces_arrives_whole_and_in_order() -> None:
    sockets = servers.open_sockets("127.0.0.1", 0)
    stop = asyncio.Event()
    running = asyncio.create_task(servers.serve_until([servers.Site(_in_pieces, sockets)], stop, 1))
    reader, writer = await asyncio.open_connection("127.0.0.1", sockets[0].getsockname()[1])
    writer.write(_HEAD)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    stop.set()
    await running
    assert answer.partition(b"\r\n\r\n")[2] == b"4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n1\r\n!\r\n0\r\n\r\n"
