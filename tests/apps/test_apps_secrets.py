"""Client secrets: checking, rotating with an overlap, what signs meanwhile, and what is known of their use."""

import asyncio

import pytest
import sqlalchemy as sa

from support.apps_house import BRAND, OTHER_BRAND, AppsHouse
from switchbay.accounts.public import OPERATOR
from switchbay.apps.clients import Clients
from switchbay.apps.domain.clients import Client
from switchbay.apps.tables import app_secrets
from switchbay.apps.workers import end_rotations_once, promote_once, store_uses_once
from switchbay.kit.errors import AppError

DAY_MS = 86_400_000


async def client_of(house: AppsHouse, app_id: str) -> Client:
    """The app as the token endpoint finds it."""
    client = await house.apps.find_client(BRAND, app_id)
    assert client is not None
    return client


async def accepts(house: AppsHouse, app_id: str, *secrets: str) -> list[bool]:
    """Which secrets are accepted."""
    client = await client_of(house, app_id)
    return [await house.apps.check_secret(client, secret) for secret in secrets]


async def signing(house: AppsHouse, app_id: str) -> tuple[str, str | None]:
    """The secrets that sign webhooks: the first, and the second while a rotation lasts."""
    owner = await house.owner(app_id)
    assert owner is not None
    return owner.signing_secret.decode(), None if owner.other_secret is None else owner.other_secret.decode()


def clients_of(house: AppsHouse) -> Clients:
    """The notes that the workers read."""
    return house.apps._clients


async def promote(house: AppsHouse) -> int:
    """One turn of the worker that lets a used secret sign."""
    return await promote_once(house.db, house.vault, clients_of(house), house.clock.now_ms())


async def end_rotations(house: AppsHouse) -> int:
    """One turn of the worker that forgets ended secrets."""
    return await end_rotations_once(house.db, house.vault, clients_of(house), house.clock.now_ms())


async def test_a_client_is_found_with_what_its_manifest_says(house: AppsHouse) -> None:
    app = await house.install(
        grant_types=["client_credentials", "authorization_code"],
        redirect_uris=["https://example.com/back"],
        response_types=["code"],
    )
    assert await house.apps.find_client(BRAND, app["client_id"]) == Client(
        account_id=BRAND,
        installation_id=app["id"],
        client_id=app["id"],
        client_name="com.example.connector",
        enabled=True,
        grant_types=frozenset({"client_credentials", "authorization_code"}),
        response_types=frozenset({"code"}),
        redirect_uris=("https://example.com/back",),
        scope=frozenset({"msg.consumer"}),
        display_name="Example connector",
        description="Connects an example",
        created_at=1_700_000_000_000,
    )


@pytest.mark.parametrize("client_id", ["", "x", "00000000-0000-4000-8000-000000000000", "\x00", "\ud800", "a" * 10_000])
async def test_what_is_no_client_is_not_found(house: AppsHouse, client_id: str) -> None:
    assert await house.apps.find_client(BRAND, client_id) is None


@pytest.mark.parametrize("account_id", [OTHER_BRAND, "nobody", "\x00", ""])
async def test_a_client_of_another_account_is_not_found(house: AppsHouse, account_id: str) -> None:
    app = await house.install()
    assert await house.apps.find_client(account_id, app["id"]) is None


async def test_only_the_right_secret_is_accepted(house: AppsHouse) -> None:
    app = await house.install()
    right: str = app["client_secret"]
    assert await accepts(house, app["id"], right, right.upper(), right + "x", right[:-1], "", "\ud800") == [
        True,
        False,
        False,
        False,
        False,
        False,
    ]


async def test_another_apps_secret_is_refused(house: AppsHouse) -> None:
    one = await house.install(client_name="one")
    two = await house.install(client_name="two")
    assert await accepts(house, one["id"], two["client_secret"]) == [False]


async def test_a_rotation_leaves_both_secrets_valid_until_its_end(house: AppsHouse) -> None:
    app = await house.install()
    old = app["client_secret"]
    new = (await house.apps.rotate_secret(BRAND, app["id"], OPERATOR)).secret.reveal()
    assert new != old
    assert await accepts(house, app["id"], old, new) == [True, True]
    house.clock.advance(ms=DAY_MS - 1)
    assert await accepts(house, app["id"], old, new) == [True, True]
    house.clock.advance(ms=1)
    assert await accepts(house, app["id"], old, new) == [False, True]


