"""A whole node on real sockets with TLS, as ``switchbay serve`` runs it, and a client that trusts it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from switchbay import assembly
from switchbay.accounts.public import OPERATOR, Role
from switchbay.cli import servers
from switchbay.infra.settings import Settings
from switchbay.infra.tls import authority_file, ensure_certificate, server_context
from switchbay.kit.secret import Secret

ACCOUNT = "4711001"
PASSWORD = "correct horse battery staple"


@dataclass(slots=True)
class Node:
    """A running node."""

    platform: assembly.Platform
    client: httpx.AsyncClient
    directory: httpx.AsyncClient
    ca_file: Path

    async def login(self, name: str = "admin", account: str = ACCOUNT) -> dict[str, str]:
        """Log in; return the headers that carry the bearer."""
        answer = await self.client.post(f"/api/account/{account}/login", json={"username": name, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['bearer']}"}

    async def install(self, manifest: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        """Install an application; return the installation with its secret."""
        answer = await self.client.post(
            f"/api/account/{ACCOUNT}/configuration/app-install/installations?v=1.0", json=manifest, headers=headers
        )
        assert answer.status_code == 201, answer.text
        installation: dict[str, Any] = answer.json()
        return installation

    async def app_token(self, app: dict[str, Any], account: str = ACCOUNT) -> str:
        """The application's token, asked for as old clients do: everything in the query."""
        answer = await self.client.post(
            f"/sentinel/api/account/{account}/app/token",
            params={
                "v": "1.0",
                "grant_type": "client_credentials",
                "client_id": app["client_id"],
                "client_secret": app["client_secret"],
            },
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def consumer_headers(self, token: str, name: str = "consumer-1") -> dict[str, str]:
        """The headers of a connector that acts for this consumer."""
        answer = await self.client.post(
            f"/api/account/{ACCOUNT}/consumer?v=1.0", json={"ext_consumer_id": name}, headers={"Authorization": token}
        )
        assert answer.status_code == 201, answer.text
        return {"Authorization": token, "X-LP-ON-BEHALF": answer.json()["token"]}

    async def open_conversation(self, headers: dict[str, str]) -> str:
        """Open a conversation; return its id."""
        answer = await self.client.post(
            f"/api/account/{ACCOUNT}/messaging/consumer/conversation?v=3",
            json=[
                {"kind": "req", "id": "1,", "type": "userprofile.SetUserProfile", "body": {}},
                {
                    "kind": "req",
                    "id": "2,",
                    "type": "cm.ConsumerRequestConversation",
                    "body": {"brandId": ACCOUNT, "channelType": "MESSAGING", "skillId": "-1"},
                },
            ],
            headers=headers,
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()[1]["body"]["conversationId"])

    async def send(self, headers: dict[str, str], kind: str, body: dict[str, Any]) -> httpx.Response:
        """One request of the Send API."""
        return await self.client.post(
            f"/api/account/{ACCOUNT}/messaging/consumer/conversation/send?v=3",
            json={"kind": "req", "id": 1, "type": kind, "body": body},
            headers=headers,
        )

    async def say(self, headers: dict[str, str], conversation_id: str, text: str) -> httpx.Response:
        """Send a text as the consumer."""
        event = {"type": "ContentEvent", "contentType": "text/plain", "message": text}
        return await self.send(headers, "ms.PublishEvent", {"dialogId": conversation_id, "event": event})


@asynccontextmanager
async def running_node(data_dir: Path, database_url: str, **given: Any) -> AsyncIterator[Node]:
    """Run a node with an account ``4711001`` that has the users admin and agent."""
    data_dir.mkdir(exist_ok=True)  # noqa: ASYNC240 - a test waits for the disk
    sockets = servers.open_sockets("127.0.0.1", 0)
    directory_sockets = servers.open_sockets("127.0.0.1", 0)
    port, http_port = sockets[0].getsockname()[1], directory_sockets[0].getsockname()[1]
    settings = Settings(
        data_dir=data_dir, database_url=database_url, port=port, http_port=http_port, log_level="error", **given
    )
    pem = ensure_certificate(data_dir, settings.tls_hosts)
    platform = await assembly.build(settings)
    stop = asyncio.Event()
    sites = [
        servers.Site(platform.app, sockets, server_context(pem), sockets_at=platform.sockets),
        servers.Site(platform.directory_app, directory_sockets),
    ]
    await platform.start()
    serving = asyncio.create_task(servers.serve_until(sites, stop, 5))
    ca_file = authority_file(data_dir)
    try:
        await platform.accounts.create_account(ACCOUNT, "Test account", OPERATOR)
        await platform.accounts.create_user(ACCOUNT, "admin", Secret(PASSWORD), [Role.ADMIN], OPERATOR)
        await platform.accounts.create_user(ACCOUNT, "agent", Secret(PASSWORD), [Role.AGENT], OPERATOR)
        context = ssl.create_default_context(cafile=str(ca_file))
        async with (
            httpx.AsyncClient(base_url=f"https://localhost:{port}", verify=context, timeout=20) as client,
            httpx.AsyncClient(base_url=f"http://localhost:{http_port}", timeout=20) as directory,
        ):
            yield Node(platform, client, directory, ca_file)
    finally:
        stop.set()
        await serving
        await platform.stop()
