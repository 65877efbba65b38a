"""What a call trusts and what it shows of itself: TLS contexts, with or without a client certificate (mutual TLS)."""

import secrets
import ssl
import tempfile
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from switchbay.infra.tls import ReadsByRecord
from switchbay.kit.errors import AppError, Kind


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """A client certificate with its key, ready for use. Connections are shared by calls of one name only."""

    name: str
    context: ssl.SSLContext = field(repr=False)


class BadIdentity(ValueError):
    """TLS cannot use this certificate or this key; the text says why."""


def make_context(ca_file: Path | None) -> ssl.SSLContext:
    """A context that verifies servers. Slow: reading the system's authorities takes twenty milliseconds."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.sslobject_class = ReadsByRecord
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise AppError(
                Kind.INVALID,
                "egress_ca_file_unreadable",
                "The file of additional certificate authorities cannot be read.",
                {"file": str(ca_file), "reason": str(error)},
            ) from error
    return context


shared_context = lru_cache(maxsize=1)(make_context)


def load_identity(name: str, chain: bytes, private_key: bytes, ca_file: Path | None) -> Identity:
    """Make an identity of a PEM chain, the client's own certificate first, and its PEM key. Slow, for a thread.

    The key must be a sound one: its numbers are not looked into. Raises ``BadIdentity``.
    """
    context = make_context(ca_file)
    passphrase = secrets.token_hex(32).encode("ascii")
    try:
        key = serialization.load_pem_private_key(private_key, password=None, unsafe_skip_rsa_key_validation=True)
        sealed = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(passphrase),
        )
        # TLS takes keys from files only; what lies there for this moment is of no use to whoever finds it.
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            file.write(sealed + chain)
            file.flush()
            context.load_cert_chain(file.name, password=passphrase)
    except (ssl.SSLError, ValueError, TypeError) as error:
        raise BadIdentity(str(getattr(error, "reason", None) or error)) from error
    return Identity(name, context)
