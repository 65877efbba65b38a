"""SQL of authorization codes, by their SHA-256. Functions take a transaction and never commit."""

from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value
from switchbay.oauth.domain import Code
from switchbay.oauth.tables import codes


async def insert_code(tx: Tx, code: Code) -> None:
    """Store a fresh code."""
    row: dict[str, Value] = {
        "account_id": code.account_id,
        "code_hash": code.code_hash,
        "grant_id": code.grant_id,
        "client_id": code.client_id,
        "redirect_uri": code.redirect_uri,
        "redirect_uri_given": code.redirect_uri_given,
        "code_challenge": code.code_challenge,
        "nonce": code.nonce,
        "created_at": code.created_at,
        "expires_at": code.expires_at,
        "used_at": code.used_at,
    }
    await tx.insert(codes, row)
