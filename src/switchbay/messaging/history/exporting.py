"""Export: every conversation of a time as a line of JSON, from the first to the last.

It is written as it is read, a few hundred rows at a time, so that it takes the same little memory whatever there is.
Each line has a cursor; whoever lost the connection goes on after the last whole line. A conversation is exported as it
was when its line began; what is said meanwhile is not in it.
"""

from collections.abc import AsyncIterator
from typing import Final

from switchbay.infra.db import Database, Tx
from switchbay.messaging.domain import Conversation
from switchbay.messaging.history.domain.transcript import PastEvent, Transcript
from switchbay.messaging.history.service import People
from switchbay.messaging.history.store.listing import list_from
from switchbay.messaging.history.store.transcripts import events_after, load_transcripts
from switchbay.messaging.history.wire import export
from switchbay.messaging.history.wire.records import agents_named

_CONVERSATIONS_A_PAGE: Final = 20
_EVENTS_A_PAGE: Final = 500


class Exporting:
    """Writes what is kept."""

    def __init__(self, db: Database, people: People, events: int = _EVENTS_A_PAGE) -> None:
        self._db = db
        self._people = people
        self._events = events

    async def lines(
        self, account_id: str, *, since: int, until: int, after: tuple[int, str] | None
    ) -> AsyncIterator[bytes]:
        """Pieces of lines for conversations that began from ``since`` on and before ``until``, epoch milliseconds.

        ``after`` is the start and the id of the conversation that was the last one before.
        """
        place = after or (since, "")
        while True:
            page = await self._page(account_id, max(place, (since, "")), until)
            for transcript in page:
                async for piece in self._line(account_id, transcript):
                    yield piece
            if len(page) < _CONVERSATIONS_A_PAGE:
                return
            last = page[-1].conversation
            place = (last.started_at, last.conversation_id)

    async def _page(self, account_id: str, after: tuple[int, str], until: int) -> list[Transcript]:
        async def read(tx: Tx) -> list[Transcript]:
            found = await list_from(tx, account_id, after, until, _CONVERSATIONS_A_PAGE)
            return await load_transcripts(tx, account_id, found, most_events=0)

        return await self._db.read(read)

    async def _line(self, account_id: str, transcript: Transcript) -> AsyncIterator[bytes]:
        one = transcript.conversation
        users = await self._people.find_users_by_pid(account_id, agents_named([transcript]))
        yield export.line_head(transcript, users)
        ends = {dialog.dialog_id: dialog.next_sequence for dialog in one.dialogs}
        after, is_first = ("", -1), True
        while True:
            events = await self._read(one, after)
            shown = [event for event in events if event.stored.sequence < ends.get(event.dialog_id, 0)]
            if shown:
                yield export.line_events(one.conversation_id, shown, is_first=is_first)
                is_first = False
            if len(events) < self._events:
                break
            after = (events[-1].dialog_id, events[-1].stored.sequence)
        yield export.LINE_END

    async def _read(self, one: Conversation, after: tuple[str, int]) -> list[PastEvent]:
        return await self._db.read(
            lambda tx: events_after(tx, one.account_id, one.conversation_id, after, self._events)
        )
