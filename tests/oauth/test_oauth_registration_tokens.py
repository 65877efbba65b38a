"""Initial access tokens in the management API."""

from collections.abc import Mapping

import pytest
import sqlalchemy as sa

from support.accounts_house import HOME, PASSWORD
from support.oauth_stage import ACCOUNT, Stage
from switchbay.infra.db import Tx
from switchbay.oauth.domain import digest
from switchbay.oauth.service.initial_tokens import MOST_TOKENS
from switchbay.oauth.tables import initial_tokens

PATH = "/registration-tokens"
DAY = 86_400


async def hashes(stage: Stage) -> list[bytes]:
    """What is stored of the texts."""

    async def work(tx: Tx) -> list[bytes]:
        return [bytes(row[0]) for row in await tx.fetch(sa.select(initial_tokens.c.token_hash))]

    return await stage.db.read(work)


async def test_a_token_is_shown_once_and_stored_as_a_hash(stage: Stage) -> None:
    made = await stage.manage("POST", PATH, {"label": " team A ", "uses": 3, "expires_in": DAY})
    body = made.json()
    text = body.pop("token")
    assert made.status_code == 201
    assert text.startswith("swb_iat_")
    assert len(text) == len("swb_iat_") + 64
    now = stage.clock.now_ms()
    assert body == {
        "token_id": body["token_id"],
        "label": "team A",
        "uses_left": 3,
        "created_at": now,
        "created_by": "admin",
        "expires_at": now + DAY * 1000,
    }
    assert await hashes(stage) == [digest(text)]
    listed = await stage.manage("GET", PATH)
    assert listed.json() == {"items": [body]}
    assert text not in listed.text


async def test_a_token_serves_once_for_a_week_by_default(stage: Stage) -> None:
    made = (await stage.manage("POST", PATH, {"label": "x"})).json()
    assert (made["uses_left"], made["expires_at"] - made["created_at"]) == (1, 604_800_000)


async def test_the_newest_token_is_listed_first(stage: Stage) -> None:
    for label in ("one", "two", "three"):
        await stage.manage("POST", PATH, {"label": label})
        stage.clock.advance(ms=1)
    listed = (await stage.manage("GET", PATH)).json()["items"]
    assert [token["label"] for token in listed] == ["three", "two", "one"]


async def test_a_token_is_taken_back(stage: Stage) -> None:
    made = (await stage.manage("POST", PATH, {"label": "x"})).json()
    assert (await stage.manage("DELETE", f"{PATH}/{made['token_id']}")).status_code == 204
    assert (await stage.manage("GET", PATH)).json() == {"items": []}
    register = await stage.http.post(
        f"/oidc/{ACCOUNT}/register",
        json={"redirect_uris": ["https://app.example.org/"]},
        headers={"Authorization": f"Bearer {made['token']}"},
    )
    assert register.status_code == 401
    again = await stage.manage("DELETE", f"{PATH}/{made['token_id']}")
    assert (again.status_code, again.json()["error"]["code"]) == (404, "registration_token_unknown")
    page = await stage.accounts.list_audit(ACCOUNT, limit=200)
    actions = [entry.action for entry in page.entries if entry.object_type == "registration_token"]
    assert actions == ["registration_token.revoke", "registration_token.create"]


@pytest.mark.parametrize("user", ["agent", "developer", "foreign"])
async def test_only_administrators_of_the_account_have_to_do_with_tokens(stage: Stage, user: str) -> None:
    status = 401 if user == "foreign" else 403
    made = (await stage.manage("POST", PATH, {"label": "x"})).json()
    for method, path, body in (
        ("GET", PATH, None),
        ("POST", PATH, {"label": "y"}),
        ("DELETE", f"{PATH}/{made['token_id']}", None),
    ):
        assert (await stage.manage(method, path, body, user=user)).status_code == status
    assert len(await hashes(stage)) == 1


BAD: list[Mapping[str, object]] = [
    {},
    {"label": ""},
    {"label": "  "},
    {"label": "x" * 129},
    {"label": "a\x00b"},
    {"label": 5},
    {"label": "x", "uses": 0},
    {"label": "x", "uses": 1_001},
    {"label": "x", "uses": True},
    {"label": "x", "uses": "1"},
    {"label": "x", "expires_in": 0},
    {"label": "x", "expires_in": 31_536_001},
    {"label": "x", "expires_in": 1.5},
    {"label": "x", "forever": True},
]


async def test_a_token_that_cannot_be_is_not_made(stage: Stage) -> None:
    for body in BAD:
        answer = await stage.manage("POST", PATH, body)
        assert (answer.status_code, answer.json()["error"]["code"]) in {
            (400, "registration_token_invalid"),
            (400, "invalid_request"),
        }, body
    assert await hashes(stage) == []


async def test_an_account_has_a_hundred_tokens_at_most_and_old_ones_make_room(stage: Stage) -> None:
    for _ in range(MOST_TOKENS):
        assert (await stage.manage("POST", PATH, {"label": "x", "expires_in": 60})).status_code == 201
    full = await stage.manage("POST", PATH, {"label": "x"})
    assert (full.status_code, full.json()["error"]["code"]) == (409, "registration_tokens_full")
    stage.clock.advance(seconds=3_600)  # over, but still in the list
    assert (await stage.manage("POST", PATH, {"label": "x"})).status_code == 409
    assert len(await hashes(stage)) == MOST_TOKENS
    stage.clock.advance(seconds=30 * DAY)
    login = await stage.accounts.login(ACCOUNT, "admin", PASSWORD, HOME)
    stage.bearers["admin"] = login.bearer.reveal()
    assert (await stage.manage("POST", PATH, {"label": "x"})).status_code == 201
    assert len(await hashes(stage)) == 1
