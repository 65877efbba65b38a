"""Making signing keys, and opening those that are stored sealed."""

import asyncio
from dataclasses import dataclass

from switchbay.infra.machine import Clock
from switchbay.infra.vault import Vault
from switchbay.oauth.domain import Algorithm, KeyState
from switchbay.oauth.protocol.rfc7515_signature import PrivateKey
from switchbay.oauth.protocol.rfc7517_keys import generate_key, load_private_key
from switchbay.oauth.store.keys import KeyRow, Slot


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs, and its id."""

    kid: str
    key: PrivateKey
    alg: Algorithm


class KeyMaker:
    """Makes keys, one at a time and off the event loop, sealed for the row that they will stand in."""

    def __init__(self, clock: Clock, vault: Vault) -> None:
        self._clock = clock
        self._vault = vault
        self._generating = asyncio.Semaphore(1)  # making keys for many accounts must not take every core

    async def make(self, slot: Slot, state: KeyState) -> KeyRow:
        """A new key for this slot, not stored yet. Its times are those of when it is ready."""
        async with self._generating:
            new = await asyncio.to_thread(generate_key, slot.alg)
        now = self._clock.now_ms()
        return KeyRow(
            account_id=slot.account_id,
            kid=new.kid,
            purpose=slot.purpose,
            state=state,
            alg=slot.alg,
            private_key=self._vault.seal(new.private_der, _context(slot.account_id, new.kid)),
            public_jwk=new.public_jwk,
            created_at=now,
            state_at=now,
        )

    def open(self, row: KeyRow) -> SigningKey:
        """The private key of a row."""
        der = self._vault.open_bytes(row.private_key, _context(row.account_id, row.kid))
        return SigningKey(row.kid, load_private_key(der), row.alg)


def _context(account_id: str, kid: str) -> str:
    return f"oauth_keys/{account_id}/{kid}/private_key"
