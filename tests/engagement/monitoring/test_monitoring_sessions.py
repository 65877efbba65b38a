"""How long sessions last, who comes back, from where, and how many may begin."""

import asyncio
from pathlib import Path

import pytest
from msgspec import structs

from support.accounts_house import ACCOUNT
from support.monitoring_stage import HOME, MonitoringStage, at_section, monitoring_on, offer
from support.places import OSLO, write_places
from switchbay.engagement.domain.visit import VisitIdentity
from switchbay.engagement.monitoring.errors import Refusal
from switchbay.engagement.monitoring.service import Options
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import ManualClock
from switchbay.infra.vault import Vault

_HOUR = 3_600
_WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120 Safari/537.36"


async def test_a_session_ends_after_half_an_hour_of_silence(stage: MonitoringStage) -> None:
    session = await stage.begin()
    stage.clock.advance(seconds=1_799)
    assert (await stage.engage(session=session)).status_code == 200
    stage.clock.advance(seconds=1_800)
    with pytest.raises(Refusal) as ended:
        await stage.visit(session)
    assert (ended.value.status, ended.value.code) == (404, 12)
    answer = await stage.engage(session=session)
    assert answer.status_code == 201
    assert answer.json()["visitorId"] == session["vid"]
    assert answer.json()["sessionId"] != session["sid"]


async def test_a_session_ends_after_six_hours(stage: MonitoringStage) -> None:
    session = await stage.begin()
    for _ in range(6 * 3 - 1):
        stage.clock.advance(seconds=_HOUR / 3)
        assert (await stage.engage(session=session)).status_code == 200
    stage.clock.advance(seconds=_HOUR / 3)
    assert (await stage.engage(session=session)).status_code == 201


async def test_nothing_of_an_ended_session_is_in_the_next_one(stage: MonitoringStage) -> None:
    stage.publish(offer(10))
    cart = {"type": "cart", "total": 5, "numItems": 1}
    session = await stage.begin({"engagementAttributes": [cart]})
    stage.clock.advance(seconds=_HOUR)
    after = (await stage.engage(session=session)).json()
    visit = await stage.visit({"vid": after["visitorId"], "sid": after["sessionId"]})
    assert (visit.cart, visit.page_count, len(visit.contexts)) == (None, 1, 1)
    assert visit.is_returning


async def test_a_visitor_returns_with_the_id_of_an_earlier_session(stage: MonitoringStage) -> None:
    session = await stage.begin()
    assert not (await stage.visit(session)).is_returning
    again = await stage.begin(session={"vid": session["vid"]})
    assert (await stage.visit(again)).is_returning


async def test_a_clock_that_is_behind_ends_nothing_and_turns_nothing_back(stage: MonitoringStage) -> None:
    session = await stage.begin({"entryPoints": ["sec://a"]})
    before = await stage.visit(session)
    stage.clock.advance(seconds=-_HOUR)
    assert (await stage.engage({"entryPoints": ["sec://b"]}, session=session)).status_code == 200
    after = await stage.visit(session)
    assert (after.seen, after.pages[1].at) == (before.seen, before.seen)


async def test_too_many_new_sessions_of_one_network_are_5xx_and_store_nothing(
    db: Database, clock: ManualClock, vault: Vault
) -> None:
    async with monitoring_on(db, clock, vault, Options(sessions_per_minute=3)) as stage:
        session = await stage.begin()
        await stage.begin()
        await stage.begin()
        before = await stage.rows()
        answer = await stage.engage()
        assert (answer.status_code, answer.json()["internalCode"]) == (503, 20)
        assert int(answer.headers["retry-after"]) > 0
        unknown = await stage.engage(session={"vid": "v" * 22, "sid": "s" * 22})
        assert unknown.status_code == 503
        assert await stage.rows() == before
        assert (await stage.engage(session=session)).status_code == 200
        stage.clock.advance(seconds=60)
        assert (await stage.engage()).status_code == 201


async def test_the_address_is_the_bodys_or_the_connections_unless_on_behalf(
    db: Database, clock: ManualClock, vault: Vault, tmp_path: Path
) -> None:
    path = tmp_path / "places.mmdb"
    write_places(path, a198_51_100_0_24=OSLO, a203_0_113_0_24={"city": {"names": {"en": "Lund"}}})
    async with monitoring_on(db, clock, vault, Options(geo_file=path)) as stage:
        session = await stage.begin()
        visit = await stage.visit(session)
        assert (visit.ip, visit.geo and visit.geo.city) == (HOME, "Oslo")
        other = {"clientProperties": {"ipAddress": "203.0.113.9"}}
        await stage.engage(other, session=session, params={"obh": "true"})
        visit = await stage.visit(session)
        assert (visit.ip, visit.geo and visit.geo.city) == ("203.0.113.9", "Lund")
        await stage.engage(session=session, params={"obh": "TRUE"})
        assert (await stage.visit(session)).ip == "203.0.113.9"
        nobody = await stage.begin(params={"obh": "true"}, headers={"User-Agent": _WINDOWS})
        visit = await stage.visit(nobody)
        assert (visit.ip, visit.geo, visit.user_agent, visit.device_family) == ("", None, "", "NA")


