"""Webhooks carry the headers of Standard Webhooks when the account wants them; a receiver's own code verifies them.

``_verify`` is written as a receiver would write it, from the specification, and shares no code with the sender.
"""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from support.accounts_house import cheap_passwords
from support.management import management
from support.receiver import Answer, Received
from support.webhooks_house import ACCOUNT, SECRET, House, owner_of, with_headers
from switchbay.accounts.public import OPERATOR, Accounts, AuditFilter, Role
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault
from switchbay.kit.secret import Secret
from switchbay.kit.signatures import StandardWebhooks
from switchbay.webhooks.public import DeliveryFilter
from switchbay.webhooks.signing_admin import router
from switchbay.webhooks.tables import signing_keys

OTHER_SECRET = Secret("0therhacst6kqilbofup64n11g")
PASSWORD = Secret("correct horse battery")
BASE = f"/accounts/{ACCOUNT}/webhook-keys"
WHSEC = "whsec_" + base64.b64encode(SECRET.reveal().encode()).decode()


def _verify(request: Received, *, whsec: str = "", whpk: str = "") -> bool:
    head = request.headers
    signed = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + request.body
    for given in head["webhook-signature"].split(" "):
        version, _, text = given.partition(",")
        if version == "v1" and whsec:
            key = base64.b64decode(whsec.removeprefix("whsec_"))
            if hmac.compare_digest(base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode(), text):
                return True
        elif version == "v1a" and whpk:
            try:
                public_key = Ed25519PublicKey.from_public_bytes(base64.b64decode(whpk.removeprefix("whpk_")))
                public_key.verify(base64.b64decode(text), signed)
            except InvalidSignature:
                continue
            return True
    return False


def _versions(request: Received) -> list[str]:
    return [given.partition(",")[0] for given in request.headers["webhook-signature"].split(" ")]


async def _sent(house: House, text: str = "one") -> Received:
    await house.publish(house.event(text))
    await house.settle()
    return house.receiver.requests[-1]


async def test_an_account_that_does_not_ask_gets_no_headers_of_standard_webhooks(house: House) -> None:
    await house.configure(owner_of(house.endpoint()))
    request = await _sent(house)
    assert not [name for name in request.headers if name.startswith("webhook-")]


async def test_a_receiver_verifies_with_the_client_secret_in_base64(house: House) -> None:
    house.signing.standard_webhooks = "v1"
    await house.configure(owner_of(house.endpoint()))
    request = await _sent(house, '{"message":"caffè 👋"}')
    [delivery] = (await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter()))[0]
    assert request.headers["webhook-id"] == delivery.id == request.headers["x-liveperson-request-id"]
    assert request.headers["webhook-timestamp"] == str(house.clock.now_ms() // 1000)
    assert _versions(request) == ["v1"]
    assert _verify(request, whsec=WHSEC)
    assert not _verify(request, whsec="whsec_" + base64.b64encode(OTHER_SECRET.reveal().encode()).decode())
    assert request.headers["x-liveperson-signature"].startswith("sha1=")


async def test_every_attempt_has_the_same_id_and_its_own_timestamp(house: House) -> None:
    house.signing.standard_webhooks = "v1"
    answers = iter([Answer(500), Answer()])
    house.receiver.answer = lambda _: next(answers)
    await house.configure(owner_of(house.endpoint(retries=1)))
    first = await _sent(house)
    await house.pass_time(30)
    second = house.receiver.requests[1]
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) == int(first.headers["webhook-timestamp"]) + 30
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    assert _verify(first, whsec=WHSEC)
    assert _verify(second, whsec=WHSEC)


async def test_during_a_rotation_both_client_secrets_sign_for_standard_webhooks(house: House) -> None:
    house.signing.standard_webhooks = "v1"
    await house.configure(owner_of(house.endpoint(), other=OTHER_SECRET))
    request = await _sent(house)
    assert _versions(request) == ["v1", "v1"]
    for secret in (SECRET, OTHER_SECRET):
        assert _verify(request, whsec="whsec_" + base64.b64encode(secret.reveal().encode()).decode())


