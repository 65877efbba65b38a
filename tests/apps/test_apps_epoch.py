"""The epoch of an app: what raises it, and what was issued around it that still counts."""

import pytest

from support.apps_house import BRAND, MANAGEMENT, AppsHouse, connector
from switchbay.accounts.public import OPERATOR
from switchbay.apps.domain.clients import Client
from switchbay.apps.tables import app_installations
from switchbay.kit.errors import AppError


async def epoch(house: AppsHouse, app_id: str) -> int:
    """The app's epoch as its client has it."""
    client = await house.apps.find_client(BRAND, app_id)
    assert client is not None
    return client.not_before


async def test_a_new_app_has_none_and_an_update_raises_none(house: AppsHouse) -> None:
    app = await house.install()
    house.clock.advance(seconds=1)
    await house.call("PUT", f"/{app['id']}", {**app, "description": "edited"}, headers={"If-Match": "*"})
    await house.apps.set_enabled(BRAND, app["id"], OPERATOR, enabled=True)
    assert await epoch(house, app["id"]) == 0


@pytest.mark.parametrize("way", ["switch", "manifest"])
async def test_disabling_and_enabling_raise_it(house: AppsHouse, way: str) -> None:
    app = await house.install()

    async def switch(*, enabled: bool) -> int:
        house.clock.advance(ms=1_234)
        if way == "switch":
            await house.apps.set_enabled(BRAND, app["id"], OPERATOR, enabled=enabled)
        else:
            manifest = connector(enabled=enabled)
            answer = await house.call("PUT", f"/{app['id']}", manifest, headers={"If-Match": "*"})
            assert answer.status_code == 200
        return house.clock.now_ms()

    assert await epoch(house, app["id"]) == 0
    assert [await switch(enabled=False), await epoch(house, app["id"])] == [house.clock.now_ms()] * 2
    assert [await switch(enabled=True), await epoch(house, app["id"])] == [house.clock.now_ms()] * 2


async def test_switching_to_what_it_is_raises_nothing(house: AppsHouse) -> None:
    app = await house.install()
    await house.apps.set_enabled(BRAND, app["id"], OPERATOR, enabled=False)
    raised = await epoch(house, app["id"])
    house.clock.advance(seconds=1)
    await house.apps.set_enabled(BRAND, app["id"], OPERATOR, enabled=False)
    assert await epoch(house, app["id"]) == raised


async def test_uninstalling_raises_it_in_the_record_that_stays(house: AppsHouse) -> None:
    app = await house.install()
    house.clock.advance(seconds=1)
    await house.apps.uninstall(BRAND, app["id"], OPERATOR)
    (row,) = await house.rows(app_installations)
    assert row["not_before"] == house.clock.now_ms()


async def test_tokens_are_revoked_over_the_management_api(house: AppsHouse) -> None:
    app = await house.install()
    house.clock.advance(seconds=1)
    answer = await house.call("POST", f"{MANAGEMENT}/{app['id']}/revoke-tokens")
    assert (answer.status_code, answer.json()["revision"]) == (200, await house.revision())
    assert await epoch(house, app["id"]) == house.clock.now_ms()
    client = await house.apps.find_client(BRAND, app["id"])
    assert client is not None
    assert client.enabled
    assert await house.apps.check_secret(client, app["client_secret"])
    assert (await house.audit())[-1].action == "app.revoke_tokens"


async def test_revoking_keeps_to_if_match_and_to_apps_that_are_there(house: AppsHouse) -> None:
    app = await house.install()
    before = await house.state()
    path = f"{MANAGEMENT}/{app['id']}/revoke-tokens"
    assert (await house.call("POST", path, headers={"If-Match": "99"})).status_code == 412
    with pytest.raises(AppError, match="no app"):
        await house.apps.revoke_tokens(BRAND, "00000000-0000-4000-8000-000000000000", OPERATOR)
    assert await house.state() == before


async def test_a_clock_that_went_back_does_not_lower_it(house: AppsHouse) -> None:
    app = await house.install()
    await house.apps.revoke_tokens(BRAND, app["id"], OPERATOR)
    raised = await epoch(house, app["id"])
    house.clock.advance(ms=-60_000)
    await house.apps.revoke_tokens(BRAND, app["id"], OPERATOR)
    assert await epoch(house, app["id"]) == raised


def client_at(not_before: int) -> Client:
    """A client with an epoch."""
    nothing: frozenset[str] = frozenset()
    return Client("1", "a", "a", "app", True, nothing, nothing, (), nothing, not_before=not_before)


def test_what_was_issued_before_the_epoch_counts_no_more() -> None:
    client = client_at(10_500)
    assert [client.is_current(issued_at) for issued_at in (10_499, 10_500, 10_501)] == [False, True, True]


@pytest.mark.parametrize(("now", "iat"), [(10_500, 11), (10_999, 11), (11_000, 11), (12_999, 12)])
def test_a_token_of_the_epochs_second_is_told_from_an_older_one(now: int, iat: int) -> None:
    client = client_at(10_500)
    assert client.iat(now) == iat
    assert client.is_current(client.iat(now) * 1000)
    before = client_at(0).iat(10_499)
    assert not client.is_current(before * 1000)


def test_without_an_epoch_tokens_bear_the_second_in_which_they_are_issued() -> None:
    assert [client_at(0).iat(now) for now in (0, 999, 1_000, 10_999)] == [0, 0, 1, 10]


def test_an_epoch_on_a_whole_second_moves_no_token() -> None:
    client = client_at(10_000)
    assert client.iat(10_000) == 10
    assert not client.is_current(client_at(0).iat(9_999) * 1000)
