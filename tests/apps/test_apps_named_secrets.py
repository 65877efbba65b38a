"""Named secrets beside the primary one: adding, using, ending, removing, which one signs, and what is remembered."""

import asyncio
from typing import Any

import pytest

from support.apps_house import BRAND, MANAGEMENT, OTHER_BRAND, AppsHouse
from switchbay.accounts.public import OPERATOR, AccountChange
from switchbay.apps.clients import Clients
from switchbay.apps.domain.secrets import ENDED_MS, MOST_ENDED
from switchbay.apps.public import SecretCheck
from switchbay.apps.tables import app_ended_secrets, app_secrets
from switchbay.apps.workers import end_rotations_once, forget_ended_once, promote_once, store_uses_once
from switchbay.kit.errors import AppError

DAY_MS = 86_400_000


def clients_of(house: AppsHouse) -> Clients:
    """The notes that the workers read."""
    return house.apps._clients


async def check(house: AppsHouse, app_id: str, secret: str) -> SecretCheck:
    """What a secret is to the token endpoint."""
    client = await house.apps.find_client(BRAND, app_id)
    assert client is not None
    return await house.apps.match_secret(client, secret)


async def add(house: AppsHouse, app_id: str, name: str, not_after: int | None = None) -> tuple[str, str]:
    """One more secret: its text and its id."""
    issued = await house.apps.credentials.add(BRAND, app_id, OPERATOR, name, not_after)
    return issued.secret.reveal(), issued.secret_id


async def refusal(house: AppsHouse, call: Any) -> str:
    """The code of a refused change, once it is proven that nothing changed."""
    before = await house.state()
    with pytest.raises(AppError) as refused:
        await call
    assert await house.state() == before
    return refused.value.code


async def signing(house: AppsHouse, app_id: str) -> tuple[str, str | None]:
    """The secrets that sign webhooks."""
    owner = await house.owner(app_id)
    assert owner is not None
    return owner.signing_secret.decode(), None if owner.other_secret is None else owner.other_secret.decode()


async def end_over(house: AppsHouse) -> int:
    """One turn of the worker that ends what is over."""
    return await end_rotations_once(house.db, house.vault, clients_of(house), house.clock.now_ms())


async def secrets(house: AppsHouse, app_id: str) -> list[tuple[str, bool]]:
    """The valid secrets: name, and whether it signs."""
    answer = await house.call("GET", f"{MANAGEMENT}/{app_id}/secrets", user="developer")
    return [(item["name"], item["signs_webhooks"]) for item in answer.json()["items"]]


async def test_an_added_secret_is_accepted_beside_the_first_and_told_by_name(house: AppsHouse) -> None:
    app = await house.install()
    secret, _ = await add(house, app["id"], " second node ")
    assert await check(house, app["id"], secret) == SecretCheck(valid=True, name="second node")
    assert await check(house, app["id"], app["client_secret"]) == SecretCheck(valid=True, name="primary")
    assert await check(house, app["id"], secret + "x") == SecretCheck(valid=False)
    assert await signing(house, app["id"]) == (app["client_secret"], None)
    assert await secrets(house, app["id"]) == [("primary", True), ("second node", False)]
    entry = (await house.audit())[-1]
    assert (entry.action, entry.detail["name"]) == ("app.add_secret", "second node")
    assert secret not in str(entry.detail)


async def test_using_a_named_secret_is_noted_and_never_makes_it_sign(house: AppsHouse) -> None:
    app = await house.install()
    secret, secret_id = await add(house, app["id"], "node")
    house.clock.advance(seconds=5)
    assert (await check(house, app["id"], secret)).valid
    assert await promote_once(house.db, house.vault, clients_of(house), house.clock.now_ms()) == 0
    assert await store_uses_once(house.db, clients_of(house)) == 1
    used = {row["secret_id"]: row["last_used_at"] for row in await house.rows(app_secrets)}
    assert used.pop(secret_id) == house.clock.now_ms()
    assert list(used.values()) == [None]
    assert await signing(house, app["id"]) == (app["client_secret"], None)


