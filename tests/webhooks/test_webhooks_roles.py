"""Nodes with one role each, built as the settings say: one answers and does not send, the other only sends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from support.certs import Authority
from support.receiver import Receiver
from support.webhooks_house import ACCOUNT, APP, CONTENT, owner_of
from switchbay import assembly
from switchbay.accounts.public import OPERATOR
from switchbay.assembly import Platform
from switchbay.infra.db import Tx
from switchbay.infra.settings import Settings
from switchbay.infra.vault import Vault
from switchbay.webhooks.public import DeliveryFilter, Endpoint, Notification, set_owner


@asynccontextmanager
async def _node(
    roles: str, folder: Path, database_url: str, authority: Authority, vault: Vault
) -> AsyncIterator[Platform]:
    settings = Settings.model_validate(
        {
            "roles": roles,
            "data_dir": folder,
            "database_url": database_url,
            "metrics_token": "t",
            "egress_allow": "127.0.0.0/8",
            "egress_ca_file": authority.ca_file,
            "webhook_sweep_seconds": 0.05,  # two nodes on one SQLite file do not wake each other
        }
    )
    platform = await assembly.build(settings, vault=vault)
    try:
        await platform.start()
        yield platform
    finally:
        await platform.stop()


def _client(platform: Platform) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(platform.app), base_url="https://switchbay.test")


async def _publish(node: Platform, receiver: Receiver, vault: Vault, text: str) -> None:
    owner = owner_of(Endpoint(CONTENT, receiver.url("/hook"), (), 0))

    async def work(tx: Tx) -> None:
        await set_owner(tx, vault, owner, 1)
        await node.webhooks.publish(tx, [Notification(ACCOUNT, APP, "c1", CONTENT, text.encode(), 1)])

    await node.db.write(work)


async def test_what_an_api_node_accepts_a_dispatcher_node_sends(
    tmp_path: Path, database_url: str, authority: Authority, receiver: Receiver, vault: Vault
) -> None:
    async with _node("api", tmp_path, database_url, authority, vault) as api:
        await api.accounts.create_account(ACCOUNT, "Example Brand", OPERATOR)
        await _publish(api, receiver, vault, "one")
        assert not api.webhooks.dispatcher.is_accepting
        [waiting] = (await api.webhooks.list_deliveries(ACCOUNT, DeliveryFilter()))[0]
        assert (waiting.status, receiver.requests) == ("pending", [])
        async with _node("dispatcher", tmp_path, database_url, authority, vault):
            await receiver.wait_for(1)
            await _publish(api, receiver, vault, "two")
            await receiver.wait_for(2)
    assert receiver.bodies == [b"one", b"two"]


async def test_a_node_with_both_roles_sends_what_it_accepts(
    tmp_path: Path, database_url: str, authority: Authority, receiver: Receiver, vault: Vault
) -> None:
    async with _node("dispatcher, api", tmp_path, database_url, authority, vault) as node:
        await node.accounts.create_account(ACCOUNT, "Example Brand", OPERATOR)
        await _publish(node, receiver, vault, "one")
        await receiver.wait_for(1)


async def test_a_dispatcher_node_answers_its_operators_and_nobody_else(
    tmp_path: Path, database_url: str, authority: Authority, vault: Vault
) -> None:
    token = {"Authorization": "Bearer t"}
    async with _node("dispatcher", tmp_path, database_url, authority, vault) as node, _client(node) as client:
        found = {
            path: (await client.get(path, headers=token)).status_code
            for path in ("/livez", "/readyz", "/healthz", "/metrics", f"/switchbay/v1/accounts/{ACCOUNT}", "/")
        }
        login = await client.post(f"/switchbay/v1/accounts/{ACCOUNT}/login", json={})
    assert found == {
        "/livez": 200,
        "/readyz": 200,
        "/healthz": 200,
        "/metrics": 200,
        f"/switchbay/v1/accounts/{ACCOUNT}": 404,
        "/": 404,
    }
    assert login.status_code == 404


async def test_an_api_node_answers_the_services(
    tmp_path: Path, database_url: str, authority: Authority, vault: Vault
) -> None:
    async with _node("api", tmp_path, database_url, authority, vault) as node, _client(node) as client:
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get(f"/switchbay/v1/accounts/{ACCOUNT}")).status_code == 401


@pytest.mark.parametrize("roles", ["", "dispatch", "api,nobody"])
def test_a_role_that_does_not_exist_is_refused(roles: str) -> None:
    with pytest.raises(ValueError, match="roles"):
        Settings.model_validate({"roles": roles})


@pytest.mark.parametrize(
    ("roles", "answers", "delivers"),
    [("all", True, True), ("api", True, False), ("dispatcher", False, True), ("api dispatcher", True, True)],
)
def test_roles_say_what_a_node_does(roles: str, answers: bool, delivers: bool) -> None:
    settings = Settings.model_validate({"roles": roles})
    assert (settings.answers, settings.delivers) == (answers, delivers)
