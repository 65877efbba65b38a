"""What "make bench" measures of history: how soon messages are found among many, and what the index costs.

The messages are put straight into the database, with notes for the indexer as a batch writes them; the indexer of this
process then goes through them as a server's does, without resting. Words are as common as in natural text: the first
one is in every third message, the thousandth in a few of ten thousand.
"""

import asyncio
import http.client
import json
import random
import sqlite3
import ssl
import time
import urllib.parse
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg

from bench.stage import ACCOUNT, Stage
from switchbay.infra.db import open_database
from switchbay.messaging.history.indexing import Indexer
from switchbay.messaging.history.store.words import ACCOUNT_MARK

_MESSAGES_A_CONVERSATION = 20
_AT_ONCE = 20_000
_A_STEP = 2_000
_VOCABULARY = 50_000
_LETTERS = "etaoinshrdlu"
_SEARCHES = 100
_EVENTS = (
    "account_id",
    "conversation_id",
    "dialog_id",
    "sequence",
    "originator_id",
    "role",
    "audience",
    "event",
    "server_timestamp",
)
_DUE = ("account_id", "turn", "mark", "spans")
_Row = tuple[object, ...]


def _vocabulary() -> list[str]:
    """Made-up words, all different."""
    found = []
    for number in range(_VOCABULARY):
        rest, word = number + len(_LETTERS) ** 2, ""
        while rest:
            rest, letter = divmod(rest, len(_LETTERS))
            word += _LETTERS[letter]
        found.append(word)
    return found


class _Speech:
    """Messages of five to twenty words."""

    def __init__(self) -> None:
        self.words = _vocabulary()
        self._chance = random.Random(4711)
        self._weights = [1 / (place + 2) for place in range(_VOCABULARY)]
        for place in range(1, _VOCABULARY):
            self._weights[place] += self._weights[place - 1]

    def say(self, count: int) -> list[str]:
        """So many messages."""
        chance = self._chance
        words = iter(chance.choices(self.words, cum_weights=self._weights, k=count * 20))
        return [" ".join(next(words) for _ in range(chance.randint(5, 20))) for _ in range(count)]


