"""The keys of all accounts: made when first needed, sealed at rest, parsed once, remembered for a while.

What a row says (which key signs, what a key may sign) is believed for two seconds, so that another node's change is
seen; a parsed key, which never changes under its id, is kept as long as there is room.
"""

import asyncio
import functools
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from switchbay.accounts.public import Actor
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock, Randomness
from switchbay.infra.memory import BoundedCache, SingleFlight
from switchbay.infra.vault import Vault
from switchbay.kit.ids import is_account_id
from switchbay.oauth.domain import Algorithm, KeyPurpose, KeyState
from switchbay.oauth.errors import keys_unavailable
from switchbay.oauth.protocol.consumer_identity import IDENTITY_KEY_BYTES
from switchbay.oauth.protocol.key_schedule import PUBLISHED, PUBLISHED_SLOTS, Schedule
from switchbay.oauth.protocol.rfc7515_signature import (
    ANY_JWT,
    JWT,
    PublicKey,
    TokenRefused,
    join,
    make_signing_input,
    read_header,
    sign,
    verify,
)
from switchbay.oauth.protocol.rfc7517_keys import load_public_key, render_key_set
from switchbay.oauth.service.key_making import KeyMaker, SigningKey
from switchbay.oauth.service.rotation import KeyInfo, Rotated, Rotation, rotate_forever
from switchbay.oauth.service.signing import Signers
from switchbay.oauth.store import keys as store
from switchbay.oauth.store.keys import KeyRow, Slot

