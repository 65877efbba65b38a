"""The watching clients (``bench.watchers``) as whoever measures drives them, and a server to compare with."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.stage import free_port

_FILE = "connections.tsv"
_QUIET_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Connection:
    """One socket to open: the path of its upgrade, and what it asks for then."""

    path: str
    requests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Came:
    """What came to all connections; ``least`` and ``most`` frames at one of them. Latencies in milliseconds."""

    open: int
    pongs: int
    frames: int
    least: int
    most: int
    bytes: int
    latencies: list[float]
    cpu_seconds: float

    @property
    def frame_bytes(self) -> int:
        """How large a frame was on the average."""
        return round(self.bytes / max(1, self.frames))


class Watchers:
    """A process of clients. ``timed``: take the time at every so-manieth, of frames that have ``marks`` early on."""

    def __init__(
        self,
        folder: Path,
        port: int,
        ca: Path,
        connections: Sequence[Connection],
        *,
        timed: int = 0,
        marks: str = "Notification",
    ) -> None:
        file = folder / _FILE
        file.write_text("".join("\t".join((one.path, *one.requests)) + "\n" for one in connections))
        words = [sys.executable, "-m", "bench.watchers", "--port", str(port), "--ca", str(ca)]
        words += ["--connections", str(file), "--timed", str(timed), "--marks", marks]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.first = self._answer()
        self._cpu = self.first.cpu_seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def begin(self) -> None:
        """Count anew."""
        self._cpu = self._ask("begin").cpu_seconds

    def ping(self) -> Came:
        """What came since the beginning, after a sign of life of every connection."""
        return self._ask("ping")

    def collect(self) -> tuple[Came, float]:
        """What came since the beginning, once nothing comes any more; and when (``time.monotonic``) the last came."""
        last, known = time.monotonic(), 0
        while time.monotonic() - last < _QUIET_SECONDS:
            time.sleep(0.02)
            frames = self._ask("take").frames
            if frames != known:
                known, last = frames, time.monotonic()
        came = self._ask("latencies")
        return replace(came, cpu_seconds=came.cpu_seconds - self._cpu), last

    def _ask(self, command: str) -> Came:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Came:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the watching clients failed")
        return Came(**json.loads(line))


class BareSpeaker:
    """The server to compare with (``bench.speaker``): it writes the same frame to every connection."""

    def __init__(self, certificate: Path) -> None:
        self.port = free_port()
        words = [sys.executable, "-m", "bench.speaker", "--port", str(self.port), "--certificate", str(certificate)]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def speak(self, rounds: int, frame_bytes: int, together: int) -> dict[str, Any]:
        """Write so many frames of this size to each connection, so many in one write; how long it took it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{rounds} {frame_bytes} {together}\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found
