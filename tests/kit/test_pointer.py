"""JSON Pointers as RFC 6901 has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import from_pointer, resolve, to_index, to_pointer

# The document and pointers of RFC 6901 §5.
_DOCUMENT: JsonValue = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "k\\l": 6,
    " ": 7,
    "m~n": 8,
}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", _DOCUMENT),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/k\\l", 6),
        ("/ ", 7),
        ("/m~0n", 8),
    ],
)
def test_pointers_of_the_standard_resolve(pointer: str, value: JsonValue) -> None:
    assert resolve(_DOCUMENT, pointer) == value


@pytest.mark.parametrize(
    "pointer", ["/foo/2", "/foo/-", "/foo/01", "/foo/٣", "/foo/0/x", "/bar", "/foo/99999999999999999"]
)
def test_pointer_to_nothing_is_a_lookup_error(pointer: str) -> None:
    with pytest.raises(LookupError):
        resolve(_DOCUMENT, pointer)


@pytest.mark.parametrize("text", ["foo", "/a~", "/a~2", "#/foo"])
def test_text_that_is_no_pointer_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="JSON Pointer"):
        from_pointer(text)


@given(st.lists(st.text(max_size=5)))
def test_path_survives_the_way_through_text(path: list[str]) -> None:
    assert from_pointer(to_pointer(path)) == tuple(path)


def test_index_one_past_the_end_is_refused() -> None:
    assert to_index("2", 3) == 2
    with pytest.raises(LookupError):
        to_index("3", 3)
