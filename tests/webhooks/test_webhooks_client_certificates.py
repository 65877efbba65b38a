"""Endpoints that ask who calls are shown the app's client certificate; it is checked when it is set."""

import base64
import datetime as dt
import math
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.x509 import load_pem_x509_certificate
from cryptography.x509.oid import ExtendedKeyUsageOID
from fastapi import FastAPI

from support.accounts_house import cheap_passwords
from support.certs import Authority, Key, make_authority
from support.receiver import Receiver
from support.webhooks_house import ACCOUNT, APP, CHAT_STATE, CONTENT, OTHER_APP, House, owner_of
from switchbay.accounts.public import OPERATOR, Accounts, AuditFilter, Role
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault
from switchbay.infra.web import MANAGEMENT_EXCEPTION_HANDLERS
from switchbay.kit.errors import AppError
from switchbay.kit.secret import Secret
from switchbay.webhooks.client_certificates_admin import router
from switchbay.webhooks.key_pairs import read_pair
from switchbay.webhooks.public import DeliveryFilter, Endpoint, certificate_state, find_health
from switchbay.webhooks.tables import client_certificates

PASSWORD = Secret("correct horse battery")
BASE = f"/accounts/{ACCOUNT}/apps/{APP}/client-certificates"
NOW = 1_700_000_000_000
DAY = dt.timedelta(days=1)
DAY_MS = 86_400_000
TODAY = dt.datetime.fromtimestamp(NOW / 1000, dt.UTC)


@pytest.fixture
async def demanding(authority: Authority) -> AsyncIterator[Receiver]:
    """An endpoint that talks only to clients with a certificate of the tests' authority."""
    async with Receiver(authority, context=authority.demanding_context("localhost")) as running:
        yield running


async def _set(house: House, pair: tuple[bytes, bytes], event: str = "default", app: str = APP) -> None:
    await house.webhooks.client_certificates.put(ACCOUNT, app, event, *pair, OPERATOR)


async def _failures(house: House) -> list[tuple[str, str | None]]:
    found, _ = await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter())
    details = [await house.webhooks.get_delivery(ACCOUNT, each.id) for each in found]
    return [(each.summary.status, each.attempts[-1].failure) for each in details]


# Delivery


async def test_an_endpoint_that_asks_is_shown_the_certificate(
    house: House, demanding: Receiver, authority: Authority
) -> None:
    await house.configure(owner_of(Endpoint(CONTENT, demanding.url(), (), 0)))
    await house.publish(house.event("without"))
    await house.settle()
    assert demanding.requests == []
    [(status, failure)] = await _failures(house)
    assert (status, failure in {"tls", "connection_closed"}) == ("failed", True)
    await _set(house, authority.client_pair("bot"))
    await house.publish(house.event("with"))
    await house.settle()
    assert [(request.body, request.client) for request in demanding.requests] == [(b"with", "bot")]


@pytest.mark.parametrize(
    "make_key",
    [
        pytest.param(lambda: rsa.generate_private_key(65537, 2048), id="RSA"),
        pytest.param(lambda: ec.generate_private_key(ec.SECP384R1()), id="P-384"),
        pytest.param(ed25519.Ed25519PrivateKey.generate, id="Ed25519"),
    ],
)
async def test_keys_of_each_kind_can_be_used(
    house: House, demanding: Receiver, authority: Authority, make_key: Callable[[], Key]
) -> None:
    await house.configure(owner_of(Endpoint(CONTENT, demanding.url(), (), 0)))
    await _set(house, authority.client_pair("bot", key=make_key()))
    await house.publish(house.event("1"))
    await house.settle()
    assert [request.client for request in demanding.requests] == ["bot"]


async def test_an_event_may_have_a_certificate_of_its_own(
    house: House, demanding: Receiver, authority: Authority
) -> None:
    await house.configure(owner_of(*(Endpoint(key, demanding.url(), (), 0) for key in (CONTENT, CHAT_STATE))))
    await house.configure(owner_of(Endpoint(CONTENT, demanding.url(), (), 0), owner_id=OTHER_APP))
    await _set(house, authority.client_pair("general"))
    await _set(house, authority.client_pair("special"), CHAT_STATE)
    await _set(house, authority.client_pair("other app"), app=OTHER_APP)
    for lane in ("c1", "c2"):
        await house.publish(
            house.event("content", lane),
            house.event("state", lane, key=CHAT_STATE),
            house.event("other", lane, owner_id=OTHER_APP),
        )
        await house.settle()
    seen = {(request.body, request.client, request.connection) for request in demanding.requests}
    assert {each[:2] for each in seen} == {(b"content", "general"), (b"state", "special"), (b"other", "other app")}
    by_connection = {connection: {each[1] for each in seen if each[2] == connection} for _, _, connection in seen}
    assert all(len(clients) == 1 for clients in by_connection.values())


