"""Consumers and agents who talk over sockets that break again and again, and who read on as clients should.

Whoever comes back asks from the first sequence that they lack. On one connection nothing may be missing between two
events, and nothing may come twice: what breaks this is kept in ``faults``.
"""

import asyncio
import itertools
import random
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from bench.stage import ACCOUNT

_ANSWER_SECONDS = 60.0
_CHANGE = '"cqm.ExConversationChange', '".ams.aam.ExConversationChange'
_AGAIN_SECONDS = 0.3
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
Body = dict[str, Any]


class Lost(Exception):
    """The connection broke; whether the request was done is not known."""


@dataclass(frozen=True, slots=True)
class World:
    """Where everybody connects to, how they say it, and their luck."""

    ports: tuple[int, ...]
    context: ssl.SSLContext
    luck: random.Random
    steady_seconds: float
    """How long a connection lasts on the average."""


class Line:
    """One connection: requests with their answers; notifications go to ``told``."""

    def __init__(self, connection: ClientConnection, told: Callable[[Body], None]) -> None:
        self._connection = connection
        self._told = told
        self._ids = itertools.count(1)
        self._asked: dict[str, asyncio.Future[Body]] = {}
        self._reading = asyncio.create_task(self._read())
        self.is_over = asyncio.Event()

    async def ask(self, type_: str, body: object, **more: object) -> Body:
        """Ask; return the answer. Raises ``Lost``."""
        number = str(next(self._ids))
        answer: asyncio.Future[Body] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            frame = {"kind": "req", "id": number, "type": type_, "body": body, **more}
            await self._connection.send(_encode(frame).decode())
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await answer
        except WebSocketException as error:
            raise Lost from error
        finally:
            self._asked.pop(number, None)

    async def done(self, type_: str, body: object, **more: object) -> Any:
        """The same for what has to be done; return the answer's body."""
        answer = await self.ask(type_, body, **more)
        if answer["code"] != 200:
            raise RuntimeError(f"{type_} was refused: {answer}")
        return answer["body"]

    async def _read(self) -> None:
        with suppress(WebSocketException):
            while True:
                text = await self._connection.recv()
                if any(name in text[:80] for name in _CHANGE):
                    continue  # the transcript is in the events
                frame = _decode(text)
                if frame["kind"] == "notification":
                    self._told(frame)
                elif (waiting := self._asked.get(frame["reqId"])) is not None and not waiting.done():
                    waiting.set_result(frame)
        self.is_over.set()
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_exception(Lost())

    def tear(self) -> None:
        """Break the connection, whatever is under way."""
        self._connection.transport.abort()

    async def end(self) -> None:
        """Wait until it is over."""
        self.tear()
        await self._reading


