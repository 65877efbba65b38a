"""SQL of the audit log: it is added to and read, nothing else."""

from collections.abc import Mapping
from functools import lru_cache

import msgspec
import sqlalchemy as sa

from switchbay.accounts.domain.audit import AuditEntry, AuditFilter
from switchbay.accounts.domain.people import Actor
from switchbay.accounts.store.accounts import next_number
from switchbay.accounts.tables import audit
from switchbay.infra.db import Row, Tx
from switchbay.infra.db.door import Value
from switchbay.kit.jsonvalue import JsonValue

_FILTERS = ("object_type", "object_id", "actor_kind", "actor_id", "action")
_encode = msgspec.json.Encoder().encode


@lru_cache(maxsize=1 << len(_FILTERS))
def _page(filtered: tuple[str, ...]) -> sa.Select[tuple[object, ...]]:
    statement = (
        sa.select(audit)
        .where(
            audit.c.account_id == sa.bindparam("account_id", required=True),
            audit.c.number < sa.bindparam("before", required=True),
        )
        .order_by(audit.c.number.desc())
        .limit(sa.bindparam("most", required=True, type_=sa.Integer))
    )
    return statement.where(*(audit.c[name] == sa.bindparam(name, required=True) for name in filtered))


async def record_audit(
    tx: Tx,
    *,
    account_id: str,
    actor: Actor,
    action: str,
    object_type: str,
    object_id: str,
    at: int,
    detail: Mapping[str, JsonValue] | None = None,
) -> None:
    """Add an entry in the transaction of the change it tells of, as the last statements of that transaction.

    ``action`` is ``object.verb``; ``detail`` says what changed and must hold no secret. The account's entries are
    numbered without gaps, so transactions of one account queue here until they commit.
    """
    number = await next_number(tx, account_id, "audit", 1)
    row: dict[str, Value] = {
        "account_id": account_id,
        "number": number,
        "at": at,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor_name": actor.name,
        "address": actor.address,
        "action": action,
        "object_type": object_type,
        "object_id": object_id,
        "detail": _encode(dict(detail or {})).decode("utf-8"),
    }
    await tx.insert(audit, row)


def _entry(row: Row) -> AuditEntry:
    return AuditEntry(
        account_id=row["account_id"],
        number=row["number"],
        at=row["at"],
        actor=Actor(row["actor_kind"], row["actor_id"], row["actor_name"], row["address"]),
        action=row["action"],
        object_type=row["object_type"],
        object_id=row["object_id"],
        detail=msgspec.json.decode(row["detail"]),
    )


async def list_audit(tx: Tx, account_id: str, wanted: AuditFilter, before: int, most: int) -> list[AuditEntry]:
    """Read entries with numbers below ``before``, newest first."""
    filters = {name: value for name in _FILTERS if (value := getattr(wanted, name)) is not None}
    params = {**filters, "account_id": account_id, "before": before, "most": most}
    return [_entry(row) for row in await tx.fetch(_page(tuple(filters)), params)]
