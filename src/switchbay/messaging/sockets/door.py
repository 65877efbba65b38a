"""Where agents' sockets are opened: ``wss://{facadeMsg}/ws_api/account/{account}/messaging/brand/{bearer}``.

The bearer in the path is the only proof of who it is. A socket lives as long as its session: it ends with 4401 when the
user logs out, is disabled, or lets the session expire.
"""

import asyncio
from collections.abc import Awaitable, Collection, Sequence
from contextlib import suppress
from typing import Final, Protocol

import structlog

from switchbay.accounts.public import (
    Account,
    EndedSession,
    EndReason,
    Principal,
    Role,
    SessionEndListener,
    User,
    require,
)
from switchbay.infra.db import DatabaseUnavailable, Tx
from switchbay.infra.machine import Clock, Randomness
from switchbay.infra.websocket import Socket, SocketLimits, SocketRoute, Taker, Upgrade
from switchbay.kit.errors import AppError, Kind
from switchbay.messaging.admin import MANAGERS
from switchbay.messaging.files.service import Files
from switchbay.messaging.routing.service import Routing
from switchbay.messaging.service import Messaging
from switchbay.messaging.sockets import frames
from switchbay.messaging.sockets.hub import AgentSocket, Hub
from switchbay.messaging.sockets.line import Line
from switchbay.messaging.sockets.names import Names
from switchbay.messaging.sockets.requests import Means, Requests
from switchbay.messaging.sockets.subscriptions import Subscription

PATH: Final = "/ws_api/account/{account}/messaging/brand/{bearer}"
SESSION_OVER: Final = 4401
_WITHOUT_STATES: Final = frozenset({"1", "1.0", "2", "2.0"})
"""The versions before 2.1, which do not know of participants that are only suggested. Without a version it is the
newest."""
_SETTLE_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 15.0
_SESSIONS_AT_ONCE: Final = 500
_log = structlog.get_logger("messaging.sockets")


class Accounts(Protocol):
    """What this needs of the accounts room."""

    async def authenticate(self, account_id: str, authorization: str | None) -> Principal:
        """The user behind a bearer."""
        ...

    async def live_sessions(self, account_id: str, session_ids: Collection[str]) -> set[str]:
        """Those of the sessions that are not over."""
        ...

    def on_session_end(self, listener: SessionEndListener) -> None:
        """Have ``listener`` called in the transaction that ends sessions."""
        ...

    async def get_account(self, account_id: str) -> Account:
        """The account with its settings."""
        ...

    async def find_users_by_pid(self, account_id: str, pids: Collection[str]) -> list[User]:
        """The users with these UUIDs."""
        ...

    async def find_user(self, account_id: str, user_id: str) -> User | None:
        """The user with this number."""
        ...


