"""The published keys."""

import httpx
import pytest
import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import KeySet

from support.oauth_clients import ACCOUNT, CLIENT_ID, CLIENT_SECRET, OTHER_ACCOUNT, OTHER_CLIENT_ID, Directory
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import ManualClock
from switchbay.kit.secret import Secret
from switchbay.oauth.domain import Algorithm, KeyPurpose, KeyState
from switchbay.oauth.protocol.rfc6749_client_authentication import Presented
from switchbay.oauth.protocol.rfc7515_signature import read_header
from switchbay.oauth.public import OAuth
from switchbay.oauth.service import KeyRing
from switchbay.oauth.store import keys as store
from switchbay.oauth.tables import keys

ALL = ("/sentinel/well-known/jwks", "/.well-known/jwks.json")
OURS = f"/sentinel/api/account/{ACCOUNT}/jwks"
OIDC = f"/oidc/{ACCOUNT}/jwks"


async def issue(oauth: OAuth, account: str, client: str, version: int) -> str:
    issued = await oauth.client_credentials(account, Presented(client, Secret(CLIENT_SECRET)), version=version)
    return issued.access_token


@pytest.mark.parametrize("path", [*ALL, OURS, OIDC])
async def test_a_token_of_version_two_verifies_with_the_published_keys(
    oauth: OAuth, http: httpx.AsyncClient, path: str
) -> None:
    token = await issue(oauth, ACCOUNT, CLIENT_ID, 2)
    answer = await http.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    published = KeySet.import_key_set(answer.json())
    assert jwt.decode(token, published, algorithms=["RS256"]).claims["azp"] == CLIENT_ID


async def test_an_accounts_own_set_may_be_cached_and_the_common_one_may_not(
    oauth: OAuth, http: httpx.AsyncClient
) -> None:
    assert (await http.get(OURS)).headers["cache-control"] == "public, max-age=900"
    for path in ALL:  # the first key of an account signs at once
        assert (await http.get(path)).headers["cache-control"] == "public, no-cache"


@pytest.mark.parametrize("path", [*ALL, OURS, OIDC])
async def test_a_set_that_has_not_changed_is_not_sent_again(oauth: OAuth, http: httpx.AsyncClient, path: str) -> None:
    first = await http.get(path)
    tag = first.headers["etag"]
    for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await http.get(path, headers={"If-None-Match": given})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == first.headers["cache-control"]
    assert (await http.get(path, headers={"If-None-Match": '"other"'})).content == first.content
    await issue(oauth, OTHER_ACCOUNT, OTHER_CLIENT_ID, 2)
    changed = await http.get(path, headers={"If-None-Match": tag})
    assert changed.status_code == (200 if path in ALL else 304)


async def test_both_faces_publish_the_same_set_to_pages_of_any_origin(http: httpx.AsyncClient) -> None:
    legacy, oidc = await http.get(OURS), await http.get(OIDC)
    assert legacy.content == oidc.content
    assert oidc.headers["access-control-allow-origin"] == "*"
    asked = await http.options(OIDC)
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, "*")
    assert asked.headers["access-control-allow-methods"] == "GET"
    assert "access-control-allow-credentials" not in oidc.headers
    assert (await http.post(OIDC)).status_code == 405


async def test_only_keys_of_published_purposes_are_published_and_only_their_public_parts(
    oauth: OAuth, ring: KeyRing, http: httpx.AsyncClient
) -> None:
    for version in (1, 2):
        await issue(oauth, ACCOUNT, CLIENT_ID, version)
    app = await oauth.verify_app_token(ACCOUNT, await issue(oauth, ACCOUNT, CLIENT_ID, 1))
    await oauth.consumer_identity(ACCOUNT, app, "c")
    private = {purpose: (await ring.get_signing_key(ACCOUNT, purpose)).kid for purpose in KeyPurpose}
    for path in (*ALL, OURS):
        published = {key["kid"]: key for key in (await http.get(path)).json()["keys"]}
        assert not {private[KeyPurpose.APP_V1], private[KeyPurpose.CONSUMER]} & set(published)
        assert private[KeyPurpose.APP_V2] in published
        assert private[KeyPurpose.OIDC] in published
        for key in published.values():
            if key["kty"] == "RSA":
                assert set(key) == {"kty", "use", "alg", "kid", "n", "e"}
                assert (key["use"], key["alg"]) == ("sig", "RS256")
            else:
                assert set(key) == {"kty", "use", "alg", "kid", "crv", "x", "y"}
                assert (key["use"], key["alg"], key["crv"]) == ("sig", "ES256", "P-256")


