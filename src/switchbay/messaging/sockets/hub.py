"""Who is told what on this node: changes of conversations to those who subscribed, events to those who take part.

What happens is told in its order: here right after the commit, from other nodes when their notices have been read.
Where an event from here would overtake one from another node, that one is read from the database first, so that within
a dialog every socket gets every event once and in order.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeAlias, TypeVar

import structlog

from switchbay.infra.websocket import GOING_AWAY
from switchbay.kit.errors import AppError
from switchbay.messaging.commit import Happening
from switchbay.messaging.domain import (
    Audience,
    Changed,
    Conversation,
    Event,
    EventKind,
    Published,
    Role,
    StoredEvent,
)
from switchbay.messaging.routing.domain import AgentStateChanged, RoutingItem, RoutingTaskChanged
from switchbay.messaging.sockets.names import Names
from switchbay.messaging.sockets.rendering import Change, Renderer, agents_of
from switchbay.messaging.sockets.subscriptions import Subscription

ReadEvents: TypeAlias = Callable[[str, str, str, int, int], Awaitable[list[StoredEvent]]]
"""The stored events of an account's conversation and dialog, from a sequence on, so many."""
T = TypeVar("T")
K = TypeVar("K")
_MOST_DIALOGS: Final = 100_000
_MOST_MISSING: Final = 1_000
_log = structlog.get_logger("messaging.sockets")


class AgentSocket(Protocol):
    """A connection of an agent."""

    account_id: str
    user_pid: str
    session_id: str
    is_new_style: bool
    subscriptions: dict[str, Subscription]
    task_subscriptions: set[str]
    state_subscriptions: dict[str, str]

    def tell(self, *parts: bytes) -> None:
        """Send a notification."""
        ...

    def end(self, code: int, reason: str) -> None:
        """Close the connection."""
        ...


