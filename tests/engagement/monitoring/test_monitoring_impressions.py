"""What is done with offers, and what is counted of it (section 5.2 of the reference)."""

from typing import Any

import pytest

from support.monitoring_stage import REPORT, MonitoringStage, V, campaign, offer
from switchbay.engagement.domain.conditions import PurchaseTotal
from switchbay.engagement.domain.happenings import Happening
from switchbay.engagement.domain.published import PublishedGoal


def _event(kind: str, context: str | None = "1", **more: Any) -> dict[str, Any]:
    event: dict[str, Any] = {"type": kind, "campaign": 1, "engId": 10, "revision": 3, **more}
    if context is not None:
        event["eContext"] = [{"type": "engagementContext", "id": context}]
    return event


async def test_displayed_clicked_and_dismissed_are_noted_and_counted_once(stage: MonitoringStage) -> None:
    stage.publish(offer(10))
    session = await stage.begin()
    for kind in ("impDisplay", "impDisplay", "impAccept", "impExpanded", "impTimeout", "impClose", "impClose"):
        stage.clock.advance(seconds=1)
        assert (await stage.report(_event(kind), session=session)).status_code == 200
    [context] = (await stage.visit(session)).contexts
    start = context.at
    assert (context.displayed, context.clicked, context.declined) == (start + 1_000, start + 3_000, start + 6_000)
    assert [one.kind for one in stage.told] == ["offered", "displayed", "accepted", "expanded", "timeout", "closed"]
    assert stage.told[1] == Happening(
        at=start + 1_000,
        kind="displayed",
        campaign_id=1,
        engagement_id=10,
        revision=3,
        context_id="1",
        visitor_id=session["vid"],
        session_id=session["sid"],
    )


async def test_a_dismissed_offer_stays_away(stage: MonitoringStage) -> None:
    stage.publish(offer(10))
    session = await stage.begin()
    await stage.report(_event("impClose", None), session=session)
    assert "engagementDetails" not in (await stage.engage(session=session)).json()


async def test_without_a_context_the_newest_of_that_revision_is_meant(stage: MonitoringStage) -> None:
    stage.publish(offer(10))
    session = await stage.begin()
    stage.publish(offer(10, revision=4))
    await stage.engage(session=session)
    await stage.report(_event("impTimeout", None), _event("impDisplay", None), session=session)
    first, second = (await stage.visit(session)).contexts
    assert (first.displayed is None, second.displayed is None) == (False, True)
    await stage.report(_event("impDisplay", None, revision=9), session=session)
    assert (await stage.visit(session)).contexts[1].displayed is not None


@pytest.mark.parametrize(
    "event",
    [
        _event("impDisplay", "2"),
        _event("impDisplay", campaign=2),
        _event("impDisplay", engId=11),
        _event("impClose", None, engId=11),
    ],
    ids=str,
)
async def test_events_about_what_was_not_offered_are_refused_whole(
    stage: MonitoringStage, event: dict[str, Any]
) -> None:
    stage.publish(offer(10))
    session = await stage.begin()
    stage.told.clear()
    before = await stage.rows()
    cart = {"type": "cart", "total": 1, "numItems": 1}
    answer = await stage.report(cart, _event("impDisplay"), event, session=session)
    assert (answer.status_code, answer.json()["internalCode"]) == (400, 5)
    assert (await stage.rows(), stage.told) == (before, [])


async def test_events_in_a_session_that_has_no_offers_are_refused_and_make_no_session(stage: MonitoringStage) -> None:
    stage.publish(offer(10))
    body = {"consumerId": "kim", "engagementAttributes": [_event("impDisplay")]}
    answer = await stage.client.put(REPORT, params=V, json=body)
    assert (answer.status_code, answer.json()["internalCode"]) == (400, 5)
    assert await stage.rows() == [[], [], []]


def _sale(**goal: Any) -> PublishedGoal:
    given: dict[str, Any] = {"id": 8, "revision": 1, "once_per_visit": False, "conversion_days": 7, **goal}
    return PublishedGoal(conditions=(PurchaseTotal(),), **given)


def _bought(order: str, total: float) -> dict[str, Any]:
    return {"type": "purchase", "orderId": order, "total": total}


def _goals(stage: MonitoringStage) -> list[tuple[int, str, float | None]]:
    return [(one.campaign_id, one.context_id, one.value) for one in stage.told if one.kind == "goal"]


async def test_a_goal_counts_once_the_offer_was_seen(stage: MonitoringStage) -> None:
    stage.publish(offer(10, campaign=campaign(goal=_sale())))
    session = await stage.begin()
    await stage.report(_bought("a", 5), session=session)
    assert _goals(stage) == []
    await stage.report(_event("impDisplay"), _bought("b", 6), _bought("b", 6), _bought("c", 7), session=session)
    assert _goals(stage) == [(1, "1", 6), (1, "1", 7)]
    assert (await stage.visit(session)).goals == {8: 2}


async def test_a_goal_may_count_once_per_visit(stage: MonitoringStage) -> None:
    stage.publish(offer(10, campaign=campaign(goal=_sale(once_per_visit=True))))
    session = await stage.begin()
    await stage.report(_event("impDisplay"), _bought("a", 5), _bought("b", 6), session=session)
    await stage.report(_bought("c", 7), session=session)
    assert _goals(stage) == [(1, "1", 5)]


async def test_a_goal_counts_in_later_visits_for_so_many_days(stage: MonitoringStage) -> None:
    stage.publish(offer(10, campaign=campaign(goal=_sale())))
    session = await stage.begin()
    await stage.report(_event("impDisplay"), session=session)
    stage.clock.advance(seconds=6 * 24 * 3_600)
    later = await stage.begin(session={"vid": session["vid"]})
    await stage.report(_bought("a", 5), session=later)
    [goal] = [one for one in stage.told if one.kind == "goal"]
    assert (goal.session_id, goal.goal_id, goal.value) == (session["sid"], 8, 5)
    stage.clock.advance(seconds=25 * 3_600)
    last = await stage.begin(session={"vid": session["vid"]})
    await stage.report(_bought("b", 5), session=last)
    assert len(_goals(stage)) == 1
