"""A real forward proxy for tests: takes CONNECT, leads every tunnel to one place, and misbehaves on demand."""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


@dataclass(slots=True)
class ForwardProxy:
    """``async with ForwardProxy(port) as proxy``: whatever address is asked for, the tunnel ends at ``port`` here.

    ``answer`` replaces the answer, after which there is no tunnel; an empty one is never given.
    """

    leads_to: int
    context: ssl.SSLContext | None = None
    answer: bytes | None = None
    port: int = 0
    heads: list[bytes] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)  # let the transports close

    @property
    def asked(self) -> list[str]:
        """What tunnels were asked for, in the order of their coming."""
        return [head.split(b"\r\n")[0].decode("ascii") for head in self.heads]

    def url(self, login: str = "") -> str:
        """The address of the proxy, as the setting takes it."""
        scheme, host = ("http", "127.0.0.1") if self.context is None else ("https", "localhost")
        return f"{scheme}://{login}{host}:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            if self.answer is not None:
                writer.write(self.answer)
                await reader.read()
                return
            far_reader, far = await asyncio.open_connection("127.0.0.1", self.leads_to)
            self._writers.append(far)
            writer.write(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n")
            await asyncio.gather(_pump(reader, far), _pump(far_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