async def test_a_new_certificate_counts_at_once_here_and_within_two_seconds_elsewhere(
    house: House, demanding: Receiver, authority: Authority, clock: ManualClock
) -> None:
    await house.configure(owner_of(Endpoint(CONTENT, demanding.url(), (), 0)))
    other = house.node()
    await _set(house, authority.client_pair("old"))
    await house.publish(house.event("1", "c1"))
    await house.publish(house.event("1", "c2"), node=other)
    await house.settle()
    await _set(house, authority.client_pair("new"))
    await house.publish(house.event("2", "c1"))
    await house.settle()
    clock.advance(seconds=2)
    await house.publish(house.event("2", "c2"), node=other)
    await house.settle()
    assert [(request.body, request.client) for request in demanding.requests] == [
        (b"1", "old"),
        (b"1", "old"),
        (b"2", "new"),
        (b"2", "new"),
    ]


async def test_another_node_waits_when_the_certificate_it_knows_of_has_been_replaced(
    house: House, demanding: Receiver, authority: Authority
) -> None:
    await house.configure(owner_of(Endpoint(CONTENT, demanding.url(), (), 0)))
    await _set(house, authority.client_pair("old"))
    other = house.node()
    known = await other.dispatcher._owners.find(ACCOUNT, APP)
    assert known is not None
    await _set(house, authority.client_pair("new"))
    other.dispatcher._owners._recent._entries.put((ACCOUNT, APP), (house.clock.monotonic() + 2, known))
    await house.publish(house.event("1"), node=other)
    await house.settle()
    assert (demanding.requests, await house.states(), await house.attempts()) == ([], ["pending"], [0])
    await house.pass_time(2)
    assert [request.client for request in demanding.requests] == ["new"]
    assert (await house.states(), await house.attempts()) == (["delivered"], [1])


async def test_an_update_of_the_app_keeps_its_certificates_and_uninstalling_forgets_them(
    house: House, demanding: Receiver, authority: Authority
) -> None:
    await house.configure(owner_of(Endpoint(CONTENT, demanding.url(), (), 0)))
    await house.configure(owner_of(house.endpoint(), owner_id=OTHER_APP))
    await _set(house, authority.client_pair("bot"))
    await _set(house, authority.client_pair("other"), app=OTHER_APP)
    await house.configure(owner_of(Endpoint(CONTENT, demanding.url("/new"), (), 0)))
    await house.publish(house.event("1"))
    await house.settle()
    assert [(request.path, request.client) for request in demanding.requests] == [("/new", "bot")]
    await house.remove()
    rows = await house.db.read(lambda tx: tx.fetch(client_certificates.select()))
    assert [row["owner_id"] for row in rows] == [OTHER_APP]


async def test_a_removed_certificate_is_shown_no_more(house: House, demanding: Receiver, authority: Authority) -> None:
    await house.configure(owner_of(Endpoint(CONTENT, demanding.url(), (), 0)))
    await _set(house, authority.client_pair("bot"))
    await house.webhooks.client_certificates.remove(ACCOUNT, APP, "default", OPERATOR)
    await house.publish(house.event("1"))
    await house.settle()
    assert demanding.requests == []


async def test_the_key_is_sealed_at_rest(house: House, authority: Authority, vault: Vault) -> None:
    await house.configure(owner_of(house.endpoint()))
    pair = authority.client_pair("bot")
    await _set(house, pair)
    row = await house.db.read(lambda tx: tx.fetch_one(client_certificates.select()))
    assert row is not None
    context = f"webhook_client_certificates/{ACCOUNT}/{row['certificate_id']}"
    assert vault.open_bytes(row["private_key"], context) == pair[1]
    assert b"PRIVATE KEY" not in row["private_key"] + row["chain"]


