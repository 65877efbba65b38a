"""``make bench``: how fast, how soon and how large, with reference figures from the same run.

Everything runs on this machine: the server, the receiver that verifies signatures, the load generator. Each figure
stands beside a bare one (an empty endpoint of the same server, single-row commits of the same database), so that ratios
can be compared between machines.
"""

import argparse
import asyncio
import json
import os
import platform
import sqlite3
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
from pyreqwest.client import ClientBuilder

from bench import tokens
from bench.stage import Stage

_BARE_REQUESTS = 20_000
_BARE_COMMITS = 1_000
_BATCH = 64


async def _empty_endpoint(stage: Stage, authority: bytes) -> float:
    """Requests a second that an endpoint which does nothing answers, over 64 connections."""
    url = f"{stage.server_url}/livez"
    left = _BARE_REQUESTS
    async with ClientBuilder().add_root_certificate_pem(authority).no_proxy().build() as client:

        async def worker() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                answer = await client.get(url).build().send()
                await answer.bytes()

        begun = time.monotonic()
        await asyncio.gather(*(worker() for _ in range(64)))
        return _BARE_REQUESTS / (time.monotonic() - begun)


def _sqlite_commits(rows: int) -> float:
    """Durable commits a second of ``rows`` rows each on a bare SQLite connection."""
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)")
        begun = time.monotonic()
        for _ in range(_BARE_COMMITS):
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO t (body) VALUES (?)", [(b"x" * 400,)] * rows)
            connection.execute("COMMIT")
        seconds = time.monotonic() - begun
        connection.close()
        return _BARE_COMMITS / seconds


async def _postgresql_commits(url: str, rows: int) -> float:
    """Durable commits a second of ``rows`` rows each on a bare connection."""
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE IF NOT EXISTS bare (id bigserial PRIMARY KEY, body bytea)")
    begun = time.monotonic()
    for _ in range(_BARE_COMMITS):
        await connection.execute("INSERT INTO bare (body) SELECT unnest($1::bytea[])", [b"x" * 400] * rows)
    seconds = time.monotonic() - begun
    await connection.execute("DROP TABLE bare")
    await connection.close()
    return _BARE_COMMITS / seconds


def _commits(stage: Stage, rows: int) -> float:
    if stage.engine == "sqlite":
        return _sqlite_commits(rows)
    return asyncio.run(_postgresql_commits(stage.database_url, rows))


def _measure(stage: Stage, **options: float) -> dict[str, Any]:
    """One run of the load generator, waited for until everything arrived."""
    stage.receiver("POST", "/reset")
    cpu_before, _ = stage.usage()
    begun = time.monotonic()
    load = stage.load(**options)
    out, _ = load.communicate()
    result: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    received = stage.wait_for(result["accepted"])
    seconds = time.monotonic() - begun
    cpu, resident = stage.usage()
    return {
        **result,
        **received,
        "messages_per_second": round(result["accepted"] / result["seconds"]),
        "deliveries_per_second": round(received["received"] / max(received["seconds"], 0.001)),
        "server_cpu_ms_per_message": round((cpu - cpu_before) * 1000 / max(1, result["accepted"]), 3),
        "server_cpu_share": round((cpu - cpu_before) / seconds, 2),
        "server_resident_mb": round(resident),
    }


def _show(title: str, result: dict[str, Any]) -> None:
    print(f"  {title}", flush=True)
    width = max(len(name) for name in result)
    for name, value in result.items():
        print(f"    {name:<{width}}  {value}", flush=True)


def _engine(engine: str, given: argparse.Namespace) -> dict[str, Any]:
    print(f"\n{engine}", flush=True)
    figures: dict[str, Any] = {}
    with Stage(engine) as stage:
        if given.tokens_only:
            return {"tokens": _tokens(stage, given.tokens)}
        bare = {
            "empty_endpoint_per_second": round(asyncio.run(_empty_endpoint(stage, stage.ca.read_bytes()))),
            "single_row_commits_per_second": round(_commits(stage, 1)),
            f"rows_per_second_in_commits_of_{_BATCH}": round(_commits(stage, _BATCH) * _BATCH),
        }
        _show("bare reference", bare)
        figures["bare"] = bare
        _measure(stage, messages=2_000, conversations=given.conversations)  # warm the caches and the connections
        for name, options in (
            ("as fast as possible", {"messages": given.messages}),
            ("at 200 messages a second", {"messages": 200 * given.steady_seconds, "rate": 200}),
        ):
            figures[name] = _measure(stage, conversations=given.conversations, **options)
            _show(name, figures[name])
        figures["tokens"] = _tokens(stage, given.tokens)
        if given.million:
            while stage.messages < given.million:
                _measure(stage, messages=50_000, conversations=given.conversations)
                print(f"    {stage.messages} messages, {stage.usage()[1]:.0f} MB resident", flush=True)
            figures["resident_mb_after_a_million"] = round(stage.usage()[1])
    return figures


def _tokens(stage: Stage, count: int) -> dict[str, Any]:
    """Tokens and codes of one process, each request a new one."""
    figures = tokens.tokens(stage, count)
    figures["inside one process, without sockets"] = tokens.inside(count // 2, figures["bare"])
    figures["authorize to code"] = tokens.codes(stage, count // 5)
    for name in figures:
        _show(f"tokens: {name}", figures[name])
    return figures


def main() -> None:
    """Measure both engines and print the figures; with ``--json`` also write them to a file."""
    parser = argparse.ArgumentParser(description=__doc__, prog="make bench ARGS=…")
    parser.add_argument("--engine", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--conversations", type=int, default=200)
    parser.add_argument("--steady-seconds", type=int, default=10)
    parser.add_argument("--tokens", type=int, default=20_000, help="tokens of each algorithm")
    parser.add_argument("--tokens-only", action="store_true", help="measure tokens and issuers, no messages")
    parser.add_argument("--issuers", type=int, default=10_000, help="accounts with keys, for their memory")
    parser.add_argument("--million", type=int, default=0, help="go on until so many messages are in the log")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    given = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    about = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "machine": platform.platform(),
    }
    _show("machine", about)
    engines = ["sqlite", "postgresql"] if given.engine == "both" else [given.engine]
    figures = {"about": about, **{engine: _engine(engine, given) for engine in engines}}
    if given.issuers:
        figures["issuers"] = tokens.issuers(given.issuers)
        _show("issuers", figures["issuers"])
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
