"""Sends prepared requests over many connections, round and round, and prints one JSON line of what came back.

The requests come as JSON lines on standard input: ``{"method", "url", "headers", "body"}``.
"""

import argparse
import asyncio
import json
import resource
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import uvloop
from pyreqwest.client import ClientBuilder


async def _run(given: argparse.Namespace, requests: list[dict[str, Any]], authority: bytes) -> dict[str, object]:
    latencies: list[float] = []
    statuses: Counter[str] = Counter()
    left = given.count
    builder = ClientBuilder().add_root_certificate_pem(authority).no_proxy().follow_redirects(enable=False)
    async with builder.build() as client:

        async def worker() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                asked = requests[left % len(requests)]
                at = time.perf_counter()
                request = client.request(asked["method"], asked["url"]).headers(asked["headers"])
                if asked.get("body"):
                    request = request.body_text(asked["body"])
                answer = await request.build().send()
                await answer.bytes()
                latencies.append((time.perf_counter() - at) * 1000)
                statuses[str(answer.status)] += 1

        begun = time.monotonic()
        await asyncio.gather(*(worker() for _ in range(given.concurrency)))
        seconds = time.monotonic() - begun
    usage = resource.getrusage(resource.RUSAGE_SELF)
    ordered = sorted(latencies)
    return {
        "count": len(ordered),
        "statuses": dict(statuses),
        "seconds": round(seconds, 3),
        "per_second": round(len(ordered) / seconds),
        "p50_ms": round(ordered[len(ordered) // 2], 2),
        "p95_ms": round(ordered[int(len(ordered) * 0.95)], 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
    }


def main() -> None:
    """Run once and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ca", type=Path, required=True)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--concurrency", type=int, default=64)
    given = parser.parse_args()
    requests = [json.loads(line) for line in sys.stdin]
    print(json.dumps(uvloop.run(_run(given, requests, given.ca.read_bytes()))), flush=True)


if __name__ == "__main__":
    main()
