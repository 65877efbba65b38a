"""Whether a client is who it says: one answer and the same work for whoever is not."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest
import sqlalchemy as sa

from support.assertions import EC, NOW, OTHER_RSA, RSA, Key, form, make_claims, public_set, sign
from support.oauth_clients import ACCOUNT, CLIENT_ID, CLIENT_SECRET, OTHER_ACCOUNT, Directory
from support.receiver import Answer, Received, Receiver
from switchbay.apps.public import Client
from switchbay.infra.db import Database, Tx
from switchbay.infra.egress import Egress
from switchbay.infra.machine import ManualClock
from switchbay.oauth.protocol.rfc6749_errors import TokenRequestRefused
from switchbay.oauth.service import client_keys
from switchbay.oauth.service.client_authentication import AuthenticatedClient, ClientAuthentication
from switchbay.oauth.store.assertions import purge_assertions
from switchbay.oauth.tables import assertions

US = "https://localhost:8443/oidc/4711001"
AUDIENCES = frozenset({US})
SECRET = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
UNKNOWN = "6c5a36a1-9b1f-4b4f-9a1e-000000000000"


class Keys:
    """The key set at a client's ``jwks_uri``, counted and changed at will."""

    def __init__(self, *keys: Key) -> None:
        self.answer = Answer(body=json.dumps(public_set(*keys)).encode())

    def serve(self, *keys: Key) -> None:
        """Publish other keys."""
        self.answer = Answer(body=json.dumps(public_set(*keys)).encode())

    def __call__(self, _request: Received) -> Answer:
        return self.answer


@pytest.fixture
async def keys() -> AsyncIterator[tuple[Keys, Receiver]]:
    """A server with a key set that holds ``RSA``."""
    published = Keys(RSA)
    async with Receiver(None, published) as receiver:
        yield published, receiver


@pytest.fixture
async def clients(db: Database, clock: ManualClock, directory: Directory) -> AsyncIterator[ClientAuthentication]:
    """The service of a node that may call this machine."""
    egress = Egress(("127.0.0.0/8",), dev_loopback=True)
    try:
        yield ClientAuthentication(db, clock, directory, egress)
    finally:
        await egress.close()


def put(directory: Directory, **changes: object) -> Client:
    """Change the connector's registration."""
    changed: Client = replace(directory.clients[ACCOUNT, CLIENT_ID], **changes)  # type: ignore[arg-type]  # any member
    directory.clients[ACCOUNT, CLIENT_ID] = changed
    return changed


def by_key(directory: Directory, *keys: Key) -> None:
    """Have the connector authenticate with keys that it registered."""
    put(directory, token_endpoint_auth_method="private_key_jwt", jwks=public_set(*keys))


def assertion(key: Key = RSA, alg: str = "RS256", **changes: object) -> dict[str, str]:
    """The parameters of an assertion by the connector."""
    return form(sign(make_claims(CLIENT_ID, US, **changes), key, alg))


async def ask(
    clients: ClientAuthentication, parameters: Mapping[str, str], account_id: str = ACCOUNT
) -> AuthenticatedClient:
    """Authenticate without a header."""
    return await clients.authenticate(account_id, [], parameters, audiences=AUDIENCES)


async def refuse(
    clients: ClientAuthentication, parameters: Mapping[str, str], account_id: str = ACCOUNT
) -> TokenRequestRefused:
    """The refusal of a request."""
    with pytest.raises(TokenRequestRefused) as refused:
        await ask(clients, parameters, account_id)
    return refused.value


async def used(db: Database) -> int:
    """How many assertions are noted as used."""

    async def work(tx: Tx) -> int:
        return len(await tx.fetch(sa.select(assertions.c.client_id)))

    return await db.read(work)


# Secrets


async def test_both_ways_to_send_a_secret_serve_every_client_with_one(
    clients: ClientAuthentication, directory: Directory
) -> None:
    for registered in ("client_secret_basic", "client_secret_post"):
        put(directory, token_endpoint_auth_method=registered)
        assert (await ask(clients, SECRET)).method == "client_secret_post"


