"""What each request on an agent's socket does (section 4): checked, done durably, answered; what follows, after."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol, TypeVar

import msgspec

from switchbay.accounts.public import Account, Principal
from switchbay.infra.machine import Clock
from switchbay.kit.errors import AppError, Kind
from switchbay.messaging.commit import Outcome
from switchbay.messaging.domain import (
    AddParticipant,
    AgentCaller,
    Audience,
    Command,
    Conversation,
    Open,
    OpenOrClose,
    Publish,
    Reason,
    RemoveParticipant,
    Step,
)
from switchbay.messaging.errors import refusal
from switchbay.messaging.files.service import Files
from switchbay.messaging.routing.domain import AgentStateChanged
from switchbay.messaging.routing.service import Routing
from switchbay.messaging.service import Messaging
from switchbay.messaging.sockets import frames, profiles
from switchbay.messaging.sockets.changes import Changes, UpdateBody
from switchbay.messaging.sockets.files import FileRequests
from switchbay.messaging.sockets.frames import CLOCK, STRING, Done, Frame
from switchbay.messaging.sockets.hub import AgentSocket, Hub, tell_change
from switchbay.messaging.sockets.names import Names
from switchbay.messaging.sockets.reading import find_by_dialog, list_wanted
from switchbay.messaging.sockets.rendering import agents_of, many
from switchbay.messaging.sockets.subscriptions import MOST_SUBSCRIPTIONS, Subscription, Wanted, awaits_conductor
from switchbay.messaging.wire.events import AGENT_STATUSES, parse_event

_MOST_CONVERSATIONS: Final = 1_000
_A_NOTIFICATION: Final = 50
_EVENTS_A_PAGE: Final = 500
_MOST_EVENTS: Final = 10_000
_MOST_AGENTS: Final = 1_000
T = TypeVar("T")
_Sequence = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Book(Protocol):
    """What this needs of the accounts room."""

    async def get_account(self, account_id: str) -> Account:
        """The account with its settings."""
        ...


@dataclass(frozen=True, slots=True)
class Means:
    """What the requests of all sockets share."""

    messaging: Messaging
    routing: Routing
    accounts: Book
    files: Files
    names: Names
    hub: Hub
    clock: Clock
    new_id: Callable[[], str]


class _State(msgspec.Struct, rename="camel"):
    availability: str
    channels: tuple[str, ...] = ("MESSAGING",)
    description: Annotated[str, msgspec.Meta(max_length=256)] = ""


class _OfAgent(msgspec.Struct, rename="camel"):
    agent_id: str | int | None = None


class _Ring(msgspec.Struct, rename="camel"):
    ring_id: str
    ring_state: str


class _Conversations(msgspec.Struct, rename="camel"):
    conv_state: list[OpenOrClose] | None = None
    stage: list[OpenOrClose] | None = None
    agent_ids: Annotated[list[str | int], msgspec.Meta(max_length=_MOST_AGENTS)] | None = None
    consumer_id: str | None = None
    min_last_updated_time: int = 0


class _Unsubscribe(msgspec.Struct, rename="camel"):
    subscription_id: str


class _OpenBody(msgspec.Struct, rename="camel"):
    consumer_id: str
    channel_type: str | None = None
    skill_id: str | int | None = None
    conversation_context: dict[str, Any] | None = None


class _PublishBody(msgspec.Struct, rename="camel"):
    dialog_id: str
    event: dict[str, Any]
    conversation_id: str = ""
    message_audience: Audience = Audience.ALL


class _QueryBody(msgspec.Struct, rename="camel"):
    dialog_id: str
    conversation_id: str = ""
    newer_than_sequence: _Sequence = 0
    from_seq: _Sequence = 0


_state: Final = msgspec.json.Decoder(_State)
_of_agent: Final = msgspec.json.Decoder(_OfAgent)
_ring: Final = msgspec.json.Decoder(_Ring)
_conversations: Final = msgspec.json.Decoder(_Conversations)
_unsubscribe: Final = msgspec.json.Decoder(_Unsubscribe)
_update: Final = msgspec.json.Decoder(UpdateBody)
_open: Final = msgspec.json.Decoder(_OpenBody)
_publish: Final = msgspec.json.Decoder(_PublishBody)
_query: Final = msgspec.json.Decoder(_QueryBody)
_consumer: Final = msgspec.json.Decoder(str | int)
_encode: Final = msgspec.json.Encoder().encode


class Requests:
    """The requests of one agent on one socket."""

    def __init__(self, means: Means, principal: Principal, socket: AgentSocket, *, may_manage: bool) -> None:
        self._means = means
        self._account_id = principal.account_id
        self._pid = principal.user_pid
        self._caller = AgentCaller(principal.user_pid, may_manage=may_manage)
        self._socket = socket
        files = FileRequests(means.files, principal.account_id, self._caller)
        self._known: Mapping[str, Callable[[Frame], Awaitable[Done]]] = {
            "GetClock": self._get_clock,
            "KeepAlive": self._keep_alive,
            "SetAgentState": self._set_agent_state,
            "SubscribeAgentsState": self._subscribe_agents_state,
            "SubscribeRoutingTasks": self._subscribe_routing_tasks,
            "UpdateRoutingTaskSubscription": self._keep_alive,
            "UpdateRingState": self._update_ring_state,
            "SubscribeExConversations": self._subscribe_conversations,
            "UpdateExConversationSubscription": self._keep_alive,
            "UnsubscribeExConversations": self._unsubscribe,
            "UpdateConversationField": self._update_conversation,
            "AgentRequestConversation": self._open_conversation,
            "PublishEvent": self._publish_event,
            "QueryMessages": self._query_messages,
            "SubscribeMessagingEvents": self._subscribe_events,
            "GetUserProfile": self._get_profile,
            "GenerateURLForUploadFile": files.upload,
            "GenerateURLForDownloadFile": files.download,
            "GenerateDownloadToken": files.token,
        }

    async def do(self, frame: Frame) -> Done:
        """Do what a request asks. Raises why not."""
        handler = self._known.get(frame.name)
        if handler is None:
            raise AppError(Kind.INVALID, "request_type_unknown", "The request's type is not known here.")
        if frame.is_new_style:
            self._socket.is_new_style = True
        return await handler(frame)

    # Small ones

    async def _get_clock(self, _frame: Frame) -> Done:
        return Done(CLOCK, {"currentTime": self._means.clock.now_ms()})

    async def _keep_alive(self, _frame: Frame) -> Done:
        return Done(STRING, "OK")

    # Routing

    async def _set_agent_state(self, frame: Frame) -> Done:
        given = frames.read_body(frame, _state)
        try:
            await self._means.routing.set_agent_state(
                self._account_id, self._pid, given.availability, given.channels, given.description
            )
        except ValueError as error:
            raise AppError(Kind.INVALID, "invalid_body", "There is no such availability.") from error
        return Done(STRING, "Agent state updated successfully")

    async def _subscribe_agents_state(self, frame: Frame) -> Done:
        given = frames.read_body(frame, _of_agent)
        pid: str | None = self._pid
        if given.agent_id is not None:
            pid = await self._means.names.find_pid(self._account_id, str(given.agent_id))
        if pid is None:
            raise refusal(Reason.AGENT_UNKNOWN)
        subscription_id = self._new_subscription()
        self._socket.state_subscriptions[subscription_id] = pid

        async def tell() -> None:
            state = await self._means.routing.agent_state(self._account_id, pid)
            item = AgentStateChanged(self._account_id, pid, state.availability, state.channels, state.description)
            is_new = self._socket.is_new_style
            self._socket.tell(self._means.hub.renderer.agent_state(subscription_id, item, is_new=is_new))

        return Done("GenericSubscribeResponse", {"subscriptionId": subscription_id}, tell)

    async def _subscribe_routing_tasks(self, _frame: Frame) -> Done:
        subscription_id = self._new_subscription()
        self._socket.task_subscriptions[subscription_id] = set()

        async def tell() -> None:
            for task in await self._means.routing.open_tasks(self._account_id, self._pid):
                self._means.hub.tell_task(self._socket, subscription_id, task, "UPSERT")

        return Done("GenericSubscribeResponse", {"subscriptionId": subscription_id}, tell)

    async def _update_ring_state(self, frame: Frame) -> Done:
        given = frames.read_body(frame, _ring)
        if given.ring_state == "ACCEPTED":
            await self._means.routing.answer_ring(self._account_id, self._pid, given.ring_id, "ACCEPTED")
        elif given.ring_state == "REJECTED":
            await self._means.routing.answer_ring(self._account_id, self._pid, given.ring_id, "REJECTED")
        else:
            raise AppError(Kind.INVALID, "invalid_body", "ringState must be ACCEPTED or REJECTED.")
        return Done(STRING, "Ring state updated successfully")

    def _new_subscription(self) -> str:
        socket = self._socket
        count = len(socket.subscriptions) + len(socket.task_subscriptions)
        count += len(socket.state_subscriptions) + len(socket.followed)
        if count >= MOST_SUBSCRIPTIONS:
            raise AppError(
                Kind.TOO_MANY,
                "socket_limit",
                f"A socket has at most {MOST_SUBSCRIPTIONS} subscriptions.",
                {"most": MOST_SUBSCRIPTIONS},
            )
        return self._means.new_id()

    # Conversations

    async def _subscribe_conversations(self, frame: Frame) -> Done:
        given = frames.read_body(frame, _conversations)
        agents: frozenset[str] | None = None
        if given.agent_ids is not None:
            found = [await self._means.names.find_pid(self._account_id, str(one)) for one in given.agent_ids]
            agents = frozenset(pid for pid in found if pid is not None)
        account = await self._means.accounts.get_account(self._account_id)
        wanted = Wanted(
            states=None if given.conv_state is None else frozenset(given.conv_state),
            stages=None if given.stage is None else frozenset(given.stage),
            agents=agents,
            seen_by=None if self._caller.may_manage else self._pid,
            consumer_id=given.consumer_id,
            since=given.min_last_updated_time,
            offers=self._socket.has_states,
            surveys=bool(account.survey_app),
        )
        subscription = Subscription(self._new_subscription(), wanted)
        self._socket.subscriptions[subscription.id] = subscription
        name = "cqm.SubscribeExConversationsResponse" if frame.is_new_style else _OLD_SUBSCRIBED
        return Done(name, {"subscriptionId": subscription.id}, lambda: self._tell_matching(subscription))

    async def _tell_matching(self, subscription: Subscription) -> None:
        means = self._means
        found = await list_wanted(means.messaging, self._account_id, subscription.wanted, _MOST_CONVERSATIONS)
        await means.names.learn(self._account_id, {pid for one in found for pid in agents_of(one)})
        is_new = self._socket.is_new_style
        # What changed while they were read has been kept: of each conversation the later of the two is told.
        arriving, subscription.arriving = subscription.arriving or {}, None
        read = {one.conversation_id: one.revision for one in found}
        newer = {
            conversation_id: change
            for conversation_id, change in arriving.items()
            if change.conversation.revision > read.get(conversation_id, -1)
        }
        found = [one for one in found if one.conversation_id not in newer]
        for start in range(0, len(found), _A_NOTIFICATION):
            some = found[start : start + _A_NOTIFICATION]
            for one in some:
                means.hub.note_dialogs(one)
            subscription.known.update(one.conversation_id for one in some)
            results = [
                means.hub.renderer.conversation(one, None, is_new=is_new, has_states=self._socket.has_states)
                for one in some
            ]
            self._socket.send(many(subscription.id, results, is_new=is_new))
        for change in newer.values():
            tell_change(self._socket, subscription, change)
        self._socket.settled()

    async def _unsubscribe(self, frame: Frame) -> Done:
        subscription_id = frames.read_body(frame, _unsubscribe).subscription_id
        socket = self._socket
        subscriptions: tuple[dict[str, Any], ...] = (
            socket.subscriptions,
            socket.task_subscriptions,
            socket.state_subscriptions,
        )
        if all(some.pop(subscription_id, None) is None for some in subscriptions):
            raise AppError(Kind.NOT_FOUND, "subscription_unknown", "There is no such subscription on this socket.")
        return Done(STRING, "OK Unsubscribed successfully")

    async def _update_conversation(self, frame: Frame) -> Done:
        body = frames.read_body(frame, _update)
        account = await self._means.accounts.get_account(self._account_id)
        changes = Changes(
            self._pid,
            lambda given: self._means.names.find_pid(self._account_id, given),
            account.ttr_seconds,
            self._means.new_id,
            frames.metadata_text(frame),
        )
        steps = await changes.read(body)
        await self._means.messaging.submit(Command(self._account_id, self._caller, body.conversation_id, steps))
        return Done(STRING, _done_by(steps))

    async def _open_conversation(self, frame: Frame) -> Done:
        body = frames.read_body(frame, _open)
        means = self._means
        if body.channel_type not in {None, "MESSAGING"}:
            raise AppError(Kind.INVALID, "invalid_body", "channelType must be MESSAGING.")
        ttr_seconds = await means.messaging.admit_opening(self._account_id)
        if await means.messaging.find_consumer(self._account_id, body.consumer_id) is None:
            raise AppError(Kind.NOT_FOUND, "consumer_unknown", "There is no such consumer.")
        earlier = await list_wanted(means.messaging, self._account_id, Wanted(consumer_id=body.consumer_id), 1)
        context = None if body.conversation_context is None else _encode(body.conversation_context).decode()
        request = Open(
            "-1" if body.skill_id is None else str(body.skill_id),
            "NORMAL",
            ttr_seconds["NORMAL"],
            context=context,
            consumer_id=body.consumer_id,
            installation_id=earlier[0].installation_id if earlier else "",
        )
        conversation_id = means.messaging.new_conversation_id()
        await means.messaging.submit(Command(self._account_id, self._caller, conversation_id, open=request))
        return Done("cm.RequestConversationResponse", {"conversationId": conversation_id})

    # Events

    async def _publish_event(self, frame: Frame) -> Done:
        body = frames.read_body(frame, _publish)
        messaging = self._means.messaging
        event = parse_event(body.event, characters=messaging.limits.message_characters, statuses=AGENT_STATUSES)
        step = Publish(body.dialog_id, event, body.message_audience, metadata=frames.metadata_text(frame))

        async def publish(conversation_id: str) -> Outcome:
            return await messaging.submit(Command(self._account_id, self._caller, conversation_id, (step,)))

        outcome = await self._with_conversation(body.dialog_id, body.conversation_id, publish)
        name = "ms.PublishEventResponse" if frame.is_new_style else ".ams.ms.PublishEvent$Response"
        return Done(name, {"sequence": outcome.sequences[-1]})

    async def _query_messages(self, frame: Frame) -> Done:
        body = frames.read_body(frame, _query)
        found = await self._read_events(body, is_new=False)
        return Done(".ams.ms.QueryMessages$Response", found)

    async def _subscribe_events(self, frame: Frame) -> Done:
        body = frames.read_body(frame, _query)

        async def tell() -> None:
            found = await self._read_events(body, is_new=True)
            if found:
                shown = {"dialogId": body.dialog_id, "changes": found}
                self._socket.send(frames.notification("ms.MessagingEventNotification", _encode(shown)))
                following = found[-1]["sequence"] + 1
                self._socket.followed[body.dialog_id] = following
                self._socket.forget_held(body.dialog_id, following)
            self._socket.settled()

        await self._readable(body)
        if body.dialog_id not in self._socket.followed:
            self._new_subscription()
            self._means.hub.follow(self._socket, body.dialog_id)
        self._socket.is_new_style = True
        return Done("GenericSubscribeResponse", {}, tell)

    async def _read_events(self, body: _QueryBody, *, is_new: bool) -> list[dict[str, Any]]:
        conversation = await self._readable(body)
        messaging = self._means.messaging
        since = max(body.newer_than_sequence, body.from_seq)
        found: list[dict[str, Any]] = []
        while len(found) < _MOST_EVENTS:
            page = await messaging.list_events(
                self._account_id, conversation.conversation_id, body.dialog_id, since=since, most=_EVENTS_A_PAGE
            )
            await self._means.names.learn(
                self._account_id, {one.originator_id for one in page if one.originator_id != conversation.consumer_id}
            )
            found += self._means.hub.renderer.stored(conversation, body.dialog_id, page, is_new=is_new)
            if len(page) < _EVENTS_A_PAGE:
                break
            since = page[-1].sequence + 1
        return found

    async def _readable(self, body: _QueryBody) -> Conversation:
        """The conversation of a dialog, if this agent may read it: managers all, others those they have a part in.

        Others may also read a survey that waits for one of them to conduct it.
        """
        found = await self._with_conversation(
            body.dialog_id,
            body.conversation_id,
            lambda conversation_id: self._means.messaging.get_conversation(self._account_id, conversation_id),
        )
        dialog = found.find_dialog(body.dialog_id)
        if dialog is None:
            raise refusal(Reason.DIALOG_UNKNOWN)
        if not (self._caller.may_manage or self._pid in agents_of(found) or awaits_conductor(dialog)):
            raise refusal(Reason.PARTICIPANT_MISSING)
        return found

    async def _with_conversation(self, dialog_id: str, conversation_id: str, use: Callable[[str], Awaitable[T]]) -> T:
        """Use the conversation of a dialog: the named one, the one with the dialog's id, or the one that has it."""
        seen = self._means.hub.find_conversation_id(self._account_id, dialog_id)
        try:
            return await use(conversation_id or seen or dialog_id)
        except AppError as error:
            if error.code != Reason.CONVERSATION_UNKNOWN or conversation_id or seen:
                raise
        found = await find_by_dialog(self._means.messaging, self._account_id, dialog_id)
        if found is None:
            raise refusal(Reason.CONVERSATION_UNKNOWN)
        self._means.hub.note_dialogs(found)
        return await use(found.conversation_id)

    # Consumers

    async def _get_profile(self, frame: Frame) -> Done:
        raw = frames.read_body(frame, _consumer)
        consumer = await self._means.messaging.find_consumer(self._account_id, str(raw))
        profile = {} if consumer is None else consumer.profile
        if frame.is_new_style:
            return Done("up.GetUserProfile$Response", profiles.attributes(profile))
        return Done(".ams.userprofile.GetUserProfile$Response", profiles.old_profile(profile))


_OLD_SUBSCRIBED: Final = ".ams.aam.SubscribeExConversations$Response"


def _done_by(steps: tuple[Step, ...]) -> str:
    """What the answer to a change says; the first two are the texts that are documented."""
    if any(isinstance(step, AddParticipant) for step in steps):
        return "OK Agent added successfully"
    if any(isinstance(step, RemoveParticipant) for step in steps):
        return "OK Agent removed successfully"
    return "OK Conversation updated successfully"
