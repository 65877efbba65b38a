"""SQL of second factors. Functions take a transaction and never commit."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import sqlalchemy as sa

from switchbay.accounts.domain.second_factor import SecondFactorState
from switchbay.accounts.tables import second_factors
from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value

_KEY = (
    second_factors.c.account_id == sa.bindparam("account_id", required=True),
    second_factors.c.user_id == sa.bindparam("user_id", required=True),
)
_ONE = sa.select(second_factors).where(*_KEY)
_DELETE = sa.delete(second_factors).where(*_KEY)
_CONFIRM = (
    sa.update(second_factors)
    .where(*_KEY, second_factors.c.confirmed_at.is_(None))
    .values(
        confirmed_at=sa.bindparam("now", required=True),
        last_step=sa.bindparam("step", required=True),
        recovery_hashes=sa.bindparam("after", required=True),
    )
)
_TAKE_STEP = (
    sa.update(second_factors)
    .where(*_KEY, second_factors.c.last_step < sa.bindparam("step", required=True))
    .values(last_step=sa.bindparam("step", required=True))
)
_SWAP_RECOVERY = (
    sa.update(second_factors)
    .where(*_KEY, second_factors.c.recovery_hashes == sa.bindparam("before", required=True))
    .values(recovery_hashes=sa.bindparam("after", required=True))
)


@dataclass(frozen=True, slots=True)
class StoredFactor:
    """A second factor with what only a check of a code may see; ``sealed`` is its secret."""

    account_id: str
    user_id: int
    sealed: bytes = field(repr=False)
    created_at: int
    confirmed_at: int | None
    last_step: int
    recovery_hashes: tuple[str, ...] = field(repr=False)

    @property
    def state(self) -> SecondFactorState:
        """What may be told of it."""
        return SecondFactorState(self.created_at, self.confirmed_at, len(self.recovery_hashes))


def secret_context(account_id: str, user_id: int) -> str:
    """The place that a secret is sealed for."""
    return f"account_second_factors/{account_id}/{user_id}/secret"


def _encoded(hashes: Sequence[str]) -> str:
    return msgspec.json.encode(list(hashes)).decode("ascii")


def _key(factor: StoredFactor) -> dict[str, Value]:
    return {"account_id": factor.account_id, "user_id": factor.user_id}


async def find_factor(tx: Tx, account_id: str, user_id: int) -> StoredFactor | None:
    """Read a user's second factor, confirmed or not. Lock the user first where it is to be changed."""
    row = await tx.fetch_one(_ONE, {"account_id": account_id, "user_id": user_id})
    if row is None:
        return None
    return StoredFactor(
        account_id=row["account_id"],
        user_id=row["user_id"],
        sealed=row["secret"],
        created_at=row["created_at"],
        confirmed_at=row["confirmed_at"],
        last_step=row["last_step"],
        recovery_hashes=msgspec.json.decode(row["recovery_hashes"], type=tuple[str, ...]),
    )


async def put_factor(tx: Tx, factor: StoredFactor) -> None:
    """Store a factor in the place of one that was set up before."""
    await tx.execute(_DELETE, _key(factor))
    row: dict[str, Value] = {
        **_key(factor),
        "secret": factor.sealed,
        "created_at": factor.created_at,
        "confirmed_at": factor.confirmed_at,
        "last_step": factor.last_step,
        "recovery_hashes": _encoded(factor.recovery_hashes),
    }
    await tx.insert(second_factors, row)


async def confirm(tx: Tx, factor: StoredFactor, step: int, recovery_hashes: Sequence[str], now: int) -> bool:
    """Put a factor into use, with the step of the code that proved it; tell whether it was not in use before."""
    params: dict[str, Value] = {**_key(factor), "now": now, "step": step, "after": _encoded(recovery_hashes)}
    return await tx.execute(_CONFIRM, params) == 1


async def take_step(tx: Tx, factor: StoredFactor, step: int) -> bool:
    """Use up a step and all before it; False when somebody else was faster."""
    return await tx.execute(_TAKE_STEP, {**_key(factor), "step": step}) == 1


async def swap_recovery_hashes(tx: Tx, factor: StoredFactor, after: Sequence[str]) -> bool:
    """Store other recovery codes; False when they have changed since the factor was read."""
    params: dict[str, Value] = {
        **_key(factor),
        "before": _encoded(factor.recovery_hashes),
        "after": _encoded(after),
    }
    return await tx.execute(_SWAP_RECOVERY, params) == 1


async def delete_factor(tx: Tx, account_id: str, user_id: int) -> bool:
    """Delete a user's second factor; tell whether there was one."""
    return await tx.execute(_DELETE, {"account_id": account_id, "user_id": user_id}) == 1
