"""Reading the parameters of a token request."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbay.oauth.protocol.rfc6749_errors import TokenRequestRefused
from switchbay.oauth.protocol.rfc6749_parameters import FORM, read_parameters, read_version

FULL = b"grant_type=client_credentials&client_id=a&client_secret=b"
VALUES = {"grant_type": "client_credentials", "client_id": "a", "client_secret": "b"}


def refusal(query: bytes, content_type: str | None, body: bytes, *, query_credentials: bool = True) -> tuple[str, str]:
    with pytest.raises(TokenRequestRefused) as refused:
        read_parameters(query, content_type, body, query_credentials=query_credentials)
    assert refused.value.status == 400
    return refused.value.error, refused.value.reason


def test_parameters_come_from_the_form() -> None:
    assert read_parameters(b"v=1.0", FORM, FULL, query_credentials=True) == VALUES


def test_parameters_come_from_the_query_with_an_empty_form() -> None:
    assert read_parameters(b"v=1.0&" + FULL, FORM, b"", query_credentials=True) == VALUES


def test_some_parameters_may_be_in_the_query_and_others_in_the_form() -> None:
    query, body = b"grant_type=client_credentials", b"client_id=a&client_secret=b"
    assert read_parameters(query, FORM, body, query_credentials=True) == VALUES


@pytest.mark.parametrize("content_type", [None, "", FORM, FORM + "; charset=UTF-8", FORM.upper(), f" {FORM} ;x=y"])
def test_the_content_type_of_a_form_may_be_absent_or_carry_more(content_type: str | None) -> None:
    assert read_parameters(b"", content_type, FULL, query_credentials=True) == VALUES


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x", ";"])
def test_the_content_type_of_no_body_does_not_matter(content_type: str) -> None:
    assert read_parameters(FULL, content_type, b"", query_credentials=True) == VALUES


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x", "x"])
def test_a_body_of_another_type_is_refused(content_type: str) -> None:
    assert refusal(b"", content_type, FULL) == ("invalid_request", "content_type")


@pytest.mark.parametrize(
    ("query", "body"),
    [
        (b"", FULL + b"&client_id=a"),
        (FULL + b"&client_secret=b", b""),
        (FULL, b"client_id=a"),
        (FULL, b"client_secret="),
        (b"", FULL + b"&extra=1&extra=1"),
        (b"scope=msg.consumer&scope=other", b""),
        (b"", b"client%5Fid=a&client_id=a"),
    ],
)
def test_a_repeated_parameter_is_refused_even_with_the_same_value(query: bytes, body: bytes) -> None:
    assert refusal(query, FORM, body) == ("invalid_request", "parameter_repeated")


def test_a_parameter_without_a_value_counts_as_left_out() -> None:
    assert read_parameters(b"", FORM, FULL + b"&scope=", query_credentials=True) == VALUES


def test_unknown_parameters_are_ignored() -> None:
    assert read_parameters(b"v=2.0&x=1", FORM, FULL + b"&y=1&v=3", query_credentials=True) == VALUES


@pytest.mark.parametrize("parameter", [b"client_id=a", b"client_secret=b", b"grant_type=c", b"scope=d", b"scope="])
def test_the_query_carries_no_parameter_when_that_is_turned_off(parameter: bytes) -> None:
    query = b"v=1.0&" + parameter
    assert refusal(query, FORM, b"", query_credentials=False) == ("invalid_request", "query_refused")


def test_the_form_is_read_when_the_query_is_turned_off() -> None:
    assert read_parameters(b"v=1.0", FORM, FULL, query_credentials=False) == VALUES


@pytest.mark.parametrize(
    "body", [b"client_id=%ff", b"client_id=\xff", b"\xc3\x28=1", b"&".join(b"p%d=1" % place for place in range(65))]
)
def test_a_form_that_is_not_utf_8_or_has_too_many_fields_is_refused(body: bytes) -> None:
    assert refusal(b"", FORM, body) == ("invalid_request", "form_malformed")


@given(query=st.binary(max_size=200), body=st.binary(max_size=200), allowed=st.booleans())
def test_any_bytes_are_read_or_refused_as_the_standard_says(query: bytes, body: bytes, allowed: bool) -> None:
    parameters: Mapping[str, str] = {}
    error = "invalid_request"
    try:
        parameters = read_parameters(query, FORM, body, query_credentials=allowed)
    except TokenRequestRefused as refused:
        error = refused.error
    assert error == "invalid_request"
    assert set(parameters) <= {"grant_type", "client_id", "client_secret", "scope"}
    assert all(parameters.values())


@pytest.mark.parametrize(
    ("query", "version"), [(b"", 1), (b"v=", 1), (b"v=1", 1), (b"v=1.0", 1), (b"v=2", 2), (b"x=y&v=2.0", 2)]
)
def test_the_version_is_one_unless_the_query_asks_for_two(query: bytes, version: int) -> None:
    assert read_version(query) == version


@pytest.mark.parametrize("query", [b"v=3.0", b"v=1.1", b"v=one", b"v=1.0&v=1.0", b"v=%00"])
def test_any_other_version_is_refused(query: bytes) -> None:
    with pytest.raises(TokenRequestRefused) as refused:
        read_version(query)
    assert (refused.value.status, refused.value.error) == (400, "invalid_request")
