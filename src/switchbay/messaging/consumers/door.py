"""Where consumers' sockets are opened: who may, from which pages, how many; and what all of them share.

``wss://{asyncMessagingEnt}/ws_api/account/{account}/messaging/consumer?v=3``. Programs prove who their consumer is in
the header ``Authorization: jwt …``; browsers, which cannot set headers, with the request ``InitConnection``.
"""

from typing import Final, Protocol

from switchbay.accounts.public import network_of
from switchbay.infra.machine import Clock, Randomness
from switchbay.infra.rates import Rates
from switchbay.infra.websocket import SocketLimits, SocketRoute, Taker, Upgrade
from switchbay.kit.errors import AppError, Kind
from switchbay.messaging.consumers.connection import ConsumerConnection
from switchbay.messaging.consumers.feed import MOST_SOCKETS, ConsumerFeed, Reader, Who
from switchbay.messaging.consumers.presence import GRACE_SECONDS, Presence
from switchbay.messaging.consumers.requests import Outlet, Requests
from switchbay.messaging.files.service import Files
from switchbay.messaging.service import Messaging
from switchbay.oauth.public import Visitor

PATH: Final = "/ws_api/account/{account}/messaging/consumer"
INIT_SECONDS: Final = 10.0
_LIMITS: Final = SocketLimits(frame_bytes=262_144, queue_messages=2_000, queue_bytes=4_194_304)
_REQUESTS_PER_MINUTE: Final = 600
_MOST_UNKNOWN: Final = 50
_SCHEMES: Final = ("jwt ", "bearer ")


class Visitors(Protocol):
    """What this needs of the oauth room."""

    async def admit_page(self, account_id: str, origin: str | None) -> None:
        """Whether pages of this origin may use the web messenger."""
        ...

    async def verify(self, account_id: str, token: str) -> Visitor:
        """The consumer whose token this is."""
        ...


class ConsumerDoor:
    """Opens consumers' sockets and keeps what they share."""

    def __init__(
        self,
        messaging: Messaging,
        visitors: Visitors,
        clock: Clock,
        randomness: Randomness,
        files: Files,
        *,
        init_seconds: float = INIT_SECONDS,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._messaging = messaging
        self._visitors = visitors
        self._clock = clock
        self._randomness = randomness
        self._files = files
        self._init_seconds = init_seconds
        self._feed = ConsumerFeed()
        self._presence = Presence(messaging, self._feed, grace_seconds)
        self._rates: Rates[Who] = Rates(clock, _REQUESTS_PER_MINUTE)
        self._unknown: dict[str, int] = {}
        messaging.feed.follow(self._feed.heard, self._feed.has_sockets, self._feed.end_all)

    @property
    def init_seconds(self) -> float:
        """How long a connection may take to say who it is."""
        return self._init_seconds

    async def start(self) -> None:
        """Nothing runs until somebody comes."""

    async def stop(self) -> None:
        """End the background work."""
        await self._presence.stop()

    def route(self) -> SocketRoute:
        """Where the sockets are opened."""
        return SocketRoute(PATH, self.open, _LIMITS)

    async def open(self, upgrade: Upgrade) -> Taker:
        """Decide about an upgrade.

        Raises ``account_unknown``, ``web_messaging_off``, ``origin_not_allowed``, ``consumer_token_invalid`` and
        ``socket_limit``.
        """
        account_id = upgrade.segments[0]
        await self._visitors.admit_page(account_id, upgrade.headers.get("origin"))
        token = _token(upgrade.headers.get("authorization", ""))
        visitor = None if token is None else await self._visitors.verify(account_id, token)
        network = network_of(upgrade.address)
        if self._unknown.get(network, 0) >= _MOST_UNKNOWN:
            raise AppError(Kind.TOO_MANY, "socket_limit", "Too many connections of this network are not known yet.")
        self._unknown[network] = self._unknown.get(network, 0) + 1
        return ConsumerConnection(self, account_id, visitor, network)

    def forget_unknown(self, network: str) -> None:
        """A connection of this network is known now, or over."""
        left = self._unknown.get(network, 0) - 1
        if left > 0:
            self._unknown[network] = left
        else:
            self._unknown.pop(network, None)

    async def verify(self, account_id: str, token: str) -> Visitor:
        """The consumer whose token this is. Raises ``consumer_token_missing`` and ``consumer_token_invalid``."""
        return await self._visitors.verify(account_id, token)

    def requests_of(self, visitor: Visitor, out: Outlet) -> Requests:
        """The requests of a consumer on one socket."""
        who = (visitor.account_id, visitor.consumer_id)
        return Requests(self._messaging, self._files, self._clock, self._randomness.uuid, *who, out)

    def join(self, visitor: Visitor, reader: Reader) -> None:
        """Begin to tell a socket what happens. Raises ``socket_limit``."""
        who = (visitor.account_id, visitor.consumer_id)
        if not self._feed.join(who, reader):
            raise AppError(
                Kind.TOO_MANY, "socket_limit", f"A consumer has at most {MOST_SOCKETS} sockets.", {"most": MOST_SOCKETS}
            )
        self._presence.came(who)

    def left(self, visitor: Visitor, reader: Reader) -> None:
        """The socket is over."""
        who = (visitor.account_id, visitor.consumer_id)
        self._feed.leave(who, reader)
        self._presence.left(who)

    def seconds_left(self, visitor: Visitor) -> float:
        """How long the visitor's token is good yet."""
        return (visitor.expires_at - self._clock.now_ms()) / 1_000

    def admit_request(self, account_id: str, visitor: Visitor | None) -> None:
        """Count one request. Raises ``requests_throttled``."""
        wait = 0 if visitor is None else self._rates.take((account_id, visitor.consumer_id))
        if wait:
            raise AppError(
                Kind.TOO_MANY, "requests_throttled", "Too many requests of this consumer. Wait.", retry_after=wait
            )


def _token(authorization: str) -> str | None:
    """The token of an ``Authorization`` header; None when there is no header."""
    value = authorization.strip()
    for scheme in _SCHEMES:
        if value.lower().startswith(scheme):
            return value[len(scheme) :].strip()
    return value or None