class Hub:
    """The agents' sockets of this node."""

    def __init__(self, names: Names, read_events: ReadEvents) -> None:
        self._names = names
        self._read_events = read_events
        self.renderer = Renderer(names)
        self._by_account: dict[str, dict[AgentSocket, None]] = {}
        self._by_user: dict[tuple[str, str], dict[AgentSocket, None]] = {}
        self._pending: deque[Happening] = deque()
        self._work: asyncio.Task[None] | None = None
        self._next: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._revisions: OrderedDict[tuple[str, str], int] = OrderedDict()
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
        """Tell of what has happened, in order. Called on the event loop, and does not wait."""
        wanted = [one for one in happenings if one.after.account_id in self._by_account]
        if not wanted:
            return
        self._pending.extend(wanted)
        if self._work is None:
            self._tell_ready()

    def _tell_ready(self) -> None:
        """Tell all for which nothing has to be read; have the rest read first."""
        while self._pending:
            first = self._pending[0]
            if self._names.missing(first.after.account_id, agents_of(first.after)) or self._is_gap_before(first):
                self._work = asyncio.get_running_loop().create_task(self._read_and_tell(), name="hub")
                return
            self._pending.popleft()
            self._tell(first)

    async def _read_and_tell(self) -> None:
        first = self._pending[0]
        missing: list[Published] = []
        try:
            await self._names.learn(first.after.account_id, agents_of(first.after))
            missing = await self._read_missing(first)
        except AppError as error:
            # The clients have the sequences to notice it by, and ask again.
            _log.warning("what another node published is not told", account=first.after.account_id, reason=error.code)
            self._skip_gap(first)
        self._work = None
        for published in missing:
            self._tell_event(first.after, published)
        self._pending.popleft()
        self._tell(first)
        self._tell_ready()

    def _is_gap_before(self, happening: Happening) -> bool:
        return any(self._missing_before(happening.after.account_id, one) for one in happening.emitted)

    def _missing_before(self, account_id: str, emitted: Published | Changed) -> range | None:
        """The sequences between what has been told of a dialog and this event."""
        if not isinstance(emitted, Published) or emitted.sequence is None:
            return None
        known = self._next.get((account_id, emitted.dialog_id))
        return range(known, emitted.sequence) if known is not None and known < emitted.sequence else None

    async def _read_missing(self, happening: Happening) -> list[Published]:
        found: list[Published] = []
        after = happening.after
        for emitted in happening.emitted:
            gap = self._missing_before(after.account_id, emitted)
            if gap is None or not isinstance(emitted, Published):
                continue
            most = min(len(gap), _MOST_MISSING)
            stored = await self._read_events(
                after.account_id, after.conversation_id, emitted.dialog_id, gap.start, most
            )
            found += [_published(emitted.dialog_id, one) for one in stored if one.sequence in gap]
            break  # those after it in the same request follow without a gap
        return found

    def _skip_gap(self, happening: Happening) -> None:
        for emitted in happening.emitted:
            if isinstance(emitted, Published) and emitted.sequence is not None:
                _put(self._next, (happening.after.account_id, emitted.dialog_id), emitted.sequence)
                return

    def _tell(self, happening: Happening) -> None:
        after = happening.after
        for emitted in happening.emitted:
            if isinstance(emitted, Changed):
                self._tell_change(emitted.conversation, None)
            elif self._tell_event(after, emitted) and emitted.event.is_content:
                self._tell_change(after, emitted)

    def _tell_change(self, conversation: Conversation, last: Published | None) -> None:
        key = (conversation.account_id, conversation.conversation_id)
        if conversation.revision < self._revisions.get(key, 0):
            return  # a later state has been told already
        _put(self._revisions, key, conversation.revision)
        self.note_dialogs(conversation)
        if last is not None and last.audience is not Audience.ALL:
            last = None
        change = Change(self.renderer, conversation, last)
        for socket in tuple(self._by_account.get(conversation.account_id, ())):
            for subscription in socket.subscriptions.values():
                tell_change(socket, subscription, change)

    def _tell_event(self, conversation: Conversation, published: Published) -> bool:
        """Tell those who take part in the dialog; return whether it was new."""
        key = (conversation.account_id, published.dialog_id)
        if published.sequence is not None:
            if published.sequence < self._next.get(key, 0):
                return False
            _put(self._next, key, published.sequence + 1)
        dialog = conversation.find_dialog(published.dialog_id)
        if dialog is None:
            return False
        rendered: dict[bool, bytes] = {}
        for one in dialog.participants:
            if one.role is Role.CONSUMER or not one.is_active:
                continue
            for socket in tuple(self._by_user.get((conversation.account_id, one.id), ())):
                is_new = socket.is_new_style
                if is_new not in rendered:
                    rendered[is_new] = self.renderer.published(conversation, published, is_new=is_new)
                socket.tell(rendered[is_new])
        return True

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
                is_new = socket.is_new_style
                socket.tell(self.renderer.task(subscription_id, item.task, item.type, is_new=is_new))

    def _tell_state(self, item: AgentStateChanged) -> None:
        for socket in tuple(self._by_account.get(item.account_id, ())):
            for subscription_id, user_pid in socket.state_subscriptions.items():
                if user_pid == item.user_pid:
                    is_new = socket.is_new_style
                    socket.tell(self.renderer.agent_state(subscription_id, item, is_new=is_new))


def tell_change(socket: AgentSocket, subscription: Subscription, change: Change) -> None:
    """Tell a subscription of a conversation: UPSERT while it matches, DELETE when it does no more."""
    conversation_id = change.conversation.conversation_id
    if subscription.wanted.matches(change.conversation):
        subscription.known.add(conversation_id)
        socket.tell(*change.parts(subscription.raw_id, is_new=socket.is_new_style, type_="UPSERT"))
    elif conversation_id in subscription.known:
        subscription.known.discard(conversation_id)
        socket.tell(*change.parts(subscription.raw_id, is_new=socket.is_new_style, type_="DELETE"))


def _published(dialog_id: str, stored: StoredEvent) -> Published:
    kind = EventKind.CONTENT if '"ContentEvent"' in stored.event else EventKind.ACCEPT_STATUS
    return Published(
        dialog_id,
        stored.sequence,
        stored.originator_id,
        Role(stored.role),
        stored.server_timestamp,
        Event(kind, stored.event),
        Audience(stored.audience),
        stored.client_properties,
        stored.metadata,
    )


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
