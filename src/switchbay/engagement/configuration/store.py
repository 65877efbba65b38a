"""SQL of the configuration."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as upsert

from switchbay.engagement.configuration.domain.catalogue import TYPES, ObjectType, references_of, type_of
from switchbay.engagement.configuration.tables import configurations, objects, references
from switchbay.engagement.domain.objects import AnyObject, EngagementSettings
from switchbay.infra.db import Row, Tx
from switchbay.infra.db.door import Value

_MOST_AT_ONCE: Final = 500
_encode: Final = msgspec.json.Encoder().encode
_decoders: Final = {name: msgspec.json.Decoder(info.shape) for name, info in TYPES.items()}
_settings: Final = msgspec.json.Decoder(EngagementSettings)
_ACCOUNT: Final[sa.BindParameter[str]] = sa.bindparam("account")
_IDS: Final[sa.BindParameter[int]] = sa.bindparam("ids", expanding=True)


@dataclass(frozen=True, slots=True)
class State:
    """What an account's configuration has one of. ``revision`` is 0 before the first change."""

    revision: int
    settings: EngagementSettings


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it is stored."""

    type: ObjectType
    document: str


def decode_object(row: StoredObject) -> AnyObject:
    """Read a stored object."""
    found: AnyObject = _decoders[row.type].decode(row.document)
    return found


# One row for an account

_STATE: Final = sa.select(configurations).where(configurations.c.account_id == _ACCOUNT)
_RAISE: Final = (
    upsert(configurations)
    .values(account_id=_ACCOUNT, revision=1, last_id=0, settings="")
    .on_conflict_do_update(index_elements=["account_id"], set_={"revision": configurations.c.revision + 1})
    .returning(configurations.c.revision, configurations.c.settings)
)
_TAKE_IDS: Final = (
    sa.update(configurations)
    .where(configurations.c.account_id == _ACCOUNT)
    .values(last_id=configurations.c.last_id + sa.bindparam("count", type_=sa.BigInteger))
    .returning(configurations.c.last_id)
)
_SET: Final = (
    sa.update(configurations).where(configurations.c.account_id == _ACCOUNT).values(settings=sa.bindparam("given"))
)
_REVISIONS: Final = sa.select(configurations.c.account_id, configurations.c.revision)
_SOME_REVISIONS: Final = _REVISIONS.where(configurations.c.account_id.in_(sa.bindparam("accounts", expanding=True)))


async def raise_revision(tx: Tx, account_id: str) -> State:
    """Raise the account's revision by one; changes of one account wait here for each other."""
    row = await tx.fetch_one(_RAISE, {"account": account_id})
    if row is None:
        raise RuntimeError("an upsert returned nothing")
    return _state(row)


async def find_state(tx: Tx, account_id: str) -> State:
    """The account's revision and settings."""
    row = await tx.fetch_one(_STATE, {"account": account_id})
    return State(0, EngagementSettings()) if row is None else _state(row)


def _state(row: Row) -> State:
    return State(row["revision"], _settings.decode(row["settings"]) if row["settings"] else EngagementSettings())


async def find_revisions(tx: Tx, account_ids: Collection[str]) -> dict[str, int]:
    """The revisions of these accounts, and perhaps of others; those that never had a configuration are missing."""
    if len(account_ids) > _MOST_AT_ONCE:
        rows = await tx.fetch(_REVISIONS)
    else:
        rows = await tx.fetch(_SOME_REVISIONS, {"accounts": list(account_ids)})
    return {str(row[0]): int(row[1]) for row in rows}


async def take_ids(tx: Tx, account_id: str, count: int) -> range:
    """New ids; the account's revision was raised before in the same transaction."""
    row = await tx.fetch_one(_TAKE_IDS, {"account": account_id, "count": count})
    if row is None:
        raise RuntimeError("the revision is raised first")
    last = int(row[0])
    return range(last - count + 1, last + 1)


async def put_settings(tx: Tx, account_id: str, settings: EngagementSettings) -> None:
    """Store the settings."""
    await tx.execute(_SET, {"account": account_id, "given": _encode(settings).decode()})


# Objects

_OBJECTS: Final = sa.select(objects.c.type, objects.c.document).where(objects.c.account_id == _ACCOUNT)
_ALIVE: Final = objects.c.deleted.is_(False)
_OF_TYPE: Final = _OBJECTS.where(
    objects.c.type == sa.bindparam("type_"), objects.c.object_id > sa.bindparam("after", type_=sa.BigInteger)
)
_PAGE: Final = _OF_TYPE.order_by(objects.c.object_id).limit(sa.bindparam("most", type_=sa.Integer))
_COUNT: Final = (
    sa.select(sa.func.count())
    .select_from(objects)
    .where(objects.c.account_id == _ACCOUNT, objects.c.type == sa.bindparam("type_"), _ALIVE)
)
_ALL: Final = _OBJECTS.where(_ALIVE).order_by(objects.c.object_id)
_SOME: Final = _OBJECTS.where(_ALIVE, objects.c.object_id.in_(_IDS))
_PUT: Final = (
    sa.update(objects)
    .where(objects.c.account_id == _ACCOUNT, objects.c.object_id == sa.bindparam("id_"))
    .values(
        document=sa.bindparam("given"),
        revision=sa.bindparam("number"),
        deleted=sa.bindparam("gone"),
        updated_at=sa.bindparam("now"),
    )
)


