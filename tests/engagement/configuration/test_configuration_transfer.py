"""Copies, and campaigns as files: out of one account and into another one, all or nothing."""

from typing import Any

from support.campaigns_house import BRAND, EVERYTHING, NOTHING, OTHER_BASE, OTHER_BRAND, CampaignsHouse


async def _full_campaign(house: CampaignsHouse, app: str) -> dict[str, Any]:
    """A published campaign with an item of every type, and an engagement that uses them."""
    await house.make("goals", name="Unused")
    cart = await house.make("locations", name="Cart", conditions=[{"type": "section", "include": ["cart"]}])
    shop = await house.make("locations", name="Shop")
    came_by = await house.make(
        "behaviors", name="Came by", conditions=[{"type": "visited_location", "include": [cart["id"]]}]
    )
    adults = await house.make("audiences", name="Adults", conditions=[{"type": "age", "min": 18}])
    goal = await house.make("goals", name="Lead", conditions=[{"type": "lead"}])
    window = await house.make("windows", name="Window")
    connector = await house.make("connectors", name="Connector", type="auth")
    campaign = await house.make(
        "campaigns", name="Spring", status="published", audience=adults["id"], goal=goal["id"], priority="high"
    )
    await house.make(
        "engagements",
        name="Banner",
        campaignId=campaign["id"],
        appInstallationId=app,
        entryPoints=[shop["id"]],
        behaviors=[came_by["id"]],
        windowId=window["id"],
        connectorId=connector["id"],
        skillId=8,
    )
    return campaign


async def test_a_copy_of_a_campaign_is_a_draft_with_copies_of_its_engagements(house: CampaignsHouse) -> None:
    app = await house.install(EVERYTHING)
    campaign = await _full_campaign(house, app)
    copied = await house.call("POST", f"/campaigns/{campaign['id']}/copy")
    assert copied.status_code == 201
    copy = copied.json()
    assert (copy["name"], copy["status"], copy["revision"]) == ("Spring (copy)", "draft", 1)
    assert (copy["audience"], copy["goal"], copy["priority"]) == (campaign["audience"], campaign["goal"], "high")
    (old,) = await house.read(f"/campaigns/{campaign['id']}/engagements")
    (new,) = await house.read(f"/campaigns/{copy['id']}/engagements")
    assert new == {**old, "id": new["id"], "campaignId": copy["id"]}
    assert new["id"] not in (old["id"], copy["id"])
    named = await house.call("POST", f"/campaigns/{campaign['id']}/copy", {"name": "Summer"})
    assert named.json()["name"] == "Summer"
    refused = await house.call("POST", f"/campaigns/{campaign['id']}/copy", {"name": ""})
    assert refused.json()["error"]["code"] == "configuration_invalid"


async def test_a_copy_of_an_engagement_goes_to_its_campaign_or_another(house: CampaignsHouse) -> None:
    app = await house.install(EVERYTHING)
    campaign = await _full_campaign(house, app)
    (old,) = await house.read(f"/campaigns/{campaign['id']}/engagements")
    here = (await house.call("POST", f"/engagements/{old['id']}/copy")).json()
    assert here == {**old, "id": here["id"], "name": "Banner (copy)"}
    other = await house.make("campaigns")
    there = (
        await house.call("POST", f"/engagements/{old['id']}/copy", {"name": "B", "campaignId": other["id"]})
    ).json()
    assert there == {**old, "id": there["id"], "name": "B", "campaignId": other["id"]}
    assert (await house.call("POST", "/engagements/999/copy")).status_code == 404


async def test_a_campaign_moves_to_another_account_with_all_that_it_uses(house: CampaignsHouse) -> None:
    app = await house.install(EVERYTHING)
    theirs = await house.install(EVERYTHING, account=OTHER_BRAND)
    campaign = await _full_campaign(house, app)
    file = await house.read(f"/campaigns/{campaign['id']}/export")
    assert (file["format"], file["version"]) == ("switchbay-campaign", 1)
    assert file["apps"] == [{"id": app, "clientName": "com.example.shop"}]
    assert file["skills"] == [{"id": 8, "name": "Sales"}]
    assert [each["name"] for each in file["locations"]] == ["Cart", "Shop"]
    assert [each["name"] for each in file["goals"]] == ["Lead"]
    assert "revision" not in file["campaign"]
    await house.make("goals", OTHER_BASE, "foreign")  # so that ids differ
    made = await house.call("POST", f"{OTHER_BASE}/campaigns/import", file, user="foreign")
    assert (made.status_code, made.headers["ac-revision"]) == (201, "2")
    answer = made.json()
    assert (answer["dryRun"], answer["name"]) == (False, "Spring")
    assert {name: len(ids) for name, ids in answer["ids"].items()} == {
        "locations": 2,
        "behaviors": 1,
        "audiences": 1,
        "goals": 1,
        "windows": 1,
        "connectors": 1,
        "campaigns": 1,
        "engagements": 1,
    }
    shown = await house.call("GET", f"{OTHER_BASE}/campaigns/{answer['campaignId']}/export", user="foreign")
    again = shown.json()
    assert again["apps"] == [{"id": theirs, "clientName": "com.example.shop"}]
    ids = {int(old): new for some in answer["ids"].values() for old, new in some.items()}
    assert again["behaviors"][0]["conditions"] == [
        {"type": "visited_location", "include": [ids[file["locations"][0]["id"]]]}
    ]
    assert again["campaign"] == {
        **file["campaign"],
        "id": answer["campaignId"],
        "status": "draft",
        "audience": ids[campaign["audience"]],
        "goal": ids[campaign["goal"]],
    }
    (old,), (new,) = file["engagements"], again["engagements"]
    assert new == {
        **old,
        "id": ids[old["id"]],
        "campaignId": answer["campaignId"],
        "appInstallationId": theirs,
        "entryPoints": [ids[each] for each in old["entryPoints"]],
        "behaviors": [ids[each] for each in old["behaviors"]],
        "windowId": ids[old["windowId"]],
        "connectorId": ids[old["connectorId"]],
    }
    (entry,) = [
        each for each in (await house.accounts.list_audit(OTHER_BRAND, limit=50)).entries if "import" in each.action
    ]
    assert (entry.action, entry.object_id) == ("campaign.import", str(answer["campaignId"]))
    assert entry.detail == {"name": "Spring", "objects": 9}


