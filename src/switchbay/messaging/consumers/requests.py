"""What each request on a consumer's socket does: checked, submitted as a command, answered.

A request that came through here did what it says, durably, before its answer goes out. What it makes known, and what a
subscription finds, follows the answer.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from msgspec.structs import replace

from switchbay.infra.machine import Clock
from switchbay.kit.errors import AppError, Kind
from switchbay.messaging.consumers import wire
from switchbay.messaging.consumers.following import (
    MOST_DIALOGS,
    MOST_SUBSCRIPTIONS,
    Cursor,
    Subscription,
    is_followed_by,
)
from switchbay.messaging.domain import Audience, Command, ConsumerCaller, Conversation, IdempotencyKey, Reason
from switchbay.messaging.errors import parameter_missing, refusal
from switchbay.messaging.files.service import Files
from switchbay.messaging.service import Messaging
from switchbay.messaging.wire import answers, keys, requests

_PAGE: Final = 100
_MOST_CONVERSATIONS: Final = 50


class Outlet(Protocol):
    """Where notifications go."""

    def send(self, message: bytes) -> None:
        """Send one, after the answer that went before."""
        ...


@dataclass(frozen=True, slots=True)
class Done:
    """The answer to a request, and what follows it."""

    type: str
    body: object
    then: Callable[[], Awaitable[None]] | None = None


class Requests:
    """The requests of one consumer on one socket, and what that socket follows."""

    def __init__(
        self,
        messaging: Messaging,
        files: Files,
        clock: Clock,
        new_id: Callable[[], str],
        account_id: str,
        consumer_id: str,
        out: Outlet,
    ) -> None:
        self._messaging = messaging
        self._files = files
        self._clock = clock
        self._new_id = new_id
        self._account_id = account_id
        self._consumer_id = consumer_id
        self._caller = ConsumerCaller(None, consumer_id)
        self._out = out
        self.client_properties: str | None = None
        self.subscriptions: dict[str, Subscription] = {}
        self.cursors: dict[str, Cursor] = {}
        self._known: Mapping[str, Callable[[wire.Frame], Awaitable[Done]]] = {
            "GetClock": self._get_clock,
            "KeepAlive": self._keep_alive,
            "PublishEvent": self._publish,
            "ConsumerRequestConversation": self._open,
            "UpdateConversationField": self._update,
            "SetUserProfile": self._set_profile,
            "SubscribeExConversations": self._subscribe,
            "UnsubscribeExConversations": self._unsubscribe,
            "SubscribeMessagingEvents": self._follow,
            "GenerateURLForUploadFile": self._announce_file,
            "GenerateURLForDownloadFile": self._find_file,
        }

    async def do(self, frame: wire.Frame) -> Done:
        """Do what a request asks. Raises why not."""
        handler = self._known.get(frame.name)
        if handler is None:
            raise AppError(Kind.INVALID, "request_type_unknown", "The request's type is not known here.")
        return await handler(frame)

    # Small ones

    async def _get_clock(self, _frame: wire.Frame) -> Done:
        return Done(wire.CLOCK, {"currentTime": self._clock.now_ms()})

    async def _keep_alive(self, _frame: wire.Frame) -> Done:
        return Done(wire.STRING, "OK")

    # Files

    async def _announce_file(self, frame: wire.Frame) -> Done:
        body = wire.read_body(frame, wire.anything)
        size, kind = requests.announced_file(body)
        address = await self._files.generate_upload_url(self._account_id, self._caller, None, size, kind)
        return Done(wire.URL, answers.Address(address.relative_path, address.query))

    async def _find_file(self, frame: wire.Frame) -> Done:
        body = wire.read_body(frame, wire.anything)
        path = requests.wanted_file(body)
        address = await self._files.generate_download_url(self._account_id, self._caller, path)
        return Done(wire.URL, answers.Address(address.relative_path, address.query))

    # Changes

    async def _publish(self, frame: wire.Frame) -> Done:
        body = wire.read_body(frame, requests.publishing)
        request = requests.PublishRequest(id=frame.id, metadata=frame.metadata, body=body)
        conversation_id, step = requests.to_publish(
            request,
            characters=self._messaging.limits.message_characters,
            client_properties=self.client_properties,
        )
        if not conversation_id:
            raise parameter_missing("body.dialogId")
        outcome = await self._submit(frame, Command(self._account_id, self._caller, conversation_id, (step,)))
        return Done(wire.PUBLISHED, answers.Sequence(outcome[1][-1]))

    async def _open(self, frame: wire.Frame) -> Done:
        given = wire.read_body(frame, wire.opening)
        body = requests.OpenBody(
            brand_id=given.brand_id or self._account_id,
            channel_type=given.channel_type,
            ttr_def_name=given.ttr_def_name,
            skill_id=given.skill_id,
            campaign_info=given.campaign_info,
            conversation_context=given.conversation_context,
        )
        ttr_seconds = await self._messaging.admit_opening(self._account_id)
        command = Command(
            self._account_id,
            self._caller,
            self._messaging.new_conversation_id(),
            open=requests.to_open(body, self._account_id, ttr_seconds, self.client_properties),
        )
        outcome = await self._submit(frame, command)
        return Done(wire.OPENED, answers.Opened(outcome[0]))

    async def _update(self, frame: wire.Frame) -> Done:
        body = wire.read_body(frame, requests.updating)
        steps = requests.to_steps(body)
        await self._submit(frame, Command(self._account_id, self._caller, body.conversation_id, steps))
        return Done(wire.STRING, answers.FIELD_UPDATED)

    async def _set_profile(self, frame: wire.Frame) -> Done:
        profile = wire.read_body(frame, wire.anything)
        await self._submit(frame, Command(self._account_id, self._caller, "", profile=profile))
        return Done(wire.STRING, answers.PROFILE_SET)

    async def _submit(self, frame: wire.Frame, command: Command) -> tuple[str, tuple[int, ...]]:
        header = frame.find_header("IdempotencyKey")
        key = keys.parse_key(
            None if header is None else header.key or "",
            scope=("consumer", self._account_id, self._consumer_id),
            route=frame.name,
            body=bytes(frame.body),
        )
        outcome = await self._messaging.submit(command if key is None else _with_key(command, key))
        return outcome.conversation_id, outcome.sequences

    # Conversations

    async def _subscribe(self, frame: wire.Frame) -> Done:
        body = wire.read_body(frame, wire.subscribing)
        if len(self.subscriptions) >= MOST_SUBSCRIPTIONS:
            raise _too_many("subscriptions", MOST_SUBSCRIPTIONS)
        subscription = Subscription(
            None if body.conv_state is None else frozenset(body.conv_state),
            None if body.stage is None else frozenset(body.stage),
            body.min_last_updated_time,
        )
        subscription_id = self._new_id()
        self.subscriptions[subscription_id] = subscription

        async def tell() -> None:
            found = await self._messaging.list_conversations_of(
                self._account_id, self._consumer_id, most=_MOST_CONVERSATIONS
            )
            wanted = [one for one in found if subscription.wants(one)]
            subscription.known.update(one.conversation_id for one in wanted)
            if wanted:
                self._out.send(wire.conversations_notification(subscription_id, wanted))

        return Done(wire.SUBSCRIBED, {"subscriptionId": subscription_id}, tell)

    async def _unsubscribe(self, frame: wire.Frame) -> Done:
        body = wire.read_body(frame, wire.unsubscribing)
        if self.subscriptions.pop(body.subscription_id, None) is None:
            raise AppError(Kind.NOT_FOUND, "subscription_unknown", "There is no such subscription on this socket.")
        return Done(wire.STRING, "OK")

    # Dialogs

    async def _follow(self, frame: wire.Frame) -> Done:
        body = wire.read_body(frame, wire.following)
        if body.dialog_id not in self.cursors and len(self.cursors) >= MOST_DIALOGS:
            raise _too_many("followed dialogs", MOST_DIALOGS)
        conversation = await self._find(body)
        cursor = Cursor(conversation.conversation_id, max(0, body.from_seq))
        self.cursors[body.dialog_id] = cursor
        return Done(wire.FOLLOWED, {}, lambda: self.read_on(body.dialog_id, cursor))

    async def _find(self, body: wire.FollowBody) -> Conversation:
        """The consumer's conversation with this dialog. A survey's is looked for when only the dialog is named."""
        conversation_id = body.conversation_id or body.dialog_id
        try:
            found = [await self._messaging.get_conversation(self._account_id, conversation_id)]
        except AppError:
            if body.conversation_id:
                raise
            found = await self._messaging.list_conversations_of(
                self._account_id, self._consumer_id, most=_MOST_CONVERSATIONS
            )
        for one in found:
            if is_followed_by(one, body.dialog_id, self._consumer_id):
                return one
        raise refusal(Reason.DIALOG_UNKNOWN)

    async def read_on(self, dialog_id: str, cursor: Cursor) -> None:
        """Tell what was published and not told yet, from the database."""
        cursor.is_reading = True
        while self.cursors.get(dialog_id) is cursor:
            page = await self._messaging.list_events(
                self._account_id, cursor.conversation_id, dialog_id, since=cursor.next, most=_PAGE
            )
            shown = [one for one in page if one.audience == Audience.ALL]
            if shown:
                message = wire.stored_notification(cursor.conversation_id, dialog_id, shown, self._consumer_id)
                self._out.send(message)
            if page:
                cursor.next = page[-1].sequence + 1
            if len(page) < _PAGE and cursor.heard < cursor.next:
                break
        cursor.is_reading = False


def _with_key(command: Command, key: IdempotencyKey) -> Command:
    return replace(command, key=key)


def _too_many(what: str, most: int) -> AppError:
    return AppError(Kind.TOO_MANY, "socket_limit", f"A socket has at most {most} {what}.", {"most": most})
