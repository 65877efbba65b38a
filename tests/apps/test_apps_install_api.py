"""The app-install API: statuses, bodies and headers, to the letter."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from support.apps_house import BRAND, CONTENT_EVENT, EMPTY, INSTALLATIONS, OTHER_BRAND, AppsHouse, connector
from switchbay.accounts.public import OPERATOR, AccountChange
from switchbay.apps.domain.secrets import digest_of
from switchbay.apps.tables import app_installations, app_secrets

SECRET = re.compile(r"[0-9a-v]{26}")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NOBODY = "00000000-0000-4000-8000-000000000000"


async def test_install_answers_the_object_with_its_secret(house: AppsHouse) -> None:
    answer = await house.call("POST", "?v=1.0", connector())
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["ac-revision"] == "1"
    body = answer.json()
    assert UUID.fullmatch(body["id"])
    assert SECRET.fullmatch(body["client_secret"])
    expected = connector(response_types=[], quick_launch_enabled=False)
    del expected["enabled"]
    assert body == {
        "id": body["id"],
        "client_id": body["id"],
        "client_secret": body["client_secret"],
        "client_id_issued_at": 1_700_000_000,
        "client_secret_expires_at": 0,
        "enabled": True,
        "deleted": False,
        **expected,
    }


async def test_the_secret_is_not_shown_again(house: AppsHouse) -> None:
    app = await house.install()
    listed = (await house.call("GET", "")).json()
    got = (await house.call("GET", f"/{app['id']}")).json()
    updated = await house.call("PUT", f"/{app['id']}", app, headers={"If-Match": "1"})
    assert listed == [{**app, "client_secret": None}]
    assert got == {**app, "client_secret": None}
    assert updated.json() == {**app, "client_secret": None}


async def test_secrets_manifests_and_header_values_are_stored_sealed(house: AppsHouse) -> None:
    app = await house.install()
    (secret,) = await house.rows(app_secrets)
    (installation,) = await house.rows(app_installations)
    assert app["client_secret"].encode() not in secret["sealed"]
    assert secret["digest"] == digest_of(app["client_secret"])
    assert b"swordfish" not in installation["document"]
    assert b"connector.example.com" not in installation["document"]


async def test_an_empty_account_lists_nothing_at_revision_zero(house: AppsHouse) -> None:
    answer = await house.call("GET", "")
    assert (answer.status_code, answer.json(), answer.headers["ac-revision"]) == (200, [], "0")


@pytest.mark.parametrize("path", ["", "/", "?v=1", "?v=1.0", "/?v=2.0"])
async def test_the_collection_answers_with_and_without_slash_and_version(house: AppsHouse, path: str) -> None:
    created = await house.call("POST", path, connector())
    listed = await house.call("GET", path)
    assert (created.status_code, listed.status_code) == (201, 200)
    assert [app["id"] for app in listed.json()] == [created.json()["id"]]


async def test_an_app_is_enabled_unless_it_says_otherwise(house: AppsHouse) -> None:
    silent = await house.install(client_name="silent", enabled=None)
    disabled = await house.install(client_name="disabled", enabled=False)
    assert (silent["enabled"], disabled["enabled"]) == (True, False)
    owner = await house.owner(disabled["id"])
    assert owner is not None
    assert not owner.enabled


async def test_the_revision_belongs_to_the_collection_and_only_grows(house: AppsHouse) -> None:
    first = await house.install(client_name="first")
    second = await house.install(client_name="second")
    one = await house.call("GET", f"/{first['id']}")
    assert one.headers["ac-revision"] == "2"
    deleted = await house.call("DELETE", f"/{second['id']}", headers={"If-Match": "2"})
    assert deleted.headers["ac-revision"] == "3"
    third = await house.call("POST", "", connector(client_name="third"))
    assert third.headers["ac-revision"] == "4"


async def test_the_webhooks_room_learns_of_an_install(house: AppsHouse) -> None:
    app = await house.install()
    owner = await house.owner(app["id"])
    assert owner is not None
    assert owner.enabled
    assert owner.client_id == app["id"]
    assert owner.signing_secret == app["client_secret"].encode()
    assert owner.other_secret is None
    endpoint = owner.endpoints[CONTENT_EVENT]
    assert (endpoint.url, endpoint.max_retries) == ("https://connector.example.com/content", 3)
    assert endpoint.headers == (("X-Api-Key", "swordfish"),)


# Updates


@pytest.mark.parametrize("if_match", ["1", '"1"', 'W/"1"', "-1", "*", '"7", "1"'])
async def test_an_update_takes_every_form_of_the_revision(house: AppsHouse, if_match: str) -> None:
    app = await house.install()
    answer = await house.call("PUT", f"/{app['id']}", connector(description="Better"), headers={"If-Match": if_match})
    assert (answer.status_code, answer.headers["ac-revision"]) == (200, "2")
    assert answer.json() == {**app, "description": "Better", "client_secret": None}


@pytest.mark.parametrize("if_match", ["0", "2", '"abc"', "undefined", "null"])
async def test_a_stale_revision_is_refused(house: AppsHouse, if_match: str) -> None:
    app = await house.install()
    before = await house.state()
    for method in ("PUT", "DELETE"):
        body = connector(description="Better") if method == "PUT" else None
        answer = await house.call(method, f"/{app['id']}", body, headers={"If-Match": if_match})
        assert (answer.status_code, answer.json()["error"]["code"]) == (412, "revision_stale")
        assert answer.headers["ac-revision"] == "1"
    assert await house.state() == before
    assert [entry.action for entry in await house.audit()] == ["app.install"]


async def test_a_change_without_a_revision_is_refused(house: AppsHouse) -> None:
    app = await house.install()
    before = await house.state()
    for method in ("PUT", "DELETE"):
        answer = await house.call(method, f"/{app['id']}", connector() if method == "PUT" else None)
        assert (answer.status_code, answer.json()["error"]["code"]) == (428, "revision_missing")
        assert answer.headers["ac-revision"] == "1"
    assert await house.state() == before


@pytest.mark.parametrize(
    ("method", "override"),
    [("PUT", None), ("PUT", "PUT"), ("POST", "PUT"), ("POST", "put"), ("POST", None)],
)
async def test_an_update_comes_in_three_ways(house: AppsHouse, method: str, override: str | None) -> None:
    app = await house.install()
    headers = {"If-Match": "1"} | ({"X-HTTP-Method-Override": override} if override else {})
    answer = await house.call(method, f"/{app['id']}?v=2.0", connector(description="Better"), headers=headers)
    assert (answer.status_code, answer.json()["description"]) == (200, "Better")


async def test_a_post_may_stand_for_any_method(house: AppsHouse) -> None:
    app = await house.install()
    path = f"/{app['id']}"
    listed = await house.call("POST", "", headers={"X-HTTP-Method-Override": "GET"}, content=b"[object Object]")
    got = await house.call("POST", path, headers={"X-HTTP-Method-Override": "GET"}, content=b"[object Object]")
    created = await house.call("POST", "", connector(client_name="b"), headers={"X-HTTP-Method-Override": "POST"})
    deleted = await house.call("POST", path, headers={"X-HTTP-Method-Override": "DELETE", "If-Match": "-1"})
    assert (listed.status_code, got.status_code, created.status_code, deleted.status_code) == (200, 200, 201, 200)


async def test_only_a_post_is_overridden(house: AppsHouse) -> None:
    app = await house.install()
    before = await house.state()
    answer = await house.call("GET", f"/{app['id']}", headers={"X-HTTP-Method-Override": "DELETE", "If-Match": "*"})
    assert answer.status_code == 200
    assert await house.state() == before


async def test_an_update_ignores_what_only_the_server_says(house: AppsHouse) -> None:
    app = await house.install()
    body = {
        **app,
        "id": NOBODY,
        "client_id": NOBODY,
        "client_secret": "mine",
        "client_id_issued_at": 1,
        "client_secret_expires_at": 5,
        "deleted": True,
    }
    answer = await house.call("PUT", f"/{app['id']}", body, headers={"If-Match": "*"})
    assert answer.json() == {**app, "client_secret": None}
    owner = await house.owner(app["id"])
    assert owner is not None
    assert owner.signing_secret == app["client_secret"].encode()


async def test_an_update_without_enabled_leaves_the_app_as_it_is(house: AppsHouse) -> None:
    app = await house.install(enabled=False)
    answer = await house.call("PUT", f"/{app['id']}", connector(enabled=None), headers={"If-Match": "*"})
    assert answer.json()["enabled"] is False


async def test_an_update_switches_the_app(house: AppsHouse) -> None:
    app = await house.install()
    answer = await house.call("PUT", f"/{app['id']}", connector(enabled=False), headers={"If-Match": "*"})
    assert answer.json()["enabled"] is False
    owner = await house.owner(app["id"])
    assert owner is not None
    assert not owner.enabled
    client = await house.apps.find_client(BRAND, app["id"])
    assert client is not None
    assert not client.enabled
    assert [entry.action for entry in await house.audit()] == ["app.install", "app.disable"]


async def test_an_update_says_in_the_audit_log_what_changed(house: AppsHouse) -> None:
    app = await house.install()
    changed = connector()
    webhook = changed["capabilities"]["webhooks"][CONTENT_EVENT]
    webhook["endpoint"] = "https://elsewhere.example.net/content"
    webhook["headers"][0]["header_value"] = "tuna"
    await house.call("PUT", f"/{app['id']}", changed, headers={"If-Match": "*"})
    entry = (await house.audit())[-1]
    assert (entry.action, entry.object_id, entry.actor.name) == ("app.update", app["id"], "admin")
    assert entry.detail["changes"] == [
        "sends ContentEvent to new host elsewhere.example.net (was connector.example.com)",
        "sends the header x-api-key with ContentEvent with another value",
    ]
    written = json.dumps([dict(entry.detail) for entry in await house.audit()])
    assert "swordfish" not in written
    assert "tuna" not in written


# Uninstalling


async def test_a_deleted_app_is_gone_and_its_name_free(house: AppsHouse) -> None:
    app = await house.install()
    answer = await house.call("DELETE", f"/{app['id']}", headers={"If-Match": "1"})
    assert (answer.status_code, answer.headers["ac-revision"]) == (200, "2")
    assert (answer.json()["deleted"], answer.json()["client_secret"]) == (True, None)
    assert (await house.call("GET", "")).json() == []
    for method in ("GET", "PUT", "DELETE"):
        body = connector() if method == "PUT" else None
        gone = await house.call(method, f"/{app['id']}", body, headers={"If-Match": "*"})
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "app_unknown")
    assert await house.apps.find_client(BRAND, app["id"]) is None
    assert await house.owner(app["id"]) is None
    again = await house.install()
    assert again["id"] != app["id"]


async def test_nothing_secret_stays_of_a_deleted_app(house: AppsHouse) -> None:
    app = await house.install(logo_uri="https://example.com/logo.png")
    await house.call("DELETE", f"/{app['id']}", headers={"If-Match": "*"})
    (row,) = await house.rows(app_installations)
    assert (row["live_name"], row["deleted_at"]) == (None, 1_700_000_000_000)
    document = house.vault.open_bytes(row["document"], f"app_installations/{BRAND}/{app['id']}/document")
    assert b"swordfish" not in document
    assert b"com.example.connector" in document
    assert await house.rows(app_secrets) == []


# Refusals


async def test_a_name_is_unique_whatever_its_case(house: AppsHouse) -> None:
    await house.install(client_name="My App")
    other = await house.install(client_name="other")
    before = await house.state()
    created = await house.call("POST", "", connector(client_name="MY APP"))
    renamed = await house.call("PUT", f"/{other['id']}", connector(client_name="my app"), headers={"If-Match": "*"})
    for answer in (created, renamed):
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "app_name_taken")
        assert answer.headers["ac-revision"] == "2"
    assert await house.state() == before
    assert await house.revision() == 2


async def test_an_app_may_change_the_case_of_its_own_name(house: AppsHouse) -> None:
    app = await house.install(client_name="My App")
    answer = await house.call("PUT", f"/{app['id']}", connector(client_name="MY APP"), headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["client_name"]) == (200, "MY APP")


async def test_a_broken_manifest_is_refused_with_the_whole_report(house: AppsHouse) -> None:
    broken = connector(client_name=None, scope="msg.other", description="x" * 257)
    answer = await house.call("POST", "", broken)
    assert answer.status_code == 400
    assert answer.headers["ac-revision"] == "0"
    error = answer.json()["error"]
    assert error["code"] == "manifest_invalid"
    report = error["detail"]["report"]
    assert report["valid"] is False
    errors = {(issue["code"], issue["path"]) for issue in report["issues"] if issue["severity"] == "error"}
    assert errors == {("required", "/client_name"), ("unknown_scope", "/scope"), ("too_long", "/description")}
    assert "swordfish" not in answer.text
    assert await house.state() == EMPTY


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[object Object]",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"client_name": "a", "client_name": "b"}',
    ],
)
async def test_what_is_no_manifest_is_refused(house: AppsHouse, content: bytes) -> None:
    answer = await house.call("POST", "", content=content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "manifest_invalid")
    assert await house.state() == EMPTY


async def test_a_manifest_above_256_kib_is_too_large(house: AppsHouse) -> None:
    text = json.dumps(connector()).encode()
    fits = await house.call("POST", "", content=text.ljust(256 * 1024))
    large = await house.call("POST", "", content=text.ljust(256 * 1024 + 1))
    assert (fits.status_code, large.status_code) == (201, 413)
    assert large.headers["ac-revision"] == "1"


@pytest.mark.parametrize("value", ["x\u0000y", "\ud800"])
async def test_a_name_that_no_database_takes_is_refused(house: AppsHouse, value: str) -> None:
    answer = await house.call("POST", "", connector(client_name=value))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "manifest_invalid")
    assert await house.state() == EMPTY


async def test_a_nul_in_a_member_that_is_only_kept_comes_back(house: AppsHouse) -> None:
    created = await house.install(**{"x-note": "x\u0000y"})
    (listed,) = (await house.call("GET", "")).json()
    assert created["x-note"] == listed["x-note"] == "x\u0000y"


@pytest.mark.parametrize("value", [2**70, -(2**70), 1.5e308, 10**60])
async def test_numbers_of_any_size_in_unknown_members_break_nothing(house: AppsHouse, value: float) -> None:
    created = await house.call("POST", "", connector(**{"x-number": value}))
    assert created.status_code == 201
    (listed,) = (await house.call("GET", "")).json()
    assert created.json()["x-number"] == listed["x-number"] == value


@pytest.mark.parametrize("app_id", [NOBODY, "x", "%00", "..%2f", "a" * 3_000, "%F0%9F%92%A9"])
async def test_an_unknown_app_is_404(house: AppsHouse, app_id: str) -> None:
    await house.install()
    before = await house.state()
    for method in ("GET", "PUT", "DELETE"):
        body = connector() if method == "PUT" else None
        answer = await house.call(method, f"/{app_id}", body, headers={"If-Match": "*"})
        assert answer.status_code == 404, method
    assert await house.state() == before


async def test_an_unknown_app_is_404_before_428(house: AppsHouse) -> None:
    answer = await house.call("PUT", f"/{NOBODY}", connector())
    assert answer.status_code == 404


async def test_an_unknown_app_is_404_before_its_manifest_is_read(house: AppsHouse) -> None:
    answer = await house.call("PUT", f"/{NOBODY}", content=b"{", headers={"If-Match": "*"})
    assert answer.status_code == 404


@pytest.mark.parametrize(("method", "path"), [("PUT", ""), ("DELETE", ""), ("PATCH", f"/{NOBODY}"), ("OPTIONS", "")])
async def test_other_methods_are_refused_with_the_revision(house: AppsHouse, method: str, path: str) -> None:
    answer = await house.call(method, path)
    assert (answer.status_code, answer.headers["ac-revision"]) == (405, "0")
    assert "GET" in answer.headers["allow"]


async def test_an_override_that_means_nothing_is_refused(house: AppsHouse) -> None:
    answer = await house.call("POST", "", connector(), headers={"X-HTTP-Method-Override": "TRACE"})
    assert answer.status_code == 405
    assert await house.state() == EMPTY


class Unreadable(AsyncIterator[bytes]):
    """A body that must not be asked for."""

    async def __anext__(self) -> bytes:
        """Fail."""
        raise AssertionError("the body was read")


@pytest.mark.parametrize(("method", "override"), [("GET", None), ("DELETE", None), ("POST", "GET"), ("POST", "DELETE")])
async def test_the_body_of_a_get_or_delete_is_never_read(house: AppsHouse, method: str, override: str | None) -> None:
    app = await house.install()

    headers = {"Authorization": f"Bearer {house.bearers['admin']}", "If-Match": "*"}
    headers |= {"X-HTTP-Method-Override": override} if override else {}
    answer = await house.client.request(method, f"{INSTALLATIONS}/{app['id']}", content=Unreadable(), headers=headers)
    assert answer.status_code == 200


async def test_without_a_database_the_answer_is_503_and_says_when_to_try_again(house: AppsHouse) -> None:
    await house.db.close()
    for method in ("GET", "POST"):
        answer = await house.call(method, "", connector() if method == "POST" else None)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_unavailable")
        assert (answer.headers["retry-after"], answer.headers["ac-revision"]) == ("1", "0")


# Who may


EVERY_CALL: list[tuple[str, str]] = [
    ("GET", ""),
    ("GET", "/{id}"),
    ("POST", ""),
    ("PUT", "/{id}"),
    ("DELETE", "/{id}"),
]


async def test_an_agent_may_nothing(house: AppsHouse) -> None:
    app = await house.install()
    before = await house.state()
    for method, path in EVERY_CALL:
        body = connector(client_name="b") if method in {"POST", "PUT"} else None
        answer = await house.call(method, path.format(id=app["id"]), body, user="agent", headers={"If-Match": "*"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "role_missing"), (method, path)
        assert answer.headers["ac-revision"] == "1"
    assert await house.state() == before


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Bearer " + "0" * 64, "foreign"])
async def test_without_a_session_of_the_account_nothing_is_shown_or_done(
    house: AppsHouse, authorization: str | None
) -> None:
    app = await house.install()
    before = await house.state()
    if authorization == "foreign":
        authorization = f"Bearer {house.bearers['foreign']}"
    headers = {"If-Match": "*"} | ({"Authorization": authorization} if authorization else {})
    for method, path in EVERY_CALL:
        body = connector(client_name="b") if method in {"POST", "PUT"} else None
        answer = await house.call(method, path.format(id=app["id"]), body, user=None, headers=headers)
        assert (answer.status_code, answer.headers["ac-revision"]) == (401, "0"), (method, path)
    assert await house.state() == before


async def test_another_accounts_app_is_unknown(house: AppsHouse) -> None:
    app = await house.install()
    elsewhere = INSTALLATIONS.replace(BRAND, OTHER_BRAND)
    answer = await house.call("GET", f"{elsewhere}/{app['id']}", user="foreign")
    assert answer.status_code == 404
    assert (await house.call("GET", elsewhere, user="foreign")).json() == []


async def test_an_unknown_account_is_not_told_from_a_missing_session(house: AppsHouse) -> None:
    answer = await house.call("GET", INSTALLATIONS.replace(BRAND, "nobody"))
    assert (answer.status_code, answer.headers["ac-revision"]) == (401, "0")


async def test_a_developer_reads_without_header_values_and_changes_nothing(house: AppsHouse) -> None:
    app = await house.install()
    before = await house.state()
    listed = await house.call("GET", "", user="developer")
    got = await house.call("GET", f"/{app['id']}", user="developer")
    masked: dict[str, Any] = {**app, "client_secret": None}
    masked["capabilities"]["webhooks"][CONTENT_EVENT]["headers"][0]["header_value"] = "***"
    assert (listed.json(), got.json()) == ([masked], masked)
    for method, path in EVERY_CALL[2:]:
        answer = await house.call(
            method, path.format(id=app["id"]), connector(), user="developer", headers={"If-Match": "*"}
        )
        assert answer.status_code == 403
    assert await house.state() == before


# The switch reveal_client_secret


async def test_secrets_are_revealed_when_the_account_says_so_and_each_reveal_is_audited(house: AppsHouse) -> None:
    first = await house.install(client_name="first")
    house.clock.advance(ms=1)
    second = await house.install(client_name="second")
    await house.accounts.update_account(BRAND, AccountChange(reveal_client_secret=True), OPERATOR)
    listed = (await house.call("GET", "")).json()
    got = (await house.call("GET", f"/{first['id']}")).json()
    assert [app["client_secret"] for app in listed] == [first["client_secret"], second["client_secret"]]
    assert got["client_secret"] == first["client_secret"]
    reveals = [
        (entry.object_id, entry.actor.name) for entry in await house.audit() if entry.action == "app.reveal_secret"
    ]
    assert sorted(reveals) == sorted([(first["id"], "admin"), (second["id"], "admin"), (first["id"], "admin")])


async def test_nothing_is_revealed_to_a_developer(house: AppsHouse) -> None:
    await house.install()
    await house.accounts.update_account(BRAND, AccountChange(reveal_client_secret=True), OPERATOR)
    listed = (await house.call("GET", "", user="developer")).json()
    assert [app["client_secret"] for app in listed] == [None]
    assert [entry.action for entry in await house.audit()] == ["app.install"]
