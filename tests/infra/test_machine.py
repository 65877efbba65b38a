"""Ids and secrets of the real generator differ, and sort as they were made."""

from switchbay.infra.machine import Randomness


def test_ids_of_one_millisecond_sort_in_the_order_in_which_they_were_made() -> None:
    randomness = Randomness()
    made = [randomness.sortable_id("dlv", at) for at in (5, 5, 5, 6, 6, 7)]
    assert made == sorted(made)
    assert len(set(made)) == 6


def test_another_process_makes_other_ids() -> None:
    assert Randomness().sortable_id("dlv", 5) != Randomness().sortable_id("dlv", 5)


def test_secrets_and_tokens_differ() -> None:
    randomness = Randomness()
    assert randomness.client_secret() != randomness.client_secret()
    assert randomness.token() != randomness.token()
    assert randomness.uuid() != randomness.uuid()
