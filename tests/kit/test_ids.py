"""Identifiers have the shapes that clients expect."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbay.kit import ids


@pytest.mark.parametrize("text", ["1", "le12345678", "a_B9", "x" * 20])
def test_legal_account_ids(text: str) -> None:
    assert ids.is_account_id(text)


@pytest.mark.parametrize("text", ["", "x" * 21, "a-b", "a b", "ä", "1\n", "\u0661", "a/b", "."])
def test_illegal_account_ids(text: str) -> None:
    assert not ids.is_account_id(text)


@given(st.binary(min_size=17, max_size=17))
def test_a_client_secret_is_26_lower_case_characters(random: bytes) -> None:
    secret = ids.client_secret_from(random)
    assert len(secret) == 26
    assert set(secret) <= set("0123456789abcdefghijklmnopqrstuv")


@given(st.binary(min_size=17, max_size=17), st.binary(min_size=17, max_size=17))
def test_different_randomness_gives_different_secrets(one: bytes, other: bytes) -> None:
    low = (1 << 130) - 1
    differ = int.from_bytes(one, "big") & low != int.from_bytes(other, "big") & low
    assert (ids.client_secret_from(one) != ids.client_secret_from(other)) == differ


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_sortable_ids_sort_by_time(one: int, other: int, random: bytes) -> None:
    first, second = ids.sortable_id("dlv", one, random), ids.sortable_id("dlv", other, random)
    assert len(first) == len("dlv_") + 26
    assert (first < second) == (one < other)


@given(st.binary(min_size=16, max_size=16))
def test_a_uuid_has_version_4(random: bytes) -> None:
    assert uuid.UUID(ids.uuid_from(random)).version == 4


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_a_sortable_id_tells_its_time(at_ms: int, random: bytes) -> None:
    assert ids.time_of_sortable_id(ids.sortable_id("dlv", at_ms, random)) == at_ms
