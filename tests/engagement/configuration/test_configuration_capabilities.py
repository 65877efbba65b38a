"""What an app's manifest lets an engagement be made of: refused with the manifest's line, on every way in."""

from typing import Any

import httpx

from support.campaigns_house import BRAND, EVERYTHING, NOTHING, CampaignsHouse
from switchbay.accounts.public import OPERATOR

AGE = {"type": "age", "min": 18}


def _findings(answer: httpx.Response) -> list[tuple[str, str]]:
    return [(each["path"], each["message"]) for each in answer.json()["error"]["detail"]["findings"]]


async def _refused(house: CampaignsHouse, answer: httpx.Response, before: object) -> list[tuple[str, str]]:
    """The findings of a refusal which stored nothing."""
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "capability_missing")
    assert await house.state() == before
    return _findings(answer)


async def test_an_engagement_keeps_to_every_line_of_its_apps_manifest(house: CampaignsHouse) -> None:
    app = await house.install(NOTHING)
    location = await house.make("locations", conditions=[{"type": "url", "include": [{"value": "/shop"}]}])
    behavior = await house.make(
        "behaviors", conditions=[{"type": "cart_value", "min": 5}, {"type": "about_to_abandon"}]
    )
    audience = await house.make("audiences", conditions=[AGE])
    goal = await house.make("goals", conditions=[{"type": "lead"}])
    window = await house.make("windows")
    campaign = await house.make("campaigns", audience=audience["id"], goal=goal["id"])
    before = await house.state()
    answer = await house.call(
        "POST",
        "/engagements",
        {
            "name": "All wrong",
            "campaignId": campaign["id"],
            "appInstallationId": app,
            "entryPoints": [location["id"]],
            "behaviors": [behavior["id"]],
            "windowId": window["id"],
            "presentation": {},
            "language": "en-US",
            "consumerIdentity": "unauth",
        },
    )
    line = 'App "com.example.shop": capabilities.engagement.'
    assert await _refused(house, answer, before) == [
        ("/entryPoints/0", f'{line}entry_point does not list "url"'),
        ("/behaviors/0", f'{line}visitor_behavior does not list "cart_value"'),
        ("/behaviors/0", f'{line}visitor_behavior does not list "about_to_abandon"'),
        ("/campaignId", f'{line}target_audience does not list "age"'),
        ("/campaignId", f'{line}goal does not list "lead"'),
        ("/consumerIdentity", f'{line}consumer_identity does not list "unauth"'),
        ("/windowId", f"{line}design_window is false"),
        ("/presentation", f"{line}design_engagement is false"),
        ("/language", f"{line}language_selection is false"),
    ]


async def test_items_without_conditions_are_always_allowed(house: CampaignsHouse) -> None:
    app = await house.install(NOTHING)
    ids = {name: (await house.make(name))["id"] for name in ("locations", "behaviors", "audiences", "goals")}
    campaign = await house.make("campaigns", audience=ids["audiences"], goal=ids["goals"])
    made = await house.make(
        "engagements",
        campaignId=campaign["id"],
        appInstallationId=app,
        consumerIdentity="auth",
        entryPoints=[ids["locations"]],
        behaviors=[ids["behaviors"]],
    )
    assert made["ineligible"] == []


async def test_an_app_that_does_not_speak_of_engagements_restricts_nothing(house: CampaignsHouse) -> None:
    app = await house.install(None)
    audience = await house.make("audiences", conditions=[AGE])
    campaign = await house.make("campaigns", audience=audience["id"])
    made = await house.make("engagements", campaignId=campaign["id"], appInstallationId=app, presentation={})
    assert made["ineligible"] == []


async def test_a_campaign_keeps_to_the_apps_of_all_its_engagements(house: CampaignsHouse) -> None:
    wide = await house.install(EVERYTHING, name="com.example.wide")
    narrow = await house.install(NOTHING, name="com.example.narrow")
    audience = await house.make("audiences", conditions=[AGE])
    goal = await house.make("goals", conditions=[{"type": "lead"}])
    campaign = await house.make("campaigns")
    for app in (wide, narrow):
        await house.make("engagements", campaignId=campaign["id"], appInstallationId=app, consumerIdentity="auth")
    before = await house.state()
    answer = await house.change("campaigns", campaign, audience=audience["id"], goal=goal["id"])
    assert await _refused(house, answer, before) == [
        ("/audience", 'App "com.example.narrow": capabilities.engagement.target_audience does not list "age"'),
        ("/goal", 'App "com.example.narrow": capabilities.engagement.goal does not list "lead"'),
    ]


