"""A real https server for tests that counts and keeps what it is sent, and misbehaves on demand."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, cast

import httptools

from support.certs import Authority


@dataclass(frozen=True, slots=True)
class Received:
    """A request that arrived. Header names are lower case; ``connection`` numbers the connection it came over."""

    method: str
    path: str
    headers: dict[str, str]
    header_list: tuple[tuple[str, str], ...]
    body: bytes
    connection: int
    client: str | None = None
    """The common name of the certificate that the client showed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer. ``raw`` replaces the whole response; ``drip`` sends its bytes one by one with this gap."""

    status: int = 200
    body: bytes = b"OK"
    headers: Sequence[tuple[str, str]] = ()
    raw: bytes | None = None
    delay: float = 0.0
    drip: float | None = None
    repeat_body: int = 1
    close: bool = False

    def head(self) -> bytes:
        """The status line and the headers."""
        lines = [f"HTTP/1.1 {self.status} Answer\r\n", f"Content-Length: {len(self.body) * self.repeat_body}\r\n"]
        lines += [f"{name}: {value}\r\n" for name, value in self.headers]
        if self.close:
            lines.append("Connection: close\r\n")
        return ("".join(lines) + "\r\n").encode("latin-1")


Answerer = Callable[[Received], Answer | Awaitable[Answer]]


def accept(_request: Received) -> Answer:
    """Answer 200."""
    return Answer()


@dataclass(slots=True)
class _Parsing:
    path: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)


class _Connection(asyncio.Protocol):
    def __init__(self, receiver: "Receiver") -> None:
        self._receiver = receiver
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._parsing = _Parsing()
        self._number = 0
        self._client: str | None = None
        self._answering: asyncio.Task[None] | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are no subclasses of it
        self._receiver.connections += 1
        self._number = self._receiver.connections
        self._receiver.open.add(self._transport)
        shown = self._transport.get_extra_info("peercert") or {}
        self._client = next((value for ((name, value),) in shown.get("subject", ()) if name == "commonName"), None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._receiver.open.discard(self._transport)
            self._receiver.lost.set()
        if self._answering is not None:
            self._answering.cancel()
        self._may_write.set()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._parsing = _Parsing()

    def on_url(self, url: bytes) -> None:
        self._parsing.path += url.decode("ascii")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._parsing.headers.append((name.decode("latin-1"), value.decode("utf-8")))

    def on_body(self, data: bytes) -> None:
        self._parsing.body += data

    def on_message_complete(self) -> None:
        parsed = self._parsing
        request = Received(
            self._parser.get_method().decode("ascii"),
            parsed.path,
            {name.lower(): value for name, value in parsed.headers},
            tuple(parsed.headers),
            bytes(parsed.body),
            self._number,
            self._client,
        )
        self._receiver.note(request)
        answer = self._receiver.answer(request)
        if isinstance(answer, Answer) and not answer.delay and answer.drip is None and answer.repeat_body == 1:
            self._write(answer.head() + answer.body if answer.raw is None else answer.raw)
            self._maybe_close(answer)
            return
        self._answering = asyncio.get_running_loop().create_task(self._answer(answer))

    async def _answer(self, given: Answer | Awaitable[Answer]) -> None:
        answer = given if isinstance(given, Answer) else await given
        await asyncio.sleep(answer.delay)
        if answer.raw is not None:
            await self._send(answer.raw, answer.drip)
        elif answer.drip is not None:
            await self._send(answer.head() + answer.body, answer.drip)
        else:
            self._write(answer.head())
            for _ in range(answer.repeat_body):
                await self._may_write.wait()
                self._write(answer.body)
                self._receiver.body_bytes_sent += len(answer.body)
        self._maybe_close(answer)

    async def _send(self, data: bytes, gap: float | None) -> None:
        if gap is None:
            self._write(data)
            return
        for place in range(len(data)):
            self._write(data[place : place + 1])
            await asyncio.sleep(gap)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _maybe_close(self, answer: Answer) -> None:
        if answer.close and self._transport is not None:
            self._transport.close()


class Receiver:
    """``async with Receiver(authority) as receiver``: requests in ``requests``, answers by ``answer``."""

    def __init__(
        self,
        authority: Authority | None,
        answer: Answerer = accept,
        *,
        hosts: Sequence[str] = ("localhost", "127.0.0.1"),
        context: ssl.SSLContext | None = None,
        address: str = "127.0.0.1",
    ) -> None:
        """Without an authority it serves plain http."""
        self.answer = answer
        self.requests: list[Received] = []
        self.connections = 0
        self.body_bytes_sent = 0
        self.open: set[asyncio.Transport] = set()
        self._context = context or (authority.server_context(*hosts) if authority is not None else None)
        self._server: asyncio.Server | None = None
        self._arrived = asyncio.Event()
        self.lost = asyncio.Event()
        self._address = address
        self.port = 0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), self._address, self.port, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        self.drop_connections()
        await asyncio.sleep(0.01)  # let the transports close

    def drop_connections(self) -> None:
        """Cut every open connection."""
        for transport in tuple(self.open):
            transport.abort()

    def url(self, path: str = "/hook", host: str = "localhost") -> str:
        """The address of a path on this server."""
        return f"{'https' if self._context is not None else 'http'}://{host}:{self.port}{path}"

    @property
    def bodies(self) -> list[bytes]:
        """The bodies in the order of their arrival."""
        return [request.body for request in self.requests]

    def note(self, request: Received) -> None:
        """Keep a request."""
        self.requests.append(request)
        self._arrived.set()

    async def wait_until_closed(self, seconds: float = 10.0) -> None:
        """Wait until no connection is open."""
        async with asyncio.timeout(seconds):
            while self.open:
                self.lost.clear()
                await self.lost.wait()

    async def wait_for(self, count: int, seconds: float = 10.0) -> list[Received]:
        """Wait until so many requests have arrived."""
        async with asyncio.timeout(seconds):
            while len(self.requests) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return self.requests
