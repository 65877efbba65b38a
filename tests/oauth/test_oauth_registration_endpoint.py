"""Apps that register, read, change and remove themselves over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from support.assertions import RSA, form, make_claims, public_set, sign
from support.oauth_stage import ACCOUNT, ISSUER, OTHER_ACCOUNT, Stage, join_stage, stage_settings
from switchbay.accounts.public import OPERATOR, AuditEntry
from switchbay.apps.public import localise
from switchbay.infra.db import Tx
from switchbay.infra.egress import Egress
from switchbay.oauth.protocol.rfc7591_registration import LARGEST_BODY
from switchbay.oauth.service.policies import PolicyChange
from switchbay.oauth.tables import initial_tokens, registrations

REGISTER = f"/oidc/{ACCOUNT}/register"
METADATA: Mapping[str, Any] = {
    "client_name": "Order desk",
    "client_name#fr": "Bureau des commandes",
    "redirect_uris": ["https://orders.example.org/callback"],
    "scope": "openid profile",
    "tos_uri": "https://orders.example.org/terms",
    "contacts": ["ada@example.org"],
}


@dataclass(frozen=True, slots=True)
class Desk:
    """The registration endpoint of one account, as somebody with an initial access token sees it."""

    stage: Stage
    token: str

    async def register(
        self, bearer: str | None = None, account_id: str = ACCOUNT, changes: Mapping[str, object] | None = None
    ) -> httpx.Response:
        """Register with other members put in; None takes one out."""
        members = {name: value for name, value in {**METADATA, **(changes or {})}.items() if value is not None}
        return await self.stage.http.post(
            f"/oidc/{account_id}/register", json=members, headers=bearing(self.token if bearer is None else bearer)
        )

    async def registered(self, **changes: object) -> dict[str, Any]:
        """Register, which has to work."""
        answer = await self.register(changes=changes)
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def state(self) -> tuple[int, int, int]:
        """How many apps and registrations there are, and how many uses are left of all tokens."""

        async def work(tx: Tx) -> tuple[int, int]:
            count = len(await tx.fetch(sa.select(registrations.c.client_id)))
            return count, sum(row[0] for row in await tx.fetch(sa.select(initial_tokens.c.uses_left)))

        count, uses = await self.stage.db.read(work)
        return len((await self.stage.apps.list_apps(ACCOUNT)).apps), count, uses

    async def audit(self, action: str) -> list[AuditEntry]:
        """The account's entries of one action."""
        page = await self.stage.accounts.list_audit(ACCOUNT, limit=200)
        return [entry for entry in page.entries if entry.action == action]


@pytest.fixture
async def desk(stage: Stage) -> Desk:
    """The endpoint, with a token for five apps."""
    made = await stage.manage("POST", "/registration-tokens", {"label": "team A", "uses": 5})
    assert made.status_code == 201, made.text
    return Desk(stage, made.json()["token"])


@pytest.fixture
async def other_node(stage: Stage) -> AsyncIterator[Stage]:
    """Another node on the same database."""
    egress = Egress()
    node = join_stage(stage.db, stage.clock, stage.randomness, stage.vault, egress, stage_settings())
    try:
        yield node
    finally:
        await node.http.aclose()
        await egress.close()


def bearing(token: str) -> dict[str, str]:
    """The header of a bearer."""
    return {"Authorization": f"Bearer {token}"}


async def manage(desk: Desk, registered: dict[str, Any], method: str, body: object = None) -> httpx.Response:
    """Call the registration's own address with its own token."""
    headers = bearing(registered["registration_access_token"])
    return await desk.stage.http.request(method, registered["registration_client_uri"], json=body, headers=headers)


# Registering


async def test_the_answer_has_credentials_and_all_that_is_registered(desk: Desk) -> None:
    answer = await desk.register(changes={"frobnicate": True})
    body = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    given = {name: body.pop(name) for name in ("client_id", "client_secret", "registration_access_token")}
    assert body == {
        **METADATA,
        "client_id_issued_at": 1_700_000_000,
        "client_secret_expires_at": 0,
        "registration_client_uri": f"{ISSUER}/register/{given['client_id']}",
        "response_types": ["code"],
        "grant_types": ["authorization_code"],
        "token_endpoint_auth_method": "client_secret_basic",
        "quick_launch_enabled": False,
    }
    assert await desk.state() == (1, 1, 4)


