"""SQL of failed logins and of the networks users are known from. Functions take a transaction and never commit."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from switchbay.accounts.domain.throttle import NONE, Failures, Place
from switchbay.accounts.tables import known_networks, login_failures
from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value

_ACCOUNT = login_failures.c.account_id == sa.bindparam("account_id", required=True)
_NAME = login_failures.c.name_hash == sa.bindparam("name_hash", required=True)
_NETWORK = login_failures.c.network == sa.bindparam("network", required=True)
_ONE = sa.select(login_failures).where(_ACCOUNT, _NAME, _NETWORK)
_ONE_LOCKED = _ONE.with_for_update()
_FORGET_NAME = sa.delete(login_failures).where(_ACCOUNT, _NAME)
_PURGE = sa.delete(login_failures).where(
    login_failures.c.last_at < sa.bindparam("before", required=True),
    login_failures.c.wait_until < sa.bindparam("now", required=True),
)
_KNOWN = sa.select(known_networks.c.last_at).where(
    known_networks.c.account_id == sa.bindparam("account_id", required=True),
    known_networks.c.user_id == sa.bindparam("user_id", required=True),
    known_networks.c.network == sa.bindparam("network", required=True),
    known_networks.c.last_at >= sa.bindparam("since", required=True),
)
_KNOW = (
    insert(known_networks)
    .values(
        account_id=sa.bindparam("account_id", required=True),
        user_id=sa.bindparam("user_id", required=True),
        network=sa.bindparam("network", required=True),
        last_at=sa.bindparam("at", required=True),
    )
    .on_conflict_do_update(
        index_elements=[known_networks.c.account_id, known_networks.c.user_id, known_networks.c.network],
        set_={"last_at": sa.bindparam("at", required=True)},
    )
)
_PURGE_KNOWN = sa.delete(known_networks).where(known_networks.c.last_at < sa.bindparam("before", required=True))


def _key(account_id: str, place: Place) -> dict[str, Value]:
    return {"account_id": account_id, "name_hash": place.name_hash, "network": place.network}


async def load_failures(tx: Tx, account_id: str, places: Sequence[Place]) -> Mapping[Place, Failures]:
    """Read the counts at some places, without locking them."""
    return await _load(tx, _ONE, account_id, places)


async def lock_failures(tx: Tx, account_id: str, places: Sequence[Place]) -> Mapping[Place, Failures]:
    """Read the counts at some places and hold them, present or not, until the end of the transaction."""
    rows: list[dict[str, Value]] = [
        {**_key(account_id, place), "failures": 0, "last_at": 0, "wait_until": 0} for place in places
    ]
    await tx.insert_many(login_failures, rows, ignore_conflicts=True)
    return await _load(tx, _ONE_LOCKED, account_id, places)


async def _load(
    tx: Tx, statement: sa.Select[tuple[object, ...]], account_id: str, places: Sequence[Place]
) -> Mapping[Place, Failures]:
    found: dict[Place, Failures] = {}
    for place in places:
        row = await tx.fetch_one(statement, _key(account_id, place))
        found[place] = NONE if row is None else Failures(row["failures"], row["last_at"], row["wait_until"])
    return found


async def save_failures(tx: Tx, account_id: str, counts: Mapping[Place, Failures]) -> None:
    """Store counts that ``lock_failures`` read."""
    rows: list[dict[str, Value]] = [
        {
            **_key(account_id, place),
            "failures": failures.count,
            "last_at": failures.last_at,
            "wait_until": failures.wait_until,
        }
        for place, failures in counts.items()
    ]
    await tx.update_many(login_failures, rows, keys=("account_id", "name_hash", "network"))


async def forget_name(tx: Tx, account_id: str, name_hash: str) -> int:
    """Delete every count of a user name; return how many there were."""
    return await tx.execute(_FORGET_NAME, {"account_id": account_id, "name_hash": name_hash})


async def is_known(tx: Tx, account_id: str, user_id: int, network: str, since: int) -> bool:
    """Whether the user logged in from this network since then."""
    params: dict[str, Value] = {"account_id": account_id, "user_id": user_id, "network": network, "since": since}
    return await tx.fetch_one(_KNOWN, params) is not None


async def know(tx: Tx, account_id: str, user_id: int, network: str, at: int) -> None:
    """Remember that the user logged in from this network."""
    await tx.execute(_KNOW, {"account_id": account_id, "user_id": user_id, "network": network, "at": at})


async def purge(tx: Tx, now: int, forget_before: int, unknown_before: int) -> int:
    """Delete what has no effect any more, in every account."""
    gone = await tx.execute(_PURGE, {"before": forget_before, "now": now})
    return gone + await tx.execute(_PURGE_KNOWN, {"before": unknown_before})
