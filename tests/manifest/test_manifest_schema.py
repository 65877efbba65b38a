"""The published JSON Schema is exactly as lenient as the check, as far as JSON Schema can say it."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from support.manifest_corpus import Case, case_params, mutated_documents
from switchbay.kit.jsonvalue import JsonValue
from switchbay.manifest.public import CATALOGUE, Severity, check_value, json_schema

_VALIDATOR = Draft202012Validator(json_schema())


def test_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("case", case_params())
def test_schema_and_check_agree_on_the_corpus(case: Case) -> None:
    agree = _VALIDATOR.is_valid(case.document) is (not case.errors)
    assert agree is not case.beyond_schema


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
