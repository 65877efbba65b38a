"""One round of a measurement: load for so many seconds, wait until everything has arrived, count."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import ledger
from bench.connectors import App, Target
from bench.stage import ACCOUNT, Stage

WRK = shutil.which("wrk")
LOAD = "wrk" if WRK else "Python"
_SCRIPT = Path(__file__).parent / "wrk.lua"
_ONE_NUMBER = 10  # nine digits and the end of the line
_CONNECTIONS = 64


class Load:
    """A load generator under way: ``wrk``, or the one in Python."""

    def __init__(
        self,
        stage: Stage,
        targets: Sequence[Target],
        *,
        seconds: float,
        rate: float = 0,
        first: int = 0,
        connections: int = _CONNECTIONS,
    ) -> None:
        self.targets = targets
        self.accepted = stage.folder / "accepted.txt"
        self.accepted.unlink(missing_ok=True)
        self.accepted.touch()
        file = stage.folder / "targets.tsv"
        file.write_text("".join(target.line for target in targets))
        url = f"{stage.server_url}/api/account/{ACCOUNT}/messaging/consumer/conversation/send?v=3"
        if WRK:
            words = [WRK, "-t", "1", "-c", str(connections), "-d", f"{max(1, round(seconds))}s", "--timeout", "30s"]
            words += ["-s", str(_SCRIPT), url, "--", str(file), str(self.accepted), str(first), str(rate), "100"]
        else:
            words = [sys.executable, "-m", "bench.load", "--url", url, "--ca", str(stage.ca), "--rate", str(rate)]
            words += ["--targets", str(file), "--accepted", str(self.accepted), "--seconds", str(seconds)]
            words += ["--connections", str(connections), "--first", str(first)]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

    @property
    def accepted_so_far(self) -> int:
        """About how many messages were accepted."""
        return self.accepted.stat().st_size // _ONE_NUMBER

    def end(self) -> None:
        """Have it end before its time."""
        self._process.send_signal(signal.SIGINT)

    def result(self) -> dict[str, Any]:
        """What it tells, once it has ended."""
        out, _ = self._process.communicate()
        found: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
        return found

    def expected(self) -> set[int]:
        """The accepted messages that are to arrive: those of apps whose endpoints do not fail."""
        of = self.targets
        return {number for number in ledger.numbers(self.accepted) if not of[number % len(of)].app.fails}


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor seconds of everybody, and the server's resident megabytes."""

    server: float
    receiver: float
    database: float
    resident_mb: float


def usage(stage: Stage) -> Usage:
    """What was used so far."""
    assert stage.endpoints is not None
    server, resident = stage.usage()
    return Usage(server, stage.endpoints.cpu_seconds(), stage.database_cpu(), resident)


def secrets_of(targets: Sequence[Target]) -> dict[str, bytes]:
    """The secrets that sign, by client id."""
    apps: set[App] = {target.app for target in targets}
    return {app.client_id: app.secret.encode() for app in apps}


def run(
    stage: Stage,
    targets: Sequence[Target],
    *,
    seconds: float,
    rate: float = 0,
    connections: int = _CONNECTIONS,
    quiet_seconds: float = 10,
) -> dict[str, Any]:
    """Load, wait, count. The figures of the load are over its whole time, those of the receiver over what arrived."""
    assert stage.endpoints is not None
    since = stage.endpoints.bytes_logged()
    before, begun = usage(stage), time.monotonic()
    load = Load(stage, targets, seconds=seconds, rate=rate, connections=connections)
    sent = load.result()
    ended = time.time()
    expected = load.expected()
    stage.endpoints.settle(len(expected), since, quiet_seconds)
    time.sleep(0.3)  # for the results of the last ones
    spent, after = time.monotonic() - begun, usage(stage)
    came = ledger.count(ledger.arrivals(stage.endpoints.log, since), expected, secrets_of(targets))
    messages = max(1, ledger_size(load))
    return {
        "accepted_per_second": round(messages / sent["seconds"]),
        "delivered_per_second": round(came.per_second),
        "p50_ms": came.percentile(0.50),
        "p95_ms": came.percentile(0.95),
        "p99_ms": came.percentile(0.99),
        "post_p50_ms": sent["post_p50_ms"],
        "post_p95_ms": sent["post_p95_ms"],
        "drained_seconds_after_load": round(max(0.0, came.last_at_ms / 1000 - ended), 2),
        "accepted": messages,
        "received": came.received,
        "lost": came.lost,
        "out_of_order": came.out_of_order,
        "duplicates": came.duplicates,
        "bad_signatures": came.bad_signatures,
        "answers_of_failing_endpoints": came.refused,
        "posts_refused_or_cut": sent["refused"] + sent["cut"],
        "server_cpu_ms_per_message": round((after.server - before.server) * 1000 / messages, 3),
        "server_cpu_share": round((after.server - before.server) / spent, 2),
        "receiver_cpu_ms_per_message": round((after.receiver - before.receiver) * 1000 / messages, 3),
        "database_cpu_ms_per_message": round((after.database - before.database) * 1000 / messages, 3),
        "server_resident_mb": round(after.resident_mb),
    }


def ledger_size(load: Load) -> int:
    """How many messages were accepted, all told."""
    return len(ledger.numbers(load.accepted))
