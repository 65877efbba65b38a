"""The JSON Schema that we publish is as lenient as the check, as far as JSON Schema can say it."""

import re
from typing import Any

from hypothesis import given, settings
from jsonschema import Draft202012Validator

from support.structured_content import DOCUMENTS, broken
from switchbay.content.public import CATALOGUE, check_value, json_schema
from switchbay.kit.jsonvalue import JsonValue

_VALIDATOR = Draft202012Validator(json_schema())
_SYNTAX = frozenset({"json_number", "json_surrogate"})


def test_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


@given(DOCUMENTS)
@settings(max_examples=100)
def test_usual_content_fits_the_schema_and_has_no_finding(document: Any) -> None:
    assert check_value(document).issues == ()
    _VALIDATOR.validate(document)


@given(broken())
@settings(max_examples=300)
def test_schema_and_check_agree_on_broken_content(document: Any) -> None:
    codes = {issue.code for issue in check_value(document).errors}
    if any(CATALOGUE[code].in_schema for code in codes - _SYNTAX):
        assert not _VALIDATOR.is_valid(document), codes
    elif not codes:
        _VALIDATOR.validate(document)


def _patterns(schema: JsonValue) -> list[str]:
    found: list[str] = []
    inner = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    if isinstance(schema, dict) and isinstance(schema.get("pattern"), str):
        found.append(str(schema["pattern"]))
    for item in inner:
        found += _patterns(item)
    return found


def test_patterns_keep_to_what_all_regular_expression_dialects_share() -> None:
    patterns = _patterns(json_schema())
    assert len(patterns) > 3
    for pattern in patterns:
        re.compile(pattern)
        assert not re.search(r"\\[^.$*?{}\[\]tnru]|\\u(?![0-9a-f]{4})", pattern), "an escape of one dialect only"
