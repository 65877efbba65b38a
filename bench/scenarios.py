"""What "make bench" measures of messages, each scenario on a stage of its own or as one of several rounds on it."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import psutil

from bench import ledger, rounds
from bench.connectors import Target
from bench.fill import fill
from bench.hold import hold
from bench.stage import ACCOUNT, Stage

_FAILING = 10  # one endpoint in so many
_LATENCY_RATE = 500
_RETENTION_SECONDS = 86_400
_POSTED = 30_000
_APART = 10_000
_QUIET_SECONDS = 30.0

Figures = dict[str, Any]


def throughput(stage: Stage, seconds: float, conversations: tuple[int, ...]) -> Iterator[tuple[str, Figures]]:
    """As fast as possible with one endpoint, into each of these numbers of conversations.

    One alone is loaded for a second only: it is sent out far more slowly than it is accepted.
    """
    opened = _open(stage, max(conversations))
    rounds.run(stage, opened[: min(200, len(opened))], seconds=2)  # warm the caches and the connections
    for count in conversations:
        title = f"1 endpoint, {count} conversation{'' if count == 1 else 's'}"
        yield title, rounds.run(stage, opened[:count], seconds=1 if count == 1 else seconds)


def many_endpoints(
    stage: Stage, seconds: float, conversations: tuple[int, ...], endpoints: int, *, failing: bool
) -> Iterator[tuple[str, Figures]]:
    """As fast as possible with many apps, each with an endpoint of its own; of some, every tenth endpoint fails.

    What goes to a failing endpoint is tried again and again and at last given up; all else has to arrive.
    """
    apps = [
        stage.install("failing" if failing and place % _FAILING == _FAILING - 1 else "events", place)
        for place in range(endpoints)
    ]
    name = f"{endpoints} endpoints, {'10 %' if failing else 'none'} failing"
    opened = stage.open(apps, max(conversations))
    for count in conversations:
        yield f"{name}, {count} conversations", rounds.run(stage, opened[:count], seconds=seconds)


def latency(stage: Stage, seconds: float) -> Figures:
    """How soon messages arrive at 500 a second."""
    targets = _open(stage, 200)
    rounds.run(stage, targets, seconds=2)
    return rounds.run(stage, targets, seconds=seconds, rate=_LATENCY_RATE)


def kill(stage: Stage, seconds: float) -> Figures:
    """Load, ``kill -9`` in the middle of it, a new start, load again: what was accepted has to arrive."""
    assert stage.endpoints is not None
    targets = _open(stage, 200)
    since = stage.endpoints.bytes_logged()
    first = rounds.Load(stage, targets, seconds=60)
    time.sleep(seconds)
    stage.kill_server()
    first.end()
    first.result()
    expected = first.expected()
    begun = time.monotonic()
    stage.start_server()
    restarted = time.monotonic() - begun
    stage.endpoints.settle(len(expected), since, _QUIET_SECONDS)
    time.sleep(stage.lease_seconds + 1)  # until what the killed server held has been sent, too
    before = ledger.count(ledger.arrivals(stage.endpoints.log, since), expected, rounds.secrets_of(targets))
    after = rounds.run(stage, targets, seconds=seconds, quiet_seconds=_QUIET_SECONDS)
    return {
        "accepted_before_the_kill": len(expected),
        "accepted_after_it": after["accepted"],
        "lost": before.lost + after["lost"],
        "out_of_order": before.out_of_order + after["out_of_order"],
        "duplicates": before.duplicates + after["duplicates"],
        "bad_signatures": before.bad_signatures + after["bad_signatures"],
        "seconds_to_start_again": round(restarted, 2),
    }


def held(stage: Stage, wanted: int) -> Figures:
    """So many events are held by a closed gate, which then opens: how fast they go out, and the server's memory.

    The first ones come as messages come, the others are put beside them.
    """
    assert stage.endpoints is not None
    stage.endpoints.close_gate()
    app = stage.install("gated", retention_seconds=_RETENTION_SECONDS)
    targets = stage.open([app], min(10_000, max(200, wanted // 100)))
    load = rounds.Load(stage, targets, seconds=36_000)
    while load.accepted_so_far < min(wanted, _POSTED):
        time.sleep(0.1)
    load.end()
    load.result()
    expected = load.expected()
    time.sleep(2)
    if len(expected) < wanted:
        stage.stop_server()
        expected.update(
            hold(_database(stage), max(expected) + _APART, wanted - len(expected), time.time_ns() // 1_000_000)
        )
        stage.start_server()
        time.sleep(2)
    pending_mb = stage.usage()[1]
    idle = stage.usage()[0]
    time.sleep(5)
    idle = stage.usage()[0] - idle
    since = stage.endpoints.bytes_logged()
    cpu = stage.usage()[0]
    stage.endpoints.open_gate()
    stage.enable(app)
    with _MemoryPeak(stage) as peak:
        stage.endpoints.settle(len(expected), since, _QUIET_SECONDS)
        time.sleep(1)
    spent = stage.usage()[0] - cpu
    came = ledger.count(ledger.arrivals(stage.endpoints.log, since), expected, rounds.secrets_of(targets))
    return {
        "held": len(expected),
        "conversations": len(targets),
        "resident_mb_while_held": round(pending_mb),
        "cpu_share_while_held": round(idle / 5, 3),
        "drained_per_second": round(came.per_second),
        "server_cpu_ms_per_event": round(spent * 1000 / max(1, came.received), 3),
        "resident_mb_while_draining_most": round(peak.most),
        "resident_mb_after_it": round(stage.usage()[1]),
        "lost": came.lost,
        "out_of_order": came.out_of_order,
        "duplicates": came.duplicates,
        "bad_signatures": came.bad_signatures,
    }


class _MemoryPeak:
    """The most memory that the server takes while this is open, looked at every second."""

    def __init__(self, stage: Stage) -> None:
        self.most = 0.0
        self._stage = stage
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._is_over.wait(1):
            self.most = max(self.most, self._stage.usage()[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()


def _database(stage: Stage) -> str | Path:
    return stage.database_url or stage.folder / "data" / "switchbay.db"


def log_size(stage: Stage, most: int, seconds: float) -> Iterator[tuple[str, Figures]]:
    """The cost of a message with 10,000 rows in the log, ten times as many, and so on."""
    targets = _open(stage, 200)
    rounds.run(stage, targets, seconds=2)
    app = targets[0].app.client_id
    database = _database(stage)
    filled, size = 0, 10_000
    while size <= most:
        stage.stop_server()
        fill(database, ACCOUNT, app, filled, size - filled, time.time_ns() // 1_000_000)
        filled = size
        stage.start_server()
        rounds.run(stage, targets, seconds=2)
        full = rounds.run(stage, targets, seconds=seconds)
        slow = rounds.run(stage, targets, seconds=seconds, rate=_LATENCY_RATE)
        yield (
            f"{size} messages in the log",
            {
                "accepted_per_second": full["accepted_per_second"],
                "delivered_per_second": full["delivered_per_second"],
                "server_cpu_ms_per_message": full["server_cpu_ms_per_message"],
                "database_cpu_ms_per_message": full["database_cpu_ms_per_message"],
                "p95_ms_at_500_a_second": slow["p95_ms"],
                "lost": full["lost"] + slow["lost"],
                "server_resident_mb": slow["server_resident_mb"],
            },
        )
        size *= 10


def _open(stage: Stage, conversations: int) -> list[Target]:
    return stage.open([stage.install()], conversations)


def others_share() -> float:
    """The share of this machine's processors that somebody else is using just now."""
    return round(psutil.cpu_percent(interval=1) / 100, 2)
