"""Placeholders: how they are found, and that filling them is proof against injection."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbay.kit.jsontext import MAX_BYTES
from switchbay.kit.jsonvalue import JsonValue
from switchbay.manifest.public import FilledTooLarge, check_text, check_value, fill, fill_text


@pytest.mark.parametrize("written", ["{HOST}", "${HOST}", "<HOST>"])
def test_every_form_is_filled(written: str) -> None:
    filled = fill({"a": [f"https://{written}/x"]}, {"HOST": "h.example"})
    assert filled.value == {"a": ["https://h.example/x"]}
    assert filled.unknown == ()


def test_names_of_members_and_other_placeholders_are_left_alone() -> None:
    filled = fill({"{A}": "{A} {B} {a}", "n": 1}, {"A": "x"})
    assert filled.value == {"{A}": "x {B} {a}", "n": 1}


def test_variables_without_a_placeholder_are_named() -> None:
    assert fill({"a": "{A}"}, {"A": "x", "B": "y"}).unknown == ("B",)


def test_what_is_filled_in_is_not_filled_again() -> None:
    assert fill({"a": "{A}{B}"}, {"A": "{B}", "B": "x"}).value == {"a": "{B}x"}


def test_value_cannot_add_members() -> None:
    text = '{"client_name": "{A}", "x-n": "{A}"}'
    evil = '", "enabled": true, "x": "\\u0022'
    filled = fill_text(text, {"A": evil})
    assert json.loads(str(filled.value)) == {"client_name": evil, "x-n": evil}
    report = check_text(text.encode(), variables={"A": evil})
    assert report.manifest is not None
    assert report.manifest.client_name == evil
    assert report.manifest.enabled is None


def test_layout_of_a_text_is_kept() -> None:
    text = '{\n\t"a" : "é{A}" ,\r\n\t"{A}" : [1.50, "\\u007bA}", "{B}"] }\n'
    filled = fill_text(text, {"A": "x", "C": ""})
    assert filled.value == '{\n\t"a" : "éx" ,\r\n\t"{A}" : [1.50, "x", "{B}"] }\n'
    assert filled.unknown == ("C",)


@given(st.dictionaries(st.sampled_from(["A", "B", "C_1"]), st.text(max_size=12)), st.booleans())
def test_text_and_value_are_filled_alike(variables: dict[str, str], ascii_only: bool) -> None:
    document: JsonValue = {"a": "<A>{B}é", "b": ['"${C_1}\\', {"{A}": "{A}"}], "{B}": None, "c": '": {A}'}
    filled = fill(document, variables)
    text = fill_text(json.dumps(document, ensure_ascii=ascii_only), variables)
    assert json.loads(str(text.value)) == filled.value
    assert text.unknown == filled.unknown


def test_positions_after_filling_are_those_of_the_text_as_given() -> None:
    text = b'{"client_name": "a", "description": "{LONG}",\n "entry_uri": "{URI}", "enabled": 1}'
    report = check_text(text, variables={"LONG": "x" * 200, "URI": "ftp://x"})
    assert [(issue.code, issue.line, issue.column) for issue in report.issues] == [
        ("uri_scheme", 2, 15),
        ("type", 2, 35),
    ]


def test_filling_cannot_make_a_document_larger_than_allowed() -> None:
    document: JsonValue = {"client_name": "a", "x-a": ["{A}"] * 4}
    fits = "b" * (MAX_BYTES // 4)
    assert fill(document, {"A": fits}).unknown == ()
    with pytest.raises(FilledTooLarge):
        fill(document, {"A": fits + "b"})
    with pytest.raises(FilledTooLarge):
        fill_text(json.dumps(document), {"A": fits + "b"})
    assert [issue.code for issue in check_value(document, variables={"A": fits + "b"}).issues] == ["json_too_large"]


def test_variable_that_nobody_asks_for_is_a_warning() -> None:
    report = check_value({"client_name": "a"}, variables={"HOST": "s3cr3t"})
    assert [(issue.code, issue.got) for issue in report.issues] == [("unknown_variable", '"HOST"')]
    assert report.valid
    assert "s3cr3t" not in json.dumps(report.to_json())


def test_filled_value_is_checked_like_a_written_one() -> None:
    report = check_text(b'{"client_name": "{N}"}', variables={"N": "a\nb"})
    assert [issue.code for issue in report.issues] == ["control_character"]


def test_one_error_a_name_with_every_place_in_order() -> None:
    report = check_text(b'{"client_name": "{B}{A}",\n "display_name": "{A}",\n "description": "${A}"}')
    assert [(issue.got, issue.path) for issue in report.issues] == [("B", "/client_name"), ("A", "/client_name")]
    assert [(place.path, place.line) for place in report.issues[1].also_at] == [
        ("/display_name", 2),
        ("/description", 3),
    ]
    assert report.issues[1].message == "the placeholder A is not filled at /client_name and in 2 more places"


@pytest.mark.parametrize("text", ["{small}", "<b>bold</b>", "a < B > c", "{}", "{A", "{A-B}", "x > y"])
def test_braces_in_texts_may_be_meant(text: str) -> None:
    assert check_value({"client_name": "a", "description": text}).issues == ()


@pytest.mark.parametrize("uri", ["https://{small}/", "https://<your-host>/", "${base.url}/x"])
def test_braces_in_addresses_are_always_placeholders(uri: str) -> None:
    assert [issue.code for issue in check_value({"client_name": "a", "entry_uri": uri}).issues] == [
        "unfilled_placeholder"
    ]
