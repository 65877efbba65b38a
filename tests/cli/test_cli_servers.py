"""Servers of a command: a peer that does not finish its request's head loses the connection, others are served."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.responses import PlainTextResponse

from switchbay.cli import servers

_HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server that waits a fifth of a second for a head."""
    sockets = servers.open_sockets("127.0.0.1", 0)
    stop = asyncio.Event()
    site = servers.Site(PlainTextResponse("hello"), sockets, head_seconds=0.2)
    running = asyncio.create_task(servers.serve_until([site], stop, 1))
    yield int(sockets[0].getsockname()[1])
    stop.set()
    await running


@pytest.mark.parametrize("begun", [b"", b"GET / HTT", _HEAD[:-2]])
async def test_a_head_that_does_not_end_costs_the_connection(port: int, begun: bytes) -> None:
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
