"""What every use case of the room works with."""

from dataclasses import dataclass

from switchbay.accounts.domain.throttle import Limits
from switchbay.accounts.service.passwords import Passwords
from switchbay.infra.db import Database
from switchbay.infra.machine import Clock, Randomness
from switchbay.kit.signatures import SignatureAlgorithm, SignatureEncoding


@dataclass(frozen=True, slots=True)
class Means:
    """The database, the machine, and the settings of this room."""

    db: Database
    clock: Clock
    randomness: Randomness
    passwords: Passwords
    public_address: str
    session_ms: int
    limits: Limits
    signature_algorithm: SignatureAlgorithm
    signature_encoding: SignatureEncoding


class UseCases:
    """Base of the classes that make up ``Accounts``."""

    def __init__(self, means: Means) -> None:
        self._means = means
