"""The Send API and the agents' door over a real database, with clients that speak to them.

Tokens are looked up in memory (the oauth room's own tests prove how real ones are verified), and what would be handed
to the webhooks room is kept, once it is committed.
"""

import tempfile
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import sqlalchemy as sa
from starlette.routing import Mount

from support.accounts_house import ACCOUNT, OTHER, PASSWORD, cheap_passwords
from support.filled import filled
from support.management import management_of
from switchbay.accounts.public import OPERATOR, Accounts, Role
from switchbay.infra.db import Database, Tx, metadata
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault
from switchbay.infra.web import Application
from switchbay.messaging.admin import router
from switchbay.messaging.files import admin as files_admin
from switchbay.messaging.files import routes as files_routes
from switchbay.messaging.files.scanning import Scanner
from switchbay.messaging.files.service import Files
from switchbay.messaging.files.spool import Spool
from switchbay.messaging.files.stores import ByteStore
from switchbay.messaging.files.stores.disk import DiskStore
from switchbay.messaging.files.transfer import Rules
from switchbay.messaging.public import Limits, Messaging
from switchbay.messaging.routes import routes
from switchbay.oauth.errors import (
    app_token_invalid,
    app_token_missing,
    consumer_token_invalid,
    consumer_token_missing,
)
from switchbay.oauth.public import AppToken, ConsumerToken
from switchbay.webhooks.public import Notification

__all__ = ["ACCOUNT", "OTHER", "Answered", "Stage", "Tokens", "Webhooks", "stage_on"]

APP = "6c5a36a1-9b1f-4b4f-9a1e-0c7d3f1f2a01"
OTHER_APP = "6c5a36a1-9b1f-4b4f-9a1e-0c7d3f1f2a02"
CONSUMER = "a" * 64
OTHER_CONSUMER = "b" * 64
BASE = "/api/account/{account}/messaging/consumer/conversation"


class Tokens:
    """Tokens in memory, answering as the oauth room does."""

    def __init__(self) -> None:
        self.apps = {
            "app": AppToken(ACCOUNT, APP, APP, frozenset({"msg.consumer"}), 2**50),
            "other-app": AppToken(ACCOUNT, OTHER_APP, OTHER_APP, frozenset({"msg.consumer"}), 2**50),
            "foreign-app": AppToken(OTHER, APP, APP, frozenset({"msg.consumer"}), 2**50),
            "narrow-app": AppToken(ACCOUNT, APP, APP, frozenset(), 2**50),
        }
        self.consumers = {
            "consumer": ConsumerToken(ACCOUNT, "kim", CONSUMER, 2**50),
            "other-consumer": ConsumerToken(ACCOUNT, "lee", OTHER_CONSUMER, 2**50),
            "foreign-consumer": ConsumerToken(OTHER, "kim", CONSUMER, 2**50),
        }

    async def verify_app_token(self, account_id: str, authorization: str | None) -> AppToken:
        if not authorization:
            raise app_token_missing()
        token = self.apps.get(authorization.removeprefix("Bearer "))
        if token is None or token.account_id != account_id:
            raise app_token_invalid()
        return token

    async def verify_consumer_token(self, account_id: str, header: str | None) -> ConsumerToken:
        if not header:
            raise consumer_token_missing()
        token = self.consumers.get(header)
        if token is None or token.account_id != account_id:
            raise consumer_token_invalid()
        return token


class Webhooks:
    """Keeps what was published and committed."""

    def __init__(self) -> None:
        self.seen: list[Notification] = []
        self.failure: Exception | None = None

    async def publish(self, tx: Tx, notifications: Sequence[Notification]) -> None:
        if self.failure is not None:
            raise self.failure
        tx.on_commit(lambda: self.seen.extend(notifications))

    @property
    def keys(self) -> list[str]:
        return [one.event_key for one in self.seen]

    def changes(self) -> list[dict[str, Any]]:
        """The one change of each body."""
        bodies = [msgspec.json.decode(one.body) for one in self.seen]
        return [body["body"]["changes"][0] for body in bodies]


