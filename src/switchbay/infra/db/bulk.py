"""One statement for many rows, in the form each engine runs fastest.

SQLite takes a list of ``VALUES``; one statement is one step in the engine, without the interpreter lock being taken and
given back for each row. PostgreSQL takes one array per column and unnests them: one prepared statement for any number
of rows, one round trip.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain

import sqlalchemy as sa

from switchbay.infra.db.compiled import quoted, type_name
from switchbay.infra.db.door import Value
from switchbay.infra.db.schema import RANGE_KEY

# SQLite allows 32,766 variables in a statement by default; chunks have few sizes so that few texts are prepared.
_MAX_VARIABLES = 16_384
_AT_ONCE = 32  # what a batch has under load: a statement more costs more than a text more
_TEXTS = 1_024
SIZES = (256, 192, 128, 96, 64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1)


def runs(count: int, most: int = SIZES[0]) -> Iterator[tuple[int, int]]:
    """Split ``count`` rows into runs of few different sizes, none longer than ``most``: where each begins, its size."""
    start = 0
    for size in SIZES:
        while size <= most and size <= count - start:
            yield start, size
            start += size


def chunks(rows: Sequence[Mapping[str, Value]]) -> Iterator[Sequence[Mapping[str, Value]]]:
    """Split rows into runs of few different sizes, so that SQLite prepares some forty texts and no more."""
    if rows:
        most = max(1, _MAX_VARIABLES // max(1, len(rows[0])))
        if len(rows) <= min(_AT_ONCE, most):
            yield rows
            return
        for start, size in runs(len(rows), most):
            yield rows[start : start + size]


def flat(rows: Sequence[Mapping[str, Value]], columns: Sequence[str]) -> list[Value]:
    """The values of all rows, one after the other, in the order of ``columns``."""
    return list(chain.from_iterable([row[name] for name in columns] for row in rows))


def arrays(rows: Sequence[Mapping[str, Value]], columns: Sequence[str]) -> list[list[Value]]:
    """One list of values per column."""
    return [[row[name] for row in rows] for name in columns]


@lru_cache(maxsize=_TEXTS)
def insert_sqlite(table: sa.Table, columns: tuple[str, ...], count: int, *, ignore_conflicts: bool) -> str:
    """``INSERT … VALUES (…), (…)`` for ``count`` rows."""
    group = "(" + ", ".join("?" for _ in columns) + ")"
    return _insert_head(table, columns) + "VALUES " + ", ".join([group] * count) + _conflict(ignore=ignore_conflicts)


@lru_cache(maxsize=512)
def insert_postgresql(table: sa.Table, columns: tuple[str, ...], *, ignore_conflicts: bool) -> str:
    """``INSERT … SELECT … FROM unnest(…)`` for any number of rows."""
    return (
        _insert_head(table, columns)
        + f"SELECT * FROM unnest({_array_parameters(table, columns)})"
        + _conflict(ignore=ignore_conflicts)
    )


@lru_cache(maxsize=_TEXTS)
def update_sqlite(
    table: sa.Table, columns: tuple[str, ...], keys: tuple[str, ...], returning: tuple[str, ...], count: int
) -> str:
    """``UPDATE … FROM (VALUES …)`` for ``count`` rows."""
    names = {name: f"column{place}" for place, name in enumerate(columns, start=1)}
    group = "(" + ", ".join("?" for _ in columns) + ")"
    source = "(VALUES " + ", ".join([group] * count) + ") AS given"
    return _update(table, columns, keys, returning, source, names)


@lru_cache(maxsize=512)
def update_postgresql(
    table: sa.Table, columns: tuple[str, ...], keys: tuple[str, ...], returning: tuple[str, ...]
) -> str:
    """``UPDATE … FROM unnest(…)`` for any number of rows.

    Of a table that is partitioned by one of the keys, the lowest and the highest value of that follow as parameters: so
    PostgreSQL sees before it begins which partitions it need not open.
    """
    source = f"unnest({_array_parameters(table, columns)}) AS given({', '.join(quoted(name) for name in columns)})"
    within = ""
    if range_key(table, keys) is not None:
        place = len(columns) + 1
        within = f" AND {quoted(table.name)}.{quoted(table.info[RANGE_KEY])} BETWEEN ${place} AND ${place + 1}"
    return _update(table, columns, keys, returning, source, {name: quoted(name) for name in columns}, within)


def range_key(table: sa.Table, keys: Sequence[str]) -> str | None:
    """The one of the keys by which the table is partitioned."""
    name: str | None = table.info.get(RANGE_KEY)
    return name if name in keys else None


def bounds(rows: Sequence[Mapping[str, Value]], name: str) -> list[Value]:
    """The lowest and the highest value of a column of text."""
    values = [str(row[name]) for row in rows]
    return [min(values), max(values)]


def _insert_head(table: sa.Table, columns: Sequence[str]) -> str:
    return f"INSERT INTO {quoted(table.name)} ({', '.join(quoted(name) for name in columns)}) "


def _conflict(*, ignore: bool) -> str:
    return " ON CONFLICT DO NOTHING" if ignore else ""


def _array_parameters(table: sa.Table, columns: Sequence[str]) -> str:
    return ", ".join(
        f"${place}::{type_name(table.c[name], 'postgresql')}[]" for place, name in enumerate(columns, start=1)
    )


def _update(
    table: sa.Table,
    columns: Sequence[str],
    keys: Sequence[str],
    returning: Sequence[str],
    source: str,
    names: Mapping[str, str],
    within: str = "",
) -> str:
    target = quoted(table.name)
    sets = ", ".join(f"{quoted(name)} = given.{names[name]}" for name in columns if name not in keys)
    match = " AND ".join(f"{target}.{quoted(name)} = given.{names[name]}" for name in keys)
    # SQLite wants bare names in RETURNING of an UPDATE … FROM; PostgreSQL wants them qualified.
    prefix = "" if "column1" in names.values() else target + "."
    wanted = ", ".join(prefix + quoted(name) for name in returning)
    # Both engines take identifiers from the schema only, never from a request.
    text = f"UPDATE {target} SET {sets} FROM {source} WHERE {match}{within}"
    return text + (f" RETURNING {wanted}" if returning else "")
