"""The connector's id of a consumer, and the platform's."""

import pytest

from switchbay.kit.errors import AppError, Kind
from switchbay.oauth.protocol.consumer_identity import make_consumer_id, read_ext_consumer_id

KEY = b"k" * 32


@pytest.mark.parametrize("given", ["a", "  a ", "+49 170", "żółć", "😀", "x" * 512, '"\\', "user@example.com"])
def test_a_text_is_taken_exactly_as_it_came(given: str) -> None:
    assert read_ext_consumer_id(given) == given


def test_a_whole_number_becomes_its_digits() -> None:
    assert read_ext_consumer_id(491701234567) == "491701234567"
    assert read_ext_consumer_id(-7) == "-7"


@pytest.mark.parametrize(
    "given",
    ["", "x" * 513, "a\x00b", "a\nb", "\x7f", "\x85", "\ud800", 10**40, -(10**40), pytest.param(10**5_000, id="huge")],
)
def test_what_cannot_be_an_id_is_refused(given: str | int) -> None:
    with pytest.raises(AppError) as refused:
        read_ext_consumer_id(given)
    assert (refused.value.kind, refused.value.code) == (Kind.INVALID, "consumer_id_invalid")


def test_the_platforms_id_is_an_hmac_in_hexadecimal() -> None:
    # printf 'consumer-1' | openssl dgst -sha256 -hmac kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk
    expected = "9ffc0f6fd22f15eedcb3886eb35979dc7164ecfaca06f9ec756a13dac646d0c9"
    assert make_consumer_id(KEY, "consumer-1") == expected


def test_another_key_or_another_consumer_gives_another_id() -> None:
    ids = {make_consumer_id(key, ext) for key in (KEY, b"l" * 32) for ext in ("a", "A", "ä", "a ")}
    assert len(ids) == 8
