"""Rows of visits and visitors, many at once."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec
import sqlalchemy as sa

from switchbay.engagement.domain.visit import Exposure, Visit
from switchbay.engagement.monitoring.domain.asked import Visitor
from switchbay.engagement.monitoring.domain.bounds import ROW_BYTES, shorter
from switchbay.engagement.monitoring.domain.sessions import ended_at
from switchbay.engagement.monitoring.neighbours import Subject
from switchbay.engagement.monitoring.tables import visit_subjects, visitors, visits
from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value
from switchbay.infra.db.lists import any_of, places

Key: TypeAlias = tuple[str, str]
"""An account's id, and a session's or a visitor's."""
Seen: TypeAlias = tuple[int, tuple[Exposure, ...]]
"""When a visitor's newest session began, and what they have seen so far."""
_ACCOUNT: Final = "account_id"
_PURGE_STEP_MS: Final = 600_000
_encode: Final = msgspec.msgpack.Encoder().encode
_visit: Final = msgspec.msgpack.Decoder(Visit)
_exposures: Final = msgspec.msgpack.Decoder(tuple[Exposure, ...])
_NO_EXPOSURES: Final = _encode(())


@lru_cache(maxsize=64)
def _lock_visits(accounts: int, ids: int) -> sa.Select[Any]:
    table = visits.c
    return (
        sa.select(table.account_id, table.session_id, table.visit)
        .where(table.account_id.in_(any_of("a", accounts)), table.session_id.in_(any_of("i", ids)))
        .order_by(table.account_id, table.session_id)
        .with_for_update()
    )


async def lock_visits(tx: Tx, keys: Collection[Key]) -> dict[Key, Visit]:
    """Lock the visits of these sessions, at most 128 of them, and read them as they stand."""
    rows = await _fetch(tx, _lock_visits, keys)
    return {(row[0], row[1]): _visit.decode(row[2]) for row in rows}


@lru_cache(maxsize=64)
def _find_visitors(accounts: int, ids: int) -> sa.Select[Any]:
    table = visitors.c
    return sa.select(table.account_id, table.visitor_id, table.exposures).where(
        table.account_id.in_(any_of("a", accounts)), table.visitor_id.in_(any_of("i", ids))
    )


async def find_visitors(tx: Tx, keys: Collection[Key]) -> dict[Key, Visitor]:
    """What is known about these visitors, at most 128 of them."""
    rows = await _fetch(tx, _find_visitors, keys)
    return {(row[0], row[1]): Visitor(visitor_id=row[1], exposures=_exposures.decode(row[2])) for row in rows}


async def _fetch(tx: Tx, statement: Any, keys: Collection[Key]) -> Sequence[Any]:  # noqa: ANN401 - a cached function
    if not keys:
        return []
    accounts, account_params = places("a", {account_id for account_id, _ in keys})
    ids, id_params = places("i", sorted({one for _, one in keys}))
    return await tx.fetch(statement(accounts, ids), {**account_params, **id_params})


_find_visit: Final = sa.select(visits.c.visit).where(
    visits.c.account_id == sa.bindparam(_ACCOUNT), visits.c.session_id == sa.bindparam("session_id")
)


async def find_visit(tx: Tx, account_id: str, session_id: str) -> Visit | None:
    """Read one visit."""
    row = await tx.fetch_one(_find_visit, {_ACCOUNT: account_id, "session_id": session_id})
    return None if row is None else _visit.decode(row[0])


def pack(visit: Visit) -> bytes:
    """Pack a visit; one that is too long loses details of its beginning."""
    packed = _encode(visit)
    while len(packed) > ROW_BYTES:
        slimmer = shorter(visit)
        if slimmer == visit:
            break
        visit, packed = slimmer, _encode(slimmer)
    return packed


