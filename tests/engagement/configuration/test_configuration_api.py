"""The configuration API: statuses, bodies and headers, to the letter."""

import asyncio

from support.campaigns_house import BASE, BRAND, EVERYTHING, OTHER_BASE, OTHER_BRAND, CampaignsHouse
from switchbay.engagement.configuration.store import find_names

ALL_DAY = {"type": "section", "include": ["shop"]}


async def test_a_location_is_made_read_listed_and_changed(house: CampaignsHouse) -> None:
    made = await house.call("POST", "/locations", {"name": "Shop", "conditions": [ALL_DAY]})
    assert (made.status_code, made.headers["ac-revision"]) == (201, "1")
    assert made.headers["content-type"] == "application/json"
    expected = {
        "id": 1,
        "name": "Shop",
        "description": "",
        "revision": 1,
        "deleted": False,
        "conditions": [ALL_DAY],
    }
    assert made.json() == expected
    assert await house.read("/locations/1") == expected
    changed = await house.call("PUT", "/locations/1", {**expected, "name": "Shops"}, if_match="1")
    assert (changed.status_code, changed.headers["ac-revision"]) == (200, "2")
    assert changed.json() == {**expected, "name": "Shops", "revision": 2}
    assert await house.read("/locations") == [changed.json()]


async def test_a_campaign_has_its_defaults_and_names_its_engagements(house: CampaignsHouse) -> None:
    app = await house.install(EVERYTHING)
    campaign = await house.make("campaigns", name="Spring")
    assert campaign == {
        "id": 1,
        "name": "Spring",
        "description": "",
        "revision": 1,
        "deleted": False,
        "status": "draft",
        "startDate": None,
        "expirationDate": None,
        "timeZone": "UTC",
        "goal": None,
        "audience": None,
        "priority": "medium",
        "controlGroup": {"percentage": 10},
        "engagements": [],
    }
    engagement = await house.make("engagements", campaignId=1, appInstallationId=app)
    assert engagement == {
        "id": 2,
        "name": "Anything",
        "description": "",
        "revision": 1,
        "deleted": False,
        "campaignId": 1,
        "enabled": True,
        "appInstallationId": app,
        "entryPoints": [],
        "behaviors": [],
        "language": None,
        "skillId": -1,
        "windowId": None,
        "connectorId": None,
        "consumerIdentity": "unauth",
        "presentation": None,
        "ineligible": [],
    }
    assert (await house.read("/campaigns/1"))["engagements"] == [2]
    assert (await house.read("/campaigns"))[0]["engagements"] == [2]
    assert await house.read("/campaigns/1/engagements") == [engagement]
    assert await house.read("/engagements?campaignId=1") == [engagement]


async def test_what_was_read_may_be_written_back_and_changes_nothing(house: CampaignsHouse) -> None:
    app = await house.install(EVERYTHING)
    campaign = await house.make("campaigns")
    await house.make("engagements", campaignId=campaign["id"], appInstallationId=app)
    before = await house.read("/campaigns/1")
    again = await house.call("PUT", "/campaigns/1", before)
    assert (again.status_code, again.json()) == (200, before)
    assert [entry.action for entry in await house.audit()] == ["campaign.create", "engagement.create"]


async def test_put_may_be_said_in_a_post(house: CampaignsHouse) -> None:
    one = await house.make("goals")
    for headers in ({}, {"X-HTTP-Method-Override": "PUT"}):
        renamed = await house.call(
            "POST", f"/goals/{one['id']}", {**one, "name": f"Goal {len(headers)}"}, headers=headers
        )
        assert (renamed.status_code, renamed.json()["name"]) == (200, f"Goal {len(headers)}")
    gone = await house.call("POST", f"/goals/{one['id']}", headers={"X-HTTP-Method-Override": "DELETE"})
    assert (gone.status_code, gone.json()["deleted"]) == (200, True)


async def test_an_empty_account_lists_nothing_at_revision_zero(house: CampaignsHouse) -> None:
    for path in ("/audiences", "/audiences/", "/audiences?limit=5&after=0"):
        answer = await house.call("GET", path)
        assert (answer.status_code, answer.json(), answer.headers["ac-revision"]) == (200, [], "0")


async def test_a_list_is_read_in_pages(house: CampaignsHouse) -> None:
    for name in ("a", "b", "c"):
        await house.make("goals", name=name)
    assert [one["name"] for one in await house.read("/goals?limit=2")] == ["a", "b"]
    assert [one["name"] for one in await house.read("/goals?limit=2&after=2")] == ["c"]
    refused = await house.call("GET", "/goals?limit=0")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "query_invalid")


