"""The management API shows deliveries to administrators and developers of the account, and to nobody else."""

import base64
from collections.abc import AsyncIterator

import httpx
import pytest

from support.accounts_house import cheap_passwords
from support.filled import filled
from support.management import management
from support.receiver import Answer
from support.webhooks_house import ACCOUNT, APP, CHAT_STATE, CONTENT, OTHER_APP, SECRET, House, owner_of, with_headers
from switchbay.accounts.public import OPERATOR, Accounts, Role
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault
from switchbay.kit.secret import Secret
from switchbay.webhooks.admin import router

PASSWORD = Secret("correct horse battery")
OTHER_ACCOUNT = "4711002"
BASE = f"/accounts/{ACCOUNT}/deliveries"
REPLAYS = f"/accounts/{ACCOUNT}/replays"


@pytest.fixture
async def accounts(db: Database, clock: ManualClock, randomness: Randomness, vault: Vault) -> Accounts:
    built = Accounts(db, clock, randomness, vault, password_hashing=cheap_passwords())
    await filled(db, clock, randomness, __name__, lambda: _populate(built))
    return built


async def _populate(accounts: Accounts) -> None:
    for account in (ACCOUNT, OTHER_ACCOUNT):
        await accounts.create_account(account, f"Account {account}", OPERATOR)
        await accounts.create_user(account, "admin", PASSWORD, frozenset({Role.ADMIN}), OPERATOR)


@pytest.fixture
async def client(house: House, accounts: Accounts) -> AsyncIterator[httpx.AsyncClient]:
    app = management(router, house.webhooks, accounts)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://switchbay.test") as built:
        built.headers["Authorization"] = await bearer(accounts, "admin")
        yield built


async def bearer(accounts: Accounts, name: str, account: str = ACCOUNT) -> str:
    login = await accounts.login(account, name, PASSWORD, None)
    return f"Bearer {login.bearer.reveal()}"


async def test_deliveries_are_listed_newest_first_in_pages(
    house: House, client: httpx.AsyncClient, clock: ManualClock
) -> None:
    await house.configure(owner_of(house.endpoint()))
    for number in range(5):
        clock.advance(ms=1)
        await house.publish(house.event(f"m{number}", f"c{number}"))
    await house.settle()
    seen: list[str] = []
    cursor: str | None = None
    for expected in (2, 2, 1):
        params = {"limit": "2"} | ({} if cursor is None else {"cursor": cursor})
        page = (await client.get(BASE, params=params)).json()
        assert len(page["items"]) == expected
        seen += [item["conversation"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert (seen, cursor) == (["c4", "c3", "c2", "c1", "c0"], None)


async def test_filters_select(house: House, client: httpx.AsyncClient, clock: ManualClock) -> None:
    house.receiver.answer = lambda request: Answer(500 if request.path == "/bad" else 200)
    await house.configure(owner_of(house.endpoint(CONTENT, path="/bad"), house.endpoint(CHAT_STATE)))
    await house.configure(owner_of(house.endpoint(CONTENT), owner_id=OTHER_APP))
    for lane in ("c1", "c2"):
        clock.advance(ms=1)
        await house.publish(
            house.event("a", lane), house.event("b", lane, key=CHAT_STATE), house.event("c", lane, owner_id=OTHER_APP)
        )
    await house.settle()

    async def count(**params: str) -> int:
        return len((await client.get(BASE, params=params)).json()["items"])

    assert await count() == 6
    assert await count(app=APP) == 4
    assert await count(conversation="c1") == 3
    assert await count(conversation="c1", app=OTHER_APP) == 1
    assert await count(conversation="unknown") == 0
    assert await count(event=CHAT_STATE) == 2
    assert await count(status="failed") == 2
    assert await count(status="delivered") == 4
    assert await count(status="pending") == 0
    assert await count(status="failed", conversation="c2", event=CONTENT, app=APP) == 1


async def test_a_delivery_is_shown_with_its_body_and_attempts_and_without_credentials(
    house: House, client: httpx.AsyncClient
) -> None:
    answers = iter([Answer(503, b"\xff\x00", [("X-Why", "load")]), Answer(200, b"fine")])
    house.receiver.answer = lambda _: next(answers)
    await house.configure(owner_of(with_headers(house.endpoint(retries=1), ("X-Token", "custom-credential"))))
    await house.publish(house.event('{"a":1}'))
    await house.settle()
    await house.pass_time(30)
    [item] = (await client.get(BASE)).json()["items"]
    response = await client.get(f"{BASE}/{item['id']}")
    detail = response.json()
    assert {name: detail[name] for name in item} == item
    assert (item["status"], item["attempts"], item["app"], item["event"]) == ("delivered", 2, APP, CONTENT)
    assert detail["body"] == {"text": '{"a":1}'}
    first, second = detail["attempts_made"]
    assert (first["number"], first["status"], first["outcome"]) == (1, 503, "retry")
    assert first["connect_ms"] <= first["first_byte_ms"] <= first["total_ms"]
    assert [step["first_byte_ms"] for step in detail["timeline"] if step["step"] == "attempt"] == [
        first["first_byte_ms"],
        second["first_byte_ms"],
    ]
    assert first["response"]["body"] == {"base64": base64.b64encode(b"\xff\x00").decode()}
    assert {"name": "X-Why", "value": "load"} in first["response"]["headers"]
    assert second["response"]["body"] == {"text": "fine"}
    sent = first["request"]
    assert (sent["method"], sent["url"]) == ("POST", house.receiver.url())
    arrived = house.receiver.requests[0].headers
    shown = {header["name"].lower(): header["value"] for header in sent["headers"]}
    assert shown.pop("x-token") == "(hidden)"
    assert shown == {name: arrived[name] for name in shown}
    assert arrived.keys() - shown.keys() == {"host", "content-length", "accept", "user-agent", "x-token"}
    assert "custom-credential" not in response.text
    assert SECRET.reveal() not in response.text


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"cursor": "x"}, "cursor_invalid"),
        ({"cursor": "dlv_" + "0" * 25 + "\x00"}, "cursor_invalid"),
    ],
)
async def test_an_odd_cursor_is_refused(client: httpx.AsyncClient, params: dict[str, str], code: str) -> None:
    response = await client.get(BASE, params=params)
    assert (response.status_code, response.json()["error"]["code"]) == (400, code)


