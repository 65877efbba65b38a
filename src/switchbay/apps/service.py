"""What can be done with apps: install, change, switch, remove, rotate secrets, read.

Every change is one transaction: the account's revision is raised (which also makes changes of one account wait for each
other), the precondition and the name are checked, the app is stored, the webhooks room learns of it, the audit log says
who did what. Callers have authorised the actor: changing takes the role admin, reading admin or developer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from switchbay.accounts.public import Accounts, Actor
from switchbay.apps import documents, errors
from switchbay.apps.changes import Changes, Found, changes_between, expect_app_id, expect_revision, refuse_masks
from switchbay.apps.clients import Clients
from switchbay.apps.conversations import Conversations
from switchbay.apps.credentials import Credentials, Issued
from switchbay.apps.domain.clients import Client
from switchbay.apps.domain.conversations import access_after_change
from switchbay.apps.domain.engagements import EngagementSource, EngagementSources
from switchbay.apps.domain.installations import Installation, is_app_id, name_key
from switchbay.apps.domain.secrets import SecretCheck, current_secret
from switchbay.apps.owners import publish_owner
from switchbay.apps.store import conversations, installations, logos, secrets
from switchbay.apps.store.logos import LogoCopy, LogoState
from switchbay.apps.workers import Workers
from switchbay.infra.db import Database, Tx
from switchbay.infra.egress import Egress
from switchbay.infra.machine import Clock, Randomness
from switchbay.infra.vault import Vault
from switchbay.kit.preconditions import ANY, Precondition
from switchbay.kit.secret import Secret
from switchbay.manifest.public import Change, Manifest, Options, Report, check_text, engagement_of, redact
from switchbay.webhooks.public import Health, find_health, remove_owner

AlsoDo: TypeAlias = Callable[[Tx, str], Awaitable[None]]
"""What another room does in the transaction of a change, given the app's id; what it raises undoes the change."""


async def _also(work: AlsoDo | None, tx: Tx, app: Installation) -> None:
    if work is not None:
        await work(tx, app.installation_id)


@dataclass(frozen=True, slots=True)
class Listing:
    """The apps of an account, and the revision at which they were read."""

    apps: tuple[Installation, ...]
    logos: Mapping[str, LogoState]
    revision: int