async def test_an_engagement_is_not_attached_to_a_campaign_that_its_app_does_not_allow(house: CampaignsHouse) -> None:
    app = await house.install(NOTHING)
    audience = await house.make("audiences", conditions=[AGE])
    everybody, adults = await house.make("campaigns"), await house.make("campaigns", audience=audience["id"])
    engagement = await house.make(
        "engagements", campaignId=everybody["id"], appInstallationId=app, consumerIdentity="auth"
    )
    before = await house.state()
    reason = 'App "com.example.shop": capabilities.engagement.target_audience does not list "age"'
    moved = await house.change("engagements", engagement, campaignId=adults["id"])
    assert await _refused(house, moved, before) == [("/campaignId", reason)]
    copied = await house.call("POST", f"/engagements/{engagement['id']}/copy", {"campaignId": adults["id"]})
    assert await _refused(house, copied, before) == [("/campaignId", reason)]


async def test_a_shared_item_is_not_changed_into_what_bars_its_users(house: CampaignsHouse) -> None:
    app = await house.install(NOTHING)
    shared: dict[str, dict[str, Any]] = {
        name: await house.make(name) for name in ("locations", "behaviors", "audiences", "goals")
    }
    campaign = await house.make("campaigns", audience=shared["audiences"]["id"], goal=shared["goals"]["id"])
    engagement = await house.make(
        "engagements",
        name="Banner",
        campaignId=campaign["id"],
        appInstallationId=app,
        consumerIdentity="auth",
        entryPoints=[shared["locations"]["id"]],
        behaviors=[shared["behaviors"]["id"]],
    )
    before = await house.state()
    for name, condition, line in (
        ("locations", {"type": "url", "include": [{"value": "/"}]}, 'entry_point does not list "url"'),
        ("behaviors", {"type": "about_to_abandon"}, 'visitor_behavior does not list "about_to_abandon"'),
        ("audiences", AGE, 'target_audience does not list "age"'),
        ("goals", {"type": "lead"}, 'goal does not list "lead"'),
    ):
        refused = await house.change(name, shared[name], conditions=[condition])
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "users_barred")
        assert refused.json()["error"]["detail"] == {
            "users": [
                {
                    "type": "engagement",
                    "id": engagement["id"],
                    "name": "Banner",
                    "campaignId": campaign["id"],
                    "app": "com.example.shop",
                    "reasons": [f"capabilities.engagement.{line}"],
                }
            ],
            "count": 1,
        }
    assert await house.state() == before
    fine = await house.change("locations", shared["locations"], conditions=[{"type": "section", "include": ["shop"]}])
    assert fine.status_code == 200


async def test_an_engagement_whose_app_was_narrowed_stays_and_says_why_it_is_not_offered(house: CampaignsHouse) -> None:
    app = await house.install(EVERYTHING)
    audience = await house.make("audiences", conditions=[AGE, {"type": "gender", "genders": ["FEMALE"]}])
    campaign = await house.make("campaigns", status="published", audience=audience["id"])
    engagement = await house.make("engagements", campaignId=campaign["id"], appInstallationId=app)
    await house.narrow(app, {**EVERYTHING, "target_audience": ["gender"], "consumer_identity": ["auth"]})
    reasons = [
        'capabilities.engagement.target_audience does not list "age"',
        'capabilities.engagement.consumer_identity does not list "unauth"',
    ]
    assert (await house.read(f"/engagements/{engagement['id']}"))["ineligible"] == reasons
    assert (await house.read("/engagements"))[0]["ineligible"] == reasons
    await house.offers.refresh_once()
    assert (await house.published()).engagements[0].barred == tuple(reasons)


async def test_what_a_narrowed_app_bars_can_still_be_paused_switched_off_and_renamed(house: CampaignsHouse) -> None:
    app = await house.install(EVERYTHING)
    audience = await house.make("audiences", conditions=[AGE])
    campaign = await house.make("campaigns", status="published", audience=audience["id"])
    engagement = await house.make("engagements", campaignId=campaign["id"], appInstallationId=app)
    await house.narrow(app, NOTHING)
    assert (await house.call("POST", f"/campaigns/{campaign['id']}/pause")).status_code == 200
    assert (await house.change("audiences", audience, name="Adults")).status_code == 200
    before = await house.state()
    refused = await house.change("engagements", engagement, name="Other")
    assert len(await _refused(house, refused, before)) == 2
    assert (await house.change("engagements", engagement, name="Other", enabled=False)).status_code == 200
    more = await house.change("engagements", engagement, name="Other", enabled=False, language="en-US")
    assert _findings(more) == [
        ("/language", 'App "com.example.shop": capabilities.engagement.language_selection is false')
    ]


async def test_an_app_that_is_disabled_is_no_reason_to_refuse(house: CampaignsHouse) -> None:
    app = await house.install(EVERYTHING)
    await house.apps.set_enabled(BRAND, app, OPERATOR, enabled=False)
    campaign = await house.make("campaigns")
    made = await house.make("engagements", campaignId=campaign["id"], appInstallationId=app)
    assert made["ineligible"] == ["the app is disabled"]
