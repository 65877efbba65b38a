"""SQL of refresh tokens and opaque access tokens, which are stored as their SHA-256 only."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa

from switchbay.infra.db import Row, Tx
from switchbay.oauth.tables import grants, tokens


class TokenKind(StrEnum):
    """What a stored token is for."""

    ACCESS = "access"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token without its text. Times in epoch milliseconds.

    A refresh token that was used has ``used_at`` and, sealed, the ``successor`` that was given out for it.
    """

    account_id: str
    token_hash: bytes
    kind: TokenKind
    grant_id: str
    client_id: str
    scope: frozenset[str]
    created_at: int
    expires_at: int
    used_at: int | None = None
    successor: bytes | None = None


_FIND = sa.select(
    tokens.c.account_id,
    tokens.c.token_hash,
    tokens.c.kind,
    tokens.c.grant_id,
    tokens.c.client_id,
    tokens.c.scope,
    tokens.c.created_at,
    tokens.c.expires_at,
    tokens.c.used_at,
    tokens.c.successor,
).where(tokens.c.account_id == sa.bindparam("account"), tokens.c.token_hash == sa.bindparam("hash"))
# The one statement that decides which of many uses of a refresh token is the first.
_ROTATE = (
    sa.update(tokens)
    .where(
        tokens.c.account_id == sa.bindparam("account"),
        tokens.c.token_hash == sa.bindparam("hash"),
        tokens.c.kind == TokenKind.REFRESH.value,
        tokens.c.used_at.is_(None),
        tokens.c.expires_at > sa.bindparam("now"),
        sa.exists().where(
            grants.c.account_id == tokens.c.account_id,
            grants.c.grant_id == tokens.c.grant_id,
            grants.c.revoked_at.is_(None),
        ),
    )
    .values(used_at=sa.bindparam("now"), successor=sa.bindparam("sealed"))
)
_OVER = (
    sa.select(tokens.c.account_id, tokens.c.token_hash)
    .where(tokens.c.expires_at <= sa.bindparam("now"))
    .order_by(tokens.c.expires_at)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_PURGE = sa.delete(tokens).where(sa.tuple_(tokens.c.account_id, tokens.c.token_hash).in_(_OVER))


def _token(row: Row) -> StoredToken:
    return StoredToken(
        account_id=row["account_id"],
        token_hash=bytes(row["token_hash"]),
        kind=TokenKind(row["kind"]),
        grant_id=row["grant_id"],
        client_id=row["client_id"],
        scope=frozenset(row["scope"].split()),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        used_at=row["used_at"],
        successor=None if row["successor"] is None else bytes(row["successor"]),
    )


async def insert_tokens(tx: Tx, new: Sequence[StoredToken]) -> None:
    """Add tokens."""
    rows = [
        {
            "account_id": token.account_id,
            "token_hash": token.token_hash,
            "kind": token.kind.value,
            "grant_id": token.grant_id,
            "client_id": token.client_id,
            "scope": " ".join(sorted(token.scope)),
            "created_at": token.created_at,
            "expires_at": token.expires_at,
            "used_at": token.used_at,
            "successor": token.successor,
        }
        for token in new
    ]
    await tx.insert_many(tokens, rows)


async def find_token(tx: Tx, account_id: str, token_hash: bytes) -> StoredToken | None:
    """The token with this hash, whatever its kind and whether it still counts or not."""
    row = await tx.fetch_one(_FIND, {"account": account_id, "hash": token_hash})
    return None if row is None else _token(row)


async def rotate_token(tx: Tx, account_id: str, token_hash: bytes, now: int, successor: bytes) -> bool:
    """Mark a refresh token as used and keep its sealed successor.

    False, and nothing changed, when it was used before, is over, or its grant is revoked or gone.
    """
    return await tx.execute(_ROTATE, {"account": account_id, "hash": token_hash, "now": now, "sealed": successor}) == 1


async def purge_tokens(tx: Tx, now: int, most: int) -> int:
    """Delete up to ``most`` tokens of any account that are over; return how many went."""
    return await tx.execute(_PURGE, {"now": now, "most": most})
