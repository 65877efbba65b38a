"""SQL of the client certificates that are shown to endpoints."""

from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from switchbay.infra.db import Row, Tx
from switchbay.webhooks.tables import client_certificates as table

_KEY = ("account_id", "owner_id", "event_key")

_insert = insert(table).values({column.name: sa.bindparam(column.name) for column in table.columns})
_put = _insert.on_conflict_do_update(
    index_elements=_KEY,
    set_={column.name: _insert.excluded[column.name] for column in table.columns if column.name not in _KEY},
)
_of_owner = (
    sa.select(table)
    .where(table.c.account_id == sa.bindparam("account_id"), table.c.owner_id == sa.bindparam("owner_id"))
    .order_by(table.c.event_key)
)
_by_id = sa.select(table).where(
    table.c.account_id == sa.bindparam("account_id"), table.c.certificate_id == sa.bindparam("certificate_id")
)
_delete = sa.delete(table).where(
    table.c.account_id == sa.bindparam("account"),
    table.c.owner_id == sa.bindparam("owner"),
    table.c.certificate_id == sa.bindparam("certificate"),
)


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """A client certificate with its key sealed. Times are epoch milliseconds."""

    account_id: str
    owner_id: str
    event_key: str
    certificate_id: str
    chain: bytes = field(repr=False)
    private_key: bytes = field(repr=False)
    subject: str
    issuer: str
    fingerprint: str
    not_before: int
    not_after: int
    created_at: int


def _row(row: Row) -> CertificateRow:
    return CertificateRow(*(row[column.name] for column in table.columns))


async def put(tx: Tx, row: CertificateRow) -> None:
    """Store a certificate in place of the one that its app has for this event."""
    await tx.execute(_put, {column.name: getattr(row, column.name) for column in table.columns})


async def delete(tx: Tx, row: CertificateRow) -> None:
    """Forget a certificate, unless another has taken its place."""
    await tx.execute(_delete, {"account": row.account_id, "owner": row.owner_id, "certificate": row.certificate_id})


async def of_owner(tx: Tx, account_id: str, owner_id: str) -> list[CertificateRow]:
    """An app's certificates, by event key."""
    return [_row(row) for row in await tx.fetch(_of_owner, {"account_id": account_id, "owner_id": owner_id})]


async def find(tx: Tx, account_id: str, certificate_id: str) -> CertificateRow | None:
    """One certificate of an account."""
    row = await tx.fetch_one(_by_id, {"account_id": account_id, "certificate_id": certificate_id})
    return None if row is None else _row(row)
