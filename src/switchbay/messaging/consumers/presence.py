"""Whether consumers are there: agents are told ACTIVE when one comes, BACKGROUND when their last socket is gone.

Who goes from page to page is away for a moment each time; so absence is told after a while only. What cannot be told
is let go: it is a courtesy, like every chat state.
"""

import asyncio
from typing import Final

import structlog

from switchbay.kit.errors import AppError
from switchbay.messaging.consumers.feed import ConsumerFeed, Who
from switchbay.messaging.domain import Command, ConsumerCaller, Event, EventKind, Publish
from switchbay.messaging.service import Messaging

GRACE_SECONDS: Final = 5.0
_MOST_CONVERSATIONS: Final = 20
_log = structlog.get_logger("messaging.consumers")


class Presence:
    """Tells the agents in a consumer's conversations."""

    def __init__(self, messaging: Messaging, feed: ConsumerFeed, grace_seconds: float = GRACE_SECONDS) -> None:
        self._messaging = messaging
        self._feed = feed
        self._grace = grace_seconds
        self._present: set[Who] = set()
        self._leaving: dict[Who, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def came(self, who: Who) -> None:
        """A socket of the consumer has joined the feed."""
        leaving = self._leaving.pop(who, None)
        if leaving is not None:
            leaving.cancel()
        if who not in self._present:
            self._present.add(who)
            self._say(who, "ACTIVE")

    def left(self, who: Who) -> None:
        """A socket of the consumer has left the feed."""
        if who in self._present and who not in self._leaving and not self._feed.is_here(who):
            loop = asyncio.get_running_loop()
            self._leaving[who] = loop.call_later(self._grace, self._gone, who)

    def _gone(self, who: Who) -> None:
        self._leaving.pop(who, None)
        if not self._feed.is_here(who):
            self._present.discard(who)
            self._say(who, "BACKGROUND")

    async def stop(self) -> None:
        """Tell nothing more."""
        for timer in self._leaving.values():
            timer.cancel()
        self._leaving.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _say(self, who: Who, state: str) -> None:
        task = asyncio.create_task(self._publish(who, state), name="consumer-presence")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _publish(self, who: Who, state: str) -> None:
        account_id, consumer_id = who
        event = Event(EventKind.CHAT_STATE, f'{{"type":"ChatStateEvent","chatState":"{state}"}}')
        try:
            found = await self._messaging.list_conversations_of(account_id, consumer_id, most=_MOST_CONVERSATIONS)
            caller = ConsumerCaller(None, consumer_id)
            for one in found:
                if one.state == "OPEN" and one.main.state == "OPEN":
                    step = Publish(one.conversation_id, event)
                    await self._messaging.submit(Command(account_id, caller, one.conversation_id, (step,)))
        except AppError as error:
            _log.info("presence not told", account=account_id, reason=error.code)
