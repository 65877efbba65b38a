"""Reports of what became of offers: counted in the transaction of what is counted, summed when they are asked for."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol

from switchbay.engagement.domain.happenings import Happening
from switchbay.engagement.reports import errors, store
from switchbay.engagement.reports.domain import NAMED, Line, Question, ask, tally
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock, Randomness
from switchbay.kit.record import Record

MOST_LINES: Final = 50_000
_SHARDS: Final = 2**31


class NameBook(Protocol):
    """Who knows what campaigns and engagements are called."""

    async def __call__(self, account_id: str, ids: Collection[int]) -> Mapping[int, str]:
        """The names of these of an account, deleted ones included, by their ids."""
        ...


class Report(Record, frozen=True):
    """What was asked, and the answer."""

    question: Question
    lines: Sequence[Line]
    names: Mapping[int, str]
    """Of campaigns and engagements, by their ids, which no two objects of an account share."""


class Reports:
    """Counts what happens, and reports it."""

    def __init__(self, db: Database, clock: Clock, randomness: Randomness, names: NameBook) -> None:
        self._db = db
        self._clock = clock
        self._names = names
        self._shard = int.from_bytes(randomness.bytes(4), "big") % _SHARDS

    async def record(self, tx: Tx, account_id: str, happenings: Sequence[Happening]) -> None:
        """Count these, within the transaction of what they tell."""
        await store.add_counts(tx, account_id, self._shard, tally(happenings))

    async def report(
        self,
        account_id: str,
        *,
        since: str | None = None,
        until: str | None = None,
        by: str | None = None,
        campaign_id: int | None = None,
        engagement_id: int | None = None,
    ) -> Report:
        """What was counted, at most 50,000 lines. Raises the errors of ``ask`` and ``report_too_large``."""
        question = ask(self._clock.now_ms(), since, until, by, campaign_id, engagement_id)
        lines = await self._db.read(lambda tx: store.sum_counts(tx, account_id, question, MOST_LINES + 1))
        if len(lines) > MOST_LINES:
            raise errors.too_large(MOST_LINES)
        ids = {line.parts[part] for part in NAMED if part in question.by for line in lines}
        return Report(question, lines, await self._names(account_id, ids) if ids else {})
