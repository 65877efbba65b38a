"""Apps as the token endpoint and the messaging services need them: found quickly, their secrets checked.

What is found is kept for at most two seconds, so that a disabled app is refused everywhere within that time, and at
once on the node that disabled it. What a check learns (which secret was used) is noted in memory; a worker stores it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from switchbay.apps.domain.clients import Client
from switchbay.apps.domain.installations import is_app_id
from switchbay.apps.domain.secrets import (
    ClientSecret,
    EndedSecret,
    SecretCheck,
    is_new_primary,
    match_ended,
    match_secret,
)
from switchbay.apps.store import installations, secrets
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock
from switchbay.infra.memory import RecentCache
from switchbay.infra.vault import Vault
from switchbay.kit.ids import is_account_id

TTL_SECONDS: Final = 2.0
MOST_CACHED: Final = 4_096
USE_MS: Final = 60_000
"""``last_used_at`` is stored again only when it is older than this."""
_MOST_NOTED: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    client: Client
    secrets: tuple[ClientSecret, ...]
    ended: tuple[EndedSecret, ...]


@dataclass(frozen=True, slots=True)
class SecretUse:
    """The key of a secret that was used."""

    account_id: str
    installation_id: str
    secret_id: str


class Clients:
    """The clients of all accounts, through a small cache."""

    def __init__(self, db: Database, clock: Clock, vault: Vault) -> None:
        self._db = db
        self._clock = clock
        self._vault = vault
        self._known: RecentCache[tuple[str, str], _Known] = RecentCache(
            self._read, clock, seconds=TTL_SECONDS, most=MOST_CACHED
        )
        self._uses: dict[SecretUse, int] = {}
        self._promotions: set[SecretUse] = set()
        self.on_promotion: Callable[[], None] = lambda: None
        """Called when a secret that does not sign yet was used."""

    async def find(self, account_id: str, client_id: str) -> Client | None:
        """The app with this client id, enabled or not; None when it was never installed or is deleted."""
        known = await self._find(account_id, client_id)
        return None if known is None else known.client

    async def _find(self, account_id: str, client_id: str) -> _Known | None:
        known = self._known.known((account_id, client_id))
        if known is not None:
            return known
        if not is_account_id(account_id) or not is_app_id(client_id):
            return None
        return await self._known.find((account_id, client_id))

    async def _read(self, key: tuple[str, str]) -> _Known | None:
        async def work(tx: Tx) -> _Known | None:
            found = await installations.find(tx, self._vault, *key)
            if found is None:
                return None
            return _Known(found.as_client(), found.secrets, tuple(await secrets.list_remembered(tx, *key)))

        return await self._db.read(work)

    async def match_secret(self, client: Client, presented: str) -> SecretCheck:
        """Whether this is a valid secret of the client, or was one; notes which valid one it was.

        The work is the same whatever is presented.
        """
        known = await self._find(client.account_id, client.client_id)
        now = self._clock.now_ms()
        theirs = () if known is None else known.secrets
        secret = match_secret(theirs, presented, now)
        ended = match_ended(theirs, () if known is None else known.ended, presented, now)
        if secret is not None:
            self._note_use(client, theirs, secret, now)
            return SecretCheck(valid=True, name=secret.shown_name)
        if ended is not None:
            return SecretCheck(valid=False, name=ended.name, ended_at=ended.ended_at)
        return SecretCheck(valid=False)

    def _note_use(self, client: Client, theirs: Sequence[ClientSecret], secret: ClientSecret, now: int) -> None:
        use = SecretUse(client.account_id, client.installation_id, secret.secret_id)
        if (secret.last_used_at is None or now - secret.last_used_at >= USE_MS) and len(self._uses) < _MOST_NOTED:
            self._uses[use] = now
        if is_new_primary(theirs, secret.secret_id) and len(self._promotions) < _MOST_NOTED:
            self._promotions.add(use)
            self.on_promotion()

    async def burn_secret_check(self, presented: str) -> None:
        """Do the work of a check for a client that does not exist, so that time does not tell."""
        now = self._clock.now_ms()
        match_secret((), presented, now)
        match_ended((), (), presented, now)

    def drop(self, account_id: str, client_id: str) -> None:
        """Forget a client that has changed."""
        self._known.drop((account_id, client_id))

    def take_uses(self) -> dict[SecretUse, int]:
        """Hand over the uses noted since the last call."""
        uses, self._uses = self._uses, {}
        return uses

    def give_back_uses(self, uses: dict[SecretUse, int]) -> None:
        """Note again uses that could not be stored."""
        self._uses = {**uses, **self._uses} if len(self._uses) < _MOST_NOTED else self._uses

    def take_promotions(self) -> set[SecretUse]:
        """Hand over the secrets that were used for the first time and are to sign from now on."""
        promotions, self._promotions = self._promotions, set()
        return promotions

    def give_back_promotion(self, promotion: SecretUse) -> None:
        """Note again a promotion that could not be stored."""
        self._promotions.add(promotion)
