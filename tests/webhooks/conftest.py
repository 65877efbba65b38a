"""Fixtures of the webhooks room."""

from collections.abc import AsyncIterator

import pytest

from support.certs import Authority, make_authority
from support.receiver import Receiver
from support.webhooks_house import House
from switchbay.infra.db import Database
from switchbay.infra.egress import Egress
from switchbay.infra.machine import ManualClock
from switchbay.infra.vault import Vault


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that signs the receivers' certificates."""
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def receiver(authority: Authority) -> AsyncIterator[Receiver]:
    """An endpoint that answers 200 until told otherwise."""
    async with Receiver(authority) as running:
        yield running


@pytest.fixture
async def egress(authority: Authority) -> AsyncIterator[Egress]:
    """Outbound calls that may reach this machine and trust the tests' authority."""
    door = Egress(("127.0.0.0/8",), authority.ca_file, lookup=lambda _host, _port: ["127.0.0.1"])
    yield door
    await door.close()


@pytest.fixture
async def house(
    db: Database, clock: ManualClock, vault: Vault, egress: Egress, receiver: Receiver
) -> AsyncIterator[House]:
    """A database with one node."""
    built = House(db, clock, vault, egress, receiver)
    built.node()
    yield built
    await built.close()
