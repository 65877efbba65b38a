"""The consumer socket on a real server, with clients that speak to it."""

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from support.messaging_stage import ACCOUNT, CONSUMER, OTHER_CONSUMER, Stage
from switchbay.accounts.public import OPERATOR, AccountChange, Accounts
from switchbay.cli import servers
from switchbay.infra.machine import Randomness
from switchbay.infra.web import Application
from switchbay.messaging.consumers.door import ConsumerDoor
from switchbay.oauth.errors import (
    consumer_token_invalid,
    consumer_token_missing,
    origin_not_allowed,
    web_messaging_off,
)
from switchbay.oauth.public import Visitor

PAGE = "https://www.example.com"


class KnownVisitors:
    """Tokens in memory, answering as the oauth room does, whose own tests prove how real ones are verified."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self.tokens = {
            "kim": Visitor(ACCOUNT, CONSUMER, 2**50),
            "lee": Visitor(ACCOUNT, OTHER_CONSUMER, 2**50),
        }

    async def admit_page(self, account_id: str, origin: str | None) -> None:
        account = await self._accounts.get_account(account_id)
        if not account.web_origins:
            raise web_messaging_off()
        if origin is not None and not account.allows_origin(origin):
            raise origin_not_allowed()

    async def verify(self, account_id: str, token: str) -> Visitor:
        if not token:
            raise consumer_token_missing()
        visitor = self.tokens.get(token)
        if visitor is None or visitor.account_id != account_id:
            raise consumer_token_invalid()
        return visitor


@dataclass(slots=True)
class ConsumerSocket:
    """A consumer's client: requests with answers, notifications in their order, and all ``frames`` that came."""

    connection: ClientConnection
    frames: list[dict[str, Any]] = field(default_factory=list)
    _unread: deque[dict[str, Any]] = field(default_factory=deque)
    _ids: Any = field(default_factory=lambda: itertools.count(1))

    async def request(self, type_: str, body: object = None, **more: Any) -> dict[str, Any]:
        """Ask and wait for the answer; notifications that come before it are kept."""
        request_id = str(next(self._ids))
        await self.send({"kind": "req", "id": request_id, "type": type_, "body": {} if body is None else body, **more})
        while True:
            frame = await self.receive()
            if frame["kind"] == "resp" and frame["reqId"] == request_id:
                return frame
            self._unread.append(frame)

    async def done(self, type_: str, body: object = None, **more: Any) -> Any:
        """The same for a request that has to be done; return the answer's body."""
        answer = await self.request(type_, body, **more)
        assert answer["code"] == 200, answer
        return answer["body"]

    async def send(self, frame: object) -> None:
        """Send a frame: JSON, or text as it is."""
        await self.connection.send(frame if isinstance(frame, str) else msgspec.json.encode(frame).decode())

    async def receive(self) -> dict[str, Any]:
        """The next frame."""
        frame: dict[str, Any] = msgspec.json.decode(await asyncio.wait_for(self.connection.recv(), 10))
        self.frames.append(frame)
        return frame

    async def notification(self, name: str) -> Any:
        """The body of the next notification whose type ends so; those of other types before it are passed over."""
        while True:
            frame = self._unread.popleft() if self._unread else await self.receive()
            if frame["kind"] == "notification" and frame["type"].endswith(name):
                return frame["body"]

    async def rest(self) -> list[dict[str, Any]]:
        """What has come and was not looked at: a request's answer comes after all that was sent before."""
        await self.done("KeepAlive")
        found = list(self._unread)
        self._unread.clear()
        return found

    async def init(self, token: str = "kim") -> dict[str, Any]:
        """Say who this is."""
        headers = [
            {"type": ".ams.headers.ClientProperties", "deviceFamily": "DESKTOP"},
            {"type": ".ams.headers.ConsumerAuthentication", "jwt": token},
        ]
        return await self.request("InitConnection", headers=headers)

    async def open(self, **body: Any) -> str:
        """Open a conversation; return its id."""
        return str((await self.done("cm.ConsumerRequestConversation", body))["conversationId"])

    async def say(self, dialog_id: str, message: str = "hi", **more: Any) -> int:
        """Say something; return its sequence."""
        event = {"type": "ContentEvent", "contentType": "text/plain", "message": message}
        return int((await self.done("ms.PublishEvent", {"dialogId": dialog_id, "event": event}, **more))["sequence"])

    async def follow(self, dialog_id: str, from_seq: int = 0, **more: Any) -> None:
        """Follow a dialog."""
        await self.done("ms.SubscribeMessagingEvents", {"dialogId": dialog_id, "fromSeq": from_seq, **more})

    async def events(self, count: int) -> list[dict[str, Any]]:
        """The next ``count`` events of followed dialogs."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            found += (await self.notification("MessagingEventNotification"))["changes"]
        return found

    async def closed(self) -> int:
        """Wait until the server has closed the connection; return the code."""
        with suppress(Exception):
            while True:
                await self.receive()
        await asyncio.wait_for(self.connection.wait_closed(), 10)
        assert self.connection.close_code is not None
        return self.connection.close_code


@dataclass(slots=True)
class Consumers:
    """A served consumer socket beside the stage of the messaging room."""

    stage: Stage
    visitors: KnownVisitors
    door: ConsumerDoor
    port: int

    @asynccontextmanager
    async def connect(
        self, token: str | None = "kim", *, origin: str | None = PAGE, account: str = ACCOUNT, **options: Any
    ) -> AsyncIterator[ConsumerSocket]:
        """A connection; with a token in its header unless it is None."""
        headers = {} if token is None else {"Authorization": f"jwt {token}"}
        uri = f"ws://127.0.0.1:{self.port}/ws_api/account/{account}/messaging/consumer?v=3"
        options = {"proxy": None, "compression": None, **options}
        async with connect(uri, additional_headers=headers, origin=origin, **options) as connection:  # type: ignore[arg-type]  # origins are strings
            yield ConsumerSocket(connection)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for what happens on its own."""
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.005)


@asynccontextmanager
async def serve_consumers(stage: Stage, **options: Any) -> AsyncIterator[Consumers]:
    """Serve the socket for an account that has a page with the messenger."""
    await stage.accounts.update_account(ACCOUNT, AccountChange(web_origins=[PAGE]), OPERATOR)
    await stage.messaging.feed.start()
    visitors = KnownVisitors(stage.accounts)
    options = {"grace_seconds": 0.05, **options}
    door = ConsumerDoor(stage.messaging, visitors, stage.clock, Randomness(), stage.files, **options)
    sockets = servers.open_sockets("127.0.0.1", 0)
    stop = asyncio.Event()
    site = servers.Site(Application([]), sockets, sockets_at=[door.route()])
    serving = asyncio.create_task(servers.serve_until([site], stop, 1))
    try:
        yield Consumers(stage, visitors, door, sockets[0].getsockname()[1])
    finally:
        stop.set()
        await serving
        await door.stop()
        await stage.messaging.feed.stop()
