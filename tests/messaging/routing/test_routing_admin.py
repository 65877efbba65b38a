"""The management API of routing: skills, agents, the queue; who may do what; what the audit log keeps."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.routing import Mount

from support.accounts_house import ACCOUNT, PASSWORD
from support.management import management
from support.messaging_stage import APP, CONSUMER, Stage, stage_on
from switchbay.accounts.public import OPERATOR, AccountChange, Role
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.web import Application
from switchbay.messaging.domain import Command, ConsumerCaller, Open, SuggestAgent, SystemCaller
from switchbay.messaging.routing.admin import router
from switchbay.messaging.routing.service import Routing


class Door:
    """Calls the API as one of the account's users."""

    def __init__(self, stage: Stage, routing: Routing, http: httpx.AsyncClient) -> None:
        self.stage = stage
        self.routing = routing
        self._http = http

    async def call(self, method: str, path: str, body: object = None, *, user: str = "ada") -> tuple[int, Any]:
        bearer = await self.stage.bearer(user)
        answer = await self._http.request(
            method, f"/switchbay/v1/accounts/{ACCOUNT}{path}", json=body, headers={"Authorization": f"Bearer {bearer}"}
        )
        return answer.status_code, answer.json() if answer.content else None

    async def refused(self, method: str, path: str, body: object = None, *, user: str = "ada") -> tuple[int, str]:
        status, answer = await self.call(method, path, body, user=user)
        return status, answer["error"]["code"]

    async def open(self, skill_id: str = "-1", ttr_seconds: int = 600) -> str:
        self.stage.clock.advance(ms=1)
        conversation = self.stage.messaging.new_conversation_id()
        wanted = Open(skill_id, "NORMAL", ttr_seconds)
        await self.stage.messaging.submit(Command(ACCOUNT, ConsumerCaller(APP, CONSUMER), conversation, open=wanted))
        return conversation

    async def audited(self) -> list[tuple[str, str, str, object]]:
        page = await self.stage.accounts.list_audit(ACCOUNT)
        wanted = {"skill", "agent"}
        found = [one for one in page.entries if one.object_type in wanted]
        return [(one.action, one.object_id, one.actor.name, dict(one.detail)) for one in reversed(found)]


@pytest.fixture
async def door(db: Database, clock: ManualClock, randomness: Randomness) -> AsyncIterator[Door]:
    """The API over the stage's accounts and messaging, and an agent manager, max."""
    async with stage_on(db, clock, randomness) as stage:
        await stage.accounts.create_user(ACCOUNT, "max", PASSWORD, [Role.AGENT_MANAGER], OPERATOR)
        routing = Routing(db, clock, randomness, stage.accounts, stage.messaging)
        api = Mount("/switchbay/v1", management(router, routing, stage.accounts))
        transport = httpx.ASGITransport(Application([api]), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="https://switchbay.test") as http:
            yield Door(stage, routing, http)
        await routing.stop()


async def test_skills_are_made_renamed_and_deleted(door: Door) -> None:
    at = door.stage.clock.now_ms()
    billing = {"skill_id": "1", "name": "Billing", "description": "", "created_at": at}
    assert await door.call("POST", "/skills", {"name": "Billing"}) == (201, billing)
    sales = {"skill_id": "2", "name": "Sales", "description": "New customers", "created_at": at}
    assert await door.call("POST", "/skills", {"name": "Sales", "description": "New customers"}, user="max") == (
        201,
        sales,
    )
    assert await door.call("GET", "/skills", user="bob") == (200, {"items": [billing, sales]})
    renamed = billing | {"name": "Accounts", "description": "Bills"}
    patch = {"name": "Accounts", "description": "Bills"}
    assert await door.call("PATCH", "/skills/1", patch) == (200, renamed)
    assert await door.call("PATCH", "/skills/1", patch) == (200, renamed)
    assert await door.call("GET", "/skills/1") == (200, renamed)
    assert await door.call("DELETE", "/skills/2") == (204, None)
    assert await door.call("POST", "/skills", {"name": "Sales"}) == (201, sales | {"skill_id": "3", "description": ""})
    assert await door.audited() == [
        ("skill.create", "1", "ada", {"name": "Billing"}),
        ("skill.create", "2", "max", {"name": "Sales"}),
        (
            "skill.update",
            "1",
            "ada",
            {"name": {"from": "Billing", "to": "Accounts"}, "description": {"from": "", "to": "Bills"}},
        ),
        ("skill.delete", "2", "ada", {"name": "Sales"}),
        ("skill.create", "3", "ada", {"name": "Sales"}),
    ]


