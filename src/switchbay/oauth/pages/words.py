"""What pages say in words: scopes, waits, and the languages in which a reader wants an app's texts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_MINUTE: Final = 60
_MOST_LANGUAGES: Final = 10
_MOST_CHARACTERS: Final = 1_000
_SCOPES: Final = {
    "openid": "Know that it is you",
    "profile": "See your name and user name",
    "email": "See your e-mail address",
    "offline_access": "Stay connected while you are away",
    "msg.consumer": "Send and receive messages in conversations",
}


@dataclass(frozen=True, slots=True)
class ScopeLine:
    """One line of a consent page. ``words`` is empty for a scope that only its name tells about."""

    name: str
    words: str
    is_new: bool


def describe_scopes(scope: Iterable[str], new: frozenset[str]) -> list[ScopeLine]:
    """The scopes an app asks for, those with words of their own first; new ones are marked where others are not."""
    asked = sorted(scope, key=lambda name: (list(_SCOPES).index(name) if name in _SCOPES else len(_SCOPES), name))
    return [ScopeLine(name, _SCOPES.get(name, ""), name in new and not new.issuperset(asked)) for name in asked]


def describe_wait(seconds: int) -> str:
    """How long to wait, for people."""
    if seconds <= _MINUTE:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    return f"{-(-seconds // _MINUTE)} minutes"


def read_languages(ui_locales: str | None, accept_language: str | None) -> tuple[str, ...]:
    """The reader's language ranges, best first: what the request asks for (OpenID Connect Core 1.0 §3.1.2.1), then what
    the browser wants (RFC 9110 §12.5.4).
    """
    asked = (ui_locales or "")[:_MOST_CHARACTERS].split()
    weighed: list[tuple[float, str]] = []
    for part in (accept_language or "")[:_MOST_CHARACTERS].split(","):
        name, _, weight = part.partition(";")
        quality = _quality(weight)
        if name.strip() not in {"", "*"} and quality > 0:
            weighed.append((quality, name.strip()))
    weighed.sort(key=lambda pair: -pair[0])
    return tuple(dict.fromkeys([*asked, *(name for _, name in weighed)]))[:_MOST_LANGUAGES]


def _quality(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if not name:
        return 1.0
    try:
        quality = float(value) if name.strip().lower() == "q" else 1.0
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0