@dataclass
class Person(ABC):
    """Somebody with a socket. ``transcripts``: of each dialog the texts, by sequence. ``said``: sequence by text."""

    world: World
    name: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    transcripts: dict[str, list[str]] = field(default_factory=dict)
    said: dict[str, dict[str, int]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    connections: int = 0
    to_say: list[tuple[str, str]] = field(default_factory=list)
    may_go: asyncio.Event = field(default_factory=asyncio.Event)
    breaks_left: int = 0
    pause_seconds: float = 1.0
    """Between two messages, on the average."""

    async def connect(self) -> Line:
        """A new connection to any node; tried until it opens."""
        world = self.world
        while True:
            uri = f"wss://localhost:{world.luck.choice(world.ports)}{self.path}"
            try:
                connection = await connect(
                    uri,
                    ssl=world.context,
                    additional_headers=self.headers,
                    proxy=None,
                    compression=None,
                    max_queue=None,
                    ping_interval=None,
                    open_timeout=60,
                )
            except (OSError, InvalidHandshake, TimeoutError):
                await asyncio.sleep(_AGAIN_SECONDS * (1 + world.luck.random()))
                continue
            self.connections += 1
            return Line(connection, partial(self.told, self.connections))

    @abstractmethod
    def told(self, connection: int, frame: Body) -> None:
        """Take a notification."""

    @abstractmethod
    async def read_on(self, line: Line) -> None:
        """Ask for what is missing."""

    @abstractmethod
    async def say(self, line: Line, dialog: str, text: str) -> None:
        """Say something. Raises ``Lost``."""

    async def live(self) -> None:
        """Talk, listen, break, come back, until there is nothing to say and ``may_go`` is set."""
        while not self.may_go.is_set():
            line = await self.connect()
            breaking = self._break_some_time(line)
            try:
                await self.read_on(line)
                await self._talk(line)
                await self._listen(line)
            except Lost:
                pass
            finally:
                if breaking is not None:
                    breaking.cancel()
                await line.end()

    def _break_some_time(self, line: Line) -> asyncio.TimerHandle | None:
        if not self.breaks_left:
            return None
        self.breaks_left -= 1
        wait = self.world.luck.expovariate(1 / self.world.steady_seconds)
        return asyncio.get_running_loop().call_later(wait, line.tear)

    async def _talk(self, line: Line) -> None:
        while self.to_say:
            await asyncio.sleep(self.world.luck.random() * 2 * self.pause_seconds)
            dialog, text = self.to_say[0]
            await self.say(line, dialog, text)
            self.to_say.pop(0)

    async def _listen(self, line: Line) -> None:
        waits = [asyncio.create_task(self.may_go.wait()), asyncio.create_task(line.is_over.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    def take(self, dialog: str, event: Body, *, is_live: bool) -> None:
        """Write an event into the transcript."""
        transcript, sequence = self.transcripts[dialog], event["sequence"]
        if sequence == len(transcript):
            transcript.append(event["event"].get("message", ""))
        elif sequence > len(transcript):
            self.faults.append(f"{self.name}: {dialog} has {len(transcript)} events, then came {sequence}")
        elif is_live:
            self.faults.append(f"{self.name}: {dialog} has {len(transcript)} events, and {sequence} came again")
        elif transcript[sequence] != event["event"].get("message", ""):
            self.faults.append(f"{self.name}: {dialog} has another {sequence} now")


@dataclass
class Consumer(Person):
    """Somebody with one conversation, who repeats with the same key what was not answered."""

    dialog: str = ""

    async def open(self) -> None:
        """Open the conversation, on a first connection that is not broken."""
        line = await self.connect()
        self.dialog = (await line.done("cm.ConsumerRequestConversation", {"brandId": ACCOUNT}))["conversationId"]
        self.transcripts[self.dialog] = []
        self.said[self.dialog] = {}
        await line.end()

    def told(self, connection: int, frame: Body) -> None:
        """Events of the dialog that is followed: on each connection exactly those that were asked for."""
        if connection == self.connections and frame["type"] == "ms.MessagingEventNotification":
            for event in frame["body"]["changes"]:
                if "sequence" in event:
                    self.take(frame["body"]["dialogId"], event, is_live=True)

    async def read_on(self, line: Line) -> None:
        """Follow the dialog from the first event that is missing."""
        following = len(self.transcripts[self.dialog])
        await line.done("ms.SubscribeMessagingEvents", {"dialogId": self.dialog, "fromSeq": following})

    async def say(self, line: Line, dialog: str, text: str) -> None:
        """Publish a text."""
        event = {"type": "ContentEvent", "contentType": "text/plain", "message": text}
        headers = [{"type": ".switchbay.headers.IdempotencyKey", "key": text}]
        answer = await line.done("ms.PublishEvent", {"dialogId": dialog, "event": event}, headers=headers)
        self.said[dialog][text] = answer["sequence"]


@dataclass
class Agent(Person):
    """Somebody with several conversations. What was not answered is said again in other words."""

    _early: list[Body] | None = None
    _heard: dict[str, int] = field(default_factory=dict)
    _tries: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def join(self, conversations: list[str], role: str) -> None:
        """Take part in conversations, on a first connection that is not broken."""
        line = await self.connect()
        for one in conversations:
            field_ = {"field": "ParticipantsChange", "type": "ADD", "role": role}
            await line.done(".ams.cm.UpdateConversationField", {"conversationId": one, "conversationField": [field_]})
            self.transcripts[one] = []
            self.said[one] = {}
        await line.end()

    def told(self, connection: int, frame: Body) -> None:
        """Events of all dialogs in which they take part: on each connection one after the other."""
        if connection != self.connections or not frame["type"].endswith("OnlineEventDistribution"):
            return
        event = frame["body"]
        if "sequence" not in event:
            return
        dialog, sequence = event["dialogId"], event["sequence"]
        if sequence != self._heard.get(dialog, sequence - 1) + 1:
            self.faults.append(f"{self.name}: {dialog} told {sequence} after {self._heard[dialog]}")
        self._heard[dialog] = sequence
        if self._early is not None:
            self._early.append(event)
        else:
            self.take(dialog, event, is_live=False)

    async def connect(self) -> Line:
        """As everybody; what comes before everything was read is kept."""
        self._early, self._heard = [], {}
        return await super().connect()

    async def read_on(self, line: Line) -> None:
        """Subscribe, and ask for what is missing in each conversation."""
        await line.done(".ams.aam.SubscribeExConversations", {"convState": ["OPEN"]})
        for dialog, transcript in self.transcripts.items():
            query = {"dialogId": dialog, "newerThanSequence": len(transcript)}
            for event in await line.done(".ams.ms.QueryMessages", query):
                self.take(dialog, event, is_live=False)
        early, self._early = self._early or [], None
        for event in early:
            self.take(event["dialogId"], event, is_live=False)

    async def say(self, line: Line, dialog: str, text: str) -> None:
        """Publish a text."""
        text = f"{text} ({next(self._tries)})"
        event = {"type": "ContentEvent", "contentType": "text/plain", "message": text}
        answer = await line.done(".ams.ms.PublishEvent", {"dialogId": dialog, "event": event})
        self.said[dialog][text] = answer["sequence"]