async def test_the_common_set_has_the_keys_of_all_accounts_and_the_accounts_own_only_its_own(
    oauth: OAuth, http: httpx.AsyncClient
) -> None:
    await issue(oauth, ACCOUNT, CLIENT_ID, 2)
    await issue(oauth, OTHER_ACCOUNT, OTHER_CLIENT_ID, 2)
    common = {key["kid"] for key in (await http.get(ALL[0])).json()["keys"]}
    ours = {key["kid"] for key in (await http.get(OURS)).json()["keys"]}
    assert len(common) == 2
    assert len(ours) == 3
    assert len(ours & common) == 1


async def test_a_key_that_retires_stays_published(db: Database, oauth: OAuth, http: httpx.AsyncClient) -> None:
    await issue(oauth, ACCOUNT, CLIENT_ID, 2)

    async def retire(tx: Tx) -> int:
        return await tx.execute(sa.update(keys).values(state="retiring"))

    assert await db.write(retire) == 1
    assert len((await http.get(ALL[0])).json()["keys"]) == 1


async def test_a_set_has_a_key_for_each_algorithm_before_anything_was_signed(
    oauth: OAuth, ring: KeyRing, http: httpx.AsyncClient
) -> None:
    before = {key["kid"]: key["alg"] for key in (await http.get(OIDC)).json()["keys"]}
    assert sorted(before.values()) == ["ES256", "RS256", "RS256"]
    for purpose, alg in ((KeyPurpose.OIDC, "RS256"), (KeyPurpose.OIDC, "ES256"), (KeyPurpose.APP_V2, "RS256")):
        token = await ring.sign(ACCOUNT, purpose, b"{}", alg=Algorithm(alg))
        assert before[read_header(token).kid] == alg


async def test_an_accounts_key_is_published_before_it_first_signs(oauth: OAuth, http: httpx.AsyncClient) -> None:
    before = (await http.get(OURS)).json()
    token = await issue(oauth, ACCOUNT, CLIENT_ID, 2)
    assert jwt.decode(token, KeySet.import_key_set(before), algorithms=["RS256"]).header["kid"]
    assert (await http.get(OURS)).json() == before


async def test_an_unknown_account_publishes_nothing_and_makes_no_key(
    http: httpx.AsyncClient, directory: Directory
) -> None:
    answer = await http.get(OURS.replace(ACCOUNT, "999"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "account_unknown")
    assert (await http.get(ALL[0])).json() == {"keys": []}


async def test_the_common_set_sees_a_new_key_of_this_node_at_once_and_of_another_in_two_seconds(
    oauth: OAuth, other_node: OAuth, http: httpx.AsyncClient, clock: ManualClock
) -> None:
    assert (await http.get(ALL[0])).json() == {"keys": []}
    await issue(oauth, ACCOUNT, CLIENT_ID, 2)
    assert len((await http.get(ALL[0])).json()["keys"]) == 1
    await issue(other_node, OTHER_ACCOUNT, OTHER_CLIENT_ID, 2)
    clock.advance(seconds=2)
    assert len((await http.get(ALL[0])).json()["keys"]) == 2


async def test_the_common_set_is_bounded_to_the_newest_keys(db: Database, http: httpx.AsyncClient) -> None:
    rows: list[dict[str, str | int | bytes | None]] = [
        {
            "account_id": f"a{place}",
            "kid": f"k{place}",
            "purpose": KeyPurpose.APP_V2.value,
            "state": KeyState.ACTIVE.value,
            "alg": "RS256",
            "private_key": b"",
            "public_jwk": f'{{"kid":"k{place}"}}',
            "created_at": place,
            "state_at": place,
        }
        for place in range(1_003)
    ]
    await db.write(lambda tx: tx.insert_many(keys, rows))
    published = [key["kid"] for key in (await http.get(ALL[1])).json()["keys"]]
    assert published == [f"k{place}" for place in range(1_002, 2, -1)]


async def test_a_second_active_key_of_a_purpose_cannot_be_stored(db: Database) -> None:
    def row(kid: str, state: KeyState) -> store.KeyRow:
        return store.KeyRow("a", kid, KeyPurpose.APP_V2, state, Algorithm.RS256, b"", "{}", 1, 1)

    assert await db.write(lambda tx: store.add_key(tx, row("k1", KeyState.ACTIVE))) is True
    assert await db.write(lambda tx: store.add_key(tx, row("k2", KeyState.ACTIVE))) is False
    assert await db.write(lambda tx: store.add_key(tx, row("k3", KeyState.NEXT))) is True
    assert await db.write(lambda tx: store.add_key(tx, row("k4", KeyState.NEXT))) is False
    slot = store.Slot("a", KeyPurpose.APP_V2, Algorithm.RS256)

    async def read(tx: Tx) -> list[store.KeyRow | None]:
        return [await store.find_key_in_state(tx, slot, state) for state in KeyState]

    found = await db.read(read)
    assert [key and key.kid for key in found] == ["k3", "k1", None]
