"""The management API of reports, for administrators, campaign managers and agent managers."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from switchbay.accounts.public import Accounts, Role, require
from switchbay.engagement.reports.service import Reports
from switchbay.engagement.reports.wire import render_csv, render_report
from switchbay.infra.web import json_response

_LARGEST_ID: Final = 2**62
_Id = Annotated[int | None, Query(ge=0, le=_LARGEST_ID)]
_Time = Annotated[str | None, Query(max_length=40)]


def router(reports: Reports, accounts: Accounts) -> APIRouter:
    """The route ``/accounts/{account}/reports/engagements``."""

    async def reader(request: Request, account: str) -> None:
        require(
            await accounts.authenticate(account, request.headers.get("authorization")),
            Role.ADMIN,
            Role.CAMPAIGN_MANAGER,
            Role.AGENT_MANAGER,
        )

    api = APIRouter(prefix="/accounts/{account}/reports", tags=["engagements"], dependencies=[Depends(reader)])

    @api.get("/engagements")
    async def report_engagements(
        account: str,
        since: Annotated[_Time, Query(alias="from")] = None,
        until: Annotated[_Time, Query(alias="to")] = None,
        by: Annotated[str | None, Query(max_length=60)] = None,
        campaign: _Id = None,
        engagement: _Id = None,
        form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
    ) -> Response:
        """What became of offers, by campaign and engagement or as ``by`` says; the last seven days by default."""
        report = await reports.report(
            account, since=since, until=until, by=by, campaign_id=campaign, engagement_id=engagement
        )
        if form == "csv":
            disposition = {"Content-Disposition": 'attachment; filename="engagements.csv"', "Cache-Control": "no-store"}
            return Response(render_csv(report), media_type="text/csv; charset=utf-8", headers=disposition)
        return json_response(render_report(report), headers={"Cache-Control": "no-store"})

    return api
