"""Finding conversations and messages, and the states of agents."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from switchbay.accounts.public import User
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock
from switchbay.infra.web import json_bytes
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue
from switchbay.messaging.history.domain import words
from switchbay.messaging.history.domain.selection import Page, Selection
from switchbay.messaging.history.domain.transcript import Transcript
from switchbay.messaging.history.store import finding, selecting
from switchbay.messaging.history.store.transcripts import load_skill_names, load_transcripts
from switchbay.messaging.history.store.words import first_place, time_of
from switchbay.messaging.history.wire import records
from switchbay.messaging.history.wire.people import Agents, moment
from switchbay.messaging.history.wire.requests import Asked
from switchbay.messaging.routing.domain.agents import AgentState, Availability
from switchbay.messaging.wire.ids import is_conversation_id

MOST_EVENTS: Final = 10_000
"""Events of one answer; conversations that this cuts short say ``isPartial``."""
MOST_STATES: Final = 500
_NEWEST: Final = 2**63 - 1


class People(Protocol):
    """What history needs of the accounts room."""

    async def find_users_by_pid(self, account_id: str, pids: Collection[str]) -> list[User]:
        """Users by their UUIDs."""
        ...

    async def find_user(self, account_id: str, user_id: str) -> User | None:
        """A user by their number."""
        ...

    async def list_users(self, account_id: str, *, after: str | None = None, limit: int = MOST_STATES) -> list[User]:
        """Users by their number."""
        ...


class AgentStates(Protocol):
    """Who knows how available agents are."""

    async def agent_states(self, account_id: str, user_pids: Collection[str]) -> Mapping[str, AgentState]:
        """How these agents are, each by the UUID of their user."""
        ...


@dataclass(frozen=True, slots=True)
class Hit:
    """A message that was found. ``marks`` are where in ``snippet`` the words are, as begin and end."""

    conversation_id: str
    dialog_id: str
    sequence: int
    at: int
    originator_id: str
    role: str
    audience: str
    snippet: str
    marks: list[tuple[int, int]]


class History:
    """Reads what is kept. Every method may be called on any node."""

    def __init__(self, db: Database, clock: Clock, people: People, states: AgentStates) -> None:
        self._db = db
        self._clock = clock
        self._people = people
        self._states = states

    # Conversations

    async def search(self, account_id: str, asked: Asked, page: Page, href: str) -> bytes:
        """The answer of the messaging interactions API to a search, as JSON. ``href`` is the call's own address."""
        wanted = await self._selection(account_id, asked)
        most = MOST_EVENTS if not records.WITH_EVENTS.isdisjoint(asked.wanted) else 0

        async def read(tx: Tx) -> tuple[selecting.Found, list[Transcript], dict[str, str]]:
            found = await selecting.select(tx, account_id, wanted, page)
            transcripts = await load_transcripts(tx, account_id, found.conversations, most_events=most)
            return found, transcripts, await load_skill_names(tx, account_id, records.skills_named(transcripts))

        found, transcripts, skills = await self._db.read(read)
        users = await self._people.find_users_by_pid(account_id, records.agents_named(transcripts))
        agents = Agents({one.user_pid: one for one in users}, skills)
        now = self._clock.now_ms()

        def render() -> bytes:
            shown: list[JsonValue] = [records.record(one, agents, asked.wanted, now) for one in transcripts]
            answer: dict[str, JsonValue] = {
                "_metadata": metadata(href, min(found.count, selecting.MOST_COUNTED), is_partial=found.is_partial),
                "conversationHistoryRecords": shown,
            }
            return json_bytes(answer)

        # Thousands of messages take a while, in which this node has others to serve.
        return await asyncio.to_thread(render) if most else render()

    async def _selection(self, account_id: str, asked: Asked) -> Selection:
        ids = asked.conversation_ids
        keyword = None if asked.keyword is None else words.parse_query(asked.keyword)
        return Selection(
            start=asked.start,
            end=asked.end,
            duration=asked.duration,
            conversation_ids=None if ids is None else tuple(one for one in ids if is_conversation_id(one)),
            consumer_id=_storable(asked.consumer_id),
            states=asked.states,
            skill_ids=_storable_all(asked.skill_ids),
            latest_skill_ids=_storable_all(asked.latest_skill_ids),
            agents=await self._pids(account_id, asked.agent_ids),
            latest_agents=await self._pids(account_id, asked.latest_agent_ids),
            is_queued=asked.is_queued,
            keyword=keyword,
        )

    async def _pids(self, account_id: str, given: frozenset[str] | None) -> frozenset[str] | None:
        """Agents by UUID, whether they were named by that or by number, as the older clients do."""
        if given is None:
            return None
        found = set()
        for one in given:
            user = await self._people.find_user(account_id, one.removeprefix(f"{account_id}."))
            found.add(one if user is None else user.user_pid)
        return _storable_all(frozenset(found))

    # Messages

    async def find_messages(
        self, account_id: str, text: str, *, since: int, until: int | None, before: int | None, most: int
    ) -> tuple[list[Hit], int | None]:
        """Messages with these words, the newest first, and where the next page begins (None: there is none).

        ``since`` and ``until`` are epoch milliseconds, the second is not included. Raises ``search_invalid``.
        """
        query = words.parse_query(text)
        end = _NEWEST if until is None else first_place(until)
        rows = await self._db.read(
            lambda tx: finding.search(
                tx,
                account_id,
                query,
                since=first_place(since),
                before=end if before is None else min(end, before),
                most=most + 1,
            )
        )
        found = []
        for row in rows[:most]:
            snippet, marks = words.snippet(words.spoken_text(row[7]), query)
            found.append(Hit(row[1], row[2], row[3], time_of(row[0]), row[4], row[5], row[6], snippet, marks))
        return found, rows[most - 1][0] if len(rows) > most else None

    # Agents

    async def agent_states(
        self, account_id: str, ids: tuple[str, ...] | None, states: frozenset[str], page: Page, href: str
    ) -> dict[str, JsonValue]:
        """The answer to who is available: of these agents, or else of all who are not offline."""
        if ids is None:
            users = await self._people.list_users(account_id, limit=MOST_STATES)
        else:
            pids = await self._pids(account_id, frozenset(ids)) or frozenset()
            users = sorted(await self._people.find_users_by_pid(account_id, pids), key=lambda one: int(one.user_id))
        known = await self._states.agent_states(account_id, [one.user_pid for one in users])
        now = self._clock.now_ms()
        shown: list[JsonValue] = []
        for one in users:
            state = known[one.user_pid]
            if states and state.availability not in states:
                continue
            if ids is None and not states and state.availability is Availability.OFFLINE:
                continue
            shown.append(_agent_state(one, state, now))
        return {
            "_metadata": metadata(href, len(shown), is_partial=False),
            "accountID": account_id,
            "agentStatusRecords": shown[page.offset : page.offset + page.limit],
        }


