"""Both methods: statuses, codes, ids, the order of work (sections 4.2 to 4.10 of the reference)."""

import re
from typing import Any

import pytest

from support.accounts_house import ACCOUNT, OTHER
from support.monitoring_stage import APP, ENGAGEMENT, OFF, REPORT, MonitoringStage, Talk, V, at_section, offer

_CART = {"type": "cart", "total": 12.5, "numItems": 1}


async def test_a_first_call_makes_a_session_and_offers_nothing_without_campaigns(stage: MonitoringStage) -> None:
    answer = await stage.engage()
    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == {"sessionId", "visitorId", "pageId"}
    assert re.fullmatch(r"[A-Za-z0-9]{22}", body["visitorId"])
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", body["sessionId"])
    assert re.fullmatch(r"[0-9]{10}", body["pageId"])


async def test_a_session_goes_on(stage: MonitoringStage) -> None:
    session = await stage.begin()
    answer = await stage.engage(session=session)
    assert answer.status_code == 200
    assert (answer.json()["visitorId"], answer.json()["sessionId"]) == (session["vid"], session["sid"])


async def test_an_offer_has_the_documented_members(stage: MonitoringStage) -> None:
    stage.publish(offer(10))
    answer = await stage.engage()
    assert answer.json()["engagementDetails"] == [
        {
            "campaignId": 1,
            "engagementId": 10,
            "engagementRevision": 3,
            "contextId": "1",
            "connectorId": 77,
            "status": "expose",
        }
    ]


async def test_window_and_language_are_told_where_they_are_configured(stage: MonitoringStage) -> None:
    stage.publish(offer(10, window_id=500, language="en-US", connector_id=None))
    [details] = (await stage.engage()).json()["engagementDetails"]
    assert (details["windowId"], details["language"]) == ("500", "en-US")
    assert "connectorId" not in details


async def test_versions_are_numbers(stage: MonitoringStage) -> None:
    for version in ("1", "1.0", "1.1", "01.10"):
        assert (await stage.engage(params={"v": version})).status_code == 201


async def test_other_versions_are_illegal(stage: MonitoringStage) -> None:
    for version in ("", "2.0", "1.2", "one", "1e0", "nan", "1.0.0"):
        answer = await stage.engage(params={"v": version})
        assert (answer.status_code, answer.json()["internalCode"]) == (400, 33), version
    assert await stage.rows() == [[], [], []]


async def test_errors_have_time_message_and_code(stage: MonitoringStage) -> None:
    answer = await stage.client.post(ENGAGEMENT, json={})
    assert answer.json() == {
        "time": stage.clock.now_ms(),
        "message": "Illegal API version: v must be 1.0 or 1.1.",
        "internalCode": 33,
    }


_NOT_THERE = [
    ("4711009", APP, 6),
    ("no-such-account", APP, 6),
    (ACCOUNT, "6c5a36a1-9b1f-4b4f-9a1e-0c7d3f1f2a09", 18),
    (ACCOUNT, OFF, 18),
    (ACCOUNT, "nonsense", 18),
    (OTHER, APP, 18),
]


async def test_accounts_and_apps_that_are_not_there(stage: MonitoringStage) -> None:
    for account, app, code in _NOT_THERE:
        answer = await stage.client.post(f"/api/account/{account}/app/{app}/engagement", params=V, json={})
        assert (answer.status_code, answer.json()["internalCode"]) == (404, code), (account, app)
    assert await stage.rows() == [[], [], []]


_NO_IDS = [
    ("vid", "short", 37),
    ("vid", "x" * 23, 37),
    ("vid", "x" * 21 + "!", 37),
    ("sid", "short", 39),
    ("sid", "x" * 22 + ".0", 39),
    ("sid", "x" * 5_000, 39),
]


async def test_ids_that_cannot_be_ids(stage: MonitoringStage) -> None:
    for name, value, code in _NO_IDS:
        answer = await stage.engage(params={name: value})
        assert (answer.status_code, answer.json()["internalCode"]) == (404, code), value
    assert await stage.rows() == [[], [], []]


async def test_ids_that_are_not_known_are_given_anew(stage: MonitoringStage) -> None:
    asked = {"vid": "v" * 22, "sid": "s" * 22 + "." + "0" * 40}
    answer = await stage.engage(session=asked)
    assert answer.status_code == 201
    assert (answer.json()["visitorId"], answer.json()["sessionId"]) != (asked["vid"], asked["sid"])
    assert answer.json()["visitorId"] != asked["vid"]


async def test_a_known_visitor_keeps_the_id_in_a_new_session(stage: MonitoringStage) -> None:
    session = await stage.begin()
    answer = await stage.engage(session={"vid": session["vid"]})
    assert answer.status_code == 201
    assert answer.json()["visitorId"] == session["vid"]
    assert answer.json()["sessionId"] != session["sid"]