async def test_a_stale_revision_and_none_are_refused(house: CampaignsHouse) -> None:
    one = await house.make("windows")
    before = await house.state()
    stale = await house.call("PUT", "/windows/1", {**one, "name": "New"}, if_match="7")
    missing = await house.call("DELETE", "/windows/1", if_match=None)
    assert (stale.status_code, stale.json()["error"]["code"]) == (412, "revision_stale")
    assert (missing.status_code, missing.json()["error"]["code"]) == (428, "revision_missing")
    assert (stale.headers["ac-revision"], missing.headers["ac-revision"]) == ("1", "1")
    assert await house.state() == before


async def test_engagements_of_one_campaign_are_listed_as_all_others_are(house: CampaignsHouse) -> None:
    app = await house.install(EVERYTHING)
    location = await house.make("locations")
    one, other = await house.make("campaigns"), await house.make("campaigns")
    some = [
        await house.make("engagements", campaignId=one["id"], appInstallationId=app, entryPoints=[location["id"]])
        for _ in range(3)
    ]
    await house.make("engagements", campaignId=other["id"], appInstallationId=app)
    await house.call("DELETE", f"/engagements/{some[0]['id']}", if_match="*")

    async def ids(query: str) -> list[int]:
        return [each["id"] for each in await house.read(query)]

    of_one = f"/engagements?campaignId={one['id']}"
    assert await ids(of_one) == [some[1]["id"], some[2]["id"]]
    assert await ids(f"{of_one}&limit=1") == [some[1]["id"]]
    assert await ids(f"{of_one}&after={some[1]['id']}") == [some[2]["id"]]
    assert await ids(f"{of_one}&includeDeleted=true") == [each["id"] for each in some]
    # What uses another object is no engagement of a campaign, and a campaign holds nothing but engagements.
    assert await ids(f"/engagements?campaignId={location['id']}") == []
    assert await ids(f"/locations?campaignId={one['id']}") == []


async def test_a_deleted_object_is_gone_but_kept(house: CampaignsHouse) -> None:
    one = await house.make("connectors", type="auth", issuer="https://issuer.example.com")
    gone = await house.call("DELETE", f"/connectors/{one['id']}", if_match="1")
    assert (gone.status_code, gone.headers["ac-revision"]) == (200, "2")
    assert gone.json() == {**one, "deleted": True, "revision": 2}
    assert (await house.call("GET", "/connectors/1")).status_code == 404
    assert await house.read("/connectors") == []
    assert await house.read("/connectors?includeDeleted=true") == [gone.json()]


async def test_the_names_of_deleted_objects_are_known_to_reports(house: CampaignsHouse) -> None:
    for name in ("Spring", "Summer"):
        await house.make("campaigns", name=name)
    await house.call("DELETE", "/campaigns/1")
    assert await house.db.read(lambda tx: find_names(tx, BRAND, [1, 2, 3])) == {1: "Spring", 2: "Summer"}
    assert await house.db.read(lambda tx: find_names(tx, OTHER_BRAND, [1, 2])) == {}


