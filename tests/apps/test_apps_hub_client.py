"""A client that behaves like the vendor's: it lists, edits one field and puts back everything, with its odd bodies."""

import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import uvicorn

from support.apps_house import BRAND, CONTENT_EVENT, INSTALLATIONS, AppsHouse, platform

ODD_BODY = b"[object Object]"
PREFIX = "ms.MessagingEventNotification."


class HubClient:
    """What the vendor's client does, call by call."""

    def __init__(self, client: httpx.AsyncClient, bearer: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {bearer}", "User-Agent": "Connector App Hub"}

    async def _send(self, method: str, path: str, **how: Any) -> httpx.Response:
        headers = {**self._headers, **how.pop("headers", {})}
        return await self._client.request(method, f"{INSTALLATIONS}{path}?v=1.0", headers=headers, **how)

    async def list(self) -> list[dict[str, Any]]:
        """It shows only apps whose scope is msg.consumer."""
        answer = await self._send("GET", "/", content=ODD_BODY)
        assert answer.headers["content-type"] in {"application/json", "application/json;charset=utf-8"}
        int(answer.headers["ac-revision"])
        return [app for app in answer.json() if app["scope"] == "msg.consumer"]

    async def get(self, client_id: str) -> tuple[dict[str, Any], str]:
        """It asks by client id, and fails without the revision."""
        answer = await self._send("GET", f"/{client_id}", content=ODD_BODY)
        assert answer.status_code == 200
        body: dict[str, Any] = answer.json()
        return body, answer.headers["ac-revision"]

    async def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """It reads the credentials from the answer."""
        answer = await self._send("POST", "/", json=body)
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    async def put(self, app_id: str, body: dict[str, Any], revision: str, method: str = "PUT") -> int:
        """It sends the override header along with the PUT itself."""
        headers = {"If-Match": revision, "X-HTTP-Method-Override": "PUT"}
        return (await self._send(method, f"/{app_id}", json=body, headers=headers)).status_code

    async def delete(self, app_id: str, revision: str) -> int:
        """It sends a body that is not JSON."""
        answer = await self._send("DELETE", f"/{app_id}", content=ODD_BODY, headers={"If-Match": revision})
        return answer.status_code


@pytest.fixture
async def hub(house: AppsHouse) -> AsyncIterator[HubClient]:
    """The client, over a real server: what a body on a GET does to the connection shows only there."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        platform(house.apps, house.accounts), log_level="error", lifespan="off", http="httptools", ws="none"
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
            yield HubClient(client, house.bearers["admin"])
    finally:
        await server.shutdown(sockets=[listener])


def hub_app() -> dict[str, Any]:
    """What the client's form sends."""
    webhook: dict[str, Any] = {"endpoint": "https://hub.example.com/in", "headers": [], "max_retries": None}
    return {
        "client_name": "Mobile App",
        "description": "made in the hub",
        "enabled": True,
        "grant_types": ["client_credentials"],
        "response_types": [],
        "scope": "msg.consumer",
        "logo_uri": "/src/assets/img/Mobile-App.png",
        "capabilities": {
            "webhooks": {CONTENT_EVENT: webhook, "retry": {"retention_time": 14400}},
            "engagement": {
                "design_engagement": False,
                "design_window": False,
                "entry_point": ["section", "url"],
                "visitor_behavior": ["about_to_abandon", "cart_items"],
                "target_audience": ["external_referral"],
                "goal": ["url"],
                "consumer_identity": ["auth"],
                "language_selection": False,
            },
        },
    }


async def test_a_round_of_the_hub(hub: HubClient) -> None:
    created = await hub.create(hub_app())
    assert created["client_id"] == created["id"]
    assert len(created["client_secret"]) == 26

    (listed,) = await hub.list()
    assert listed["capabilities"]["engagement"] == hub_app()["capabilities"]["engagement"]
    item, revision = await hub.get(listed["client_id"])
    assert item == listed

    assert await hub.put(item["id"], {**item, "description": "edited"}, revision) == 200
    assert await hub.put(item["id"], {**item, "description": "again"}, revision) == 412
    edited, revision = await hub.get(item["client_id"])
    assert edited == {**item, "description": "edited"}

    assert await hub.delete(edited["id"], revision) == 200
    assert await hub.list() == []


@pytest.mark.parametrize(
    "capabilities",
    [
        {"webhooks": None},
        {"webhooks": {}},
        {"engagement": None},
        {"webhooks": {}, "engagement": None},
    ],
)
async def test_capabilities_are_taken_away_as_null_or_empty(
    hub: HubClient, house: AppsHouse, capabilities: dict[str, Any]
) -> None:
    created = await hub.create(hub_app())
    body = {**created, "capabilities": {**created["capabilities"], **capabilities}, "logo_uri": ""}
    assert await hub.put(created["id"], body, "-1") == 200
    item, _ = await hub.get(created["id"])
    for name, value in capabilities.items():
        assert not item["capabilities"].get(name), value
    assert not item.get("logo_uri")
    owner = await house.owner(created["id"])
    assert owner is not None
    assert (CONTENT_EVENT in owner.endpoints) == ("webhooks" not in capabilities)


@pytest.mark.parametrize("seconds", [3600, 9200, 14400, 21600, 24200, 86400, 172800, 259200])
async def test_every_retention_time_of_the_hub_is_kept(hub: HubClient, seconds: int) -> None:
    body = hub_app()
    body["capabilities"]["webhooks"]["retry"]["retention_time"] = seconds
    created = await hub.create(body)
    assert created["capabilities"]["webhooks"]["retry"] == {"retention_time": seconds}


async def test_header_values_survive_an_edit_of_something_else(hub: HubClient, house: AppsHouse) -> None:
    body = hub_app()
    headers = [{"header_name": "X-Key", "header_value": "swordfish"}]
    body["capabilities"]["webhooks"][CONTENT_EVENT]["headers"] = headers
    created = await hub.create(body)
    item, revision = await hub.get(created["client_id"])
    assert await hub.put(item["id"], {**item, "description": "edited"}, revision, method="POST") == 200
    owner = await house.owner(created["id"])
    assert owner is not None
    assert owner.endpoints[CONTENT_EVENT].headers == (("X-Key", "swordfish"),)


async def test_an_edited_app_keeps_its_secret(hub: HubClient, house: AppsHouse) -> None:
    created = await hub.create(hub_app())
    item, revision = await hub.get(created["client_id"])
    assert item["client_secret"] is None
    assert await hub.put(item["id"], item, revision) == 200
    client = await house.apps.find_client(BRAND, created["client_id"])
    assert client is not None
    assert await house.apps.check_secret(client, created["client_secret"])
