"""The JSON reader that says where everything stands."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbay.kit.jsontext import MAX_BYTES, MAX_DEPTH, MAX_PROBLEMS, parse
from switchbay.kit.jsonvalue import JsonValue

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)


def _problems(data: bytes) -> list[tuple[str, int, int]]:
    return [(problem.kind, problem.line, problem.column) for problem in parse(data).problems]


@given(_JSON, st.sampled_from([None, 1, 4]), st.booleans())
def test_reads_what_the_standard_reader_reads(value: JsonValue, indent: int | None, ascii_only: bool) -> None:
    data = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    text = parse(data)
    assert text.problems == ()
    assert text.complete
    assert text.value == value
    assert repr(text.value) == repr(json.loads(data))  # tells 1 from 1.0 and from True


@given(st.binary(max_size=60))
def test_never_raises_and_accepts_no_more_than_the_standard_reader(data: bytes) -> None:
    text = parse(data)
    if text.complete and not text.problems:
        assert text.value == json.loads(data.removeprefix(b"\xef\xbb\xbf"))


@given(st.text("{}[]\",:'0123.eE+-ntrufalse\\/*# \n", max_size=40))
def test_never_raises_on_what_looks_like_json(data: str) -> None:
    text = parse(data.encode())
    try:
        wanted = json.loads(data, parse_constant=lambda _: None)
    except ValueError:
        assert text.problems
    else:
        assert text.problems or text.value == wanted
    assert all(problem.line >= 1 and problem.column >= 1 for problem in text.problems)


def test_tells_where_values_and_names_stand() -> None:
    text = parse(b'{\n  "a": [1,\n    {"b": "\xc3\xa9\xc3\xa9", "c": 2}]\n}')
    assert text.position(()) == (1, 1)
    assert text.position(("a",)) == (2, 8)
    assert text.position(("a",), key=True) == (2, 3)
    assert text.position(("a", 1, "b")) == (3, 11)
    assert text.position(("a", 1, "c"), key=True) == (3, 17)  # columns count characters, not bytes


def test_what_is_not_there_stands_where_its_parent_does() -> None:
    text = parse(b'{"a": [1]}')
    assert text.position(("a", 5, "x")) == (1, 7)
    assert text.position(("b",), key=True) == (1, 1)


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_counts_lines_by_any_line_end(newline: bytes) -> None:
    text = parse(newline.join([b"{", b'"a":', b"1}"]))
    assert text.position(("a",)) == (3, 1)


def test_byte_order_mark_is_no_mistake_and_no_column() -> None:
    text = parse(b'\xef\xbb\xbf{"a": 1}')
    assert text.problems == ()
    assert text.position(("a",)) == (1, 7)


def test_equal_keys_are_reported_with_both_places_and_reading_goes_on() -> None:
    text = parse(b'{"a": 1,\n "b": {"c": 1, "c": 2},\n "a": 3,\n "a": 4}')
    assert [(problem.path, problem.line, problem.first) for problem in text.problems] == [
        (("b", "c"), 2, (2, 8)),
        (("a",), 3, (1, 2)),
        (("a",), 4, (1, 2)),
    ]
    assert text.problems[1].message == "the member stands here twice, first on line 1 and again on line 3"
    assert text.complete


def test_all_recoverable_mistakes_are_found_in_one_reading() -> None:
    data = b'{ // one\n "a": NaN, /* two */\n "b": [1, 2,],\n "c": -Infinity, # three\n "d": "\\ud800",\n}'
    assert _problems(data) == [
        ("json_comment", 1, 3),
        ("json_number", 2, 7),
        ("json_comment", 2, 12),
        ("json_trailing_comma", 3, 12),
        ("json_number", 4, 7),
        ("json_comment", 4, 18),
        ("json_surrogate", 5, 7),
        ("json_trailing_comma", 5, 15),
    ]
    text = parse(data)
    assert text.complete
    assert text.value == {"a": None, "b": [1, 2], "c": None, "d": "\ufffd"}


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"", (1, 1)),
        (b"  \n ", (2, 2)),
        (b"{", (1, 2)),
        (b"[1 2]", (1, 4)),
        (b'{"a" 1}', (1, 6)),
        (b'{"a": 1\n"b": 2}', (2, 1)),
        (b"{a: 1}", (1, 2)),
        (b"{'a': 1}", (1, 2)),
        (b'{"a": "b\nc"}', (1, 9)),
        (b'"a\\qb"', (1, 3)),
        (b'"a\x01b"', (1, 3)),
        (b'"abc', (1, 5)),
        (b"01", (1, 1)),
        (b"+1", (1, 1)),
        (b".5", (1, 1)),
        (b"1.", (1, 1)),
        (b"0x10", (1, 1)),
        (b"True", (1, 1)),
        (b"{} {}", (1, 4)),
        (b"[,]", (1, 2)),
        (b"[1,,2]", (1, 4)),
        (b"[1}", (1, 3)),
        (b"/ 1", (1, 1)),
    ],
)
def test_text_that_cannot_be_read_on_is_reported_where_it_breaks(data: bytes, place: tuple[int, int]) -> None:
    assert _problems(data) == [("json_syntax", *place)]
    assert not parse(data).complete


def test_comment_without_end_stops_the_reading() -> None:
    assert _problems(b'{"a": 1 /* oh') == [("json_comment", 1, 9)]


def test_depth_is_bounded() -> None:
    assert _problems(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) == []
    assert _problems(b"[" * (MAX_DEPTH + 1)) == [("json_too_deep", 1, MAX_DEPTH + 1)]
    assert _problems(b'{"a":' * 100_00) == [("json_too_deep", 1, 5 * MAX_DEPTH + 1)]


def test_size_is_bounded() -> None:
    fits = b'"' + b"a" * (MAX_BYTES - 2) + b'"'
    assert _problems(fits) == []
    assert _problems(fits + b" ") == [("json_too_large", 1, 1)]


def test_number_of_problems_is_bounded() -> None:
    text = parse(b"[" + b"NaN," * 1000 + b"1]")
    assert len(text.problems) == MAX_PROBLEMS
    assert not text.complete


@pytest.mark.parametrize("number", [b"1e999999", b"-1e400", b"9" * 5000, b"1" + b"0" * 64, b"0." + b"1" * 100])
def test_numbers_too_large_or_too_long_are_mistakes(number: bytes) -> None:
    assert _problems(number) == [("json_number", 1, 1)]
    assert parse(number).value is None


@pytest.mark.parametrize(
    ("number", "value"),
    [(b"-0", 0), (b"1e40", 1e40), (b"9" * 64, 10**64 - 1), (b"1E-999", 0.0), (b"-0.5e+2", -50.0)],
)
def test_numbers_within_the_limits_are_read_exactly(number: bytes, value: float) -> None:
    text = parse(number)
    assert text.problems == ()
    assert text.value == value
    assert not isinstance(text.value, float) or math.isfinite(text.value)


def test_invalid_utf8_is_reported_where_it_stands() -> None:
    assert _problems(b'{\n "a": "\xc3\xa9\xff"}') == [("json_encoding", 2, 9)]


def test_utf16_is_recognised() -> None:
    problem = parse("{}".encode("utf-16")).problems[0]
    assert problem.kind == "json_encoding"
    assert problem.message == "the text is not UTF-8; it looks like UTF-16"


def test_surrogate_pair_is_one_character() -> None:
    assert parse(b'"\\ud83d\\ude00"').value == "😀"


def test_no_message_shows_a_string_of_the_text() -> None:
    for data in (b'{"k": "s3cr3t" "x"}', b'"s3cr3t\n"', b'{"s3cr3t": 1, "s3cr3t": 2}', b'["s3cr3t\\q"]'):
        assert all("s3cr3t" not in problem.message for problem in parse(data).problems)