def _row(account_id: str, visit: Visit, kept_ms: int) -> dict[str, Value]:
    purge_at = ended_at(visit) + kept_ms
    return {
        _ACCOUNT: account_id,
        "session_id": visit.session_id,
        "purge_at": -(-purge_at // _PURGE_STEP_MS) * _PURGE_STEP_MS,
        "visit": pack(visit),
    }


async def insert_visits(tx: Tx, found: Iterable[tuple[str, Visit]], kept_ms: int) -> None:
    """Store new sessions, each with its account's id. They are kept for ``kept_ms`` after their end."""
    await tx.insert_many(visits, [_row(account_id, visit, kept_ms) for account_id, visit in found])


async def update_visits(tx: Tx, found: Iterable[tuple[str, Visit]], kept_ms: int) -> None:
    """Store what has become of sessions."""
    rows = [_row(account_id, visit, kept_ms) for account_id, visit in found]
    await tx.update_many(visits, rows, keys=(_ACCOUNT, "session_id"))


_due: Final = (
    sa.select(visits.c.account_id, visits.c.session_id)
    .where(visits.c.purge_at <= sa.bindparam("now", type_=sa.BigInteger))
    .order_by(visits.c.purge_at)
    .limit(sa.bindparam("most", type_=sa.Integer))
)


async def purge_visits(tx: Tx, now: int, most: int) -> int:
    """Delete sessions that need not be kept any longer, at most so many; return how many."""
    rows = await tx.fetch(_due, {"now": now, "most": most})
    await _delete_visits(tx, [(row[0], row[1]) for row in rows])
    return len(rows)


_of_subject: Final = (
    sa.select(visit_subjects.c.session_id)
    .where(visit_subjects.c.account_id == sa.bindparam(_ACCOUNT), visit_subjects.c.sub == sa.bindparam("sub"))
    .order_by(visit_subjects.c.session_id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_MOST_FORGOTTEN: Final = 100


async def forget_subject(tx: Tx, account_id: str, sub: str, most: int) -> int:
    """Delete the sessions in which somebody was named, with their visitors, at most so many at once.

    Returns ``most`` where there may be more, else less.
    """
    portion = min(most, _MOST_FORGOTTEN)
    rows = await tx.fetch(_of_subject, {_ACCOUNT: account_id, "sub": sub, "most": portion})
    keys = [(account_id, row[0]) for row in rows]
    found = await lock_visits(tx, keys)
    await _delete_visits(tx, keys)
    names: list[Value] = [*sorted({visit.visitor_id for visit in found.values()})]
    if names:
        await tx.execute(_drop_visitors, {_ACCOUNT: account_id, "ids": names})
    return most if len(rows) == portion else len(rows)


def _delete(table: sa.Table, column: str) -> sa.Delete:
    return sa.delete(table).where(
        table.c.account_id == sa.bindparam(_ACCOUNT), table.c[column].in_(sa.bindparam("ids", expanding=True))
    )


_drop_visits: Final = _delete(visits, "session_id")
_drop_subjects: Final = _delete(visit_subjects, "session_id")
_drop_visitors: Final = _delete(visitors, "visitor_id")


async def _delete_visits(tx: Tx, keys: Collection[Key]) -> None:
    by_account: dict[str, list[Value]] = {}
    for account_id, session_id in sorted(keys):
        by_account.setdefault(account_id, []).append(session_id)
    for account_id, ids in by_account.items():
        await tx.execute(_drop_visits, {_ACCOUNT: account_id, "ids": ids})
        await tx.execute(_drop_subjects, {_ACCOUNT: account_id, "ids": ids})


_gone: Final = (
    sa.select(visitors.c.account_id, visitors.c.visitor_id)
    .where(visitors.c.seen_at < sa.bindparam("before", type_=sa.BigInteger))
    .order_by(visitors.c.seen_at)
    .limit(sa.bindparam("most", type_=sa.Integer))
)


async def purge_visitors(tx: Tx, before: int, most: int) -> int:
    """Forget visitors who were not seen since, at most so many; return how many."""
    rows = await tx.fetch(_gone, {"before": before, "most": most})
    by_account: dict[str, list[Value]] = {}
    for row in rows:
        by_account.setdefault(row[0], []).append(row[1])
    for account_id, ids in by_account.items():
        await tx.execute(_drop_visitors, {_ACCOUNT: account_id, "ids": ids})
    return len(rows)


async def add_subjects(tx: Tx, found: Collection[tuple[Subject, str]]) -> None:
    """Note who was named in which session; what is noted already is passed over."""
    rows: list[dict[str, Value]] = [
        {_ACCOUNT: account_id, "sub": sub, "session_id": session_id} for (account_id, sub), session_id in found
    ]
    await tx.insert_many(visit_subjects, rows, ignore_conflicts=True)


async def insert_visitors(tx: Tx, found: Mapping[Key, Seen]) -> None:
    """Store visitors who are new."""
    await tx.insert_many(visitors, _visitor_rows(found), ignore_conflicts=True)


async def update_visitors(tx: Tx, found: Mapping[Key, Seen]) -> None:
    """Store when visitors who are known were last seen, and what they saw."""
    await tx.update_many(visitors, _visitor_rows(found), keys=(_ACCOUNT, "visitor_id"))


def _visitor_rows(found: Mapping[Key, Seen]) -> list[dict[str, Value]]:
    return [
        {
            _ACCOUNT: account_id,
            "visitor_id": visitor_id,
            "seen_at": seen_at,
            "exposures": _encode(exposures) if exposures else _NO_EXPOSURES,
        }
        for (account_id, visitor_id), (seen_at, exposures) in sorted(found.items())
    ]
