"""A node and a receiver for the journeys."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.certs import Authority, make_authority
from support.node import Node, running_node
from support.receiver import Receiver


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that signs the receivers' certificates."""
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def receiver(authority: Authority) -> AsyncIterator[Receiver]:
    """An https endpoint on this machine."""
    async with Receiver(authority) as running:
        yield running


@pytest.fixture
async def node(tmp_path: Path, database_url: str, authority: Authority) -> AsyncIterator[Node]:
    """A running node that may reach this machine's endpoints and trusts their authority."""
    async with running_node(
        tmp_path / "data",
        database_url,
        egress_allow=("127.0.0.0/8", "::1/128"),
        egress_ca_file=authority.ca_file,
        webhook_retry_seconds=0.1,
    ) as running:
        yield running