def _stored(rows: Iterable[Row]) -> list[StoredObject]:
    return [StoredObject(row[0], row[1]) for row in rows]


async def list_stored(tx: Tx, account_id: str) -> list[StoredObject]:
    """Every object that is not deleted, in the order of the ids."""
    return _stored(await tx.fetch(_ALL, {"account": account_id}))


async def list_type(
    tx: Tx, account_id: str, type_: ObjectType, *, after: int = 0, most: int = 1 << 30, with_deleted: bool = False
) -> list[AnyObject]:
    """The objects of one type with ids above ``after``, in the order of the ids."""
    statement = _PAGE if with_deleted else _PAGE.where(_ALIVE)
    rows = await tx.fetch(statement, {"account": account_id, "type_": type_, "after": after, "most": most})
    return [decode_object(row) for row in _stored(rows)]


async def count_type(tx: Tx, account_id: str, type_: ObjectType) -> int:
    """How many objects of a type are not deleted."""
    row = await tx.fetch_one(_COUNT, {"account": account_id, "type_": type_})
    return 0 if row is None else int(row[0])


async def find_objects(tx: Tx, account_id: str, ids: Iterable[int]) -> dict[int, AnyObject]:
    """Some objects by their ids; those that do not exist or are deleted are missing."""
    wanted = sorted(set(ids))
    found: dict[int, AnyObject] = {}
    for start in range(0, len(wanted), _MOST_AT_ONCE):
        some = wanted[start : start + _MOST_AT_ONCE]
        for row in _stored(await tx.fetch(_SOME, {"account": account_id, "ids": some})):
            one = decode_object(row)
            found[one.id] = one
    return found


class _Named(msgspec.Struct):
    name: str


_named: Final = msgspec.json.Decoder(_Named)
_NAMES: Final = sa.select(objects.c.object_id, objects.c.document).where(
    objects.c.account_id == _ACCOUNT, objects.c.object_id.in_(_IDS)
)


async def find_names(tx: Tx, account_id: str, ids: Iterable[int]) -> dict[int, str]:
    """What some objects are called, or were called when they were deleted, by their ids."""
    wanted = sorted(set(ids))
    found: dict[int, str] = {}
    for start in range(0, len(wanted), _MOST_AT_ONCE):
        rows = await tx.fetch(_NAMES, {"account": account_id, "ids": wanted[start : start + _MOST_AT_ONCE]})
        found.update((row[0], _named.decode(row[1]).name) for row in rows)
    return found


async def insert_objects(tx: Tx, account_id: str, some: Sequence[AnyObject], now: int) -> None:
    """Store new objects and what they refer to."""
    rows: list[dict[str, Value]] = [
        {
            "account_id": account_id,
            "object_id": one.id,
            "type": type_of(one),
            "document": _encode(one).decode(),
            "revision": one.revision,
            "deleted": one.deleted,
            "created_at": now,
            "updated_at": now,
        }
        for one in some
    ]
    await tx.insert_many(objects, rows)
    await tx.insert_many(references, [row for one in some for row in _references(account_id, one)])


async def put_object(tx: Tx, account_id: str, one: AnyObject, now: int) -> None:
    """Store the new state of an object and what it refers to; a deleted one refers to nothing."""
    changes: dict[str, Value] = {
        "account": account_id,
        "id_": one.id,
        "given": _encode(one).decode(),
        "number": one.revision,
        "gone": one.deleted,
        "now": now,
    }
    await tx.execute(_PUT, changes)
    await tx.execute(_FORGET, {"account": account_id, "id_": one.id})
    if not one.deleted:
        await tx.insert_many(references, _references(account_id, one))


# Who uses what

_FORGET: Final = sa.delete(references).where(
    references.c.account_id == _ACCOUNT, references.c.user_id == sa.bindparam("id_", type_=sa.BigInteger)
)
_USERS: Final = (
    sa.select(references.c.used_id, references.c.user_id)
    .where(references.c.account_id == _ACCOUNT, references.c.used_id.in_(_IDS))
    .order_by(references.c.user_id)
)


def _references(account_id: str, one: AnyObject) -> list[dict[str, Value]]:
    return [
        {"account_id": account_id, "used_id": used, "user_id": one.id}
        for used in sorted({reference.id for reference in references_of(one)})
    ]


async def find_users(tx: Tx, account_id: str, ids: Iterable[int]) -> dict[int, list[int]]:
    """The ids of the objects that refer to each of these, in their order; what nothing refers to is missing."""
    wanted = sorted(set(ids))
    found: dict[int, list[int]] = {}
    for start in range(0, len(wanted), _MOST_AT_ONCE):
        some = wanted[start : start + _MOST_AT_ONCE]
        for row in await tx.fetch(_USERS, {"account": account_id, "ids": some}):
            found.setdefault(int(row[0]), []).append(int(row[1]))
    return found
