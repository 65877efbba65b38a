"""Sealing of secrets that must be read back: AES-256-GCM with named master keys.

A sealed value names its key, so that keys can be rotated: the first key seals, every listed key opens. The context
(which row and column this is) is authenticated with it, so a sealed value cannot be moved to another row.
"""

import base64
import binascii
import os
import re
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from switchbay.kit.errors import AppError, Kind
from switchbay.kit.secret import Secret

_KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = b"\x01"
_KEY_ID = re.compile(r"[A-Za-z0-9_.-]{1,32}")


class Vault:
    """Seals and opens secrets with a set of master keys."""

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        if not keys:
            raise AppError(Kind.INTERNAL, "master_key_missing", "There is no master key to seal secrets with.")
        self._sealing_id = keys[0][0]
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys}
        self._keys = tuple(key for _, key in keys)

    def seal(self, plain: Secret | bytes, context: str) -> bytes:
        """Encrypt ``plain`` for the place that ``context`` names."""
        data = plain.reveal().encode() if isinstance(plain, Secret) else plain
        nonce = os.urandom(_NONCE_BYTES)
        name = self._sealing_id.encode("ascii")
        sealed = self._ciphers[self._sealing_id].encrypt(nonce, data, context.encode())
        return _VERSION + bytes([len(name)]) + name + nonce + sealed

    def open_bytes(self, sealed: bytes, context: str) -> bytes:
        """Decrypt what ``seal`` made for the same ``context``."""
        try:
            if sealed[:1] != _VERSION:
                raise ValueError("unknown version")
            length = sealed[1]
            key_id = sealed[2 : 2 + length].decode("ascii")
            nonce = sealed[2 + length : 2 + length + _NONCE_BYTES]
            return self._ciphers[key_id].decrypt(nonce, sealed[2 + length + _NONCE_BYTES :], context.encode())
        except (InvalidTag, ValueError, IndexError, KeyError) as error:
            raise AppError(
                Kind.INTERNAL, "secret_unreadable", "A stored secret cannot be opened with the configured master keys."
            ) from error

    def open(self, sealed: bytes, context: str) -> Secret:
        """Decrypt a text secret."""
        return Secret(self.open_bytes(sealed, context).decode())

    def derive_keys(self, purpose: str) -> tuple[bytes, ...]:
        """Keys of 32 bytes for one purpose, alike on every node: HKDF-SHA256 (RFC 5869) of each master key.

        The first one signs; what any of them has signed is good, so that master keys can be rotated.
        """
        return tuple(HKDF(SHA256(), _KEY_BYTES, salt=None, info=purpose.encode()).derive(key) for key in self._keys)


def parse_keys(text: str) -> list[tuple[str, bytes]]:
    """Read ``id:base64`` pairs joined by commas or line breaks, the sealing key first."""
    keys: list[tuple[str, bytes]] = []
    for pair in text.replace("\n", ",").split(","):
        if not pair.strip():
            continue
        key_id, separator, encoded = pair.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if not separator or not _KEY_ID.fullmatch(key_id) or len(key) != _KEY_BYTES:
            raise AppError(
                Kind.INVALID,
                "master_key_malformed",
                "A master key is written as id:base64, with 32 bytes in the base64 part.",
            )
        keys.append((key_id, key))
    return keys


def load_vault(configured: str, key_file: Path) -> Vault:
    """Open the vault with the configured keys, else those in ``key_file``, which is made on first use (mode 600)."""
    if configured:
        return Vault(parse_keys(configured))
    try:
        descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return Vault(parse_keys(key_file.read_text("ascii")))
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write("k1:" + base64.b64encode(os.urandom(_KEY_BYTES)).decode("ascii") + "\n")
        file.flush()
        os.fsync(file.fileno())
    return Vault(parse_keys(key_file.read_text("ascii")))
