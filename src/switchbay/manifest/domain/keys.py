"""Kind for the app's public keys: a JSON Web Key Set (RFC 7517 §5), as clients register it by RFC 7591 §2.

Only public keys are taken: what a private or symmetric key holds besides (RFC 7518 §6) must never leave the app.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from switchbay.kit.findings import patch_remove
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import Path
from switchbay.kit.shown import kind_of
from switchbay.manifest.domain.check import Check
from switchbay.manifest.domain.kinds import Schema, anchored, wrong_type

PRIVATE_MEMBERS: Final = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
"""Members of private keys of every kind, and the symmetric key itself."""
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {"RSA": ("n", "e"), "EC": ("crv", "x", "y")}
_TEXT: Final = "[A-Za-z0-9_-]{1,2048}"
_TEXT_RE: Final = re.compile(_TEXT)


@dataclass(frozen=True, slots=True)
class KeySet:
    """An object with an array ``keys`` of public keys. Keys of a kind that we do not know are kept, as §5 asks."""

    limit: int

    def read(self, check: Check, path: Path, value: JsonValue) -> JsonValue:
        """Check the key set; it is kept as it came."""
        if check.has_placeholder(path, value):
            return None
        if not isinstance(value, dict):
            wrong_type(check, path, value, "a JSON Web Key Set")
            return None
        keys = value.get("keys")
        if keys is None:
            at = (*path, "keys")
            check.add("required", at, 'the member "keys" is missing in jwks', expected='a member "keys"')
            return None
        if not isinstance(keys, list):
            wrong_type(check, (*path, "keys"), keys, "an array of keys")
            return None
        if not self._judge_count(check, (*path, "keys"), len(keys)):
            return None
        usable = [self._read_key(check, (*path, "keys", index), key) for index, key in enumerate(keys)]
        return value if all(usable) else None

    def _judge_count(self, check: Check, path: Path, count: int) -> bool:
        if count == 0:
            check.add("empty", path, "keys is empty; it needs at least one key", got="[]", expected="a public key")
        elif count > self.limit:
            message = f"keys has {count} keys, more than {self.limit}"
            check.add("too_many", path, message, got=f"an array of {count}", expected=f"at most {self.limit} keys")
        return 0 < count <= self.limit

    def _read_key(self, check: Check, path: Path, key: JsonValue) -> bool:
        if check.has_placeholder(path, key):
            return False
        if not isinstance(key, dict):
            wrong_type(check, path, key, "a JSON Web Key")
            return False
        private = [name for name in PRIVATE_MEMBERS if name in key]
        for name in private:
            message = f"the key holds {name}, a part of a private key: only the application itself may have it"
            fix = patch_remove((*path, name))
            check.add("private_key", (*path, name), message, expected="a public key", fix=fix, at_key=True)
        kind = key.get("kty")
        needed = _NEEDED.get(kind, ()) if isinstance(kind, str) else ()
        usable = [self._read_text(check, (*path, name), key.get(name)) for name in ("kty", *needed)]
        return all(usable) and not private

    @staticmethod
    def _read_text(check: Check, path: Path, value: JsonValue) -> bool:
        if check.has_placeholder(path, value):
            return False
        if isinstance(value, str) and _TEXT_RE.fullmatch(value):
            return True
        name = str(path[-1])
        what = "is missing" if value is None else f"is {kind_of(value)} that cannot be read"
        message = f"{name} of the key {what}"
        check.add(
            "jwk_invalid", path, message, expected=f"{name} as RFC 7518 has it, in base64url where it is a number"
        )
        return False

    def schema(self) -> Schema:
        """A key set of public keys, each with the members of its kind."""
        text: Schema = {"type": "string", "pattern": anchored(_TEXT)}
        key: Schema = {
            "type": "object",
            "required": ["kty"],
            "properties": {"kty": text, **dict.fromkeys(PRIVATE_MEMBERS, False)},
            "allOf": [_members_of(kind, needed, text) for kind, needed in _NEEDED.items()],
        }
        keys: Schema = {"type": "array", "minItems": 1, "maxItems": self.limit, "items": key}
        return {"type": "object", "required": ["keys"], "properties": {"keys": keys}}


def _members_of(kind: str, needed: tuple[str, ...], text: Schema) -> Schema:
    return {
        "if": {"required": ["kty"], "properties": {"kty": {"const": kind}}},
        "then": {"required": list(needed), "properties": dict.fromkeys(needed, text)},
    }