async def test_a_secret_ends_when_it_was_said_to(house: AppsHouse) -> None:
    app = await house.install()
    ends = house.clock.now_ms() + DAY_MS
    secret, _ = await add(house, app["id"], "contractor", ends)
    house.clock.advance(ms=DAY_MS - 1)
    assert (await check(house, app["id"], secret)).valid
    house.clock.advance(ms=1)
    over = SecretCheck(valid=False, name="contractor", ended_at=ends)
    assert await check(house, app["id"], secret) == over
    assert await end_over(house) == 1
    assert await check(house, app["id"], secret) == over
    assert [row["name"] for row in await house.rows(app_secrets)] == [""]
    entry = (await house.audit())[-1]
    assert (entry.action, entry.actor.kind, entry.detail["name"]) == ("app.end_secret", "system", "contractor")
    assert await end_over(house) == 0


async def test_the_end_of_a_named_secret_does_not_end_a_rotation(house: AppsHouse) -> None:
    app = await house.install()
    await add(house, app["id"], "contractor", house.clock.now_ms() + 60_000)
    new = (await house.apps.rotate_secret(BRAND, app["id"], OPERATOR)).secret.reveal()
    house.clock.advance(seconds=60)
    assert await end_over(house) == 1
    assert await signing(house, app["id"]) == (app["client_secret"], new)
    assert await secrets(house, app["id"]) == [("primary", True), ("primary", False)]


async def test_rotating_and_finishing_leave_named_secrets_alone(house: AppsHouse) -> None:
    app = await house.install()
    named, _ = await add(house, app["id"], "node")
    ending, _ = await add(house, app["id"], "contractor", house.clock.now_ms() + DAY_MS)
    new = (await house.apps.rotate_secret(BRAND, app["id"], OPERATOR)).secret.reveal()
    assert await signing(house, app["id"]) == (app["client_secret"], new)
    await house.apps.finish_rotation(BRAND, app["id"], OPERATOR)
    assert await signing(house, app["id"]) == (new, None)
    assert [(await check(house, app["id"], secret)).valid for secret in (named, ending, new)] == [True, True, True]
    assert await check(house, app["id"], app["client_secret"]) == SecretCheck(
        valid=False, name="primary", ended_at=house.clock.now_ms()
    )
    assert await refusal(house, house.apps.finish_rotation(BRAND, app["id"], OPERATOR)) == "rotation_absent"


async def test_at_most_five_secrets_are_valid(house: AppsHouse) -> None:
    app = await house.install()
    for number in range(4):
        await add(house, app["id"], f"node {number}", house.clock.now_ms() + DAY_MS)
    assert await refusal(house, add(house, app["id"], "node 5")) == "secrets_full"
    assert await refusal(house, house.apps.rotate_secret(BRAND, app["id"], OPERATOR)) == "secrets_full"
    replaced = await house.apps.rotate_secret(BRAND, app["id"], OPERATOR, overlap_seconds=0)
    assert (await check(house, app["id"], replaced.secret.reveal())).valid
    house.clock.advance(ms=DAY_MS)
    await add(house, app["id"], "node 5")


async def test_of_many_additions_at_once_no_more_succeed_than_there_is_room(house: AppsHouse) -> None:
    app = await house.install()
    results = await asyncio.gather(
        *(add(house, app["id"], f"node {number}") for number in range(10)), return_exceptions=True
    )
    codes = [result.code for result in results if isinstance(result, AppError)]
    assert codes == ["secrets_full"] * 6
    assert len(await secrets(house, app["id"])) == 5


@pytest.mark.parametrize("name", ["", "   ", "primary", "PRIMARY", "x" * 65, "a\nb", "\x00", "x" * 5_000])
async def test_a_name_that_cannot_be_one_is_refused(house: AppsHouse, name: str) -> None:
    app = await house.install()
    assert await refusal(house, add(house, app["id"], name)) == "secret_name_invalid"


