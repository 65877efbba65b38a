"""What fan-out is compared with: a server that upgrades whoever comes, and writes the same frame to all connections.

No JSON, no database, no HTTP framework: asyncio and TLS only, on the server's event loop and with a certificate as it
has. A line on standard input says how many frames each connection gets, how large, and how many of them in one write.
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import cast

import uvloop

from switchbay.infra import process
from switchbay.infra.tls import server_context
from switchbay.infra.websocket import frame_head

_UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
_HIGH_WATER = 65_536


class _Connection(asyncio.Protocol):
    def __init__(self, everybody: "dict[_Connection, None]") -> None:
        self._everybody = everybody
        self._is_upgraded = False
        self.transport: asyncio.Transport | None = None
        self.can_write = asyncio.Event()
        self.can_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own class is not a subclass

    def data_received(self, data: bytes) -> None:
        if not self._is_upgraded and data.endswith(b"\r\n\r\n") and self.transport is not None:
            self._is_upgraded = True
            self.transport.write(_UPGRADED)
            self.transport.set_write_buffer_limits(high=_HIGH_WATER)
            self._everybody[self] = None

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._everybody.pop(self, None)

    def pause_writing(self) -> None:
        self.can_write.clear()

    def resume_writing(self) -> None:
        self.can_write.set()


async def _speak(everybody: "dict[_Connection, None]", rounds: int, size: int, together: int) -> None:
    frame = frame_head(size) + b"x" * size
    data = frame * together
    for _ in range(rounds // together):
        for one in tuple(everybody):
            if not one.can_write.is_set():
                await one.can_write.wait()
            if one.transport is not None:
                one.transport.write(data)
        await asyncio.sleep(0)


async def _serve(port: int, certificate: Path) -> None:
    everybody: dict[_Connection, None] = {}
    loop = asyncio.get_running_loop()
    await loop.create_server(
        lambda: _Connection(everybody), "127.0.0.1", port, ssl=server_context(certificate), backlog=2_048
    )
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        rounds, size, together = map(int, line.split())
        begun, cpu = time.monotonic(), time.process_time()
        await _speak(everybody, rounds, size, together)
        print(json.dumps({"seconds": time.monotonic() - begun, "cpu_seconds": time.process_time() - cpu}), flush=True)


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--certificate", type=Path, required=True)
    given = parser.parse_args()
    process.tune()
    uvloop.run(_serve(given.port, given.certificate))


if __name__ == "__main__":
    main()
