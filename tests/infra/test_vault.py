"""Sealed secrets open only with their key and in their place."""

import base64
from pathlib import Path

import pytest

from switchbay.infra.vault import Vault, load_vault, parse_keys
from switchbay.kit.errors import AppError
from switchbay.kit.secret import Secret

_OLD = ("old", b"\x01" * 32)
_NEW = ("new", b"\x02" * 32)


def test_a_sealed_secret_opens_in_its_context() -> None:
    vault = Vault([_OLD])
    sealed = vault.seal(Secret("s3cret"), "apps/1")
    assert b"s3cret" not in sealed
    assert vault.open(sealed, "apps/1").reveal() == "s3cret"


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    vault = Vault([_OLD])
    assert vault.seal(Secret("x"), "c") != vault.seal(Secret("x"), "c")


def test_a_sealed_secret_does_not_open_in_another_place() -> None:
    vault = Vault([_OLD])
    with pytest.raises(AppError) as caught:
        vault.open(vault.seal(Secret("x"), "apps/1"), "apps/2")
    assert caught.value.code == "secret_unreadable"


def test_a_rotated_key_still_opens_and_no_longer_seals() -> None:
    sealed = Vault([_OLD]).seal(Secret("x"), "c")
    rotated = Vault([_NEW, _OLD])
    assert rotated.open(sealed, "c").reveal() == "x"
    with pytest.raises(AppError):
        Vault([_OLD]).open(rotated.seal(Secret("x"), "c"), "c")


def test_derived_keys_differ_by_purpose_and_by_master_key_and_are_the_same_on_every_node() -> None:
    first, second = Vault([_NEW, _OLD]).derive_keys("files")
    assert Vault([_OLD]).derive_keys("files") == (second,)
    assert len({first, second, *Vault([_NEW]).derive_keys("other"), _NEW[1]}) == 4
    assert {len(first), len(second)} == {32}


@pytest.mark.parametrize(
    "broken", [b"", b"\x01", b"\x01\xff", b"\x02\x03old", b"\x01\x03old" + b"\x00" * 11, b"\xff" * 60]
)
def test_a_broken_value_is_an_error_with_a_code(broken: bytes) -> None:
    with pytest.raises(AppError) as caught:
        Vault([_OLD]).open(broken, "c")
    assert caught.value.code == "secret_unreadable"


@pytest.mark.parametrize(
    "text", ["nokey", "a:!!!", "a:" + base64.b64encode(b"short").decode(), ":" + "A" * 44, "b c:AAAA"]
)
def test_a_malformed_master_key_is_refused(text: str) -> None:
    with pytest.raises(AppError) as caught:
        parse_keys(text)
    assert caught.value.code == "master_key_malformed"


def test_the_key_file_is_made_once_readable_by_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    sealed = load_vault("", file).seal(Secret("x"), "c")
    assert file.stat().st_mode & 0o777 == 0o600
    assert load_vault("", file).open(sealed, "c").reveal() == "x"


def test_a_secret_does_not_show_itself() -> None:
    assert "s3cret" not in f"{Secret('s3cret')!r} {Secret('s3cret')}"
