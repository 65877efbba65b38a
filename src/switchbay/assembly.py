"""Builds every room and joins them into one application. Nothing imports this but entry points."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from fastapi import FastAPI
from starlette.routing import Mount
from starlette.types import ASGIApp

import switchbay
from switchbay.accounts import admin as accounts_admin
from switchbay.accounts import routes as accounts_routes
from switchbay.accounts.public import Accounts
from switchbay.apps import admin as apps_admin
from switchbay.apps import routes as apps_routes
from switchbay.apps.public import Apps
from switchbay.console import public as console
from switchbay.content import routes as content_routes
from switchbay.engagement.public import Engagements
from switchbay.engagement.public import Options as VisitOptions
from switchbay.infra import health, process, web
from switchbay.infra.db import Database, open_database
from switchbay.infra.db.turns import Turns
from switchbay.infra.egress import Egress
from switchbay.infra.link import Link
from switchbay.infra.machine import Clock, Randomness, SystemClock
from switchbay.infra.metrics import NodeMetrics
from switchbay.infra.settings import Settings
from switchbay.infra.vault import Vault, load_vault
from switchbay.infra.websocket import SocketLimits, SocketRoute
from switchbay.kit.secret import Secret
from switchbay.manifest import routes as manifest_routes
from switchbay.manifest.public import Options
from switchbay.messaging import admin as messaging_admin
from switchbay.messaging import messenger, samples_admin
from switchbay.messaging import routes as messaging_routes
from switchbay.messaging.files import admin as files_admin
from switchbay.messaging.files import routes as files_routes
from switchbay.messaging.history import admin as history_admin
from switchbay.messaging.history import routes as history_routes
from switchbay.messaging.public import (
    ConsumerDoor,
    Files,
    HistoryRoom,
    Limits,
    Messaging,
    Routing,
    Watching,
    build_files,
)
from switchbay.messaging.routing import admin as routing_admin
from switchbay.messaging.sockets.door import AgentDoor
from switchbay.oauth import public as authorization
from switchbay.oauth.public import AuthorizationServer
from switchbay.webhooks import admin as webhooks_admin
from switchbay.webhooks import client_certificates_admin, health_admin, signing_admin
from switchbay.webhooks.public import Webhooks

MANAGEMENT = "/switchbay/v1"
_log = structlog.get_logger("assembly")


class Room(Protocol):
    """A room that has workers."""

    async def start(self) -> None:
        """Start them."""
        ...

    async def stop(self) -> None:
        """Let them finish what is under way, and end them."""
        ...


@dataclass(slots=True)
class Platform:
    """Everything of one node: two ASGI applications and the workers behind them."""

    settings: Settings
    db: Database
    accounts: Accounts
    apps: Apps
    authorization: AuthorizationServer
    messaging: Messaging
    history: HistoryRoom
    routing: Routing
    files: Files
    agents: AgentDoor
    consumers: ConsumerDoor
    engagements: Engagements
    webhooks: Webhooks
    app: ASGIApp
    """Every service, for TLS; of a node that only sends webhooks, the operators' routes."""
    directory_app: ASGIApp
    """Only the directory of services, for plain http."""
    egress: Egress
    sockets: Sequence[SocketRoute] = ()
    """Where WebSocket connections are opened."""
    _started: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    async def start(self) -> None:
        """Start the workers of the node's roles."""
        rooms: list[Room] = []
        if self.settings.answers:
            rooms += [self.accounts, self.apps, self.authorization]
        if self.settings.delivers:
            rooms.append(self.webhooks)
        if self.settings.answers:
            rooms += [self.messaging, self.files, self.routing, self.agents, self.consumers, self.history]
            rooms.append(self.engagements)
        for room in rooms:
            await room.start()
            self._started.append(room.stop)
        process.settle()

    async def stop(self) -> None:
        """Finish what is under way, in the reverse order, and close every connection."""
        while self._started:
            try:
                await self._started.pop()()
            except Exception:  # noqa: BLE001 - one worker that fails to stop must not keep the others from it
                _log.exception("a worker did not stop cleanly")
        await self.egress.close()
        await self.db.close()


def open_vault(settings: Settings) -> Vault:
    """The vault with the keys that the settings name."""
    return load_vault(settings.master_keys.get_secret_value(), settings.data_dir / "master.key")


