"""The state of a session, whether an offer was made, and bare lists of attributes (section 10 of the reference)."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from support.accounts_house import ACCOUNT, PASSWORD, cheap_passwords
from support.monitoring_stage import MonitoringStage, at_section, offer
from switchbay.accounts.public import OPERATOR, Accounts, Role
from switchbay.engagement.monitoring.neighbour_routes import routes
from switchbay.infra.machine import Randomness
from switchbay.infra.vault import Vault
from switchbay.infra.web import Application


@pytest.fixture
async def client(stage: MonitoringStage, vault: Vault) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the three calls; "bob" is an agent, "dev" a developer."""
    accounts = Accounts(stage.db, stage.clock, Randomness(), vault, password_hashing=cheap_passwords())
    for name, role in (("bob", Role.AGENT), ("dev", Role.DEVELOPER)):
        await accounts.create_user(ACCOUNT, name, PASSWORD, [role], OPERATOR)
    app = Application(routes(stage.monitoring, accounts, stage.clock))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://switchbay.test") as made:
        bearers = {name: (await accounts.login(ACCOUNT, name, PASSWORD, None)).bearer for name in ("bob", "dev")}
        made.headers["Authorization"] = f"Bearer {bearers['bob'].reveal()}"
        made.headers["X-Developer"] = f"Bearer {bearers['dev'].reveal()}"
        yield made


def _path(session: dict[str, str], rest: str, account: str = ACCOUNT) -> str:
    return f"/api/account/{account}/monitoring/visitors/{session['vid']}/visits/current/{rest}?v=1&sid={session['sid']}"


async def test_the_state_is_the_session_by_the_names_of_the_visit_api(
    stage: MonitoringStage, client: httpx.AsyncClient
) -> None:
    stage.publish(offer(10, locations=(at_section(5, "home"),)))
    attributes: list[dict[str, Any]] = [
        {"type": "personal", "personal": {"firstname": "Kim", "lastname": "Lee", "age": {"age": 30, "year": 1996}}},
        {"type": "ctmrinfo", "info": {"ctype": "VIP", "cstatus": "gold"}},
        {"type": "mrktInfo", "info": {"channel": 1}},
        {"type": "cart", "total": 9, "numItems": 1, "products": [{"product": {"name": "Tea"}, "quantity": 2}]},
        {"type": "service", "service": {"topic": "refund", "serviceId": "s"}},
        {"type": "service", "service": {"topic": "refund", "serviceId": "s"}},
    ]
    session = await stage.begin({"entryPoints": ["sec://home"], "pageId": "7", "engagementAttributes": attributes})
    stage.clock.advance(seconds=2)
    answer = await client.get(_path(session, "state"))
    assert answer.status_code == 200
    state = answer.json()
    assert state["id"] == session["sid"]
    assert state["personalInfo"] == {
        "name": "Kim",
        "surname": "Lee",
        "customerAgeInYears": 30,
        "customerYearOfBirth": 1996,
    }
    assert state["customerInfo"] == {"customerType": "VIP", "customerStatus": "gold"}
    assert state["marketingCampaignInfo"] == {"originatingChannel": 1}
    assert state["cart"]["products"] == [{"product": {"name": "Tea"}, "quantity": 2}]
    assert [(one["serviceSeqId"], one["repeatedServiceActivity"]) for one in state["serviceActivity"]] == [
        (1, False),
        (2, True),
    ]
    [page] = state["pages"]
    assert (page["id"], page["sections"], page["timeOnPage"], page["revActiveOSLs"]) == ("7", ["home"], 2_000, {"5": 1})
    [engagement] = state["engagements"]
    assert (engagement["id"], engagement["state"], engagement["pageId"]) == ("1", "EXPOSED", "7")


async def test_the_state_is_for_people_who_may_read_conversations(
    stage: MonitoringStage, client: httpx.AsyncClient
) -> None:
    session = await stage.begin()
    for given, status in (("", 401), ("Bearer x", 401), (client.headers["X-Developer"], 403)):
        answer = await client.get(_path(session, "state"), headers={"Authorization": given})
        assert (answer.status_code, answer.json()["internalCode"]) == (status, 10)


async def test_sessions_that_are_over_or_never_were_have_no_state(
    stage: MonitoringStage, client: httpx.AsyncClient
) -> None:
    session = await stage.begin()
    for path, code in (
        (_path({**session, "sid": "short"}, "state"), 39),
        (_path({**session, "vid": "short"}, "state"), 37),
        (_path({**session, "sid": "s" * 22}, "state"), 39),
        (_path(session, "state", "4711009"), 6),
    ):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["internalCode"]) == (404, code), path
    stage.clock.advance(seconds=1_800)
    answer = await client.get(_path(session, "state"))
    assert (answer.status_code, answer.json()["internalCode"]) == (404, 12)


async def test_an_offer_of_the_session_is_valid_and_no_other(stage: MonitoringStage, client: httpx.AsyncClient) -> None:
    stage.publish(offer(10))
    session = await stage.begin()
    for context, status in (("1", 200), ("2", 404)):
        path = _path(session, f"campaigns/1/engagements/10/contexts/{context}")
        assert (await client.get(path, headers={"Authorization": ""})).status_code == status


async def test_attributes_may_come_as_a_bare_list(stage: MonitoringStage, client: httpx.AsyncClient) -> None:
    session = await stage.begin()
    cart = {"type": "cart", "total": 9, "numItems": 1}
    answer = await client.post(_path(session, "events"), json=[cart])
    assert answer.status_code == 200
    visit = await stage.visit(session)
    assert visit.cart is not None
    assert visit.cart.total == 9
    refused = await client.post(_path(session, "events"), json=[{**cart, "type": "basket"}])
    assert (refused.status_code, refused.json()["internalCode"]) == (400, 5)
    gone = await client.post(_path({**session, "sid": "s" * 22}, "events"), json=[cart])
    assert (gone.status_code, gone.json()["internalCode"]) == (404, 39)
