"""What "make bench" measures of openings: how many conversations a second through the connector's door, each of another
consumer who has been there never before."""

import asyncio
import time
from typing import Any

from pyreqwest.client import ClientBuilder

from bench import bare
from bench.connectors import Connector
from bench.stage import ACCOUNT, Stage

_TOGETHER = 32
_WARM = 200


async def _run(stage: Stage, count: int) -> tuple[float, float, list[float]]:
    """Seconds for the identities, seconds for the openings, milliseconds of each opening, sorted."""
    app = stage.install()
    async with ClientBuilder().add_root_certificate_pem(stage.ca.read_bytes()).no_proxy().build() as client:
        connector = Connector(client, stage.server_url, ACCOUNT)
        token = await connector.token(app)
        consumers: list[str] = []
        numbers = iter(range(count + _WARM))

        async def identify() -> None:
            consumers.extend([await connector.identify(token, f"opening-{number}") for number in numbers])

        begun = time.monotonic()
        await asyncio.gather(*(identify() for _ in range(_TOGETHER)))
        identified = time.monotonic() - begun
        took: list[float] = []

        async def open_some(some: list[str]) -> None:
            while some:
                consumer, at = some.pop(), time.monotonic()
                await connector.open(app, token, consumer)
                took.append((time.monotonic() - at) * 1_000)

        for some in (consumers[:_WARM], consumers[_WARM:]):
            took.clear()
            begun = time.monotonic()
            await asyncio.gather(*(open_some(some) for _ in range(_TOGETHER)))
        return identified, time.monotonic() - begun, sorted(took)


def openings(stage: Stage, count: int) -> dict[str, Any]:
    """Open so many conversations, 32 requests at a time; each sets the consumer's profile too, as connectors do."""
    empty = asyncio.run(bare.empty_endpoint(stage, _TOGETHER))
    durable = bare.commits(stage, 1)
    before = stage.usage()[0]
    database = stage.database_cpu()
    identified, seconds, took = asyncio.run(_run(stage, count))
    spent = stage.usage()[0] - before
    return {
        "opened_per_second": round(count / seconds),
        "p50_ms": round(took[len(took) // 2], 1),
        "p95_ms": round(took[int(len(took) * 0.95)], 1),
        "consumers_identified_per_second": round((count + _WARM) / identified),
        "server_cpu_ms_per_opening_with_its_consumer": round(spent * 1_000 / (count + _WARM), 2),
        "database_cpu_ms": round((stage.database_cpu() - database) * 1_000 / (count + _WARM), 2),
        "bare_requests_per_second_of_this_client": round(empty),
        "bare_commits_per_second": round(durable),
    }
