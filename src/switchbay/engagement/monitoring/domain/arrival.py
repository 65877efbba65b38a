"""Where a visitor came from: the page of another site, and what they searched for there."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, parse_qs, urlsplit

from switchbay.kit.record import Record

PAID_PARAMETER: Final = "keyword"
_MOST_PHRASES: Final = 5
_LONGEST_PHRASE: Final = 256
# Labels of hosts, and the parameter in which the engine's address holds what was searched for.
_ENGINES: Final[Mapping[str, str]] = {
    "google": "q",
    "bing": "q",
    "yahoo": "p",
    "duckduckgo": "q",
    "baidu": "wd",
    "yandex": "text",
    "ecosia": "q",
    "qwant": "q",
    "startpage": "query",
    "naver": "query",
    "sogou": "query",
    "seznam": "q",
    "ask": "q",
    "aol": "q",
}
_WHOLE_HOSTS: Final[Mapping[str, tuple[str, str]]] = {"search.brave.com": ("brave", "q")}


class Arrival(Record, frozen=True):
    """``referrer`` is empty when the visitor came from nowhere else; ``phrases`` are searches, each as it was typed."""

    referrer: str = ""
    engine: str = ""
    phrases: tuple[str, ...] = ()


def arrive(page_url: str, referrer: str) -> Arrival:
    """Where the visitor of a session's first page came from."""
    page, origin = _split(page_url), _split(referrer)
    paid = _query(page).get(PAID_PARAMETER, []) + _query(origin).get(PAID_PARAMETER, [])
    if not origin.netloc or _host(origin) == _host(page):
        return Arrival(phrases=_phrases(paid))
    engine, parameter = _engine(_host(origin))
    searched = _query(origin).get(parameter, []) if engine else []
    return Arrival(referrer, engine, _phrases([*searched, *paid]))


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _host(url: SplitResult) -> str:
    host = (url.hostname or "").rstrip(".")
    return host.removeprefix("www.")


def _query(url: SplitResult) -> dict[str, list[str]]:
    try:
        return parse_qs(url.query, max_num_fields=100)
    except ValueError:
        return {}


def _engine(host: str) -> tuple[str, str]:
    """Its name and parameter; empty for what is not known as one."""
    if host in _WHOLE_HOSTS:
        return _WHOLE_HOSTS[host]
    labels = host.split(".")
    # The name is followed by a top-level domain of one or two labels (co.uk), and may follow others (uk.search.yahoo).
    for label in labels[-3:-1]:
        if label in _ENGINES:
            return label, _ENGINES[label]
    return "", ""


def _phrases(found: list[str]) -> tuple[str, ...]:
    kept = dict.fromkeys(" ".join(phrase.split())[:_LONGEST_PHRASE] for phrase in found)
    return tuple(phrase for phrase in kept if phrase)[:_MOST_PHRASES]
