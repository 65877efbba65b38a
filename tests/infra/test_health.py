"""Operators' routes tell the truth."""

import httpx
import pytest

from switchbay.infra import health, web
from switchbay.infra.db import Database
from switchbay.infra.metrics import NodeMetrics
from switchbay.kit.secret import Secret


def _client(db: Database, token: str) -> httpx.AsyncClient:
    app = web.Application(health.routes(db, Secret(token), NodeMetrics(None)))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def test_a_database_that_answers_is_healthy(db: Database) -> None:
    async with _client(db, "") as client:
        answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "database": db.engine})


async def test_a_database_that_is_gone_is_not_healthy_but_the_process_lives(db: Database) -> None:
    await db.close()
    async with _client(db, "") as client:
        assert (await client.get("/healthz")).status_code == 503
        assert (await client.get("/livez")).status_code == 200


@pytest.mark.parametrize(
    ("token", "header", "status"),
    [("", "Bearer ", 404), ("t", "", 401), ("t", "Bearer x", 401), ("t", "Bearer é", 401), ("t", "Bearer t", 200)],
)
async def test_metrics_need_their_token(db: Database, token: str, header: str, status: int) -> None:
    async with _client(db, token) as client:
        answer = await client.get("/metrics", headers={b"authorization": header.encode()} if header else None)
    assert answer.status_code == status
    assert ("python_info" in answer.text) == (status == 200)
