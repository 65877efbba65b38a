"""What happens to conversations on all nodes, told on this one: each conversation in order, nothing missed or twice.

On PostgreSQL every batch leaves a page for the other nodes in its own transaction and wakes them after the commit; the
wake-up may be lost, which costs a second. Whoever is told of a conversation is brought from the place at which they are
to the place at which the tables are: what this node commits is told at once if it follows on that place, and where it
would overtake another node, the tables are read first. SQLite has one process, and what it commits is told as it comes.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, TypeAlias

import structlog

from switchbay.infra.db import Database, DatabaseUnavailable, Tx
from switchbay.infra.machine import Clock
from switchbay.messaging import store
from switchbay.messaging.commit import Announce, Happening
from switchbay.messaging.domain import Changed, Conversation, Emitted, Published
from switchbay.messaging.feed.heads import Head
from switchbay.messaging.feed.notices import (
    Notice,
    Page,
    Place,
    SessionsOver,
    decode_page,
    encode_page,
    notices_of,
    passing_of,
    place_of,
)
from switchbay.messaging.feed.reading import Reading, read_from
from switchbay.messaging.routing.domain import RoutingItem

CHANNEL: Final = "switchbay_messaging_feed"
KEEP_MS: Final = 120_000
_POLL_SECONDS: Final = 1.0
_PURGE_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 0.5
_MOST_PLACES: Final = 50_000
_MOST_PENDING: Final = 20_000
_READ_TOGETHER: Final = 64
_log = structlog.get_logger("messaging.feed")

Key: TypeAlias = tuple[str, str]
Wants: TypeAlias = Callable[[str], bool]
Items: TypeAlias = Callable[[Sequence[RoutingItem]], None]
Over: TypeAlias = Callable[[SessionsOver], None]


class Feed:
    """What happens on all nodes. ``node_id`` is this process's, and never another's."""

    def __init__(self, db: Database, clock: Clock, node_id: str) -> None:
        self._db = db
        self._clock = clock
        self._node_id = node_id
        self._has_others = db.engine != "sqlite"
        self._number = 0
        self._followers: list[tuple[Announce, Wants]] = []
        self._item_listeners: list[Items] = []
        self._over_listeners: list[Over] = []
        self._lost: list[Callable[[], None]] = []
        self._heads: dict[str, Head] = {}
        self._places: OrderedDict[Key, Place] = OrderedDict()
        self._pending: deque[Happening] = deque()
        self._notices: deque[Notice] = deque()
        self._changed = asyncio.Event()
        self._is_woken = False
        self._has_begun = False
        self._looked_at = float("-inf")
        self._read_at = clock.monotonic()
        self._purged_at = clock.monotonic()
        self._work: asyncio.Task[None] | None = None
        self._end_listening: Callable[[], None] | None = None

    def follow(self, listener: Announce, wants: Wants, lost: Callable[[], None] | None = None) -> None:
        """Have ``listener`` told, on the event loop, what happens in the accounts that it ``wants`` at that time.

        ``lost`` is called when this node was cut off for so long that something may be missing for ever.
        """
        self._followers.append((listener, wants))
        if lost is not None:
            self._lost.append(lost)

    def on_items(self, listener: Items) -> None:
        """Have ``listener`` told what routing makes known on any node."""
        self._item_listeners.append(listener)

    def on_sessions_over(self, listener: Over) -> None:
        """Have ``listener`` told which sessions end on any node."""
        self._over_listeners.append(listener)

    async def start(self) -> None:
        """Begin to read what other nodes leave, from now on."""
        if not self._has_others or self._work is not None:
            return
        await self.begin()
        self._end_listening = self._db.listen(CHANNEL, self._wake)
        self._work = asyncio.create_task(self._run(), name="messaging-feed")

    async def begin(self) -> None:
        """Take what other nodes have left by now as known."""
        await self._look_for_pages()
        self._notices.clear()
        self._has_begun = True

    async def stop(self) -> None:
        """End it."""
        if self._end_listening is not None:
            self._end_listening()
        if self._work is not None:
            self._work.cancel()
            with suppress(asyncio.CancelledError):
                await self._work
            self._work = None

    # What this node does

    async def record(self, tx: Tx, happenings: Sequence[Happening]) -> None:
        """Leave a page for the other nodes, in the transaction of what it tells of."""
        if self._has_others:
            by_account: dict[str, list[Notice]] = {}
            for notice in notices_of(happenings):
                by_account.setdefault(notice.account_id, []).append(notice)
            await self._leave(tx, {one: Page(notices=tuple(notices)) for one, notices in by_account.items()})

    async def publish(self, tx: Tx, items: Sequence[RoutingItem]) -> None:
        """Have the listeners of all nodes told what routing makes known, once it is durable."""
        tx.on_commit(partial(self._tell_items, items))
        if self._has_others and items:
            by_account: dict[str, list[RoutingItem]] = {}
            for item in items:
                by_account.setdefault(item.account_id, []).append(item)
            await self._leave(tx, {one: Page(items=tuple(some)) for one, some in by_account.items()})

    async def end_sessions(self, tx: Tx, account_id: str, session_ids: Sequence[str]) -> None:
        """Have the listeners of all nodes told that sessions are over, once it is durable."""
        over = SessionsOver(account_id, tuple(session_ids))
        tx.on_commit(partial(self._tell_over, over))
        if self._has_others:
            await self._leave(tx, {account_id: Page(over=over)})

    async def _leave(self, tx: Tx, pages: dict[str, Page]) -> None:
        now = self._clock.now_ms()
        rows = []
        for account_id, page in sorted(pages.items()):
            self._number += 1
            rows.append(store.page_row(account_id, self._node_id, self._number, now, encode_page(page)))
        await store.insert_pages(tx, rows)
        tx.on_commit(partial(self._db.notify, CHANNEL))

    def heard(self, happenings: Sequence[Happening]) -> None:
        """Take what this node has committed, in order. It does not wait."""
        if not self._has_others:
            self._tell(happenings)
            return
        for happening in happenings:
            key = _key(happening.after)
            if not self._is_wanted(key[0]):
                self._places.pop(key, None)
            elif self._pending or not self._tell_if_next(key, happening):
                if len(self._pending) >= _MOST_PENDING:
                    self._lose()
                self._pending.append(happening)
                self._changed.set()

    def _tell_if_next(self, key: Key, happening: Happening) -> bool:
        """Tell what follows on what has been told; False when something must be read before."""
        place, after = self._places.get(key), place_of(happening.after)
        if place is None and happening.before is not None:
            return False
        if place is not None and place.covers(after) and after != place_of(happening.before):
            passing = passing_of(happening)
            if passing:
                self._tell([_only(happening, passing)])
            return True
        if place is not None and place != place_of(happening.before):
            if not place.covers(after):
                return False
            after = place  # a chat state, from before something that has been told already
        self._put(key, after)
        self._tell([happening])
        return True

    # What other nodes do

    def _wake(self) -> None:
        self._is_woken = True
        self._changed.set()

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._changed.wait()
            self._changed.clear()
            try:
                await self.step()
            except DatabaseUnavailable as error:
                _log.warning("what other nodes do is not told until the database answers", reason=str(error))
                self._changed.set()
                await asyncio.sleep(_RETRY_SECONDS)
            except Exception:  # noqa: BLE001 - the loop must go on
                _log.exception("the feed failed")
                self._lose()
                await asyncio.sleep(_RETRY_SECONDS)

    async def step(self) -> None:
        """Take what is there: other nodes' pages where they may be new, then what waits for them."""
        now = self._clock.monotonic()
        if self._is_woken or now - self._read_at >= _POLL_SECONDS:
            self._is_woken = False
            await self._look_for_pages()
        await self._take_notices()
        while self._pending:
            await self._take(self._pending[0])
            self._pending.popleft()
        if now - self._purged_at >= _PURGE_SECONDS:
            self._purged_at = now
            before = self._clock.now_ms() - KEEP_MS
            await self._db.write(lambda tx: store.purge_pages(tx, before))

    async def _take(self, happening: Happening) -> None:
        key = _key(happening.after)
        if self._tell_if_next(key, happening):
            return
        # Whatever another node did to this conversation before, it has committed: its page can be read by now.
        if key not in self._places:
            self._looked_at = float("-inf")  # by nodes too that have just begun
            await self._look_for_pages()
            await self._take_notices()
            if key not in self._places:
                self._put(key, place_of(happening.before))
        if not self._tell_if_next(key, happening):
            await self._catch_up([Notice(*key, self._places[key], place_of(happening.after), passing_of(happening))])

    async def _look_for_pages(self) -> None:
        """Read the pages that have not been read, and put their notices in line."""
        now = self._clock.monotonic()
        if self._has_begun and now - self._read_at > KEEP_MS / 2_000:
            self._lose()
        if now - self._looked_at >= _POLL_SECONDS:
            for node_id, highest in (await self._db.read(store.list_page_nodes)).items():
                if node_id != self._node_id and node_id not in self._heads:
                    self._heads[node_id] = Head(0 if self._has_begun else highest)
            self._looked_at = now
        places = {node_id: head.low for node_id, head in self._heads.items()}
        if places:
            pages = await self._db.read(lambda tx: store.list_pages(tx, places))
            for node_id, head in self._heads.items():
                found = pages.get(node_id, {})
                for number in head.take(found, now):
                    self._take_page(decode_page(found[number]))
                if len(found) >= store.PAGES_AT_ONCE:
                    self._wake()
        self._read_at = now

    def _take_page(self, page: Page) -> None:
        for notice in page.notices:
            if self._is_wanted(notice.account_id):
                self._notices.append(notice)
            else:
                self._places.pop((notice.account_id, notice.conversation_id), None)
        if page.items:
            self._tell_items(page.items)
        if page.over is not None:
            self._tell_over(page.over)

    async def _take_notices(self) -> None:
        while self._notices:
            some = list(self._notices)[:_READ_TOGETHER]
            await self._catch_up(some)
            for _ in some:
                self._notices.popleft()

    async def _catch_up(self, notices: Sequence[Notice]) -> None:
        """Tell what the tables have of these conversations and has not been told, and what is not in the tables."""
        wanted: dict[Key, Place] = {}
        passing: dict[Key, tuple[Published, ...]] = {}
        for notice in notices:
            key = (notice.account_id, notice.conversation_id)
            place = self._places.get(key)
            if place is None or notice.passing or not place.covers(notice.after):
                wanted.setdefault(key, place or notice.before)
                passing[key] = passing.get(key, ()) + notice.passing
        if not wanted:
            return
        found = await self._db.read(partial(read_from, places=wanted))
        for key, reading in found.items():
            # Something of it may have been told while it was read.
            place = self._places.get(key) or wanted[key]
            happening = _happening(reading, place, passing[key])
            if not place.covers(place_of(reading.conversation)):
                self._put(key, place_of(reading.conversation))
            elif key not in self._places:
                self._put(key, place)
            if happening.emitted:
                self._tell([happening])

    # Telling

    def _is_wanted(self, account_id: str) -> bool:
        return any(wants(account_id) for _, wants in self._followers)

    def _tell(self, happenings: Sequence[Happening]) -> None:
        for listener, wants in self._followers:
            some = [one for one in happenings if wants(one.after.account_id)]
            if some:
                listener(some)

    def _tell_items(self, items: Sequence[RoutingItem]) -> None:
        for listener in self._item_listeners:
            listener(items)

    def _tell_over(self, over: SessionsOver) -> None:
        for listener in self._over_listeners:
            listener(over)

    def _lose(self) -> None:
        """Whoever follows must begin anew."""
        _log.error("this node was cut off for too long; its sockets are closed, and their clients come again")
        self._places.clear()
        self._pending.clear()
        self._notices.clear()
        for lost in self._lost:
            lost()

    def _put(self, key: Key, place: Place) -> None:
        self._places[key] = place
        self._places.move_to_end(key)
        if len(self._places) > _MOST_PLACES:
            self._places.popitem(last=False)


def _key(conversation: Conversation) -> Key:
    return conversation.account_id, conversation.conversation_id


def _only(happening: Happening, emitted: tuple[Published, ...]) -> Happening:
    return Happening(happening.before, happening.after, emitted, ())


def _happening(reading: Reading, place: Place, passing: tuple[Published, ...]) -> Happening:
    """What has happened since ``place``. A conversation that has ended says so last: nothing follows on its end."""
    conversation = reading.conversation
    events: list[Emitted] = [
        one
        for one in reading.events
        if one.sequence is not None and one.sequence >= place.sequences.get(one.dialog_id, 0)
    ]
    changes: list[Emitted] = [Changed(conversation)] if conversation.revision > place.revision else []
    told = [*events, *changes] if conversation.state == "CLOSE" else [*changes, *events]
    return Happening(None, conversation, (*told, *passing), ())