class AgentDoor:
    """Opens agents' sockets and ends those whose session is over."""

    def __init__(
        self,
        messaging: Messaging,
        routing: Routing,
        accounts: Accounts,
        files: Files,
        clock: Clock,
        randomness: Randomness,
        limits: SocketLimits,
        *,
        most_of_user: int = 50,
    ) -> None:
        self._accounts = accounts
        self._feed = messaging.feed
        self._routing = routing
        self._randomness = randomness
        self._limits = limits
        self._most_of_user = most_of_user
        self._names = Names(accounts)
        self.hub = Hub(self._names)
        self._means = Means(messaging, routing, accounts, files, self._names, self.hub, clock, randomness.uuid)
        self._looking: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        messaging.feed.follow(self.hub.happened, self.hub.has_sockets, self.hub.end_all)
        routing.listen(self.hub.routed)
        messaging.feed.on_sessions_over(lambda over: self._close(over.account_id, over.session_ids))
        accounts.on_session_end(self._sessions_ended)

    def route(self) -> SocketRoute:
        """Where the sockets are opened."""
        return SocketRoute(PATH, self.open, self._limits)

    async def start(self) -> None:
        """Begin to look after sessions that expire."""
        self._looking = asyncio.create_task(self._look_until_stopped(), name="agent-sockets")

    async def stop(self) -> None:
        """End the background work."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
            self._looking = None
        await self.hub.stop()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=5)

    async def open(self, upgrade: Upgrade) -> Taker:
        """Decide about an upgrade.

        Raises ``session_invalid`` (401), ``role_missing`` (403) and ``socket_limit`` (429).
        """
        account_id, bearer = upgrade.segments
        principal = await self._accounts.authenticate(account_id, bearer)
        require(principal, Role.AGENT, *MANAGERS)
        if self.hub.count_of(account_id, principal.user_pid) >= self._most_of_user:
            raise AppError(
                Kind.TOO_MANY,
                "socket_limit",
                f"A user has at most {self._most_of_user} sockets on a node.",
                {"most": self._most_of_user},
            )
        await self._names.learn(account_id, (principal.user_pid,))
        has_states = upgrade.query.get("v") not in _WITHOUT_STATES
        return AgentConnection(self, principal, self._randomness.uuid(), has_states=has_states)

    def requests_of(self, principal: Principal, socket: AgentSocket) -> Requests:
        """The requests of an agent on one socket."""
        may_manage = not principal.roles.isdisjoint(MANAGERS)
        return Requests(self._means, principal, socket, may_manage=may_manage)

    def joined(self, connection: "AgentConnection") -> None:
        """A socket is open."""
        self.hub.join(connection)
        self._spawn(self._routing.agent_connected(connection.account_id, connection.user_pid, connection.socket_id))

    def left(self, connection: "AgentConnection") -> None:
        """A socket is over."""
        self.hub.leave(connection)
        self._spawn(self._routing.agent_disconnected(connection.account_id, connection.user_pid, connection.socket_id))

    def _spawn(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            try:
                await work
            except AppError as error:
                _log.warning("presence not noted", reason=error.code)

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Sessions

    async def _sessions_ended(self, tx: Tx, account_id: str, ended: Sequence[EndedSession], _reason: EndReason) -> None:
        await self._feed.end_sessions(tx, account_id, [one.session_id for one in ended])

    def _close(self, account_id: str, over: Collection[str]) -> None:
        over = frozenset(over)
        for socket in self.hub.sockets_of(account_id):
            if socket.session_id in over:
                socket.end(SESSION_OVER, "the session is over")

    async def look_once(self) -> None:
        """End the sockets whose sessions have expired, or have ended in a way that this node was not told of."""
        for account_id in self.hub.accounts():
            held = sorted({socket.session_id for socket in self.hub.sockets_of(account_id)})
            for start in range(0, len(held), _SESSIONS_AT_ONCE):
                some = held[start : start + _SESSIONS_AT_ONCE]
                self._close(account_id, set(some) - await self._accounts.live_sessions(account_id, some))

    async def _look_until_stopped(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self.look_once()
            except DatabaseUnavailable as error:
                _log.warning("sessions could not be looked at", reason=str(error))


class AgentConnection(Line):
    """One socket of an agent."""

    def __init__(self, door: AgentDoor, principal: Principal, socket_id: str, *, has_states: bool) -> None:
        super().__init__()
        self._door = door
        self.account_id = principal.account_id
        self.user_pid = principal.user_pid
        self.session_id = principal.session_id
        self.socket_id = socket_id
        self.is_new_style = False
        self.has_states = has_states
        self.subscriptions: dict[str, Subscription] = {}
        self.task_subscriptions: dict[str, set[str]] = {}
        self.state_subscriptions: dict[str, str] = {}
        self.followed: dict[str, int] = {}
        self._requests = door.requests_of(principal, self)
        self._has_joined = False

    def opened(self, socket: Socket) -> None:
        """The upgrade is done."""
        super().opened(socket)
        self._has_joined = True
        self.settle(_SETTLE_SECONDS)
        self._door.joined(self)

    def closed(self, code: int) -> None:
        """The connection is over; what it subscribed to is forgotten."""
        super().closed(code)
        if self._has_joined:
            self._door.left(self)

    async def answer(self, data: bytes) -> None:
        """Do one request."""
        frame: frames.Frame | None = None
        try:
            frame = frames.parse_frame(data)
            done = await self._requests.do(frame)
        except AppError as error:
            self.send(frames.refusal(frame, error))
            return
        self.send(frames.answer(frame, done.type, done.body))
        if done.then is not None:
            await done.then()
