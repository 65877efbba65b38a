"""The keys of all accounts: made when first needed, sealed at rest, parsed once, remembered for a while.

What a row says (which key signs, what a key may sign) is believed for two seconds, so that another node's change is
seen; a parsed private key, which never changes under its id, is kept as long as there is room.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from joserfc.jwk import RSAKey

from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock, Randomness
from switchbay.infra.memory import BoundedCache, SingleFlight
from switchbay.infra.vault import Vault
from switchbay.oauth.domain import KeyPurpose, KeyState
from switchbay.oauth.errors import keys_unavailable
from switchbay.oauth.protocol.consumer_identity import IDENTITY_KEY_BYTES
from switchbay.oauth.protocol.rfc7515_signature import ALGORITHM
from switchbay.oauth.protocol.rfc7517_keys import (
    generate_key,
    load_private_key,
    load_public_key,
    render_key_set,
)
from switchbay.oauth.store import keys as store

ROW_SECONDS = 2.0
MOST_PUBLISHED_KEYS = 1_000
_MOST_ACTIVE = 10_000
_MOST_PRIVATE = 2_000
_MOST_PUBLIC = 10_000
_MOST_IDENTITIES = 10_000


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs, and its id."""

    kid: str
    key: RSAKey


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A key that verifies, and what it may have signed."""

    purpose: KeyPurpose
    key: RSAKey


class KeyRing:
    """Finds keys, and makes the first one of each purpose."""

    def __init__(self, db: Database, clock: Clock, randomness: Randomness, vault: Vault) -> None:
        self._db = db
        self._clock = clock
        self._randomness = randomness
        self._vault = vault
        self._active: BoundedCache[tuple[str, KeyPurpose], tuple[float, SigningKey]] = BoundedCache(_MOST_ACTIVE)
        self._private: BoundedCache[tuple[str, str], SigningKey] = BoundedCache(_MOST_PRIVATE)
        self._public: BoundedCache[tuple[str, str], tuple[float, VerificationKey]] = BoundedCache(_MOST_PUBLIC)
        self._identities: BoundedCache[str, bytes] = BoundedCache(_MOST_IDENTITIES)
        self._key_set: tuple[float, bytes] | None = None
        self._active_loads: SingleFlight[tuple[str, KeyPurpose], SigningKey] = SingleFlight()
        self._public_loads: SingleFlight[tuple[str, str], VerificationKey | None] = SingleFlight()
        self._identity_loads: SingleFlight[str, bytes] = SingleFlight()
        self._key_set_loads: SingleFlight[None, bytes] = SingleFlight()
        self._generating = asyncio.Semaphore(1)  # making keys for many accounts must not take every core

    async def get_signing_key(self, account_id: str, purpose: KeyPurpose) -> SigningKey:
        """The key that signs for this purpose; it is made now if there is none. The account must exist."""
        place = (account_id, purpose)
        known = self._active.get(place)
        if known is not None and self._clock.monotonic() < known[0]:
            return known[1]
        return await self._active_loads.run(place, lambda: self._load_signing_key(account_id, purpose))

    async def _load_signing_key(self, account_id: str, purpose: KeyPurpose) -> SigningKey:
        row = await self._db.read(lambda tx: store.find_active_key(tx, account_id, purpose))
        if row is None:
            row = await self._make_key(account_id, purpose)
        signing = self._private.get((account_id, row.kid))
        if signing is None:
            der = self._vault.open_bytes(row.private_key, _key_context(account_id, row.kid))
            signing = SigningKey(row.kid, load_private_key(der))
            self._private.put((account_id, row.kid), signing)
        self._active.put((account_id, purpose), (self._clock.monotonic() + ROW_SECONDS, signing))
        return signing

    async def _make_key(self, account_id: str, purpose: KeyPurpose) -> store.KeyRow:
        """Make the purpose's first key; when another node was faster, the result is its key."""
        async with self._generating:
            new = await asyncio.to_thread(generate_key)
        now = self._clock.now_ms()
        made = store.KeyRow(
            account_id=account_id,
            kid=new.kid,
            purpose=purpose,
            state=KeyState.ACTIVE,
            alg=ALGORITHM,
            private_key=self._vault.seal(new.private_der, _key_context(account_id, new.kid)),
            public_jwk=new.public_jwk,
            created_at=now,
            state_at=now,
        )

        async def add(tx: Tx) -> store.KeyRow | None:
            await store.add_key(tx, made)
            return await store.find_active_key(tx, account_id, purpose)

        row = await self._db.write(add)
        if row is None:
            raise keys_unavailable()
        self._key_set = None
        return row

    async def find_verification_key(self, account_id: str, kid: str) -> VerificationKey | None:
        """The account's key with this id. One that is not found is looked up again the next time."""
        place = (account_id, kid)
        known = self._public.get(place)
        if known is not None and self._clock.monotonic() < known[0]:
            return known[1]
        return await self._public_loads.run(place, lambda: self._load_verification_key(account_id, kid))

    async def _load_verification_key(self, account_id: str, kid: str) -> VerificationKey | None:
        row = await self._db.read(lambda tx: store.find_key(tx, account_id, kid))
        if row is None:
            self._public.discard((account_id, kid))
            return None
        found = VerificationKey(row.purpose, load_public_key(row.public_jwk))
        self._public.put((account_id, kid), (self._clock.monotonic() + ROW_SECONDS, found))
        return found

    async def get_identity_key(self, account_id: str) -> bytes:
        """The key that makes the platform's consumer ids; made when first needed, the same for good."""
        known = self._identities.get(account_id)
        if known is not None:
            return known
        return await self._identity_loads.run(account_id, lambda: self._load_identity_key(account_id))

    async def _load_identity_key(self, account_id: str) -> bytes:
        context = f"oauth_consumer_identities/{account_id}/identity_key"
        sealed = await self._db.read(lambda tx: store.find_identity_key(tx, account_id))
        if sealed is None:
            made = self._vault.seal(self._randomness.bytes(IDENTITY_KEY_BYTES), context)
            now = self._clock.now_ms()

            async def add(tx: Tx) -> bytes | None:
                await store.add_identity_key(tx, account_id, made, now)
                return await store.find_identity_key(tx, account_id)

            sealed = await self._db.write(add)
        if sealed is None:
            raise keys_unavailable()
        key = self._vault.open_bytes(sealed, context)
        self._identities.put(account_id, key)
        return key

    async def render_account_keys(self, account_id: str) -> bytes:
        """The JWK Set of one account. Its first published key is made now, so that it is known before it signs."""
        await self.get_signing_key(account_id, KeyPurpose.APP_V2)

        async def load(tx: Tx) -> Sequence[str]:
            return await store.list_account_jwks(tx, account_id, KeyPurpose.APP_V2)

        return render_key_set(await self._db.read(load))

    async def render_all_keys(self) -> bytes:
        """The JWK Set of all accounts: the thousand newest published keys."""
        known = self._key_set
        if known is not None and self._clock.monotonic() < known[0]:
            return known[1]
        return await self._key_set_loads.run(None, self._load_key_set)

    async def _load_key_set(self) -> bytes:
        async def load(tx: Tx) -> Sequence[str]:
            return await store.list_newest_jwks(tx, KeyPurpose.APP_V2, MOST_PUBLISHED_KEYS)

        document = render_key_set(await self._db.read(load))
        self._key_set = (self._clock.monotonic() + ROW_SECONDS, document)
        return document


def _key_context(account_id: str, kid: str) -> str:
    return f"oauth_keys/{account_id}/{kid}/private_key"
