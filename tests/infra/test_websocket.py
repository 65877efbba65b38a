"""WebSocket connections on real sockets: limits, slow peers, closing. The client is the library's own, or raw bytes."""

import asyncio
import base64
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from switchbay.cli import servers
from switchbay.infra.websocket import Socket, SocketLimits, SocketRoute, Taker, Upgrade
from switchbay.kit.errors import AppError, Kind

LIMITS = SocketLimits(
    frame_bytes=100_000, queue_messages=100_000, queue_bytes=300_000, slow_seconds=0.4, idle_seconds=0.6
)


class Echo:
    """Sends back what comes; ``flood N`` sends N kilobytes, ``close N`` closes with a code."""

    def __init__(self, house: "House") -> None:
        self.house = house
        self.socket: Socket | None = None

    def opened(self, socket: Socket) -> None:
        self.socket = socket
        self.house.open.append(self)

    def received(self, data: bytes) -> None:
        assert self.socket is not None
        if data.startswith(b"flood "):
            for _ in range(int(data[6:])):
                self.socket.send(b"x" * 1_000)
        elif data.startswith(b"close "):
            self.socket.close(int(data[6:]), "asked for")
        elif data == b"fail":
            raise RuntimeError("on purpose")
        else:
            self.socket.send(b"<", data, b">")

    def closed(self, code: int) -> None:
        self.house.codes.append(code)
        self.house.changed.set()


class House:
    """A server with sockets at ``/echo/{word}``."""

    def __init__(self) -> None:
        self.open: list[Echo] = []
        self.codes: list[int] = []
        self.changed = asyncio.Event()
        self.upgrades: list[Upgrade] = []
        self.port = 0
        self.stop = asyncio.Event()
        self.serving: asyncio.Task[None] | None = None

    async def decide(self, upgrade: Upgrade) -> Taker:
        self.upgrades.append(upgrade)
        if upgrade.segments == ("nobody",):
            raise AppError(Kind.UNAUTHENTICATED, "session_invalid", "There is no such session.")
        if upgrade.segments == ("broken",):
            raise RuntimeError("on purpose")
        return Echo(self)

    def connect(self, path: str = "/echo/a") -> connect:
        return connect(f"ws://127.0.0.1:{self.port}{path}", ping_interval=None, max_size=None)

    async def ended(self) -> int:
        """The code with which the first socket ended."""
        async with asyncio.timeout(10):
            while not self.codes:
                self.changed.clear()
                await self.changed.wait()
        return self.codes[0]


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    await Response("hello")(scope, receive, send)


@asynccontextmanager
async def house_with(limits: SocketLimits, request_seconds: float = 30) -> AsyncIterator[House]:
    house = House()
    sockets = servers.open_sockets("127.0.0.1", 0)
    house.port = sockets[0].getsockname()[1]
    route = SocketRoute("/echo/{word}", house.decide, limits)
    site = servers.Site(answer, sockets, request_seconds=request_seconds, sockets_at=[route])
    house.serving = asyncio.create_task(servers.serve_until([site], house.stop, 2))
    try:
        yield house
    finally:
        house.stop.set()
        await house.serving


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with house_with(SocketLimits(frame_bytes=100_000)) as running:
        yield running


@pytest.fixture
async def strict() -> AsyncIterator[House]:
    async with house_with(LIMITS) as running:
        yield running


async def closed_with(client: ClientConnection) -> int:
    """The code with which the server closes; what comes before is thrown away."""
    try:
        async with asyncio.timeout(10):
            while True:
                await client.recv()
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd is not None else 1006


async def test_messages_go_both_ways_text_binary_and_in_fragments(house: House) -> None:
    async with house.connect("/echo/a%20b?v=2.1&x=y") as client:
        await client.send("hé")
        assert await client.recv() == "<hé>"
        await client.send(b'{"a":1}')
        assert await client.recv() == '<{"a":1}>'
        await client.send(["frag", "ments"])
        assert await client.recv() == "<fragments>"
        assert client.subprotocol is None
        assert "Sec-WebSocket-Extensions" not in client.response.headers  # type: ignore[union-attr]  # it is connected
    assert house.upgrades[0].segments == ("a b",)
    assert house.upgrades[0].query == {"v": "2.1", "x": "y"}
    assert await house.ended() == 1000


async def test_messages_of_every_length_arrive_whole(house: House) -> None:
    async with house.connect() as client:
        for length in (0, 1, 123, 124, 65_533, 65_534, 99_998):
            await client.send("y" * length)
            assert await client.recv() == f"<{'y' * length}>"


