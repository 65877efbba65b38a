"""Who is told what on this node: changes of conversations to those who subscribed, events to those who take part.

The feed says what happens on all nodes, each conversation in order and nothing twice; here it is only rendered, once
for each style whatever the number of sockets, and handed out.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Final, Protocol, TypeVar

import structlog

from switchbay.infra.websocket import GOING_AWAY
from switchbay.kit.errors import AppError
from switchbay.messaging.commit import Happening
from switchbay.messaging.domain import (
    Audience,
    Changed,
    Conversation,
    Published,
    Role,
)
from switchbay.messaging.routing.domain import (
    AgentStateChanged,
    RingState,
    RoutingItem,
    RoutingTask,
    RoutingTaskChanged,
)
from switchbay.messaging.routing.domain.items import ChangeType
from switchbay.messaging.sockets.line import Place
from switchbay.messaging.sockets.names import Names
from switchbay.messaging.sockets.rendering import Change, Renderer, agents_of
from switchbay.messaging.sockets.subscriptions import Subscription

T = TypeVar("T")
K = TypeVar("K")
_MOST_DIALOGS: Final = 100_000
_log = structlog.get_logger("messaging.sockets")


class AgentSocket(Protocol):
    """A connection of an agent."""

    account_id: str
    user_pid: str
    session_id: str
    is_new_style: bool
    has_states: bool
    """Whether its version of the protocol has states of participants, and with them suggested ones."""
    subscriptions: dict[str, Subscription]
    task_subscriptions: dict[str, set[str]]
    state_subscriptions: dict[str, str]
    followed: dict[str, int]
    """Dialogs that it is told of though its agent need not take part, each with the sequence from which on."""

    def tell(self, *parts: bytes) -> None:
        """Send a notification."""
        ...

    def tell_event(self, *parts: bytes, place: Place) -> None:
        """Send the notification of an event, which stands at ``place``."""
        ...

    def send(self, *parts: bytes) -> None:
        """Send a notification before those that are held back."""
        ...

    def forget_held(self, dialog_id: str, below: int) -> None:
        """Send no event of a dialog that is held back and comes before a sequence."""
        ...

    def settled(self) -> None:
        """The client has been told of its conversations."""
        ...

    def end(self, code: int, reason: str) -> None:
        """Close the connection."""
        ...


class Hub:
    """The agents' sockets of this node."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self.renderer = Renderer(names)
        self._by_account: dict[str, dict[AgentSocket, None]] = {}
        self._by_user: dict[tuple[str, str], dict[AgentSocket, None]] = {}
        self._pending: deque[Happening] = deque()
        self._work: asyncio.Task[None] | None = None
        self._followers: dict[tuple[str, str], dict[AgentSocket, None]] = {}
        self._dialogs: OrderedDict[tuple[str, str], str] = OrderedDict()

    # Sockets

    def join(self, socket: AgentSocket) -> None:
        """Begin to tell a socket what happens."""
        self._by_account.setdefault(socket.account_id, {})[socket] = None
        self._by_user.setdefault((socket.account_id, socket.user_pid), {})[socket] = None

    def leave(self, socket: AgentSocket) -> None:
        """Tell it nothing more."""
        _take_out(self._by_account, socket.account_id, socket)
        _take_out(self._by_user, (socket.account_id, socket.user_pid), socket)
        for dialog_id in socket.followed:
            _take_out(self._followers, (socket.account_id, dialog_id), socket)

    def follow(self, socket: AgentSocket, dialog_id: str) -> None:
        """Tell a socket the events of a dialog, whether or not its agent takes part."""
        socket.followed[dialog_id] = 0
        self._followers.setdefault((socket.account_id, dialog_id), {})[socket] = None

    def count_of(self, account_id: str, user_pid: str) -> int:
        """How many sockets a user has on this node."""
        return len(self._by_user.get((account_id, user_pid), ()))

    def accounts(self) -> list[str]:
        """The accounts that have sockets here."""
        return list(self._by_account)

    def has_sockets(self, account_id: str) -> bool:
        """Whether an account has sockets here."""
        return account_id in self._by_account

    def end_all(self) -> None:
        """Close every socket: something may be missing that cannot be told any more, and whoever comes again asks."""
        for account_id in self.accounts():
            for socket in self.sockets_of(account_id):
                socket.end(GOING_AWAY, "events may be missing; come again")

    def sockets_of(self, account_id: str) -> list[AgentSocket]:
        """The sockets of an account."""
        return list(self._by_account.get(account_id, ()))

    async def stop(self) -> None:
        """Tell nothing more."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    def find_conversation_id(self, account_id: str, dialog_id: str) -> str | None:
        """The conversation of a dialog other than its main one, if it has been seen."""
        return self._dialogs.get((account_id, dialog_id))

    def note_dialogs(self, conversation: Conversation) -> None:
        """Remember to which conversation its further dialogs belong."""
        for dialog in conversation.dialogs[1:]:
            _put(self._dialogs, (conversation.account_id, dialog.dialog_id), conversation.conversation_id)

    # What happens

    def happened(self, happenings: Sequence[Happening]) -> None:
        """Tell of what has happened, each conversation in order. Called on the event loop, and does not wait."""
        self._pending.extend(one for one in happenings if one.after.account_id in self._by_account)
        if self._work is None:
            self._tell_ready()

    def _tell_ready(self) -> None:
        """Tell all of which both names of everybody are known; have the rest looked up first."""
        while self._pending:
            first = self._pending[0]
            if self._names.missing(first.after.account_id, _people_of(first)):
                self._work = asyncio.get_running_loop().create_task(self._learn_and_tell(), name="hub")
                return
            self._pending.popleft()
            self._tell(first)

    async def _learn_and_tell(self) -> None:
        first = self._pending[0]
        try:
            await self._names.learn(first.after.account_id, _people_of(first))
        except (
            AppError
        ) as error:  # told with the names that are known: late news would be worse than a PId for an old id
            _log.warning("names could not be looked up", account=first.after.account_id, reason=error.code)
        self._work = None
        self._pending.popleft()
        self._tell(first)
        self._tell_ready()

    def _tell(self, happening: Happening) -> None:
        after = happening.after
        for emitted in happening.emitted:
            if isinstance(emitted, Changed):
                self._tell_change(emitted.conversation, None)
                continue
            self._tell_event(after, emitted)
            if emitted.event.is_content:
                self._tell_change(after, emitted)

    def _tell_change(self, conversation: Conversation, last: Published | None) -> None:
        self.note_dialogs(conversation)
        if last is not None and last.audience is not Audience.ALL:
            last = None
        change = Change(self.renderer, conversation, last)
        for socket in tuple(self._by_account.get(conversation.account_id, ())):
            for subscription in socket.subscriptions.values():
                tell_change(socket, subscription, change)

    def _tell_event(self, conversation: Conversation, published: Published) -> None:
        """Tell those who take part in the dialog, and those who follow it."""
        account_id, dialog = conversation.account_id, conversation.find_dialog(published.dialog_id)
        if dialog is None:
            return
        sockets = dict(self._followers.get((account_id, published.dialog_id), ()))
        for one in dialog.participants:
            if one.role is not Role.CONSUMER and one.is_active:
                sockets |= self._by_user.get((account_id, one.id), {})
        rendered: dict[bool, bytes] = {}
        place = (published.dialog_id, published.sequence)
        for socket in sockets:
            if published.sequence is not None and published.sequence < socket.followed.get(published.dialog_id, 0):
                continue  # it was read back after it was stored, and before this was told
            is_new = socket.is_new_style
            if is_new not in rendered:
                rendered[is_new] = self.renderer.published(conversation, published, is_new=is_new)
            socket.tell_event(rendered[is_new], place=place)

    # Routing

    def routed(self, items: Sequence[RoutingItem]) -> None:
        """Tell of rings and of agents' states."""
        for item in items:
            match item:
                case RoutingTaskChanged():
                    self._tell_task(item)
                case AgentStateChanged():
                    self._tell_state(item)

    def _tell_task(self, item: RoutingTaskChanged) -> None:
        for socket in tuple(self._by_user.get((item.account_id, item.user_pid), ())):
            for subscription_id in socket.task_subscriptions:
                self.tell_task(socket, subscription_id, item.task, item.type)

    def tell_task(self, socket: AgentSocket, subscription_id: str, task: RoutingTask, type_: ChangeType) -> None:
        """Tell a subscription of a ring; that it waits only once, because clients accept it each time."""
        told = socket.task_subscriptions[subscription_id]
        if any(ring.state is RingState.WAITING for ring in task.rings):
            if task.task_id in told:
                return
            told.add(task.task_id)
        else:
            told.discard(task.task_id)
        socket.tell(self.renderer.task(subscription_id, task, type_, is_new=socket.is_new_style))

    def _tell_state(self, item: AgentStateChanged) -> None:
        for socket in tuple(self._by_account.get(item.account_id, ())):
            for subscription_id, user_pid in socket.state_subscriptions.items():
                if user_pid == item.user_pid:
                    is_new = socket.is_new_style
                    socket.tell(self.renderer.agent_state(subscription_id, item, is_new=is_new))


