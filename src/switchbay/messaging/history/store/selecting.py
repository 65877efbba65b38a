"""SQL that finds conversations by what they have in common."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa

from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value
from switchbay.infra.db.lists import any_of, places
from switchbay.messaging import store
from switchbay.messaging.domain import Conversation
from switchbay.messaging.history.domain.selection import Page, Selection
from switchbay.messaging.history.store import finding
from switchbay.messaging.history.store.words import first_place
from switchbay.messaging.tables import conversations, moves, participants, queue

MOST_COUNTED: Final = 10_000
_ASSIGNED: Final[Any] = sa.literal_column("'ASSIGNED_AGENT'")
_NEVER: Final = 2**62  # after every end: where conversations sort that have none
_table: Final = conversations.c


@dataclass(frozen=True, slots=True)
class Found:
    """A page of conversations and how many there are in all, counted up to ten thousand."""

    conversations: list[Conversation]
    count: int

    @property
    def is_partial(self) -> bool:
        """Whether there are more than were counted."""
        return self.count > MOST_COUNTED


async def select(tx: Tx, account_id: str, wanted: Selection, page: Page) -> Found:
    """Find conversations."""
    filters = _Filters(tx, account_id, wanted)
    shape = (tx.engine, tuple(filters.names.items()))
    if wanted.keyword is not None and tx.engine == "postgresql":
        await tx.execute(finding.PLAN_ANEW)
    row = await tx.fetch_one(_count(shape), filters.params)
    count = 0 if row is None else int(row[0])
    if count <= page.offset:
        return Found([], count)
    params = {**filters.params, "page_offset": page.offset, "page_limit": page.limit}
    rows = await tx.fetch(_page(shape, page.sort, page.is_descending), params)
    return Found([store.conversation_from(row) for row in rows], count)


class _Filters:
    """The filters that a selection uses, each with the length of its list, and their parameters."""

    def __init__(self, tx: Tx, account_id: str, wanted: Selection) -> None:
        self.params: dict[str, Value] = {"account_id": account_id}
        self.names: dict[str, int] = {}
        for name, span in (("start", wanted.start), ("end", wanted.end), ("duration", wanted.duration)):
            self._bound(f"{name}_since", span.since)
            self._bound(f"{name}_until", span.until)
        self._bound("consumer", wanted.consumer_id)
        self._bound("queued", None if wanted.is_queued is None else int(wanted.is_queued))
        self._list("ids", wanted.conversation_ids)
        self._list("states", wanted.states or None)
        self._list("skills", wanted.skill_ids or None)
        self._list("latest_skills", wanted.latest_skill_ids or None)
        self._list("agents", wanted.agents)
        self._list("latest_agents", wanted.latest_agents)
        if wanted.keyword is not None:
            self.names["keyword"] = 1
            self.params["query"] = finding.written(tx, account_id, wanted.keyword)
            self.params["place_since"] = first_place(wanted.start.since or 0)

    def _bound(self, name: str, value: Value) -> None:
        if value is not None:
            self.names[name] = 1
            if name != "queued":
                self.params[name] = value
            else:
                self.names[name] = int(bool(value))

    def _list(self, name: str, values: Collection[str] | None) -> None:
        if values is None:
            return
        # Nobody has the empty id, so that a list of nothing finds nothing.
        size, params = places(f"{name}_", sorted(values) or [""])
        self.names[name] = size
        self.params.update(params)


_Shape = tuple[str, tuple[tuple[str, int], ...]]


def _conditions(shape: _Shape) -> list[Any]:
    engine, names = shape
    found: list[Any] = [_table.account_id == sa.bindparam("account_id")]
    for name, size in names:
        found.append(
            sa.text(finding.CONVERSATIONS_WITH[engine]) if name == "keyword" else _CONDITIONS[name](name, size)
        )
    return found


def _number(name: str) -> sa.BindParameter[int]:
    return sa.bindparam(name, type_=sa.BigInteger)


def _of(table: sa.Table, *conditions: Any) -> sa.Exists:  # noqa: ANN401 - whatever makes a condition
    own = (table.c.account_id == _table.account_id, table.c.conversation_id == _table.conversation_id)
    return sa.exists(sa.select(sa.literal_column("1")).where(*own, *conditions))


def _had_skill(name: str, size: int) -> Any:  # noqa: ANN401 - as above
    wanted = any_of(f"{name}_", size)
    given = moves.c.kind.in_([sa.literal_column("'skill'"), sa.literal_column("'opened'")])
    return sa.or_(
        _table.skill_id.in_(wanted), _of(moves, given, sa.or_(moves.c.after.in_(wanted), moves.c.before.in_(wanted)))
    )


def _had_agent(name: str, size: int) -> Any:  # noqa: ANN401 - as above
    wanted = any_of(f"{name}_", size)
    return sa.or_(
        _of(participants, participants.c.role == _ASSIGNED, participants.c.participant_id.in_(wanted)),
        _of(
            moves,
            moves.c.kind == sa.literal_column("'joined'"),
            moves.c.role == _ASSIGNED,
            moves.c.participant_id.in_(wanted),
        ),
    )


def _has_last_agent(name: str, size: int) -> Any:  # noqa: ANN401 - as above
    present = (
        sa.select(participants.c.participant_id)
        .where(
            participants.c.account_id == _table.account_id,
            participants.c.conversation_id == _table.conversation_id,
            participants.c.role == _ASSIGNED,
            participants.c.state == sa.literal_column("'ACTIVE'"),
        )
        .limit(sa.literal_column("1"))
        .scalar_subquery()
    )
    last = (
        sa.select(moves.c.participant_id)
        .where(
            moves.c.account_id == _table.account_id,
            moves.c.conversation_id == _table.conversation_id,
            moves.c.kind == sa.literal_column("'joined'"),
            moves.c.role == _ASSIGNED,
        )
        .order_by(moves.c.revision.desc(), moves.c.place.desc())
        .limit(sa.literal_column("1"))
        .scalar_subquery()
    )
    return sa.func.coalesce(present, last).in_(any_of(f"{name}_", size))


def _is_of_consumer(name: str, _size: int) -> Any:  # noqa: ANN401 - as above
    consumer = sa.bindparam(name, type_=sa.Text)
    theirs = sa.select(participants.c.conversation_id).where(
        participants.c.account_id == sa.bindparam("account_id"), participants.c.participant_id == consumer
    )
    return sa.and_(_table.conversation_id.in_(theirs), _table.consumer_id == consumer)


_length: Final = _table.ended_at - _table.started_at
_CONDITIONS: Final[Mapping[str, Any]] = {
    "start_since": lambda name, _: _table.started_at >= _number(name),
    "start_until": lambda name, _: _table.started_at <= _number(name),
    "end_since": lambda name, _: _table.ended_at >= _number(name),
    "end_until": lambda name, _: _table.ended_at <= _number(name),
    "duration_since": lambda name, _: _length >= _number(name),
    "duration_until": lambda name, _: _length <= _number(name),
    "consumer": _is_of_consumer,
    "queued": lambda _, size: _of(queue) if size else ~_of(queue),
    "ids": lambda name, size: _table.conversation_id.in_(any_of(f"{name}_", size)),
    "states": lambda name, size: _table.state.in_(any_of(f"{name}_", size)),
    "skills": _had_skill,
    "latest_skills": lambda name, size: _table.skill_id.in_(any_of(f"{name}_", size)),
    "agents": _had_agent,
    "latest_agents": _has_last_agent,
}


@lru_cache(maxsize=128)
def _count(shape: _Shape) -> sa.Select[Any]:
    counted: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(conversations).where(*_conditions(shape))
    return sa.select(sa.func.count()).select_from(counted.limit(sa.literal_column(str(MOST_COUNTED + 1))).subquery())


@lru_cache(maxsize=256)
def _page(shape: _Shape, sort: str, is_descending: bool) -> sa.Select[Any]:  # noqa: FBT001 - part of the cache's key
    ended = sa.func.coalesce(_table.ended_at, sa.literal_column(str(_NEVER)))
    by = [_table.started_at if sort == "start" else ended, _table.conversation_id]
    return (
        sa.select(conversations)
        .where(*_conditions(shape))
        .order_by(*(one.desc() if is_descending else one.asc() for one in by))
        .limit(sa.bindparam("page_limit", type_=sa.Integer))
        .offset(sa.bindparam("page_offset", type_=sa.Integer))
    )
