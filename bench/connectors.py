"""Conversations for the load: each of an app and a consumer, opened through the API, written down for wrk."""

import asyncio
import json
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyreqwest.client import Client, ClientBuilder

_TOGETHER = 32


@dataclass(frozen=True, slots=True)
class App:
    """An installed app: its credentials, and whether its endpoint fails."""

    client_id: str
    secret: str = field(repr=False)
    fails: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """A conversation to send into."""

    authorization: str
    on_behalf: str
    conversation_id: str
    app: App

    @property
    def line(self) -> str:
        """As the load generators read it."""
        return f"{self.authorization}\t{self.on_behalf}\t{self.conversation_id}\n"


class Connector:
    """What a connector asks of the server."""

    def __init__(self, client: Client, server: str, account: str) -> None:
        self._client = client
        self._server = server
        self._account = account

    async def _post(self, path: str, headers: dict[str, str], body: bytes) -> object:
        url = f"{self._server}/{path}"
        answer = await self._client.post(url).headers(headers).body_bytes(body).build().send()
        text = await answer.text()
        if answer.status >= 300:
            raise SystemExit(f"POST {url} answered {answer.status}: {text}")
        return json.loads(text)

    async def token(self, app: App) -> str:
        """The app's token."""
        form = {"grant_type": "client_credentials", "client_id": app.client_id, "client_secret": app.secret}
        path = f"sentinel/api/account/{self._account}/app/token?v=1.0"
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = await self._post(path, headers, urllib.parse.urlencode(form).encode())
        assert isinstance(answer, dict)
        return str(answer["access_token"])

    async def identify(self, token: str, name: str) -> str:
        """The token of a consumer with this name."""
        headers = {"authorization": token, "content-type": "application/json"}
        body = json.dumps({"ext_consumer_id": name}).encode()
        identity = await self._post(f"api/account/{self._account}/consumer?v=1.0", headers, body)
        assert isinstance(identity, dict)
        return str(identity["token"])

    async def open(self, app: App, token: str, on_behalf: str) -> Target:
        """Open a conversation of this consumer."""
        headers = {"authorization": token, "x-lp-on-behalf": on_behalf, "content-type": "application/json"}
        batch = [
            {"kind": "req", "id": "1", "type": "userprofile.SetUserProfile", "body": {}},
            {"kind": "req", "id": "2", "type": "cm.ConsumerRequestConversation", "body": {"brandId": self._account}},
        ]
        path = f"api/account/{self._account}/messaging/consumer/conversation?v=3"
        answers = await self._post(path, headers, json.dumps(batch).encode())
        assert isinstance(answers, list)
        return Target(token, on_behalf, answers[1]["body"]["conversationId"], app)

    async def arrive(self, app: App, token: str, number: int) -> Target:
        """A new consumer opens a conversation."""
        return await self.open(app, token, await self.identify(token, f"bench-{number}"))


async def _open_all(server: str, authority: bytes, account: str, apps: Sequence[App], numbers: range) -> list[Target]:
    found: list[Target] = []
    async with ClientBuilder().add_root_certificate_pem(authority).no_proxy().build() as client:
        connector = Connector(client, server, account)
        tokens = [await connector.token(app) for app in apps]
        for start in range(0, len(numbers), _TOGETHER):
            found += await asyncio.gather(
                *(
                    connector.arrive(apps[number % len(apps)], tokens[number % len(apps)], number)
                    for number in numbers[start : start + _TOGETHER]
                )
            )
    return found


def open_conversations(server: str, ca: Path, account: str, apps: Sequence[App], numbers: range) -> list[Target]:
    """Open conversations with these numbers, for the apps in turn."""
    return asyncio.run(_open_all(server, ca.read_bytes(), account, apps, numbers))