async def test_health_tells_of_certificates_and_their_ends(house: House, authority: Authority) -> None:
    await house.configure(owner_of(house.endpoint()))
    await _set(house, authority.client_pair("bot", not_after=TODAY + 20 * DAY))
    health = await house.db.read(lambda tx: find_health(tx, ACCOUNT, APP))
    assert health is not None
    assert health.certificates == (("default", NOW + 20 * DAY_MS),)


def test_a_certificate_ends_soon_when_thirty_days_are_left() -> None:
    ends = NOW + 30 * DAY_MS
    assert [certificate_state(ends, at) for at in (NOW - 1, NOW, ends - 1, ends)] == [
        "good",
        "ends_soon",
        "ends_soon",
        "ended",
    ]


# Checking


def test_what_a_certificate_says_is_read(authority: Authority) -> None:
    chain, key = authority.client_pair("bot", not_before=TODAY - DAY, not_after=TODAY + DAY)
    pair = read_pair(chain + authority.ca_file.read_bytes(), key, NOW)
    assert (pair.subject, pair.issuer) == ("CN=bot", "CN=Test authority")
    assert (pair.not_before, pair.not_after) == (NOW - DAY_MS, NOW + DAY_MS)
    assert pair.fingerprint == load_pem_x509_certificate(chain).fingerprint(hashes.SHA256()).hex()
    assert pair.chain == chain + authority.ca_file.read_bytes()
    assert pair.private_key == key


def test_one_file_may_hold_both_and_the_key_does_not_get_into_the_chain(authority: Authority) -> None:
    chain, key = authority.client_pair("bot")
    pair = read_pair(b"some text\n" + key + chain, key + chain, NOW)
    assert (pair.chain, pair.private_key) == (chain, key)


def _pem(
    key: Key | x25519.X25519PrivateKey, algorithm: serialization.KeySerializationEncryption | None = None
) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        algorithm or serialization.NoEncryption(),
    )


def test_what_cannot_be_used_is_refused_with_its_reason(authority: Authority, tmp_path: Path) -> None:
    chain, key = authority.client_pair("bot")
    _, others_key = authority.client_pair("other")
    stranger = make_authority(tmp_path).ca_file.read_bytes()
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - it is to be refused
    sealed = serialization.BestAvailableEncryption(b"secret")
    cases = {
        "there is no certificate in PEM form": (b"", key),
        "there is no private key in PEM form": (chain, chain),
        "the key is encrypted": (chain, _pem(rsa.generate_private_key(65537, 2048), sealed)),
        "the key is neither RSA, nor of an elliptic curve, nor Ed25519": (
            chain,
            _pem(x25519.X25519PrivateKey.generate()),
        ),
        "the RSA key has fewer than 2048 or more than 4096 bits": (chain, _pem(weak)),
        "the key is not that of the first certificate": (chain, others_key),
        "a certificate is not signed by the one behind it": (chain + stranger, key),
        "there are more than 8 certificates": (9 * chain, key),
        "the certificate has expired": authority.client_pair("bot", not_after=TODAY),
        "the certificate is not valid yet": authority.client_pair("bot", not_before=TODAY + DAY),
        "the certificate is not for clients": authority.client_pair("bot", usage=ExtendedKeyUsageOID.SERVER_AUTH),
    }
    for why, pair in cases.items():
        with pytest.raises(AppError) as caught:
            read_pair(*pair, NOW)
        assert (caught.value.code, caught.value.detail["why"]) == ("client_certificate_refused", why)