async def test_a_registered_app_is_an_installed_app(desk: Desk) -> None:
    body = await desk.registered()
    client = await desk.stage.apps.find_client(ACCOUNT, body["client_id"])
    assert client is not None
    assert (client.enabled, client.client_name, client.redirect_uris) == (
        True,
        "Order desk",
        ("https://orders.example.org/callback",),
    )
    assert localise(client, "display_name", ["fr-CA", "en"]) == "Bureau des commandes"
    assert await desk.stage.apps.check_secret(client, body["client_secret"])


async def test_the_credentials_get_a_token(desk: Desk) -> None:
    body = await desk.registered(
        grant_types=["client_credentials"], redirect_uris=None, scope="msg.consumer", token_endpoint_auth_method=None
    )
    answer = await desk.stage.http.post(
        f"/oidc/{ACCOUNT}/token",
        data={"grant_type": "client_credentials"},
        auth=(body["client_id"], body["client_secret"]),
    )
    assert (answer.status_code, answer.json()["scope"]) == (200, "msg.consumer")


@pytest.mark.parametrize("method", ["none", "private_key_jwt"])
async def test_a_client_that_needs_no_secret_is_given_none(desk: Desk, method: str) -> None:
    jwks = public_set(RSA) if method == "private_key_jwt" else None
    body = await desk.registered(token_endpoint_auth_method=method, jwks=jwks)
    assert body.keys().isdisjoint({"client_secret", "client_secret_expires_at"})
    assert body["token_endpoint_auth_method"] == method


async def test_a_registered_key_authenticates(desk: Desk) -> None:
    body = await desk.registered(
        grant_types=["client_credentials"],
        redirect_uris=None,
        scope="msg.consumer",
        token_endpoint_auth_method="private_key_jwt",
        jwks=public_set(RSA),
    )
    sent = {"grant_type": "client_credentials", **form(sign(make_claims(body["client_id"], ISSUER)))}
    first = await desk.stage.http.post(f"/oidc/{ACCOUNT}/token", data=sent)
    assert first.status_code == 200, first.text
    again = await desk.stage.http.post(f"/oidc/{ACCOUNT}/token", data=sent)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")
    old_path = {**sent, **form(sign(make_claims(body["client_id"], ISSUER, jti="two")))}
    old = await desk.stage.http.post(f"/sentinel/api/account/{ACCOUNT}/app/token", data=old_path)
    assert old.status_code == 200, old.text


async def test_an_assertion_by_another_algorithm_than_the_registered_one_is_refused(desk: Desk) -> None:
    body = await desk.registered(
        grant_types=["client_credentials"],
        redirect_uris=None,
        scope="msg.consumer",
        token_endpoint_auth_method="private_key_jwt",
        token_endpoint_auth_signing_alg="PS256",
        jwks=public_set(RSA),
    )
    claims = make_claims(body["client_id"], ISSUER)
    sent = {"grant_type": "client_credentials"}
    other = await desk.stage.http.post(f"/oidc/{ACCOUNT}/token", data={**sent, **form(sign(claims, RSA, "RS256"))})
    assert (other.status_code, other.json()["error"]) == (401, "invalid_client")
    own = await desk.stage.http.post(f"/oidc/{ACCOUNT}/token", data={**sent, **form(sign(claims, RSA, "PS256"))})
    assert own.status_code == 200, own.text  # the refusal has not used up the assertion's id


async def test_an_app_without_a_name_is_given_one(desk: Desk) -> None:
    names = {(await desk.registered(client_name=None, **{"client_name#fr": None}))["client_name"] for _ in range(2)}
    assert len(names) == 2
    assert all(name.startswith("registered-") for name in names)


async def test_an_administrators_session_registers_too(desk: Desk) -> None:
    answer = await desk.register(desk.stage.bearers["admin"])
    assert answer.status_code == 201
    assert await desk.state() == (1, 1, 5)
    [entry] = await desk.audit("app.install")
    assert (entry.actor.kind, entry.actor.name) == ("user", "admin")


