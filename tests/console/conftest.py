"""The menu over a real database: accounts, users, installed apps, the authorization server, and browsers."""

from collections.abc import AsyncIterator

import httpx
import pytest

from support.console_house import House
from support.oauth_stage import ORIGIN, make_stage, stage_settings
from switchbay.apps import routes as apps_routes
from switchbay.console import public as console
from switchbay.infra import web
from switchbay.infra.db import Database
from switchbay.infra.egress import Egress
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault


@pytest.fixture
async def house(db: Database, clock: ManualClock, randomness: Randomness, vault: Vault) -> AsyncIterator[House]:
    """The whole server with the menu; its workers are not started."""
    egress = Egress(("127.0.0.0/8",), dev_loopback=True)
    stage = await make_stage(db, clock, randomness, vault, egress, stage_settings())
    launch = console.Launch(stage.accounts, stage.apps, ORIGIN)
    app = web.Application(
        [
            *stage.server.routes,
            *console.routes(launch, stage.server.browser, stage.server.sign_in),
            *apps_routes.routes(stage.apps, stage.accounts),
        ]
    )
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as http:
            yield House(stage, http)
    finally:
        await stage.http.aclose()
        await egress.close()
