"""The agents' socket on a real server, with routing, beside the stage of the messaging room."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import connect

from support.consumer_socket import ConsumerSocket
from support.messaging_stage import ACCOUNT, Stage
from switchbay.cli import servers
from switchbay.infra.machine import Randomness
from switchbay.infra.web import Application
from switchbay.infra.websocket import SocketLimits
from switchbay.messaging.public import Routing
from switchbay.messaging.sockets.door import AgentDoor

LIMITS = SocketLimits(frame_bytes=65_536, queue_bytes=262_144)


class AgentSocket(ConsumerSocket):
    """An agent's client: requests with answers, notifications in their order."""

    async def publish(self, dialog_id: str, message: str, **more: Any) -> int:
        """Say something by the old names; return its sequence."""
        event = {"type": "ContentEvent", "contentType": "text/plain", "message": message}
        body = {"dialogId": dialog_id, "event": event, **more}
        return int((await self.done(".ams.ms.PublishEvent", body))["sequence"])

    async def subscribe(self, **wanted: Any) -> str:
        """Subscribe to conversations; return the subscription's id."""
        return str((await self.done(".ams.aam.SubscribeExConversations", wanted))["subscriptionId"])

    async def change(self) -> dict[str, Any]:
        """The next change of a conversation."""
        [change] = (await self.notification("ExConversationChangeNotification"))["changes"]
        return dict(change)

    async def event(self) -> dict[str, Any]:
        """The next event."""
        return dict(await self.notification("OnlineEventDistribution"))

    async def update(self, conversation: str, *fields: object) -> dict[str, Any]:
        """Change a conversation; return the answer."""
        body = {"conversationId": conversation, "conversationField": list(fields)}
        return await self.request(".ams.cm.UpdateConversationField", body)

    async def join(self, conversation: str, role: str = "ASSIGNED_AGENT") -> None:
        """Take part."""
        answer = await self.update(conversation, {"field": "ParticipantsChange", "type": "ADD", "role": role})
        assert answer["code"] == 200, answer


@dataclass(slots=True)
class Agents:
    """A served agents' socket. Users of the stage: ada (administrator), bob and cyd (agents), dev (developer)."""

    stage: Stage
    routing: Routing
    door: AgentDoor
    port: int

    @asynccontextmanager
    async def connect(
        self,
        user: str = "bob",
        *,
        bearer: str | None = None,
        account: str = ACCOUNT,
        version: str = "2.1",
        **options: Any,
    ) -> AsyncIterator[AgentSocket]:
        """A connection of a user, or with whatever is given as bearer; routing knows of it.

        Its queue has no end unless one is given: a client that stops reading would not see the end of the connection.
        """
        bearer = await self.stage.bearer(user) if bearer is None else bearer
        uri = f"ws://127.0.0.1:{self.port}/ws_api/account/{account}/messaging/brand/{bearer}?v={version}"
        options = {"proxy": None, "compression": None, "max_queue": None, **options}
        async with connect(uri, **options) as connection:
            await asyncio.gather(*self.door._tasks)  # who came has been noted
            yield AgentSocket(connection)


@asynccontextmanager
async def serve_agents(stage: Stage) -> AsyncIterator[Agents]:
    """Serve the socket."""
    messaging = stage.messaging
    routing = Routing(stage.db, stage.clock, Randomness(), stage.accounts, messaging, publish=messaging.feed.publish)
    messaging.feed.on_items(routing.announce)
    await messaging.feed.start()
    door = AgentDoor(messaging, routing, stage.accounts, stage.files, stage.clock, Randomness(), LIMITS, most_of_user=3)
    sockets = servers.open_sockets("127.0.0.1", 0)
    stop = asyncio.Event()
    site = servers.Site(Application([]), sockets, sockets_at=[door.route()])
    serving = asyncio.create_task(servers.serve_until([site], stop, 1))
    try:
        yield Agents(stage, routing, door, sockets[0].getsockname()[1])
    finally:
        stop.set()
        await serving
        await door.stop()
        await routing.stop()
        await messaging.feed.stop()
