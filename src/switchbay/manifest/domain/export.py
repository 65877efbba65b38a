"""The canonical text of a manifest, and the masking of header values wherever a manifest is shown."""

import json
from collections.abc import Mapping
from typing import Final

from switchbay.kit.jsonvalue import JsonValue
from switchbay.manifest.domain.vocabulary import LOCALISED_MEMBERS, MEMBERS, SERVER_FIELDS

MASK: Final = "***"


def redact(document: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """A copy in which no header value and no client secret can be read.

    Everything but the names inside any ``headers`` is masked, whatever its shape, since a document need not be valid to
    be shown.
    """
    return {key: _redact(key, value) for key, value in document.items()}


def _redact(key: str, value: JsonValue) -> JsonValue:
    if key == "client_secret" and value is not None:
        return MASK
    if key == "headers":
        return _mask(value)
    if isinstance(value, dict):
        return {name: _redact(name, item) for name, item in value.items()}
    if isinstance(value, list):
        return [_redact("", item) for item in value]
    return value


def _mask(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [_mask(item) for item in value]
    if isinstance(value, dict):
        return {key: item if key == "header_name" else _mask(item) for key, item in value.items()}
    return value if value is None else MASK


def member_order(key: str) -> tuple[int, str]:
    """Where a top-level member stands in canonical order: localised ones after their plain one, unknown ones last."""
    name, hash_sign, tag = key.partition("#")
    if name in MEMBERS and (not hash_sign or name in LOCALISED_MEMBERS):
        return MEMBERS.index(name), tag
    return len(MEMBERS), ""


def export(document: Mapping[str, JsonValue], *, include_secrets: bool = False) -> str:
    """A normalised document as text: canonical order, two spaces, UTF-8, no server fields, header values masked."""
    shown = {key: value for key, value in document.items() if key not in SERVER_FIELDS}
    ordered = {key: shown[key] for key in sorted(shown, key=member_order)}
    return json.dumps(ordered if include_secrets else redact(ordered), ensure_ascii=False, indent=2) + "\n"
