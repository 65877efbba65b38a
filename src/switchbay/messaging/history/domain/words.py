"""Words of messages and of searches: the same on both engines, whose own tokenizers differ.

A word is a run of letters, digits and their marks, folded: no case, no accents on Latin letters, compatible forms made
one. Chinese and Japanese characters are a word each, so that any part of a text without spaces is found as a phrase.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import msgspec

from switchbay.kit.errors import AppError, Kind

MOST_WORDS: Final = 4_000
MOST_TERMS: Final = 16
SHORTEST_PREFIX: Final = 2
_LONGEST_WORD: Final = 64
_LONGEST_QUERY: Final = 500
_LONGEST_TEXT: Final = 32_768
_SNIPPET: Final = 160
_ASCII_WORD: Final = re.compile("[a-z0-9]+")
_ACCENTS: Final = re.compile("[\u0300-\u036f]")
_QUERY_PART: Final = re.compile(r'"([^"]*)"(\*?)|(\S+)')
_SPOKEN: Final = frozenset({"text", "title", "caption", "alt"})
_decode: Final = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Term:
    """Words that follow each other; of a prefix the last one may go on."""

    words: tuple[str, ...]
    is_prefix: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """What a message must have, all of it."""

    terms: tuple[Term, ...]

    @property
    def is_word(self) -> bool:
        """Whether it is one whole word."""
        return len(self.terms) == 1 and len(self.terms[0].words) == 1 and not self.terms[0].is_prefix

    @property
    def has_phrase(self) -> bool:
        """Whether words must follow each other."""
        return any(len(term.words) > 1 for term in self.terms)


def spoken_text(event: str) -> str:
    """What can be searched in an event (JSON text): the message, the caption, the texts of structured content."""
    found: Mapping[str, Any] = _decode(event)
    if found.get("type") == "RichContentEvent":
        return "\n".join(_texts([found.get("content"), found.get("quickReplies")]))[:_LONGEST_TEXT]
    message = found.get("message")
    if isinstance(message, Mapping):
        caption = message.get("caption")
        message = caption if isinstance(caption, str) else ""
    return message[:_LONGEST_TEXT] if isinstance(message, str) else ""


def _texts(nodes: list[Any]) -> Iterator[str]:
    """The texts of structured content in their order; without recursion, as it may be nested deeply."""
    waiting = list(reversed(nodes))
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping):
            for name, value in node.items():
                if name in _SPOKEN and isinstance(value, str):
                    yield value
            waiting.extend(value for value in reversed(list(node.values())) if isinstance(value, Mapping | list))
        elif isinstance(node, list):
            waiting.extend(reversed(node))


def words_of(text: str) -> list[str]:
    """The words of a text in order, at most 4,000."""
    if text.isascii():  # the quick way
        return [word[:_LONGEST_WORD] for word in _ASCII_WORD.findall(text.lower())[:MOST_WORDS]]
    return [word for _, _, word in islice(_spans(text), MOST_WORDS)]


def _spans(text: str) -> Iterator[tuple[int, int, str]]:
    """Where each word begins and ends, and the word."""
    if text.isascii():
        yield from (
            (found.start(), found.end(), found[0][:_LONGEST_WORD]) for found in _ASCII_WORD.finditer(text.lower())
        )
        return
    begin = -1
    for place, character in enumerate(text):
        alone = _stands_alone(character)
        inside = not alone and (character.isalnum() or unicodedata.category(character)[0] == "M")
        if inside:
            begin = place if begin < 0 else begin
            continue
        if begin >= 0:
            yield from _folded(begin, place, text)
            begin = -1
        if alone:
            yield from _folded(place, place + 1, text)
    if begin >= 0:
        yield from _folded(begin, len(text), text)


def _folded(begin: int, end: int, text: str) -> Iterator[tuple[int, int, str]]:
    apart = unicodedata.normalize("NFKD", text[begin:end].casefold())
    folded = unicodedata.normalize("NFC", _ACCENTS.sub("", apart)).casefold()
    word = "".join(one for one in folded if one.isalnum() or unicodedata.category(one)[0] == "M")
    if word:
        yield begin, end, word[:_LONGEST_WORD]


def _stands_alone(character: str) -> bool:
    """Whether a character of a script without spaces is a word by itself: kana, ideographs."""
    return (
        "\u3040" <= character <= "\u30ff"
        or "\u3400" <= character <= "\u4dbf"
        or "\u4e00" <= character <= "\u9fff"
        or "\uf900" <= character <= "\ufaff"
        or "\U00020000" <= character <= "\U0003ffff"
    )


def parse_query(text: str) -> Query:
    """Read a search: words that must all be there, phrases in quotation marks, ``begin*`` for words that begin so.

    What has punctuation inside, such as an address, is a phrase of its parts. Raises ``search_invalid``.
    """
    if len(text) > _LONGEST_QUERY:
        raise _invalid(f"it is longer than {_LONGEST_QUERY} characters")
    terms: list[Term] = []
    for quoted, star, bare in _QUERY_PART.findall(text.replace("\u201c", '"').replace("\u201d", '"')):
        words = tuple(words_of(quoted or bare))
        if words:
            terms.append(Term(words, bool(star) or bare.endswith("*")))
    if not terms:
        raise _invalid("it has no word")
    if len(terms) > MOST_TERMS:
        raise _invalid(f"it has more than {MOST_TERMS} words and phrases")
    if any(term.is_prefix and len(term.words) == 1 and len(term.words[0]) < SHORTEST_PREFIX for term in terms):
        raise _invalid(f"before * there must be at least {SHORTEST_PREFIX} characters")
    return Query(tuple(dict.fromkeys(terms)))


def _invalid(reason: str) -> AppError:
    return AppError(Kind.INVALID, "search_invalid", f"The search is not valid: {reason}.")


def snippet(text: str, query: Query) -> tuple[str, list[tuple[int, int]]]:
    """A part of a text around the first thing that was found, and where in that part the found words are."""
    spans = list(_spans(text))
    hits = _hits([word for _, _, word in spans], query)
    first = spans[min(hits)][0] if hits else 0
    begin = max(0, first - _SNIPPET // 3)
    shown = text[begin : begin + _SNIPPET]
    marks = [
        (spans[place][0] - begin, spans[place][1] - begin)
        for place in sorted(hits)
        if spans[place][0] >= begin and spans[place][1] <= begin + _SNIPPET
    ]
    return shown, marks


def _hits(words: Sequence[str], query: Query) -> set[int]:
    found: set[int] = set()
    for term in query.terms:
        length = len(term.words)
        for place in range(len(words) - length + 1):
            if _fits(words[place : place + length], term):
                found.update(range(place, place + length))
    return found


def _fits(words: Sequence[str], term: Term) -> bool:
    if tuple(words[:-1]) != term.words[:-1]:
        return False
    return words[-1].startswith(term.words[-1]) if term.is_prefix else words[-1] == term.words[-1]
