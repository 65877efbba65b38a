"""Routes for operators: is the process alive, can it do its work, what does it count.

``/livez`` answers as long as the process runs; ``/readyz`` and ``/healthz`` ask the database; ``/metrics`` gives
Prometheus's text format to whoever shows the ``metrics_token``, and does not exist while that setting is empty.
"""

import hmac

import prometheus_client
import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from switchbay.infra.db import Database, Tx
from switchbay.infra.metrics import NodeMetrics
from switchbay.infra.web import json_response
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.secret import Secret

_ONE: sa.Select[tuple[int]] = sa.select(sa.literal(1))


def routes(db: Database, metrics_token: Secret, node: NodeMetrics) -> list[BaseRoute]:
    """The operators' routes."""

    async def live(_request: Request) -> Response:
        return json_response({"status": "ok"})

    async def healthy(_request: Request) -> Response:
        async def ping(tx: Tx) -> None:
            await tx.fetch_one(_ONE)

        await db.read(ping)
        return json_response({"status": "ok", "database": db.engine})

    async def metrics(request: Request) -> Response:
        wanted = f"Bearer {metrics_token.reveal()}".encode()
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), wanted):
            raise AppError(
                Kind.UNAUTHENTICATED, "metrics_token_wrong", "Metrics need the bearer token of the settings."
            )
        return Response(await node.render(), media_type=prometheus_client.CONTENT_TYPE_LATEST)

    found: list[BaseRoute] = [Route("/livez", live), Route("/readyz", healthy), Route("/healthz", healthy)]
    if metrics_token.reveal():
        found.append(Route("/metrics", metrics))
    return found