@pytest.mark.parametrize(
    ("client_id", "secret", "account_id", "reason", "known"),
    [
        (CLIENT_ID, "wrong", ACCOUNT, "secret_wrong", CLIENT_ID),
        (UNKNOWN, CLIENT_SECRET, ACCOUNT, "client_unknown", None),
        ("not an id", CLIENT_SECRET, ACCOUNT, "client_unknown", None),
        ("\x00", CLIENT_SECRET, ACCOUNT, "client_unknown", None),
        (CLIENT_ID, CLIENT_SECRET, OTHER_ACCOUNT, "client_unknown", None),
        (CLIENT_ID, CLIENT_SECRET, "nobody", "client_unknown", None),
        (CLIENT_ID, CLIENT_SECRET, "\x00/..", "client_unknown", None),
    ],
)
async def test_whoever_is_not_the_client_gets_one_answer_after_one_comparison(
    clients: ClientAuthentication,
    directory: Directory,
    client_id: str,
    secret: str,
    account_id: str,
    reason: str,
    known: str | None,
) -> None:
    refused = await refuse(clients, {"client_id": client_id, "client_secret": secret}, account_id)
    assert (refused.status, refused.body()) == (
        401,
        {"error": "invalid_client", "error_description": "Client authentication failed."},
    )
    assert directory.checked == [secret]
    assert (refused.reason, refused.client_id) == (reason, known)


async def test_a_client_that_is_found_costs_the_look_up_of_one_that_is_not(
    clients: ClientAuthentication, directory: Directory
) -> None:
    wrong = [{**SECRET, "client_secret": "wrong"}, {"client_id": CLIENT_ID}, assertion(), assertion(OTHER_RSA)]
    for place, parameters in enumerate(wrong):
        if place == len(wrong) - 1:
            by_key(directory, RSA)
        directory.asked.clear()
        await refuse(clients, parameters)
        [mine, nobody] = directory.asked
        assert (mine, directory.clients.get(nobody)) == ((ACCOUNT, CLIENT_ID), None)


async def test_the_right_credentials_cost_one_look_up(clients: ClientAuthentication, directory: Directory) -> None:
    await ask(clients, SECRET)
    by_key(directory, RSA)
    await ask(clients, assertion())
    assert directory.asked == [(ACCOUNT, CLIENT_ID)] * 2


@pytest.mark.parametrize("registered", ["private_key_jwt", "none"])
async def test_a_client_registered_for_another_way_cannot_use_its_secret(
    clients: ClientAuthentication, directory: Directory, registered: str
) -> None:
    put(directory, token_endpoint_auth_method=registered, jwks=public_set(RSA))
    refused = await refuse(clients, SECRET)
    assert refused.body() == {"error": "invalid_client", "error_description": "Client authentication failed."}
    assert directory.checked == [CLIENT_SECRET]
    assert (refused.reason, refused.client_id) == ("method_not_registered", CLIENT_ID)
    assert refused.detail == {"expected": registered, "got": "client_secret_post"}


async def test_a_refusal_never_shows_the_secret(clients: ClientAuthentication) -> None:
    refused = await refuse(clients, {**SECRET, "client_secret": "nearly-right"})
    assert "nearly-right" not in f"{refused!r} {refused.body()} {refused.headers()} {refused.detail}"


# Public clients


async def test_a_public_client_only_names_itself(clients: ClientAuthentication, directory: Directory) -> None:
    client = put(directory, token_endpoint_auth_method="none")
    assert await ask(clients, {"client_id": CLIENT_ID}) == AuthenticatedClient(client, "none")


async def test_a_name_alone_is_refused_the_same_way_for_a_client_and_for_nobody(clients: ClientAuthentication) -> None:
    mine = await refuse(clients, {"client_id": CLIENT_ID})
    nobody = await refuse(clients, {"client_id": UNKNOWN})
    assert (mine.status, mine.body()) == (nobody.status, nobody.body())
    assert (mine.reason, nobody.reason) == ("credentials_missing", "client_unknown")


# Assertions


@pytest.mark.parametrize(("key", "alg"), [(RSA, "RS256"), (RSA, "PS256"), (EC, "ES256")])
async def test_an_assertion_proves_the_client(
    clients: ClientAuthentication, directory: Directory, key: Key, alg: str
) -> None:
    by_key(directory, RSA, EC)
    proved = await ask(clients, assertion(key, alg))
    assert (proved.client.client_id, proved.method) == (CLIENT_ID, "private_key_jwt")


async def test_an_assertion_serves_once(clients: ClientAuthentication, directory: Directory, db: Database) -> None:
    by_key(directory, RSA)
    await ask(clients, assertion())
    assert (await refuse(clients, assertion())).reason == "assertion_replayed"
    assert (await refuse(clients, assertion(exp=NOW + 600))).reason == "assertion_replayed"
    assert (await ask(clients, assertion(jti="two"))).method == "private_key_jwt"
    assert await used(db) == 2


