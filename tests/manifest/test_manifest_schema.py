"""The published JSON Schema is exactly as lenient as the check, as far as JSON Schema can say it."""

import re
import unicodedata
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from support.manifest_corpus import Case, bases, case_params, cases
from switchbay.kit.jsonvalue import JsonValue
from switchbay.manifest.public import CATALOGUE, Severity, check_value, json_schema

_VALIDATOR = Draft202012Validator(json_schema())


def test_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("case", case_params())
def test_schema_and_check_agree_on_the_corpus(case: Case) -> None:
    agree = _VALIDATOR.is_valid(case.document) is (not case.errors)
    assert agree is not case.beyond_schema


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
]  # fmt: skip

_KEYS = [
    "client_name", "client_name#fr", "display_name#de", "display_name", "description#", "logo_uri#zz", "scope",
    "grant_types", "redirect_uris", "entry_uri", "quick_launch_enabled", "capabilities", "webhooks", "engagement",
    "engagements", "cqm.ExConversationChangeNotification", "ms.ExConversationChangeNotification", "retry", "x-own",
    "ms.MessagingEventNotification .ChatStateEvent", "endpoint", "headers", "max_retries", "enabled", "id", "homepage",
]  # fmt: skip

_BASES = [case.document for case in cases() if case.options == type(case.options)()] + list(bases().values())


def _containers(value: JsonValue) -> list[Any]:
    found: list[Any] = [value] if isinstance(value, dict | list) else []
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        found += _containers(child)
    return found


@st.composite
def mutated_documents(draw: st.DrawFn) -> JsonValue:
    """A document of the corpus with some of its parts replaced, removed, added or renamed."""
    document: JsonValue = deepcopy(draw(st.sampled_from(_BASES)))
    for _ in range(draw(st.integers(1, 4))):
        containers = _containers(document)
        if not containers:
            break
        target = draw(st.sampled_from(containers))
        value = deepcopy(draw(st.sampled_from(_INTERESTING) | st.text(max_size=8)))
        if isinstance(target, list):
            index = draw(st.integers(0, len(target)))
            target[index : index + draw(st.integers(0, 1))] = [value]
        elif draw(st.booleans()) and target:
            key = draw(st.sampled_from(sorted(target)))
            if draw(st.booleans()):
                target[key] = value
            else:
                moved = target.pop(key)
                target[draw(st.sampled_from(_KEYS) | st.just(key + " "))] = moved
        else:
            target[draw(st.sampled_from(_KEYS))] = value
    return document


def _is_composed(value: JsonValue) -> bool:
    if isinstance(value, str):
        return unicodedata.is_normalized("NFC", value)
    if isinstance(value, dict):
        return all(_is_composed(item) for item in value.values())
    return all(_is_composed(item) for item in value) if isinstance(value, list) else True


@given(mutated_documents())
@settings(max_examples=1500)
def test_schema_and_check_agree_on_mutations(document: JsonValue) -> None:
    if not _is_composed(document):
        return  # lengths are counted in NFC, which JSON Schema cannot do
    report = check_value(document)
    codes = {issue.code for issue in report.issues if issue.severity is Severity.ERROR}
    if not codes:
        _VALIDATOR.validate(document)
    if any(CATALOGUE[code].in_schema for code in codes):
        assert not _VALIDATOR.is_valid(document), codes


def _patterns(schema: JsonValue) -> list[str]:
    found: list[str] = []
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "pattern" and isinstance(value, str):
                found.append(value)
            if key == "patternProperties" and isinstance(value, dict):
                found += value
            found += _patterns(value)
    elif isinstance(schema, list):
        for item in schema:
            found += _patterns(item)
    return found


def test_patterns_keep_to_what_all_regular_expression_dialects_share() -> None:
    patterns = _patterns(json_schema())
    assert len(patterns) > 20
    for pattern in patterns:
        re.compile(pattern)
        assert not re.search(r"\\[^.$*?{}\[\]tnru]|\\u(?![0-9a-f]{4})", pattern), "an escape of one dialect only"
        bare = re.sub(r"\[(?:\\.|[^\]\\])*\]", "_", pattern)
        assert not re.search(r"\(\?(?![:!=])|[*+?}][+]", bare), "a group or repetition of one dialect only"


def test_callers_cannot_change_the_schema_for_others() -> None:
    json_schema()["properties"] = {}
    assert "client_name" in str(json_schema()["properties"])
