"""Every route that a node serves, as (method, path)."""

from pathlib import Path

from fastapi import FastAPI
from starlette.routing import Mount, Route

from switchbay import assembly
from switchbay.infra.settings import Settings
from switchbay.infra.web import Application, BodyLimit


async def served_routes(data_dir: Path) -> set[tuple[str, str]]:
    """Build a node on an empty data folder and list its routes, the management API's from its OpenAPI description."""
    platform = await assembly.build(Settings.model_validate({"data_dir": data_dir, "metrics_token": "t"}))
    try:
        assert isinstance(platform.app, Application)
        found: set[tuple[str, str]] = set()
        for route in platform.app.router.routes:
            if isinstance(route, Route):
                found |= {(method, route.path) for method in (route.methods or ()) if method not in ("HEAD", "OPTIONS")}
            elif isinstance(route, Mount):
                assert isinstance(route.app, BodyLimit)
                assert isinstance(route.app.app, FastAPI)
                paths = route.app.app.openapi()["paths"]
                found |= {(method.upper(), route.path + path) for path, methods in paths.items() for method in methods}
        return found
    finally:
        await platform.stop()
