"""A daemon that speaks ClamAV's INSTREAM: it finds the EICAR test string, and misbehaves on request."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
Manner = Literal["right", "silent", "closing", "nonsense", "endless", "too long"]


class Daemon:
    """What it was shown, and how it answers."""

    def __init__(self, manner: Manner = "right", most: int = 10_000_000) -> None:
        self.manner = manner
        self.most = most
        self.seen: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.manner == "closing":
                return
            assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
            content = b""
            while size := int.from_bytes(await reader.readexactly(4), "big"):
                content += await reader.readexactly(size)
                if len(content) > self.most:
                    writer.write(b"INSTREAM size limit exceeded. ERROR\0")
                    return
            self.seen.append(content)
            await self._answer(content, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, content: bytes, writer: asyncio.StreamWriter) -> None:
        if self.manner == "silent":
            await asyncio.sleep(30)
        elif self.manner == "nonsense":
            writer.write(b"stream: perhaps\0")
        elif self.manner == "endless":
            writer.write(b"x" * 100_000)
            await writer.drain()
        else:
            writer.write(b"stream: Eicar-Test-Signature FOUND\0" if EICAR in content else b"stream: OK\0")


@asynccontextmanager
async def clamd(daemon: Daemon, socket: Path | None = None) -> AsyncIterator[str]:
    """Run a daemon on a free port or on a socket of the file system; gives the setting that names it."""
    if socket is None:
        server = await asyncio.start_server(daemon.serve, "127.0.0.1", 0)
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    else:
        server = await asyncio.start_unix_server(daemon.serve, socket)
        address = f"unix:{socket}"
    try:
        yield address
    finally:
        server.close()
