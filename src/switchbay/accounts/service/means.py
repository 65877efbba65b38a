"""What every use case of the room works with."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from switchbay.accounts.domain.sessions import EndedSession, EndReason
from switchbay.accounts.domain.throttle import Limits
from switchbay.accounts.service.passwords import Passwords
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock, Randomness
from switchbay.infra.vault import Vault
from switchbay.kit.signatures import SignatureAlgorithm, SignatureEncoding

SessionEndListener: TypeAlias = Callable[[Tx, str, Sequence[EndedSession], EndReason], Awaitable[None]]
"""Takes the transaction in which sessions of an account end, the account, the sessions and why."""


@dataclass(slots=True)
class SessionEnds:
    """Tells those who asked for it that sessions end, inside the transaction that ends them."""

    listeners: list[SessionEndListener] = field(default_factory=list)

    async def tell(self, tx: Tx, account_id: str, ended: Sequence[EndedSession], reason: EndReason) -> None:
        """Have every listener do its part; what one raises undoes the whole transaction."""
        if ended:
            for listener in self.listeners:
                await listener(tx, account_id, ended, reason)


@dataclass(frozen=True, slots=True)
class Means:
    """The database, the machine, and the settings of this room."""

    db: Database
    clock: Clock
    randomness: Randomness
    vault: Vault
    passwords: Passwords
    public_address: str
    session_ms: int
    limits: Limits
    signature_algorithm: SignatureAlgorithm
    signature_encoding: SignatureEncoding
    session_ends: SessionEnds


class UseCases:
    """Base of the classes that make up ``Accounts``."""

    def __init__(self, means: Means) -> None:
        self._means = means
