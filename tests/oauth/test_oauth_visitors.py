"""Consumers who come by themselves: sign-up from pages and programs, renewal, what their tokens are good for."""

import base64
import json
from typing import Any

import httpx
import pytest

from support.oauth_stage import ACCOUNT, OTHER_ACCOUNT, Stage
from switchbay.accounts.public import OPERATOR, AccountChange
from switchbay.kit.errors import AppError
from switchbay.oauth.domain import KeyPurpose
from switchbay.oauth.protocol import visitor_token
from switchbay.oauth.service.visitors import Visitors
from switchbay.oauth.store.sign_ups import purge_sign_ups, take_sign_up

PAGE = "https://www.example.com"
SIGN_UP = f"/api/account/{ACCOUNT}/signup"
AUTHORIZE = f"/api/account/{ACCOUNT}/anonymous/authorize"
DAY_SECONDS = 86_400


@pytest.fixture
async def shop(stage: Stage) -> Stage:
    """The server, whose account has a page with a messenger."""
    await allow(stage, PAGE)
    return stage


async def allow(stage: Stage, *origins: str, account: str = ACCOUNT) -> None:
    await stage.accounts.update_account(account, AccountChange(web_origins=origins), OPERATOR)


async def post(stage: Stage, path: str, body: object = None, origin: str | None = PAGE) -> httpx.Response:
    headers = {} if origin is None else {"Origin": origin}
    content = b"" if body is None else json.dumps(body).encode()
    return await stage.http.post(path, content=content, headers=headers)


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return claims


async def sign_up(stage: Stage, body: object = None) -> str:
    answer = await post(stage, SIGN_UP, body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["jwt"])


async def test_a_page_signs_its_visitor_up(shop: Stage) -> None:
    answer = await post(shop, SIGN_UP)
    assert (answer.status_code, list(answer.json())) == (200, ["jwt"])
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert (answer.headers["vary"], answer.headers["cache-control"]) == ("Origin", "no-store")
    now = shop.clock.now_ms()
    claims = claims_of(answer.json()["jwt"])
    consumer_id = claims.pop("sub")
    assert claims == {
        "aud": f"acc:{ACCOUNT}",
        "iss": "Switchbay web identity",
        "iat": now // 1000,
        "exp": now // 1000 + 7 * DAY_SECONDS,
    }
    visitor = await shop.server.visitors.verify(ACCOUNT, answer.json()["jwt"])
    assert (visitor.account_id, visitor.consumer_id) == (ACCOUNT, consumer_id)
    assert (len(consumer_id), visitor.expires_at) == (64, claims["exp"] * 1000)


async def test_a_program_names_no_origin_and_may_sign_up(shop: Stage) -> None:
    answer = await post(shop, SIGN_UP, origin=None)
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


async def test_each_visitor_is_somebody_else(shop: Stage) -> None:
    assert claims_of(await sign_up(shop))["sub"] != claims_of(await sign_up(shop))["sub"]


async def test_a_token_is_renewed_for_the_same_consumer_even_when_it_has_expired(shop: Stage) -> None:
    first = await sign_up(shop)
    shop.clock.advance(seconds=8 * DAY_SECONDS)
    with pytest.raises(AppError) as refused:
        await shop.server.visitors.verify(ACCOUNT, first)
    assert refused.value.code == "consumer_token_invalid"
    second = await sign_up(shop, {"jwt": first})
    assert claims_of(second)["sub"] == claims_of(first)["sub"]
    assert claims_of(second)["exp"] == claims_of(first)["exp"] + 8 * DAY_SECONDS


async def test_a_token_of_a_month_ago_shows_nobody(shop: Stage) -> None:
    first = await sign_up(shop)
    shop.clock.advance(seconds=visitor_token.RENEWAL_SECONDS)
    answer = await post(shop, SIGN_UP, {"jwt": first})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "consumer_token_invalid")
    assert answer.headers["access-control-allow-origin"] == PAGE


async def test_the_documented_way_with_two_tokens(shop: Stage) -> None:
    first = (await post(shop, AUTHORIZE)).json()["token"]
    assert claims_of(first)["exp"] - claims_of(first)["iat"] == 600
    shop.clock.advance(seconds=700)
    identity = (await post(shop, AUTHORIZE, {"id_token": first})).json()["token"]
    for path, body in (
        (f"/api/account/{ACCOUNT}/app/connector-1/authenticate?v=3.0", {"id_token": identity}),
        (f"/api/account/{ACCOUNT}/authenticate", {"authCode": identity}),
    ):
        answer = await post(shop, path, body)
        assert (answer.status_code, list(answer.json())) == (200, ["token", "jwt"])
        visitor = await shop.server.visitors.verify(ACCOUNT, answer.json()["token"])
        assert visitor.consumer_id == claims_of(first)["sub"]


async def test_identity_and_session_tokens_do_not_stand_in_for_each_other(shop: Stage) -> None:
    identity = (await post(shop, AUTHORIZE)).json()["token"]
    session = await sign_up(shop)
    with pytest.raises(AppError):
        await shop.server.visitors.verify(ACCOUNT, identity)
    exchange = f"/api/account/{ACCOUNT}/authenticate"
    for path, body in ((SIGN_UP, {"jwt": identity}), (AUTHORIZE, {"id_token": session}), (exchange, {})):
        assert (await post(shop, path, body)).status_code == 401
    assert (await post(shop, exchange, {"authCode": session})).status_code == 401
    shop.clock.advance(seconds=600)
    assert (await post(shop, exchange, {"authCode": identity})).status_code == 401


