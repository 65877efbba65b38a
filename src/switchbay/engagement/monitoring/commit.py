"""One batch of requests as one unit of work: read the visits, decide in order, store, count.

Requests of a batch that belong to the same session see each other's effects. A refused one leaves no trace and does
not disturb its neighbours.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol, TypeAlias

from switchbay.engagement.domain.happenings import Happening
from switchbay.engagement.domain.visit import Exposure, Visit
from switchbay.engagement.monitoring import store
from switchbay.engagement.monitoring.domain.asked import Asked, Decision, Surroundings, Visitor
from switchbay.engagement.monitoring.domain.deciding import decide
from switchbay.engagement.monitoring.domain.describing import identities_in
from switchbay.engagement.monitoring.domain.goals import exposures_of
from switchbay.engagement.monitoring.domain.sessions import is_live
from switchbay.engagement.monitoring.errors import Refusal, too_many_sessions
from switchbay.engagement.monitoring.neighbours import OpenConversation, OpenConversations, Recording, Subject
from switchbay.engagement.monitoring.wire.bodies import EngagementBody
from switchbay.infra.db import Tx
from switchbay.kit.record import Record

_EXPOSING: Final = frozenset({"displayed", "accepted", "conversation"})


Outcome: TypeAlias = Decision | Refusal


class SessionLimit(Protocol):
    """How many sessions may begin from one address."""

    def take(self, address: str) -> int:
        """Count one more and return 0, or the seconds after which it may be tried again."""
        ...


class Means(Record, frozen=True):
    """What a batch is done with."""

    around: Surroundings
    limit: SessionLimit
    open_conversations: OpenConversations
    record: Recording
    kept_ms: int


async def run_batch(tx: Tx, items: Sequence[Asked], now: int, means: Means) -> list[Outcome]:
    """Do all of them, each completely or not at all; ``now`` in milliseconds."""
    found = await store.lock_visits(tx, {(one.account_id, one.session_id) for one in items if one.session_id})
    visitors = await store.find_visitors(
        tx,
        {(one.account_id, one.visitor_id) for one in items if one.visitor_id and _live(found, one, now) is None},
    )
    subjects = {subject for one in items for subject in _subjects(found, one, now)}
    conversations = await means.open_conversations(tx, subjects) if subjects else {}
    ledger = _Ledger(found, visitors, conversations, now, means)
    outcomes = [ledger.take(one) for one in items]
    await ledger.store(tx)
    return outcomes


def _live(found: Mapping[store.Key, Visit], one: Asked, now: int) -> Visit | None:
    visit = found.get((one.account_id, one.session_id))
    if visit is None or visit.visitor_id != one.visitor_id or not is_live(visit, now):
        return None
    return visit


def _subjects(found: Mapping[store.Key, Visit], asked: Asked, now: int) -> set[Subject]:
    """Whose conversations an answer depends on."""
    if not isinstance(asked.body, EngagementBody):
        return set()
    live = _live(found, asked, now)
    known = () if live is None else live.identities
    return {(asked.account_id, one.sub) for one in (*known, *identities_in(asked.body))}


class _Ledger:
    """The state of everything a batch touches, as the items taken so far have left it."""

    def __init__(
        self,
        visits: dict[store.Key, Visit],
        visitors: Mapping[store.Key, Visitor],
        conversations: Mapping[Subject, OpenConversation],
        now: int,
        means: Means,
    ) -> None:
        self._visits = visits
        self._visitors = visitors
        self._conversations: dict[str, dict[str, OpenConversation]] = {}
        for (account_id, sub), conversation in conversations.items():
            self._conversations.setdefault(account_id, {})[sub] = conversation
        self._now = now
        self._means = means
        self._new: set[store.Key] = set()
        self._touched: set[store.Key] = set()
        self._new_visitors: dict[store.Key, store.Seen] = {}
        self._seen_visitors: dict[store.Key, store.Seen] = {}
        self._subjects: set[tuple[Subject, str]] = set()
        self._happenings: dict[str, list[Happening]] = {}

    def take(self, asked: Asked) -> Outcome:
        """Do one, or say why not."""
        try:
            return self._ask(asked)
        except Refusal as refusal:
            return refusal

    def _ask(self, asked: Asked) -> Decision:
        live = _live(self._visits, asked, self._now)
        if live is None:
            wait = self._means.limit.take(asked.address)
            if wait:
                raise too_many_sessions(wait)
        visitor = self._visitors.get((asked.account_id, asked.visitor_id))
        conversations = self._conversations.get(asked.account_id, {})
        decision = decide(asked, live, visitor, conversations, self._means.around, self._now)
        self._keep(asked.account_id, live, decision.visit, decision.happenings)
        if live is None:
            exposures = decision.visit.earlier
            key = (asked.account_id, decision.visit.visitor_id)
            (self._new_visitors if visitor is None else self._seen_visitors)[key] = (self._now, exposures)
        return decision

    def _keep(self, account_id: str, before: Visit | None, visit: Visit, happenings: Sequence[Happening]) -> None:
        key = (account_id, visit.session_id)
        self._visits[key] = visit
        (self._new if before is None else self._touched).add(key)
        if visit.identities and (before is None or before.identities != visit.identities):
            known = set() if before is None else {one.sub for one in before.identities}
            new = {one.sub for one in visit.identities} - known
            self._subjects.update(((account_id, sub), visit.session_id) for sub in new)
        if happenings:
            self._happenings.setdefault(account_id, []).extend(happenings)
            if any(one.kind in _EXPOSING for one in happenings):
                seen: tuple[Exposure, ...] = exposures_of(visit, self._now)
                self._seen_visitors[account_id, visit.visitor_id] = (self._now, seen)

    async def store(self, tx: Tx) -> None:
        """Store everything that was done, in a few statements."""
        kept_ms = self._means.kept_ms
        if self._new:
            await store.insert_visits(tx, [(key[0], self._visits[key]) for key in sorted(self._new)], kept_ms)
        touched = sorted(self._touched - self._new)
        if touched:
            await store.update_visits(tx, [(key[0], self._visits[key]) for key in touched], kept_ms)
        if self._new_visitors:
            await store.insert_visitors(tx, self._new_visitors)
        if self._seen_visitors:
            await store.update_visitors(tx, self._seen_visitors)
        if self._subjects:
            await store.add_subjects(tx, sorted(self._subjects))
        for account_id, happenings in self._happenings.items():
            await self._means.record(tx, account_id, happenings)
