"""A cheap https receiver that verifies every signature and notes how long each message was under way.

Written on asyncio and httptools directly, so that it takes as little as possible of the machine that it measures. The
messages carry the monotonic clock's nanoseconds of when their POST was begun; that clock is one for all processes.
``GET /stats`` answers the counts and latencies since ``POST /reset``, ``GET /stamps`` the stamps of the messages.
"""

import argparse
import asyncio
import json
import re
import ssl
import time
from typing import cast

import httptools
import uvloop

from switchbay.kit.signatures import verify

_STAMP = re.compile(rb'"message":"bench (\d+) ')
_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
_FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"


class _Book:
    """What arrived."""

    def __init__(self) -> None:
        self.secret = b""
        self.reset()

    def reset(self) -> None:
        self.latencies: list[float] = []
        self.seen: set[tuple[str, int]] = set()
        self.last: dict[str, int] = {}
        self.stamps: list[int] = []
        self.bad = self.repeated = self.disordered = 0
        self.first_at = self.last_at = 0.0

    def note(self, body: bytes, signature: str) -> bool:
        if not verify(self.secret, body, signature):
            self.bad += 1
            return False
        now = time.monotonic_ns()
        stamp = _STAMP.search(body)
        if stamp is None:
            return True
        change = json.loads(body)["body"]["changes"][0]
        key = (change["conversationId"], change["sequence"])
        if key in self.seen:
            self.repeated += 1
            return True
        self.seen.add(key)
        self.stamps.append(int(stamp[1]))
        if self.last.get(key[0], -1) > key[1]:
            self.disordered += 1
        self.last[key[0]] = key[1]
        self.latencies.append((now - int(stamp[1])) / 1e6)
        self.first_at = self.first_at or now / 1e9
        self.last_at = now / 1e9
        return True

    def stats(self) -> dict[str, object]:
        ordered = sorted(self.latencies)

        def at(share: float) -> float:
            return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2) if ordered else 0.0

        return {
            "received": len(self.seen),
            "bad_signatures": self.bad,
            "repeated": self.repeated,
            "disordered": self.disordered,
            "seconds": round(self.last_at - self.first_at, 3),
            "p50_ms": at(0.50),
            "p95_ms": at(0.95),
            "p99_ms": at(0.99),
        }


class _Connection(asyncio.Protocol):
    def __init__(self, book: _Book) -> None:
        self._book = book
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is not a subclass
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._parts: list[bytes] = []
        self._signature = ""

    def on_url(self, url: bytes) -> None:
        self._path = url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-liveperson-signature":
            self._signature = value.decode("latin-1")

    def on_body(self, part: bytes) -> None:
        self._parts.append(part)

    def on_message_complete(self) -> None:
        assert self._transport is not None
        body = b"".join(self._parts)
        if self._path in (b"/stats", b"/stamps"):
            answer = json.dumps(self._book.stats() if self._path == b"/stats" else self._book.stamps).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(answer), answer))
        elif self._path == b"/reset":
            self._book.reset()
            self._book.secret = body or self._book.secret
            self._transport.write(_OK)
        else:
            self._transport.write(_OK if self._book.note(body, self._signature) else _FORBIDDEN)


async def _serve(port: int, certificate: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    book = _Book()
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(book), "127.0.0.1", port, ssl=context)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--certificate", required=True)
    given = parser.parse_args()
    uvloop.run(_serve(given.port, given.certificate))


if __name__ == "__main__":
    main()
