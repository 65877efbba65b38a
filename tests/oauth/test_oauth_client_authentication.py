"""How a client says who it is."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbay.kit.secret import Secret
from switchbay.oauth.protocol.rfc6749_client_authentication import Presented, read_credentials
from switchbay.oauth.protocol.rfc6749_errors import TokenRequestRefused

BOTH = {"client_id": "the-client", "client_secret": "the-secret"}
EXPECTED = Presented("the-client", Secret("the-secret"))


def basic(pair: bytes) -> str:
    return "Basic " + base64.b64encode(pair).decode("ascii")


def refusal(authorization: list[str], parameters: dict[str, str]) -> tuple[int, str, str]:
    with pytest.raises(TokenRequestRefused) as refused:
        read_credentials(authorization, parameters)
    return refused.value.status, refused.value.error, refused.value.reason


def test_parameters_name_the_client_and_its_secret() -> None:
    assert read_credentials([], BOTH) == EXPECTED


def test_an_empty_header_counts_as_none() -> None:
    assert read_credentials(["", " "], BOTH) == EXPECTED


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_http_basic_names_the_client_and_its_secret(scheme: str) -> None:
    header = basic(b"the-client:the-secret").replace("Basic", scheme)
    assert read_credentials([header], {}) == EXPECTED


def test_http_basic_credentials_are_form_encoded() -> None:
    assert read_credentials([basic(b"a%3Ab:c+d%25%3A")], {}) == Presented("a:b", Secret("c d%:"))


def test_the_secret_in_http_basic_may_contain_a_colon() -> None:
    assert read_credentials([basic(b"a:b:c")], {}) == Presented("a", Secret("b:c"))


def test_the_client_id_may_be_repeated_beside_http_basic() -> None:
    header = basic(b"the-client:the-secret")
    assert read_credentials([header], {"client_id": "the-client"}) == EXPECTED


@pytest.mark.parametrize(
    ("authorization", "parameters"),
    [
        ([basic(b"the-client:the-secret")], BOTH),
        ([basic(b"the-client:the-secret")], {"client_secret": "the-secret"}),
        ([basic(b"the-client:the-secret")], {"client_id": "another"}),
        ([basic(b"the-client:the-secret")] * 2, {}),
        (["Bearer abc"], BOTH),
    ],
)
def test_two_ways_at_once_are_refused(authorization: list[str], parameters: dict[str, str]) -> None:
    assert refusal(authorization, parameters) == (400, "invalid_request", "two_mechanisms")


@pytest.mark.parametrize(
    ("authorization", "parameters"),
    [
        ([], {}),
        ([], {"client_id": "the-client"}),
        ([], {"client_secret": "the-secret"}),
        ([basic(b"the-client:")], {}),
        ([basic(b":the-secret")], {}),
        ([basic(b"the-client")], {}),
    ],
)
def test_incomplete_credentials_are_refused(authorization: list[str], parameters: dict[str, str]) -> None:
    assert refusal(authorization, parameters) == (401, "invalid_client", "credentials_missing")


@pytest.mark.parametrize("header", ["Bearer abc", "Digest x", "abc"])
def test_another_scheme_is_refused(header: str) -> None:
    assert refusal([header], {}) == (401, "invalid_client", "scheme_unsupported")


@pytest.mark.parametrize("header", ["Basic !!!", "Basic YQ", "Basic é", basic(b"\xff:\xff"), basic(b"%ff:a")])
def test_malformed_http_basic_is_refused(header: str) -> None:
    assert refusal([header], {}) == (401, "invalid_client", "basic_malformed")


@pytest.mark.parametrize("text", ["", "a\x00b", "é", "a\nb", "x" * 513, "\ud800"])
def test_credentials_that_this_server_never_gives_out_are_not_plausible(text: str) -> None:
    assert not Presented(text, Secret("s")).plausible
    assert not Presented("c", Secret(text)).plausible


def test_printable_credentials_are_plausible() -> None:
    assert Presented("6c5a36a1-9b1f ~", Secret("x" * 512)).plausible


def test_the_secret_does_not_show_itself() -> None:
    assert "the-secret" not in repr(EXPECTED)


@given(header=st.text(max_size=60))
def test_any_header_is_read_or_refused_as_the_standard_says(header: str) -> None:
    outcome = "read"
    try:
        assert read_credentials(["Basic " + header], {}).client_id
    except TokenRequestRefused as refused:
        outcome = refused.error
    assert outcome in {"read", "invalid_client"}