async def test_custom_headers_do_not_pose_as_those_of_standard_webhooks(house: House) -> None:
    endpoint = with_headers(house.endpoint(), ("Webhook-Id", "forged"), ("WEBHOOK-SIGNATURE", "v1,AAAA"))
    await house.configure(owner_of(endpoint))
    assert (await _sent(house)).headers["webhook-id"] == "forged"  # it is the app's own while the account wants none
    house.signing.standard_webhooks = "v1"
    request = await _sent(house, "two")
    names = [name.lower() for name, _ in request.header_list]
    assert [names.count(name) for name in ("webhook-id", "webhook-timestamp", "webhook-signature")] == [1, 1, 1]
    assert _verify(request, whsec=WHSEC)


async def test_with_v1a_the_public_key_of_the_account_verifies_too(house: House) -> None:
    house.signing.standard_webhooks = "v1a"
    await house.configure(owner_of(house.endpoint()))
    request = await _sent(house)
    [key] = await house.webhooks.signing_keys.public_keys(ACCOUNT)
    assert key.public_key.startswith("whpk_")
    assert _versions(request) == ["v1", "v1a"]
    assert _verify(request, whpk=key.public_key)
    assert _verify(request, whsec=WHSEC)
    [others] = await house.webhooks.signing_keys.public_keys("4711002")
    assert not _verify(request, whpk=others.public_key)


async def test_nodes_that_need_an_accounts_first_key_at_once_make_one(house: House) -> None:
    nodes = [house.node() for _ in range(4)]
    found = await asyncio.gather(*(node.signing_keys.public_keys(ACCOUNT) for node in nodes))
    assert {tuple(key.public_key for key in keys) for keys in found} == {(found[0][0].public_key,)}


async def test_the_private_key_is_sealed_at_rest(house: House, vault: Vault) -> None:
    await house.webhooks.signing_keys.public_keys(ACCOUNT)
    row = await house.db.read(lambda tx: tx.fetch_one(signing_keys.select()))
    assert row is not None
    context = f"webhook_signing_keys/{ACCOUNT}/{row['key_id']}"
    private_key = vault.open_bytes(row["private_key"], context)
    assert len(private_key) == 32
    assert private_key not in row["private_key"]


@pytest.mark.parametrize("wanted", ["off", "v1"])
async def test_no_key_is_made_before_it_is_needed(house: House, wanted: StandardWebhooks) -> None:
    house.signing.standard_webhooks = wanted
    await house.configure(owner_of(house.endpoint()))
    await _sent(house)
    assert await house.db.read(lambda tx: tx.fetch_one(signing_keys.select())) is None


async def test_a_rotated_key_signs_beside_its_successor_until_its_end(house: House, clock: ManualClock) -> None:
    house.signing.standard_webhooks = "v1a"
    await house.configure(owner_of(house.endpoint()))
    await _sent(house)
    [old] = await house.webhooks.signing_keys.public_keys(ACCOUNT)
    other = house.node()
    assert len(await other.signing_keys.find(ACCOUNT, "v1a")) == 1
    clock.advance(ms=1)
    rotated_at = clock.now_ms()
    await house.webhooks.signing_keys.rotate(ACCOUNT, 60, OPERATOR)
    new, kept = await house.webhooks.signing_keys.public_keys(ACCOUNT)
    assert (kept.public_key, kept.ends_at, new.ends_at) == (old.public_key, rotated_at + 60_000, None)
    request = await _sent(house, "two")
    assert _versions(request) == ["v1", "v1a", "v1a"]
    assert _verify(request, whpk=old.public_key)
    assert _verify(request, whpk=new.public_key)
    clock.advance(seconds=2)
    assert len(await other.signing_keys.find(ACCOUNT, "v1a")) == 2
    clock.advance(seconds=60)
    request = await _sent(house, "three")
    assert _versions(request) == ["v1", "v1a"]
    assert not _verify(request, whpk=old.public_key)
    assert _verify(request, whpk=new.public_key)