async def test_names_are_unique_case_aside_until_the_secret_ends(house: AppsHouse) -> None:
    app = await house.install()
    await add(house, app["id"], "Node", house.clock.now_ms() + 1_000)
    assert await refusal(house, add(house, app["id"], "nODE")) == "secret_name_taken"
    house.clock.advance(seconds=1)
    secret, _ = await add(house, app["id"], "nODE")
    assert (await check(house, app["id"], secret)).name == "nODE"
    assert await end_over(house) == 1
    assert (await check(house, app["id"], secret)).valid


async def test_an_end_in_the_past_is_refused(house: AppsHouse) -> None:
    app = await house.install()
    assert await refusal(house, add(house, app["id"], "node", house.clock.now_ms())) == "secret_end_past"


async def test_a_removed_secret_is_refused_at_once_and_remembered_by_name(house: AppsHouse) -> None:
    app = await house.install()
    secret, secret_id = await add(house, app["id"], "node")
    assert (await check(house, app["id"], secret)).valid
    await house.apps.credentials.remove(BRAND, app["id"], OPERATOR, secret_id)
    assert await check(house, app["id"], secret) == SecretCheck(valid=False, name="node", ended_at=house.clock.now_ms())
    assert (await house.audit())[-1].action == "app.remove_secret"
    assert not any("sealed" in row for row in await house.rows(app_ended_secrets))
    gone = house.apps.credentials.remove(BRAND, app["id"], OPERATOR, secret_id)
    assert await refusal(house, gone) == "secret_unknown"


async def test_the_last_secret_without_an_end_stays(house: AppsHouse) -> None:
    app = await house.install()
    await add(house, app["id"], "contractor", house.clock.now_ms() + DAY_MS)
    (primary,) = [row["secret_id"] for row in await house.rows(app_secrets) if not row["name"]]
    removal = house.apps.credentials.remove(BRAND, app["id"], OPERATOR, primary)
    assert await refusal(house, removal) == "secret_last"


async def test_another_secret_takes_over_when_the_one_that_signs_is_removed(house: AppsHouse) -> None:
    app = await house.install()
    await add(house, app["id"], "contractor", house.clock.now_ms() + DAY_MS)
    named, _ = await add(house, app["id"], "node")
    (primary,) = [row["secret_id"] for row in await house.rows(app_secrets) if not row["name"]]
    await house.apps.credentials.remove(BRAND, app["id"], OPERATOR, primary)
    assert await secrets(house, app["id"]) == [("contractor", False), ("node", True)]
    assert await signing(house, app["id"]) == (named, None)

    new = (await house.apps.rotate_secret(BRAND, app["id"], OPERATOR)).secret.reveal()
    assert await signing(house, app["id"]) == (named, new)
    assert (await check(house, app["id"], new)).valid
    assert await promote_once(house.db, house.vault, clients_of(house), house.clock.now_ms()) == 1
    assert await signing(house, app["id"]) == (new, None)


async def test_removing_the_old_secret_of_a_rotation_finishes_it(house: AppsHouse) -> None:
    app = await house.install()
    new = (await house.apps.rotate_secret(BRAND, app["id"], OPERATOR)).secret.reveal()
    (old,) = [row["secret_id"] for row in await house.rows(app_secrets) if row["not_after"] is not None]
    await house.apps.credentials.remove(BRAND, app["id"], OPERATOR, old)
    assert await signing(house, app["id"]) == (new, None)


async def test_the_newest_five_ended_secrets_are_remembered_for_a_month(house: AppsHouse) -> None:
    app = await house.install()
    ended = []
    for number in range(MOST_ENDED + 1):
        secret, secret_id = await add(house, app["id"], f"node {number}")
        await house.apps.credentials.remove(BRAND, app["id"], OPERATOR, secret_id)
        ended.append(secret)
        house.clock.advance(seconds=1)
    names = [(await check(house, app["id"], secret)).name for secret in ended]
    assert names == [None, *(f"node {number}" for number in range(1, MOST_ENDED + 1))]
    house.clock.advance(ms=ENDED_MS - 2_000)
    assert await forget_ended_once(house.db, house.clock.now_ms()) == MOST_ENDED - 1
    assert await forget_ended_once(house.db, house.clock.now_ms() + 2_000) == 2