async def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    vault: Vault | None = None,
    link: Link | None = None,
    turns: Turns | None = None,
) -> Platform:
    """Build a node as the settings say. The database must have been migrated.

    ``link`` and ``turns`` are those that it shares with the other process of its node, if it has one.
    """
    process.tune()
    clock = clock or SystemClock()
    randomness = Randomness()
    vault = vault or open_vault(settings)
    db = await open_database(
        settings.database_address,
        connections=settings.database_connections,
        statement_seconds=settings.database_statement_seconds,
        busy_ms=int(settings.database_busy_seconds * 1000),
        turns=turns,
    )
    egress = Egress(
        settings.egress_allow,
        settings.egress_ca_file,
        dev_loopback=settings.manifest_dev_mode,
        proxy=settings.egress_proxy.get_secret_value(),
    )
    options = Options(
        dev_mode=settings.manifest_dev_mode,
        logo_policy=settings.logo_policy,
        extra_scopes=frozenset(settings.manifest_scopes),
        hub_compatibility=settings.manifest_hub_compatibility,
    )
    accounts = Accounts.from_settings(db, clock, randomness, vault, settings)
    webhooks = Webhooks(
        db,
        clock,
        randomness,
        vault,
        egress,
        accounts,
        retry_seconds=settings.webhook_retry_seconds,
        connect_seconds=settings.webhook_connect_seconds,
        response_seconds=settings.webhook_response_seconds,
        response_bytes=settings.webhook_response_bytes,
        in_flight=settings.webhook_in_flight,
        lease_seconds=settings.webhook_lease_seconds,
        sweep_seconds=settings.webhook_sweep_seconds,
        parked_seconds=settings.webhook_parked_seconds,
        log_seconds=settings.webhook_log_seconds,
        breaker_failures=settings.webhook_breaker_failures,
        breaker_seconds=settings.webhook_breaker_seconds,
        link=link,
        is_far=not settings.delivers,
    )
    apps = Apps(
        db,
        clock,
        randomness,
        vault,
        accounts,
        egress,
        options=options,
        secret_overlap_seconds=settings.secret_overlap_seconds,
    )
    server = authorization.build(authorization.Means(db, clock, randomness, vault, accounts, apps, egress, settings))
    limits = Limits(settings.message_characters, settings.body_bytes, settings.idempotency_seconds)
    messaging = Messaging(db, clock, randomness, webhooks, accounts, limits)
    routing = Routing(
        db,
        clock,
        randomness,
        accounts,
        messaging,
        ring_seconds=settings.ring_seconds,
        pause_seconds=settings.ring_pause_seconds,
        grace_seconds=settings.agent_grace_seconds,
        publish=messaging.feed.publish,
    )
    messaging.feed.on_items(routing.announce)
    files = build_files(db, clock, randomness, vault, accounts, settings)
    messaging.admit_with(files.admit)
    agents = AgentDoor(
        messaging,
        routing,
        accounts,
        files,
        clock,
        randomness,
        SocketLimits(
            frame_bytes=settings.socket_frame_bytes,
            queue_bytes=settings.socket_queue_bytes,
            idle_seconds=settings.socket_idle_seconds,
        ),
        most_of_user=settings.sockets_per_user,
    )
    history = HistoryRoom(db, clock, randomness, accounts, messaging, routing)
    consumers = ConsumerDoor(messaging, server.visitors, clock, randomness, files)
    visits = VisitOptions(
        geo_file=settings.geo_file,
        sessions_per_minute=settings.visits_per_network,
        kept_seconds=settings.visit_kept_seconds,
        visitor_days=settings.visitor_days,
    )
    engagements = Engagements(db, clock, randomness, accounts, apps, messaging, routing, visits)
    history.erasing.forget_with(engagements.monitoring.forget)
    routes = health.routes(db, Secret(settings.metrics_token.get_secret_value()), NodeMetrics(link))
    if settings.answers:
        management = _management(accounts, apps, server, messaging, history, routing, files, engagements, webhooks)
        routes = [
            *messaging_routes.routes(
                messaging, server.oauth, files
            ),  # first: the router tries them in order, and these are the hot ones
            *engagements.routes(),
            *server.routes,
            *history_routes.routes(history.history, accounts, clock),
            *apps_routes.routes(apps, accounts),
            *console.routes(
                console.Launch(accounts, apps, settings.public_origin),
                Watching(db, messaging, routing, accounts, history.history, files),
                server.browser,
                server.sign_in,
                clock,
            ),
            *accounts_routes.routes(accounts),
            *accounts_routes.directory_routes(accounts),
            *messenger.routes(),
            *manifest_routes.routes(options),
            *files_routes.routes(files),
            *content_routes.routes(),
            *routes,
            Mount(MANAGEMENT, web.BodyLimit(management, settings.body_bytes)),
        ]
    return Platform(
        settings=settings,
        db=db,
        accounts=accounts,
        apps=apps,
        authorization=server,
        messaging=messaging,
        history=history,
        routing=routing,
        files=files,
        agents=agents,
        consumers=consumers,
        engagements=engagements,
        webhooks=webhooks,
        app=web.Application(routes),
        directory_app=web.Application(accounts_routes.directory_routes(accounts)),
        egress=egress,
        sockets=[agents.route(), consumers.route()] if settings.answers else [],
    )


def _management(
    accounts: Accounts,
    apps: Apps,
    server: AuthorizationServer,
    messaging: Messaging,
    history: HistoryRoom,
    routing: Routing,
    files: Files,
    engagements: Engagements,
    webhooks: Webhooks,
) -> FastAPI:
    """The management API, described by OpenAPI at ``/switchbay/v1/openapi.json``."""
    api = FastAPI(
        title="Switchbay management API",
        version=switchbay.__version__,
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        exception_handlers=web.MANAGEMENT_EXCEPTION_HANDLERS,
    )
    for router in (
        accounts_admin.router(accounts),
        apps_admin.router(apps, accounts),
        *server.make_routers(),
        webhooks_admin.router(webhooks, accounts),
        signing_admin.router(webhooks, accounts),
        client_certificates_admin.router(webhooks, accounts),
        health_admin.router(webhooks, accounts),
        messaging_admin.router(messaging, accounts),
        samples_admin.router(messaging, webhooks, accounts),
        history_admin.router(history, accounts),
        routing_admin.router(routing, accounts),
        files_admin.router(files, accounts),
        *engagements.routers(),
        content_routes.router(),
    ):
        api.include_router(router)
    return api
