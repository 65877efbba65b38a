"""What the tests of the command line share: a runner, https servers and clients on a local authority."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp
from typer.testing import CliRunner

from switchbay.cli import servers
from switchbay.infra.tls import authority_file, ensure_certificate, server_context, ssl_context_for_client

ServeHttps = Callable[[ASGIApp], AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No command of a test reads or writes the files of the person who runs it."""
    for name in ("SERVER", "ACCOUNT", "USER", "PASSWORD", "CA_FILE", "CLIENT_ID", "CLIENT_SECRET", "DATA_DIR"):
        monkeypatch.delenv(f"SWITCHBAY_{name}", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def runner() -> CliRunner:
    """Runs commands in this process."""
    return CliRunner()


@pytest.fixture
def serve_https(tmp_path: Path) -> ServeHttps:
    """Serve an application over https; gives a client that trusts it."""

    @asynccontextmanager
    async def serve(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
        tls = server_context(ensure_certificate(tmp_path, ["localhost", "127.0.0.1"]))
        sockets = servers.open_sockets("127.0.0.1", 0)
        address = f"https://127.0.0.1:{sockets[0].getsockname()[1]}"
        stop = asyncio.Event()
        serving = asyncio.create_task(servers.serve_until([servers.Site(app, sockets, tls)], stop, grace_seconds=1))
        trust = ssl_context_for_client(authority_file(tmp_path))
        try:
            async with httpx.AsyncClient(base_url=address, verify=trust, trust_env=False) as client:
                yield client
        finally:
            stop.set()
            await serving

    return serve
