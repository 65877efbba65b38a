"""``make bench``: how fast, how soon and how large, with reference figures from the same run.

Everything runs on this machine: server, PostgreSQL, load generator, receiver. The last two are wrk and nginx where they
are installed, which take little of it. The signature of every message that arrived is verified afterwards,
from the receiver's log. Beside the figures stand bare ones (an empty endpoint of the same server, single-row commits of
the same database), so that ratios can be compared between machines.
"""

import argparse
import asyncio
import json
import os
import platform
import resource
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import bare, evaluations, history, opening, scenarios, sockets, tokens, visits
from bench.endpoints import NGINX
from bench.rounds import LOAD
from bench.stage import Stage

_BATCH = 64
_ENDPOINTS = 200
_CONVERSATIONS = (1, 100, 10_000)


def _show(title: str, result: dict[str, Any]) -> None:
    print(f"  {title}", flush=True)
    width = max(len(name) for name in result)
    for name, value in result.items():
        print(f"    {name:<{width}}  {value}", flush=True)


_Found = Iterator[tuple[str, dict[str, Any]]]


def _shown(found: _Found) -> _Found:
    for title, figures in found:
        _show(title, figures)
        yield title, figures


def _engine(engine: str, given: argparse.Namespace) -> dict[str, Any]:
    print(f"\n{engine}", flush=True)
    figures: dict[str, Any] = {}
    for name, part in _MESSAGES.items():
        if given.only in {"all", name}:
            for title, found in part(engine, given):
                figures[title] = found
                _show(title, found)
    if given.tokens and given.only in {"all", "tokens"}:
        with Stage(engine) as stage:
            figures["tokens"] = _tokens(stage, given.tokens)
    return figures


def _of_bare(engine: str, _given: argparse.Namespace) -> _Found:
    with Stage(engine) as stage:
        yield "bare reference", _bare(stage)


def _of_throughput(engine: str, given: argparse.Namespace) -> _Found:
    with Stage(engine) as stage:
        yield from scenarios.throughput(stage, given.seconds, _CONVERSATIONS)


def _of_latency(engine: str, given: argparse.Namespace) -> _Found:
    with Stage(engine) as stage:
        yield "at 500 messages a second", scenarios.latency(stage, 2 * given.seconds)


def _of_endpoints(engine: str, given: argparse.Namespace) -> _Found:
    for failing in (False, True) if given.full else (True,):
        with Stage(engine, ports=_ENDPOINTS) as stage:
            of = _CONVERSATIONS[1:] if given.full else _CONVERSATIONS[-1:]
            yield from scenarios.many_endpoints(stage, given.seconds, of, _ENDPOINTS, failing=failing)


def _of_kill(engine: str, given: argparse.Namespace) -> _Found:
    with Stage(engine) as stage:
        yield "kill -9 under load", scenarios.kill(stage, given.seconds)


def _of_held(engine: str, given: argparse.Namespace) -> _Found:
    if given.held:
        # Leases as a server has them: those of the other parts are short, so that a killed one's lanes are free soon.
        with Stage(engine, settings={"SWITCHBAY_WEBHOOK_LEASE_SECONDS": "60"}) as stage:
            yield f"{given.held} events held by a gate", scenarios.held(stage, given.held)


def _of_log(engine: str, given: argparse.Namespace) -> _Found:
    if given.log:
        with Stage(engine) as stage:
            yield from scenarios.log_size(stage, given.log, given.seconds)


def _of_history(engine: str, given: argparse.Namespace) -> _Found:
    if given.history:
        with Stage(engine) as stage:
            yield from history.searching(stage, given.history)


def _of_sockets(engine: str, given: argparse.Namespace) -> _Found:
    with Stage(engine, settings=sockets.SETTINGS) as stage:
        yield from sockets.fan_out(stage, given.seconds)


def _of_frames(engine: str, given: argparse.Namespace) -> _Found:
    with Stage(engine, settings=sockets.SETTINGS) as stage:
        yield "from POST to agents' frames, at 500 messages a second", sockets.latency(stage, 2 * given.seconds)


