"""The management API of apps."""

import json
from typing import Any

import pytest

from support.apps_house import BRAND, CONTENT_EVENT, EMPTY, MANAGEMENT, OTHER_BRAND, AppsHouse, connector
from switchbay.webhooks.tables import client_certificates

NOBODY = "00000000-0000-4000-8000-000000000000"
EXAMPLE = """{
  "client_name": "com.example.filled",
  "scope": "msg.consumer",
  "redirect_uris": ["https://{DOMAIN}/back"],
  "capabilities": {}
}
"""


async def install(house: AppsHouse, **changes: object) -> dict[str, Any]:
    """Install through the management API."""
    answer = await house.call("POST", MANAGEMENT, connector(**changes))
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_install_answers_app_secret_and_report(house: AppsHouse) -> None:
    body = await install(house)
    app = body["app"]
    assert body["revision"] == 1
    assert len(body["client_secret"]) == 26
    assert body["report"]["valid"] is True
    assert app["id"] == app["client_id"]
    assert (app["client_name"], app["display_name"], app["enabled"]) == (
        "com.example.connector",
        "Example connector",
        True,
    )
    assert (app["created_at"], app["updated_at"]) == (1_700_000_000_000, 1_700_000_000_000)
    assert app["events"] == [CONTENT_EVENT]
    assert app["logo"]["state"] == "none"
    (secret,) = app["secrets"]
    assert (secret["not_after"], secret["last_used_at"], secret["signs_webhooks"]) == (None, None, True)
    client = await house.apps.find_client(BRAND, app["client_id"])
    assert client is not None
    assert await house.apps.check_secret(client, body["client_secret"])


async def test_header_values_are_masked_everywhere(house: AppsHouse) -> None:
    app_id = (await install(house))["app"]["id"]
    reads = ["", f"/{app_id}", f"/{app_id}/health", f"/{app_id}/export"]
    texts = [(await house.call("GET", MANAGEMENT + path)).text for path in reads]
    changed = connector(description="edited")
    texts.append((await house.call("PUT", f"{MANAGEMENT}/{app_id}", changed)).text)
    texts.append((await house.call("POST", f"{MANAGEMENT}/{app_id}/diff", changed)).text)
    assert [text for text in texts if "swordfish" in text] == []
    assert "***" in texts[1]


async def test_placeholders_are_filled_from_the_query(house: AppsHouse) -> None:
    path = f"{MANAGEMENT}?set=DOMAIN=app.example.com"
    answer = await house.call("POST", path, content=EXAMPLE.encode())
    assert answer.status_code == 201
    assert answer.json()["app"]["manifest"]["redirect_uris"] == ["https://app.example.com/back"]


async def test_an_unfilled_placeholder_is_refused_with_its_place(house: AppsHouse) -> None:
    answer = await house.call("POST", MANAGEMENT, content=EXAMPLE.encode())
    assert answer.status_code == 400
    (issue,) = [issue for issue in answer.json()["error"]["detail"]["report"]["issues"] if issue["severity"] == "error"]
    assert (issue["code"], issue["line"], issue["fix"]) == ("unfilled_placeholder", 4, {"variable": "DOMAIN"})
    assert await house.state() == EMPTY


@pytest.mark.parametrize("query", ["set=DOMAIN", "set==x", "&".join(f"set=A{turn}=x" for turn in range(101))])
async def test_malformed_variables_are_refused(house: AppsHouse, query: str) -> None:
    answer = await house.call("POST", f"{MANAGEMENT}?{query}", content=EXAMPLE.encode())
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "variable_malformed")


async def test_strict_refuses_unknown_members(house: AppsHouse) -> None:
    body = connector(flavour="strange")
    assert (await house.call("POST", f"{MANAGEMENT}?strict=true", body)).status_code == 400
    assert (await house.call("POST", MANAGEMENT, body)).status_code == 201


async def test_a_manifest_above_256_kib_is_too_large(house: AppsHouse) -> None:
    content = json.dumps(connector()).encode().ljust(256 * 1024 + 1)
    assert (await house.call("POST", MANAGEMENT, content=content)).status_code == 413


async def test_list_and_get_show_the_same(house: AppsHouse) -> None:
    app = (await install(house))["app"]
    listed = (await house.call("GET", MANAGEMENT)).json()
    got = (await house.call("GET", f"{MANAGEMENT}/{app['id']}")).json()
    assert listed == {"revision": 1, "items": [app]}
    assert got == {"revision": 1, "app": app}


