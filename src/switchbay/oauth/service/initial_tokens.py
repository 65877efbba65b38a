"""Initial access tokens: what an administrator hands to whoever may register apps (RFC 7591 §1.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from switchbay.accounts.public import Accounts, Actor, record_audit
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock, Randomness
from switchbay.kit.secret import Secret
from switchbay.oauth import errors
from switchbay.oauth.domain import digest
from switchbay.oauth.store import registrations as store
from switchbay.oauth.store.registrations import InitialToken

PREFIX: Final = "swb_iat_"
"""Begins every initial access token, so that people and scanners know one when they see it."""
MOST_TOKENS: Final = 100
MOST_USES: Final = 1_000
LONGEST_SECONDS: Final = 31_536_000
LONGEST_LABEL: Final = 128
_KEPT_MS: Final = 30 * 86_400_000


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made, and its text, which is shown this once."""

    token: InitialToken
    text: Secret


class InitialTokens:
    """The initial access tokens of every account. Callers have authorised the actor: it takes the role admin."""

    def __init__(self, db: Database, clock: Clock, randomness: Randomness, accounts: Accounts) -> None:
        self._db = db
        self._clock = clock
        self._randomness = randomness
        self._accounts = accounts

    async def create(self, account_id: str, label: str, uses: int, seconds: int, actor: Actor) -> NewToken:
        """Make a token for so many registrations within so many seconds.

        Raises ``account_unknown``, ``registration_token_invalid``, ``registration_tokens_full``.
        """
        await self._accounts.get_account(account_id)
        if not 0 < len(label.strip()) <= LONGEST_LABEL or not label.isprintable():
            raise errors.registration_token_invalid(f"label has 1 to {LONGEST_LABEL} printable characters")
        if not 1 <= uses <= MOST_USES:
            raise errors.registration_token_invalid(f"uses is a number from 1 to {MOST_USES}")
        if not 1 <= seconds <= LONGEST_SECONDS:
            raise errors.registration_token_invalid(f"expires_in is a number of seconds from 1 to {LONGEST_SECONDS}")
        now = self._clock.now_ms()
        text = PREFIX + self._randomness.token()
        token = InitialToken(
            account_id=account_id,
            token_id=self._randomness.sortable_id("iat", now),
            label=label.strip(),
            uses_left=uses,
            created_at=now,
            created_by=actor.name,
            expires_at=now + seconds * 1000,
        )

        async def work(tx: Tx) -> None:
            await store.drop_old_tokens(tx, account_id, now, now - _KEPT_MS)
            if len(await store.list_tokens(tx, account_id)) >= MOST_TOKENS:
                raise errors.registration_tokens_full(MOST_TOKENS)
            await store.insert_token(tx, token, digest(text))
            await self._audit(tx, token, actor, "registration_token.create", now)

        await self._db.write(work)
        return NewToken(token, Secret(text))

    async def list_tokens(self, account_id: str) -> Sequence[InitialToken]:
        """The account's tokens, the newest first; those used up or over stay in the list for a month."""

        async def work(tx: Tx) -> Sequence[InitialToken]:
            return await store.list_tokens(tx, account_id)

        return await self._db.read(work)

    async def revoke(self, account_id: str, token_id: str, actor: Actor) -> None:
        """Take a token back. Apps that were registered with it stay. Raises ``registration_token_unknown``."""
        now = self._clock.now_ms()

        async def work(tx: Tx) -> None:
            token = await store.get_token(tx, account_id, token_id)
            if token is None or not await store.drop_token(tx, account_id, token_id):
                raise errors.registration_token_unknown()
            await self._audit(tx, token, actor, "registration_token.revoke", now)

        await self._db.write(work)

    async def _audit(self, tx: Tx, token: InitialToken, actor: Actor, action: str, now: int) -> None:
        await record_audit(
            tx,
            account_id=token.account_id,
            actor=actor,
            action=action,
            object_type="registration_token",
            object_id=token.token_id,
            at=now,
            detail={"label": token.label, "uses_left": token.uses_left, "expires_at": token.expires_at},
        )
