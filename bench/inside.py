"""Tokens a second of one process without sockets: the application is called as the server calls it, nothing else runs.

Prints one JSON line. Every request makes a new token, for one of fifty apps.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from switchbay import assembly
from switchbay.accounts.public import OPERATOR
from switchbay.cli.servers import run_async
from switchbay.infra.db.migrate import migrate
from switchbay.infra.settings import Settings
from switchbay.oauth.domain import Algorithm
from switchbay.oauth.service.policies import PolicyChange

_ACCOUNT = "bench"
_CLIENTS = 50
_TOGETHER = 32


async def _install(platform: assembly.Platform, number: int) -> bytes:
    """Install an app; return the body of its token requests."""
    text = {"client_name": f"bench-{number}", "grant_types": ["client_credentials"], "scope": "msg.consumer"}
    manifest, _ = await platform.apps.accept(json.dumps(text).encode())
    issued = await platform.apps.install(_ACCOUNT, manifest, OPERATOR)
    form = {
        "grant_type": "client_credentials",
        "client_id": issued.found.app.installation_id,
        "client_secret": issued.secret.reveal(),
    }
    return urlencode(form).encode()


async def _ask(platform: assembly.Platform, body: bytes) -> None:
    path = f"/oidc/{_ACCOUNT}/token"
    scope: dict[str, Any] = {
        "type": "http",
        "http_version": "1.1",
        "asgi": {"version": "3.0"},
        "method": "POST",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", b"localhost"),
            (b"content-type", b"application/x-www-form-urlencoded"),
            (b"content-length", str(len(body)).encode()),
        ],
        "client": ("127.0.0.1", 40_000),
        "server": ("localhost", 8443),
    }
    status = 0

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    await platform.app(scope, receive, send)
    if status != 200:
        raise RuntimeError(f"the token endpoint answered {status}")


async def _rate(platform: assembly.Platform, bodies: list[bytes], count: int) -> float:
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await _ask(platform, bodies[number % len(bodies)])

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(_TOGETHER)))
    return count / (time.perf_counter() - begun)


async def _measure(folder: Path, count: int) -> dict[str, int]:
    settings = Settings(data_dir=folder, log_level="error")
    migrate(settings.database_address)
    platform = await assembly.build(settings)
    await platform.start()
    try:
        await platform.accounts.create_account(_ACCOUNT, "Bench", OPERATOR)
        bodies = [await _install(platform, number) for number in range(_CLIENTS)]
        figures: dict[str, int] = {}
        for alg in Algorithm:
            await platform.authorization.policies.change(_ACCOUNT, PolicyChange(token_algorithm=alg), OPERATOR)
            await _rate(platform, bodies, 200)
            figures[alg.value] = round(await _rate(platform, bodies, count))
        return figures
    finally:
        await platform.stop()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=10_000)
    count: int = parser.parse_args().count
    with tempfile.TemporaryDirectory(prefix="switchbay-bench-") as folder:
        print(json.dumps(run_async(_measure(Path(folder), count))))


if __name__ == "__main__":
    main()
