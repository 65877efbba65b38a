"""What the stages begin with: made by the rooms themselves once, and put back as rows for every test after that.

Most tests begin with the same accounts, users and sessions. Made anew they are some dozen transactions with an argon2
hash in each, a good part of what a test costs.
"""

import copy
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from switchbay.infra.db import Database, Tx, metadata
from switchbay.infra.machine import ManualClock, Randomness

T = TypeVar("T")
_Rows = Sequence[tuple[sa.Table, Sequence[Mapping[str, Any]]]]


@dataclass(frozen=True, slots=True)
class _Filling:
    rows: _Rows
    result: Any
    last_id: tuple[int, int]
    """Ids sort within a millisecond by the order in which they were made, so those of the test follow these."""


_MADE: dict[tuple[str, str, int], _Filling] = {}


async def filled(
    db: Database, clock: ManualClock, randomness: Randomness, name: str, fill: Callable[[], Awaitable[T]]
) -> T:
    """Have an empty database hold what ``fill`` writes at this time, and return what it returned.

    ``name`` stands for what is written: whoever gives the same one again gets the same rows. What ``fill`` returns must
    be all that anybody needs to remember of it.
    """
    key = (name, db.engine, clock.now_ms())
    made = _MADE.get(key)
    if made is None:
        result = await fill()
        _MADE[key] = _Filling(await db.read(_rows), copy.deepcopy(result), randomness._last)
        return result

    async def put_back(tx: Tx) -> None:
        for table, rows in made.rows:
            await tx.insert_many(table, rows)

    await db.write(put_back)
    randomness._last = made.last_id
    again: T = copy.deepcopy(made.result)
    return again


async def _rows(tx: Tx) -> _Rows:
    found = []
    for table in metadata.sorted_tables:
        rows = await tx.fetch(sa.select(table))
        if rows:
            found.append((table, [{column.name: row[column.name] for column in table.columns} for row in rows]))
    return found