async def test_a_rotation_without_overlap_ends_the_old_secret_at_once(house: AppsHouse) -> None:
    app = await house.install()
    issued = await house.apps.rotate_secret(BRAND, app["id"], OPERATOR, overlap_seconds=0)
    assert await accepts(house, app["id"], app["client_secret"], issued.secret.reveal()) == [False, True]
    assert await signing(house, app["id"]) == (issued.secret.reveal(), None)


async def test_webhooks_are_signed_with_the_old_secret_until_the_new_one_is_used(house: AppsHouse) -> None:
    app = await house.install()
    old = app["client_secret"]
    new = (await house.apps.rotate_secret(BRAND, app["id"], OPERATOR)).secret.reveal()
    assert await signing(house, app["id"]) == (old, new)
    await accepts(house, app["id"], old)
    assert await promote(house) == 0
    assert await signing(house, app["id"]) == (old, new)
    await accepts(house, app["id"], new)
    assert await promote(house) == 1
    assert await signing(house, app["id"]) == (new, old)
    assert await accepts(house, app["id"], old, new) == [True, True]
    assert await promote(house) == 0
    entry = (await house.audit())[-1]
    assert (entry.action, entry.actor.kind, entry.actor.id) == ("app.adopt_secret", "app", app["id"])


async def test_the_end_of_an_overlap_forgets_the_old_secret_and_signs_with_the_new_one(house: AppsHouse) -> None:
    app = await house.install()
    new = (await house.apps.rotate_secret(BRAND, app["id"], OPERATOR, overlap_seconds=60)).secret.reveal()
    house.clock.advance(ms=59_999)
    assert await end_rotations(house) == 0
    house.clock.advance(ms=1)
    assert await end_rotations(house) == 1
    assert await signing(house, app["id"]) == (new, None)
    assert len(await house.rows(app_secrets)) == 1
    assert (await house.audit())[-1].action == "app.end_rotation"
    assert await end_rotations(house) == 0


async def test_a_second_rotation_waits_for_the_first(house: AppsHouse) -> None:
    app = await house.install()
    await house.apps.rotate_secret(BRAND, app["id"], OPERATOR)
    before = await house.state()
    with pytest.raises(AppError) as refused:
        await house.apps.rotate_secret(BRAND, app["id"], OPERATOR)
    assert refused.value.code == "rotation_under_way"
    assert refused.value.detail == {"not_after": 1_700_000_000_000 + DAY_MS}
    assert await house.state() == before


async def test_a_forced_rotation_ends_the_oldest_secret(house: AppsHouse) -> None:
    app = await house.install()
    second = (await house.apps.rotate_secret(BRAND, app["id"], OPERATOR)).secret.reveal()
    house.clock.advance(seconds=1)
    third = (await house.apps.rotate_secret(BRAND, app["id"], OPERATOR, force=True)).secret.reveal()
    assert await accepts(house, app["id"], app["client_secret"], second, third) == [False, True, True]
    assert await signing(house, app["id"]) == (second, third)


async def test_a_rotation_can_be_finished_early(house: AppsHouse) -> None:
    app = await house.install()
    new = (await house.apps.rotate_secret(BRAND, app["id"], OPERATOR)).secret.reveal()
    await house.apps.finish_rotation(BRAND, app["id"], OPERATOR)
    assert await accepts(house, app["id"], app["client_secret"], new) == [False, True]
    assert await signing(house, app["id"]) == (new, None)
    with pytest.raises(AppError) as refused:
        await house.apps.finish_rotation(BRAND, app["id"], OPERATOR)
    assert refused.value.code == "rotation_absent"


async def test_an_update_during_a_rotation_keeps_both_secrets_and_what_signs(house: AppsHouse) -> None:
    app = await house.install()
    new = (await house.apps.rotate_secret(BRAND, app["id"], OPERATOR)).secret.reveal()
    await house.call("PUT", f"/{app['id']}", {**app, "description": "edited"}, headers={"If-Match": "*"})
    assert await signing(house, app["id"]) == (app["client_secret"], new)
    assert await accepts(house, app["id"], app["client_secret"], new) == [True, True]


