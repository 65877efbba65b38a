"""Client secrets of apps: rotating the primary one with an overlap, and named ones beside it.

Follows RFC 6749 §2.3.1 and RFC 7591 for what a client secret is. Each change is one transaction that also tells the
webhooks room which secret signs, and the audit log who did what.
"""

from dataclasses import dataclass

from switchbay.accounts.public import Actor
from switchbay.apps import errors
from switchbay.apps.changes import Changes, Found
from switchbay.apps.domain.installations import Installation
from switchbay.apps.domain.secrets import (
    MOST_SECRETS,
    ClientSecret,
    Rotation,
    count_valid,
    digest_of,
    finish,
    is_name_taken,
    overlap_under_way,
    remove,
    rotate,
    secret_name,
)
from switchbay.apps.owners import publish_owner
from switchbay.apps.store import secrets
from switchbay.infra.db import Tx
from switchbay.infra.machine import Clock, Randomness
from switchbay.infra.vault import Vault
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.preconditions import ANY
from switchbay.kit.secret import Secret


@dataclass(frozen=True, slots=True)
class Issued:
    """An app with a secret that is shown this once."""

    found: Found
    secret: Secret
    secret_id: str


class Credentials:
    """The secrets of every app."""

    def __init__(
        self, changes: Changes, clock: Clock, randomness: Randomness, vault: Vault, *, overlap_seconds: int
    ) -> None:
        self._changes = changes
        self._clock = clock
        self._randomness = randomness
        self._vault = vault
        self._overlap_seconds = overlap_seconds

    def new_secret(self, now: int, name: str = "", not_after: int | None = None) -> tuple[Secret, ClientSecret]:
        """A fresh secret and what is stored of it."""
        secret = Secret(self._randomness.client_secret())
        secret_id = self._randomness.sortable_id("sec", now)
        return secret, ClientSecret(
            secret_id, digest_of(secret.reveal()), now, not_after=not_after, signs=not name, name=name
        )

    async def rotate(
        self, account_id: str, app_id: str, actor: Actor, *, overlap_seconds: int | None, force: bool
    ) -> Issued:
        """Give an app a new primary secret; the current one stays valid for ``overlap_seconds`` (default: the setting).

        Raises ``rotation_under_way`` while the previous rotation lasts, unless ``force``: then the oldest secret ends;
        ``secrets_full`` when named secrets leave no room for two primary ones.
        """
        overlap = self._overlap_seconds if overlap_seconds is None else overlap_seconds
        secret, stored = self.new_secret(self._clock.now_ms())

        async def change(tx: Tx, old: Installation, now: int) -> Installation:
            if overlap_under_way(old.secrets, now) and not force:
                raise errors.rotation_under_way(max(each.not_after or 0 for each in old.secrets if each.is_primary))
            rotation = rotate(old.secrets, stored, now, overlap * 1000)
            _expect_room(rotation, now)
            app = await secrets.settle(tx, old, rotation, now)
            new = next(each for each in rotation.kept if each.secret_id == stored.secret_id)
            await self._changes.insert_secret(tx, app, new, secret)
            await publish_owner(tx, self._vault, app, now)
            detail: dict[str, JsonValue] = {"client_name": app.client_name, "overlap_seconds": overlap, "forced": force}
            await self._changes.audit(tx, account_id, app_id, actor, "app.rotate_secret", now, detail)
            return app

        return Issued(await self._changes.make(account_id, app_id, ANY, change), secret, stored.secret_id)

    async def finish_rotation(self, account_id: str, app_id: str, actor: Actor) -> Found:
        """End the previous primary secret now. Raises ``rotation_absent`` when there is only one."""

        async def change(tx: Tx, old: Installation, now: int) -> Installation:
            if not overlap_under_way(old.secrets, now):
                raise errors.rotation_absent()
            app = await secrets.settle(tx, old, finish(old.secrets), now)
            await publish_owner(tx, self._vault, app, now)
            await self._changes.audit_change(tx, app, actor, "app.finish_rotation", now)
            return app

        return await self._changes.make(account_id, app_id, ANY, change)

    async def add(self, account_id: str, app_id: str, actor: Actor, name: str, not_after: int | None = None) -> Issued:
        """Give an app one more secret, which is valid until ``not_after`` (epoch milliseconds) or until it is removed.

        It authenticates the app as the primary one does, and does not sign webhooks. Raises ``secret_name_invalid``,
        ``secret_name_taken``, ``secret_end_past``, ``secrets_full``.
        """
        called = secret_name(name)
        if called is None:
            raise errors.secret_name_invalid()
        started = self._clock.now_ms()
        if not_after is not None and not_after <= started:
            raise errors.secret_end_past(not_after)
        secret, stored = self.new_secret(started, called, not_after)

        async def change(tx: Tx, old: Installation, now: int) -> Installation:
            if is_name_taken([each for each in old.secrets if each.is_valid(now)], called):
                raise errors.secret_name_taken(called)
            _expect_room(Rotation((*old.secrets, stored), ()), now)
            await self._changes.insert_secret(tx, old, stored, secret)
            await self._audit(tx, old, actor, "app.add_secret", now, stored)
            return old.with_secrets((*old.secrets, stored))

        return Issued(await self._changes.make(account_id, app_id, ANY, change), secret, stored.secret_id)

    async def remove(self, account_id: str, app_id: str, actor: Actor, secret_id: str) -> Found:
        """End one secret now; where it signs webhooks, another takes over.

        Raises ``secret_unknown``, and ``secret_last`` when no secret without an end would be left.
        """

        async def change(tx: Tx, old: Installation, now: int) -> Installation:
            gone = next((each for each in old.secrets if each.secret_id == secret_id and each.is_valid(now)), None)
            if gone is None:
                raise errors.secret_unknown()
            rotation = remove(old.secrets, secret_id)
            if rotation is None:
                raise errors.secret_last()
            app = await secrets.settle(tx, old, rotation, now)
            await publish_owner(tx, self._vault, app, now)
            await self._audit(tx, app, actor, "app.remove_secret", now, gone)
            return app

        return await self._changes.make(account_id, app_id, ANY, change)

    async def _audit(
        self, tx: Tx, app: Installation, actor: Actor, action: str, now: int, secret: ClientSecret
    ) -> None:
        detail: dict[str, JsonValue] = {
            "client_name": app.client_name,
            "name": secret.shown_name,
            "secret_id": secret.secret_id,
            "not_after": secret.not_after,
        }
        await self._changes.audit(tx, app.account_id, app.installation_id, actor, action, now, detail)


def _expect_room(rotation: Rotation, now: int) -> None:
    """Raise ``secrets_full`` when more secrets would be valid than may be."""
    if count_valid(rotation.kept, now) > MOST_SECRETS:
        raise errors.secrets_full(MOST_SECRETS)
