"""Sealed transactions: what comes back, and what is not opened."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbay.infra.machine import ManualClock
from switchbay.infra.vault import Vault
from switchbay.oauth.domain import Face
from switchbay.oauth.protocol.oidc_interaction import Steps
from switchbay.oauth.transactions import LIFETIME_MS, Transaction, Transactions

VAULT = Vault([("test", b"\x07" * 32)])


def _transaction(clock: ManualClock) -> Transaction:
    return Transaction(
        account_id="4711001",
        face=Face.OIDC,
        version="oidc",
        parameters=(("client_id", "x"), ("resource", "a:1"), ("resource", "a:2"), ("state", "\u00e4\r\n ")),
        asked_at=clock.now_ms(),
        browser=b"\x01" * 32,
        steps=Steps(session_id="ses_1", offered=frozenset({"openid", "email"})),
    )


def test_a_transaction_comes_back_as_it_was(clock: ManualClock) -> None:
    transactions = Transactions(VAULT, clock)
    made = _transaction(clock)
    for steps in (made.steps, Steps(), Steps(offered=frozenset())):
        sealed = transactions.seal(made.after(steps))
        assert transactions.open(sealed) == replace(made, steps=steps)
        assert "4711001" not in base64.urlsafe_b64decode(sealed + "==").decode("latin-1")


def test_an_answer_to_the_consent_page_is_never_kept(clock: ManualClock) -> None:
    transactions = Transactions(VAULT, clock)
    made = _transaction(clock)
    for steps in (made.steps.allow(for_account=True), made.steps.deny()):
        assert transactions.open(transactions.seal(made.after(steps))) == made


def test_it_is_good_for_an_hour_from_the_request_however_often_it_is_sealed(clock: ManualClock) -> None:
    transactions = Transactions(VAULT, clock)
    made = _transaction(clock)
    sealed = transactions.seal(made)
    clock.advance(ms=LIFETIME_MS - 1)
    assert transactions.open(sealed) == made
    again = transactions.seal(made)
    clock.advance(ms=1)
    assert transactions.open(sealed) is None
    assert transactions.open(again) is None


@pytest.mark.parametrize("place", range(0, 200, 7))
def test_a_changed_text_is_not_opened(clock: ManualClock, place: int) -> None:
    transactions = Transactions(VAULT, clock)
    sealed = transactions.seal(_transaction(clock))
    changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
    assert transactions.open(changed) is None


def test_what_was_sealed_for_another_place_is_not_opened(clock: ManualClock) -> None:
    sealed = base64.urlsafe_b64encode(VAULT.seal(b"\x90", "oauth/other")).rstrip(b"=").decode()
    assert Transactions(VAULT, clock).open(sealed) is None


def test_what_another_installation_sealed_is_not_opened(clock: ManualClock) -> None:
    sealed = Transactions(Vault([("test", b"\x08" * 32)]), clock).seal(_transaction(clock))
    assert Transactions(VAULT, clock).open(sealed) is None


@given(text=st.text(max_size=200))
def test_any_text_is_refused_without_an_exception(text: str) -> None:
    assert Transactions(VAULT, ManualClock()).open(text) is None