async def test_a_dry_run_says_what_would_be_made_and_makes_nothing(house: CampaignsHouse) -> None:
    app = await house.install(EVERYTHING)
    campaign = await _full_campaign(house, app)
    file = await house.read(f"/campaigns/{campaign['id']}/export")
    before, revision = await house.state(), await house.configuration.find_revision(BRAND)
    tried = await house.call("POST", "/campaigns/import?dryRun=true", file)
    assert (tried.status_code, tried.headers["ac-revision"]) == (200, str(revision))
    assert tried.json()["campaignId"] is None
    assert tried.json()["ids"]["campaigns"] == {str(campaign["id"]): None}
    assert await house.state() == before
    assert [entry.action for entry in await house.audit()].count("campaign.import") == 0
    unclear = await house.call("POST", "/campaigns/import?dryRun=perhaps", file)
    assert unclear.json()["error"]["code"] == "query_invalid"


async def test_an_import_makes_everything_or_nothing(house: CampaignsHouse) -> None:
    app = await house.install(EVERYTHING)
    narrow = await house.install(NOTHING, name="com.example.narrow")
    campaign = await _full_campaign(house, app)
    file = await house.read(f"/campaigns/{campaign['id']}/export")
    before = await house.state()
    engagement = file["engagements"][0]
    wrong: list[tuple[dict[str, Any], str, str]] = [
        ({**file, "format": "other"}, "type_wrong", "/format"),
        ({**file, "version": 2}, "type_wrong", "/version"),
        ({**file, "gadgets": []}, "type_wrong", ""),
        ({**file, "locations": []}, "reference_unknown", "/behaviors/0/conditions/0/include/0"),
        ({**file, "locations": file["locations"] * 501}, "list_too_long", "/locations"),
        ({**file, "locations": [*file["locations"], file["locations"][0]]}, "choice_needed", "/locations/2/id"),
        ({**file, "windows": [{"name": "no id"}]}, "type_wrong", "/windows/0/id"),
        ({**file, "goals": [{**file["goals"][0], "name": ""}]}, "name_invalid", "/goals/0/name"),
        (
            {**file, "goals": [{**file["goals"][0], "conditions": [{"type": "x"}]}]},
            "type_wrong",
            "/goals/0/conditions/0/type",
        ),
        (
            {**file, "skills": [], "engagements": [{**engagement, "skillId": 9}]},
            "reference_unknown",
            "/engagements/0/skillId",
        ),
        (
            {**file, "apps": [], "engagements": [{**engagement, "appInstallationId": app[::-1]}]},
            "reference_unknown",
            "/engagements/0/appInstallationId",
        ),
    ]
    for body, code, path in wrong:
        answer = await house.call("POST", "/campaigns/import", body)
        finding = answer.json()["error"]["detail"]["findings"][0]
        assert (answer.status_code, finding["code"], finding["path"]) == (400, code, path)
    barred = {**file, "apps": [{"id": app, "clientName": "com.example.narrow"}]}
    answer = await house.call("POST", "/campaigns/import", barred)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "capability_missing")
    assert answer.json()["error"]["detail"]["findings"][0]["path"] == "/engagements/0/behaviors/0"
    assert narrow != app
    assert await house.state() == before


async def test_an_export_of_what_is_no_campaign_is_refused(house: CampaignsHouse) -> None:
    goal = await house.make("goals")
    assert (await house.call("GET", f"/campaigns/{goal['id']}/export")).status_code == 404


async def test_a_long_list_is_read_whole(house: CampaignsHouse) -> None:
    file = {
        "format": "switchbay-campaign",
        "version": 1,
        "campaign": {"id": 1, "name": "Spring"},
        "goals": [{"id": number, "name": f"Goal {number}"} for number in range(2, 303)],
    }
    assert (await house.call("POST", "/campaigns/import", file)).status_code == 201
    assert [one["name"] for one in await house.read("/goals")] == [f"Goal {number}" for number in range(2, 303)]