async def test_the_use_of_a_secret_is_stored_at_most_once_a_minute(house: AppsHouse) -> None:
    app = await house.install()
    clients = clients_of(house)
    started = house.clock.now_ms()

    async def use() -> tuple[int, int | None]:
        for _ in range(5):
            assert await accepts(house, app["id"], app["client_secret"]) == [True]
        stored = await store_uses_once(house.db, clients)
        (row,) = await house.rows(app_secrets)
        return stored, row["last_used_at"]

    assert await use() == (1, started)
    house.clock.advance(ms=59_999)
    assert await use() == (0, started)
    house.clock.advance(ms=1)
    assert await use() == (1, started + 60_000)


async def test_a_wrong_secret_is_no_use(house: AppsHouse) -> None:
    app = await house.install()
    await accepts(house, app["id"], "wrong")
    assert await store_uses_once(house.db, clients_of(house)) == 0


async def test_an_app_whose_secret_cannot_be_opened_does_not_keep_the_others_waiting(house: AppsHouse) -> None:
    apps = [await house.install(client_name=name) for name in ("broken", "whole")]
    for app in apps:
        await house.apps.rotate_secret(BRAND, app["id"], OPERATOR, overlap_seconds=60)
    spoil = sa.update(app_secrets).where(app_secrets.c.installation_id == apps[0]["id"]).values(sealed=b"spoilt")
    await house.db.write(lambda tx: tx.execute(spoil))
    house.clock.advance(ms=60_000)
    assert await end_rotations(house) == 1
    left = [row["installation_id"] for row in await house.rows(app_secrets)]
    assert sorted(left) == sorted([apps[0]["id"], apps[0]["id"], apps[1]["id"]])


async def test_uses_that_cannot_be_stored_are_stored_later(house: AppsHouse) -> None:
    app = await house.install()
    clients = clients_of(house)
    await accepts(house, app["id"], app["client_secret"])
    uses = clients.take_uses()
    clients.give_back_uses(uses)
    assert await store_uses_once(house.db, clients) == 1


async def test_a_change_on_this_node_is_seen_at_once(house: AppsHouse) -> None:
    app = await house.install()
    assert (await client_of(house, app["id"])).enabled
    await house.apps.set_enabled(BRAND, app["id"], OPERATOR, enabled=False)
    assert not (await client_of(house, app["id"])).enabled


async def test_a_change_on_another_node_is_seen_within_two_seconds(house: AppsHouse) -> None:
    app = await house.install()
    elsewhere = Clients(house.db, house.clock, house.vault)
    found = await elsewhere.find(BRAND, app["id"])
    assert found is not None
    await house.apps.set_enabled(BRAND, app["id"], OPERATOR, enabled=False)
    house.clock.advance(ms=1_999)
    assert await elsewhere.find(BRAND, app["id"]) == found
    house.clock.advance(ms=1)
    late = await elsewhere.find(BRAND, app["id"])
    assert late is not None
    assert not late.enabled


async def test_the_cache_of_clients_is_bounded(house: AppsHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("switchbay.apps.clients.MOST_CACHED", 2)
    apps = [await house.install(client_name=f"app {turn}") for turn in range(4)]
    clients = Clients(house.db, house.clock, house.vault)
    for app in apps:
        assert await clients.find(BRAND, app["id"]) is not None
    assert [clients._known.known((BRAND, app["id"])) is not None for app in apps] == [False, False, True, True]


async def test_the_workers_promote_end_and_store_by_themselves(house: AppsHouse) -> None:
    app = await house.install()
    new = (await house.apps.rotate_secret(BRAND, app["id"], OPERATOR)).secret.reveal()
    await house.apps.start()
    await accepts(house, app["id"], new)
    async with asyncio.timeout(10):
        while (await signing(house, app["id"]))[0] != new:  # noqa: ASYNC110 - it is the database that changes
            await asyncio.sleep(0.01)
    await accepts(house, app["id"], app["client_secret"])
    await house.apps.stop()
    assert {row["last_used_at"] for row in await house.rows(app_secrets)} == {1_700_000_000_000}
