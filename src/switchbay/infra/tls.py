"""The local certificate authority and the certificates it issues: for a laptop, for CI, for a closed network.

The authority is made once, in ``data_dir/ca``: ``ca.pem`` is what clients trust, ``ca.key`` never leaves the machine.
Leaf certificates live 90 days and are issued anew when the names change or 30 days are left. Profiles follow RFC 5280
and the CA/Browser Forum's baseline (key usages, SAN, key identifiers), so that Python's strict verification, OpenSSL,
Node and Chromium accept them.
"""

import fcntl
import ipaddress
import os
import re
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from switchbay.kit.errors import AppError, Kind

AUTHORITY_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=90)
RENEW_BEFORE = timedelta(days=30)
_CLOCK_SKEW = timedelta(hours=1)
_COMMON_NAME_CHARACTERS = 64
_HOST_CHARACTERS = 253
_RECORD_BYTES: Final = 16_384
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


@dataclass(frozen=True, slots=True)
class Authority:
    """The local authority: its certificate, its key, and the file that clients are to trust."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    ca_file: Path


def authority_file(data_dir: Path) -> Path:
    """Where the authority's certificate stands below a data folder, whether or not it exists yet."""
    return data_dir / "ca" / "ca.pem"


def ensure_authority(data_dir: Path, now: datetime | None = None) -> Authority:
    """Open the authority in ``data_dir/ca``; make it on first use. Safe when two processes do it at once."""
    at = now or datetime.now(UTC)
    folder = data_dir / "ca"
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        return _open_authority(folder, at)


def ensure_certificate(data_dir: Path, hosts: Sequence[str], name: str = "server", now: datetime | None = None) -> Path:
    """Return a PEM file with key and certificate chain for ``hosts`` (names or IP addresses), issued when needed.

    Key and chain share one file so that they are replaced together. ``name`` keeps the certificates of different
    servers apart.
    """
    at = now or datetime.now(UTC)
    subjects = tuple(_general_name(host) for host in hosts)
    if not subjects:
        raise AppError(Kind.INVALID, "certificate_host_missing", "A certificate needs at least one host name.")
    folder = data_dir / "ca"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.pem"
    with _locked(folder):
        authority = _open_authority(folder, at)
        if not _is_current(path, authority, subjects, at):
            _replace(path, _issue(authority, hosts[0], subjects, at), mode=0o600)
    return path


class ReadsByRecord(ssl.SSLObject):
    """A connection that is read one TLS record at a time.

    The event loop asks for 256 KB each time, which are set aside for a few hundred bytes (infra/process.py).
    """

    def read(self, len: int = 1_024, buffer: Any = None) -> Any:  # noqa: A002, ANN401 - as the library has it
        """Read at most one record; the caller reads on until there is nothing more."""
        return super().read(min(len, _RECORD_BYTES), buffer)


def server_context(pem_file: Path, key_file: Path | None = None) -> ssl.SSLContext:
    """A context for servers: TLS 1.2 or newer, with this certificate. Load again into it to renew while running."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslobject_class = ReadsByRecord
    load_certificate(context, pem_file, key_file)
    return context


def load_certificate(context: ssl.SSLContext, pem_file: Path, key_file: Path | None = None) -> None:
    """Put a certificate into a server's context; connections made from now on get it."""
    try:
        context.load_cert_chain(pem_file, key_file)
    except (OSError, ssl.SSLError) as error:  # SSLError is an OSError, named here for the reader
        raise AppError(
            Kind.INVALID, "certificate_unreadable", f"The certificate in {pem_file} cannot be used: {error}."
        ) from error


def ssl_context_for_client(ca_file: Path | None = None) -> ssl.SSLContext:
    """A context for clients: verifies certificates and names against the system's and ``ca_file``'s authorities."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslobject_class = ReadsByRecord
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise AppError(
                Kind.INVALID, "ca_file_unreadable", f"The authorities in {ca_file} cannot be used: {error}."
            ) from error
    return context


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Only one process at a time below here; the lock goes with the process, however that ends."""
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _open_authority(folder: Path, now: datetime) -> Authority:
    certificate_file, key_file = folder / "ca.pem", folder / "ca.key"
    if not certificate_file.exists():  # written last: without it the authority was never handed out
        _create_authority(certificate_file, key_file, now)
    try:
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise _broken(folder, str(error)) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        raise _broken(folder, "ca.key does not belong to ca.pem")
    if certificate.not_valid_after_utc <= now:
        raise _broken(folder, "it has expired")
    return Authority(certificate, key, certificate_file)


def _broken(folder: Path, reason: str) -> AppError:
    return AppError(
        Kind.INTERNAL,
        "certificate_authority_broken",
        f"The local certificate authority in {folder} cannot be used: {reason}. "
        "Restore it, or remove the folder to start a new one that clients have to trust anew.",
    )


def _create_authority(certificate_file: Path, key_file: Path, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    # The serial in the name keeps two authorities of one machine apart in a trust store.
    serial = x509.random_serial_number()
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Switchbay"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Switchbay local authority {serial & 0xFFFFFFFF:08x}"),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _replace(key_file, _key_pem(key), mode=0o600)
    _replace(certificate_file, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)


def _issue(authority: Authority, host: str, subjects: Sequence[x509.GeneralName], now: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    # The common name is only for people (RFC 9525 §2): clients read the alternative names.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:_COMMON_NAME_CHARACTERS])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(min(now + LEAF_LIFE, authority.certificate.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(subjects), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
            ),
            critical=False,
        )
        .sign(authority.key, hashes.SHA256())
    )
    chain = (certificate, authority.certificate)
    return _key_pem(key) + b"".join(link.public_bytes(serialization.Encoding.PEM) for link in chain)


def _is_current(path: Path, authority: Authority, subjects: Sequence[x509.GeneralName], now: datetime) -> bool:
    """Tell whether a leaf file is whole, ours, for exactly these names, and far enough from its end."""
    try:
        pem = path.read_bytes()
        certificate = x509.load_pem_x509_certificates(pem)[0]
        key = serialization.load_pem_private_key(pem, password=None)
        certificate.verify_directly_issued_by(authority.certificate)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    ends = certificate.not_valid_after_utc
    lasts_as_long_as_possible = ends == authority.certificate.not_valid_after_utc
    renew_at = ends if lasts_as_long_as_possible else ends - RENEW_BEFORE
    return (
        list(names) == list(subjects)
        and certificate.public_key() == key.public_key()
        and certificate.not_valid_before_utc <= now < renew_at
    )


def _general_name(host: str) -> x509.GeneralName:
    """An alternative name for an IP address or a DNS name (RFC 5280 §4.2.1.6), international names as A-labels."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        pass
    try:
        ascii_host = host.encode("idna").decode("ascii") if not host.isascii() else host
    except UnicodeError:
        ascii_host = ""
    labels = ascii_host.removeprefix("*.").split(".")
    if len(ascii_host) > _HOST_CHARACTERS or not all(_LABEL.fullmatch(label) for label in labels):
        raise AppError(
            Kind.INVALID, "certificate_host_malformed", f"{host!r} is neither a host name nor an IP address."
        )
    return x509.DNSName(ascii_host.lower())


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _replace(path: Path, data: bytes, *, mode: int) -> None:
    """Write a file whole or not at all, durably; it never exists with wider rights than ``mode``."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
