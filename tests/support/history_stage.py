"""History over the messaging room's stage: conversations are had through the Send API, and read back."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from support.messaging_stage import ACCOUNT, Answered, Stage, stage_on
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.web import Application
from switchbay.messaging.domain import Command, Conversation, Step, SystemCaller
from switchbay.messaging.domain.steps import AgentCaller, Caller
from switchbay.messaging.history.indexing import Indexer
from switchbay.messaging.history.routes import routes
from switchbay.messaging.history.service import History

SINCE = 1_700_000_000_000
"""When the clock of the tests begins."""


@dataclass
class States:
    """What the agents' states are said to be."""

    known: dict[str, str] = field(default_factory=dict)

    async def agent_states(self, account_id: str, user_pids: Collection[str]) -> Mapping[str, str]:
        return {pid: state for pid, state in self.known.items() if pid in user_pids and account_id == ACCOUNT}


@dataclass
class Past:
    """Everything that a test of history touches."""

    stage: Stage
    history: History
    indexer: Indexer
    states: States
    http: httpx.AsyncClient

    async def call(
        self, path: str, body: object, *, user: str | None = "bob", account: str = ACCOUNT, query: str = ""
    ) -> Answered:
        """Post to the messaging interactions API."""
        headers = {} if user is None else {"Authorization": "Bearer " + await self.stage.bearer(user)}
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        path = f"/messaging_history/api/account/{account}{path}{query}"
        response = await self.http.post(path, content=content, headers=headers)
        assert response.headers["content-type"] == "application/json"
        return Answered(response.status_code, response.json(), response.headers)

    async def records(self, body: Mapping[str, Any], path: str = "/conversations/search", **options: Any) -> Any:
        """The records of a search that has to succeed."""
        answered = await self.call(path, body, **options)
        assert answered.status == 200, answered.body
        return answered.body["conversationHistoryRecords"]

    async def record(self, conversation: str, **body: Any) -> Any:
        """The record of one conversation."""
        [found] = await self.records({"conversationId": conversation, **body}, "/conversations/conversation/search")
        return found

    async def found(self, **filters: Any) -> list[str]:
        """The ids of the conversations that a search finds."""
        body = {"start": {"from": SINCE - 1}, "contentToRetrieve": [], **filters}
        return [one["info"]["conversationId"] for one in await self.records(body)]

    async def pid(self, name: str) -> str:
        """The UUID of a user."""
        user = await self.stage.accounts.find_user_by_login(ACCOUNT, name)
        assert user is not None
        return user.user_pid

    async def number(self, name: str) -> str:
        """The number of a user."""
        user = await self.stage.accounts.find_user_by_login(ACCOUNT, name)
        assert user is not None
        return user.user_id

    async def do(self, conversation: str, *steps: Step, by: str | None = None, manages: bool = False) -> None:
        """Take steps as an agent, or as the platform."""
        caller: Caller = SystemCaller() if by is None else AgentCaller(await self.pid(by), may_manage=manages)
        await self.stage.messaging.submit(Command(ACCOUNT, caller, conversation, steps))

    async def conversation(self, conversation: str) -> Conversation:
        """A conversation as it is stored."""
        return await self.stage.messaging.get_conversation(ACCOUNT, conversation)

    async def index(self) -> None:
        """Index all that was said."""
        while await self.indexer.index_once():
            pass

    async def messages(self, text: str, **options: Any) -> list[str]:
        """The snippets that a search for messages finds."""
        given = {"since": 0, "until": None, "before": None, "most": 50, **options}
        return [hit.snippet for hit in (await self.history.find_messages(ACCOUNT, text, **given))[0]]


@asynccontextmanager
async def past_on(db: Database, clock: ManualClock, randomness: Randomness) -> AsyncIterator[Past]:
    """History on a database, with the stage of the messaging room."""
    async with stage_on(db, clock, randomness) as stage:
        states = States()
        history = History(db, clock, stage.accounts, states)
        app = Application(routes(history, stage.accounts, clock))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="https://switchbay.test") as http:
            yield Past(stage, history, Indexer(db), states, http)
