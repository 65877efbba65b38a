"""The Monitoring API: requests a second beside an empty endpoint of the same server, and how large visits are.

wrk sends, to both. Visits are put into the database before, as many as are asked for, so that requests go on with
sessions among them; each request opens a page, reports a cart, and is offered something of twenty engagements.
"""

import asyncio
import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import asyncpg

from bench.rounds import WRK
from bench.stage import ACCOUNT, Stage
from switchbay.engagement.domain.visit import Cart, Context, Page, Visit
from switchbay.engagement.monitoring.domain.sessions import RANDOM_BYTES, Fresh
from switchbay.engagement.monitoring.store import pack

_SCRIPT: Final = Path(__file__).parent / "visits.lua"
_CONNECTIONS: Final = 64
_ENGAGEMENTS: Final = 20
_TARGETS: Final = 20_000
_AT_ONCE: Final = 10_000
_HOUR_MS: Final = 3_600_000
_BASE: Final = f"/api/account/{ACCOUNT}/configuration/le-campaigns"
SETTINGS: Final = {"SWITCHBAY_VISITS_PER_NETWORK": "1000000", "SWITCHBAY_DELIVERY_PROCESS": "false"}
_Row = tuple[str, str, int, bytes]


def monitoring(stage: Stage, seconds: float, visits: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Requests a second, latencies at half of that, and what a visit takes."""
    if WRK is None:
        yield "skipped", {"reason": "wrk is not there"}
        return
    app = _campaign(stage)
    for count in sorted({10_000, visits}):
        size = _fill(stage, count)
        yield f"{count} live visits", _rounds(stage, app, seconds, count) | size


def _campaign(stage: Stage) -> str:
    """A published campaign of twenty engagements, each at a section of its own; the app that offers them."""
    app = stage.install().client_id
    as_admin = {"Authorization": f"Bearer {stage.log_in()}", "If-Match": "*"}

    def make(kind: str, **members: object) -> int:
        made = stage.call("POST", f"{_BASE}/{kind}", members, as_admin)
        return int(made["id"])

    campaign = make("campaigns", name="bench", status="published")
    for place in range(_ENGAGEMENTS):
        section = {"type": "section", "include": [f'"section-{place}"']}
        location = make("locations", name=f"section {place}", conditions=[section])
        wants = {"type": "cart_value", "min": 1}
        behavior = make("behaviors", name=f"cart {place}", conditions=[wants])
        make(
            "engagements",
            name=f"engagement {place}",
            campaignId=campaign,
            appInstallationId=app,
            entryPoints=[location],
            behaviors=[behavior],
        )
    return app


def _visit(number: int, now: int) -> Visit:
    """A visit as it is after three pages: its ids tell its number."""
    fresh = Fresh(number.to_bytes(16, "big") + number.to_bytes(16, "little") + bytes(RANDOM_BYTES - 32))
    return Visit(
        visitor_id=fresh.visitor_id,
        session_id=fresh.session_id,
        started=now,
        seen=now,
        user_agent="Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36",
        os="WINDOWS",
        device_family="DESKTOP",
        ip="127.0.0.1",
        pages=tuple(
            Page(
                id=f"100000000{place}", at=now, url=f"https://shop.example/page/{place}", sections=(f"section-{place}",)
            )
            for place in range(3)
        ),
        page_count=3,
        contexts=(Context(id="1", at=now, campaign_id=1, engagement_id=1, revision=1, page_id="1000000000"),),
        cart=Cart(total=20, last_total_change=20, items=2, currency="EUR"),
    )


def _rows(numbers: range, now: int) -> list[_Row]:
    visits = [_visit(number, now) for number in numbers]
    return [(ACCOUNT, visit.session_id, now + 24 * _HOUR_MS, pack(visit)) for visit in visits]


def _fill(stage: Stage, count: int) -> dict[str, Any]:
    """Have so many visits in the table, all of them live; what one of them takes."""
    now = time.time_ns() // 1_000_000
    stage.stop_server()
    begun = time.monotonic()
    if stage.engine == "sqlite":
        size = _fill_sqlite(stage.folder / "data" / "switchbay.db", count, now)
    else:
        size = asyncio.run(_fill_postgresql(stage.database_url, count, now))
    seconds = time.monotonic() - begun
    stage.start_server()
    return {
        "packed_bytes_per_visit": len(pack(_visit(1, now))),
        "stored_bytes_per_visit": round(size / count),
        "seconds_to_fill": round(seconds, 1),
    }


def _fill_sqlite(path: Path, count: int, now: int) -> int:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DELETE FROM engagement_visits")
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.stat().st_size
    for first in range(0, count, _AT_ONCE):
        connection.execute("BEGIN")
        rows = _rows(range(first, min(count, first + _AT_ONCE)), now)
        connection.executemany(
            "INSERT INTO engagement_visits (account_id, session_id, purge_at, visit) VALUES (?, ?, ?, ?)", rows
        )
        connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path.stat().st_size - before


async def _fill_postgresql(url: str, count: int, now: int) -> int:
    connection = await asyncpg.connect(url)
    await connection.execute("TRUNCATE engagement_visits")
    for first in range(0, count, _AT_ONCE):
        rows = _rows(range(first, min(count, first + _AT_ONCE)), now)
        columns = ("account_id", "session_id", "purge_at", "visit")
        await connection.copy_records_to_table("engagement_visits", records=rows, columns=columns)
    await connection.execute("VACUUM ANALYZE engagement_visits")
    size: int = await connection.fetchval("SELECT pg_total_relation_size('engagement_visits')")
    await connection.close()
    return size


def _rounds(stage: Stage, app: str, seconds: float, count: int) -> dict[str, Any]:
    file = stage.folder / "requests.tsv"
    step = max(1, count // _TARGETS)
    with file.open("w") as lines:
        for number in range(0, count, step):
            visit = _visit(number, 0)
            body = {
                "entryPoints": [f"https://shop.example/page/{number}", f"sec://section-{number % _ENGAGEMENTS}"],
                "engagementAttributes": [{"type": "cart", "total": number % 90 + 1, "numItems": 2}],
            }
            ids = f"v=1.1&vid={visit.visitor_id}&sid={visit.session_id}"
            lines.write(f"/api/account/{ACCOUNT}/app/{app}/engagement?{ids}\t{json.dumps(body)}\n")
    stage.call("POST", f"/api/account/{ACCOUNT}/app/{app}/engagement?v=1.1", {})  # it loads what reads user agents
    _wrk(stage, "/", file, 2, 0)  # warm the caches and the connections
    cpu = stage.usage()[0]
    empty = _empty(stage, seconds)
    idle = stage.usage()[0] - cpu
    cpu = stage.usage()[0]
    full = _wrk(stage, "/", file, seconds, 0)
    per_second = full["answered"] / full["seconds"]
    spent = stage.usage()[0] - cpu
    half = _wrk(stage, "/", file, 2 * seconds, per_second / 2)
    return {
        "empty_endpoint_per_second": round(empty),
        "engagement_per_second": round(per_second),
        "share_of_the_empty_endpoint": round(per_second / max(1, empty), 2),
        "server_cpu_ms_per_empty_request": round(idle * 1000 / max(1, empty * seconds), 3),
        "server_cpu_ms_per_request": round(spent * 1000 / max(1, full["answered"]), 3),
        "p50_ms_at_half_load": half["p50_ms"],
        "p95_ms_at_half_load": half["p95_ms"],
        "p99_ms_at_half_load": half["p99_ms"],
        "half_load_per_second": round(half["answered"] / half["seconds"]),
        "refused_or_cut": sum(one["refused"] + one["cut"] for one in (full, half)),
        "server_resident_mb": round(stage.usage()[1]),
    }


def _wrk(stage: Stage, path: str, file: Path, seconds: float, rate: float) -> dict[str, Any]:
    assert WRK is not None
    words = [WRK, "-t", "1", "-c", str(_CONNECTIONS), "-d", f"{max(1, round(seconds))}s", "--timeout", "30s"]
    words += ["-s", str(_SCRIPT), stage.server_url + path, "--", str(file), str(rate)]
    run = subprocess.run(words, capture_output=True, text=True, check=True, env=os.environ)
    found: dict[str, Any] = json.loads(run.stdout.strip().splitlines()[-1])
    return found


def _empty(stage: Stage, seconds: float) -> float:
    """Requests a second that an endpoint which does nothing answers."""
    assert WRK is not None
    words = [WRK, "-t", "1", "-c", str(_CONNECTIONS), "-d", f"{max(1, round(seconds))}s", f"{stage.server_url}/livez"]
    run = subprocess.run(words, capture_output=True, text=True, check=True)
    [line] = [each for each in run.stdout.splitlines() if each.startswith("Requests/sec:")]
    return float(line.split()[-1])
