"""The headers of Standard Webhooks, beside the vendor's signature, and the keys of accounts that sign them.

Follows the specification of that name. The symmetric secret of an app is its client secret: ``whsec_`` and the base64
of the client secret's characters is what the libraries of Standard Webhooks take. While a secret is being rotated both
sign, and so do both keys while an account's Ed25519 key is.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from switchbay.accounts.public import Actor, record_audit
from switchbay.infra.db import Database, Tx, UniqueViolation
from switchbay.infra.machine import Clock, Randomness
from switchbay.infra.memory import RecentCache
from switchbay.infra.vault import Vault
from switchbay.kit.signatures import StandardWebhooks, sign_v1, sign_v1a, signed_content, webhook_public_key
from switchbay.webhooks.store import signing_keys as store
from switchbay.webhooks.store.signing_keys import SigningKeyRow

_KEY_BYTES = 32
_FRESH_SECONDS = 2.0
_MOST_ACCOUNTS = 1_000
_NAMES = frozenset({"webhook-id", "webhook-timestamp", "webhook-signature"})
_MESSAGE_ID = "X-Liveperson-Request-Id"

Headers = list[tuple[str, str]]
Keys = tuple[Ed25519PrivateKey, ...]


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key as receivers know it, ``whpk_…``. ``ends_at`` is when it signs no more, None until there is another."""

    key_id: str
    public_key: str
    created_at: int
    ends_at: int | None


def with_standard_headers(headers: Headers, body: bytes, secrets: Sequence[bytes], keys: Keys, now: int) -> Headers:
    """Add the three headers; custom ones of the same names go. The id is that of the vendor's header, in every attempt.

    Each of ``secrets`` gives a ``v1`` signature and each of ``keys`` a ``v1a`` one; ``now`` is in milliseconds.
    """
    message_id = next(value for name, value in headers if name == _MESSAGE_ID)
    seconds = now // 1000
    content = signed_content(message_id, seconds, body)
    given = [sign_v1(secret, content) for secret in secrets] + [sign_v1a(key, content) for key in keys]
    return [
        *((name, value) for name, value in headers if name.lower() not in _NAMES),
        ("webhook-id", message_id),
        ("webhook-timestamp", str(seconds)),
        ("webhook-signature", " ".join(given)),
    ]


class SigningKeys:
    """The Ed25519 keys of accounts. An account's first key is made when it is first needed or asked for."""

    def __init__(self, db: Database, clock: Clock, randomness: Randomness, vault: Vault) -> None:
        self._db = db
        self._clock = clock
        self._randomness = randomness
        self._vault = vault
        self._recent: RecentCache[str, Keys] = RecentCache(
            self._open, clock, seconds=_FRESH_SECONDS, most=_MOST_ACCOUNTS
        )

    async def find(self, account_id: str, wanted: StandardWebhooks) -> Keys:
        """The keys that sign an account's webhooks at most two seconds ago; none where only secrets do."""
        if wanted != "v1a":
            return ()
        return self._recent.known(account_id) or await self._recent.find(account_id) or ()

    async def public_keys(self, account_id: str) -> list[PublicKey]:
        """The public parts of the keys that sign at present, the newest first."""
        return [
            PublicKey(row.key_id, webhook_public_key(row.public_key), row.created_at, row.ends_at)
            for row in await self._rows(account_id)
        ]

    async def rotate(self, account_id: str, overlap_seconds: int, actor: Actor) -> None:
        """Make a new key; what signed until now goes on beside it for ``overlap_seconds``."""
        now = self._clock.now_ms()
        row = self._new(account_id, now)
        until = now + 1000 * overlap_seconds

        async def work(tx: Tx) -> None:
            await store.end_current(tx, account_id, until)
            await store.insert_key(tx, row)
            tx.on_commit(lambda: self._recent.drop(account_id))
            await record_audit(
                tx,
                account_id=account_id,
                actor=actor,
                action="webhook_key.rotate",
                object_type="webhook_key",
                object_id=row.key_id,
                at=now,
                detail={"public_key": webhook_public_key(row.public_key), "others_end_at": until},
            )

        try:
            await self._db.write(work)
        except UniqueViolation:
            self._recent.drop(account_id)  # somebody else rotated it at the same instant, which is what was wanted

    async def _rows(self, account_id: str) -> Sequence[SigningKeyRow]:
        now = self._clock.now_ms()
        rows = await self._db.read(lambda tx: store.find_keys(tx, account_id, now))
        if any(row.ends_at is None for row in rows):
            return rows
        first = self._new(account_id, now)
        with contextlib.suppress(UniqueViolation):  # another node made one meanwhile
            await self._db.write(lambda tx: store.insert_key(tx, first))
        return await self._db.read(lambda tx: store.find_keys(tx, account_id, now))

    def _new(self, account_id: str, now: int) -> SigningKeyRow:
        secret = self._randomness.bytes(_KEY_BYTES)
        key_id = self._randomness.sortable_id("whk", now)
        public_key = Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
        return SigningKeyRow(
            account_id, key_id, public_key, self._vault.seal(secret, _context(account_id, key_id)), now, None
        )

    async def _open(self, account_id: str) -> Keys:
        return tuple(
            Ed25519PrivateKey.from_private_bytes(
                self._vault.open_bytes(row.private_key, _context(account_id, row.key_id))
            )
            for row in await self._rows(account_id)
        )


def _context(account_id: str, key_id: str) -> str:
    return f"webhook_signing_keys/{account_id}/{key_id}"