@dataclass(frozen=True)
class Answered:
    """An answer's status, JSON body and headers."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def error(self) -> int:
        """The number of a Send API error."""
        assert set(self.body) == {"kind", "code", "body", "type"}, self.body
        assert self.body["kind"] == "resp"
        assert self.body["code"] == self.status
        assert self.body["type"] == ".ReqBody$ErrorResp"
        assert set(self.body["body"]) == {"title", "details", "errorCode"}
        return int(self.body["body"]["errorCode"])


@dataclass
class Stage:
    """Everything a test of this room touches."""

    db: Database
    clock: ManualClock
    accounts: Accounts
    messaging: Messaging
    files: Files
    folder: Path
    webhooks: Webhooks
    tokens: Tokens
    http: httpx.AsyncClient
    bearers: dict[str, str] = field(default_factory=dict)

    async def post(
        self,
        path: str,
        body: object,
        *,
        account: str = ACCOUNT,
        app: str | None = "app",
        consumer: str | None = "consumer",
        **headers: str,
    ) -> Answered:
        """Post to the Send API; ``body`` may be bytes."""
        sent = {"Content-Type": "application/json"}
        if app is not None:
            sent["Authorization"] = app
        if consumer is not None:
            sent["X-LP-ON-BEHALF"] = consumer
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        response = await self.http.post(BASE.format(account=account) + path + "?v=3", content=content, headers=sent)
        assert response.headers["content-type"] == "application/json"
        return Answered(response.status_code, response.json(), response.headers)

    async def open(self, **options: Any) -> str:
        """Open a conversation and return its id."""
        answered = await self.post("", [request("cm.ConsumerRequestConversation", {"brandId": ACCOUNT})], **options)
        assert answered.status == 200, answered.body
        return str(answered.body[0]["body"]["conversationId"])

    async def send(self, type_: str, body: object, *, request_id: object = "1", **options: Any) -> Answered:
        """Send one request."""
        return await self.post("/send", request(type_, body, request_id), **options)

    async def publish(self, conversation: str, event: object, **options: Any) -> Answered:
        """Publish an event as the consumer."""
        return await self.send("ms.PublishEvent", {"dialogId": conversation, "event": event}, **options)

    async def say(self, conversation: str, message: str = "hi", **options: Any) -> Answered:
        """Say something as the consumer."""
        return await self.publish(conversation, text(message), **options)

    async def close(self, conversation: str, **options: Any) -> Answered:
        """Close a conversation as the consumer."""
        body = {
            "conversationId": conversation,
            "conversationField": {"field": "ConversationStateField", "conversationState": "CLOSE"},
        }
        return await self.send("cm.UpdateConversationField", body, **options)

    async def bearer(self, name: str) -> str:
        """Log a user in, once."""
        if name not in self.bearers:
            login = await self.accounts.login(ACCOUNT, name, PASSWORD, None)
            self.bearers[name] = login.bearer.reveal()
        return self.bearers[name]

    async def agent(
        self, method: str, path: str, body: object = None, *, user: str = "bob", **headers: str
    ) -> Answered:
        """Call the agents' door, below ``/conversations``."""
        sent = {"Authorization": "Bearer " + await self.bearer(user)}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        response = await self.http.request(
            method, f"/switchbay/v1/accounts/{ACCOUNT}/conversations{path}", content=content, headers=sent
        )
        return Answered(response.status_code, response.json(), response.headers)

    async def rows(self) -> dict[str, int]:
        """How many rows each table of the room has."""

        async def count(tx: Tx) -> dict[str, int]:
            found = {}
            for name in ("conversations", "events", "consumers", "idempotency"):
                table = metadata.tables["messaging_" + name]
                row = await tx.fetch_one(sa.select(sa.func.count()).select_from(table))
                assert row is not None
                found[name] = int(row[0])
            return found

        return await self.db.read(count)


def request(type_: str, body: object, request_id: object = "1") -> dict[str, object]:
    """An envelope of the Send API."""
    return {"kind": "req", "id": request_id, "type": type_, "body": body}


def text(message: str = "hi") -> dict[str, object]:
    """A text message."""
    return {"type": "ContentEvent", "contentType": "text/plain", "message": message}


def unknown_id() -> str:
    """The id of a conversation that does not exist."""
    return str(uuid.uuid4())


async def _populate(accounts: Accounts) -> None:
    await accounts.create_account(ACCOUNT, "Example Brand", OPERATOR)
    await accounts.create_account(OTHER, "Other Brand", OPERATOR)
    for name, role in (("ada", Role.ADMIN), ("bob", Role.AGENT), ("cyd", Role.AGENT), ("dev", Role.DEVELOPER)):
        await accounts.create_user(ACCOUNT, name, PASSWORD, [role], OPERATOR)


@asynccontextmanager
async def stage_on(
    db: Database,
    clock: ManualClock,
    randomness: Randomness,
    limits: Limits | None = None,
    *,
    objects: ByteStore | None = None,
    scanner: Scanner | None = None,
    rules: Rules | None = None,
    is_new: bool = True,
) -> AsyncIterator[Stage]:
    """The room on a database, with two accounts and the users ada (admin), bob and cyd (agents) and dev (developer).

    Files lie in a folder of its own, or in ``objects``. One that is not new is another node on the same database.
    """
    vault = Vault([("test", b"\x07" * 32)])
    accounts = Accounts(db, clock, randomness, vault, password_hashing=cheap_passwords())
    if is_new:
        await filled(db, clock, randomness, "messaging", lambda: _populate(accounts))
    webhooks, tokens = Webhooks(), Tokens()
    messaging = Messaging(db, clock, randomness, webhooks, accounts, limits or Limits())
    with tempfile.TemporaryDirectory(prefix="switchbay-files-") as name:
        folder = Path(name)
        objects, spool = objects or DiskStore(folder / "stored"), Spool(folder / "incoming")
        files = Files(db, clock, randomness, vault, objects, spool, scanner=scanner, rules=rules, accounts=accounts)
        messaging.admit_with(files.admit)
        api = management_of((router, messaging, accounts), (files_admin.router, files, accounts))
        app = Application(
            [
                *routes(messaging, tokens, files),
                *files_routes.routes(files),
                Mount("/switchbay/v1", api),
            ]
        )
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="https://switchbay.test") as http:
            yield Stage(db, clock, accounts, messaging, files, folder, webhooks, tokens, http)
        await messaging.stop()
        await files.stop()
        await accounts.stop()