async def test_an_update_needs_no_revision_but_honours_one(house: AppsHouse) -> None:
    app_id = (await install(house))["app"]["id"]
    free = await house.call("PUT", f"{MANAGEMENT}/{app_id}", connector(description="one"))
    stale = await house.call("PUT", f"{MANAGEMENT}/{app_id}", connector(description="two"), headers={"If-Match": "1"})
    assert (free.status_code, free.json()["revision"]) == (200, 2)
    assert free.json()["app"]["manifest"]["description"] == "one"
    assert (stale.status_code, stale.json()["error"]["code"]) == (412, "revision_stale")


async def test_an_export_can_be_put_back_without_losing_header_values(house: AppsHouse) -> None:
    app_id = (await install(house))["app"]["id"]
    exported = (await house.call("GET", f"{MANAGEMENT}/{app_id}/export")).text
    edited = exported.replace("Connects an example", "Edited")
    answer = await house.call("PUT", f"{MANAGEMENT}/{app_id}", content=edited.encode())
    assert answer.status_code == 200
    owner = await house.owner(app_id)
    assert owner is not None
    assert owner.endpoints[CONTENT_EVENT].headers == (("X-Api-Key", "swordfish"),)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("https://connector.example.com/content", "https://thief.example.net/content"),
        ("X-Api-Key", "X-Other-Key"),
        ("ContentEvent", "RichContentEvent"),
    ],
)
async def test_a_masked_value_never_moves_to_another_place(house: AppsHouse, old: str, new: str) -> None:
    app_id = (await install(house))["app"]["id"]
    before = await house.state()
    exported = (await house.call("GET", f"{MANAGEMENT}/{app_id}/export")).text
    answer = await house.call("PUT", f"{MANAGEMENT}/{app_id}", content=exported.replace(old, new).encode())
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "redacted_value")
    assert await house.state() == before


async def test_a_masked_value_cannot_be_installed(house: AppsHouse) -> None:
    app_id = (await install(house))["app"]["id"]
    exported = (await house.call("GET", f"{MANAGEMENT}/{app_id}/export")).text
    answer = await house.call("POST", MANAGEMENT, content=exported.replace("com.example.connector", "b").encode())
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "redacted_value")
    assert answer.json()["error"]["detail"]["paths"] == [
        f"/capabilities/webhooks/{CONTENT_EVENT}/headers/0/header_value"
    ]


async def test_a_diff_says_in_words_what_would_change_and_changes_nothing(house: AppsHouse) -> None:
    app_id = (await install(house))["app"]["id"]
    before = await house.state()
    changed = connector(description="edited", redirect_uris=["https://example.com/back"])
    answer = await house.call("POST", f"{MANAGEMENT}/{app_id}/diff", changed)
    assert answer.status_code == 200
    assert answer.json()["changes"] == [
        {
            "kind": "redirect_uri",
            "sentence": "lets sign-ons return to the new address https://example.com/back",
            "widens": True,
        },
        {"kind": "text", "sentence": 'has "edited" as description (was "Connects an example")', "widens": False},
    ]
    assert await house.state() == before


async def test_a_diff_with_the_same_manifest_is_empty(house: AppsHouse) -> None:
    app_id = (await install(house))["app"]["id"]
    answer = await house.call("POST", f"{MANAGEMENT}/{app_id}/diff", connector())
    assert answer.json()["changes"] == []


async def test_an_app_is_disabled_and_enabled(house: AppsHouse) -> None:
    app_id = (await install(house))["app"]["id"]
    states: list[tuple[bool, bool, bool]] = []
    for verb in ("disable", "enable"):
        answer = await house.call("POST", f"{MANAGEMENT}/{app_id}/{verb}")
        owner = await house.owner(app_id)
        client = await house.apps.find_client(BRAND, app_id)
        assert owner is not None
        assert client is not None
        states.append((answer.json()["app"]["enabled"], owner.enabled, client.enabled))
    assert states == [(False, False, False), (True, True, True)]
    assert [entry.action for entry in await house.audit()] == ["app.install", "app.disable", "app.enable"]


async def test_an_app_is_uninstalled(house: AppsHouse) -> None:
    app_id = (await install(house))["app"]["id"]
    assert (await house.call("DELETE", f"{MANAGEMENT}/{app_id}")).status_code == 200
    assert (await house.call("GET", f"{MANAGEMENT}/{app_id}")).status_code == 404
    assert (await house.call("GET", MANAGEMENT)).json() == {"revision": 2, "items": []}


