"""Names, preconditions and secrets as values."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from switchbay.apps.domain.installations import is_app_id, name_key
from switchbay.apps.domain.secrets import (
    ClientSecret,
    EndedSecret,
    Rotation,
    current_secret,
    digest_of,
    end_over,
    finish,
    is_new_primary,
    match_ended,
    match_secret,
    overlap_under_way,
    promote,
    remove,
    rotate,
    secret_name,
)
from switchbay.kit.preconditions import ANY, Precondition, parse_if_match

OLD = ClientSecret("sec_old", digest_of("old"), created_at=1)
NEW = ClientSecret("sec_new", digest_of("new"), created_at=100)


@pytest.mark.parametrize(
    ("values", "revisions"),
    [
        (["5"], {5}),
        (['"5"'], {5}),
        (['W/"5"'], {5}),
        (["W/5"], {5}),
        ([' "5" '], {5}),
        (['"4", W/"5"'], {4, 5}),
        (["4", "5"], {4, 5}),
        (["0005"], {5}),
        (["undefined"], set()),
        (['"abc"'], set()),
        (['"5'], set()),
        (['5"'], set()),
        (["-2"], {-2}),
        (["9" * 5_000], set()),
        (["٥"], set()),
    ],
)
def test_if_match_names_revisions(values: list[str], revisions: set[int]) -> None:
    assert parse_if_match(values) == Precondition(any=False, revisions=frozenset(revisions))


@pytest.mark.parametrize("value", ["*", "-1", '"-1"', 'W/"-1"', "7, *"])
def test_if_match_may_mean_any(value: str) -> None:
    assert parse_if_match([value]) == ANY


@pytest.mark.parametrize("values", [[], [""], [" , "]])
def test_an_empty_if_match_is_none(values: list[str]) -> None:
    assert parse_if_match(values) is None


@given(st.text(max_size=50))
def test_if_match_takes_any_text(text: str) -> None:
    condition = parse_if_match([text])
    assert condition is None or isinstance(condition.holds(5), bool)


@pytest.mark.parametrize(
    ("one", "other"),
    [("My App", "my app"), ("STRASSE", "straße"), ("Caf\u00e9", "CAFE\u0301"), ("ΟΔΟΣ", "οδος")],
)
def test_names_that_differ_only_in_case_or_composition_are_the_same(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


def test_other_names_differ() -> None:
    assert name_key("app 1") != name_key("app-1")


@pytest.mark.parametrize(
    "text", ["", "x", "A" * 36, "1b4e28ba-2fa1-11d2-883f-0016d3cca427\n", "1B4E28BA-2FA1-11D2-883F-0016D3CCA427"]
)
def test_what_cannot_be_an_id_is_told_apart(text: str) -> None:
    assert not is_app_id(text)


def test_a_secret_is_found_among_all_valid_ones() -> None:
    ending = replace(OLD, not_after=200)
    assert match_secret((ending, NEW), "old", 199) == ending
    assert match_secret((ending, NEW), "new", 199) == NEW
    assert match_secret((ending, NEW), "other", 199) is None
    assert match_secret((ending, NEW), "old", 200) is None
    assert match_secret((), "old", 0) is None


@given(st.text())
def test_any_text_can_be_presented(text: str) -> None:
    assert match_secret((OLD,), text, 0) == (OLD if text == "old" else None)


def test_the_empty_digest_is_no_secret() -> None:
    assert match_secret((), "", 0) is None


def test_a_rotation_keeps_the_current_secret_and_lets_it_sign() -> None:
    rotation = rotate((OLD,), NEW, 100, 50)
    assert rotation.kept == (replace(OLD, not_after=150, signs=True), replace(NEW, signs=False))
    assert rotation.ended == ()
    assert overlap_under_way(rotation.kept, 149)
    assert not overlap_under_way(rotation.kept, 150)


def test_a_rotation_without_overlap_ends_the_current_secret() -> None:
    rotation = rotate((OLD,), NEW, 100, 0)
    assert rotation.kept == (NEW,)
    assert rotation.ended == (OLD,)


def test_a_forced_rotation_ends_the_oldest_secret() -> None:
    first = rotate((OLD,), NEW, 100, 50)
    newest = ClientSecret("sec_newest", digest_of("newest"), created_at=110)
    rotation = rotate(first.kept, newest, 110, 50)
    assert [secret.secret_id for secret in rotation.ended] == ["sec_old"]
    assert rotation.kept == (replace(NEW, not_after=160, signs=True), replace(newest, signs=False))


def test_the_end_of_a_rotation_leaves_the_new_secret_signing() -> None:
    rotation = finish(rotate((OLD,), NEW, 100, 50).kept)
    assert rotation.kept == (NEW,)
    assert [secret.secret_id for secret in rotation.ended] == ["sec_old"]


def test_a_promoted_secret_is_the_only_one_that_signs() -> None:
    kept = promote(rotate((OLD,), NEW, 100, 50).kept, "sec_new")
    assert [(secret.secret_id, secret.signs) for secret in kept] == [("sec_old", False), ("sec_new", True)]


def test_an_ended_secret_is_told_whether_it_was_put_away_or_not() -> None:
    put_away = EndedSecret("sec_away", "node", digest_of("away"), ended_at=50)
    over = replace(OLD, not_after=100)
    assert match_ended((over, NEW), (put_away,), "away", 100) == put_away
    assert match_ended((over, NEW), (put_away,), "old", 100) == EndedSecret("sec_old", "primary", OLD.digest, 100)
    assert match_ended((over, NEW), (put_away,), "old", 99) is None
    assert match_ended((over, NEW), (put_away,), "new", 100) is None
    assert match_ended((), (), "", 100) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("node", "node"),
        (" a b ", "a b"),
        ("x" * 64, "x" * 64),
        ("Cafe\u0301", "Caf\u00e9"),
        ("", None),
        ("x" * 65, None),
        ("Primary", None),
        ("a\tb", None),
        ("\u202e", None),
    ],
)
def test_names_of_secrets(text: str, name: str | None) -> None:
    assert secret_name(text) == name


def test_removing_the_last_secret_without_an_end_leaves_nothing_to_do() -> None:
    ending = ClientSecret("sec_end", digest_of("end"), created_at=2, not_after=900, signs=False, name="contractor")
    assert remove((OLD, ending), "sec_old") is None
    assert remove((OLD, ending), "sec_end") == Rotation((OLD,), (ending,))


def test_the_secret_that_lasts_is_current_while_one_that_ends_still_signs() -> None:
    named = ClientSecret("sec_node", digest_of("node"), created_at=2, signs=False, name="node")
    assert current_secret((replace(OLD, not_after=900), named)) == named


@example([("rotate", 1), ("add", 0), ("remove", 1)])
@given(st.lists(st.tuples(st.sampled_from(["add", "rotate", "finish", "end", "remove", "use"]), st.integers(0, 9))))
def test_whatever_is_done_one_secret_signs_and_one_has_no_end(steps: list[tuple[str, int]]) -> None:
    theirs: tuple[ClientSecret, ...] = (OLD,)
    for now, (step, number) in enumerate(steps, start=1_000):
        secret = ClientSecret(f"sec_{now}", digest_of(str(now)), created_at=now)
        if step == "add":
            theirs = (*theirs, replace(secret, name=f"n{now}", signs=False, not_after=now + number if number else None))
        elif step == "rotate":
            theirs = rotate(theirs, secret, now, number).kept
        elif step == "finish":
            theirs = finish(theirs).kept
        elif step == "end":
            theirs = end_over(theirs, now).kept
        elif step == "remove":
            left = remove(theirs, theirs[number % len(theirs)].secret_id)
            theirs = left.kept if left else theirs
        elif is_new_primary(theirs, theirs[number % len(theirs)].secret_id):
            theirs = promote(theirs, theirs[number % len(theirs)].secret_id)
        assert [each.signs for each in theirs].count(True) == 1
        assert any(each.not_after is None for each in theirs)
        assert sum(each.is_primary and each.not_after is None for each in theirs) <= 1
        current = current_secret(theirs)
        assert current is not None
        assert current.not_after is None
