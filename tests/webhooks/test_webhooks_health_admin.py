"""The management API of how webhooks are doing: who may look, who may act, and what is refused."""

from collections.abc import AsyncIterator

import httpx
import pytest

from support.accounts_house import cheap_passwords
from support.filled import filled
from support.management import management
from support.receiver import Answer
from support.webhooks_house import ACCOUNT, APP, House, owner_of
from switchbay.accounts.public import OPERATOR, Accounts, AuditFilter, Role
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault
from switchbay.kit.secret import Secret
from switchbay.webhooks.health_admin import router

PASSWORD = Secret("correct horse battery")
OTHER_ACCOUNT = "4711002"
WEBHOOKS = f"/accounts/{ACCOUNT}/apps/{APP}/webhooks"
OPERATIONAL = f"/accounts/{ACCOUNT}/operational-webhooks"
CALLS = [
    ("GET", f"{WEBHOOKS}/health", None),
    ("POST", f"{WEBHOOKS}/enable", None),
    ("PUT", f"{WEBHOOKS}/rate-limit", {"requests_per_second": 5}),
    ("GET", OPERATIONAL, None),
    ("POST", OPERATIONAL, {"url": "https://ops.example/hook"}),
    ("DELETE", f"{OPERATIONAL}/ops_1", None),
]


@pytest.fixture
async def accounts(db: Database, clock: ManualClock, randomness: Randomness, vault: Vault) -> Accounts:
    built = Accounts(db, clock, randomness, vault, password_hashing=cheap_passwords())
    await filled(db, clock, randomness, __name__, lambda: _populate(built))
    return built


async def _populate(accounts: Accounts) -> None:
    for account in (ACCOUNT, OTHER_ACCOUNT):
        await accounts.create_account(account, f"Account {account}", OPERATOR)
        for role in Role:
            await accounts.create_user(account, role.value, PASSWORD, frozenset({role}), OPERATOR)


@pytest.fixture
async def client(house: House, accounts: Accounts) -> AsyncIterator[httpx.AsyncClient]:
    app = management(router, house.webhooks, accounts)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://switchbay.test") as built:
        built.headers["Authorization"] = await bearer(accounts, Role.ADMIN)
        yield built


async def bearer(accounts: Accounts, role: Role, account: str = ACCOUNT) -> str:
    login = await accounts.login(account, role.value, PASSWORD, None)
    return f"Bearer {login.bearer.reveal()}"


async def test_health_enable_and_limit(house: House, client: httpx.AsyncClient, accounts: Accounts) -> None:
    house.receiver.answer = lambda _: Answer(410)
    await house.configure(owner_of(house.endpoint()))
    await house.publish(house.event("one"))
    await house.settle()
    shown = (await client.get(f"{WEBHOOKS}/health")).json()
    assert (shown["state"], shown["endpoints"][0]["reason"]) == ("disabled", "it answered 410: it is gone")
    enabled = (await client.post(f"{WEBHOOKS}/enable")).json()
    assert (enabled["state"], enabled["requests_per_second"]) == ("healthy", None)
    limited = (await client.put(f"{WEBHOOKS}/rate-limit", json={"requests_per_second": 7})).json()
    assert limited["requests_per_second"] == 7
    assert (await client.put(f"{WEBHOOKS}/rate-limit", json={"requests_per_second": None})).json() == enabled
    page = await accounts.list_audit(ACCOUNT, AuditFilter(object_type="app"), cursor=None, limit=10)
    assert [(entry.action, entry.detail) for entry in page.entries] == [
        ("app.webhooks_limit", {"requests_per_second": None}),
        ("app.webhooks_limit", {"requests_per_second": 7}),
        ("app.webhooks_enable", {"webhooks": 1}),
    ]


async def test_operational_webhooks_are_added_listed_and_removed(client: httpx.AsyncClient) -> None:
    first = (await client.post(OPERATIONAL, json={"url": "https://ops.example/one"})).json()
    answer = await client.post(OPERATIONAL, json={"url": "https://ops.example/two", "secret": "sixteen letters.."})
    second = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    assert (len(first["secret"]) >= 16, second["secret"]) == (True, "sixteen letters..")
    listed = (await client.get(OPERATIONAL)).json()["items"]
    assert listed == [{name: made[name] for name in ("id", "url", "created_at")} for made in (first, second)]
    assert (await client.delete(f"{OPERATIONAL}/{first['id']}")).status_code == 204
    assert (await client.delete(f"{OPERATIONAL}/{first['id']}")).json()["error"]["code"] == (
        "operational_webhook_unknown"
    )
    assert [each["id"] for each in (await client.get(OPERATIONAL)).json()["items"]] == [second["id"]]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
async def test_strangers_and_agents_may_nothing_and_developers_look(
    house: House, client: httpx.AsyncClient, accounts: Accounts, method: str, path: str, body: object
) -> None:
    await house.configure(owner_of(house.endpoint()))
    statuses = []
    for header in (
        "",
        await bearer(accounts, Role.ADMIN, OTHER_ACCOUNT),
        await bearer(accounts, Role.AGENT),
        await bearer(accounts, Role.DEVELOPER),
    ):
        answer = await client.request(method, path, json=body, headers={"Authorization": header})
        statuses.append(answer.status_code)
    assert statuses == [401, 401, 403, 200 if method == "GET" else 403]
    assert await house.webhooks.operational.list_all(ACCOUNT) == []
    assert (await house.webhooks.care.get_report(ACCOUNT, APP)).rate_limit is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": "ftp://ops.example/hook"},
        {"url": "https://"},
        {"url": "https://ops.example/a b"},
        {"url": "https://ops.example/", "secret": "too short"},
        {"url": "https://ops.example/", "more": 1},
    ],
)
async def test_an_odd_operational_webhook_is_refused(client: httpx.AsyncClient, body: dict[str, object]) -> None:
    assert (await client.post(OPERATIONAL, json=body)).status_code == 400
    assert (await client.get(OPERATIONAL)).json() == {"items": []}


@pytest.mark.parametrize("rate", [0, -1, 1_001, "5", 1.5, True])
async def test_an_odd_rate_is_refused(house: House, client: httpx.AsyncClient, rate: object) -> None:
    await house.configure(owner_of(house.endpoint()))
    answer = await client.put(f"{WEBHOOKS}/rate-limit", json={"requests_per_second": rate})
    assert (answer.status_code, (await house.webhooks.care.get_report(ACCOUNT, APP)).rate_limit) == (400, None)


async def test_an_app_of_another_account_is_unknown(
    house: House, client: httpx.AsyncClient, accounts: Accounts
) -> None:
    await house.configure(owner_of(house.endpoint()))
    header = {"Authorization": await bearer(accounts, Role.ADMIN, OTHER_ACCOUNT)}
    for method, path, body in CALLS[:3]:
        answer = await client.request(method, path.replace(ACCOUNT, OTHER_ACCOUNT), json=body, headers=header)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "app_unknown")