async def test_a_visitors_token_is_no_token_of_an_application(shop: Stage) -> None:
    session = await sign_up(shop)
    with pytest.raises(AppError) as refused:
        await shop.server.oauth.verify_consumer_token(ACCOUNT, session)
    assert refused.value.code == "consumer_token_invalid"
    with pytest.raises(AppError):
        await shop.server.oauth.verify_app_token(ACCOUNT, session)


async def test_the_token_that_an_application_got_for_its_consumer_is_good_too(shop: Stage) -> None:
    claims: dict[str, object] = {"account_id": ACCOUNT, "ext_consumer_id": "kim", "lp_consumer_id": "a" * 64}
    at = shop.clock.now_ms() // 1000
    claims |= {"iss": "Switchbay consumer identity", "iat": at, "exp": at + 60}
    token = await shop.server.keys.sign(ACCOUNT, KeyPurpose.CONSUMER, json.dumps(claims).encode())
    assert (await shop.server.visitors.verify(ACCOUNT, token)).consumer_id == "a" * 64
    shop.clock.advance(seconds=60)
    with pytest.raises(AppError):
        await shop.server.visitors.verify(ACCOUNT, token)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "x" * 20_000])
async def test_what_is_no_token_is_refused(shop: Stage, token: str) -> None:
    with pytest.raises(AppError) as refused:
        await shop.server.visitors.verify(ACCOUNT, token)
    assert refused.value.code == ("consumer_token_invalid" if token else "consumer_token_missing")


async def test_a_token_of_another_account_is_refused(shop: Stage) -> None:
    await allow(shop, "*", account=OTHER_ACCOUNT)
    foreign = (await post(shop, f"/api/account/{OTHER_ACCOUNT}/signup")).json()["jwt"]
    with pytest.raises(AppError):
        await shop.server.visitors.verify(ACCOUNT, foreign)
    assert (await post(shop, SIGN_UP, {"jwt": foreign})).status_code == 401


@pytest.mark.parametrize("path", [SIGN_UP, AUTHORIZE])
async def test_an_account_without_web_origins_has_no_sign_up(stage: Stage, path: str) -> None:
    for origin in (None, PAGE):
        answer = await post(stage, path, origin=origin)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "web_messaging_off")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://www.example.com"])
async def test_a_page_of_another_origin_is_refused_and_may_read_why(shop: Stage, origin: str) -> None:
    answer = await post(shop, SIGN_UP, origin=origin)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_not_allowed")
    assert answer.headers["access-control-allow-origin"] == origin
    preflight = await shop.http.options(SIGN_UP, headers={"Origin": origin})
    assert preflight.status_code == 403
    assert "access-control-allow-origin" not in preflight.headers


async def test_a_page_asks_beforehand(shop: Stage) -> None:
    answer = await shop.http.options(SIGN_UP, headers={"Origin": PAGE, "Access-Control-Request-Method": "POST"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, PAGE)
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert answer.headers["access-control-allow-headers"] == "content-type"
    assert (await shop.http.options(SIGN_UP)).json()["error"]["code"] == "origin_missing"


async def test_an_unknown_account_is_not_found(stage: Stage) -> None:
    answer = await post(stage, "/api/account/nobody/signup")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "account_unknown")


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"jwt": 1}', b"x" * 30_000])
async def test_an_odd_body_is_refused_and_the_page_may_read_why(shop: Stage, body: bytes) -> None:
    answer = await shop.http.post(SIGN_UP, content=body, headers={"Origin": PAGE})
    assert answer.status_code in {400, 413}
    assert answer.headers["access-control-allow-origin"] == PAGE


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_nodes_count_together(shop: Stage) -> None:
    here = shop.server.visitors
    there = Visitors(
        shop.db,
        here._keys,
        shop.clock,
        shop.randomness,
        shop.accounts,
        here._tokens,
        token_seconds=60,
        per_minute=60,
    )
    for place in range(60):
        await (here, there)[place % 2].sign_up(ACCOUNT, None, "203.0.113.7")
    for node in (here, there):
        with pytest.raises(AppError) as error:
            await node.sign_up(ACCOUNT, None, "203.0.113.7")
        assert (error.value.code, error.value.retry_after) == ("sign_up_throttled", 1)
    await there.sign_up(ACCOUNT, None, "203.0.113.8")
    await there.sign_up(OTHER_ACCOUNT, None, "203.0.113.7")
    shop.clock.advance(seconds=1)
    await here.sign_up(ACCOUNT, None, "203.0.113.7")


async def test_a_count_is_taken_evenly_and_forgotten(stage: Stage) -> None:
    async def take(at: int) -> int:
        return await stage.db.write(lambda tx: take_sign_up(tx, ACCOUNT, "net", gap=20_000, now=at))

    assert [await take(0) for _ in range(4)] == [0, 0, 0, 20_000]
    assert [await take(20_000) for _ in range(2)] == [0, 20_000]
    assert await take(39_999) == 1
    assert await stage.db.write(lambda tx: purge_sign_ups(tx, 79_999, 10)) == 0
    assert await stage.db.write(lambda tx: purge_sign_ups(tx, 80_000, 10)) == 1
    assert await take(80_000) == 0


async def test_one_network_gets_so_many_tokens_in_a_minute(shop: Stage) -> None:
    for _ in range(60):
        assert (await post(shop, SIGN_UP, {"jwt": "x"})).status_code == 401
    answer = await post(shop, SIGN_UP)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "sign_up_throttled")
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["access-control-allow-origin"] == PAGE
    shop.clock.advance(seconds=1)
    assert (await post(shop, SIGN_UP)).status_code == 200
    assert (await post(shop, SIGN_UP)).status_code == 429