@pytest.mark.parametrize(("path", "status"), [("/echo/nobody", 401), ("/echo/broken", 500), ("/elsewhere", 404)])
async def test_a_refused_upgrade_is_an_http_answer(house: House, path: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with house.connect(path):
            pass
    assert refused.value.response.status_code == status
    assert refused.value.response.headers["Content-Type"] == "application/json"
    assert house.open == []


async def test_a_message_that_is_too_large_closes_with_1009(house: House) -> None:
    async with house.connect() as client:
        with suppress(ConnectionClosed):  # it need not take the whole of it
            await client.send(b"z" * 10_000_000)
        assert await closed_with(client) == 1009


async def test_so_do_fragments_that_are_too_large_together(house: House) -> None:
    async with house.connect() as client:
        await client.send([b"z" * 60_000, b"z" * 60_000])
        assert await closed_with(client) == 1009


async def raw(house: House, frames: bytes) -> bytes:
    """Upgrade by hand, send bytes, return what the server says until it ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /echo/a HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    writer.write(frames)
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (Frame(Opcode.TEXT, b"unmasked").serialize(mask=False), 1002),
        (Frame(Opcode.CONT, b"of nothing").serialize(mask=True), 1002),
        (b"\xf1\x80\x00\x00\x00\x00", 1002),
        (b"\x83\x80\x00\x00\x00\x00", 1002),
    ],
    ids=["not masked", "a fragment of nothing", "reserved bits", "an unknown kind"],
)
async def test_what_is_not_the_protocol_closes_with_1002(house: House, frames: bytes, code: int) -> None:
    said = await raw(house, frames)
    assert said[:1] == b"\x88"
    assert int.from_bytes(said[2:4], "big") == code
    assert await house.ended() == code


async def test_a_taker_that_fails_closes_its_own_socket_with_1011(house: House) -> None:
    async with house.connect() as other, house.connect() as client:
        await client.send("fail")
        assert await closed_with(client) == 1011
        await other.send("still")
        assert await other.recv() == "<still>"


async def test_the_server_closes_with_the_code_it_is_told(house: House) -> None:
    async with house.connect() as client:
        await client.send("close 4401")
        assert await closed_with(client) == 4401
    assert await house.ended() == 4401


async def test_what_was_sent_before_closing_arrives(house: House) -> None:
    async with house.connect() as client:
        await client.send("flood 50")
        await client.send("close 4401")
        for _ in range(50):
            assert await client.recv() == "x" * 1_000
        assert await closed_with(client) == 4401


async def test_a_peer_that_vanishes_is_noticed(house: House) -> None:
    async with house.connect() as client:
        client.transport.abort()
        assert await house.ended() == 1006


async def test_a_peer_that_does_not_read_is_closed_and_others_are_served(strict: House) -> None:
    peer = socket.create_connection(("127.0.0.1", strict.port))
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    reader, writer = await asyncio.open_connection(sock=peer, limit=1_024)
    try:
        writer.write(
            b"GET /echo/a HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a reading transport
        async with strict.connect() as other:
            for _ in range(20):
                writer.write(Frame(Opcode.TEXT, b"flood 1000").serialize(mask=True))
                await other.send("me too")
                assert await other.recv() == "<me too>"
            assert await strict.ended() == 1008
    finally:
        writer.close()


async def test_a_silent_peer_is_closed_and_pings_keep_one_open(strict: House) -> None:
    async with strict.connect() as silent, strict.connect() as lively:
        for _ in range(5):
            await asyncio.sleep(0.25)
            await (await lively.ping())
        await lively.send("here")
        assert await lively.recv() == "<here>"
        assert await closed_with(silent) == 1001


async def test_the_time_that_a_request_may_take_does_not_count_for_a_socket() -> None:
    async with house_with(SocketLimits(), request_seconds=0.2) as house, house.connect() as client:
        await asyncio.sleep(0.5)
        await client.send("on")
        assert await client.recv() == "<on>"


async def test_a_server_that_stops_says_1001(house: House) -> None:
    async with house.connect() as client:
        house.stop.set()
        assert await closed_with(client) == 1001
        assert house.serving is not None
        await house.serving


async def test_nothing_is_read_while_the_taker_pauses(house: House) -> None:
    async with house.connect() as client:
        await client.send("first")
        assert await client.recv() == "<first>"
        held = house.open[0].socket
        assert held is not None
        held.pause()
        await client.send("second")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.recv(), 0.1)
        held.resume()
        assert await client.recv() == "<second>"
