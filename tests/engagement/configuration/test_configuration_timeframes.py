"""Time frames of campaigns in their time zones, and the statuses that they go through."""

from datetime import UTC, datetime

import pytest

from support.campaigns_house import EVERYTHING, CampaignsHouse
from switchbay.engagement.configuration.domain.timeframes import end_of, is_local_time, is_time_zone, start_of


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp()) * 1000


@pytest.mark.parametrize(
    ("local", "zone", "start", "end"),
    [
        ("2026-11-28T09:00:00", "UTC", "2026-11-28T09:00:00Z", "2026-11-28T09:00:00Z"),
        ("2026-11-28T09:00", "Europe/Berlin", "2026-11-28T08:00:00Z", "2026-11-28T08:00:00Z"),
        ("2026-07-28T09:00:00", "Europe/Berlin", "2026-07-28T07:00:00Z", "2026-07-28T07:00:00Z"),
        ("2026-03-08T09:00:00", "America/New_York", "2026-03-08T13:00:00Z", "2026-03-08T13:00:00Z"),
        # Not on any clock: from 2 to 3 clocks are set forward.
        ("2026-03-29T02:30:00", "Europe/Berlin", "2026-03-29T01:30:00Z", "2026-03-29T01:30:00Z"),
        ("2026-03-08T02:30:00", "America/New_York", "2026-03-08T07:30:00Z", "2026-03-08T07:30:00Z"),
        # Twice: at 3 clocks are set back to 2.
        ("2026-10-25T02:30:00", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"),
        ("2026-11-01T01:30:00", "America/New_York", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"),
        ("2026-11-28T09:00:00", "Asia/Kathmandu", "2026-11-28T03:15:00Z", "2026-11-28T03:15:00Z"),
    ],
)
def test_local_times_are_instants_of_their_zone(local: str, zone: str, start: str, end: str) -> None:
    assert (start_of(local, zone), end_of(local, zone)) == (_ms(start), _ms(end))


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-28",
        "2026-11-28 09:00:00",
        "2026-13-01T00:00:00",
        "2026-11-28T24:00:00",
        "0999-01-01T00:00:00",
        "now",
        "",
    ],
)
def test_what_is_no_local_time(text: str) -> None:
    assert not is_local_time(text)


def test_names_of_time_zones_are_those_of_the_database() -> None:
    assert is_time_zone("Europe/Berlin")
    assert not is_time_zone("Europe/Atlantis")
    assert not is_time_zone("/usr/share/zoneinfo/UTC")


async def test_a_campaign_is_drafted_published_paused_and_published_again(house: CampaignsHouse) -> None:
    campaign = await house.make("campaigns")
    before = await house.state()
    refused = await house.call("POST", "/campaigns/1/pause")
    (finding,) = refused.json()["error"]["detail"]["findings"]
    assert (refused.status_code, finding["code"], finding["path"]) == (400, "status_impossible", "/status")
    assert await house.state() == before
    for path, status in (("publish", "published"), ("pause", "paused"), ("publish", "published")):
        answer = await house.call("POST", f"/campaigns/{campaign['id']}/{path}")
        assert (answer.status_code, answer.json()["status"]) == (200, status)
    back = await house.change("campaigns", campaign, status="draft")
    assert back.json()["error"]["detail"]["findings"][0]["code"] == "status_impossible"
    actions = [entry.action for entry in await house.audit()]
    assert actions == ["campaign.create", "campaign.publish", "campaign.pause", "campaign.publish"]
    assert (await house.audit())[1].detail["status"] == {"from": "draft", "to": "published"}


async def test_publishing_twice_changes_nothing(house: CampaignsHouse) -> None:
    await house.make("campaigns", status="published")
    again = await house.call("POST", "/campaigns/1/publish")
    assert (again.status_code, again.json()["revision"]) == (200, 1)
    stale = await house.call("POST", "/campaigns/1/pause", if_match="1")
    assert stale.status_code == 412


async def test_a_campaign_that_is_over_is_not_published_but_may_be_changed(house: CampaignsHouse) -> None:
    assert house.clock.now_ms() == _ms("2023-11-14T22:13:20Z")
    frame = {"expirationDate": "2023-11-14T23:30:00", "timeZone": "Europe/Berlin"}
    running = await house.make("campaigns", status="published", **frame)
    draft = await house.make("campaigns", **frame)
    house.clock.advance(seconds=1000)
    refused = await house.call("POST", f"/campaigns/{draft['id']}/publish")
    (finding,) = refused.json()["error"]["detail"]["findings"]
    assert (finding["code"], finding["path"]) == ("campaign_over", "/expirationDate")
    assert (await house.change("campaigns", running, name="Over")).status_code == 200


async def test_a_design_is_public_for_the_current_revision_of_what_is_offered(house: CampaignsHouse) -> None:
    app = await house.install(EVERYTHING)
    window = await house.make("windows", design={"titles": {"en-US": "Hello", "": "Hi"}})
    campaign = await house.make("campaigns", status="published")
    engagement = await house.make(
        "engagements",
        campaignId=campaign["id"],
        appInstallationId=app,
        windowId=window["id"],
        language="en-US",
        skillId=8,
        presentation={"format": "banner", "position": "top", "texts": {"en-US": "Need help?"}},
    )
    address = f"/api/account/4711001/app/{app}/engagement/{engagement['id']}"
    shown = await house.call("GET", f"{address}/1/design", user=None, headers={"Origin": "https://shop.example.com"})
    assert shown.status_code == 200
    assert shown.headers["access-control-allow-origin"] == "https://shop.example.com"
    assert shown.headers["cache-control"] == "public, max-age=60"
    assert shown.json() == {
        "presentation": engagement["presentation"],
        "window": window["design"],
        "language": "en-US",
        "campaignId": campaign["id"],
        "engagementId": engagement["id"],
        "revision": 1,
        "skillId": 8,
    }
    same = await house.call("GET", f"{address}/1/design", user=None, headers={"If-None-Match": shown.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    allowed = await house.call("OPTIONS", f"{address}/1/design", user=None, headers={"Origin": "https://a.example"})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (204, "https://a.example")
    await house.change("engagements", engagement, skillId=7)
    await house.call("POST", f"/campaigns/{campaign['id']}/pause")
    paused = await house.call("GET", f"{address}/2/design", user=None, headers={"Origin": "https://a.example"})
    assert (paused.status_code, paused.json()["error"]["code"]) == (404, "design_unknown")
    assert paused.headers["access-control-allow-origin"] == "https://a.example"
    await house.call("POST", f"/campaigns/{campaign['id']}/publish")
    for path, status in (
        (f"{address}/2/design", 200),
        (f"{address}/1/design", 404),
        (f"{address}/x/design", 404),
        (f"/api/account/4711002/app/{app}/engagement/{engagement['id']}/2/design", 404),
        (f"/api/account/4711001/app/other/engagement/{engagement['id']}/2/design", 404),
    ):
        answer = await house.call("GET", path, user=None)
        assert (path, answer.status_code) == (path, status)
