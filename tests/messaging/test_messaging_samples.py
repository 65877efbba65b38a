"""A test event looks like a real one, is signed and marked, and reaches only an app that wants it."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from support.accounts_house import PASSWORD, cheap_passwords
from support.certs import make_authority
from support.management import management
from support.receiver import Receiver
from support.webhooks_house import ACCOUNT, APP, CHAT_STATE, CONTENT, SECRET, House, owner_of
from switchbay.accounts.public import OPERATOR, Accounts, AuditFilter, Role
from switchbay.infra.db import Database
from switchbay.infra.egress import Egress
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault
from switchbay.messaging.public import Limits, Messaging
from switchbay.messaging.samples import SAMPLED
from switchbay.messaging.samples_admin import router
from switchbay.webhooks.public import DeliveryFilter

CHANGE = "cqm.ExConversationChangeNotification"
PATH = f"/accounts/{ACCOUNT}/apps/{APP}/test-events"


@pytest.fixture
async def house(
    db: Database, clock: ManualClock, vault: Vault, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    authority = make_authority(tmp_path_factory.mktemp("authority"))
    egress = Egress(("127.0.0.0/8",), authority.ca_file, lookup=lambda _host, _port: ["127.0.0.1"])
    async with Receiver(authority) as receiver:
        built = House(db, clock, vault, egress, receiver)
        built.node()
        yield built
        await built.close()
        await egress.close()


@pytest.fixture
async def accounts(house: House, clock: ManualClock, randomness: Randomness) -> Accounts:
    built = Accounts(house.db, clock, randomness, house.vault, password_hashing=cheap_passwords())
    await built.create_account(ACCOUNT, "Account", OPERATOR)
    for role in (Role.ADMIN, Role.DEVELOPER, Role.AGENT):
        await built.create_user(ACCOUNT, role.value, PASSWORD, frozenset({role}), OPERATOR)
    return built


@pytest.fixture
async def client(
    house: House, accounts: Accounts, clock: ManualClock, randomness: Randomness
) -> AsyncIterator[httpx.AsyncClient]:
    messaging = Messaging(house.db, clock, randomness, house.webhooks, accounts, Limits())
    app = management(router, messaging, house.webhooks, accounts)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://switchbay.test") as built:
        built.headers["Authorization"] = await bearer(accounts, Role.DEVELOPER)
        yield built


async def bearer(accounts: Accounts, role: Role) -> str:
    return f"Bearer {(await accounts.login(ACCOUNT, role.value, PASSWORD, None)).bearer.reveal()}"


async def deliveries(house: House) -> int:
    return len((await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter()))[0])


@pytest.mark.parametrize("key", SAMPLED)
async def test_each_event_is_sent_as_a_real_one_would_be(
    house: House, client: httpx.AsyncClient, accounts: Accounts, clock: ManualClock, key: str
) -> None:
    await house.configure(owner_of(house.endpoint(key)))
    response = await client.post(PATH, json={"event": key})
    assert response.status_code == 201
    made = response.json()
    assert (made["status"], made["origin"], made["event"], made["app"]) == ("pending", "test", key, APP)
    await house.settle()
    [request] = house.receiver.requests
    assert (request.headers["x-switchbay-origin"], request.headers["x-liveperson-request-id"]) == ("test", made["id"])
    signature = base64.b64encode(hmac.digest(SECRET.reveal().encode(), request.body, hashlib.sha1)).decode()
    assert request.headers["x-liveperson-signature"] == f"sha1={signature}"
    body = json.loads(request.body)
    [change] = body["body"]["changes"]
    if key == CHANGE:
        assert (body["type"], change["result"]["convId"]) == (key, made["conversation"])
        roles = [each["role"] for each in change["result"]["conversationDetails"]["participants"]]
        assert roles == ["CONSUMER", "ASSIGNED_AGENT"]
    else:
        assert (f"{body['type']}.{change['event']['type']}", change["conversationId"]) == (key, made["conversation"])
        assert change["originatorMetadata"]["role"] == "ASSIGNED_AGENT"
        assert change.get("serverTimestamp") == (None if key == CHAT_STATE else clock.now_ms())
    page = await accounts.list_audit(ACCOUNT, AuditFilter(action="app.test_event"))
    assert [entry.detail for entry in page.entries] == [{"event": key, "delivery": made["id"]}]


@pytest.mark.parametrize("case", ["unsubscribed", "disabled", "removed", "unknown"])
async def test_an_app_that_does_not_want_the_event_gets_none(
    house: House, client: httpx.AsyncClient, accounts: Accounts, case: str
) -> None:
    await house.configure(owner_of(house.endpoint(CONTENT), enabled=case != "disabled"))
    if case == "removed":
        await house.remove()
    event = {"unsubscribed": CHAT_STATE, "unknown": "no.such.Event"}.get(case, CONTENT)
    response = await client.post(PATH, json={"event": event})
    assert (response.status_code, response.json()["error"]["code"]) == (409, "event_not_subscribed")
    assert await deliveries(house) == 0
    assert (await accounts.list_audit(ACCOUNT, AuditFilter(action="app.test_event"))).entries == []


@pytest.mark.parametrize("body", [{}, {"event": 1}, {"event": "\x00"}, {"event": CONTENT, "text": "x"}])
async def test_an_odd_request_is_refused(house: House, client: httpx.AsyncClient, body: dict[str, object]) -> None:
    await house.configure(owner_of(house.endpoint(CONTENT)))
    assert (await client.post(PATH, json=body)).status_code == 400
    assert await deliveries(house) == 0


async def test_agents_and_strangers_send_no_test_events(
    house: House, client: httpx.AsyncClient, accounts: Accounts
) -> None:
    await house.configure(owner_of(house.endpoint(CONTENT)))
    for authorization, status in ((await bearer(accounts, Role.AGENT), 403), ("Bearer x", 401)):
        response = await client.post(PATH, json={"event": CONTENT}, headers={"Authorization": authorization})
        assert response.status_code == status
    assert await deliveries(house) == 0
