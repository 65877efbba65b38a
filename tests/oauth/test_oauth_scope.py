"""The grant client_credentials: who may use it, and for what."""

import pytest

from switchbay.oauth.protocol.rfc6749_client_credentials import (
    check_client,
    check_grant_type,
    choose_scope,
    render_scope,
)
from switchbay.oauth.protocol.rfc6749_errors import TokenRequestRefused

ALLOWED = frozenset({"msg.consumer", "history.read"})


def test_all_of_the_scope_is_the_default() -> None:
    assert choose_scope(None, ALLOWED) == ALLOWED


def test_a_part_of_the_scope_may_be_asked_for() -> None:
    assert choose_scope("msg.consumer", ALLOWED) == {"msg.consumer"}


def test_more_than_the_scope_is_refused() -> None:
    with pytest.raises(TokenRequestRefused) as refused:
        choose_scope("msg.consumer admin", ALLOWED)
    assert (refused.value.status, refused.value.error) == (400, "invalid_scope")
    assert refused.value.reason == "scope_not_allowed"


@pytest.mark.parametrize("asked", [" msg.consumer", "msg.consumer ", "a  b", 'a"b', "a\\b", "a\x00", "é", "a " * 1_001])
def test_a_malformed_scope_is_refused(asked: str) -> None:
    with pytest.raises(TokenRequestRefused) as refused:
        choose_scope(asked, ALLOWED)
    assert (refused.value.error, refused.value.reason) == ("invalid_scope", "scope_malformed")


def test_scope_is_written_in_a_stable_order() -> None:
    assert render_scope(ALLOWED) == "history.read msg.consumer"


def test_the_grant_type_is_required() -> None:
    with pytest.raises(TokenRequestRefused) as refused:
        check_grant_type({})
    assert (refused.value.status, refused.value.error) == (400, "invalid_request")


@pytest.mark.parametrize("grant", ["password", "authorization_code", "CLIENT_CREDENTIALS", "\x00"])
def test_another_grant_type_is_refused(grant: str) -> None:
    with pytest.raises(TokenRequestRefused) as refused:
        check_grant_type({"grant_type": grant})
    assert (refused.value.status, refused.value.error) == (400, "unsupported_grant_type")


def test_a_disabled_application_is_refused() -> None:
    with pytest.raises(TokenRequestRefused) as refused:
        check_client(enabled=False, grant_types=frozenset({"client_credentials"}))
    assert (refused.value.status, refused.value.error) == (400, "unauthorized_client")
    assert refused.value.reason == "app_disabled"


def test_an_application_without_the_grant_is_refused() -> None:
    with pytest.raises(TokenRequestRefused) as refused:
        check_client(enabled=True, grant_types=frozenset({"authorization_code"}))
    assert (refused.value.error, refused.value.reason) == ("unauthorized_client", "grant_not_allowed")
