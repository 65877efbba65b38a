"""Client certificates that endpoints are shown (mutual TLS): checking them, keeping them, having them ready for use.

An app has one for each of its events, or ``default`` for those that have none of their own. A chain is PEM (RFC 7468),
the app's own certificate first, each signed by the next; the key is sealed at rest and never shown.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from switchbay.accounts.public import Actor, record_audit
from switchbay.infra.db import Database, Tx
from switchbay.infra.egress import BadIdentity, Egress, Identity
from switchbay.infra.machine import Clock, Randomness
from switchbay.infra.memory import BoundedCache, SingleFlight
from switchbay.infra.vault import Vault
from switchbay.webhooks import errors
from switchbay.webhooks.domain import canonical_event_key
from switchbay.webhooks.owners import owner_changed
from switchbay.webhooks.store import client_certificates as store
from switchbay.webhooks.store import gates, owners
from switchbay.webhooks.store.client_certificates import CertificateRow

DEFAULT = "default"
"""Stands for all events of an app that have no certificate of their own."""

_MOST_CERTIFICATES = 8
_LEAST_RSA_BITS = 2048
_MOST_NAME_CHARACTERS = 500
_ENDS_SOON_MS = 30 * 86_400_000
_MOST_READY = 64
"""Each takes most of a megabyte, since it comes with the authorities that it trusts."""

CertificateState = Literal["good", "ends_soon", "ended"]


def certificate_state(not_after: int, now: int) -> CertificateState:
    """How a certificate that ends at ``not_after`` is doing; it ends soon when 30 days are left."""
    if not_after <= now:
        return "ended"
    return "ends_soon" if not_after <= now + _ENDS_SOON_MS else "good"


@dataclass(frozen=True, slots=True)
class Pair:
    """A chain and its key, checked and written anew, and what the certificate says. Times are epoch milliseconds."""

    chain: bytes
    private_key: bytes
    subject: str
    issuer: str
    fingerprint: str
    not_before: int
    not_after: int


def read_pair(chain: bytes, private_key: bytes, now: int) -> Pair:
    """Read a PEM chain and a PEM key that can be used at ``now``. Raises ``client_certificate_refused``."""
    certificates = _read_chain(chain)
    leaf = certificates[0]
    key = _read_key(private_key)
    try:
        _check_chain(certificates)
        _check_use(leaf)
        public_key = leaf.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise errors.client_certificate_refused("the certificate cannot be read") from error
    if _spki(public_key) != _spki(key.public_key()):
        raise errors.client_certificate_refused("the key is not that of the first certificate")
    not_before, not_after = _ms(leaf.not_valid_before_utc), _ms(leaf.not_valid_after_utc)
    if not_after <= now:
        raise errors.client_certificate_refused("the certificate has expired")
    if not_before > now:
        raise errors.client_certificate_refused("the certificate is not valid yet")
    return Pair(
        b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        _name(leaf.subject),
        _name(leaf.issuer),
        leaf.fingerprint(hashes.SHA256()).hex(),
        not_before,
        not_after,
    )


def _read_chain(chain: bytes) -> list[x509.Certificate]:
    try:
        certificates = x509.load_pem_x509_certificates(chain)
    except ValueError as error:
        raise errors.client_certificate_refused("there is no certificate in PEM form") from error
    if len(certificates) > _MOST_CERTIFICATES:
        raise errors.client_certificate_refused(f"there are more than {_MOST_CERTIFICATES} certificates")
    return certificates


_Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def _read_key(text: bytes) -> _Key:
    try:
        key = serialization.load_pem_private_key(text, password=None)
    except TypeError as error:
        raise errors.client_certificate_refused("the key is encrypted") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise errors.client_certificate_refused("there is no private key in PEM form") from error
    if not isinstance(key, _Key):
        raise errors.client_certificate_refused("the key is neither RSA, nor of an elliptic curve, nor Ed25519")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < _LEAST_RSA_BITS:
        raise errors.client_certificate_refused(f"the RSA key has fewer than {_LEAST_RSA_BITS} bits")
    return key


def _check_chain(certificates: list[x509.Certificate]) -> None:
    for place, each in enumerate(certificates[1:]):
        try:
            certificates[place].verify_directly_issued_by(each)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise errors.client_certificate_refused("a certificate is not signed by the one behind it") from error


def _check_use(leaf: x509.Certificate) -> None:
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(usage):
        raise errors.client_certificate_refused("the certificate is not for clients")


def _spki(key: object) -> bytes:
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        return b""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _name(name: x509.Name) -> str:
    return name.rfc4514_string().replace("\x00", "\ufffd")[:_MOST_NAME_CHARACTERS]


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


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