YEAR_SECONDS = 31_536_000
QUARTER_SECONDS = 7_776_000
ROW_SECONDS = 2.0
MOST_PUBLISHED_KEYS = 1_000
# Measured: a parsed RSA key that has signed in two threads holds some 11 KB, one that verifies some 5 KB, so these take
# 40 MB at most. A signature with a key that is not among them takes a quarter of a millisecond longer, a verification
# thirty microseconds.
_MOST_SIGNING = 2_000
_MOST_PUBLIC = 4_000
_MOST_IDENTITIES = 10_000
_LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A key that verifies, and what it may have signed."""

    purpose: KeyPurpose
    alg: Algorithm
    key: PublicKey


@dataclass(frozen=True, slots=True)
class KeySet:
    """A JWK Set document, and for how many seconds it may be cached."""

    document: bytes
    max_age: int


@dataclass(frozen=True, slots=True)
class _Signing:
    until: float
    key: SigningKey


@dataclass(frozen=True, slots=True)
class _Verifying:
    until: float
    key: VerificationKey


class KeyRing:
    """Finds keys, signs and verifies with them, and makes the first one of each purpose."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        randomness: Randomness,
        vault: Vault,
        *,
        rotation_seconds: int = QUARTER_SECONDS,
        jwks_seconds: int = 900,
        token_seconds: int = 3_600,
        id_token_seconds: int = 600,
        consumer_token_seconds: int = YEAR_SECONDS,
    ) -> None:
        self._db = db
        self._clock = clock
        self._randomness = randomness
        self._vault = vault
        self._maker = KeyMaker(clock, vault)
        self.schedule = Schedule(
            rotation_ms=rotation_seconds * 1000,
            jwks_ms=jwks_seconds * 1000,
            token_ms=max(token_seconds, id_token_seconds) * 1000,
            consumer_token_ms=consumer_token_seconds * 1000,
        )
        self._signing: BoundedCache[Slot, _Signing] = BoundedCache(_MOST_SIGNING)
        self._public: BoundedCache[tuple[str, str], _Verifying] = BoundedCache(_MOST_PUBLIC)
        self._identities: BoundedCache[str, bytes] = BoundedCache(_MOST_IDENTITIES)
        self._common: tuple[float, KeySet] | None = None
        self._signing_loads: SingleFlight[Slot, SigningKey] = SingleFlight()
        self._public_loads: SingleFlight[tuple[str, str], VerificationKey | None] = SingleFlight()
        self._identity_loads: SingleFlight[str, bytes] = SingleFlight()
        self._common_loads: SingleFlight[None, KeySet] = SingleFlight()
        self._signers = Signers()
        self._rotation = Rotation(db, clock, self._maker, self.schedule, self._forget)
        self._rotating: asyncio.Task[None] | None = None

    # The life of keys

    async def start(self) -> None:
        """Begin to rotate keys by schedule."""
        if self._rotating is None:
            seconds = min(_LONGEST_PAUSE_SECONDS, max(1.0, self.schedule.jwks_ms / 2_000))
            self._rotating = asyncio.create_task(
                rotate_forever(self._rotation, self._clock, seconds), name="oauth-keys"
            )

    async def stop(self) -> None:
        """End that, and the threads that sign; after this nothing can be signed."""
        if self._rotating is not None:
            self._rotating.cancel()
            await asyncio.gather(self._rotating, return_exceptions=True)
            self._rotating = None
        self._signers.stop()

    async def rotate_once(self, now: int) -> Rotated:
        """One step of the schedule, over the keys of all accounts."""
        return await self._rotation.rotate_once(now)

    async def rotate(
        self,
        account_id: str,
        purpose: KeyPurpose,
        alg: Algorithm,
        actor: Actor,
        *,
        emergency: bool = False,
    ) -> list[KeyInfo]:
        """Replace a key by hand: see ``Rotation.rotate``."""
        return await self._rotation.rotate(account_id, purpose, alg, actor, emergency=emergency)

    async def list_keys(self, account_id: str) -> list[KeyInfo]:
        """The keys of an account, newest first."""
        return await self._rotation.list_keys(account_id)

    def _forget(self, slot: Slot, gone: Sequence[str]) -> None:
        """Read again who signs, and do not believe keys that are gone."""
        self._signing.discard(slot)
        self._common = None
        for kid in gone:
            self._public.discard((slot.account_id, kid))

    # Signing

    async def sign(
        self,
        account_id: str,
        purpose: KeyPurpose,
        payload: bytes,
        *,
        alg: Algorithm = Algorithm.RS256,
        typ: str = JWT,
    ) -> str:
        """Sign the bytes with the account's key for this purpose; the compact form. The account must exist."""
        signing = await self.get_signing_key(account_id, purpose, alg)
        if not isinstance(signing.key, RSAPrivateKey):  # takes less than handing it to a thread would
            return sign(payload, signing.kid, signing.key, typ=typ)
        signed = make_signing_input(payload, signing.kid, typ, alg)
        return join(signed, await self._signers.sign(signing.key, signed))

    async def get_signing_key(
        self, account_id: str, purpose: KeyPurpose, alg: Algorithm = Algorithm.RS256
    ) -> SigningKey:
        """The key that signs for this purpose; it is made now if there is none. The account must exist."""
        slot = Slot(account_id, purpose, alg)
        known = self._signing.get(slot)
        if known is not None and self._clock.monotonic() < known.until:
            return known.key
        return await self._signing_loads.run(slot, functools.partial(self._load_signing_key, slot))

    async def _load_signing_key(self, slot: Slot) -> SigningKey:
        until = self._clock.monotonic() + ROW_SECONDS
        row = await self._db.read(lambda tx: store.find_key_in_state(tx, slot, KeyState.ACTIVE))
        if row is None:
            row = await self._make_first_key(slot)
            until = self._clock.monotonic() + ROW_SECONDS
        known = self._signing.get(slot)
        signing = known.key if known is not None and known.key.kid == row.kid else self._maker.open(row)
        self._signing.put(slot, _Signing(until, signing))
        return signing

    async def _make_first_key(self, slot: Slot) -> KeyRow:
        """Make the slot's first key, which signs at once; when another node was faster, the result is its key."""
        if slot.alg is Algorithm.ES256 and slot.purpose is not KeyPurpose.OIDC:
            raise ValueError(f"{slot.purpose} keys do not sign by {slot.alg}")
        made = await self._maker.make(slot, KeyState.ACTIVE)

        async def add(tx: Tx) -> KeyRow | None:
            await store.add_key(tx, made)
            return await store.find_key_in_state(tx, slot, KeyState.ACTIVE)

        row = await self._db.write(add)
        if row is None:
            raise keys_unavailable()
        self._common = None
        return row

    # Verifying

    async def open(
        self, account_id: str, token: str, purposes: AbstractSet[KeyPurpose], *, typ: AbstractSet[str] = ANY_JWT
    ) -> bytes:
        """The payload of a token that a key of this account and of one of these purposes signed.

        ``typ``: the types that the token's header may name. Raises ``TokenRefused``. Whether the claims are good, here
        and now, is for the caller to judge.
        """
        header = read_header(token, typ)
        if not is_account_id(account_id):
            raise TokenRefused("account_wrong")
        found = await self.find_verification_key(account_id, header.kid)
        if found is None:
            raise TokenRefused("key_unknown")
        if found.purpose not in purposes:
            raise TokenRefused("key_of_another_purpose")
        if found.alg is not header.alg:
            raise TokenRefused("algorithm_of_another_key")
        return verify(token, found.key)

    async def find_verification_key(self, account_id: str, kid: str) -> VerificationKey | None:
        """The account's key with this id. One that is not found is looked up again the next time."""
        place = (account_id, kid)
        known = self._public.get(place)
        if known is not None and self._clock.monotonic() < known.until:
            return known.key
        return await self._public_loads.run(place, lambda: self._load_verification_key(account_id, kid))

    async def _load_verification_key(self, account_id: str, kid: str) -> VerificationKey | None:
        place = (account_id, kid)
        until = self._clock.monotonic() + ROW_SECONDS
        row = await self._db.read(lambda tx: store.find_key(tx, account_id, kid))
        if row is None:
            self._public.discard(place)
            return None
        known = self._public.get(place)
        found = (
            known.key if known is not None else VerificationKey(row.purpose, row.alg, load_public_key(row.public_jwk))
        )
        self._public.put(place, _Verifying(until, found))
        return found

    # Consumer identities

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

    # Publishing

    async def render_account_keys(self, account_id: str) -> KeySet:
        """The JWK Set of one account. The account must exist.

        What could sign and was never needed yet is made now: so no set lacks a key that signs while the set is cached.
        """
        published = await self._db.read(lambda tx: store.list_public_keys(tx, account_id, PUBLISHED))
        signing = {(row.slot.purpose, row.slot.alg) for row in published if row.state is KeyState.ACTIVE}
        missing = [Slot(account_id, purpose, alg) for purpose, alg in PUBLISHED_SLOTS if (purpose, alg) not in signing]
        if missing:
            for slot in missing:
                await self._signing_loads.run(slot, functools.partial(self._load_signing_key, slot))
            published = await self._db.read(lambda tx: store.list_public_keys(tx, account_id, PUBLISHED))
        return KeySet(render_key_set(row.public_jwk for row in published), self.schedule.max_age_seconds)

    async def render_all_keys(self) -> KeySet:
        """The JWK Set of all accounts: of applications' and of users' tokens the thousand newest published keys each.

        It must not be cached: the first key of a new account signs at once.
        """
        known = self._common
        if known is not None and self._clock.monotonic() < known[0]:
            return known[1]
        return await self._common_loads.run(None, self._load_common)

    async def _load_common(self) -> KeySet:
        until = self._clock.monotonic() + ROW_SECONDS

        async def load(tx: Tx) -> list[str]:
            return [
                jwk
                for purpose in (KeyPurpose.APP_V2, KeyPurpose.OIDC)
                for jwk in await store.list_newest_jwks(tx, purpose, MOST_PUBLISHED_KEYS)
            ]

        key_set = KeySet(render_key_set(await self._db.read(load)), 0)
        self._common = (until, key_set)
        return key_set
