"""The service over a real database, with a small directory of installed applications, and a client of its routes."""

from collections.abc import AsyncIterator

import httpx
import pytest

from support.oauth_clients import ACCOUNT, CLIENT_ID, OTHER_ACCOUNT, OTHER_CLIENT_ID, Directory, client_of
from support.oauth_stage import Stage, make_stage, stage_settings
from switchbay.infra.db import Database
from switchbay.infra.egress import Egress
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault
from switchbay.oauth.public import OAuth
from switchbay.oauth.service import KeyRing
from switchbay.oauth.service.client_authentication import ClientAuthentication


@pytest.fixture
def directory() -> Directory:
    """One connector in each of two accounts."""
    directory = Directory()
    directory.add(ACCOUNT, CLIENT_ID)
    directory.add(OTHER_ACCOUNT, OTHER_CLIENT_ID)
    return directory


@pytest.fixture
def ring(db: Database, clock: ManualClock, randomness: Randomness, vault: Vault) -> KeyRing:
    """The keys as one node sees them."""
    return KeyRing(db, clock, randomness, vault)


@pytest.fixture
def other_ring(db: Database, clock: ManualClock, randomness: Randomness, vault: Vault) -> KeyRing:
    """The keys as another node sees them."""
    return KeyRing(db, clock, randomness, vault)


@pytest.fixture
async def authentication(db: Database, clock: ManualClock, directory: Directory) -> AsyncIterator[ClientAuthentication]:
    """Authenticates the directory's clients."""
    egress = Egress()
    try:
        yield ClientAuthentication(db, clock, directory, egress)
    finally:
        await egress.close()


@pytest.fixture
def oauth(ring: KeyRing, clock: ManualClock, directory: Directory, authentication: ClientAuthentication) -> OAuth:
    """The service of one node."""
    return OAuth(ring, clock, directory, directory, authentication)


@pytest.fixture
def other_node(
    other_ring: KeyRing, clock: ManualClock, directory: Directory, authentication: ClientAuthentication
) -> OAuth:
    """The service of another node on the same database, with memories of its own."""
    return OAuth(other_ring, clock, directory, directory, authentication)


@pytest.fixture
async def http(oauth: OAuth, ring: KeyRing, directory: Directory) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the routes."""
    async with client_of(oauth, ring, directory) as client:
        yield client


@pytest.fixture
async def stage(db: Database, clock: ManualClock, randomness: Randomness, vault: Vault) -> AsyncIterator[Stage]:
    """The whole server with accounts, users and real installed apps; its workers are not started."""
    egress = Egress(("127.0.0.0/8",), dev_loopback=True)
    stage = await make_stage(db, clock, randomness, vault, egress, stage_settings())
    try:
        yield stage
    finally:
        await stage.http.aclose()
        await egress.close()