async def test_what_is_used_cannot_be_deleted_and_tells_its_users(house: CampaignsHouse) -> None:
    app = await house.install(EVERYTHING)
    location = await house.make("locations")
    behavior = await house.make(
        "behaviors", name="Came by", conditions=[{"type": "visited_location", "include": [location["id"]]}]
    )
    campaign = await house.make("campaigns")
    engagement = await house.make(
        "engagements",
        name="Banner",
        campaignId=campaign["id"],
        appInstallationId=app,
        entryPoints=[location["id"]],
        behaviors=[behavior["id"]],
    )
    users = [
        {"type": "behavior", "id": behavior["id"], "name": "Came by"},
        {"type": "engagement", "id": engagement["id"], "name": "Banner"},
    ]
    before = await house.state()
    refused = await house.call("DELETE", f"/locations/{location['id']}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "object_in_use")
    assert refused.json()["error"]["detail"] == {"users": users, "count": 2}
    assert await house.state() == before
    assert await house.read(f"/locations/{location['id']}/users") == [
        users[0],
        {**users[1], "campaignId": campaign["id"]},
    ]
    await house.change("engagements", engagement, entryPoints=[])
    await house.change("behaviors", behavior, conditions=[])
    assert (await house.call("DELETE", f"/locations/{location['id']}")).status_code == 200


async def test_a_campaign_goes_with_its_engagements(house: CampaignsHouse) -> None:
    app = await house.install(EVERYTHING)
    audience = await house.make("audiences")
    campaign = await house.make("campaigns", audience=audience["id"])
    await house.make("engagements", campaignId=campaign["id"], appInstallationId=app)
    assert (await house.call("DELETE", f"/campaigns/{campaign['id']}")).status_code == 200
    assert await house.read("/engagements") == []
    assert (await house.call("DELETE", f"/audiences/{audience['id']}")).status_code == 200
    assert (await house.audit())[-2].detail == {"name": "Anything", "engagements": [3]}


async def test_only_administrators_and_campaign_managers_are_let_in(house: CampaignsHouse) -> None:
    for user, status, code in (
        ("admin", 200, ""),
        ("manager", 200, ""),
        ("developer", 403, "role_missing"),
        ("foreign", 401, "session_invalid"),
        (None, 401, "session_missing"),
    ):
        answer = await house.call("GET", "/campaigns", user=user)
        assert (user, answer.status_code) == (user, status)
        assert "ac-revision" in answer.headers
        if status != 200:
            assert answer.json()["error"]["code"] == code
    refused = await house.call("POST", "/campaigns", {"name": "x"}, user="developer")
    assert refused.status_code == 403
    assert await house.state() == [[], [], []]


async def test_what_does_not_exist_is_unknown(house: CampaignsHouse) -> None:
    for method, path in (
        ("GET", "/campaigns/1"),
        ("GET", "/campaigns/0"),
        ("GET", "/campaigns/99999999999999999999"),
        ("GET", "/campaigns/1%27"),
        ("GET", "/gadgets"),
        ("PUT", "/locations/9223372036854775807"),
        ("DELETE", "/goals/1"),
    ):
        answer = await house.call(method, path)
        assert (path, answer.status_code, answer.json()["error"]["code"]) == (path, 404, "object_unknown")


async def test_an_override_that_means_nothing_is_refused(house: CampaignsHouse) -> None:
    answer = await house.call("POST", "/goals", {"name": "x"}, headers={"X-HTTP-Method-Override": "PATCH"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "call_not_allowed")
    assert (answer.headers["allow"], answer.headers["ac-revision"]) == ("GET, POST", "0")


async def test_an_object_of_another_type_or_account_is_unknown(house: CampaignsHouse) -> None:
    goal = await house.make("goals")
    assert (await house.call("GET", f"/locations/{goal['id']}")).status_code == 404
    assert (await house.call("GET", f"{OTHER_BASE}/goals/{goal['id']}", user="foreign")).status_code == 404
    theirs = await house.make("goals", OTHER_BASE, "foreign")
    assert theirs["id"] == 1
    assert BASE.split("/")[3] == BRAND


async def test_settings_are_changed_and_time_zones_go_to_new_campaigns(house: CampaignsHouse) -> None:
    first = await house.call("GET", "/settings")
    default = {"controlGroup": {"percentage": 5}, "aboutToAbandon": "model", "timeZone": "UTC"}
    assert (first.json(), first.headers["ac-revision"]) == (default, "0")
    given = {"controlGroup": {"percentage": 0}, "aboutToAbandon": "off", "timeZone": "Europe/Berlin"}
    changed = await house.call("PUT", "/settings", given, if_match="0")
    assert (changed.status_code, changed.json(), changed.headers["ac-revision"]) == (200, given, "1")
    assert await house.read("/settings") == given
    assert (await house.make("campaigns"))["timeZone"] == "Europe/Berlin"
    published = await house.published()
    assert (published.control_percentage, published.about_to_abandon) == (0, "off")
    (entry, _) = await house.audit()
    assert (entry.action, entry.object_id) == ("engagement_settings.update", BRAND)
    assert entry.detail["aboutToAbandon"] == {"from": "model", "to": "off"}


async def test_the_audit_log_says_who_changed_what(house: CampaignsHouse) -> None:
    one = await house.make("audiences", name="Adults")
    await house.change("audiences", one, name="Grown-ups", conditions=[{"type": "age", "min": 18}])
    entry = (await house.audit())[-1]
    assert (entry.action, entry.object_type, entry.object_id, entry.actor.name) == (
        "audience.update",
        "audience",
        "1",
        "manager",
    )
    assert entry.detail == {
        "name": {"from": "Adults", "to": "Grown-ups"},
        "changed": ["conditions"],
    }


async def test_of_two_changes_at_the_same_revision_one_is_refused(house: CampaignsHouse) -> None:
    one = await house.make("goals")
    answers = await asyncio.gather(
        *(house.call("PUT", "/goals/1", {**one, "name": name}, if_match="1") for name in ("first", "second"))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    kept = next(answer.json() for answer in answers if answer.status_code == 200)
    assert await house.read("/goals/1") == kept


async def test_an_item_is_not_deleted_while_another_begins_to_use_it(house: CampaignsHouse) -> None:
    for _ in range(4):
        audience = await house.make("audiences")
        made, deleted = await asyncio.gather(
            house.call("POST", "/campaigns", {"name": "x", "audience": audience["id"]}),
            house.call("DELETE", f"/audiences/{audience['id']}"),
        )
        assert (made.status_code, deleted.status_code) in ((201, 409), (400, 200))


async def test_objects_made_at_once_get_ids_of_their_own(house: CampaignsHouse) -> None:
    await house.bearer("manager")
    made = await asyncio.gather(*(house.make("goals") for _ in range(8)))
    assert sorted(one["id"] for one in made) == list(range(1, 9))
    assert await house.configuration.find_revision(BRAND) == 8