def _portions(speech: _Speech, count: int, until_ms: int) -> Iterator[tuple[list[_Row], list[_Row]]]:
    for start in range(0, count, _AT_ONCE):
        said = speech.say(min(_AT_ONCE, count - start))
        events: list[_Row] = []
        due: list[_Row] = []
        for place, message in enumerate(said, start=start):
            conversation = str(uuid.UUID(int=place // _MESSAGES_A_CONVERSATION))
            sequence = place % _MESSAGES_A_CONVERSATION
            event = f'{{"type":"ContentEvent","contentType":"text/plain","message":"{message}"}}'
            at = until_ms - (count - place) * 50
            events.append((ACCOUNT, conversation, conversation, sequence, "consumer", "CONSUMER", "ALL", event, at))
            if not sequence:
                spans = json.dumps([[conversation, conversation, 0, _MESSAGES_A_CONVERSATION - 1]])
                due.append((ACCOUNT, at, conversation, spans))
        yield events, due


def _fill_sqlite(path: Path, portions: Iterator[tuple[list[_Row], list[_Row]]]) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    for portion in portions:
        connection.execute("BEGIN IMMEDIATE")
        for table, columns, rows in zip(_TABLES, (_EVENTS, _DUE), portion, strict=True):
            places = ", ".join("?" for _ in columns)
            connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)
        connection.execute("COMMIT")
    connection.close()


_TABLES = ("messaging_events", "messaging_search_due")


async def _fill_postgresql(url: str, portions: Iterator[tuple[list[_Row], list[_Row]]]) -> None:
    connection = await asyncpg.connect(url)
    for portion in portions:
        for table, columns, rows in zip(_TABLES, (_EVENTS, _DUE), portion, strict=True):
            await connection.copy_records_to_table(table, records=rows, columns=columns)
    await connection.close()


async def _index(url: str) -> tuple[int, float]:
    """Index all that is due; how many messages, and in how many seconds."""
    db = await open_database(url, statement_seconds=60)
    indexer, done, begun = Indexer(db, _A_STEP), 0, time.monotonic()
    while step := await indexer.index_once():
        done += step
    seconds = time.monotonic() - begun
    await db.close()
    return done, seconds


async def _analyse(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("ANALYZE messaging_search_documents")
    await connection.close()


def _kinds(words: list[str]) -> dict[str, list[str]]:
    """Searches of each kind: a fixed choice from the common and the rare words."""
    chance = random.Random(815)

    def some(first: int, last: int) -> str:
        return words[chance.randrange(first, last)]

    return {
        "the most common words": [words[place % 10] for place in range(_SEARCHES)],
        "words": [some(10, 1_000) for _ in range(_SEARCHES)],
        "rare words": [some(5_000, _VOCABULARY) for _ in range(_SEARCHES)],
        "two words": [f"{some(0, 200)} {some(0, 5_000)}" for _ in range(_SEARCHES)],
        "phrases": [f'"{some(0, 50)} {some(0, 50)}"' for _ in range(_SEARCHES)],
        "beginnings": [f"{some(2_000, 20_000)[:4]}*" for _ in range(_SEARCHES)],
        "words that nobody said": [f"{some(0, 100)}xyz" for _ in range(_SEARCHES)],
    }


class _Client:
    """One connection to the server, kept open, with a session of the administrator."""

    def __init__(self, stage: Stage) -> None:
        context = ssl.create_default_context(cafile=str(stage.ca))
        self._connection = http.client.HTTPSConnection("localhost", stage.port, context=context, timeout=60)
        self._headers = {"Authorization": f"Bearer {stage.log_in()}"}

    def find(self, search: str) -> int:
        """Search; return how many messages the first page has."""
        query = urllib.parse.urlencode({"q": search, "limit": 50})
        path = f"/switchbay/v1/accounts/{ACCOUNT}/history/messages?{query}"
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"a search failed: {body[:200]!r}")
        return len(json.loads(body)["items"])

    def timed(self, searches: list[str]) -> tuple[list[float], int]:
        """How many milliseconds each search took, sorted, and how many messages were found in all."""
        took, found = [], 0
        for search in searches:
            begun = time.monotonic()
            found += self.find(search)
            took.append((time.monotonic() - begun) * 1000)
        return sorted(took), found


_INDEX_ALONE = {
    "sqlite": "SELECT rowid FROM messaging_search_words WHERE messaging_search_words MATCH ?"
    " ORDER BY rowid DESC LIMIT 50",
    "postgresql": "SELECT place FROM messaging_search_documents WHERE account_id = $2 AND words @@ $1::tsquery"
    " LIMIT 50",
}


def _index_alone_sqlite(path: Path, words: list[str]) -> list[float]:
    """How many milliseconds it takes to have the places of each word out of the engine's index, sorted."""
    connection = sqlite3.connect(path)
    took = []
    for word in words:
        begun = time.monotonic()
        connection.execute(_INDEX_ALONE["sqlite"], (f'"{ACCOUNT}{ACCOUNT_MARK}{word}"',)).fetchall()
        took.append((time.monotonic() - begun) * 1000)
    connection.close()
    return sorted(took)


async def _index_alone_postgresql(url: str, words: list[str]) -> list[float]:
    """The same, in whatever order they come."""
    connection = await asyncpg.connect(url)
    took = []
    for word in words:
        begun = time.monotonic()
        await connection.fetch(_INDEX_ALONE["postgresql"], f"'{ACCOUNT}{ACCOUNT_MARK}{word}'", ACCOUNT)
        took.append((time.monotonic() - begun) * 1000)
    await connection.close()
    return sorted(took)


def searching(stage: Stage, messages: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """So many messages are indexed and searched, over HTTP, one search at a time."""
    stage.stop_server()
    path = stage.folder / "data" / "switchbay.db"
    url = stage.database_url or f"sqlite:///{path}"
    speech = _Speech()
    portions = _portions(speech, messages, time.time_ns() // 1_000_000)
    if stage.database_url:
        asyncio.run(_fill_postgresql(url, portions))
    else:
        _fill_sqlite(path, portions)
    done, seconds = asyncio.run(_index(url))
    if stage.database_url:
        asyncio.run(_analyse(url))
    stage.start_server()
    yield f"indexing {messages} messages", {"indexed": done, "per_second": round(done / seconds)}
    client = _Client(stage)
    every: list[float] = []
    for kind, searches in _kinds(speech.words).items():
        client.timed(searches[:3])  # warm
        took, found = client.timed(searches[3:])
        every += took
        yield f"{kind} among {messages} messages", _percentiles(took) | {"found_each": round(found / len(took), 1)}
    yield f"all searches among {messages} messages", _percentiles(sorted(every))
    words = _kinds(speech.words)["words"]
    alone = asyncio.run(_index_alone_postgresql(url, words)) if stage.database_url else _index_alone_sqlite(path, words)
    yield "bare: the places of each of the words, out of the engine's index alone", _percentiles(alone)


def _percentiles(took: list[float]) -> dict[str, Any]:
    return {
        "p50_ms": round(took[len(took) // 2], 1),
        "p95_ms": round(took[int(len(took) * 0.95)], 1),
        "most_ms": round(took[-1], 1),
    }
