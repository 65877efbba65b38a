"""The accounts room's routes as an application that answers errors like the whole program does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI
from starlette.routing import Mount

from support.management import management
from switchbay.accounts.admin import router
from switchbay.accounts.public import Accounts
from switchbay.accounts.routes import directory_routes, routes
from switchbay.infra.web import Application


def management_calls(accounts: Accounts) -> set[tuple[str, str]]:
    """Every (method, path) of the room's management API."""
    api = FastAPI()
    api.include_router(router(accounts))
    paths = api.openapi()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


@asynccontextmanager
async def serve(accounts: Accounts, *, address: str = "198.51.100.7") -> AsyncIterator[httpx.AsyncClient]:
    """A client of the routes that calls from ``address``."""
    api = Mount("/switchbay/v1", management(router, accounts))
    app = Application([*directory_routes(accounts), *routes(accounts), api])
    transport = httpx.ASGITransport(app, client=(address, 40_000))
    async with httpx.AsyncClient(transport=transport, base_url="https://switchbay.test:8443") as client:
        yield client
