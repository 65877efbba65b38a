"""The accounts room's use cases, gathered in one ``Accounts`` object.

Each module holds one trade (account settings, users, login, the audit log); the classes share the means they work with
(``Means``) and know each other only through it.
"""

import asyncio
from typing import Self

from switchbay.accounts.domain.throttle import Limits
from switchbay.accounts.service.audit import AuditReading
from switchbay.accounts.service.book import AccountBook
from switchbay.accounts.service.login import Logins
from switchbay.accounts.service.means import Means, SessionEndListener, SessionEnds
from switchbay.accounts.service.passwords import Passwords
from switchbay.accounts.service.second_factors import SecondFactors
from switchbay.accounts.service.users import UserBook
from switchbay.accounts.workers import purge_forever
from switchbay.infra.db import Database
from switchbay.infra.machine import Clock, Randomness
from switchbay.infra.settings import Settings
from switchbay.infra.vault import Vault
from switchbay.kit.signatures import SignatureAlgorithm, SignatureEncoding


class Accounts(AccountBook, UserBook, SecondFactors, Logins, AuditReading):
    """Accounts, users, sessions and the audit log of one node.

    ``vault`` seals the secrets of second factors; ``public_address`` is the ``host[:port]`` that the directory gives
    out; ``password_hashing`` is for tests that cannot afford the real cost.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        randomness: Randomness,
        vault: Vault,
        *,
        public_address: str = "localhost:8443",
        session_seconds: int = 28_800,
        login_failures: int = 5,
        login_address_failures: int = 50,
        login_wait_seconds: int = 60,
        signature_algorithm: SignatureAlgorithm = "sha1",
        signature_encoding: SignatureEncoding = "base64",
        password_hashing: Passwords | None = None,
    ) -> None:
        means = Means(
            db=db,
            clock=clock,
            randomness=randomness,
            vault=vault,
            passwords=password_hashing or Passwords(),
            public_address=public_address,
            session_ms=session_seconds * 1_000,
            limits=Limits(login_failures, login_address_failures, login_wait_seconds * 1_000),
            signature_algorithm=signature_algorithm,
            signature_encoding=signature_encoding,
            session_ends=SessionEnds(),
        )
        super().__init__(means)
        self._purging: asyncio.Task[None] | None = None

    @classmethod
    def from_settings(
        cls, db: Database, clock: Clock, randomness: Randomness, vault: Vault, settings: Settings
    ) -> Self:
        """Build it as the settings say."""
        return cls(
            db,
            clock,
            randomness,
            vault,
            public_address=settings.public_address,
            session_seconds=settings.session_seconds,
            login_failures=settings.login_failures,
            login_address_failures=settings.login_address_failures,
            login_wait_seconds=settings.login_wait_seconds,
            signature_algorithm=settings.signature_algorithm,
            signature_encoding=settings.signature_encoding,
        )

    def on_session_end(self, listener: SessionEndListener) -> None:
        """Have ``listener`` awaited in every transaction of this node that ends sessions, before it commits.

        It is told of logouts, of sessions that an administrator ends, and of those that end because their user was
        disabled or got a new password; not of those that expire.
        """
        self._means.session_ends.listeners.append(listener)

    async def start(self) -> None:
        """Begin to clear away what is over: sessions, waits, networks not seen for long."""
        if self._purging is None:
            self._purging = asyncio.create_task(purge_forever(self._means.db, self._means.clock))

    async def stop(self) -> None:
        """Stop the work of ``start`` and the threads that hash passwords."""
        if self._purging is not None:
            self._purging.cancel()
            await asyncio.gather(self._purging, return_exceptions=True)
            self._purging = None
        self._means.passwords.close()