async def test_one_of_fifty_at_once_is_believed(
    clients: ClientAuthentication, directory: Directory, db: Database, clock: ManualClock
) -> None:
    by_key(directory, RSA)
    egress = Egress()
    other_node = ClientAuthentication(db, clock, directory, egress)
    sent = assertion()
    outcomes = await asyncio.gather(
        *(ask((clients, other_node)[place % 2], sent) for place in range(50)), return_exceptions=True
    )
    await egress.close()
    refused = [outcome.reason for outcome in outcomes if isinstance(outcome, TokenRequestRefused)]
    assert refused == ["assertion_replayed"] * 49
    assert await used(db) == 1


async def test_a_refused_assertion_is_not_used_up(
    clients: ClientAuthentication, directory: Directory, db: Database
) -> None:
    by_key(directory, RSA)
    for bad in (assertion(aud="https://other.example"), assertion(OTHER_RSA), assertion(exp=NOW)):
        await refuse(clients, bad)
    assert await used(db) == 0
    assert (await ask(clients, assertion())).method == "private_key_jwt"


async def test_two_clients_may_use_the_same_id_of_an_assertion(
    clients: ClientAuthentication, directory: Directory
) -> None:
    directory.add(ACCOUNT, UNKNOWN)
    directory.clients[ACCOUNT, UNKNOWN] = replace(
        directory.clients[ACCOUNT, UNKNOWN], token_endpoint_auth_method="private_key_jwt", jwks=public_set(RSA)
    )
    by_key(directory, RSA)
    await ask(clients, assertion())
    other = form(sign(make_claims(UNKNOWN, US)))
    assert (await ask(clients, other)).client.client_id == UNKNOWN


async def test_used_assertions_are_forgotten_once_they_are_over(
    clients: ClientAuthentication, directory: Directory, db: Database
) -> None:
    by_key(directory, RSA)
    for place in range(3):
        await ask(clients, assertion(jti=str(place), exp=NOW + 100 * (place + 1)))
    assert await db.write(lambda tx: purge_assertions(tx, NOW * 1000 + 99_999, 10)) == 0
    assert await db.write(lambda tx: purge_assertions(tx, NOW * 1000 + 200_000, 1)) == 1
    assert await db.write(lambda tx: purge_assertions(tx, NOW * 1000 + 200_000, 10)) == 1
    assert await used(db) == 1


@pytest.mark.parametrize("account_id", [ACCOUNT, OTHER_ACCOUNT, "nobody", "\x00"])
async def test_an_assertion_by_nobody_and_one_with_a_wrong_signature_are_one_answer(
    clients: ClientAuthentication, directory: Directory, account_id: str
) -> None:
    by_key(directory, RSA)
    nobody = await refuse(clients, form(sign(make_claims(UNKNOWN, US))), account_id)
    forged = await refuse(clients, assertion(OTHER_RSA))
    assert (nobody.status, nobody.body(), nobody.headers()) == (forged.status, forged.body(), forged.headers())
    assert (nobody.reason, forged.reason) == ("client_unknown", "assertion_signature_wrong")
    assert (nobody.client_id, forged.client_id) == (None, CLIENT_ID)


async def test_a_client_with_a_secret_cannot_use_an_assertion(
    clients: ClientAuthentication, directory: Directory
) -> None:
    put(directory, jwks=public_set(RSA))
    refused = await refuse(clients, assertion())
    assert (refused.reason, refused.client_id) == ("method_not_registered", CLIENT_ID)


async def test_the_client_id_beside_an_assertion_must_be_its_subject(
    clients: ClientAuthentication, directory: Directory
) -> None:
    by_key(directory, RSA)
    refused = await refuse(clients, {**assertion(), "client_id": UNKNOWN})
    assert (refused.status, refused.error, refused.reason) == (400, "invalid_request", "two_mechanisms")
    assert (await ask(clients, {**assertion(), "client_id": CLIENT_ID})).method == "private_key_jwt"


async def test_the_developer_learns_what_was_expected_and_what_came(
    clients: ClientAuthentication, directory: Directory
) -> None:
    by_key(directory, RSA)
    refused = await refuse(clients, assertion(aud="https://other.example"))
    assert refused.body() == {"error": "invalid_client", "error_description": "Client authentication failed."}
    assert (refused.reason, refused.client_id) == ("assertion_audience_wrong", CLIENT_ID)
    assert refused.detail == {"expected": US, "got": "https://other.example"}
    unreadable = await refuse(clients, form("no token", client_id=CLIENT_ID))
    assert (unreadable.reason, unreadable.client_id) == ("assertion_malformed", CLIENT_ID)


async def test_keys_that_were_changed_count_at_once(clients: ClientAuthentication, directory: Directory) -> None:
    by_key(directory, RSA)
    await ask(clients, assertion())
    by_key(directory, OTHER_RSA)
    assert (await refuse(clients, assertion(jti="two"))).reason == "assertion_signature_wrong"
    assert (await ask(clients, assertion(OTHER_RSA, jti="three"))).method == "private_key_jwt"