def _of_idle(engine: str, given: argparse.Namespace) -> _Found:
    if given.idle:
        with Stage(engine, settings=sockets.SETTINGS) as stage:
            yield f"{given.idle} idle sockets of agents", sockets.idle(stage, given.idle)


def _of_opening(engine: str, given: argparse.Namespace) -> _Found:
    if given.opening:
        with Stage(engine) as stage:
            yield "opening conversations", opening.openings(stage, given.opening)


def _of_monitoring(engine: str, given: argparse.Namespace) -> _Found:
    if given.visits:
        with Stage(engine, settings=visits.SETTINGS) as stage:
            yield from visits.monitoring(stage, given.seconds, given.visits)


_MESSAGES = {
    "bare": _of_bare,
    "throughput": _of_throughput,
    "latency": _of_latency,
    "endpoints": _of_endpoints,
    "kill": _of_kill,
    "held": _of_held,
    "log": _of_log,
    "history": _of_history,
    "sockets": _of_sockets,
    "frames": _of_frames,
    "idle": _of_idle,
    "opening": _of_opening,
    "monitoring": _of_monitoring,
}


def _bare(stage: Stage) -> dict[str, Any]:
    return {
        "empty_endpoint_per_second": round(asyncio.run(bare.empty_endpoint(stage))),
        "single_row_commits_per_second": round(bare.commits(stage, 1)),
        f"rows_per_second_in_commits_of_{_BATCH}": round(bare.commits(stage, _BATCH) * _BATCH),
    }


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
    parts = ["all", *_MESSAGES, "tokens", "evaluations"]
    parser.add_argument("--only", choices=parts, default="all", help="measure one part alone")
    parser.add_argument("--seconds", type=float, default=5, help="of each round")
    parser.add_argument("--full", action="store_true", help="the whole matrix, and a million events where it can be")
    parser.add_argument("--held", type=int, help="events held by a gate (30000; in full a million; 0: none)")
    parser.add_argument("--log", type=int, help="messages in the log, up to so many (0; in full a million)")
    parser.add_argument("--history", type=int, help="messages to search among (100000; in full a million; 0: none)")
    parser.add_argument("--idle", type=int, default=5_000, help="sockets that only wait (0: none)")
    parser.add_argument("--opening", type=int, default=2_000, help="conversations to open (0: none)")
    parser.add_argument("--visits", type=int, help="live visits (100000; in full a million; 0: none)")
    parser.add_argument("--tokens", type=int, default=20_000, help="tokens of each algorithm (0: none)")
    parser.add_argument("--issuers", type=int, default=10_000, help="accounts with keys, for their memory (0: none)")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    given = parser.parse_args()
    most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))  # thousands of sockets, here and in the server
    million = 1_000_000 if given.full else 0
    given.held = given.held if given.held is not None else million or 30_000
    given.log = given.log if given.log is not None else million
    given.history = given.history if given.history is not None else million or 100_000
    given.visits = given.visits if given.visits is not None else million or 100_000
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    about = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "machine": platform.platform(),
        "load_generator": LOAD,
        "receiver": "nginx" if NGINX else "Python",
        "share_used_by_others": scenarios.others_share(),
    }
    _show("machine", about)
    if "Python" in (about["load_generator"], about["receiver"]):
        print("  wrk and nginx are not both there: what stands in for them takes much of this machine", flush=True)
    engines = ["sqlite", "postgresql"] if given.engine == "both" else [given.engine]
    figures: dict[str, Any] = {"about": about}
    if given.only in {"all", "evaluations"}:
        figures["evaluations"] = dict(_shown(evaluations.evaluations(given.seconds)))
    if given.only != "evaluations":
        figures.update({engine: _engine(engine, given) for engine in engines})
    if given.issuers and given.only in {"all", "tokens"}:
        figures["issuers"] = tokens.issuers(given.issuers)
        _show("issuers", figures["issuers"])
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
