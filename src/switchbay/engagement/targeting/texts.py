"""How strings are compared: without regard to case, in part, as a whole, or by a regular expression of linear time."""

from functools import lru_cache
from typing import Protocol

import re2

from switchbay.engagement.domain.conditions import Match

PATTERN_MEMORY = 1 << 20
"""Bytes that one regular expression may take, its automaton included; a larger one is not compiled."""


class Pattern(Protocol):
    """A compiled regular expression."""

    def search(self, text: str) -> object | None:
        """Return what is not None when the expression is found in the text."""
        ...


def _options() -> re2.Options:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.never_capture = True
    options.max_mem = PATTERN_MEMORY
    return options


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Pattern | None:
    """Compile a regular expression in RE2's syntax, without regard to case; None when it is none, or too large."""
    try:
        found: Pattern = re2.compile(pattern, _options())
    except re2.error:
        return None
    return found


def folded(text: str) -> str:
    """Return what two texts have in common that differ in case only."""
    return text.casefold()


def same(one: str, other: str) -> bool:
    """Tell whether two texts are one without regard to case; nothing is the same as an empty one, which is missing."""
    return bool(one) and one.casefold() == other.casefold()


def fits(rule: Match, text: str) -> bool:
    """Tell whether a text fits a rule. A text or a rule that is empty never does."""
    if not text or not rule.value:
        return False
    if rule.match_type == "contains":
        return rule.value.casefold() in text.casefold()
    if rule.match_type == "exact":
        return rule.value.casefold() == text.casefold()
    pattern = compiled(rule.value)
    return pattern is not None and pattern.search(text) is not None


def section_rule(rule: str) -> tuple[str, bool]:
    """Read the name of a section in a rule: the name without its quotes and case, and whether it is a whole name."""
    if len(rule) > 1 and rule[0] == rule[-1] == '"':
        return rule[1:-1].casefold(), True
    return rule.casefold(), False


def section_fits(rule: str, sections: tuple[str, ...]) -> bool:
    """Tell whether any of the sections fits a rule: within double quotes the whole name, otherwise a part of it."""
    name, is_whole = section_rule(rule)
    if not name:
        return False
    if is_whole:
        return any(name == section.casefold() for section in sections)
    return any(name in section.casefold() for section in sections)


def words_of(texts: tuple[str, ...]) -> str:
    """Return the words of texts in lower case with one space before, between and after them; "" without any."""
    words = " ".join(texts).casefold().split()
    return f" {' '.join(words)} " if words else ""