async def test_a_session_of_another_visitor_is_not_entered(stage: MonitoringStage) -> None:
    session, other = await stage.begin(), await stage.begin()
    answer = await stage.engage(session={"vid": other["vid"], "sid": session["sid"]})
    assert answer.status_code == 201
    assert answer.json()["sessionId"] != session["sid"]


async def test_a_session_without_its_visitor_is_not_entered(stage: MonitoringStage) -> None:
    session = await stage.begin()
    answer = await stage.engage(session={"sid": session["sid"]})
    assert (answer.status_code, answer.json()["visitorId"] == session["vid"]) == (201, False)


_UNFIT = [
    b"",
    b"  ",
    b"{",
    b"[]",
    b"null",
    b"5",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"identities": [{"sub": "kim"}]}',
    b'{"identities": [{"sub": "", "acr": "0"}]}',
    b'{"identities": [{"sub": "k\\u0000m", "acr": "0"}]}',
    b'{"identities": [{"sub": "kim", "acr": "loa2"}]}',
    b'{"consumerId": 5}',
    b'{"clientProperties": {"ipAddress": "::1"}}',
    b'{"clientProperties": {"ipAddress": "300.1.1.1"}}',
    b'{"clientProperties": {"deviceFamily": "WATCH"}}',
    b'{"entryPoints": "sec://a"}',
    b'{"entryPoints": [5]}',
    b'{"pageId": "a b"}',
    b'{"pageId": "11\\n"}',
    b'{"clientProperties": {"ipAddress": "1.2.3.4\\n"}}',
    b'{"identities": [{"sub": "kim\\n", "acr": "0"}]}',
    b'{"engagementAttributes": [{"type": "viewedPrds"}]}',
    b'{"engagementAttributes": [{"total": 5}]}',
    b'{"engagementAttributes": {"type": "cart"}}',
    b'{"engagementAttributes": [{"type": "cart", "numItems": 1}]}',
    b'{"engagementAttributes": [{"type": "cart", "total": "nan", "numItems": 1}]}',
    b'{"engagementAttributes": [{"type": "cart", "total": 1, "numItems": 1.5}]}',
    b'{"engagementAttributes": [{"type": "service", "service": {"topic": "x", "status": 14}}]}',
    b'{"engagementAttributes": [{"type": "impDisplay", "campaign": 1, "engId": 1, "revision": 1}]}',
    b'{"engagementAttributes": [' + b",".join([b'{"type":"searchInfo","keywords":[]}'] * 101) + b"]}",
    b'{"consumerId": "' + b"x" * 300_000 + b'"}',
]


async def test_bodies_that_do_not_fit_are_400_5_and_store_nothing(stage: MonitoringStage) -> None:
    for content in _UNFIT:
        answer = await stage.client.post(ENGAGEMENT, params=V, content=content)
        assert (answer.status_code, answer.json()["internalCode"]) == (400, 5), content[:80]
    assert await stage.rows() == [[], [], []]


async def test_what_is_not_known_in_a_body_is_passed_over(stage: MonitoringStage) -> None:
    body = {"extra": {"a": 1}, "clientProperties": {"type": "x", "features": []}, "identities": None}
    assert (await stage.engage(body)).status_code == 201


async def test_an_open_conversation_comes_instead_of_an_offer(stage: MonitoringStage) -> None:
    stage.publish(offer(10))
    session = await stage.begin({"identities": [{"sub": "kim", "acr": "loa1", "iss": "https://id.example"}]})
    stage.conversations[ACCOUNT, "kim"] = Talk("conv-1", 1, 10)
    stage.told.clear()
    answer = await stage.engage(session=session)
    assert answer.json()["engagementDetails"] == [
        {
            "campaignId": 1,
            "engagementId": 10,
            "engagementRevision": 3,
            "conversationId": "conv-1",
            "connectorId": 77,
            "status": "conversation",
        }
    ]
    assert stage.told == []


async def test_a_conversation_is_found_by_the_old_consumer_id_in_a_new_session(stage: MonitoringStage) -> None:
    stage.publish(offer(10))
    stage.conversations[ACCOUNT, "kim"] = Talk("conv-1")
    answer = await stage.engage({"consumerId": "kim"})
    [details] = answer.json()["engagementDetails"]
    assert details == {"status": "conversation", "conversationId": "conv-1"}
    assert (await stage.engage({"consumerId": "lee"})).json()["engagementDetails"][0]["status"] == "expose"


async def test_the_same_offer_keeps_its_context(stage: MonitoringStage) -> None:
    stage.publish(offer(10))
    session = await stage.begin()
    for _ in range(2):
        [details] = (await stage.engage(session=session)).json()["engagementDetails"]
        assert details["contextId"] == "1"
    assert [one.kind for one in stage.told] == ["offered"]


