"""Manifests as text: mistakes of JSON are findings among the others, and nothing makes the check raise."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbay.manifest.public import check_text, check_value


def test_mistakes_of_json_and_of_meaning_come_in_one_report_in_order() -> None:
    lines = [
        "{",
        "  // a comment",
        '  "client_name": "a",',
        '  "enabled": "no",',
        '  "scope": "x",',
        '  "scope": "y",',
        "}",
    ]
    report = check_text("\n".join(lines).encode())
    assert [(issue.line, issue.column, issue.code) for issue in report.issues] == [
        (2, 3, "json_comment"),
        (4, 14, "type"),
        (6, 3, "duplicate_key"),
        (6, 12, "unknown_scope"),
        (6, 15, "json_trailing_comma"),
    ]
    assert not report.valid
    assert report.normalised is None


def test_duplicate_key_names_both_places() -> None:
    issue = check_text(b'{"client_name": "a",\n "client_name": "b"}').issues[0]
    assert issue.path == "/client_name"
    assert (issue.line, issue.column) == (2, 2)
    assert [place.to_json() for place in issue.also_at] == [{"path": "/client_name", "line": 1, "column": 2}]
    assert issue.message == "the member stands here twice, first on line 1 and again on line 2"


def test_messages_hold_no_control_characters_of_the_text() -> None:
    nasty = "client_name#\x1b]0;x\x07"
    report = check_value({"client_name": "a", nasty: 3, "capabilities": {"webhooks": {"\x1b[2J": {}, "\x1b[3J": None}}})
    assert len(report.issues) == 5
    for issue in report.issues:
        assert (issue.message + (issue.got or "") + (issue.expected or "")).isprintable(), issue.code


def test_items_of_lists_are_named_with_their_list() -> None:
    report = check_value({"client_name": "a", "grant_types": [3], "redirect_uris": [None]})
    assert [issue.message for issue in report.issues] == [
        "grant_types/0 is a number, not a string",
        "redirect_uris/0 is null, not a string",
    ]


def test_a_broken_text_is_one_finding() -> None:
    report = check_text(b'{"client_name": "a"')
    assert [(issue.code, issue.line, issue.column) for issue in report.issues] == [("json_syntax", 1, 20)]
    assert report.manifest is None


def test_byte_order_mark_is_accepted() -> None:
    assert check_text(b'\xef\xbb\xbf{"client_name": "a"}').issues == ()


def test_number_that_is_none_is_not_reported_twice() -> None:
    report = check_text(b'{"client_name": "a", "enabled": NaN}')
    assert [issue.code for issue in report.issues] == ["json_number"]


def test_missing_member_stands_where_its_object_does() -> None:
    report = check_text(b'{"client_name": "a",\n  "capabilities": {\n    "engagement": {"design_window": true}}}')
    assert {(issue.line, issue.column) for issue in report.issues if issue.code == "required"} == {(3, 19)}


@given(st.binary(max_size=80))
def test_any_bytes_give_a_report(data: bytes) -> None:
    report = check_text(data)
    assert report.valid is (report.manifest is not None)


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
_MEMBERS = ["client_name", "display_name#fr", "scope", "capabilities", "redirect_uris", "grant_types"]


@given(st.dictionaries(st.sampled_from(_MEMBERS), _ANY))
def test_any_value_gives_a_report_that_is_json(value: dict[str, object]) -> None:
    report = check_value(value)  # type: ignore[arg-type]  # drawn of JSON types
    json.dumps(report.to_json(), allow_nan=False).encode()
    assert report.valid is (report.manifest is not None)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (float("nan"), "json_number"),
        (float("inf"), "json_number"),
        pytest.param(10**5000, "json_number", id="5001 digits"),
        pytest.param("\ud800", "json_surrogate", id="half a character"),
        pytest.param({"\ud800": 1}, "json_surrogate", id="half a character in a name"),
    ],
)
def test_python_values_that_json_cannot_say_are_findings(value: object, code: str) -> None:
    report = check_value({"client_name": "a", "x-a": value})  # type: ignore[dict-item]  # not JSON, on purpose
    assert [issue.code for issue in report.issues] == [code]
    json.dumps(report.to_json()).encode()
