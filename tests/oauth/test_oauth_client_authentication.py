"""How a client says who it is."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbay.kit.secret import Secret
from switchbay.oauth.protocol.rfc6749_client_authentication import (
    ASSERTION_TYPE,
    LONGEST_ASSERTION,
    LONGEST_HEADER,
    Presented,
    PresentedAssertion,
    PresentedName,
    read_credentials,
)
from switchbay.oauth.protocol.rfc6749_errors import TokenRequestRefused

BOTH = {"client_id": "the-client", "client_secret": "the-secret"}
ASSERTION = {"client_assertion": "a.b.c", "client_assertion_type": ASSERTION_TYPE}
BY_POST = Presented("the-client", Secret("the-secret"), "client_secret_post")
BY_BASIC = Presented("the-client", Secret("the-secret"), "client_secret_basic")


def basic(pair: bytes) -> str:
    return "Basic " + base64.b64encode(pair).decode("ascii")


def refusal(authorization: list[str], parameters: dict[str, str]) -> tuple[int, str, str]:
    with pytest.raises(TokenRequestRefused) as refused:
        read_credentials(authorization, parameters)
    return refused.value.status, refused.value.error, refused.value.reason


def test_parameters_name_the_client_and_its_secret() -> None:
    assert read_credentials([], BOTH) == BY_POST


def test_an_empty_header_counts_as_none() -> None:
    assert read_credentials(["", " "], BOTH) == BY_POST


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_http_basic_names_the_client_and_its_secret(scheme: str) -> None:
    header = basic(b"the-client:the-secret").replace("Basic", scheme)
    assert read_credentials([header], {}) == BY_BASIC


def test_http_basic_credentials_are_form_encoded() -> None:
    expected = Presented("a:b", Secret("c d%:"), "client_secret_basic")
    assert read_credentials([basic(b"a%3Ab:c+d%25%3A")], {}) == expected


def test_the_secret_in_http_basic_may_contain_a_colon() -> None:
    assert read_credentials([basic(b"a:b:c")], {}) == Presented("a", Secret("b:c"), "client_secret_basic")


def test_the_client_id_may_be_repeated_beside_http_basic() -> None:
    header = basic(b"the-client:the-secret")
    assert read_credentials([header], {"client_id": "the-client"}) == BY_BASIC


@pytest.mark.parametrize(
    ("authorization", "parameters"),
    [
        ([basic(b"the-client:the-secret")], BOTH),
        ([basic(b"the-client:the-secret")], {"client_secret": "the-secret"}),
        ([basic(b"the-client:the-secret")], {"client_id": "another"}),
        ([basic(b"the-client:the-secret")] * 2, {}),
        (["Bearer abc"], BOTH),
        ([basic(b"the-client:the-secret")], ASSERTION),
        ([basic(b"the-client:the-secret")], {"client_assertion_type": ASSERTION_TYPE}),
        ([], {**BOTH, **ASSERTION}),
        ([], {"client_secret": "the-secret", "client_assertion": "a.b.c"}),
    ],
)
def test_two_ways_at_once_are_refused(authorization: list[str], parameters: dict[str, str]) -> None:
    assert refusal(authorization, parameters) == (400, "invalid_request", "two_mechanisms")


@pytest.mark.parametrize(
    ("authorization", "parameters"),
    [
        ([], {}),
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


def test_http_basic_of_eight_kilobytes_is_refused() -> None:
    header = basic(b"the-client:" + b"x" * 8_192)
    assert len(header) > LONGEST_HEADER
    assert refusal([header], {}) == (401, "invalid_client", "basic_malformed")


def test_the_longest_credentials_fit_however_they_are_encoded() -> None:
    header = basic(b"%7E" * 512 + b":" + b"%7E" * 512)
    presented = read_credentials([header], {})
    assert isinstance(presented, Presented)
    assert (presented.client_id, presented.client_secret.reveal()) == ("~" * 512, "~" * 512)


def test_a_client_id_alone_is_a_public_clients() -> None:
    assert read_credentials([], {"client_id": "the-client"}) == PresentedName("the-client")


def test_an_assertion_is_found_with_and_without_the_client_id_beside_it() -> None:
    assert read_credentials([], ASSERTION) == PresentedAssertion(None, Secret("a.b.c"))
    beside = read_credentials([], {"client_id": "the-client", **ASSERTION})
    assert beside == PresentedAssertion("the-client", Secret("a.b.c"))


@pytest.mark.parametrize("name", ["client_assertion", "client_assertion_type"])
def test_half_an_assertion_is_refused(name: str) -> None:
    assert refusal([], {name: ASSERTION[name]}) == (400, "invalid_request", "assertion_incomplete")


def test_another_kind_of_assertion_is_refused() -> None:
    saml = {**ASSERTION, "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}
    assert refusal([], saml) == (401, "invalid_client", "assertion_type_unsupported")


def test_an_assertion_that_is_too_long_is_refused() -> None:
    long = {**ASSERTION, "client_assertion": "a" * (LONGEST_ASSERTION + 1)}
    assert refusal([], long) == (401, "invalid_client", "assertion_malformed")


@pytest.mark.parametrize("text", ["", "a\x00b", "é", "a\nb", "x" * 513, "\ud800"])
def test_credentials_that_this_server_never_gives_out_are_not_plausible(text: str) -> None:
    assert not Presented(text, Secret("s")).plausible
    assert not Presented("c", Secret(text)).plausible


def test_printable_credentials_are_plausible() -> None:
    assert Presented("6c5a36a1-9b1f ~", Secret("x" * 512)).plausible


def test_the_secret_does_not_show_itself() -> None:
    assert "the-secret" not in repr(BY_POST)
    assert "a.b.c" not in repr(read_credentials([], ASSERTION))


@given(header=st.text(max_size=60))
def test_any_header_is_read_or_refused_as_the_standard_says(header: str) -> None:
    outcome = "read"
    try:
        assert read_credentials(["Basic " + header], {}).client_id
    except TokenRequestRefused as refused:
        outcome = refused.error
    assert outcome in {"read", "invalid_client"}