# The management API


@pytest.fixture
async def accounts(db: Database, clock: ManualClock, randomness: Randomness, vault: Vault) -> Accounts:
    built = Accounts(db, clock, randomness, vault, password_hashing=cheap_passwords())
    await built.create_account(ACCOUNT, "Example Brand", OPERATOR)
    for name, role in (("admin", Role.ADMIN), ("dev", Role.DEVELOPER), ("agent", Role.AGENT)):
        await built.create_user(ACCOUNT, name, PASSWORD, frozenset({role}), OPERATOR)
    return built


@pytest.fixture
async def client(house: House, accounts: Accounts) -> AsyncIterator[httpx.AsyncClient]:
    app = management(router, house.webhooks, accounts)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://switchbay.test") as built:
        yield built


async def _as(accounts: Accounts, name: str) -> dict[str, str]:
    login = await accounts.login(ACCOUNT, name, PASSWORD, None)
    return {"Authorization": f"Bearer {login.bearer.reveal()}"}


async def test_the_public_keys_are_shown_and_rotated(
    client: httpx.AsyncClient, accounts: Accounts, clock: ManualClock
) -> None:
    admin = await _as(accounts, "admin")
    [first] = (await client.get(BASE, headers=admin)).json()["items"]
    assert first == {
        "id": first["id"],
        "public_key": first["public_key"],
        "created_at": clock.now_ms(),
        "ends_at": None,
    }
    assert (await client.get(BASE, headers=await _as(accounts, "dev"))).json()["items"] == [first]
    clock.advance(ms=1)
    answer = await client.post(f"{BASE}/rotate", headers=admin, json={"overlap_seconds": 0})
    assert answer.status_code == 200
    [second] = answer.json()["items"]
    assert second["public_key"] != first["public_key"]
    page = await accounts.list_audit(ACCOUNT, AuditFilter(action="webhook_key.rotate"), cursor=None, limit=10)
    assert [(entry.object_id, entry.detail) for entry in page.entries] == [
        (second["id"], {"public_key": second["public_key"], "others_end_at": clock.now_ms()})
    ]


async def test_without_a_body_the_previous_key_signs_for_another_day(
    client: httpx.AsyncClient, accounts: Accounts, clock: ManualClock
) -> None:
    admin = await _as(accounts, "admin")
    await client.get(BASE, headers=admin)
    clock.advance(ms=1)
    new, old = (await client.post(f"{BASE}/rotate", headers=admin)).json()["items"]
    assert (new["ends_at"], old["ends_at"]) == (None, clock.now_ms() + 86_400_000)


@pytest.mark.parametrize(
    ("method", "path", "name", "body", "status"),
    [
        ("GET", "", "agent", None, 403),
        ("POST", "/rotate", "dev", {}, 403),
        ("POST", "/rotate", "admin", {"overlap_seconds": -1}, 400),
        ("POST", "/rotate", "admin", {"overlap_seconds": 2_592_001}, 400),
        ("POST", "/rotate", "admin", {"other": 1}, 400),
    ],
)
async def test_who_may_not_and_what_cannot_be_changes_no_key(
    house: House,
    client: httpx.AsyncClient,
    accounts: Accounts,
    method: str,
    path: str,
    name: str,
    body: dict[str, int] | None,
    status: int,
) -> None:
    before = await house.webhooks.signing_keys.public_keys(ACCOUNT)
    answer = await client.request(method, BASE + path, headers=await _as(accounts, name), json=body)
    assert answer.status_code == status
    assert await house.webhooks.signing_keys.public_keys(ACCOUNT) == before