async def test_the_device_is_what_the_client_says_or_its_user_agent(stage: MonitoringStage) -> None:
    session = await stage.begin(headers={"User-Agent": _WINDOWS})
    visit = await stage.visit(session)
    assert (visit.device_family, visit.os, visit.user_agent) == ("DESKTOP", "WINDOWS", _WINDOWS)
    said = {"clientProperties": {"deviceFamily": "TABLET", "osName": "ANDROID", "appVersion": "1", "osVersion": "13"}}
    await stage.engage(said, session=session, headers={"User-Agent": _WINDOWS})
    await stage.engage(session=session, headers={"User-Agent": _WINDOWS + " Edg/120"})
    visit = await stage.visit(session)
    assert (visit.device_family, visit.os) == ("TABLET", "ANDROID")
    await stage.engage({"clientProperties": {"os": "IOS"}}, session=session)
    assert (await stage.visit(session)).os == "IOS"


async def test_identities_are_kept_and_updated(stage: MonitoringStage) -> None:
    session = await stage.begin({"identities": [{"sub": "anon", "acr": "0"}]})
    known = {"sub": "kim", "acr": "loa1", "iss": "https://id.example"}
    await stage.engage({"identities": [known], "consumerId": "old"}, session=session)
    await stage.engage({"identities": [{"sub": "anon", "acr": "loa1"}]}, session=session)
    assert (await stage.visit(session)).identities == (
        VisitIdentity(sub="anon", acr="loa1"),
        VisitIdentity(sub="kim", acr="loa1", iss="https://id.example"),
        VisitIdentity(sub="old", acr="loa1"),
    )


async def test_a_web_page_tells_where_the_visitor_came_from(stage: MonitoringStage) -> None:
    first = {
        "entryPoints": ["https://shop.example/tea"],
        "pageTitle": "Tea",
        "referrer": "https://www.bing.com/search?q=green+tea",
    }
    session = await stage.begin(first)
    await stage.engage({"entryPoints": ["https://shop.example/b"], "referrer": "https://x.example/"}, session=session)
    visit = await stage.visit(session)
    assert (visit.pages[0].url, visit.pages[0].title) == ("https://shop.example/tea", "Tea")
    assert (visit.external_referrer, visit.search_engine) == (first["referrer"], "bing")
    assert visit.search_keywords == ("green tea",)


async def test_time_on_locations_is_counted_when_a_page_ends(stage: MonitoringStage) -> None:
    stage.publish(offer(10, locations=(at_section(5, "a"), at_section(6, "a", "b"))))
    session = await stage.begin({"entryPoints": ["sec://a"]})
    stage.clock.advance(seconds=10)
    await stage.engage({"entryPoints": ["sec://b"]}, session=session)
    stage.clock.advance(seconds=5)
    await stage.engage({"entryPoints": ["sec://c"]}, session=session)
    stage.clock.advance(seconds=5)
    await stage.engage({"entryPoints": ["sec://a"]}, session=session)
    visit = await stage.visit(session)
    assert visit.millis_on == {5: 10_000, 6: 15_000}
    assert visit.visited == (5, 6)


async def test_requests_of_one_session_at_once_all_count(stage: MonitoringStage) -> None:
    session = await stage.begin()
    view = {"type": "prodView", "products": [{"product": {"sku": "t-1"}}]}
    answers = await asyncio.gather(*(stage.report(view, session=session) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len((await stage.visit(session)).viewed) == 20


async def test_sessions_are_not_seen_from_other_accounts(stage: MonitoringStage) -> None:
    session = await stage.begin()
    with pytest.raises(Refusal) as refused:
        await stage.monitoring.visit_of("4711002", session["vid"], session["sid"])
    assert (refused.value.status, refused.value.code) == (404, 39)


async def test_a_visit_that_is_locked_and_kept_is_read_back(stage: MonitoringStage) -> None:
    session = await stage.begin()

    async def take_up(tx: Tx) -> None:
        visit = await stage.monitoring.lock(tx, ACCOUNT, session["vid"], session["sid"])
        assert visit is not None
        await stage.monitoring.keep(tx, ACCOUNT, structs.replace(visit, search_engine="x"))
        other = await stage.monitoring.lock(tx, ACCOUNT, "v" * 22, session["sid"])
        assert other is None

    await stage.db.write(take_up)
    assert (await stage.visit(session)).search_engine == "x"