@pytest.mark.parametrize(
    "params",
    [{"limit": "0"}, {"limit": "201"}, {"limit": "x"}, {"status": "lost"}, {"app": "\x00"}, {"conversation": "c\x00"}],
)
async def test_an_odd_query_is_refused(client: httpx.AsyncClient, params: dict[str, str]) -> None:
    assert (await client.get(BASE, params=params)).status_code == 400


@pytest.mark.parametrize("delivery", ["x", "dlv_" + 26 * "0", "dlv_" + 25 * "0" + "%00", "dlv_" + 26 * "é"])
async def test_an_unknown_delivery_is_not_found(client: httpx.AsyncClient, delivery: str) -> None:
    response = await client.get(f"{BASE}/{delivery}")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "delivery_unknown")


async def test_another_accounts_delivery_is_not_found(
    house: House, client: httpx.AsyncClient, accounts: Accounts
) -> None:
    await house.configure(owner_of(house.endpoint()))
    await house.publish(house.event("one"))
    await house.settle()
    [item] = (await client.get(BASE)).json()["items"]
    headers = {"Authorization": await bearer(accounts, "admin", OTHER_ACCOUNT)}
    elsewhere = f"/accounts/{OTHER_ACCOUNT}/deliveries"
    assert (await client.get(elsewhere, headers=headers)).json()["items"] == []
    assert (await client.get(f"{elsewhere}/{item['id']}", headers=headers)).status_code == 404
    assert (await client.get(f"{BASE}/{item['id']}", headers=headers)).status_code == 401


async def test_only_administrators_and_developers_are_admitted(client: httpx.AsyncClient, accounts: Accounts) -> None:
    for role in (Role.DEVELOPER, Role.AGENT):
        await accounts.create_user(ACCOUNT, f"only-{role.value}", PASSWORD, frozenset({role}), OPERATOR)
    developer = {"Authorization": await bearer(accounts, "only-developer")}
    agent = {"Authorization": await bearer(accounts, "only-agent")}
    for path in (BASE, f"{BASE}/dlv_{26 * '0'}", REPLAYS, f"{REPLAYS}/rpl_{26 * '0'}"):
        assert (await client.get(path, headers=agent)).status_code == 403
        assert (await client.get(path, headers={"Authorization": "Bearer x"})).status_code == 401
        assert (await client.get(path, headers={"Authorization": ""})).status_code == 401
    assert (await client.get(BASE, headers=developer)).status_code == 200


async def test_the_log_is_searched_by_outcome_and_time(
    house: House, client: httpx.AsyncClient, clock: ManualClock
) -> None:
    house.receiver.answer = lambda request: Answer(503 if request.body == b"bad" else 200)
    await house.configure(owner_of(house.endpoint()))
    start = clock.now_ms()
    for word in ("good", "bad"):
        await house.publish(house.event(word, word))
        await house.settle()
        clock.advance(ms=1)

    async def found(**params: str) -> list[str]:
        return [item["conversation"] for item in (await client.get(BASE, params=params)).json()["items"]]

    assert await found(outcome="503") == ["bad"]
    assert await found(outcome="delivered") == ["good"]
    assert await found(since=str(start + 1)) == ["bad"]
    assert await found(until=str(start + 1)) == ["good"]
    for params in ({"since": "-1"}, {"until": "x"}, {"outcome": "A B"}, {"since": str(2**60)}):
        assert (await client.get(BASE, params=params)).status_code == 400
    [item] = (await client.get(BASE, params={"outcome": "503"})).json()["items"]
    steps = (await client.get(f"{BASE}/{item['id']}")).json()["timeline"]
    assert [step["step"] for step in steps] == ["published", "queued", "attempt", "done"]
    assert (steps[2]["number"], steps[2]["status"], steps[2]["outcome"]) == (1, 503, "gave_up")
    assert (steps[3]["at"], steps[3]["status"], steps[3]["reason"]) == (start + 1, "failed", "retries_exhausted")


