"""One consumer's connection: who it is, its requests one after the other, and what it follows."""

import asyncio
from typing import Final, Protocol

from switchbay.infra.websocket import TOO_MUCH, Socket
from switchbay.kit.errors import AppError, Kind
from switchbay.messaging.consumers import wire
from switchbay.messaging.consumers.feed import Reader
from switchbay.messaging.consumers.requests import Outlet, Requests
from switchbay.messaging.domain import Conversation, Published
from switchbay.messaging.sockets.line import Line
from switchbay.messaging.wire.requests import parse_client_properties
from switchbay.oauth.public import Visitor

UNAUTHENTICATED: Final = 4401
_LONGEST_TIMER: Final = 86_400.0


class Door(Protocol):
    """What all consumers' connections share."""

    @property
    def init_seconds(self) -> float:
        """How long a connection may take to say who it is."""
        ...

    async def verify(self, account_id: str, token: str) -> Visitor:
        """The consumer whose token this is."""
        ...

    def requests_of(self, visitor: Visitor, out: Outlet) -> Requests:
        """The requests of a consumer on one socket."""
        ...

    def join(self, visitor: Visitor, reader: Reader) -> None:
        """Begin to tell a socket what happens. Raises ``socket_limit``."""
        ...

    def left(self, visitor: Visitor, reader: Reader) -> None:
        """The socket is over."""
        ...

    def forget_unknown(self, network: str) -> None:
        """A connection of this network is known now, or over."""
        ...

    def admit_request(self, account_id: str, visitor: Visitor | None) -> None:
        """Count one request. Raises ``requests_throttled``."""
        ...

    def seconds_left(self, visitor: Visitor) -> float:
        """How long the visitor's token is good yet."""
        ...


class ConsumerConnection(Line):
    """What a socket of a consumer brings and is told."""

    def __init__(self, door: Door, account_id: str, visitor: Visitor | None, network: str) -> None:
        super().__init__()
        self._door = door
        self._account_id = account_id
        self._visitor = visitor
        self._network = network
        self._requests: Requests | None = None
        self._timer: asyncio.TimerHandle | None = None

    # What the socket tells

    def opened(self, socket: Socket) -> None:
        """The upgrade is done: the consumer is known from its header, or has a while to say who they are."""
        super().opened(socket)
        if self._visitor is None:
            wait, reason = self._door.init_seconds, "nobody said who this is"
            self._timer = asyncio.get_running_loop().call_later(wait, self.end, UNAUTHENTICATED, reason)
            return
        try:
            self._enter(self._visitor)
        except AppError as error:
            self.end(TOO_MUCH, error.message)

    def closed(self, code: int) -> None:
        """The connection is over."""
        super().closed(code)
        if self._timer is not None:
            self._timer.cancel()
        if self._requests is None:
            self._door.forget_unknown(self._network)
        elif self._visitor is not None:
            self._door.left(self._visitor, self)

    # What the feed tells

    def changed(self, conversation: Conversation) -> None:
        """Tell the subscriptions that want it."""
        if self._requests is None:
            return
        conversation_id = conversation.conversation_id
        for subscription_id, subscription in self._requests.subscriptions.items():
            if subscription.wants(conversation):
                subscription.known.add(conversation_id)
                self.tell(wire.conversations_notification(subscription_id, [conversation]))
            elif conversation_id in subscription.known:
                subscription.known.discard(conversation_id)
                self.tell(wire.conversations_notification(subscription_id, [conversation], is_gone=True))

    def published(self, conversation: Conversation, published: Published) -> None:
        """Tell it if its dialog is followed, in its turn."""
        requests = self._requests
        if requests is None or self._visitor is None:
            return
        dialog_id = published.dialog_id
        cursor = requests.cursors.get(dialog_id)
        consumer_id = self._visitor.consumer_id
        if cursor is None or (published.sequence is None and published.originator_id == consumer_id):
            return  # that they type or are there, they know
        is_told = cursor.take(published)
        if is_told is None:
            cursor.is_reading = True
            self.add(lambda: requests.read_on(dialog_id, cursor))
        elif is_told:
            self.tell(wire.published_notification(conversation.conversation_id, published, consumer_id))

    # Requests

    async def answer(self, data: bytes) -> None:
        """Do one request."""
        frame: wire.Frame | None = None
        try:
            frame = wire.parse_frame(data)
            if frame.name == "InitConnection":
                await self._introduce(frame)
                return
            if self._requests is None:
                raise AppError(Kind.UNAUTHENTICATED, "consumer_token_missing", "Say who you are: InitConnection first.")
            self._door.admit_request(self._account_id, self._visitor)
            done = await self._requests.do(frame)
        except AppError as error:
            self.send(wire.refusal(None if frame is None else frame.id, error))
            if error.kind is Kind.UNAUTHENTICATED:
                self.end(UNAUTHENTICATED, error.message)
            return
        self.send(wire.answer(frame.id, done.type, done.body))
        if done.then is not None:
            await done.then()

    # Who it is

    async def _introduce(self, frame: wire.Frame) -> None:
        """Take the proof of identity and what the client says about itself."""
        header = frame.find_header("ConsumerAuthentication")
        if self._requests is None:
            visitor = await self._door.verify(self._account_id, "" if header is None else header.jwt or "")
            if self.socket is None:
                return
            self._enter(visitor)
        if self._requests is not None:
            self._requests.client_properties = parse_client_properties(frame.find_properties())
        self.send(wire.answer(frame.id, wire.STRING, "OK Connection initialised"))

    def _enter(self, visitor: Visitor) -> None:
        """From now on this is the consumer's socket."""
        requests = self._door.requests_of(visitor, self)
        self._door.join(visitor, self)
        self._door.forget_unknown(self._network)
        self._visitor, self._requests = visitor, requests
        if self._timer is not None:
            self._timer.cancel()
        self._expire()

    def _expire(self) -> None:
        """End the connection when the token does."""
        if self._visitor is None:
            return
        left = self._door.seconds_left(self._visitor)
        if left <= 0:
            self.end(UNAUTHENTICATED, "the token has expired")
            return
        self._timer = asyncio.get_running_loop().call_later(min(left, _LONGEST_TIMER), self._expire)