async def test_another_offer_gets_the_next_context(stage: MonitoringStage) -> None:
    stage.publish(offer(10))
    session = await stage.begin()
    stage.publish(offer(11))
    [details] = (await stage.engage(session=session)).json()["engagementDetails"]
    assert (details["engagementId"], details["contextId"]) == (11, "2")


async def test_a_new_revision_gets_a_new_context(stage: MonitoringStage) -> None:
    stage.publish(offer(10))
    session = await stage.begin()
    stage.publish(offer(10, revision=4))
    [details] = (await stage.engage(session=session)).json()["engagementDetails"]
    assert (details["engagementRevision"], details["contextId"]) == (4, "2")


async def test_offers_follow_entry_points(stage: MonitoringStage) -> None:
    stage.publish(offer(10, locations=(at_section(5, "checkout"),)))
    session = await stage.begin({"entryPoints": ["sec://home"]})
    assert "engagementDetails" not in (await stage.engage(session=session)).json()
    answer = await stage.engage({"entryPoints": ["SEC://checkout", "lang://en-US"]}, session=session)
    assert answer.json()["engagementDetails"][0]["engagementId"] == 10
    assert (await stage.visit(session)).pages[-1].other == ("lang://en-US",)


async def test_entry_points_open_a_page_and_silence_stays_on_it(stage: MonitoringStage) -> None:
    first = (await stage.engage({"entryPoints": ["sec://home"], "pageId": "11"})).json()
    session = {"vid": first["visitorId"], "sid": first["sessionId"]}
    assert first["pageId"] == "11"
    assert (await stage.engage(session=session)).json()["pageId"] == "11"
    assert (await stage.engage({"entryPoints": ["sec://home"], "pageId": "11"}, session=session)).json()[
        "pageId"
    ] == "11"
    assert (await stage.visit(session)).page_count == 1
    second = (await stage.engage({"entryPoints": ["sec://home"]}, session=session)).json()["pageId"]
    assert re.fullmatch(r"[0-9]{10}", second)
    assert (await stage.visit(session)).page_count == 2


@pytest.mark.parametrize("send", ["put", "override"])
async def test_report_is_a_put_or_a_post_that_says_so(stage: MonitoringStage, send: str) -> None:
    body = {"consumerId": "kim", "engagementAttributes": [_CART]}
    if send == "put":
        answer = await stage.client.put(REPORT, params=V, json=body)
    else:
        answer = await stage.client.post(REPORT, params=V, json=body, headers={"X-HTTP-Method-Override": "put"})
    assert answer.status_code == 201
    assert set(answer.json()) == {"sessionId", "visitorId", "pageId"}
    plain = await stage.client.post(REPORT, params=V, json=body)
    assert plain.status_code == 405


@pytest.mark.parametrize("body", [{"consumerId": "kim"}, {"identities": [{"sub": "kim", "acr": "0"}]}])
async def test_a_report_needs_attributes(stage: MonitoringStage, body: dict[str, Any]) -> None:
    answer = await stage.client.put(REPORT, params=V, json=body)
    assert (answer.status_code, answer.json()["internalCode"]) == (400, 5)
    assert "engagementAttributes" in answer.json()["message"]
    answer = await stage.client.put(REPORT, params=V, json={**body, "engagementAttributes": []})
    assert answer.status_code == 201


async def test_a_report_needs_somebody(stage: MonitoringStage) -> None:
    answer = await stage.client.put(REPORT, params=V, json={"engagementAttributes": [_CART]})
    assert (answer.status_code, answer.json()["internalCode"]) == (400, 5)
    assert "consumerId" in answer.json()["message"]
    assert await stage.rows() == [[], [], []]
    answer = await stage.client.put(REPORT, params={**V, "vid": "v" * 22}, json={"engagementAttributes": [_CART]})
    assert answer.status_code == 201


async def test_a_report_goes_on_with_the_session_of_an_engagement(stage: MonitoringStage) -> None:
    session = await stage.begin({"entryPoints": ["sec://home"], "pageId": "11"})
    answer = await stage.report(_CART, session=session)
    assert (answer.status_code, answer.json()["pageId"]) == (200, "11")
    visit = await stage.visit(session)
    assert visit.cart is not None
    assert visit.cart.total == 12.5


async def test_any_page_may_ask_and_read_the_answer(stage: MonitoringStage) -> None:
    for path, method in ((ENGAGEMENT, "POST"), (REPORT, "PUT")):
        asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": method}
        answer = await stage.client.options(path, headers=asked)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert {"GET", "POST", "PATCH", method} <= set(answer.headers["access-control-allow-methods"].split(", "))
        allowed = set(answer.headers["access-control-allow-headers"].split(", "))
        assert {"Content-Type", "Accept", "Authorization", "X-HTTP-Method-Override", "If-Match"} <= allowed
    for status, params in ((201, V), (400, {})):
        answer = await stage.client.post(ENGAGEMENT, params=params, json={}, headers={"Origin": "null"})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, "null")
        assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in (await stage.engage()).headers
