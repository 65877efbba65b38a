"""The receiver where there is no nginx: takes webhooks over TLS and writes the same log (``bench.ledger``), in Python.

Written on asyncio and httptools directly, so that it takes as little as possible of the machine that it measures.
``/events`` answers 200, ``/failing`` 503, ``/gated`` 503 as long as the gate's file is there.
"""

import argparse
import asyncio
import time
from pathlib import Path
from typing import BinaryIO, cast

import httptools
import uvloop

from switchbay.infra.tls import server_context

_ANSWERS = {
    200: b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    503: b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
}
_NOTED = {b"x-liveperson-request-id": 0, b"x-liveperson-client-id": 1, b"x-liveperson-signature": 2}


class _Connection(asyncio.Protocol):
    def __init__(self, log: BinaryIO, gate: Path) -> None:
        self._log = log
        self._gate = gate
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is not a subclass
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._parts: list[bytes] = []
        self._noted = [b"-", b"-", b"-"]

    def on_url(self, url: bytes) -> None:
        self._path = url

    def on_header(self, name: bytes, value: bytes) -> None:
        place = _NOTED.get(name.lower())
        if place is not None:
            self._noted[place] = value

    def on_body(self, part: bytes) -> None:
        self._parts.append(part)

    def on_message_complete(self) -> None:
        assert self._transport is not None
        fails = self._path == b"/failing" or (self._path == b"/gated" and self._gate.exists())
        status = 503 if fails else 200
        self._transport.write(_ANSWERS[status])
        request_id, client_id, signature = self._noted
        head = b"%.3f %d %b %b %b " % (time.time(), status, request_id, client_id, signature)
        self._log.write(head + b"".join(self._parts) + b"\n")


async def _serve(ports: range, certificate: Path, log: BinaryIO, gate: Path) -> None:
    context = server_context(certificate)
    loop = asyncio.get_running_loop()
    for port in ports:
        await loop.create_server(lambda: _Connection(log, gate), "127.0.0.1", port, ssl=context)
    print("ready", flush=True)
    while True:
        await asyncio.sleep(0.1)
        log.flush()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ports", type=int, default=1, help="how many, from --port on")
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--gate", type=Path, required=True)
    given = parser.parse_args()
    with given.log.open("ab") as log:
        uvloop.run(_serve(range(given.port, given.port + given.ports), given.certificate, log, given.gate))


if __name__ == "__main__":
    main()