async def test_what_cannot_be_a_skill_is_refused_and_leaves_nothing(door: Door) -> None:
    assert (await door.call("POST", "/skills", {"name": "Billing"}))[0] == 201
    for body, refusal in (
        ({"name": "ＢＩＬＬＩＮＧ"}, (409, "skill_exists")),
        ({"name": ""}, (400, "skill_invalid")),
        ({"name": " Sales"}, (400, "skill_invalid")),
        ({"name": "a\x00b"}, (400, "skill_invalid")),
        ({"name": "a" * 129}, (400, "skill_invalid")),
        ({"name": "Sales", "description": "a" * 1_001}, (400, "skill_invalid")),
        ({"name": "Sales", "ttr": 5}, (400, "invalid_request")),
    ):
        assert await door.refused("POST", "/skills", body) == refusal
    assert (await door.call("POST", "/skills", {"name": "Sales"}))[1]["skill_id"] == "2"
    assert await door.refused("PATCH", "/skills/2", {"name": "billing"}) == (409, "skill_exists")
    for unknown in ("9", "0", "-1", "a", "9" * 30):
        assert await door.refused("GET", f"/skills/{unknown}") == (404, "skill_unknown")
        assert await door.refused("DELETE", f"/skills/{unknown}") == (404, "skill_unknown")
    assert [one["name"] for one in (await door.call("GET", "/skills"))[1]["items"]] == ["Billing", "Sales"]


async def test_a_skill_in_use_is_not_deleted(door: Door) -> None:
    await door.call("POST", "/skills", {"name": "Billing"})
    bob = await user_id(door, "bob")
    await door.call("PATCH", f"/agents/{bob}", {"skills": ["1"]})
    await door.open("1")
    status, answer = await door.call("DELETE", "/skills/1")
    assert (status, answer["error"]["code"], answer["error"]["detail"]) == (
        409,
        "skill_used",
        {"agents": 1, "conversations": 1},
    )
    await door.call("PATCH", f"/agents/{bob}", {"skills": []})
    assert await door.refused("DELETE", "/skills/1") == (409, "skill_used")


async def user_id(door: Door, name: str) -> str:
    user = await door.stage.accounts.find_user_by_login(ACCOUNT, name)
    assert user is not None
    return user.user_id


async def test_agents_are_listed_with_what_they_do(door: Door) -> None:
    await door.call("POST", "/skills", {"name": "Billing"})
    bob = await door.stage.accounts.find_user_by_login(ACCOUNT, "bob")
    assert bob is not None
    await door.stage.accounts.update_account(ACCOUNT, AccountChange(agent_capacity=7), OPERATOR)
    set_to = (await door.call("PATCH", f"/agents/{bob.user_id}", {"skills": ["1"], "capacity": 2}))[1]
    assert (set_to["capacity"], set_to["own_capacity"], set_to["skills"]) == (2, 2, ["1"])
    await door.routing.agent_connected(ACCOUNT, bob.user_pid, "socket")
    await door.routing.set_agent_state(ACCOUNT, bob.user_pid, "ONLINE")
    since = door.stage.clock.now_ms()
    for _ in range(3):
        await door.open("1")
    await door.routing.settle()
    task = (await door.routing.open_tasks(ACCOUNT, bob.user_pid))[0]
    await door.routing.answer_ring(ACCOUNT, bob.user_pid, task.rings[0].ring_id, "ACCEPTED")
    await door.routing.settle()
    status, page = await door.call("GET", "/agents", user="cyd")
    assert (status, page["next_cursor"]) == (200, None)
    assert [one["login_name"] for one in page["items"]] == ["ada", "bob", "cyd", "max"]
    shown = {
        "user_id": bob.user_id,
        "user_pid": bob.user_pid,
        "login_name": "bob",
        "display_name": "bob",
        "enabled": True,
        "availability": "ONLINE",
        "since": since,
        "is_connected": True,
        "load": 1,
        "ringing": 1,
        "capacity": 2,
        "own_capacity": 2,
        "skills": ["1"],
    }
    assert page["items"][1] == shown
    assert await door.call("GET", f"/agents/{bob.user_id}") == (200, shown)
    assert (page["items"][2]["availability"], page["items"][2]["capacity"]) == ("OFFLINE", 7)
    last = await door.call("PATCH", f"/agents/{bob.user_id}", {"capacity": None})
    assert (last[1]["capacity"], last[1]["own_capacity"], last[1]["skills"]) == (7, None, ["1"])
    assert (await door.audited())[1:] == [
        (
            "agent.update",
            bob.user_id,
            "ada",
            {"skills": {"from": [], "to": ["1"]}, "capacity": {"from": None, "to": 2}},
        ),
        ("agent.update", bob.user_id, "ada", {"capacity": {"from": 2, "to": None}}),
    ]