async def test_uninstalling_forgets_ended_secrets_too(house: AppsHouse) -> None:
    app = await house.install()
    _, secret_id = await add(house, app["id"], "node")
    await house.apps.credentials.remove(BRAND, app["id"], OPERATOR, secret_id)
    await house.apps.uninstall(BRAND, app["id"], OPERATOR)
    assert (await house.rows(app_ended_secrets), await house.rows(app_secrets)) == ([], [])


async def test_the_revealed_secret_is_the_primary_one_or_else_the_one_that_signs(house: AppsHouse) -> None:
    app = await house.install()
    named, _ = await add(house, app["id"], "node")
    await house.accounts.update_account(BRAND, AccountChange(reveal_client_secret=True), OPERATOR)

    async def revealed() -> str:
        found = await house.apps.reveal_secrets(BRAND, [app["id"]], OPERATOR)
        return found[app["id"]].reveal()

    assert await revealed() == app["client_secret"]
    (primary,) = [row["secret_id"] for row in await house.rows(app_secrets) if not row["name"]]
    await house.apps.credentials.remove(BRAND, app["id"], OPERATOR, primary)
    assert await revealed() == named


# The management API


async def test_a_secret_is_added_and_removed_over_the_management_api(house: AppsHouse) -> None:
    app = await house.install()
    path = f"{MANAGEMENT}/{app['id']}/secrets"
    ends = house.clock.now_ms() + DAY_MS
    added = await house.call("POST", path, {"name": "node", "not_after": ends})
    body = added.json()
    assert (added.status_code, len(body["client_secret"])) == (201, 26)
    assert body["revision"] == await house.revision()
    (listed,) = [item for item in body["app"]["secrets"] if item["secret_id"] == body["secret_id"]]
    assert listed == {
        "secret_id": body["secret_id"],
        "name": "node",
        "created_at": house.clock.now_ms(),
        "not_after": ends,
        "last_used_at": None,
        "signs_webhooks": False,
    }
    assert body["client_secret"] not in (await house.call("GET", path)).text
    removed = await house.call("DELETE", f"{path}/{body['secret_id']}")
    assert (removed.status_code, len(removed.json()["app"]["secrets"])) == (200, 1)
    again = await house.call("DELETE", f"{path}/{body['secret_id']}")
    assert (again.status_code, again.json()["error"]["code"]) == (404, "secret_unknown")


@pytest.mark.parametrize(
    "body",
    [{}, [], {"name": 7}, {"name": "a", "x": 1}, {"name": "a", "not_after": -1}, {"name": "a", "not_after": 10**18}],
)
async def test_a_body_that_is_no_new_secret_is_refused(house: AppsHouse, body: object) -> None:
    app = await house.install()
    before = await house.state()
    answer = await house.call("POST", f"{MANAGEMENT}/{app['id']}/secrets", body)
    assert answer.status_code == 400
    assert await house.state() == before


@pytest.mark.parametrize(("user", "status"), [("developer", 403), ("agent", 403), ("foreign", 401), (None, 401)])
async def test_only_administrators_change_secrets_and_tokens(house: AppsHouse, user: str | None, status: int) -> None:
    app = await house.install()
    before = await house.state()
    path = f"{MANAGEMENT}/{app['id']}"
    (secret,) = (await house.call("GET", f"{path}/secrets")).json()["items"]
    for method, address, body in (
        ("POST", f"{path}/secrets", {"name": "node"}),
        ("DELETE", f"{path}/secrets/{secret['secret_id']}", None),
        ("POST", f"{path}/revoke-tokens", None),
    ):
        assert (await house.call(method, address, body, user=user)).status_code == status
    assert await house.state() == before


async def test_a_secret_of_another_app_is_unknown(house: AppsHouse) -> None:
    one, two = await house.install(client_name="one"), await house.install(client_name="two")
    _, secret_id = await add(house, one["id"], "node")
    removal = house.apps.credentials.remove(BRAND, two["id"], OPERATOR, secret_id)
    assert await refusal(house, removal) == "secret_unknown"
    elsewhere = house.apps.credentials.remove(OTHER_BRAND, one["id"], OPERATOR, secret_id)
    assert await refusal(house, elsewhere) == "app_unknown"