async def test_what_was_done_with_a_token_is_in_the_audit_log_by_its_label(desk: Desk) -> None:
    body = await desk.registered()
    [entry] = await desk.audit("app.install")
    [made] = await desk.audit("registration_token.create")
    assert (entry.actor.kind, entry.actor.id, entry.actor.name) == ("app", made.object_id, "team A")
    assert entry.object_id == body["client_id"]
    assert desk.token not in json.dumps([made.detail, entry.detail])


# Who may not


NO_BEARERS: list[str | None] = [
    None,
    "",
    "Bearer",
    "Bearer swb_iat_" + "0" * 64,
    "Bearer \u00e9",
    "Bearer " + "x" * 20_000,
    "Basic YTpi",
]


async def test_nobody_registers_without_a_good_bearer(desk: Desk) -> None:
    for header in NO_BEARERS:
        headers = [] if header is None else [(b"Authorization", header.encode())]
        answer = await desk.stage.http.post(REGISTER, json=dict(METADATA), headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token"), header
        assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token"')
    assert await desk.state() == (0, 0, 5)


async def test_two_bearers_are_none(desk: Desk) -> None:
    headers = [("Authorization", f"Bearer {desk.token}")] * 2
    assert (await desk.stage.http.post(REGISTER, json=dict(METADATA), headers=headers)).status_code == 401


@pytest.mark.parametrize("role", ["agent", "developer"])
async def test_only_administrators_register_with_their_session(desk: Desk, role: str) -> None:
    answer = await desk.register(desk.stage.bearers[role])
    assert (answer.status_code, answer.json()["error"]) == (403, "role_missing")
    assert await desk.state() == (0, 0, 5)


async def test_a_token_and_a_session_of_one_account_are_worth_nothing_at_another(desk: Desk) -> None:
    for bearer, account_id in (
        (desk.token, OTHER_ACCOUNT),
        (desk.token, "nobody"),
        (desk.stage.bearers["admin"], OTHER_ACCOUNT),
        (desk.stage.bearers["foreign"], ACCOUNT),
    ):
        assert (await desk.register(bearer, account_id)).status_code == 401
    assert await desk.state() == (0, 0, 5)


async def test_an_account_may_want_no_registrations(desk: Desk) -> None:
    registered = await desk.registered()
    await desk.stage.server.policies.change(ACCOUNT, PolicyChange(registration="off"), OPERATOR)
    for bearer in (desk.token, desk.stage.bearers["admin"]):
        answer = await desk.register(bearer, changes={"client_name": "Another"})
        assert (answer.status_code, answer.json()["error"]) == (403, "registration_off")
    assert await desk.state() == (1, 1, 4)
    assert (await manage(desk, registered, "GET")).status_code == 200


async def test_a_token_serves_as_often_as_it_was_made_for(desk: Desk) -> None:
    for place in range(5):
        await desk.registered(client_name=f"App {place}")
    assert (await desk.register(changes={"client_name": "One more"})).status_code == 401
    assert await desk.state() == (5, 5, 0)


async def test_of_many_at_once_as_many_succeed_as_the_token_has_uses(desk: Desk, other_node: Stage) -> None:
    there = Desk(other_node, desk.token)
    answers = await asyncio.gather(
        *((desk, there)[place % 2].register(changes={"client_name": f"App {place}"}) for place in range(20))
    )
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [401] * 15
    assert await desk.state() == (5, 5, 0)


async def test_a_token_ends(desk: Desk) -> None:
    desk.stage.clock.advance(seconds=604_800)
    assert (await desk.register()).status_code == 401
    assert await desk.state() == (0, 0, 5)


# What cannot be registered


BAD: list[tuple[dict[str, object], str, str]] = [
    ({"redirect_uris": None}, "invalid_redirect_uri", "redirect_uris"),
    ({"redirect_uris": []}, "invalid_redirect_uri", "redirect_uris"),
    ({"redirect_uris": ["https://a.example.org/#x"]}, "invalid_redirect_uri", "fragment"),
    ({"redirect_uris": ["https://*.example.org/"]}, "invalid_redirect_uri", "wildcard"),
    ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri", "scheme"),
    ({"redirect_uris": "https://a.example.org/"}, "invalid_redirect_uri", "array"),
    ({"redirect_uris": [["x"]]}, "invalid_redirect_uri", "redirect_uris"),
    ({"scope": "openid everything"}, "invalid_client_metadata", "everything"),
    ({"response_types": ["code id_token"]}, "invalid_client_metadata", "response_types"),
    ({"grant_types": ["authorization_code", "password"]}, "invalid_client_metadata", "password"),
    ({"token_endpoint_auth_method": "client_secret_jwt"}, "invalid_client_metadata", "client_secret_jwt"),
    ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata", "jwks"),
    ({"jwks": {"keys": "none"}}, "invalid_client_metadata", "jwks"),
    ({"jwks_uri": "http://orders.example.org/keys"}, "invalid_client_metadata", "jwks_uri"),
    ({"id_token_signed_response_alg": "none"}, "invalid_client_metadata", "id_token_signed_response_alg"),
    ({"initiate_login_uri": "ftp://orders.example.org"}, "invalid_client_metadata", "initiate_login_uri"),
    ({"client_name": "x" * 129}, "invalid_client_metadata", "client_name"),
    ({"client_name": 5}, "invalid_client_metadata", "client_name"),
    ({"client_name": "{{NAME}}"}, "invalid_client_metadata", ""),
    ({"client_name#xx-yy-zz": "x"}, "invalid_client_metadata", "xx-yy-zz"),
    ({"subject_type": "pairwise"}, "invalid_client_metadata", "subject_type"),
    ({"id_token_encrypted_response_alg": "RSA-OAEP"}, "invalid_client_metadata", "id_token_encrypted"),
    ({"software_statement": "e30.e30.e30"}, "unapproved_software_statement", "statement"),
]


async def test_bad_metadata_is_refused_in_words_and_uses_nothing_up(desk: Desk) -> None:
    for changes, error, word in BAD:
        answer = await desk.register(changes=changes)
        body = answer.json()
        assert (answer.status_code, body.keys()) == (400, {"error", "error_description"}), changes
        assert (body["error"], word in body["error_description"]) == (error, True), body
        assert body["error_description"].isascii()
    assert await desk.state() == (0, 0, 5)


async def test_a_name_that_is_taken_is_refused_and_uses_nothing_up(desk: Desk) -> None:
    await desk.registered()
    answer = await desk.register(changes={"client_name": "ORDER DESK"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
    assert await desk.state() == (1, 1, 4)


UNREADABLE: list[tuple[str, bytes, int]] = [
    ("application/json", b"", 400),
    ("application/json", b"{", 400),
    ("application/json", b"[]", 400),
    ("application/json", b"\xff\xfe", 400),
    ("application/json", b'{"a":' * 5_000, 400),
    ("text/plain", b"{}", 400),
    ("application/x-www-form-urlencoded", b"a=b", 400),
    ("application/json", b'{"a":"' + b"x" * LARGEST_BODY + b'"}', 413),
]


async def test_a_body_that_cannot_be_read_is_refused(desk: Desk) -> None:
    for content_type, body, status in UNREADABLE:
        headers = {**bearing(desk.token), "Content-Type": content_type}
        answer = await desk.stage.http.post(REGISTER, content=body, headers=headers)
        assert (answer.status_code, answer.json().keys()) == (status, {"error", "error_description"}), body[:20]
    assert await desk.state() == (0, 0, 5)


# Managing


async def test_the_registration_can_be_read_without_its_secret(desk: Desk) -> None:
    registered = await desk.registered()
    answer = await manage(desk, registered, "GET")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    secrets = ("client_secret", "client_secret_expires_at")
    assert answer.json() == {name: value for name, value in registered.items() if name not in secrets}


async def test_an_update_replaces_everything(desk: Desk) -> None:
    registered = await desk.registered()
    wanted = {"client_id": registered["client_id"], "redirect_uris": ["https://orders.example.org/new"]}
    answer = await manage(desk, registered, "PUT", wanted)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        **wanted,
        "client_name": "Order desk",
        "client_id_issued_at": 1_700_000_000,
        "registration_access_token": registered["registration_access_token"],
        "registration_client_uri": registered["registration_client_uri"],
        "response_types": ["code"],
        "grant_types": ["authorization_code"],
        "token_endpoint_auth_method": "client_secret_basic",
        "quick_launch_enabled": False,
    }
    assert (await manage(desk, registered, "GET")).json() == answer.json()
    client = await desk.stage.apps.find_client(ACCOUNT, registered["client_id"])
    assert client is not None
    assert client.redirect_uris == ("https://orders.example.org/new",)
    assert await desk.stage.apps.check_secret(client, registered["client_secret"])
    [entry] = await desk.audit("app.update")
    assert (entry.actor.kind, entry.actor.id) == ("app", registered["client_id"])


async def test_an_update_leaves_what_an_administrator_added(desk: Desk) -> None:
    registered = await desk.registered(initiate_login_uri="https://orders.example.org/launch")
    app_id = registered["client_id"]
    shown = (await desk.stage.manage("GET", f"/apps/{app_id}")).json()["app"]["manifest"]
    webhooks = {"ms.MessagingEventNotification.ContentEvent": {"endpoint": "https://orders.example.org/hook"}}
    changed = {**shown, "quick_launch_enabled": True, "capabilities": {"webhooks": webhooks}}
    assert (await desk.stage.manage("PUT", f"/apps/{app_id}", changed)).status_code == 200
    wanted = {**METADATA, "client_id": app_id, "initiate_login_uri": "https://orders.example.org/start"}
    assert (await manage(desk, registered, "PUT", wanted)).status_code == 200
    after = (await desk.stage.manage("GET", f"/apps/{app_id}")).json()["app"]["manifest"]
    assert (after["entry_uri"], after["quick_launch_enabled"]) == ("https://orders.example.org/start", True)
    assert after["capabilities"]["webhooks"].keys() == webhooks.keys()


async def test_the_right_secret_may_be_sent_along_and_is_echoed(desk: Desk) -> None:
    registered = await desk.registered()
    wanted = {**METADATA, "client_id": registered["client_id"], "client_secret": registered["client_secret"]}
    answer = (await manage(desk, registered, "PUT", wanted)).json()
    assert (answer["client_secret"], answer["client_secret_expires_at"]) == (registered["client_secret"], 0)


BAD_UPDATES: list[dict[str, object]] = [
    {"client_id": None},
    {"client_id": "6c5a36a1-9b1f-4b4f-9a1e-000000000000"},
    {"client_secret": "of my own choice"},
    {"client_secret": 5},
    {"registration_access_token": "mine"},
    {"redirect_uris": ["https://*"]},
    {"subject_type": "pairwise"},
]


async def test_a_refused_update_changes_nothing(desk: Desk) -> None:
    registered = await desk.registered()
    before = (await manage(desk, registered, "GET")).json()
    for changes in BAD_UPDATES:
        wanted = {**METADATA, "client_id": registered["client_id"], **changes}
        assert (await manage(desk, registered, "PUT", wanted)).status_code == 400, changes
    assert (await manage(desk, registered, "GET")).json() == before


async def test_an_app_that_begins_to_use_a_secret_is_given_a_new_one(desk: Desk) -> None:
    registered = await desk.registered(token_endpoint_auth_method="none")
    wanted = {**METADATA, "client_id": registered["client_id"], "token_endpoint_auth_method": "client_secret_post"}
    answer = (await manage(desk, registered, "PUT", wanted)).json()
    client = await desk.stage.apps.find_client(ACCOUNT, registered["client_id"])
    assert client is not None
    assert client.token_endpoint_auth_method == "client_secret_post"
    assert await desk.stage.apps.check_secret(client, answer["client_secret"])
    assert "client_secret" not in (await manage(desk, registered, "PUT", wanted)).json()


async def test_updates_and_an_administrators_change_at_once_all_arrive(desk: Desk, other_node: Stage) -> None:
    registered = await desk.registered()
    app_id = registered["client_id"]
    there = Desk(other_node, desk.token)
    wanted = {**METADATA, "client_id": app_id, "client_name": "New name"}
    shown = (await desk.stage.manage("GET", f"/apps/{app_id}")).json()["app"]["manifest"]
    team = {**shown, "x-team": "crew"}
    mine, admins = await asyncio.gather(
        manage(there, registered, "PUT", wanted), desk.stage.manage("PUT", f"/apps/{app_id}", team)
    )
    assert (mine.status_code, admins.status_code) == (200, 200)
    after = (await desk.stage.manage("GET", f"/apps/{app_id}")).json()["app"]["manifest"]
    assert after["x-team"] == "crew"


async def test_an_app_uninstalls_itself_and_its_token_ends_with_it(desk: Desk) -> None:
    registered = await desk.registered()
    answer = await manage(desk, registered, "DELETE")
    assert (answer.status_code, answer.content) == (204, b"")
    assert await desk.state() == (0, 0, 4)
    for method in ("GET", "PUT", "DELETE"):
        assert (await manage(desk, registered, method, {})).status_code == 401
    refused = await desk.stage.http.post(
        f"/oidc/{ACCOUNT}/token",
        data={"grant_type": "authorization_code", "code": "x"},
        auth=(registered["client_id"], registered["client_secret"]),
    )
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert (await desk.audit("app.uninstall"))[0].actor.id == registered["client_id"]
    assert (await desk.registered())["client_id"] != registered["client_id"]


async def test_the_token_ends_when_an_administrator_uninstalls_the_app(desk: Desk) -> None:
    registered = await desk.registered()
    await desk.stage.apps.uninstall(ACCOUNT, registered["client_id"], OPERATOR)
    for method in ("GET", "PUT", "DELETE"):
        assert (await manage(desk, registered, method, {})).status_code == 401


async def test_a_disabled_app_manages_nothing(desk: Desk) -> None:
    registered = await desk.registered()
    await desk.stage.apps.set_enabled(ACCOUNT, registered["client_id"], OPERATOR, enabled=False)
    for method in ("GET", "PUT", "DELETE"):
        answer = await manage(desk, registered, method, {"client_id": registered["client_id"]})
        assert (answer.status_code, answer.json()["error"]) == (403, "access_denied")
    assert await desk.state() == (1, 1, 4)


async def test_a_token_manages_its_own_app_only(desk: Desk) -> None:
    mine, other = await desk.registered(), await desk.registered(client_name="Another")
    installed = await desk.stage.install()
    foreign = {**other, "registration_access_token": mine["registration_access_token"]}
    plain = {**mine, "registration_client_uri": f"{ISSUER}/register/{installed.client_id}"}
    elsewhere = {**mine, "registration_client_uri": mine["registration_client_uri"].replace(ACCOUNT, OTHER_ACCOUNT)}
    nowhere = {**mine, "registration_client_uri": f"{ISSUER}/register/%00"}
    initial = {**mine, "registration_access_token": desk.token}
    session = {**mine, "registration_access_token": desk.stage.bearers["admin"]}
    answers = []
    for attempt in (foreign, plain, elsewhere, nowhere, initial, session):
        for method in ("GET", "PUT", "DELETE"):
            answer = await manage(desk, attempt, method, {"client_id": mine["client_id"]})
            answers.append((answer.status_code, answer.content, answer.headers["www-authenticate"]))
    assert len(set(answers)) == 1
    assert answers[0][0] == 401
    assert await desk.state() == (3, 2, 3)


async def test_other_methods_are_not_allowed(desk: Desk) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = await desk.stage.http.request(method, REGISTER, headers=bearing(desk.token))
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_the_host_of_a_request_is_not_in_the_answer(desk: Desk) -> None:
    headers = {**bearing(desk.token), "Host": "attacker.example"}
    answer = await desk.stage.http.post(REGISTER, json=dict(METADATA), headers=headers)
    assert answer.json()["registration_client_uri"].startswith(f"{ISSUER}/register/")