class Apps:
    """The apps of every account."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        randomness: Randomness,
        vault: Vault,
        accounts: Accounts,
        egress: Egress,
        *,
        options: Options,
        secret_overlap_seconds: int,
    ) -> None:
        self._db = db
        self._clock = clock
        self._randomness = randomness
        self._vault = vault
        self._accounts = accounts
        self.options = options
        self._clients = Clients(db, clock, vault)
        self._workers = Workers(db, clock, vault, egress, self._clients)
        self._changes = Changes(db, clock, vault, self._clients, self._workers.wake_logos)
        self.conversations = Conversations(self._changes, vault)
        self.credentials = Credentials(self._changes, clock, randomness, vault, overlap_seconds=secret_overlap_seconds)

    async def start(self) -> None:
        """Start the background work: logo checks, ends of rotations, records of use."""
        await self._workers.start()

    async def stop(self) -> None:
        """Stop it, after storing what is noted."""
        await self._workers.stop()

    def now(self) -> int:
        """Epoch milliseconds by the clock that the apps live by."""
        return self._clock.now_ms()

    # The other rooms' view

    async def find_client(self, account_id: str, client_id: str) -> Client | None:
        """The app with this client id, enabled or not, at most two seconds old; None when there is none."""
        return await self._clients.find(account_id, client_id)

    async def list_clients(self, account_id: str) -> Sequence[Client]:
        """Every app of the account as a client, enabled or not, the oldest first."""
        return [app.as_client() for app in (await self.list_apps(account_id)).apps]

    async def engagement_sources(self, tx: Tx, account_id: str) -> EngagementSources:
        """What the apps of an account let campaigns choose, on the snapshot of another room's transaction."""
        revision = await installations.find_revision(tx, account_id)
        apps = {
            app.installation_id: EngagementSource(
                app.installation_id, app.client_name, app.enabled, engagement_of(app.document)
            )
            for app in await installations.list_all(tx, self._vault, account_id)
        }
        return EngagementSources(revision, apps)

    async def find_revisions(self, tx: Tx, account_ids: Collection[str]) -> Mapping[str, int]:
        """The revisions of these accounts' apps, and perhaps of others; an account that never had one is missing."""
        return await installations.find_revisions(tx, account_ids)

    async def check_secret(self, client: Client, presented: str) -> bool:
        """Whether this is a valid secret of the client, in constant time over all its secrets."""
        return (await self._clients.match_secret(client, presented)).valid

    async def match_secret(self, client: Client, presented: str) -> SecretCheck:
        """The same, and which secret it is: one that is valid, or one that ended not long ago."""
        return await self._clients.match_secret(client, presented)

    async def burn_secret_check(self, presented: str) -> None:
        """The work of ``check_secret`` for a client that does not exist."""
        await self._clients.burn_secret_check(presented)

    # Reading

    async def list_apps(self, account_id: str) -> Listing:
        """Every app that is not deleted, the oldest first."""

        async def work(tx: Tx) -> Listing:
            revision = await installations.find_revision(tx, account_id)
            apps = await installations.list_all(tx, self._vault, account_id)
            return Listing(apps, await logos.find_states(tx, account_id), revision)

        return await self._db.read(work)

    async def get_app(self, account_id: str, app_id: str) -> Found:
        """One app, by its id, which is also its client id. Raises ``app_unknown``."""
        expect_app_id(app_id)

        async def work(tx: Tx) -> Found:
            app = await self._changes.get(tx, account_id, app_id)
            logo = await logos.find_state(tx, account_id, app_id)
            return Found(app, logo, await installations.find_revision(tx, account_id))

        return await self._db.read(work)

    async def find_webhooks_health(self, account_id: str, app_id: str) -> Health | None:
        """How deliveries to an app go; None for one that the webhooks room does not know."""
        return await self._db.read(lambda tx: find_health(tx, account_id, app_id))

    async def find_revision(self, account_id: str) -> int:
        """The revision of the account's apps; 0 before the first one."""

        async def work(tx: Tx) -> int:
            return await installations.find_revision(tx, account_id)

        return await self._db.read(work)

    async def find_logo(self, account_id: str, app_id: str) -> LogoCopy:
        """Our copy of an app's logo. Raises ``logo_unknown``."""
        if not is_app_id(app_id):
            raise errors.logo_unknown()

        async def work(tx: Tx) -> LogoCopy | None:
            return await logos.find_copy(tx, account_id, app_id)

        copy = await self._db.read(work)
        if copy is None:
            raise errors.logo_unknown()
        return copy

    async def reveal_secrets(self, account_id: str, app_ids: Iterable[str], actor: Actor) -> dict[str, Secret]:
        """The current secrets of some apps, by app id, when the account reveals secrets; each one is audited."""
        account = await self._accounts.get_account(account_id)
        wanted = list(app_ids)
        if not account.reveal_client_secret or not wanted:
            return {}
        now = self._clock.now_ms()

        async def work(tx: Tx) -> dict[str, Secret]:
            texts = await secrets.open_texts(tx, self._vault, account_id, wanted)
            theirs = await secrets.list_of_account(tx, account_id)
            found: dict[str, Secret] = {}
            for app_id in wanted:
                current = current_secret(theirs.get(app_id, ()))
                if current is not None:
                    found[app_id] = texts[app_id, current.secret_id]
                    await self._changes.audit(tx, account_id, app_id, actor, "app.reveal_secret", now)
            return found

        return await self._db.write(work)

    # Manifests

    async def check(self, text: bytes, *, variables: Mapping[str, str] | None = None, strict: bool = False) -> Report:
        """Check a manifest by this server's rules; long ones take some milliseconds, so on a thread."""
        options = replace(self.options, strict=strict or self.options.strict)
        return await asyncio.to_thread(check_text, text, options, variables)

    async def accept(
        self, text: bytes, *, variables: Mapping[str, str] | None = None, strict: bool = False
    ) -> tuple[Manifest, Report]:
        """Check a manifest that is to be installed. Raises ``manifest_invalid`` with the whole report."""
        report = await self.check(text, variables=variables, strict=strict)
        if report.manifest is None:
            raise errors.manifest_invalid(report.to_json())
        return report.manifest, report

    async def compare(self, account_id: str, app_id: str, manifest: Manifest) -> list[Change]:
        """What an update to ``manifest`` would change, in words."""
        found = await self.get_app(account_id, app_id)
        document = documents.stored_form(manifest.document)
        refuse_masks(documents.unmask(document, found.app.document))
        return changes_between(found.app.document, document)

    # Changing

    async def install(
        self, account_id: str, manifest: Manifest, actor: Actor, *, together_with: AlsoDo | None = None
    ) -> Issued:
        """Install an app, and do something in the same transaction. Raises ``app_name_taken``."""
        now = self._clock.now_ms()
        document = documents.stored_form(manifest.document)
        refuse_masks(documents.unmask(document, None))
        secret, stored = self.credentials.new_secret(now)
        app = Installation(
            account_id=account_id,
            installation_id=self._randomness.uuid(),
            document=document,
            enabled=manifest.enabled is not False,
            created_at=now,
            updated_at=now,
            secrets=(stored,),
            access=access_after_change(None, asks=documents.asks_for_all_conversations(document), now=now),
        )
        changes = changes_between(None, document)

        async def work(tx: Tx) -> Found:
            revision = await installations.next_revision(tx, account_id)
            await self._changes.expect_free_name(tx, app)
            await installations.insert(tx, app, name_key(app.client_name), self._changes.seal(app))
            if app.access is not None:
                await conversations.put(tx, app)
            await self._changes.insert_secret(tx, app, stored, secret)
            await publish_owner(tx, self._vault, app, now)
            await logos.expect(tx, account_id, app.installation_id, documents.logo_uri(document), now)
            await _also(together_with, tx, app)
            await self._changes.audit_change(tx, app, actor, "app.install", now, changes)
            self._changes.announce(tx, app)
            return Found(app, await logos.find_state(tx, account_id, app.installation_id), revision)

        return Issued(await self._changes.write_named(work, app.client_name), secret, stored.secret_id)

    async def update(
        self,
        account_id: str,
        app_id: str,
        manifest: Manifest,
        actor: Actor,
        condition: Precondition = ANY,
        *,
        together_with: AlsoDo | None = None,
    ) -> Found:
        """Put another manifest in place of an app's. ``enabled`` stays as it is when the manifest does not say it.

        Raises ``app_unknown``, ``revision_stale``, ``app_name_taken``.
        """
        expect_app_id(app_id)
        now = self._clock.now_ms()

        async def work(tx: Tx) -> Found:
            revision = await installations.next_revision(tx, account_id)
            old = await self._changes.get(tx, account_id, app_id, lock=True)
            expect_revision(condition, revision - 1)
            document = documents.stored_form(manifest.document)
            refuse_masks(documents.unmask(document, old.document))
            enabled = old.enabled if manifest.enabled is None else manifest.enabled
            access = access_after_change(old.access, asks=documents.asks_for_all_conversations(document), now=now)
            app = replace(old, document=document, enabled=enabled, updated_at=now, access=access)
            app = app if enabled == old.enabled else app.with_epoch(now)
            await self._changes.expect_free_name(tx, app)
            await installations.update(tx, app, name_key(app.client_name), self._changes.seal(app))
            if access != old.access:
                await conversations.put(tx, app)
            await publish_owner(tx, self._vault, app, now)
            await logos.expect(tx, account_id, app_id, documents.logo_uri(document), now)
            await _also(together_with, tx, app)
            changes = changes_between(old.document, document)
            if changes or enabled == old.enabled:
                await self._changes.audit_change(tx, app, actor, "app.update", now, changes)
            if enabled != old.enabled:
                await self._changes.audit_change(tx, app, actor, "app.enable" if enabled else "app.disable", now)
            self._changes.announce(tx, app)
            return Found(app, await logos.find_state(tx, account_id, app_id), revision)

        return await self._changes.write_named(work, manifest.client_name)

    async def set_enabled(
        self, account_id: str, app_id: str, actor: Actor, *, enabled: bool, condition: Precondition = ANY
    ) -> Found:
        """Switch an app on or off. A disabled app gets no token and no webhook.

        What was issued to it before does not come back when it is switched on again: both ways raise its epoch, the
        second one for what a node issued that had not heard of the first yet.
        """

        async def change(tx: Tx, old: Installation, now: int) -> Installation:
            app = replace(old, enabled=enabled, updated_at=now)
            app = app if enabled == old.enabled else app.with_epoch(now)
            await installations.update(tx, app, name_key(app.client_name), self._changes.seal(app))
            await publish_owner(tx, self._vault, app, now)
            await self._changes.audit_change(tx, app, actor, "app.enable" if enabled else "app.disable", now)
            return app

        return await self._changes.make(account_id, app_id, condition, change)

    async def uninstall(
        self,
        account_id: str,
        app_id: str,
        actor: Actor,
        condition: Precondition = ANY,
        *,
        together_with: AlsoDo | None = None,
    ) -> Found:
        """Remove an app. Its secrets are gone at once, its name is free again; a masked manifest stays as a record."""

        async def change(tx: Tx, old: Installation, now: int) -> Installation:
            gone = replace(old, document=redact(old.document), enabled=False, updated_at=now, secrets=(), access=None)
            app = gone.with_epoch(now)
            await installations.update(tx, app, None, self._changes.seal(app), deleted_at=now)
            await conversations.put(tx, app)
            await secrets.drop_all(tx, account_id, app_id)
            await logos.drop(tx, account_id, app_id)
            await remove_owner(tx, account_id, app_id, now)
            await _also(together_with, tx, app)
            await self._changes.audit_change(tx, app, actor, "app.uninstall", now)
            return app

        return await self._changes.make(account_id, app_id, condition, change)

    async def revoke_tokens(self, account_id: str, app_id: str, actor: Actor, condition: Precondition = ANY) -> Found:
        """Have nothing count any more that was issued to an app until now: codes, tokens, sign-ons."""

        async def change(tx: Tx, old: Installation, now: int) -> Installation:
            app = old.with_epoch(now)
            await installations.update(tx, app, name_key(app.client_name), self._changes.seal(app))
            await self._changes.audit_change(tx, app, actor, "app.revoke_tokens", now)
            return app

        return await self._changes.make(account_id, app_id, condition, change)

    async def rotate_secret(
        self, account_id: str, app_id: str, actor: Actor, *, overlap_seconds: int | None = None, force: bool = False
    ) -> Issued:
        """Give an app a new primary secret; see ``Credentials.rotate``."""
        return await self.credentials.rotate(account_id, app_id, actor, overlap_seconds=overlap_seconds, force=force)

    async def finish_rotation(self, account_id: str, app_id: str, actor: Actor) -> Found:
        """End the previous primary secret now; see ``Credentials.finish_rotation``."""
        return await self.credentials.finish_rotation(account_id, app_id, actor)
