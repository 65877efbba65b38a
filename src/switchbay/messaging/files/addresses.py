"""Signed addresses: whoever has one may do one thing with one file for a while, without any other proof.

As in OpenStack Swift's temporary URLs, from which the parameters have their names, the signature is an HMAC over the
method, the expiry and the path, one to a line. It is HMAC-SHA256 in lower-case hex, Swift's own default today; SHA-1,
its old one, would be sound but is being retired. The key comes from the vault, so every node verifies it by itself.
"""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

Method = Literal["GET", "PUT"]
PURPOSE: Final = "file addresses v1"
_EXPIRES: Final = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
_SIGNATURE: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class FileAddress:
    """A path and the parameters that open it: the strings of the reference's ``queryParams``."""

    relative_path: str
    temp_url_sig: str
    temp_url_expires: str

    @property
    def query(self) -> dict[str, str]:
        """The query parameters."""
        return {"temp_url_sig": self.temp_url_sig, "temp_url_expires": self.temp_url_expires}


def make_address(keys: Sequence[bytes], method: Method, path: str, expires: int) -> FileAddress:
    """Sign with the first key. ``expires`` is in epoch seconds, the first that is too late."""
    return FileAddress(path, _sign(keys[0], method, path, str(expires)), str(expires))


def is_signed(keys: Sequence[bytes], method: Method, path: str, signature: str, expires: str, now: int) -> bool:
    """Whether an address opens ``path`` for ``method`` at ``now`` (epoch seconds)."""
    if _SIGNATURE.fullmatch(signature) is None or _EXPIRES.fullmatch(expires) is None:
        return False
    right = [hmac.compare_digest(_sign(key, method, path, expires), signature) for key in keys]
    return any(right) and now < int(expires)


def _sign(key: bytes, method: Method, path: str, expires: str) -> str:
    return hmac.digest(key, f"{method}\n{expires}\n{path}".encode(), "sha256").hex()
