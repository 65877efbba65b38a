"""Reports over the management API."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from support.accounts_house import PASSWORD
from support.monitoring_stage import offer
from support.offers_stage import ACCOUNT, OffersStage
from switchbay.accounts.public import OPERATOR, Role
from switchbay.engagement.reports.admin import router
from switchbay.infra.web import MANAGEMENT_EXCEPTION_HANDLERS

PATH = f"/accounts/{ACCOUNT}/reports/engagements"


@pytest.fixture
async def http(stage: OffersStage) -> AsyncIterator[httpx.AsyncClient]:
    api = FastAPI(exception_handlers=MANAGEMENT_EXCEPTION_HANDLERS)
    api.include_router(router(stage.reports, stage.talk.accounts))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="https://switchbay.test") as client:
        yield client


async def test_who_looks_after_campaigns_or_agents_reads_reports(stage: OffersStage, http: httpx.AsyncClient) -> None:
    stage.publish(offer())
    offered = await stage.offer()
    await stage.report(offered.session, offered.impression("impDisplay"))
    await stage.talk.accounts.create_user(ACCOUNT, "mia", PASSWORD, [Role.CAMPAIGN_MANAGER], OPERATOR)
    for user, status in (("ada", 200), ("mia", 200), ("bob", 403), ("dev", 403)):
        bearer = {"Authorization": f"Bearer {await stage.talk.bearer(user)}"}
        answer = await http.get(PATH, headers=bearer)
        assert answer.status_code == status, user
    bearer = {"Authorization": f"Bearer {await stage.talk.bearer('ada')}"}
    found = (await http.get(PATH, params={"by": "engagement", "engagement": "10"}, headers=bearer)).json()
    assert [(line["engagement_id"], line["displayed"]) for line in found["lines"]] == [(10, 1)]
    assert (await http.get(PATH)).status_code == 401
    exported = await http.get(PATH, params={"by": "campaign", "format": "csv"}, headers=bearer)
    assert exported.headers["content-type"] == "text/csv; charset=utf-8"
    assert exported.headers["content-disposition"] == 'attachment; filename="engagements.csv"'
    assert exported.text.splitlines()[1] == "1,,1,1,0,0,0,0,0,0.0"
    for given, code in (
        ({"from": "soon"}, "report_time_invalid"),
        ({"by": "hour,day"}, "report_part_unknown"),
        ({"campaign": "x"}, "invalid_request"),
        ({"campaign": str(2**63)}, "invalid_request"),
        ({"format": "xml"}, "invalid_request"),
        ({"from": "2026-11-28T\u0000"}, "report_time_invalid"),
    ):
        refused = await http.get(PATH, params=given, headers=bearer)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, code), given
