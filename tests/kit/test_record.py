"""Records, which are made for every message, are as frozen as others, and show no bodies."""

import pytest
from msgspec.structs import replace

from switchbay.kit.record import Record


class _Sent(Record, frozen=True):
    number: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def test_a_value_cannot_be_changed() -> None:
    sent = _Sent(1, b"x")
    with pytest.raises(AttributeError):
        sent.number = 2  # type: ignore[misc]  # that is what is tried
    assert sent.number == 1


def test_a_changed_copy_is_another_value() -> None:
    sent = _Sent(1, b"x")
    assert replace(sent, number=2) == _Sent(2, b"x")
    assert sent == _Sent(1, b"x")


def test_equal_values_are_one_key() -> None:
    assert len({_Sent(1, b"x"), _Sent(1, b"x"), _Sent(2, b"x")}) == 2


def test_bodies_and_headers_are_not_shown() -> None:
    assert repr(_Sent(1, b"secret", (("Authorization", "secret"),))) == "_Sent(number=1)"
