"""The manifest corpus: documents with the findings that they must give, for the tests of check, schema and remedies.

``document`` is the manifest itself, or ``patch`` (RFC 6902) is applied to the base that ``base`` names. ``errors`` and
``warnings`` list "code pointer". ``schema: "beyond"`` marks what the JSON Schema cannot judge as the check does.
"""

import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st

from switchbay.kit.jsonvalue import JsonValue
from switchbay.manifest.public import Options, Patch, apply_patch

T = TypeVar("T")

_FOLDER = Path(__file__).parent.parent / "manifest"


@dataclass(frozen=True, slots=True)
class Case:
    """One document of the corpus and what is expected of it."""

    about: str
    document: JsonValue
    options: Options
    errors: list[str]
    warnings: list[str]
    beyond_schema: bool


def bases() -> dict[str, JsonValue]:
    """The documents that cases patch."""
    found: dict[str, JsonValue] = json.loads((_FOLDER / "corpus_bases.json").read_text(encoding="utf-8"))
    return found


def cases() -> list[Case]:
    """Every case of the corpus."""
    known = bases()
    files = sorted((_FOLDER / "corpus").glob("*.json"))
    return [_case(raw, known) for file in files for raw in json.loads(file.read_text(encoding="utf-8"))]


def case_params() -> list[Any]:
    """The cases as test parameters, named by what they are about."""
    return [pytest.param(case, id=case.about) for case in cases()]


def _case(raw: dict[str, Any], known: dict[str, JsonValue]) -> Case:
    document = raw["document"] if "document" in raw else apply_patch(known[raw["base"]], Patch(tuple(raw["patch"])))
    options = dict(raw.get("options", {}))
    if "extra_scopes" in options:
        options["extra_scopes"] = frozenset(options["extra_scopes"])
    return Case(
        about=raw["about"],
        document=document,
        options=Options(**options),
        errors=sorted(raw.get("errors", [])),
        warnings=sorted(raw.get("warnings", [])),
        beyond_schema=raw.get("schema") == "beyond",
    )


_INTERESTING: list[JsonValue] = [
    None, True, False, 0, 1, 5, 6, -1, 3.0, 3.5, 259200, 259201, "", " ", "a", "auth", "unauth", "lead", "token",
    "msg.consumer", "msg.consumer msg.consumer", "msg.consumer openid", "true", "3", "{X}", "${NAME}", "<A_B>", "{x}",
    "https://a.example/", "http://a.example/", "http://localhost/", "https://a.example/#f", "https://*.a.example/",
    "https://u@a.example/", "https://a.example:0/", "https://1.2.3.4:80/?q", "https://256.1.1.1/", "https://[::1]/x",
    "https://[:::]/", "com.example:/x", "javascript:x", "//a.example/x", "https://your/x", "a\nb", "a\n", "\u0085",
    "\u202e", "x" * 128, "x" * 129, "x" * 257, "x" * 1025, "https://a.example/" + "x" * 2048, "Host", "X-LivePerson-A",
    "Content-Type", "NAME", "VALUE", [], {}, [None], ["auth"], ["auth", "auth"], ["unauth"], ["lead", "url"], [{}],
    ["https://a.example/"], ["authorization_code"], ["client_credentials", "client_credentials"], ["id_token token"],
    {"endpoint": "https://a.example/"}, {"retention_time": 3}, {"header_name": "X", "header_value": "y"},
    "none", "private_key_jwt", "ES256", "RSA", "EC", "AQAB", {"keys": [{"kty": "EC"}]}, {"kty": "oct"}, {"keys": []},
    "own", "all", {"conversations": "all"}, "strict", "best_effort", {"ordering": "best_effort"},
]  # fmt: skip

_KEYS = [
    "client_name", "client_name#fr", "display_name#de", "display_name", "description#", "logo_uri#zz", "scope",
    "grant_types", "redirect_uris", "entry_uri", "quick_launch_enabled", "capabilities", "webhooks", "engagement",
    "engagements", "cqm.ExConversationChangeNotification", "ms.ExConversationChangeNotification", "retry", "x-own",
    "ms.MessagingEventNotification .ChatStateEvent", "endpoint", "headers", "max_retries", "enabled", "id", "homepage",
    "token_endpoint_auth_method", "jwks", "jwks_uri", "keys", "kty", "n", "d", "post_logout_redirect_uris",
    "backchannel_logout_uri", "backchannel_logout_session_required", "id_token_signed_response_alg",
    "conversations", "ordering",
]  # fmt: skip

_SEEDS = [case.document for case in cases() if case.options == Options()] + list(bases().values())


def _containers(value: JsonValue) -> list[Any]:
    found: list[Any] = [value] if isinstance(value, dict | list) else []
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        found += _containers(child)
    return found


_VALUES = st.sampled_from(_INTERESTING) | st.text(max_size=8)
_NAMES = st.sampled_from(_KEYS)


def _pick(draw: st.DrawFn, among: Sequence[T]) -> T:
    """What ``sampled_from`` draws; made for one draw, that hashes all there is, which takes as long as the test."""
    return among[draw(st.integers(0, len(among) - 1))]


@st.composite
def mutated_documents(draw: st.DrawFn, seeds: Sequence[JsonValue] = _SEEDS) -> JsonValue:
    """A document, of the corpus unless told, with some of its parts replaced, removed, added or renamed."""
    document: JsonValue = deepcopy(_pick(draw, seeds))
    for _ in range(draw(st.integers(1, 4))):
        containers = _containers(document)
        if not containers:
            break
        target = _pick(draw, containers)
        value = deepcopy(draw(_VALUES))
        if isinstance(target, list):
            index = draw(st.integers(0, len(target)))
            target[index : index + draw(st.integers(0, 1))] = [value]
        elif draw(st.booleans()) and target:
            key = _pick(draw, sorted(target))
            if draw(st.booleans()):
                target[key] = value
            else:
                moved = target.pop(key)
                target[key + " " if draw(st.booleans()) else draw(_NAMES)] = moved
        else:
            target[draw(_NAMES)] = value
    return document
