"""What every change of an app has in common: one transaction that raises the revision, checks, stores and audits."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from switchbay.accounts.public import Actor, record_audit
from switchbay.apps import documents, errors
from switchbay.apps.clients import Clients
from switchbay.apps.domain.installations import Installation, is_app_id, name_key
from switchbay.apps.domain.secrets import ClientSecret
from switchbay.apps.store import installations, logos, secrets
from switchbay.apps.store.logos import LogoState
from switchbay.infra.db import Database, Tx, UniqueViolation, Work
from switchbay.infra.machine import Clock
from switchbay.infra.vault import Vault
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.preconditions import Precondition, revision_stale
from switchbay.kit.secret import Secret
from switchbay.manifest.public import Change, diff

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found:
    """One app, and the revision at which it was read or to which it was changed."""

    app: Installation
    logo: LogoState | None
    revision: int


class Changes:
    """The common parts of changes."""

    def __init__(
        self, db: Database, clock: Clock, vault: Vault, clients: Clients, on_change: Callable[[], None]
    ) -> None:
        self._db = db
        self._clock = clock
        self._vault = vault
        self._clients = clients
        self._on_change = on_change

    async def make(
        self,
        account_id: str,
        app_id: str,
        condition: Precondition,
        change: Callable[[Tx, Installation, int], Awaitable[Installation]],
    ) -> Found:
        """Run ``change`` over the app, locked, at a new revision, when ``condition`` holds for the one before.

        Raises ``app_unknown``, ``revision_stale``.
        """
        expect_app_id(app_id)
        now = self._clock.now_ms()

        async def work(tx: Tx) -> Found:
            revision = await installations.next_revision(tx, account_id)
            old = await self.get(tx, account_id, app_id, lock=True)
            expect_revision(condition, revision - 1)
            app = await change(tx, old, now)
            self.announce(tx, app)
            return Found(app, await logos.find_state(tx, account_id, app_id), revision)

        return await self._db.write(work)

    async def write_named(self, work: Work[T], client_name: str) -> T:
        """Run a work that may find its name taken by another that committed first."""
        try:
            return await self._db.write(work)
        except UniqueViolation as error:
            raise errors.app_name_taken(client_name) from error

    async def get(self, tx: Tx, account_id: str, app_id: str, *, lock: bool = False) -> Installation:
        """The app; raises ``app_unknown``."""
        app = await installations.find(tx, self._vault, account_id, app_id, lock=lock)
        if app is None:
            raise errors.app_unknown()
        return app

    async def expect_free_name(self, tx: Tx, app: Installation) -> None:
        """Raise ``app_name_taken`` when another app has this one's name."""
        named = await installations.find_named(tx, app.account_id, name_key(app.client_name))
        if named not in (None, app.installation_id):
            raise errors.app_name_taken(app.client_name)

    async def insert_secret(self, tx: Tx, app: Installation, stored: ClientSecret, secret: Secret) -> None:
        """Seal and store a new secret of the app."""
        sealed = secrets.seal(self._vault, app.account_id, app.installation_id, stored.secret_id, secret)
        await secrets.insert(tx, app, stored, sealed)

    def seal(self, app: Installation) -> bytes:
        """The app's manifest as it is stored."""
        return installations.seal_document(self._vault, app.account_id, app.installation_id, app.document)

    def announce(self, tx: Tx, app: Installation) -> None:
        """Have caches and workers learn of the change once it is committed."""
        tx.on_commit(lambda: self._clients.drop(app.account_id, app.installation_id))
        tx.on_commit(self._on_change)

    async def audit_change(
        self, tx: Tx, app: Installation, actor: Actor, action: str, at: int, changes: Sequence[Change] = ()
    ) -> None:
        """Record a change in the audit log, with its sentences."""
        detail: dict[str, JsonValue] = {"client_name": app.client_name}
        if changes:
            detail["changes"] = [change.sentence for change in changes]
        await self.audit(tx, app.account_id, app.installation_id, actor, action, at, detail)

    async def audit(
        self,
        tx: Tx,
        account_id: str,
        app_id: str,
        actor: Actor,
        action: str,
        at: int,
        detail: Mapping[str, JsonValue] | None = None,
    ) -> None:
        """Record what was done to an app in the audit log."""
        await record_audit(
            tx,
            account_id=account_id,
            actor=actor,
            action=action,
            object_type="app",
            object_id=app_id,
            at=at,
            detail=detail,
        )


def changes_between(old: Mapping[str, JsonValue] | None, new: Mapping[str, JsonValue]) -> list[Change]:
    """What differs between two stored manifests, in words; from None, all that an installation asks for."""
    after = documents.read_again(new)
    return [] if after is None else diff(None if old is None else documents.read_again(old), after)


def refuse_masks(places: list[str]) -> None:
    """Raise ``redacted_value`` when masked header values are left."""
    if places:
        raise errors.redacted_value(places)


def expect_app_id(app_id: str) -> None:
    """Raise ``app_unknown`` for what cannot be an app's id, before it reaches the database."""
    if not is_app_id(app_id):
        raise errors.app_unknown()


def expect_revision(condition: Precondition, revision: int) -> None:
    """Raise ``revision_stale`` unless the condition holds."""
    if not condition.holds(revision):
        raise revision_stale(revision)
