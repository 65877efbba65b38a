"""Watching endpoints: what this node's attempts tell is gathered in memory and written down every few seconds, with
what follows from it: endpoints become failing, slow or healthy again, and those who want to know are told so, in the
same transaction.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock
from switchbay.kit.errors import AppError
from switchbay.webhooks import metrics
from switchbay.webhooks.domain import SUCCESS
from switchbay.webhooks.health import (
    MINUTE_MS,
    SLOW_MINUTES,
    SLOW_MS,
    Condition,
    Counter,
    EndpointState,
    News,
    condition_in_words,
    digest,
    is_slow,
    is_worth_storing,
    judged,
    reason_in_words,
)
from switchbay.webhooks.operational import Change, Notice, is_operational
from switchbay.webhooks.owners import owner_changed
from switchbay.webhooks.store import health as store
from switchbay.webhooks.store.deliveries import AttemptRow
from switchbay.webhooks.store.health import EndpointKey, MinuteRow
from switchbay.webhooks.workers.lane import DoorKey
from switchbay.webhooks.workers.sender import AccountSettings

KEPT_MINUTES = 24 * 60 + 10
SLOW = "slow"
_FORGET_EVERY_MS = 600_000
_MOST_AT_ONCE = 100
"""Endpoints told of in one transaction, so that none lasts long when everything fails at once."""

Announce = Callable[[Tx, Notice], Awaitable[None]]


class _Watched:
    """What this node knows of one endpoint and has not told yet, and its counts of the last minutes."""

    __slots__ = ("current", "failed_at", "failure", "failures", "is_changed", "minutes", "paused_until", "succeeded_at")

    def __init__(self, minute: int) -> None:
        self.current = Counter(minute)
        self.minutes: list[Counter] = [self.current]
        self.begin()

    def begin(self) -> None:
        """All is told."""
        self.failures = 0
        self.succeeded_at: int | None = None
        self.failed_at: int | None = None
        self.failure: str | None = None
        self.paused_until: int | None = None
        self.is_changed = False

    @property
    def news(self) -> News:
        """What is to be told."""
        return News(self.failures, self.succeeded_at, self.failed_at, self.failure, self.paused_until)

    def give_back(self, told: News) -> None:
        """What was to be told could not be."""
        all_news = told.then(self.news)
        self.failures, self.succeeded_at = all_news.failures, all_news.succeeded_at
        self.failed_at, self.failure = all_news.failed_at, all_news.failure
        self.paused_until = all_news.paused_until
        self.is_changed = True
        for each in self.minutes:
            each.told = 0

    def at(self, minute: int) -> Counter:
        """The counter of a minute; of an earlier one, too, when the clock was set back."""
        if self.current.minute != minute:
            self.current = next((each for each in self.minutes if each.minute == minute), Counter(minute))
            if self.current not in self.minutes:
                self.minutes.append(self.current)
        return self.current

    def may_be_slow(self) -> bool:
        """Whether an answer of the last minutes was slow in the mean, as far as this node knows."""
        return any(each.answers and each.answers_ms > SLOW_MS * each.answers for each in self.minutes)


@dataclass(frozen=True, slots=True)
class _Told:
    """What is told of one endpoint in one transaction."""

    key: EndpointKey
    url: str
    news: News
    minutes: tuple[MinuteRow, ...] = field(repr=False)
    may_be_slow: bool


class HealthWatch:
    """What one node has seen of the endpoints that it calls."""

    def __init__(self, db: Database, clock: Clock, node: str, accounts: AccountSettings, announce: Announce) -> None:
        self._db = db
        self._clock = clock
        self._node = node
        self._accounts = accounts
        self._announce = announce
        self._watched: dict[DoorKey, _Watched] = {}
        self._forgotten_at = 0

    # While sending

    def attempted(self, key: DoorKey, attempt: AttemptRow) -> None:
        """Count a call, in the minute in which it began."""
        if is_operational(key[1]):
            return
        at, failure = attempt.started_at, attempt.failure
        is_success = failure is None and attempt.status in SUCCESS
        watched = self._watched.get(key)
        if watched is None:
            watched = self._watched[key] = _Watched(at // MINUTE_MS)
        watched.at(at // MINUTE_MS).add(attempt.total_ms, is_answered=failure is None, is_success=is_success)
        watched.is_changed = True
        if is_success:
            watched.failures = 0
            watched.succeeded_at = at
        else:
            watched.failures += 1
            watched.failed_at = at
            watched.failure = reason_in_words(attempt.status, failure)

    def paused(self, key: DoorKey, until: int | None) -> None:
        """Note until when a breaker is open."""
        watched = self._watched.get(key)
        if watched is not None:
            watched.paused_until = until or 0
            watched.is_changed = True

    # Telling

    async def flush_once(self) -> bool:
        """Write down what has gathered, with what follows from it; tell whether there was anything."""
        now = self._clock.now_ms()
        told = self._take(now)
        start = 0
        try:
            for start in range(0, len(told), _MOST_AT_ONCE):
                await self._tell(told[start : start + _MOST_AT_ONCE], now)
        except BaseException:
            self._give_back(told[start:])
            raise
        if abs(now - self._forgotten_at) >= _FORGET_EVERY_MS:
            await self._db.write(lambda tx: store.forget_old(tx, now, now // MINUTE_MS - KEPT_MINUTES))
            self._forgotten_at = now
        return bool(told)

    async def _tell(self, told: Sequence[_Told], now: int) -> None:
        may_disable = {each.key[0]: await self._may_disable(each.key[0]) for each in told if each.may_be_slow}
        await self._db.write(lambda tx: self._write(tx, told, may_disable, now))

    async def _may_disable(self, account_id: str) -> bool:
        try:
            return (await self._accounts.get_account(account_id)).disable_slow_webhooks
        except AppError:
            return False  # what cannot be known is not done

    def _take(self, now: int) -> list[_Told]:
        minute = now // MINUTE_MS
        told: list[_Told] = []
        for key, watched in tuple(self._watched.items()):
            is_over = watched.current.minute < minute
            if is_over:  # told once more when its minute is over: a slow one is judged by whole minutes
                watched.at(minute)
            if watched.is_changed or is_over:
                told.append(self._told(key, watched))
                watched.begin()
            watched.minutes = [each for each in watched.minutes if minute - SLOW_MINUTES <= each.minute <= minute + 1]
            if not any(each.requests for each in watched.minutes):
                del self._watched[key]
        return told

    def _told(self, key: DoorKey, watched: _Watched) -> _Told:
        known = (key[0], key[1], digest(key[2]))
        changed = [each for each in watched.minutes if each.requests > each.told]
        rows = tuple(MinuteRow(known, each.minute, self._node, each.counts) for each in changed)
        for each in changed:
            each.told = each.requests
        return _Told(known, key[2], watched.news, rows, watched.may_be_slow())

    def _give_back(self, told: Sequence[_Told]) -> None:
        for each in told:
            watched = self._watched.setdefault((each.key[0], each.key[1], each.url), _Watched(0))
            watched.give_back(each.news)

    async def _write(self, tx: Tx, told: Sequence[_Told], may_disable: dict[str, bool], now: int) -> None:
        await store.put_minutes(tx, [row for each in told for row in each.minutes])
        await store.begin_conditions(tx, [each.key for each in told if _is_bad(each)])
        known = await store.lock_conditions(tx, [each.key for each in told])
        for each in sorted(told, key=lambda told: told.key):
            before = known.get(each.key)
            if before is None:
                continue  # nothing was ever wrong with it
            slow = await self._is_slow(tx, each, before, now)
            after = judged(before, each.news, is_slow=slow, now=now)
            if is_worth_storing(before, after):
                await store.put_condition(tx, each.key, after)
            if after.state is not before.state:
                metrics.ENDPOINT_CHANGES.labels(after.state.value).inc()
                await self._announce(tx, _notice(each, before, after, now))
            if after.state is EndpointState.SLOW and may_disable.get(each.key[0], False):
                await self._disable(tx, each, after, now)

    async def _is_slow(self, tx: Tx, told: _Told, before: Condition, now: int) -> bool | None:
        if not told.may_be_slow and before.state is not EndpointState.SLOW:
            return None
        minute = now // MINUTE_MS
        return is_slow(await store.minutes_of(tx, told.key, minute - SLOW_MINUTES, minute))

    async def _disable(self, tx: Tx, told: _Told, condition: Condition, now: int) -> None:
        account_id, owner_id, _ = told.key
        measured_from = (now // MINUTE_MS - SLOW_MINUTES) * MINUTE_MS
        if await store.disable_address(
            tx, account_id, owner_id, told.url, why=SLOW, measured_from=measured_from, now=now
        ):
            tx.on_commit(owner_changed(account_id, owner_id))
            reason = condition_in_words(condition)
            await self._announce(
                tx, Notice(account_id, owner_id, told.url, Change.DISABLED, condition.state.value, reason, now)
            )


def _is_bad(told: _Told) -> bool:
    return told.may_be_slow or told.news.failed_at is not None or told.news.paused_until is not None


_CHANGES = {
    EndpointState.HEALTHY: Change.RECOVERED,
    EndpointState.FAILING: Change.FAILING,
    EndpointState.SLOW: Change.SLOW,
}


def _notice(told: _Told, before: Condition, after: Condition, now: int) -> Notice:
    reason = condition_in_words(after)
    return Notice(told.key[0], told.key[1], told.url, _CHANGES[after.state], before.state.value, reason, now)