def metadata(href: str, count: int, *, is_partial: bool) -> dict[str, JsonValue]:
    """What stands at the head of each answer."""
    return {
        "count": count,
        "self": {"rel": "self", "href": href},
        "shardsStatusResult": {"partialResult": is_partial},
    }


def _agent_state(user: User, state: AgentState, now: int) -> dict[str, JsonValue]:
    return {
        "agentId": user.user_id,
        "agentName": user.display_name,
        "agentNickname": user.display_name,
        "agentLoginName": user.login_name,
        "agentGroupId": -1,
        "agentGroupName": "Unassigned",
        "currentStatus": state.availability.value,
        "currentStatusDuration": max(0, now - state.changed_at),
        **moment("currentStatusStartTime", state.changed_at),
        "agentPresence": "true" if state.is_connected else "false",
        "currentConnectionState": "CONNECTED" if state.is_connected else "DISCONNECTED",
        **moment("lastUpdatedTime", now),
    }


def _storable(text: str | None) -> str | None:
    """Refuse what PostgreSQL does not take in a text."""
    if text is not None and ("\x00" in text or not text.isprintable()):
        raise AppError(Kind.INVALID, "parameter_invalid", "An id holds characters that no id has.")
    return text


def _storable_all(texts: frozenset[str]) -> frozenset[str]:
    for text in texts:
        _storable(text)
    return texts
