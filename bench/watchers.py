"""Many WebSocket clients in one process that take as little as possible of the machine: they count what comes.

Each line of the file is one connection: the path of its upgrade and the requests that it then sends, apart by tabs.
Frames are counted and never parsed, except that of some connections the time is taken: a message carries the time of
its POST, as the load generators write it. One command a line comes in, one JSON line goes out for each: ``begin``
counts anew, ``take`` tells what came since then, ``latencies`` also how long it took, ``ping`` asks every connection
for a sign of life first.
"""

import argparse
import base64
import json
import os
import re
import select
import socket
import ssl
import struct
import sys
import time
from pathlib import Path

_STAMP = re.compile(rb'"bench (\d{9}) (\d{16}) ')
_RECEIVE = 65_536
_QUIET_SECONDS = 0.5
_SECONDS = 60.0


def _masked(opcode: int, payload: bytes) -> bytes:
    """A client's frame. The mask is nought, so that the payload stays as it is."""
    if len(payload) < 126:
        return struct.pack("!BB", 0x80 | opcode, 0x80 | len(payload)) + bytes(4) + payload
    return struct.pack("!BBH", 0x80 | opcode, 0xFE, len(payload)) + bytes(4) + payload


class Watcher:
    """One connection. ``marks`` is what the beginning of a frame holds whose time is taken; empty: none is."""

    __slots__ = ("_rest", "bytes", "frames", "is_open", "latencies", "marks", "pongs", "sock")

    def __init__(self, sock: ssl.SSLSocket, marks: bytes) -> None:
        self.sock = sock
        self.marks = marks
        self.is_open = True
        self.frames = self.bytes = self.pongs = 0
        self.latencies: list[float] = []
        self._rest = b""

    def read(self, buffer: memoryview) -> None:
        """Take what is there."""
        try:
            while True:
                count = self.sock.recv_into(buffer)
                if not count:
                    self.end()
                    return
                self.take(bytes(buffer[:count]))
                if not self.sock.pending():
                    return
        except (ssl.SSLWantReadError, BlockingIOError):
            return
        except OSError:
            self.end()

    def end(self) -> None:
        """It is over."""
        self.is_open = False
        self.sock.close()

    def take(self, data: bytes) -> None:
        """Count the frames in what has come."""
        if self._rest:
            data = self._rest + data
        at, size = 0, len(data)
        while size - at >= 2:
            length, head = data[at + 1], 2
            if length == 126:
                length, head = int.from_bytes(data[at + 2 : at + 4]), 4
            elif length == 127:
                length, head = int.from_bytes(data[at + 2 : at + 10]), 10
            end = at + head + length
            if end > size or size - at < head:
                break
            opcode = data[at] & 15
            if opcode == 1:
                self.frames += 1
                self.bytes += length
                if self.marks and data.find(self.marks, at, at + 120) >= 0:
                    self._time(data, at, end)
            elif opcode == 10:
                self.pongs += 1
            at = end
        self._rest = data[at:]

    def _time(self, data: bytes, at: int, end: int) -> None:
        stamp = _STAMP.search(data, at, end)
        if stamp is not None:
            self.latencies.append(time.time() * 1_000 - int(stamp[2]) / 1_000)


def _open(port: int, context: ssl.SSLContext, path: str) -> ssl.SSLSocket:
    """Connect, shake hands and upgrade."""
    sock = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=30), server_hostname="localhost")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode()
    sock.sendall(
        f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):  # byte by byte, so that no frame is taken with it
        some = sock.recv(1)
        head += some
        if not some or len(head) > 8_192:
            break
    if b" 101 " not in head.split(b"\r\n", 1)[0]:
        raise SystemExit(f"no upgrade: {head[:300]!r}")
    return sock


class _Watchers:
    """All connections of this process."""

    def __init__(self) -> None:
        self._by_fd: dict[int, Watcher] = {}
        self._poll = select.epoll()
        self._buffer = memoryview(bytearray(_RECEIVE))

    def open(self, given: argparse.Namespace) -> None:
        """Open all connections, one after the other, and wait until what they asked for has been answered."""
        context = ssl.create_default_context(cafile=str(given.ca))
        for place, line in enumerate(given.connections.read_text().splitlines()):
            path, *requests = line.split("\t")
            sock = _open(given.port, context, path)
            marks = given.marks.encode() if given.timed and place % given.timed == 0 else b""
            for request in requests:
                sock.sendall(_masked(1, request.encode()))
            sock.setblocking(False)
            self._by_fd[sock.fileno()] = Watcher(sock, marks)
            self._poll.register(sock.fileno(), select.EPOLLIN)
            if place % 50 == 0:
                self.turn(0)

    def turn(self, seconds: float) -> bool:
        """Read whatever is there; whether a command has come."""
        is_asked = False
        for fd, _ in self._poll.poll(seconds):
            watcher = self._by_fd.get(fd)
            if watcher is None:
                is_asked = True
            else:
                watcher.read(self._buffer)
        return is_asked

    def settle(self) -> None:
        """Read until nothing has come for a while."""
        deadline, quiet_since = time.monotonic() + _SECONDS, time.monotonic()
        known = -1
        while time.monotonic() < deadline and time.monotonic() - quiet_since < _QUIET_SECONDS:
            self.turn(0.05)
            came = sum(one.frames for one in self._by_fd.values())
            if came != known:
                known, quiet_since = came, time.monotonic()

    def obey(self) -> None:
        """Do what is asked on standard input until it ends."""
        self._poll.register(sys.stdin.fileno(), select.EPOLLIN)
        while True:
            if not self.turn(10):
                continue
            command = sys.stdin.readline().strip()
            if not command:
                return
            if command == "ping":
                self._ping()
            elif command == "begin":
                self._begin()
            print(json.dumps(self.take(with_latencies=command == "latencies")), flush=True)

    def _begin(self) -> None:
        for one in self._by_fd.values():
            one.frames = one.bytes = one.pongs = 0
            one.latencies = []

    def _ping(self) -> None:
        for watcher in self._by_fd.values():
            if watcher.is_open:
                watcher.sock.send(_masked(9, b""))
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline and any(one.is_open and not one.pongs for one in self._by_fd.values()):
            self.turn(0.1)

    def take(self, *, with_latencies: bool = False) -> dict[str, object]:
        """What came since the beginning."""
        found = list(self._by_fd.values())
        frames = [one.frames for one in found]
        return {
            "open": sum(one.is_open for one in found),
            "pongs": sum(one.pongs for one in found),
            "frames": sum(frames),
            "least": min(frames),
            "most": max(frames),
            "bytes": sum(one.bytes for one in found),
            "latencies": [round(ms, 2) for one in found for ms in one.latencies] if with_latencies else [],
            "cpu_seconds": time.process_time(),
        }


def main() -> None:
    """Open the connections, say so, and obey."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ca", type=Path, required=True)
    parser.add_argument("--connections", type=Path, required=True, help="a line for each: path and requests, by tabs")
    parser.add_argument("--timed", type=int, default=0, help="take the time at every so-manieth connection; 0: at none")
    parser.add_argument("--marks", default="Notification", help="what the beginning of a timed frame holds")
    given = parser.parse_args()
    watchers = _Watchers()
    watchers.open(given)
    watchers.settle()
    print(json.dumps(watchers.take()), flush=True)
    watchers.obey()


if __name__ == "__main__":
    main()
