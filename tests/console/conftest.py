"""The menu over a real database: accounts, users, installed apps, the authorization server, and browsers."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from support.console_house import House
from support.messaging_stage import Webhooks
from support.oauth_stage import ORIGIN, make_stage, stage_settings
from switchbay.apps import routes as apps_routes
from switchbay.console import public as console
from switchbay.infra import web
from switchbay.infra.db import Database
from switchbay.infra.egress import Egress
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.settings import Settings
from switchbay.infra.vault import Vault
from switchbay.messaging.files import routes as files_routes
from switchbay.messaging.public import HistoryRoom, Limits, Messaging, Routing, Watching, build_files


@pytest.fixture
async def house(
    db: Database, clock: ManualClock, randomness: Randomness, vault: Vault, tmp_path: Path
) -> AsyncIterator[House]:
    """The whole server with the menu; its workers are not started."""
    egress = Egress(("127.0.0.0/8",), dev_loopback=True)
    stage = await make_stage(db, clock, randomness, vault, egress, stage_settings())
    launch = console.Launch(stage.accounts, stage.apps, ORIGIN)
    messaging = Messaging(db, clock, randomness, Webhooks(), stage.accounts, Limits())
    routing = Routing(db, clock, randomness, stage.accounts, messaging)
    history = HistoryRoom(db, clock, randomness, stage.accounts, messaging, routing)
    files = build_files(db, clock, randomness, vault, stage.accounts, Settings(data_dir=tmp_path))
    watching = Watching(db, messaging, routing, stage.accounts, history.history, files)
    app = web.Application(
        [
            *stage.server.routes,
            *console.routes(launch, watching, stage.server.browser, stage.server.sign_in, clock),
            *apps_routes.routes(stage.apps, stage.accounts),
            *files_routes.routes(files),
        ]
    )
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as http:
            yield House(stage, http, messaging, history, routing, files)
    finally:
        await messaging.stop()
        await files.stop()
        await stage.http.aclose()
        await egress.close()
