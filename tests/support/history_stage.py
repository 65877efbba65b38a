"""History over the messaging room's stage: conversations are had through the Send API, and read back."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
import sqlalchemy as sa
from msgspec import structs
from starlette.routing import Mount

from support.management import management
from support.messaging_stage import ACCOUNT, Answered, Stage, stage_on
from switchbay.infra.db import Database, Tx, metadata
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.web import Application
from switchbay.messaging.domain import Command, Conversation, Step, SystemCaller
from switchbay.messaging.domain.steps import AgentCaller, Caller
from switchbay.messaging.files.store import delete_files_of
from switchbay.messaging.history.admin import router
from switchbay.messaging.history.indexing import Indexer
from switchbay.messaging.history.room import HistoryRoom
from switchbay.messaging.history.routes import routes
from switchbay.messaging.history.service import History
from switchbay.messaging.routing.domain.agents import NEVER_SEEN, AgentState, Availability

SINCE = 1_700_000_000_000
"""When the clock of the tests begins."""


@dataclass
class States:
    """What the agents' states are said to be."""

    known: dict[str, str] = field(default_factory=dict)

    async def agent_states(self, account_id: str, user_pids: Collection[str]) -> Mapping[str, AgentState]:
        assert account_id == ACCOUNT
        return {pid: structs.replace(NEVER_SEEN, user_pid=pid, availability=self._of(pid)).state for pid in user_pids}

    def _of(self, pid: str) -> Availability:
        return Availability(self.known.get(pid, "OFFLINE"))


@dataclass
class Files:
    """Whose files were deleted."""

    gone: list[str] = field(default_factory=list)

    async def delete(self, tx: Tx, account_id: str, conversation_ids: Collection[str], now: int) -> int:
        tx.on_commit(lambda: self.gone.extend(conversation_ids))
        return await delete_files_of(tx, account_id, conversation_ids, now)


@dataclass
class Past:
    """Everything that a test of history touches."""

    stage: Stage
    room: HistoryRoom
    states: States
    files: Files
    http: httpx.AsyncClient

    @property
    def history(self) -> History:
        """What reads."""
        return self.room.history

    @property
    def indexer(self) -> Indexer:
        """What lets messages be found."""
        return self.room.indexer

    async def manage(
        self, method: str, path: str, body: object = None, *, user: str = "ada", account: str = ACCOUNT
    ) -> tuple[int, bytes]:
        """Call the management API below ``/history``."""
        response = await self.http.request(
            method,
            f"/switchbay/v1/accounts/{account}/history{path}",
            content=b"" if body is None else msgspec.json.encode(body),
            headers={
                "Authorization": "Bearer " + await self.stage.bearer(user),
                "Content-Type": "application/json",
            },
        )
        return response.status_code, response.content

    async def texts(self) -> str:
        """All that the tables of the room hold, as one text, to look for what must not be there."""

        async def read(tx: Tx) -> str:
            found: list[str] = []
            for name, table in metadata.tables.items():
                if name.startswith(("messaging_", "webhook_deliveries", "webhook_attempts")):
                    rows = await tx.fetch(sa.select(table))
                    found += [str([row[column.name] for column in table.columns]) for row in rows]
            if tx.engine == "sqlite":
                words = await tx.fetch(sa.text("SELECT words FROM messaging_search_words"))
                found += [str(row[0]) for row in words]
            return "\n".join(found)

        return await self.stage.db.read(read)

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

    async def found_ids(self) -> list[str]:
        """The ids of all conversations, the newest first."""
        found = await self.stage.messaging.list_conversations(ACCOUNT, state=None, before=None, most=200)
        return [one.conversation_id for one in found]

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
        states, files = States(), Files()
        room = HistoryRoom(db, clock, randomness, stage.accounts, stage.messaging, states, files.delete)
        api = management(router, room, stage.accounts)
        app = Application([*routes(room.history, stage.accounts, clock), Mount("/switchbay/v1", api)])
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="https://switchbay.test") as http:
            yield Past(stage, room, states, files, http)
