"""Owners are stored sealed, replaced as a whole, and refused when their requests could not be sent safely."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from support.webhooks_house import ACCOUNT, APP, CHAT_STATE, CONTENT, SECRET, House, owner_of, with_headers
from switchbay.infra.db import Tx
from switchbay.kit.errors import AppError
from switchbay.kit.secret import Secret
from switchbay.webhooks.owners import OwnerCache, SendOwner
from switchbay.webhooks.public import Endpoint
from switchbay.webhooks.tables import endpoints, owners


async def rows(house: House, table: sa.Table) -> list[dict[str, object]]:
    async def read(tx: Tx) -> list[dict[str, object]]:
        found = await tx.fetch(sa.select(table))
        return [{column.name: row[column.name] for column in table.columns} for row in found]

    return await house.db.read(read)


async def find(house: House, owner_id: str = APP) -> SendOwner | None:
    return await OwnerCache(house.db, house.vault, house.clock).find(ACCOUNT, owner_id)


async def test_secrets_and_header_values_are_sealed_at_rest(house: House) -> None:
    endpoint = with_headers(house.endpoint(), ("X-Token", "custom-credential"))
    await house.configure(owner_of(endpoint, other=Secret("previous-secret")))
    stored = repr(await rows(house, owners)) + repr(await rows(house, endpoints))
    for secret in (SECRET.reveal(), "previous-secret", "custom-credential"):
        assert secret not in stored
    found = await find(house)
    assert found is not None
    assert (found.signing_secret, found.other_secret) == (SECRET.reveal().encode(), b"previous-secret")
    assert found.endpoints[CONTENT].headers == (("X-Token", "custom-credential"),)


async def test_secrets_do_not_show_in_representations(house: House) -> None:
    endpoint = with_headers(house.endpoint(), ("X-Token", "custom-credential"))
    await house.configure(owner_of(endpoint))
    shown = repr(owner_of(endpoint)) + repr(await find(house)) + repr(house.event("body-text"))
    for secret in (SECRET.reveal(), "custom-credential", "body-text"):
        assert secret not in shown


async def test_a_sealed_secret_of_one_owner_is_useless_in_anothers_row(house: House) -> None:
    await house.configure(owner_of(house.endpoint()))
    await house.configure(owner_of(house.endpoint(), owner_id="other"))
    [first, second] = sorted(await rows(house, owners), key=lambda row: str(row["owner_id"]))
    statement = (
        sa.update(owners).where(owners.c.owner_id == second["owner_id"]).values(signing_secret=sa.bindparam("s"))
    )

    async def swap(tx: Tx) -> None:
        await tx.execute(statement, {"s": first["signing_secret"]})  # type: ignore[dict-item]  # bytes, as stored

    await house.db.write(swap)
    with pytest.raises(AppError) as caught:
        await find(house, "other")
    assert caught.value.code == "secret_unreadable"


async def test_endpoints_are_replaced_as_a_whole(house: House) -> None:
    await house.configure(owner_of(house.endpoint(CONTENT), house.endpoint(CHAT_STATE)))
    await house.configure(owner_of(house.endpoint(CHAT_STATE, path="/new", retries=3)))
    found = await find(house)
    assert found is not None
    assert {key: (each.url, each.max_retries) for key, each in found.endpoints.items()} == {
        CHAT_STATE: (house.receiver.url("/new"), 3)
    }


@pytest.mark.parametrize(("given", "stored"), [(-1, 0), (0, 0), (5, 5), (6, 5), (1000, 5)])
async def test_retries_are_kept_within_their_range(house: House, given: int, stored: int) -> None:
    await house.configure(owner_of(house.endpoint(retries=given)))
    found = await find(house)
    assert found is not None
    assert found.endpoints[CONTENT].max_retries == stored


@pytest.mark.parametrize(
    ("name", "value"),
    [("Host", "evil.example"), ("X-Liveperson-Signature", "sha1=x"), ("X-A", "1\r\nX-B: 2"), ("X A", "1")],
)
async def test_a_header_that_cannot_be_sent_is_refused_and_nothing_changes(house: House, name: str, value: str) -> None:
    await house.configure(owner_of(house.endpoint(path="/old")))
    before = await rows(house, endpoints)
    with pytest.raises(AppError) as caught:
        await house.configure(owner_of(with_headers(house.endpoint(path="/new"), (name, value))))
    assert caught.value.code == "webhook_header_refused"
    assert value not in repr(caught.value.to_json())
    assert await rows(house, endpoints) == before


@pytest.mark.parametrize("url", ["", "ftp://a.example/", "https://user:pw@a.example/", "https://a.example/\r\nX: 1"])
async def test_an_endpoint_that_cannot_be_called_is_refused_and_nothing_changes(house: House, url: str) -> None:
    with pytest.raises(AppError) as caught:
        await house.configure(owner_of(Endpoint(CONTENT, url, (), 0)))
    assert caught.value.code == "webhook_endpoint_refused"
    assert await rows(house, owners) == []


async def test_a_removed_owner_leaves_nothing_behind(house: House) -> None:
    await house.configure(owner_of(house.endpoint()))
    await house.remove()
    assert (await rows(house, owners), await rows(house, endpoints), await find(house)) == ([], [], None)


async def test_the_gate_survives_a_change_of_configuration(house: House) -> None:
    await house.configure(owner_of(house.endpoint()))
    [before] = await rows(house, owners)
    assert before["gate"] == "up"
    statement = sa.update(owners).values(gate="failed")
    await house.db.write(lambda tx: tx.execute(statement))
    await house.configure(replace(owner_of(house.endpoint()), retention_time=600))
    [after] = await rows(house, owners)
    assert (after["gate"], after["retention_time"]) == ("failed", 600)


async def test_a_cache_is_dropped_by_a_change_even_while_it_is_loading(house: House) -> None:
    await house.configure(owner_of(house.endpoint(path="/old")))
    cache = OwnerCache(house.db, house.vault, house.clock)
    assert await cache.find(ACCOUNT, APP) is not None
    await house.configure(owner_of(house.endpoint(path="/new")))
    assert cache.known(ACCOUNT, APP) is None
    found = await cache.find(ACCOUNT, APP)
    assert found is not None
    assert found.endpoints[CONTENT].url.endswith("/new")