async def test_a_secret_is_rotated_and_the_rotation_finished(house: AppsHouse) -> None:
    body = await install(house)
    app_id = body["app"]["id"]
    rotated = (await house.call("POST", f"{MANAGEMENT}/{app_id}/rotate-secret", {"overlap_seconds": 60})).json()
    assert rotated["client_secret"] != body["client_secret"]
    old, new = rotated["app"]["secrets"]
    assert (old["not_after"], old["signs_webhooks"]) == (1_700_000_060_000, True)
    assert (new["not_after"], new["signs_webhooks"]) == (None, False)
    health = (await house.call("GET", f"{MANAGEMENT}/{app_id}/health")).json()
    assert health["rotation_ends_at"] == 1_700_000_060_000
    again = await house.call("POST", f"{MANAGEMENT}/{app_id}/rotate-secret")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "rotation_under_way")
    finished = (await house.call("POST", f"{MANAGEMENT}/{app_id}/finish-rotation")).json()
    assert [secret["secret_id"] for secret in finished["app"]["secrets"]] == [new["secret_id"]]
    texts = json.dumps([dict(entry.detail) for entry in await house.audit()])
    assert rotated["client_secret"] not in texts


async def test_a_rotation_takes_the_servers_overlap_by_default(house: AppsHouse) -> None:
    app_id = (await install(house))["app"]["id"]
    rotated = (await house.call("POST", f"{MANAGEMENT}/{app_id}/rotate-secret")).json()
    assert rotated["app"]["secrets"][0]["not_after"] == 1_700_086_400_000


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", "malformed_json"),
        (b'{"overlap_seconds": -1}', "invalid_body"),
        (b'{"overlap_seconds": 7776001}', "invalid_body"),
        (b'{"overlap_seconds": "60"}', "invalid_body"),
        (b'{"overlap_seconds": true}', "invalid_body"),
        (b'{"overlap": 1}', "invalid_body"),
        (b"[]", "invalid_body"),
    ],
)
async def test_a_malformed_rotation_is_refused(house: AppsHouse, content: bytes, code: str) -> None:
    app_id = (await install(house))["app"]["id"]
    before = await house.state()
    answer = await house.call("POST", f"{MANAGEMENT}/{app_id}/rotate-secret", content=content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert await house.state() == before


async def test_health_names_placeholders_that_are_left(house: AppsHouse) -> None:
    webhook = {"endpoint": "https://your/webhooks/endpoint"}
    app_id = (await install(house, capabilities={"webhooks": {CONTENT_EVENT: webhook}}))["app"]["id"]
    health = (await house.call("GET", f"{MANAGEMENT}/{app_id}/health")).json()
    assert health["status"] == "warning"
    assert [(finding["code"], finding["path"]) for finding in health["findings"]] == [
        ("placeholder_host", f"/capabilities/webhooks/{CONTENT_EVENT}/endpoint")
    ]


@pytest.mark.parametrize(
    ("days", "status", "shown"), [(31, "good", []), (30, "warning", ["ends_soon"]), (0, "bad", ["ended"])]
)
async def test_health_tells_of_client_certificates_that_end(
    house: AppsHouse, days: int, status: str, shown: list[str]
) -> None:
    body = connector()
    del body["capabilities"]["broadcast"], body["x-team"]
    app_id = (await house.call("POST", MANAGEMENT, body)).json()["app"]["id"]
    ends = house.clock.now_ms() + days * 86_400_000
    columns: dict[str, Any] = dict.fromkeys(("subject", "issuer", "fingerprint"), "x")
    columns |= dict.fromkeys(("chain", "private_key"), b"x") | dict.fromkeys(("not_before", "created_at"), 0)
    columns |= {"account_id": BRAND, "owner_id": app_id, "event_key": "default", "certificate_id": "crt_1"}
    await house.db.write(lambda tx: tx.insert(client_certificates, {**columns, "not_after": ends}))
    health = (await house.call("GET", f"{MANAGEMENT}/{app_id}/health")).json()
    assert health["status"] == status
    assert health["webhooks"]["client_certificates"] == [
        {"event": "default", "not_after": ends, "state": state} for state in shown
    ]


async def test_an_app_without_findings_is_in_good_health(house: AppsHouse) -> None:
    body = connector()
    del body["capabilities"]["broadcast"], body["x-team"]
    app_id = (await house.call("POST", MANAGEMENT, body)).json()["app"]["id"]
    health = (await house.call("GET", f"{MANAGEMENT}/{app_id}/health")).json()
    assert (health["status"], health["findings"], health["logo"]["state"]) == ("good", [], "none")
    assert health["webhooks"] == {
        "state": "up",
        "since": 1_700_000_000_000,
        "next_attempt_at": None,
        "disabled": [],
        "client_certificates": [],
    }


CALLS = [
    ("GET", ""),
    ("GET", "/{id}"),
    ("GET", "/{id}/health"),
    ("GET", "/{id}/export"),
    ("POST", "/{id}/diff"),
    ("POST", ""),
    ("PUT", "/{id}"),
    ("DELETE", "/{id}"),
    ("POST", "/{id}/enable"),
    ("POST", "/{id}/disable"),
    ("POST", "/{id}/rotate-secret"),
    ("POST", "/{id}/finish-rotation"),
]
READS = 5


@pytest.mark.parametrize(
    ("user", "status", "calls"),
    [("agent", 403, CALLS), ("developer", 403, CALLS[READS:]), ("foreign", 401, CALLS), (None, 401, CALLS)],
)
async def test_who_may_not_is_refused_and_nothing_changes(
    house: AppsHouse, user: str | None, status: int, calls: list[tuple[str, str]]
) -> None:
    app_id = (await install(house))["app"]["id"]
    before = await house.state()
    for method, path in calls:
        body = connector(client_name="other") if method in {"POST", "PUT"} else None
        answer = await house.call(method, MANAGEMENT + path.format(id=app_id), body, user=user)
        assert answer.status_code == status, (method, path)
    assert await house.state() == before


async def test_a_developer_may_read(house: AppsHouse) -> None:
    app_id = (await install(house))["app"]["id"]
    for method, path in CALLS[:READS]:
        body = connector() if method == "POST" else None
        answer = await house.call(method, MANAGEMENT + path.format(id=app_id), body, user="developer")
        assert answer.status_code == 200, (method, path)


@pytest.mark.parametrize("app_id", [NOBODY, "x", "%00"])
async def test_an_unknown_app_is_404_everywhere(house: AppsHouse, app_id: str) -> None:
    for method, path in CALLS:
        if "{id}" in path:
            body = connector() if path.endswith(("diff", "{id}")) and method != "GET" else None
            answer = await house.call(method, MANAGEMENT + path.format(id=app_id), body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "app_unknown"), (method, path)


async def test_another_accounts_admin_does_not_see_the_app(house: AppsHouse) -> None:
    app_id = (await install(house))["app"]["id"]
    elsewhere = MANAGEMENT.replace(BRAND, OTHER_BRAND)
    assert (await house.call("GET", f"{elsewhere}/{app_id}", user="foreign")).status_code == 404


@pytest.mark.parametrize(
    ("retry", "is_best_effort"),
    [
        ({"ordering": "best_effort"}, True),
        ({"ordering": "strict"}, False),
        ({}, False),
        ({"ordering": "best_effort", "retention_time": 60}, False),
    ],
)
async def test_the_order_of_retries_reaches_the_deliveries(
    house: AppsHouse, retry: dict[str, object], is_best_effort: bool
) -> None:
    webhook = {"endpoint": "https://connector.example.com/content", "max_retries": 3}
    app_id = (await install(house, capabilities={"webhooks": {CONTENT_EVENT: webhook, "retry": retry}}))["app"]["id"]
    owner = await house.owner(app_id)
    assert owner is not None
    assert owner.is_best_effort is is_best_effort


async def test_the_api_describes_itself(house: AppsHouse) -> None:
    described = (await house.call("GET", "/switchbay/v1/openapi.json", user=None)).json()["paths"]
    base = "/accounts/{account}/apps"
    verbs = [
        "conversations/{decision}",
        "diff",
        "disable",
        "enable",
        "export",
        "finish-rotation",
        "health",
        "revoke-tokens",
        "rotate-secret",
    ]
    verbs += ["secrets", "secrets/{secret_id}"]
    assert sorted(described) == [base, f"{base}/{{app_id}}", *(f"{base}/{{app_id}}/{verb}" for verb in verbs)]
    install = described[base]["post"]
    assert "application/json" in install["requestBody"]["content"]
    assert [parameter["name"] for parameter in install["parameters"]] == ["account", "set", "strict"]
