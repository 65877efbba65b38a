"""A small directory of installed applications, and a client of the authorization server's routes."""

import hmac
from dataclasses import replace

import httpx

from switchbay.apps.public import Client, SecretCheck
from switchbay.infra.web import Application
from switchbay.kit.errors import AppError, Kind
from switchbay.oauth.public import OAuth
from switchbay.oauth.routes import keys as keys_routes
from switchbay.oauth.routes import routes
from switchbay.oauth.service import KeyRing

ACCOUNT = "4711001"
OTHER_ACCOUNT = "4711002"
CLIENT_ID = "6c5a36a1-9b1f-4b4f-9a1e-0c7d3f1f2a01"
OTHER_CLIENT_ID = "6c5a36a1-9b1f-4b4f-9a1e-0c7d3f1f2a02"
CLIENT_SECRET = "1fr8ckbtrh2qv9n6m0jd3l5s7e"


class Directory:
    """Applications and accounts in memory, answering as the rooms that own them do."""

    def __init__(self) -> None:
        self.clients: dict[tuple[str, str], Client] = {}
        self.secrets: dict[tuple[str, str], str] = {}
        self.accounts = {ACCOUNT, OTHER_ACCOUNT}
        self.checked: list[str] = []
        self.asked: list[tuple[str, str]] = []

    def add(self, account_id: str, client_id: str, secret: str = CLIENT_SECRET) -> None:
        self.clients[account_id, client_id] = Client(
            account_id=account_id,
            installation_id=client_id,
            client_id=client_id,
            client_name="Connector",
            enabled=True,
            grant_types=frozenset({"client_credentials"}),
            response_types=frozenset(),
            redirect_uris=(),
            scope=frozenset({"msg.consumer"}),
        )
        self.secrets[account_id, client_id] = secret

    def change(
        self,
        *,
        enabled: bool | None = None,
        scope: frozenset[str] | None = None,
        grant_types: frozenset[str] | None = None,
    ) -> None:
        client = self.clients[ACCOUNT, CLIENT_ID]
        self.clients[ACCOUNT, CLIENT_ID] = replace(
            client,
            enabled=client.enabled if enabled is None else enabled,
            scope=client.scope if scope is None else scope,
            grant_types=client.grant_types if grant_types is None else grant_types,
        )

    def remove(self) -> None:
        del self.clients[ACCOUNT, CLIENT_ID]

    async def find_client(self, account_id: str, client_id: str) -> Client | None:
        self.asked.append((account_id, client_id))
        return self.clients.get((account_id, client_id))

    async def check_secret(self, client: Client, presented: str) -> bool:
        self.checked.append(presented)
        return hmac.compare_digest(self.secrets[client.account_id, client.client_id], presented)

    async def match_secret(self, client: Client, presented: str) -> SecretCheck:
        return SecretCheck(await self.check_secret(client, presented))

    async def burn_secret_check(self, presented: str) -> None:
        self.checked.append(presented)

    async def get_account(self, account_id: str) -> object:
        if account_id not in self.accounts:
            raise AppError(Kind.NOT_FOUND, "account_unknown", "There is no such account.")
        return account_id


def client_of(
    service: OAuth, ring: KeyRing, directory: Directory, *, query_credentials: bool = True
) -> httpx.AsyncClient:
    """A client that talks to the routes of a service and of its keys."""
    app = Application([*routes(service, query_credentials=query_credentials), *keys_routes.routes(ring, directory)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://sentinel.example")
