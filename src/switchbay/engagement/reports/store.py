"""Rows of counts."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from switchbay.engagement.reports.domain import COUNTED, HOURS_A_DAY, Key, Line, Part, Question
from switchbay.engagement.reports.tables import counts
from switchbay.infra.db import Tx
from switchbay.infra.db.bulk import runs
from switchbay.infra.db.door import Value

_KEY: Final = ("account_id", "hour", "campaign_id", "engagement_id", "shard")
_MOST_AT_ONCE: Final = 64


@lru_cache(maxsize=16)
def _add(size: int) -> sa.Insert:
    names = (*_KEY, *COUNTED)
    statement = insert(counts).values(
        [{name: sa.bindparam(f"{name}_{place}") for name in names} for place in range(size)]
    )
    return statement.on_conflict_do_update(
        index_elements=_KEY, set_={name: counts.c[name] + statement.excluded[name] for name in COUNTED}
    )


async def add_counts(tx: Tx, account_id: str, shard: int, tallied: Mapping[Key, Mapping[str, int | float]]) -> None:
    """Add to what was counted. Rows are locked in the order of their keys."""
    keys = sorted(tallied)
    for start, size in runs(len(keys), _MOST_AT_ONCE):
        params: dict[str, Value] = {}
        for place, key in enumerate(keys[start : start + size]):
            row: dict[str, Value] = dict(zip(_KEY, (account_id, *key, shard), strict=True))
            row.update(tallied[key])
            params.update((f"{name}_{place}", row[name]) for name in row)
        await tx.execute(_add(size), params)


_PARTS: Final[Mapping[Part, sa.ColumnElement[int]]] = {
    "hour": counts.c.hour,
    "day": counts.c.hour.op("/")(sa.literal_column(str(HOURS_A_DAY))),
    "campaign": counts.c.campaign_id,
    "engagement": counts.c.engagement_id,
}


@lru_cache(maxsize=64)
def _sums(by: tuple[Part, ...], *, has_campaign: bool, has_engagement: bool) -> sa.Select[Any]:
    parts: list[sa.ColumnElement[Any]] = [_PARTS[part].label(part) for part in by]
    sums: list[sa.ColumnElement[Any]] = [
        sa.cast(sa.func.sum(counts.c[name]), counts.c[name].type).label(f"sum_{name}") for name in COUNTED
    ]
    statement: sa.Select[Any] = sa.select(*parts, *sums).where(
        counts.c.account_id == sa.bindparam("account"),
        counts.c.hour >= sa.bindparam("first_hour"),
        counts.c.hour < sa.bindparam("end_hour"),
    )
    if has_campaign:
        statement = statement.where(counts.c.campaign_id == sa.bindparam("campaign"))
    if has_engagement:
        statement = statement.where(counts.c.engagement_id == sa.bindparam("engagement"))
    places: list[sa.ColumnClause[object]] = [sa.literal_column(str(place)) for place in range(1, len(by) + 1)]
    return statement.group_by(*places).order_by(*places).limit(sa.bindparam("most"))


async def sum_counts(tx: Tx, account_id: str, question: Question, most: int) -> Sequence[Line]:
    """What was counted, by the parts that were asked for, in their order."""
    params: dict[str, Value] = {
        "account": account_id,
        "first_hour": question.first_hour,
        "end_hour": question.end_hour,
        "most": most,
    }
    if question.campaign_id is not None:
        params["campaign"] = question.campaign_id
    if question.engagement_id is not None:
        params["engagement"] = question.engagement_id
    statement = _sums(
        question.by,
        has_campaign=question.campaign_id is not None,
        has_engagement=question.engagement_id is not None,
    )
    return [
        Line(
            parts={part: row[part] for part in question.by},
            counts={name: row[f"sum_{name}"] for name in COUNTED},
        )
        for row in await tx.fetch(statement, params)
    ]
