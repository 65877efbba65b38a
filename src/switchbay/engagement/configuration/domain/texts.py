"""Checks that many members share: texts, lists, numbers, expressions, colours, languages."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import langcodes

from switchbay.engagement.configuration.domain import expressions
from switchbay.engagement.configuration.domain.findings import Finding
from switchbay.engagement.domain.conditions import Match

LONGEST_NAME: Final = 128
LONGEST_TEXT: Final = 1_000
MOST_IN_LIST: Final = 200
MOST_LANGUAGES: Final = 100
_COLOR: Final = re.compile(r"#[0-9a-fA-F]{6}", re.ASCII)


def check_name(name: str, path: str = "/name") -> Iterator[Finding]:
    """1 to 128 printable characters, not only blanks."""
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or not name.strip():
        yield Finding("name_invalid", path, f"A name has 1 to {LONGEST_NAME} printable characters.")


def check_text(text: str, path: str, *, longest: int = LONGEST_TEXT, least: int = 0) -> Iterator[Finding]:
    """A text of so many characters, without NUL, which no database keeps."""
    if not least <= len(text) <= longest or "\0" in text or not _is_whole(text):
        yield Finding("text_invalid", path, f"A text of {least} to {longest} characters, without NUL.")


def _is_whole(text: str) -> bool:
    """Whether the text can be written as UTF-8: a lone half of a surrogate pair cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def check_words(words: Sequence[str], path: str, *, least: int = 0) -> Iterator[Finding]:
    """A list of texts that are not empty."""
    yield from check_list(words, path, least=least)
    for place, word in enumerate(words[:MOST_IN_LIST]):
        yield from check_text(word, f"{path}/{place}", least=1)


def check_list(items: Sequence[object], path: str, *, least: int = 0, most: int = MOST_IN_LIST) -> Iterator[Finding]:
    """How long a list may be."""
    if len(items) > most:
        yield Finding("list_too_long", path, f"At most {most}, and these are {len(items)}.")
    if len(items) < least:
        yield Finding("list_empty", path, f"At least {least}.")


def check_matches(matches: Sequence[Match], path: str) -> Iterator[Finding]:
    """A list of rules for texts."""
    yield from check_list(matches, path)
    for place, match in enumerate(matches[:MOST_IN_LIST]):
        yield from check_match(match, f"{path}/{place}")


def check_match(match: Match, path: str) -> Iterator[Finding]:
    """A rule for a text; an expression must be one of RE2's."""
    yield from check_pattern(match.value, match.match_type, f"{path}/value")


def check_pattern(value: str, match_type: str, path: str) -> Iterator[Finding]:
    """What a rule compares with."""
    flaws = list(check_text(value, path, least=1, longest=expressions.MOST_CHARACTERS))
    yield from flaws
    if match_type == "regex" and not flaws:
        flaw = expressions.find_flaw(value)
        if flaw is not None:
            yield Finding("regex_refused", path, f"RE2 refuses the expression: {flaw}.")


def check_range(low: float | None, high: float | None, path: str, names: tuple[str, str]) -> Iterator[Finding]:
    """A closed range with at least one bound; ``names`` are the members' ones."""
    if low is None and high is None:
        yield Finding("range_empty", path, f"Give {names[0]}, {names[1]} or both.")
    for bound, name in ((low, names[0]), (high, names[1])):
        if bound is not None and not math.isfinite(bound):
            yield Finding("number_out_of_range", f"{path}/{name}", "A finite number.")
    if low is not None and high is not None and low > high:
        yield Finding("range_impossible", path, f"{names[0]} is more than {names[1]}: nothing lies between them.")


def check_number(number: float, path: str, least: float, most: float) -> Iterator[Finding]:
    """A number within bounds, both included."""
    if not least <= number <= most:
        yield Finding("number_out_of_range", path, f"From {least} to {most}.")


def check_localised(texts: Mapping[str, str], path: str) -> Iterator[Finding]:
    """Texts by language; ``""`` is any other."""
    yield from check_list(list(texts), path, most=MOST_LANGUAGES)
    for language, text in list(texts.items())[:MOST_LANGUAGES]:
        place = f"{path}/{language[:40].replace('~', '~0').replace('/', '~1')}"
        if language:
            yield from check_language(language, place)
        yield from check_text(text, place)


def check_language(tag: str, path: str) -> Iterator[Finding]:
    """A language tag of BCP 47, such as ``en-US``."""
    if not tag.isascii() or len(tag) > LONGEST_NAME or not langcodes.tag_is_valid(tag):
        yield Finding("language_invalid", path, "A language tag of BCP 47, such as en-US.")


def check_color(color: str, path: str) -> Iterator[Finding]:
    """A colour as the web writes it, with six digits."""
    if _COLOR.fullmatch(color) is None:
        yield Finding("color_invalid", path, "A colour such as #0b5cad.")
