"""Explanations of an engagement, and simulations of a campaign, over the management API."""

from typing import Any

from support.targeting_stage import TargetingStage

_CART = {"type": "cart_value", "min": 50.0}


def _checks(found: Any) -> dict[str, Any]:
    return {check["name"]: check["holds"] for check in found["checks"]}


async def test_made_up_visit_of_a_draft_is_explained_condition_by_condition(stage: TargetingStage) -> None:
    campaign, engagement = await stage.engagement(conditions=[_CART])
    visit = {"pages": [{"sections": ["Cart"]}], "cart": {"total": 20.0}}
    answer = await stage.post(f"/engagements/{engagement}/explain", {"visit": visit})
    found = answer.json()
    assert (answer.status_code, found["eligible"], found["campaignId"], found["chance"]) == (200, False, campaign, 0.0)
    assert _checks(found) == {
        "installation": True,
        "published": False,
        "control group": True,
        "audience": True,
        "entry point": True,
        "behaviour": False,
        "identity": True,
        "availability": True,
        "capability": True,
        "dismissed": True,
        "conversation": None,
    }
    assert found["checks"][1]["because"] == "the campaign is a draft"
    (behavior,) = found["checks"][5]["parts"]
    assert behavior["conditions"] == [
        {
            "type": "cart_value",
            "condition": {"min": 50.0},
            "holds": False,
            "included": False,
            "excluded": False,
            "read": {"total": 20.0, "lastTotalChange": 0.0},
        }
    ]


async def test_published_engagement_that_may_be_offered_says_its_chance(stage: TargetingStage) -> None:
    ids = [await stage.engagement(conditions=[_CART], priority=priority) for priority in ("high", "low")]
    for campaign, _ in ids:
        await stage.house.call("POST", f"/campaigns/{campaign}/publish")
    visit = {"pages": [{"at": -60_000, "sections": ["cart"]}], "cart": {"total": 50.0}}
    found = (await stage.post(f"/engagements/{ids[0][1]}/explain", {"visit": visit})).json()
    assert (found["eligible"], found["chance"], found["competing"]) == (True, 0.875, [ids[1][1]])
    other = {"visit": visit, "appInstallationId": "another app"}
    elsewhere = (await stage.post(f"/engagements/{ids[0][1]}/explain", other)).json()
    assert (elsewhere["eligible"], _checks(elsewhere)["installation"]) == (False, False)


async def test_session_that_goes_on_is_explained_by_its_ids(stage: TargetingStage) -> None:
    campaign, engagement = await stage.engagement()
    await stage.house.call("POST", f"/campaigns/{campaign}/publish")
    session = await stage.session(entry_points=("sec://cart",))
    answer = await stage.post(f"/engagements/{engagement}/explain", session, user="admin")
    found = answer.json()
    assert (found["eligible"], _checks(found)["conversation"]) == (True, True)
    elsewhere = await stage.session(entry_points=("sec://home",))
    found = (await stage.post(f"/engagements/{engagement}/explain", elsewhere)).json()
    assert (found["eligible"], _checks(found)["entry point"]) == (False, False)
    unknown = {**session, "sessionId": "A" * 22}
    assert (await stage.post(f"/engagements/{engagement}/explain", unknown)).json()["error"]["code"] == "visit_unknown"


async def test_explanations_refuse_what_they_cannot_read(stage: TargetingStage) -> None:
    _, engagement = await stage.engagement()
    path = f"/engagements/{engagement}/explain"
    both = {"visit": {}, "visitorId": "v", "sessionId": "s"}
    refused = {
        "visit_needed": [{}, {"visitorId": "v"}, both],
        "visit_invalid": [{"visit": {"cart": {"total": "much"}}}, {"visit": {"basket": {}}}],
        "invalid_body": [{"visit": 1}, {"visit": {}, "more": 1}],
    }
    for code, bodies in refused.items():
        for body in bodies:
            answer = await stage.post(path, body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    wrong = (await stage.post(path, {"visit": {"cart": {"total": "much"}}})).json()["error"]["message"]
    assert wrong == "The visit cannot be read: Expected `float`, got `str` - at `$.cart.total`."
    assert (await stage.post("/engagements/999/explain", {"visit": {}})).json()["error"]["code"] == "object_unknown"
    assert (await stage.post(path, {"visit": {}}, user="developer")).status_code == 403


async def test_simulation_counts_who_would_see_a_draft_and_what_holds_the_others(stage: TargetingStage) -> None:
    campaign, engagement = await stage.engagement(conditions=[_CART])
    cart, home = {"sections": ["cart"]}, {"sections": ["home"]}
    visits = [
        {"visitorId": "1", "pages": [cart], "cart": {"total": 80.0}},
        {"visitorId": "2", "pages": [cart], "cart": {"total": 8.0}},
        {"visitorId": "3", "pages": [home], "cart": {"total": 80.0}},
        {"visitorId": "4", "pages": [home]},
    ]
    answer = await stage.post(f"/campaigns/{campaign}/simulate", {"visits": visits})
    found = answer.json()
    assert (answer.status_code, found["visits"], found["offered"], found["offeredOthers"]) == (200, 4, 1, 0)
    assert found["engagements"] == [
        {
            "engagementId": engagement,
            "engagementName": "Anything",
            "eligible": 1,
            "offered": 1,
            "heldBy": {"behaviour": 2, "entry point": 2},
            "heldOnlyBy": {"behaviour": 1, "entry point": 1},
            "notMet": {"cart_value": 2, "section": 2},
        }
    ]
    read = await stage.house.read(f"/campaigns/{campaign}")
    assert read["status"] == "draft"  # nothing was stored


async def test_made_up_crowd_is_the_same_for_the_same_seed(stage: TargetingStage) -> None:
    campaign, _ = await stage.engagement(conditions=[_CART], controlGroup={"percentage": 25})
    path = f"/campaigns/{campaign}/simulate"
    first, again, other = [(await stage.post(path, {"count": 150, "seed": seed})).json() for seed in (5, 5, 6)]
    assert first == again
    assert first["engagements"] != other["engagements"]
    assert 0 < first["offered"] < 150
    assert 15 < first["inCampaignControl"] < 60


async def test_simulation_is_bounded(stage: TargetingStage) -> None:
    campaign, _ = await stage.engagement()
    path = f"/campaigns/{campaign}/simulate"
    for body, code in (
        ({"count": 10_001}, "simulation_too_large"),
        ({"count": 0}, "simulation_too_large"),
        ({"visits": []}, "simulation_too_large"),
        ({"count": 1, "visits": []}, "crowd_needed"),
        ({"visits": [{}, {"cart": 1}]}, "visit_invalid"),
    ):
        answer = await stage.post(path, body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert (await stage.post("/campaigns/999/simulate", {"count": 1})).json()["error"]["code"] == "object_unknown"
