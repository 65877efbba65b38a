"""Changes that arrive at the same time: exactly one wins, and nothing half-done is left."""

import asyncio

import pytest

from support.apps_house import BRAND, AppsHouse, connector
from switchbay.accounts.public import OPERATOR
from switchbay.apps.tables import app_installations, app_secrets
from switchbay.kit.errors import AppError


async def test_of_twenty_installs_of_one_name_one_wins(house: AppsHouse) -> None:
    names = [("com.example.App" if turn % 2 else "COM.EXAMPLE.APP") for turn in range(20)]
    answers = await asyncio.gather(*(house.call("POST", "", connector(client_name=name)) for name in names))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    assert len(await house.rows(app_installations)) == 1
    assert len(await house.rows(app_secrets)) == 1
    assert await house.revision() == 1
    assert [entry.action for entry in await house.audit()] == ["app.install"]


async def test_twenty_installs_of_different_names_all_succeed_with_revisions_of_their_own(house: AppsHouse) -> None:
    answers = await asyncio.gather(
        *(house.call("POST", "", connector(client_name=f"app {turn}")) for turn in range(20))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert sorted(int(answer.headers["ac-revision"]) for answer in answers) == list(range(1, 21))


async def test_of_updates_at_one_revision_one_wins(house: AppsHouse) -> None:
    app = await house.install()
    answers = await asyncio.gather(
        *(
            house.call("PUT", f"/{app['id']}", connector(description=f"turn {turn}"), headers={"If-Match": "1"})
            for turn in range(10)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 9
    (winner,) = [answer for answer in answers if answer.status_code == 200]
    assert winner.headers["ac-revision"] == "2"
    shown = await house.call("GET", f"/{app['id']}")
    assert shown.json()["description"] == winner.json()["description"]
    assert {answer.headers["ac-revision"] for answer in answers} == {"2"}


async def test_an_update_and_a_removal_at_one_revision_do_not_both_succeed(house: AppsHouse) -> None:
    app = await house.install()
    headers = {"If-Match": "1"}
    update, removal = await asyncio.gather(
        house.call("PUT", f"/{app['id']}", connector(description="Better"), headers=headers),
        house.call("DELETE", f"/{app['id']}", headers=headers),
    )
    assert (update.status_code, removal.status_code) in {(200, 412), (404, 200)}


async def test_two_apps_that_take_one_name_at_once_do_not_both_get_it(house: AppsHouse) -> None:
    apps = [await house.install(client_name=name) for name in ("a", "b")]
    answers = await asyncio.gather(
        *(house.call("PUT", f"/{app['id']}", connector(client_name="C"), headers={"If-Match": "*"}) for app in apps)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_of_rotations_at_once_one_wins(house: AppsHouse) -> None:
    app = await house.install()

    async def rotate() -> str:
        try:
            await house.apps.rotate_secret(BRAND, app["id"], OPERATOR)
        except AppError as error:
            return error.code
        return "rotated"

    outcomes = await asyncio.gather(*(rotate() for _ in range(8)))
    assert sorted(outcomes) == ["rotated"] + ["rotation_under_way"] * 7
    assert len(await house.rows(app_secrets)) == 2


@pytest.mark.parametrize("enabled", [True, False])
async def test_switching_many_times_at_once_ends_in_one_state_everywhere(house: AppsHouse, enabled: bool) -> None:
    app = await house.install()
    await asyncio.gather(
        *(house.apps.set_enabled(BRAND, app["id"], OPERATOR, enabled=turn % 2 == 0) for turn in range(10))
    )
    await house.apps.set_enabled(BRAND, app["id"], OPERATOR, enabled=enabled)
    owner = await house.owner(app["id"])
    client = await house.apps.find_client(BRAND, app["id"])
    assert owner is not None
    assert client is not None
    assert (owner.enabled, client.enabled) == (enabled, enabled)
    assert await house.revision() == 12