def _tampered(key: rsa.RSAPrivateKey, **numbers: int) -> bytes:
    """An RSA key (RFC 8017 §A.1.2) some of whose numbers are others, as PEM."""
    own = key.private_numbers()
    values = {
        "n": own.public_numbers.n,
        "e": own.public_numbers.e,
        "d": own.d,
        "p": own.p,
        "q": own.q,
        "dmp1": own.dmp1,
        "dmq1": own.dmq1,
        "iqmp": own.iqmp,
        **numbers,
    }
    der = b"".join(_der(2, value.to_bytes(value.bit_length() // 8 + 1)) for value in (0, *values.values()))
    text = base64.encodebytes(_der(0x30, der))
    return b"-----BEGIN RSA PRIVATE KEY-----\n" + text + b"-----END RSA PRIVATE KEY-----\n"


def _der(tag: int, content: bytes) -> bytes:
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8 or 1)
    return bytes([tag]) + (size if len(content) < 128 else bytes([0x80 + len(size)]) + size) + content


def test_an_rsa_key_whose_numbers_do_not_fit_together_is_refused(authority: Authority) -> None:
    key = rsa.generate_private_key(65537, 2048)
    own = key.private_numbers()
    chain, _ = authority.client_pair("bot", key=key)
    assert read_pair(chain, _tampered(key), NOW).private_key == _pem(key)
    for tampered in (
        {"p": own.p + 2},
        {"p": 1, "q": own.public_numbers.n},
        {"d": own.d + 2},
        {"e": 3},
        {"e": own.public_numbers.e + 1},
        {"dmp1": own.dmp1 + 1},
        {"dmq1": 0},
        {"iqmp": own.iqmp + 1},
        {"n": own.public_numbers.n + 1},
    ):
        with pytest.raises(AppError) as caught:
            read_pair(chain, _tampered(key, **tampered), NOW)
        assert caught.value.code == "client_certificate_refused"


def test_an_rsa_key_without_primes_is_refused(authority: Authority) -> None:
    p = q = 1
    while (p * q).bit_length() != 2048:
        p, q = (rsa.generate_private_key(65537, 1024).public_key().public_numbers().n for _ in range(2))  # noqa: S505 - as parts
    d = pow(65537, -1, math.lcm(p - 1, q - 1))
    numbers = {"n": p * q, "p": p, "q": q, "d": d, "dmp1": d % (p - 1), "dmq1": d % (q - 1), "iqmp": pow(q, -1, p)}
    text = _tampered(rsa.generate_private_key(65537, 2048), **numbers)
    key = serialization.load_pem_private_key(text, None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, rsa.RSAPrivateKey)
    chain, _ = authority.client_pair("bot", key=key)
    with pytest.raises(AppError) as caught:
        read_pair(chain, text, NOW)
    assert caught.value.detail["why"] == "the key is not that of the first certificate"


def test_an_encrypted_key_of_the_old_form_is_told_as_such(authority: Authority) -> None:
    chain, _ = authority.client_pair("bot")
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.BestAvailableEncryption(b"secret"),
    )
    assert b"DEK-Info" in key
    with pytest.raises(AppError) as caught:
        read_pair(chain, key, NOW)
    assert caught.value.detail["why"] == "the key is encrypted"


def test_a_great_key_is_refused_before_it_is_read(authority: Authority) -> None:
    chain, key = authority.client_pair("bot")
    great = b"-----BEGIN PRIVATE KEY-----\n" + 9_000 * b"A" + b"\n-----END PRIVATE KEY-----\n"
    with pytest.raises(AppError) as caught:
        read_pair(chain, great, NOW)
    assert caught.value.detail["why"] == "there is no private key in PEM form"
    assert read_pair(chain, great + key, NOW).private_key == key


def test_a_certificate_without_a_named_use_is_taken(authority: Authority) -> None:
    assert read_pair(*authority.client_pair("bot", usage=None), NOW).subject == "CN=bot"


@pytest.mark.parametrize("cut", range(0, 700, 41))
def test_a_broken_certificate_is_refused_and_nothing_worse(authority: Authority, cut: int) -> None:
    chain, key = authority.client_pair("bot")
    codes: list[str] = []
    for broken in (chain[:cut] + chain[cut + 1 :], chain[:cut] + b"A" + chain[cut + 1 :], chain[:cut]):
        try:
            read_pair(broken, key, NOW)
        except AppError as error:
            codes.append(error.code)
    assert set(codes) <= {"client_certificate_refused"}  # some damage makes no difference


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
    app = FastAPI(exception_handlers=MANAGEMENT_EXCEPTION_HANDLERS)
    app.include_router(router(house.webhooks, accounts))
    await house.configure(owner_of(house.endpoint()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://switchbay.test") as built:
        built.headers["Authorization"] = await _bearer(accounts, "admin")
        yield built


async def _bearer(accounts: Accounts, name: str) -> str:
    login = await accounts.login(ACCOUNT, name, PASSWORD, None)
    return f"Bearer {login.bearer.reveal()}"


def _body(pair: tuple[bytes, bytes]) -> dict[str, str]:
    return {"certificate": pair[0].decode(), "private_key": pair[1].decode()}


async def test_a_certificate_is_set_listed_replaced_and_removed(
    client: httpx.AsyncClient, accounts: Accounts, authority: Authority
) -> None:
    pair = authority.client_pair("bot", not_after=TODAY + 20 * DAY)
    answer = await client.put(f"{BASE}/default", json=_body(pair))
    assert answer.status_code == 200
    first = answer.json()
    assert first == {
        "event": "default",
        "id": first["id"],
        "subject": "CN=bot",
        "issuer": "CN=Test authority",
        "fingerprint_sha256": load_pem_x509_certificate(pair[0]).fingerprint(hashes.SHA256()).hex(),
        "not_before": 1_577_836_800_000,
        "not_after": NOW + 20 * DAY_MS,
        "state": "ends_soon",
        "created_at": NOW,
    }
    special = (await client.put(f"{BASE}/{CONTENT}", json=_body(authority.client_pair("special")))).json()
    second = (await client.put(f"{BASE}/default", json=_body(authority.client_pair("bot")))).json()
    assert (special["event"], second["state"], second["id"] == first["id"]) == (CONTENT, "good", False)
    listed = await client.get(BASE, headers={"Authorization": await _bearer(accounts, "dev")})
    assert sorted(item["id"] for item in listed.json()["items"]) == sorted([special["id"], second["id"]])
    assert "PRIVATE" not in listed.text
    assert (await client.delete(f"{BASE}/default")).status_code == 204
    assert (await client.get(BASE)).json()["items"] == [special]
    again = await client.delete(f"{BASE}/default")
    assert (again.status_code, again.json()["error"]["code"]) == (404, "client_certificate_unknown")
    page = await accounts.list_audit(ACCOUNT, AuditFilter(object_type="client_certificate"), cursor=None, limit=10)
    assert sorted((entry.action, entry.object_id) for entry in page.entries) == sorted(
        [
            ("client_certificate.set", first["id"]),
            ("client_certificate.set", special["id"]),
            ("client_certificate.set", second["id"]),
            ("client_certificate.remove", second["id"]),
        ]
    )


@pytest.mark.parametrize(
    ("method", "path", "name", "status", "code"),
    [
        ("GET", BASE, "agent", 403, "role_missing"),
        ("PUT", f"{BASE}/default", "dev", 403, "role_missing"),
        ("DELETE", f"{BASE}/default", "dev", 403, "role_missing"),
        ("PUT", f"{BASE}/{CHAT_STATE}", "admin", 409, "event_not_subscribed"),
        ("PUT", f"/accounts/{ACCOUNT}/apps/none/client-certificates/default", "admin", 404, "app_unknown"),
        ("GET", f"/accounts/{ACCOUNT}/apps/none/client-certificates", "admin", 404, "app_unknown"),
        ("DELETE", f"{BASE}/{CONTENT}", "admin", 404, "client_certificate_unknown"),
        ("PUT", f"{BASE}/a%00b", "admin", 400, "invalid_request"),
    ],
)
async def test_who_may_not_and_what_cannot_be_changes_nothing(
    client: httpx.AsyncClient,
    accounts: Accounts,
    authority: Authority,
    method: str,
    path: str,
    name: str,
    status: int,
    code: str,
) -> None:
    kept = (await client.put(f"{BASE}/default", json=_body(authority.client_pair("kept")))).json()
    answer = await client.request(
        method,
        path,
        headers={"Authorization": await _bearer(accounts, name)},
        json=_body(authority.client_pair("bot")) if method == "PUT" else None,
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert (await client.get(BASE)).json()["items"] == [kept]


async def test_a_refused_pair_changes_nothing_and_is_not_repeated(
    client: httpx.AsyncClient, authority: Authority
) -> None:
    kept = (await client.put(f"{BASE}/default", json=_body(authority.client_pair("kept")))).json()
    chain, _ = authority.client_pair("bot")
    _, key = authority.client_pair("other")
    text = key.decode().splitlines()[1]
    for body in (_body((chain, key)), {"certificate": chain.decode(), "private_key": [key.decode()]}):
        answer = await client.put(f"{BASE}/default", json=body)
        assert answer.status_code == 400
        assert text not in answer.text
    assert (await client.get(BASE)).json()["items"] == [kept]