def tell_change(socket: AgentSocket, subscription: Subscription, change: Change) -> None:
    """Tell a subscription of a conversation: UPSERT while it matches, DELETE when it does no more."""
    conversation_id = change.conversation.conversation_id
    if subscription.arriving is not None:
        subscription.arriving[conversation_id] = change
        return
    type_: ChangeType
    if subscription.wanted.matches(change.conversation):
        subscription.known.add(conversation_id)
        type_ = "UPSERT"
    elif conversation_id in subscription.known:
        subscription.known.discard(conversation_id)
        type_ = "DELETE"
    else:
        return
    style = {"is_new": socket.is_new_style, "has_states": socket.has_states}
    socket.tell(*change.parts(subscription.raw_id, **style, type_=type_))


def _people_of(happening: Happening) -> set[str]:
    """Everybody who is named in what happened, and has two names."""
    authors = {
        one.originator_id for one in happening.emitted if isinstance(one, Published) and one.role is not Role.CONSUMER
    }
    return agents_of(happening.after) | authors


def _take_out(sockets: dict[K, dict[AgentSocket, None]], key: K, socket: AgentSocket) -> None:
    found = sockets.get(key, {})
    found.pop(socket, None)
    if not found:
        sockets.pop(key, None)


def _put(known: OrderedDict[tuple[str, str], T], key: tuple[str, str], value: T) -> None:
    known[key] = value
    known.move_to_end(key)
    if len(known) > _MOST_DIALOGS:
        known.popitem(last=False)
