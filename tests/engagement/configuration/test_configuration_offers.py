"""What is published, on the node of a change and on another one, and never half of a change."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from support.campaigns_house import BRAND, EVERYTHING, NOTHING, OTHER_BRAND, CampaignsHouse
from switchbay.accounts.public import OPERATOR
from switchbay.apps.public import Apps
from switchbay.engagement.configuration.publishing import Offers
from switchbay.engagement.targeting.semantics import Interpreter
from switchbay.infra.db import Database, open_database
from switchbay.infra.egress import Egress
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault
from switchbay.manifest.public import Options


async def _publish(house: CampaignsHouse, app: str, **members: object) -> dict[str, Any]:
    campaign = await house.make("campaigns", name="Spring", status="published")
    return await house.make("engagements", campaignId=campaign["id"], appInstallationId=app, **members)


async def test_nothing_is_published_of_an_account_without_campaigns(house: CampaignsHouse) -> None:
    for account in (BRAND, "nobody", "not an account's id!"):
        published = await house.published(account)
        assert (published.account_id, published.engagements, published.control_percentage) == (account, (), 5)


async def test_days_are_counted_in_the_time_zone_of_the_account(house: CampaignsHouse) -> None:
    assert (await house.published()).time_zone == "UTC"
    changed = await house.call("PUT", "/settings", {"timeZone": "Pacific/Auckland"}, if_match="*")
    assert changed.status_code == 200
    published = await house.published()
    assert published.time_zone == "Pacific/Auckland"
    # 23:00 UTC on 28 February is 1 March there: who was born on it has their birthday.
    assert Interpreter(published).today(1_772_319_600_000).isoformat() == "2026-03-01"


async def test_published_engagements_have_everything_resolved(house: CampaignsHouse) -> None:
    app = await house.install(EVERYTHING)
    location = await house.make("locations", conditions=[{"type": "url", "include": [{"value": "/shop"}]}])
    unused = await house.make("locations")
    behavior = await house.make("behaviors", conditions=[{"type": "cart_value", "min": 5}])
    audience = await house.make("audiences", conditions=[{"type": "age", "min": 18}])
    goal = await house.make("goals", conditions=[{"type": "lead"}], oncePerVisit=True, conversionDays=7)
    campaign = await house.make(
        "campaigns",
        name="Spring",
        status="published",
        audience=audience["id"],
        goal=goal["id"],
        priority="high",
        controlGroup={"percentage": 20},
        startDate="2026-03-01T09:00:00",
        expirationDate="2026-05-31T18:00:00",
        timeZone="Europe/Berlin",
    )
    made = await house.make(
        "engagements",
        name="Banner",
        campaignId=campaign["id"],
        appInstallationId=app,
        entryPoints=[location["id"]],
        behaviors=[behavior["id"]],
        language="de-DE",
        skillId=7,
    )
    published = await house.published()
    (one,) = published.engagements
    assert (one.id, one.name, one.revision, one.app_installation_id) == (made["id"], "Banner", 1, app)
    assert (one.language, one.skill_id, one.consumer_identity, one.barred) == ("de-DE", 7, "unauth", ())
    assert [each.id for each in published.locations] == [location["id"], unused["id"]]
    assert one.locations == (published.locations[0],)
    assert [each.id for each in one.behaviors] == [behavior["id"]]
    assert (one.campaign.name, one.campaign.priority, one.campaign.control_percentage) == ("Spring", "high", 20)
    assert (one.campaign.starts, one.campaign.ends) == (1_772_352_000_000, 1_780_243_200_000)
    assert one.campaign.audience is not None
    assert one.campaign.audience.id == audience["id"]
    assert one.campaign.goal is not None
    assert (one.campaign.goal.once_per_visit, one.campaign.goal.conversion_days) == (True, 7)


async def test_drafts_and_what_is_disabled_paused_or_deleted_is_not_published(house: CampaignsHouse) -> None:
    app = await house.install(EVERYTHING)
    draft = await house.make("campaigns", name="Draft")
    await house.make("engagements", campaignId=draft["id"], appInstallationId=app)
    one = await _publish(house, app)
    assert [each.id for each in (await house.published()).engagements] == [one["id"]]
    disabled = (await house.change("engagements", one, enabled=False)).json()
    assert (await house.published()).engagements == ()
    await house.change("engagements", disabled, enabled=True)
    assert [each.revision for each in (await house.published()).engagements] == [3]
    assert (await house.call("POST", f"/campaigns/{one['campaignId']}/pause")).status_code == 200
    assert (await house.published()).engagements == ()
    assert (await house.call("POST", f"/campaigns/{one['campaignId']}/publish")).json()["status"] == "published"
    assert len((await house.published()).engagements) == 1
    await house.call("DELETE", f"/engagements/{one['id']}")
    assert (await house.published()).engagements == ()


async def test_the_revision_grows_with_campaigns_and_with_apps(house: CampaignsHouse) -> None:
    app = await house.install(EVERYTHING)
    await _publish(house, app)
    first = await house.published()
    await house.narrow(app, NOTHING)
    await house.offers.refresh_once()
    second = await house.published()
    assert second.revision == first.revision + 1
    assert await house.published() is second
    assert second.engagements[0].barred == ('capabilities.engagement.consumer_identity does not list "unauth"',)


async def test_an_app_that_is_gone_or_disabled_bars(house: CampaignsHouse) -> None:
    app = await house.install(EVERYTHING)
    await _publish(house, app)
    await house.apps.set_enabled(BRAND, app, OPERATOR, enabled=False)
    await house.offers.refresh_once()
    assert (await house.published()).engagements[0].barred == ("the app is disabled",)
    await house.apps.uninstall(BRAND, app, OPERATOR)
    await house.offers.refresh_once()
    assert (await house.published()).engagements[0].barred == ("the app is not installed any more",)


@pytest.fixture
async def other(house: CampaignsHouse, database_url: str, vault: Vault) -> AsyncIterator[Offers]:
    """The offers of another node; SQLite has one process, so there they are its own a second time."""
    clock, egress = ManualClock(), Egress()
    db: Database = house.db if house.db.engine == "sqlite" else await open_database(database_url, connections=2)
    apps = Apps(
        db, clock, Randomness(), vault, house.accounts, egress, options=Options(), secret_overlap_seconds=86_400
    )
    offers = Offers(db, apps)
    await offers.start()
    yield offers
    await offers.stop()
    await egress.close()
    if db is not house.db:
        await db.close()


async def test_another_node_learns_of_changes_without_being_asked(house: CampaignsHouse, other: Offers) -> None:
    app = await house.install(EVERYTHING)
    one = await _publish(house, app, name="Before")
    assert [each.name for each in (await other.of(BRAND)).engagements] == ["Before"]
    told: asyncio.Queue[str] = asyncio.Queue()
    other.on_change(told.put_nowait)
    await house.change("engagements", one, name="After")
    async with asyncio.timeout(20):
        assert await told.get() == BRAND
    assert [each.name for each in (await other.of(BRAND)).engagements] == ["After"]
    await house.narrow(app, NOTHING)  # no notice tells of it
    async with asyncio.timeout(20):
        assert await told.get() == BRAND
    assert (await other.of(BRAND)).engagements[0].barred != ()
    assert (await other.of(OTHER_BRAND)).engagements == ()


async def test_another_node_never_sees_half_of_a_change(house: CampaignsHouse, other: Offers) -> None:
    """An item changes together in all engagements that use it; a campaign goes with all of its engagements."""
    app = await house.install(EVERYTHING)
    campaign = await house.make("campaigns", status="published")
    location = await house.make("locations")
    for _ in range(5):
        await house.make("engagements", campaignId=campaign["id"], appInstallationId=app, entryPoints=[location["id"]])
    seen: set[tuple[int, ...]] = set()

    async def watch_until(first: int, second: int | None) -> None:
        """Note how many engagements there are and at which revisions everybody sees the location."""
        entry: tuple[int, ...] = ()
        while entry[:1] != (first,) or second not in (None, *entry[1:]):
            published = await other.of(BRAND)
            users = [each.locations[0].revision for each in published.engagements]
            entry = (len(users), *users, published.locations[0].revision)
            seen.add(entry)
            await asyncio.sleep(0)

    async with asyncio.timeout(20):
        watching = asyncio.create_task(watch_until(5, 6))
        for number in range(5):
            location = (await house.change("locations", location, name=f"Location {number}")).json()
        await watching
        watching = asyncio.create_task(watch_until(0, None))
        await house.call("DELETE", f"/campaigns/{campaign['id']}")
        await watching
    assert all(entry[0] in (0, 5) and len(set(entry[1:])) == 1 for entry in seen)