# Key sets at an address


def fetch_from(directory: Directory, uri: str) -> None:
    """Have the connector publish its keys."""
    put(directory, token_endpoint_auth_method="private_key_jwt", jwks_uri=uri)


async def test_keys_are_fetched_once_for_many_at_once_and_kept(
    clients: ClientAuthentication, directory: Directory, keys: tuple[Keys, Receiver], clock: ManualClock
) -> None:
    fetch_from(directory, keys[1].url("/keys"))
    await asyncio.gather(*(ask(clients, assertion(jti=str(place))) for place in range(20)))
    clock.advance(seconds=client_keys.KEPT_SECONDS - 1)
    await ask(clients, assertion(jti="late", iat=None, exp=NOW + 900))
    assert [request.path for request in keys[1].requests] == ["/keys"]


async def test_keys_are_fetched_again_when_they_are_old(
    clients: ClientAuthentication, directory: Directory, keys: tuple[Keys, Receiver], clock: ManualClock
) -> None:
    fetch_from(directory, keys[1].url("/keys"))
    await ask(clients, assertion())
    keys[0].serve(EC)
    clock.advance(seconds=client_keys.KEPT_SECONDS)
    refused = await refuse(clients, assertion(jti="two", exp=NOW + 900))
    assert refused.reason == "assertion_key_unknown"
    assert len(keys[1].requests) == 2


async def test_an_unknown_key_id_has_them_fetched_again_once_a_minute(
    clients: ClientAuthentication, directory: Directory, keys: tuple[Keys, Receiver], clock: ManualClock
) -> None:
    fetch_from(directory, keys[1].url("/keys"))
    await ask(clients, assertion())
    keys[0].serve(RSA, EC)
    clock.advance(seconds=client_keys.AGAIN_SECONDS - 1)
    for place in range(5):
        refused = await refuse(clients, assertion(EC, "ES256", jti=str(place)))
        assert refused.reason == "assertion_key_unknown"
    assert len(keys[1].requests) == 1
    clock.advance(seconds=1)
    assert (await ask(clients, assertion(EC, "ES256", jti="late"))).method == "private_key_jwt"
    assert len(keys[1].requests) == 2


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (Answer(status=404), "status_404"),
        (Answer(status=302, headers=(("Location", "/other"),)), "status_302"),
        (Answer(body=b"<html>"), "not_json"),
        (Answer(body=b'{"keys":[' + b" " * client_keys.LARGEST_SET + b"]}"), "too_large"),
        (Answer(raw=b"nonsense\r\n\r\n"), "protocol"),
    ],
)
async def test_a_failure_is_remembered_for_a_minute(
    clients: ClientAuthentication,
    directory: Directory,
    keys: tuple[Keys, Receiver],
    clock: ManualClock,
    answer: Answer,
    failure: str,
) -> None:
    fetch_from(directory, keys[1].url("/keys"))
    keys[0].answer = answer
    for place in range(3):
        refused = await refuse(clients, assertion(jti=str(place)))
        assert (refused.status, refused.reason) == (401, "assertion_keys_unavailable")
        assert refused.detail == {"got": failure}
    assert len(keys[1].requests) == 1
    keys[0].serve(RSA)
    clock.advance(seconds=client_keys.AGAIN_SECONDS)
    assert (await ask(clients, assertion())).method == "private_key_jwt"


async def test_a_failure_to_fetch_again_does_not_take_the_keys_that_are_known(
    clients: ClientAuthentication, directory: Directory, keys: tuple[Keys, Receiver], clock: ManualClock
) -> None:
    fetch_from(directory, keys[1].url("/keys"))
    await ask(clients, assertion())
    keys[0].answer = Answer(status=503)
    clock.advance(seconds=client_keys.AGAIN_SECONDS)
    assert (await refuse(clients, assertion(EC, "ES256"))).reason == "assertion_keys_unavailable"
    assert (await ask(clients, assertion(jti="two"))).method == "private_key_jwt"
    clock.advance(seconds=client_keys.KEPT_SECONDS)
    assert (await refuse(clients, assertion(jti="three", exp=NOW + 900))).reason == "assertion_keys_unavailable"


async def test_an_address_that_must_not_be_called_is_not_called(
    clients: ClientAuthentication, directory: Directory
) -> None:
    fetch_from(directory, "https://169.254.169.254/latest/meta-data")
    refused = await refuse(clients, assertion())
    assert (refused.reason, refused.detail) == ("assertion_keys_unavailable", {"got": "blocked_address"})
