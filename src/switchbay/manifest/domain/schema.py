"""The published JSON Schema (draft 2020-12) of a manifest, made of the same kinds that the check reads with.

It refuses what the check refuses, as far as JSON Schema can say it; codes with ``in_schema=False`` in the catalogue are
what it cannot. Warnings, operator settings and the NFC form of texts are not in it either.
"""

from typing import Final

from switchbay.kit.jsonvalue import JsonValue
from switchbay.manifest.domain import vocabulary as words
from switchbay.manifest.domain.document import TOP, WEBHOOK
from switchbay.manifest.domain.kinds import Schema, nullable

SCHEMA_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_ID: Final = "urn:switchbay:schema:manifest"

_WELL_FORMED: Final = "[A-Za-z0-9]{1,8}(?:-[A-Za-z0-9]{1,8})*"
_PRESENT: Final[Schema] = {"not": {"type": "null"}}
_NOT_BLANK: Final[Schema] = {"type": "string", "pattern": "[^ ]"}


def json_schema() -> Schema:
    """The schema as a JSON value of its own, which the caller may change."""
    top = TOP.schema()
    tagged: Schema = {f"^{name}#": nullable(TOP.members[name].schema()) for name in words.LOCALISED_MEMBERS}
    rules: list[JsonValue] = [_redirects_with_code(), _entry_with_launch(), _tags_well_formed()]
    rules += [_keys_once(), _keys_with_their_method(), _no_public_client_for_itself()]
    rules += [_plain_with_tagged(name) for name in words.LOCALISED_MEMBERS if name not in TOP.required]
    return {
        "$schema": SCHEMA_DIALECT,
        "$id": SCHEMA_ID,
        "title": "Application manifest",
        "description": "What an application says about itself when it is installed.",
        **top,
        "patternProperties": tagged,
        "allOf": rules,
        "$defs": {"webhook": WEBHOOK.schema()},
    }


def _redirects_with_code() -> Schema:
    grants: Schema = {"type": "array", "contains": {"const": "authorization_code"}}
    return {
        "if": {"required": ["grant_types"], "properties": {"grant_types": grants}},
        "then": {"required": ["redirect_uris"], "properties": {"redirect_uris": {"type": "array", "minItems": 1}}},
    }


def _entry_with_launch() -> Schema:
    return {
        "if": {"required": ["quick_launch_enabled"], "properties": {"quick_launch_enabled": {"const": True}}},
        "then": {"required": ["entry_uri"], "properties": {"entry_uri": dict(_NOT_BLANK)}},
    }


def _keys_once() -> Schema:
    return {
        "not": {"required": ["jwks", "jwks_uri"], "properties": {"jwks": dict(_PRESENT), "jwks_uri": dict(_NOT_BLANK)}}
    }


def _keys_with_their_method() -> Schema:
    return {
        "if": _method(words.BY_KEY),
        "then": {
            "anyOf": [
                {"required": ["jwks"], "properties": {"jwks": dict(_PRESENT)}},
                {"required": ["jwks_uri"], "properties": {"jwks_uri": dict(_NOT_BLANK)}},
            ]
        },
    }


def _no_public_client_for_itself() -> Schema:
    """Grants that are said without client_credentials, or left out where redirect_uris make them the code."""
    others: Schema = {"type": "array", "minItems": 1, "not": {"contains": {"const": "client_credentials"}}}
    return {
        "if": _method(words.BY_NOTHING),
        "then": {
            "anyOf": [
                {"required": ["grant_types"], "properties": {"grant_types": others}},
                {
                    "required": ["redirect_uris"],
                    "properties": {
                        "redirect_uris": {"type": "array", "minItems": 1},
                        "grant_types": {"enum": [None, []]},
                    },
                },
            ]
        },
    }


def _method(name: str) -> Schema:
    member = "token_endpoint_auth_method"
    return {"required": [member], "properties": {member: {"const": name}}}


def _tags_well_formed() -> Schema:
    names = "|".join(words.LOCALISED_MEMBERS)
    return {"propertyNames": {"not": {"pattern": f"^(?:{names})#(?!{_WELL_FORMED}$)"}}}


def _plain_with_tagged(name: str) -> Schema:
    return {
        "if": {"propertyNames": {"not": {"pattern": f"^{name}#"}}},
        "else": {"required": [name], "properties": {name: dict(_NOT_BLANK)}},
    }
