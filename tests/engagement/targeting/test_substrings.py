"""Many rules at once fit what each of them fits."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from switchbay.engagement.domain.conditions import Match
from switchbay.engagement.targeting.substrings import TextRules, needed_letters
from switchbay.engagement.targeting.texts import compiled, fits

_TEXTS = st.text("aAbB/.ßS", max_size=20)
_PIECES = st.sampled_from(
    ["a", "b", "/a", "ab/b", "s", "ß", r"\.", ".", "[ab]", "[^]a]", r"[\]b]", "(ab)", "(?:b/)", "(a|b)", "a|b", "x"]
)
_COUNTS = st.sampled_from(["", "", "*", "+", "?", "{2}", "{0}", "{0,1}", "*?", "+?"])
_PATTERNS = st.lists(st.tuples(_PIECES, _COUNTS).map("".join), max_size=6).map("".join)


def _rules() -> st.SearchStrategy[list[Match]]:
    plain = st.builds(Match, _TEXTS, st.sampled_from(["contains", "exact"]))
    return st.lists(plain | st.builds(Match, _PATTERNS, st.just("regex")), max_size=12)


@settings(max_examples=60, deadline=None)
@given(rules=_rules(), texts=st.lists(_TEXTS, max_size=4))
def test_hits_are_the_rules_that_fit(rules: list[Match], texts: list[str]) -> None:
    index = TextRules(rules)
    for text in texts:
        assert sorted(index.hits(text)) == [number for number, rule in enumerate(rules) if fits(rule, text)]


@settings(max_examples=60, deadline=None)
@given(rule=st.text("ab", min_size=1, max_size=14), before=st.text("ab", max_size=9), after=st.text("ab", max_size=9))
def test_part_is_found_wherever_it_stands(rule: str, before: str, after: str) -> None:
    assert 1 in TextRules([Match("bbbbbbbb"), Match(rule)]).hits(before + rule + after)


@settings(max_examples=60, deadline=None)
@given(pattern=_PATTERNS, text=_TEXTS)
@example("ab{0}a", "aa")
@example("[[:alpha:]]b", "ab")
@example("a{2,b", "a{2,b")
def test_every_match_has_the_letters_that_it_needs(pattern: str, text: str) -> None:
    expression = compiled(pattern)
    if expression is not None and expression.search(text) is not None:
        assert needed_letters(pattern).casefold() in text.casefold()


def test_needed_letters_are_found_in_usual_expressions() -> None:
    patterns = {
        r"^https://[^/]+/products/\d+$": "/products/",
        r"/item/[0-9]{4}\.html": "/item/",
        "(?i)abc": "",
        r"\x41bc": "",
        "colou?r-chart": "r-chart",
    }
    assert needed_letters("shop(?:a|b)") == ""  # alternatives, even in a group, are too much
    assert {pattern: needed_letters(pattern) for pattern in patterns} == patterns