async def test_what_cannot_be_set_of_an_agent_is_refused_and_changes_nothing(door: Door) -> None:
    bob, dev = await user_id(door, "bob"), await user_id(door, "dev")
    before = await door.call("GET", f"/agents/{bob}")
    for body, refusal in (
        ({"capacity": -1}, (400, "capacity_invalid")),
        ({"capacity": 10_001}, (400, "capacity_invalid")),
        ({"capacity": "5"}, (400, "invalid_request")),
        ({"capacity": 5, "skills": ["1"]}, (404, "skill_unknown")),
        ({"skills": ["a\x00"]}, (404, "skill_unknown")),
        ({"availability": "ONLINE"}, (400, "invalid_request")),
    ):
        assert await door.refused("PATCH", f"/agents/{bob}", body) == refusal
    for nobody in (dev, "99", "a"):
        assert await door.refused("PATCH", f"/agents/{nobody}", {"capacity": 1}) == (404, "agent_not_found")
        assert await door.refused("GET", f"/agents/{nobody}") == (404, "agent_not_found")
    assert await door.call("GET", f"/agents/{bob}") == before
    assert await door.audited() == []


async def test_only_managers_change_and_only_agents_read(door: Door) -> None:
    bob = await user_id(door, "bob")
    for method, path, body in (
        ("POST", "/skills", {"name": "Billing"}),
        ("PATCH", "/skills/1", {"name": "Billing"}),
        ("DELETE", "/skills/1", None),
        ("PATCH", f"/agents/{bob}", {"capacity": 1}),
    ):
        assert await door.refused(method, path, body, user="bob") == (403, "role_missing")
    for path in ("/skills", "/agents", "/queue"):
        assert await door.refused("GET", path, user="dev") == (403, "role_missing")
    assert await door.audited() == []


async def test_the_queue_shows_what_waits_the_next_one_first(door: Door) -> None:
    await door.call("POST", "/skills", {"name": "Billing"})
    bob = await door.stage.accounts.find_user_by_login(ACCOUNT, "bob")
    assert bob is not None
    later, first = await door.open("1"), await door.open("77", ttr_seconds=60)
    now = door.stage.clock.now_ms()
    door.stage.clock.advance(ms=500)
    rest = {"suggested_to": None, "rings_at": None}
    shown = [
        rest
        | {"conversation_id": first, "skill_id": "77", "skill": None}
        | {"since": now, "waiting_ms": 500, "weight": now + 60_000},
        rest
        | {"conversation_id": later, "skill_id": "1", "skill": "Billing"}
        | {"since": now - 1, "waiting_ms": 501, "weight": now - 1 + 600_000},
    ]
    whole = {"waiting": 2, "items": shown, "next_cursor": None}
    assert await door.call("GET", "/queue", user="bob") == (200, whole)
    status, page = await door.call("GET", "/queue?limit=1")
    assert (status, page["waiting"], page["items"]) == (200, 2, shown[:1])
    assert (await door.call("GET", f"/queue?limit=1&cursor={page['next_cursor']}"))[1]["items"] == shown[1:]
    assert await door.refused("GET", "/queue?cursor=x") == (400, "cursor_invalid")
    await door.stage.messaging.submit(Command(ACCOUNT, SystemCaller(), later, (SuggestAgent(bob.user_pid),)))
    await door.routing.agent_connected(ACCOUNT, bob.user_pid, "socket")
    await door.routing.set_agent_state(ACCOUNT, bob.user_pid, "ONLINE")
    await door.routing.settle()
    rung = [(one["rings_at"], one["suggested_to"]) for one in (await door.call("GET", "/queue"))[1]["items"]]
    assert rung == [(bob.user_pid, None), (bob.user_pid, bob.user_pid)]