async def test_one_event_is_sent_again(house: House, client: httpx.AsyncClient, clock: ManualClock) -> None:
    await house.configure(owner_of(house.endpoint()))
    await house.publish(house.event("a"))
    await house.settle()
    clock.advance(ms=1)
    [item] = (await client.get(BASE)).json()["items"]
    response = await client.post(f"{BASE}/{item['id']}/replay")
    assert response.status_code == 201
    made = response.json()
    assert (made["origin"], made["event_id"], made["replay"], made["position"]) == ("replay", item["id"], None, 1)
    await house.settle()
    assert house.receiver.bodies == [b"a", b"a"]
    missing = await client.post(f"{BASE}/dlv_{26 * '0'}/replay")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "delivery_unknown")


async def test_a_replay_is_begun_watched_listed_and_cancelled(
    house: House, client: httpx.AsyncClient, clock: ManualClock
) -> None:
    await house.configure(owner_of(house.endpoint()))
    await house.publish(house.event("a", "c1"), house.event("b", "c2"))
    await house.settle()
    clock.advance(ms=1)
    begun = await client.post(REPLAYS, json={"since": 0, "conversation": "c2", "event": CONTENT})
    assert begun.status_code == 201
    replay = begun.json()
    assert replay["filter"] == {
        "app": None,
        "conversation": "c2",
        "event": CONTENT,
        "status": None,
        "outcome": None,
        "since": 0,
        "until": clock.now_ms(),
    }
    assert (replay["state"], replay["replayed"], replay["progress"]) == ("running", 0, 0.0)
    await house.webhooks.replays.step_once()
    await house.settle()
    done = (await client.get(f"{REPLAYS}/{replay['id']}")).json()
    assert (done["state"], done["replayed"], done["progress"]) == ("done", 1, 1.0)
    assert house.receiver.bodies == [b"a", b"b", b"b"]
    [item] = (await client.get(BASE, params={"replay": replay["id"]})).json()["items"]
    assert (item["conversation"], item["replay"]) == ("c2", replay["id"])
    second = (await client.post(REPLAYS, json={"since": 0})).json()
    cancelled = await client.delete(f"{REPLAYS}/{second['id']}")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    listed = (await client.get(REPLAYS)).json()
    assert {each["id"]: each["state"] for each in listed["items"]} == {replay["id"]: "done", second["id"]: "cancelled"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"since": "0"},
        {"since": -1},
        {"since": 2**60},
        {"since": 0, "status": "pending"},
        {"since": 0, "app": "\x00"},
        {"since": 0, "outcome": "A"},
        {"since": 0, "speed": 9},
        {"since": 5, "until": 5},
    ],
)
async def test_an_odd_replay_is_refused_and_none_begins(client: httpx.AsyncClient, body: dict[str, object]) -> None:
    assert (await client.post(REPLAYS, json=body)).status_code == 400
    assert (await client.get(REPLAYS)).json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("replay", ["x", "rpl_" + 26 * "0", "rpl_" + 25 * "0" + "%00"])
async def test_an_unknown_replay_is_not_found(client: httpx.AsyncClient, replay: str) -> None:
    for method in ("GET", "DELETE"):
        response = await client.request(method, f"{REPLAYS}/{replay}")
        assert (response.status_code, response.json()["error"]["code"]) == (404, "replay_unknown")


async def test_nobody_else_begins_or_cancels_a_replay(
    client: httpx.AsyncClient, accounts: Accounts, clock: ManualClock
) -> None:
    replay = (await client.post(REPLAYS, json={"since": 0})).json()["id"]
    await accounts.create_user(ACCOUNT, "agent", PASSWORD, frozenset({Role.AGENT}), OPERATOR)
    agent = {"Authorization": await bearer(accounts, "agent")}
    other = {"Authorization": await bearer(accounts, "admin", OTHER_ACCOUNT)}
    elsewhere = f"/accounts/{OTHER_ACCOUNT}/replays/{replay}"
    assert (await client.post(REPLAYS, json={"since": 0}, headers=agent)).status_code == 403
    assert (await client.delete(f"{REPLAYS}/{replay}", headers=agent)).status_code == 403
    assert (await client.delete(elsewhere, headers=other)).status_code == 404
    assert (await client.get(f"{REPLAYS}/{replay}")).json()["state"] == "running"
