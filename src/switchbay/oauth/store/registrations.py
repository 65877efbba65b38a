"""SQL of apps that were registered by RFC 7591, and of initial access tokens."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa

from switchbay.infra.db import Row, Tx
from switchbay.infra.web import json_bytes
from switchbay.kit.jsonvalue import JsonValue
from switchbay.oauth.tables import initial_tokens, registrations


@dataclass(frozen=True, slots=True)
class Registration:
    """An app's registration: the hash of the token that manages it, and metadata that its manifest has no place for."""

    account_id: str
    client_id: str
    token_hash: bytes
    metadata: Mapping[str, JsonValue]
    created_at: int


@dataclass(frozen=True, slots=True)
class InitialToken:
    """An initial access token without its text. Times in epoch milliseconds; ``created_by`` is a login name."""

    account_id: str
    token_id: str
    label: str
    uses_left: int
    created_at: int
    created_by: str
    expires_at: int


_ACCOUNT: sa.BindParameter[str] = sa.bindparam("account")
_CLIENT: sa.BindParameter[str] = sa.bindparam("client")
_ONE_REGISTRATION = sa.and_(registrations.c.account_id == _ACCOUNT, registrations.c.client_id == _CLIENT)
_FIND = sa.select(registrations).where(_ONE_REGISTRATION)
_UPDATE = sa.update(registrations).where(_ONE_REGISTRATION).values(metadata=sa.bindparam("new_metadata"))
_DELETE = sa.delete(registrations).where(_ONE_REGISTRATION)

_ONE_TOKEN = sa.and_(initial_tokens.c.account_id == _ACCOUNT, initial_tokens.c.token_id == sa.bindparam("token"))
_BY_HASH = sa.and_(
    initial_tokens.c.account_id == _ACCOUNT,
    initial_tokens.c.token_hash == sa.bindparam("hash"),
    initial_tokens.c.uses_left > 0,
    initial_tokens.c.expires_at > sa.bindparam("now"),
)
_TOKEN_COLUMNS = tuple(column for column in initial_tokens.columns if column.name != "token_hash")
_FIND_TOKEN = sa.select(*_TOKEN_COLUMNS).where(_BY_HASH)
_USE_TOKEN = sa.update(initial_tokens).where(_BY_HASH).values(uses_left=initial_tokens.c.uses_left - 1)
_LIST_TOKENS = (
    sa.select(*_TOKEN_COLUMNS)
    .where(initial_tokens.c.account_id == _ACCOUNT)
    .order_by(initial_tokens.c.created_at.desc(), initial_tokens.c.token_id.desc())
)
_GET_TOKEN = sa.select(*_TOKEN_COLUMNS).where(_ONE_TOKEN)
_DROP_TOKEN = sa.delete(initial_tokens).where(_ONE_TOKEN)
_DROP_OLD = sa.delete(initial_tokens).where(
    initial_tokens.c.account_id == _ACCOUNT,
    sa.or_(initial_tokens.c.uses_left <= 0, initial_tokens.c.expires_at <= sa.bindparam("now")),
    initial_tokens.c.created_at <= sa.bindparam("before"),
)


async def insert_registration(tx: Tx, registration: Registration) -> None:
    """Store a new registration."""
    await tx.insert(
        registrations,
        {
            "account_id": registration.account_id,
            "client_id": registration.client_id,
            "token_hash": registration.token_hash,
            "metadata": json_bytes(dict(registration.metadata)).decode(),
            "created_at": registration.created_at,
        },
    )


async def find_registration(tx: Tx, account_id: str, client_id: str) -> Registration | None:
    """An app's registration."""
    row = await tx.fetch_one(_FIND, {"account": account_id, "client": client_id})
    if row is None:
        return None
    return Registration(
        account_id=row["account_id"],
        client_id=row["client_id"],
        token_hash=bytes(row["token_hash"]),
        metadata=msgspec.json.decode(row["metadata"]),
        created_at=row["created_at"],
    )


async def update_registration(tx: Tx, account_id: str, client_id: str, metadata: Mapping[str, JsonValue]) -> None:
    """Replace the metadata that is kept beside the manifest."""
    text = json_bytes(dict(metadata)).decode()
    await tx.execute(_UPDATE, {"account": account_id, "client": client_id, "new_metadata": text})


async def delete_registration(tx: Tx, account_id: str, client_id: str) -> None:
    """Forget a registration; its token is good for nothing then."""
    await tx.execute(_DELETE, {"account": account_id, "client": client_id})


async def insert_token(tx: Tx, token: InitialToken, token_hash: bytes) -> None:
    """Store a new initial access token."""
    await tx.insert(
        initial_tokens,
        {
            "account_id": token.account_id,
            "token_id": token.token_id,
            "token_hash": token_hash,
            "label": token.label,
            "uses_left": token.uses_left,
            "created_at": token.created_at,
            "created_by": token.created_by,
            "expires_at": token.expires_at,
        },
    )


async def find_token(tx: Tx, account_id: str, token_hash: bytes, now: int) -> InitialToken | None:
    """The token with this hash, if it may still be used."""
    row = await tx.fetch_one(_FIND_TOKEN, {"account": account_id, "hash": token_hash, "now": now})
    return None if row is None else _token(row)


async def use_token(tx: Tx, account_id: str, token_hash: bytes, now: int) -> bool:
    """Take one use of a token; False when there is none left. One of many at once gets the last."""
    return await tx.execute(_USE_TOKEN, {"account": account_id, "hash": token_hash, "now": now}) == 1


async def list_tokens(tx: Tx, account_id: str) -> list[InitialToken]:
    """The account's initial access tokens, the newest first, those that are used up or over included."""
    return [_token(row) for row in await tx.fetch(_LIST_TOKENS, {"account": account_id})]


async def get_token(tx: Tx, account_id: str, token_id: str) -> InitialToken | None:
    """One initial access token."""
    row = await tx.fetch_one(_GET_TOKEN, {"account": account_id, "token": token_id})
    return None if row is None else _token(row)


async def drop_token(tx: Tx, account_id: str, token_id: str) -> bool:
    """Take a token back; False when there is none."""
    return await tx.execute(_DROP_TOKEN, {"account": account_id, "token": token_id}) == 1


async def drop_old_tokens(tx: Tx, account_id: str, now: int, before: int) -> None:
    """Forget tokens that cannot be used any more and were made before an instant."""
    await tx.execute(_DROP_OLD, {"account": account_id, "now": now, "before": before})


def _token(row: Row) -> InitialToken:
    return InitialToken(
        account_id=row["account_id"],
        token_id=row["token_id"],
        label=row["label"],
        uses_left=row["uses_left"],
        created_at=row["created_at"],
        created_by=row["created_by"],
        expires_at=row["expires_at"],
    )
