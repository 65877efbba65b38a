"""SQL of other OpenID providers and of the users who log in there. Functions take a transaction and never commit."""

from dataclasses import dataclass, field

import sqlalchemy as sa

from switchbay.accounts.public import Role
from switchbay.infra.db import Row, Tx
from switchbay.infra.db.door import Value
from switchbay.oauth.tables import upstream_users, upstreams

_ACCOUNT = upstreams.c.account_id == sa.bindparam("account_id", required=True)
_ID = upstreams.c.upstream_id == sa.bindparam("upstream_id", required=True)
_ALL = sa.select(upstreams).where(_ACCOUNT).order_by(upstreams.c.upstream_id)
_ONE = sa.select(upstreams).where(_ACCOUNT, _ID)
_ONE_LOCKED = _ONE.with_for_update()
_DELETE = sa.delete(upstreams).where(_ACCOUNT, _ID)
_LINKS = (
    upstream_users.c.account_id == sa.bindparam("account_id", required=True),
    upstream_users.c.upstream_id == sa.bindparam("upstream_id", required=True),
)
_BY_SUBJECT = sa.select(upstream_users.c.user_id).where(
    *_LINKS, upstream_users.c.subject == sa.bindparam("subject", required=True)
)
_DELETE_LINKS = sa.delete(upstream_users).where(*_LINKS)
_DELETE_LINK = _DELETE_LINKS.where(upstream_users.c.user_id == sa.bindparam("wanted_user", required=True))


@dataclass(frozen=True, slots=True)
class Upstream:
    """A provider at which users of an account may log in; ``sealed`` is the secret it gave to this server.

    ``login_claim`` names the claim that is the login name here; ``create_roles`` are the roles of users who are made at
    their first login, empty for none are made.
    """

    account_id: str
    upstream_id: str
    label: str
    issuer: str
    client_id: str
    sealed: bytes = field(repr=False)
    scope: str
    login_claim: str
    create_roles: frozenset[Role]
    enabled: bool
    created_at: int
    updated_at: int


def secret_context(account_id: str, upstream_id: str) -> str:
    """The place that a secret is sealed for."""
    return f"oauth_upstreams/{account_id}/{upstream_id}/client_secret"


def _upstream(row: Row) -> Upstream:
    return Upstream(
        account_id=row["account_id"],
        upstream_id=row["upstream_id"],
        label=row["label"],
        issuer=row["issuer"],
        client_id=row["client_id"],
        sealed=row["client_secret"],
        scope=row["scope"],
        login_claim=row["login_claim"],
        create_roles=frozenset(Role(word) for word in row["create_roles"].split()),
        enabled=row["enabled"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _row(upstream: Upstream) -> dict[str, Value]:
    return {
        "account_id": upstream.account_id,
        "upstream_id": upstream.upstream_id,
        "label": upstream.label,
        "issuer": upstream.issuer,
        "client_id": upstream.client_id,
        "client_secret": upstream.sealed,
        "scope": upstream.scope,
        "login_claim": upstream.login_claim,
        "create_roles": " ".join(sorted(role.value for role in upstream.create_roles)),
        "enabled": upstream.enabled,
        "created_at": upstream.created_at,
        "updated_at": upstream.updated_at,
    }


async def list_upstreams(tx: Tx, account_id: str) -> list[Upstream]:
    """Every provider of an account, the oldest first."""
    return [_upstream(row) for row in await tx.fetch(_ALL, {"account_id": account_id})]


async def find_upstream(tx: Tx, account_id: str, upstream_id: str, *, hold: bool = False) -> Upstream | None:
    """One provider; ``hold`` keeps others from changing it until the end of the transaction."""
    statement = _ONE_LOCKED if hold else _ONE
    row = await tx.fetch_one(statement, {"account_id": account_id, "upstream_id": upstream_id})
    return None if row is None else _upstream(row)


async def insert_upstream(tx: Tx, upstream: Upstream) -> None:
    """Store a new provider."""
    await tx.insert(upstreams, _row(upstream))


async def save_upstream(tx: Tx, upstream: Upstream) -> None:
    """Store what may change of a provider."""
    await tx.update_many(upstreams, [_row(upstream)], keys=("account_id", "upstream_id"))


async def delete_upstream(tx: Tx, account_id: str, upstream_id: str) -> bool:
    """Delete a provider and who is who there; tell whether it was there."""
    params = {"account_id": account_id, "upstream_id": upstream_id}
    await tx.execute(_DELETE_LINKS, params)
    return await tx.execute(_DELETE, params) == 1


async def delete_links(tx: Tx, account_id: str, upstream_id: str) -> int:
    """Forget who is who at a provider; return how many were known."""
    return await tx.execute(_DELETE_LINKS, {"account_id": account_id, "upstream_id": upstream_id})


async def find_linked_user(tx: Tx, account_id: str, upstream_id: str, subject: str) -> str | None:
    """The id of the user who is this subject there."""
    params = {"account_id": account_id, "upstream_id": upstream_id, "subject": subject}
    row = await tx.fetch_one(_BY_SUBJECT, params)
    return None if row is None else str(row["user_id"])


async def link_user(tx: Tx, account_id: str, upstream_id: str, subject: str, user_id: str, now: int) -> bool:
    """Remember who a subject is; False when the subject or the user is somebody else's already."""
    row: dict[str, Value] = {
        "account_id": account_id,
        "upstream_id": upstream_id,
        "subject": subject,
        "user_id": user_id,
        "created_at": now,
    }
    return await tx.insert_many(upstream_users, [row], ignore_conflicts=True) == 1


async def unlink_user(tx: Tx, account_id: str, upstream_id: str, user_id: str) -> bool:
    """Forget who a user is at a provider; tell whether it was known."""
    params = {"account_id": account_id, "upstream_id": upstream_id, "wanted_user": user_id}
    return await tx.execute(_DELETE_LINK, params) == 1
