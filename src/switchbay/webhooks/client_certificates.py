"""Client certificates that endpoints are shown (mutual TLS): keeping them, and having them ready for use.

An app has one for each of its events, or ``default`` for those that have none of their own. The key is sealed at rest
and never shown.
"""

from typing import Literal

from switchbay.accounts.public import Actor, record_audit
from switchbay.infra.db import Database, Tx
from switchbay.infra.egress import BadIdentity, Egress, Identity
from switchbay.infra.machine import Clock, Randomness
from switchbay.infra.memory import BoundedCache, SingleFlight
from switchbay.infra.vault import Vault
from switchbay.webhooks import errors
from switchbay.webhooks.domain import canonical_event_key
from switchbay.webhooks.key_pairs import read_pair
from switchbay.webhooks.owners import owner_changed
from switchbay.webhooks.store import client_certificates as store
from switchbay.webhooks.store import gates, owners
from switchbay.webhooks.store.client_certificates import CertificateRow

DEFAULT = "default"
"""Stands for all events of an app that have no certificate of their own."""

_ENDS_SOON_MS = 30 * 86_400_000
_MOST_READY = 64
"""Each takes most of a megabyte, since it comes with the authorities that it trusts."""

CertificateState = Literal["good", "ends_soon", "ended"]


def certificate_state(not_after: int, now: int) -> CertificateState:
    """How a certificate that ends at ``not_after`` is doing; it ends soon when 30 days are left."""
    if not_after <= now:
        return "ended"
    return "ends_soon" if not_after <= now + _ENDS_SOON_MS else "good"


class ClientCertificates:
    """The client certificates of apps, and those that are ready for use on this node."""

    def __init__(self, db: Database, clock: Clock, randomness: Randomness, vault: Vault, egress: Egress) -> None:
        self._db = db
        self._clock = clock
        self._randomness = randomness
        self._vault = vault
        self._egress = egress
        self._ready: BoundedCache[str, Identity] = BoundedCache(_MOST_READY)
        self._loading: SingleFlight[str, Identity] = SingleFlight()

    async def list(self, account_id: str, owner_id: str) -> "list[CertificateRow]":
        """An app's certificates, by event key. Raises ``app_unknown``."""

        async def read(tx: Tx) -> list[CertificateRow]:
            if await owners.find_owner(tx, account_id, owner_id) is None:
                raise errors.app_unknown()
            return await store.of_owner(tx, account_id, owner_id)

        return await self._db.read(read)

    async def put(
        self, account_id: str, owner_id: str, event: str, chain: bytes, private_key: bytes, actor: Actor
    ) -> CertificateRow:
        """Have the endpoint of an event, or with ``default`` all others of the app, shown this certificate from now on.

        Raises ``app_unknown``, ``event_not_subscribed`` and ``client_certificate_refused``.
        """
        now = self._clock.now_ms()
        pair = read_pair(chain, private_key, now)
        certificate_id = self._randomness.sortable_id("crt", now)
        try:
            ready = await self._egress.load_identity(certificate_id, pair.chain, pair.private_key)
        except BadIdentity as error:
            raise errors.client_certificate_refused(f"TLS cannot use it: {error}") from error
        row = CertificateRow(
            account_id,
            owner_id,
            canonical_event_key(event),
            certificate_id,
            pair.chain,
            self._vault.seal(pair.private_key, _context(account_id, certificate_id)),
            pair.subject,
            pair.issuer,
            pair.fingerprint,
            pair.not_before,
            pair.not_after,
            now,
        )

        async def work(tx: Tx) -> None:
            await gates.lock(tx, (account_id, owner_id))  # it must not be removed meanwhile
            owner = await owners.find_owner(tx, account_id, owner_id)
            if owner is None:
                raise errors.app_unknown()
            if row.event_key != DEFAULT and row.event_key not in {each.event_key for each in owner.endpoints}:
                raise errors.event_not_subscribed(event)
            await store.put(tx, row)
            await self._record(tx, row, "client_certificate.set", actor, now)

        await self._db.write(work)
        self._ready.put(certificate_id, ready)
        return row

    async def remove(self, account_id: str, owner_id: str, event: str, actor: Actor) -> None:
        """Show no certificate to the endpoint of an event, or the app's ``default``.

        Raises ``client_certificate_unknown``.
        """
        event_key = canonical_event_key(event)

        async def work(tx: Tx) -> CertificateRow:
            found = [each for each in await store.of_owner(tx, account_id, owner_id) if each.event_key == event_key]
            if not found:
                raise errors.client_certificate_unknown()
            await store.delete(tx, found[0])
            await self._record(tx, found[0], "client_certificate.remove", actor, self._clock.now_ms())
            return found[0]

        self._ready.discard((await self._db.write(work)).certificate_id)

    async def _record(self, tx: Tx, row: CertificateRow, action: str, actor: Actor, now: int) -> None:
        tx.on_commit(owner_changed(row.account_id, row.owner_id))
        await record_audit(
            tx,
            account_id=row.account_id,
            actor=actor,
            action=action,
            object_type="client_certificate",
            object_id=row.certificate_id,
            at=now,
            detail={
                "app": row.owner_id,
                "event": row.event_key,
                "subject": row.subject,
                "fingerprint_sha256": row.fingerprint,
                "not_after": row.not_after,
            },
        )

    # When something is sent

    def ready(self, certificate_id: str) -> Identity | None:
        """The certificate, if it was used here a while ago."""
        return self._ready.get(certificate_id)

    async def make_ready(self, account_id: str, certificate_id: str) -> Identity:
        """The certificate. Raises ``client_certificate_unknown`` if there is another by now, or none."""
        return await self._loading.run(certificate_id, lambda: self._load(account_id, certificate_id))

    async def _load(self, account_id: str, certificate_id: str) -> Identity:
        row = await self._db.read(lambda tx: store.find(tx, account_id, certificate_id))
        if row is None:
            raise errors.client_certificate_unknown()
        key = self._vault.open_bytes(row.private_key, _context(account_id, certificate_id))
        identity = await self._egress.load_identity(certificate_id, row.chain, key)
        self._ready.put(certificate_id, identity)
        return identity


def _context(account_id: str, certificate_id: str) -> str:
    return f"webhook_client_certificates/{account_id}/{certificate_id}"
