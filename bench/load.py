"""The load generator where there is no wrk: the same messages, files and result as ``wrk.lua``, from Python.

It sends for so many seconds, or until it gets SIGINT, and prints one JSON line.
"""

import argparse
import asyncio
import json
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import uvloop
from pyreqwest.client import Client, ClientBuilder


@dataclass(frozen=True, slots=True)
class _Target:
    headers: dict[str, str]
    conversation_id: str


def _targets(path: Path) -> list[_Target]:
    found = []
    for line in path.read_text().splitlines():
        authorization, on_behalf, conversation_id = line.split("\t")
        headers = {"authorization": authorization, "x-lp-on-behalf": on_behalf, "content-type": "application/json"}
        found.append(_Target(headers, conversation_id))
    return found


class _Load:
    def __init__(self, given: argparse.Namespace, client: Client, accepted: TextIO) -> None:
        self._given = given
        self._client = client
        self._accepted = accepted
        self._targets = _targets(given.targets)
        self._number = given.first
        self._filler = "x" * given.size
        self._latencies: list[float] = []
        self._is_ended = False
        self.refused = self.cut = 0

    def end(self) -> None:
        self._is_ended = True

    async def run(self) -> dict[str, object]:
        begun = time.monotonic()
        asyncio.get_running_loop().call_later(self._given.seconds, self.end)
        await asyncio.gather(*(self._work(begun) for _ in range(self._given.connections)))
        ordered = sorted(self._latencies) or [0.0]

        def at(share: float) -> float:
            return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2)

        return {
            "seconds": round(time.monotonic() - begun, 3),
            "post_p50_ms": at(0.50),
            "post_p95_ms": at(0.95),
            "post_p99_ms": at(0.99),
            "refused": self.refused,
            "cut": self.cut,
        }

    async def _work(self, begun: float) -> None:
        while not self._is_ended:
            number = self._number
            self._number += 1
            if self._given.rate:
                wait = begun + (number - self._given.first) / self._given.rate - time.monotonic()
                if wait > 0:
                    await asyncio.sleep(wait)
            await self._send(number)

    async def _send(self, number: int) -> None:
        target = self._targets[number % len(self._targets)]
        begun = time.time_ns()
        body = (
            f'{{"kind":"req","id":"{number:09}","type":"ms.PublishEvent","body":{{"dialogId":'
            f'"{target.conversation_id}","event":{{"type":"ContentEvent","contentType":"text/plain",'
            f'"message":"bench {number:09} {begun // 1000:016} {self._filler}"}}}}}}'
        )
        try:
            answer = await self._client.post(self._given.url).headers(target.headers).body_text(body).build().send()
            await answer.bytes()
        except Exception:  # noqa: BLE001 - the server is killed on purpose; failures are counted
            self.cut += 1
            await asyncio.sleep(0.05)
            return
        if answer.status == 200:
            self._latencies.append((time.time_ns() - begun) / 1e6)
            self._accepted.write(f"{number:09}\n")
        else:
            self.refused += 1


async def _run(given: argparse.Namespace) -> dict[str, object]:
    builder = ClientBuilder().add_root_certificate_pem(given.ca.read_bytes()).no_proxy()
    async with builder.build() as client:
        with given.accepted.open("a") as accepted:
            load = _Load(given, client, accepted)
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, load.end)
            return await load.run()


def main() -> None:
    """Run once and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--ca", type=Path, required=True)
    parser.add_argument("--targets", type=Path, required=True, help="tab-separated: authorization, on-behalf, id")
    parser.add_argument("--accepted", type=Path, required=True, help="the numbers of accepted messages go here")
    parser.add_argument("--first", type=int, default=0, help="the number of the first message")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0, help="messages a second; 0: as fast as they are taken")
    parser.add_argument("--size", type=int, default=100, help="characters in each message")
    print(json.dumps(uvloop.run(_run(parser.parse_args()))), flush=True)


if __name__ == "__main__":
    main()
