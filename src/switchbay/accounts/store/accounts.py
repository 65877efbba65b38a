"""SQL of accounts and of the numbers they give out. Functions take a transaction and never commit."""

from typing import Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from switchbay.accounts.domain.account import Account
from switchbay.accounts.tables import accounts, counters
from switchbay.infra.db import Row, Tx
from switchbay.infra.db.door import Value

_ACCOUNT = accounts.c.account_id == sa.bindparam("account_id", required=True)
_ONE = sa.select(accounts).where(_ACCOUNT)
_LOCKED = _ONE.with_for_update()
_ALL = sa.select(accounts).order_by(accounts.c.account_id)
_NEXT = (
    insert(counters)
    .values(
        account_id=sa.bindparam("account_id", required=True),
        kind=sa.bindparam("kind", required=True),
        value=sa.bindparam("first", required=True),
    )
    .on_conflict_do_update(
        index_elements=[counters.c.account_id, counters.c.kind], set_={"value": counters.c.value + 1}
    )
    .returning(counters.c.value)
)


def _account(row: Row) -> Account:
    return Account(
        account_id=row["account_id"],
        name=row["name"],
        created_at=row["created_at"],
        signature_algorithm=row["signature_algorithm"],
        signature_encoding=row["signature_encoding"],
        standard_webhooks=row["standard_webhooks"],
        reveal_client_secret=row["reveal_client_secret"],
        messaging_enabled=row["messaging_enabled"],
        ttr_seconds={
            "URGENT": row["ttr_urgent"],
            "NORMAL": row["ttr_normal"],
            "PRIORITIZED": row["ttr_prioritized"],
        },
        webhook_breaker=bool(row["webhook_breaker"]),
        disable_slow_webhooks=bool(row["disable_slow_webhooks"]),
        survey_app=row["survey_app"],
        survey_seconds=row["survey_seconds"],
        auto_close_seconds=row["auto_close_seconds"],
        history_days=row["history_days"],
        agent_capacity=row["agent_capacity"],
        requeue_on_disconnect=bool(row["requeue_on_disconnect"]),
        web_origins=tuple(row["web_origins"].split()),
        file_total_bytes=row["file_total_bytes"],
    )


def _settings(account: Account) -> dict[str, Value]:
    return {
        "name": account.name,
        "signature_algorithm": account.signature_algorithm,
        "signature_encoding": account.signature_encoding,
        "standard_webhooks": account.standard_webhooks,
        "reveal_client_secret": account.reveal_client_secret,
        "messaging_enabled": account.messaging_enabled,
        "ttr_urgent": account.ttr_seconds["URGENT"],
        "ttr_normal": account.ttr_seconds["NORMAL"],
        "ttr_prioritized": account.ttr_seconds["PRIORITIZED"],
        "webhook_breaker": account.webhook_breaker,
        "disable_slow_webhooks": account.disable_slow_webhooks,
        "survey_app": account.survey_app,
        "survey_seconds": account.survey_seconds,
        "auto_close_seconds": account.auto_close_seconds,
        "history_days": account.history_days,
        "agent_capacity": account.agent_capacity,
        "requeue_on_disconnect": account.requeue_on_disconnect,
        "web_origins": " ".join(account.web_origins),
        "file_total_bytes": account.file_total_bytes,
    }


async def find_account(tx: Tx, account_id: str) -> Account | None:
    """Read an account."""
    row = await tx.fetch_one(_ONE, {"account_id": account_id})
    return None if row is None else _account(row)


async def lock_account(tx: Tx, account_id: str) -> Account | None:
    """Read an account and keep others from changing it or its users until the end of the transaction."""
    row = await tx.fetch_one(_LOCKED, {"account_id": account_id})
    return None if row is None else _account(row)


async def list_accounts(tx: Tx) -> list[Account]:
    """Read every account."""
    return [_account(row) for row in await tx.fetch(_ALL)]


async def insert_account(tx: Tx, account: Account) -> None:
    """Store a new account. Raises ``UniqueViolation`` when the id is taken."""
    await tx.insert(
        accounts, {"account_id": account.account_id, "created_at": account.created_at, **_settings(account)}
    )


async def save_account(tx: Tx, account: Account) -> None:
    """Store an account's settings."""
    await tx.update_many(accounts, [{"account_id": account.account_id, **_settings(account)}], keys=("account_id",))


async def next_number(tx: Tx, account_id: str, kind: Literal["user", "audit"], first: int) -> int:
    """Give out the account's next number of a kind, without gaps; ``first`` is where the numbers begin."""
    row = await tx.fetch_one(_NEXT, {"account_id": account_id, "kind": kind, "first": first})
    if row is None:
        raise AssertionError("an upsert with RETURNING returns its row")
    return int(row[0])
