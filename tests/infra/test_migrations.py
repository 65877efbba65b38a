"""The migrations build exactly the schema that the rooms declare, on both engines, and twice is the same as once."""

import asyncio
import importlib
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

from switchbay.infra.db import metadata
from switchbay.infra.db.migrate import current_revision, head_revision, migrate
from switchbay.infra.db.revision import find_revision, migrate_in_child, newest_revision
from switchbay.kit.errors import AppError

_SOURCE = Path(__file__).parent.parent.parent / "src"
for _tables in sorted((_SOURCE / "switchbay").rglob("tables.py")):
    importlib.import_module(".".join(_tables.relative_to(_SOURCE).with_suffix("").parts))


def _differences(connection: sa.Connection) -> list[str]:
    def is_compared(_object: object, name: str | None, kind: str, is_reflected: bool, _other: object) -> bool:
        return not (kind in {"table", "index"} and is_reflected and name in parts)

    parts = _undeclared(connection)
    opts = {"compare_type": True, "compare_server_default": False, "include_object": is_compared}
    context = MigrationContext.configure(connection, opts=opts)
    return [str(difference) for difference in compare_metadata(context, metadata)]


def _undeclared(connection: sa.Connection) -> set[str]:
    """What only one engine has: partitions, which look like tables, and the two kinds of full-text index."""
    if connection.dialect.name != "postgresql":
        return set(
            connection.scalars(sa.text("SELECT name FROM sqlite_schema WHERE name GLOB 'messaging_search_words*'"))
        )
    parts = connection.scalars(sa.text("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'"))
    return {*parts, "ix_messaging_search_documents_words"}


def _look(connection: sa.Connection) -> tuple[list[str], str | None]:
    return _differences(connection), current_revision(connection)


async def _inspect(url: str) -> tuple[list[str], str | None]:
    if url.startswith("sqlite"):
        sync = sa.create_engine(url)
        try:
            with sync.connect() as connection:
                return _look(connection)
        finally:
            sync.dispose()
    engine = create_async_engine(sa.make_url(url).set(drivername="postgresql+asyncpg"))
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_look)
    finally:
        await engine.dispose()


async def test_the_migrated_schema_is_the_declared_one(fresh_database_url: str) -> None:
    differences, revision = await _inspect(fresh_database_url)
    assert differences == []
    assert revision == head_revision()


async def test_migrating_again_changes_nothing(fresh_database_url: str) -> None:
    await asyncio.to_thread(migrate, fresh_database_url)
    differences, revision = await _inspect(fresh_database_url)
    assert (differences, revision) == ([], head_revision())


async def test_the_revision_is_found_without_alembic(fresh_database_url: str) -> None:
    assert await asyncio.to_thread(find_revision, fresh_database_url) == head_revision()
    assert newest_revision() == head_revision()


def test_a_database_that_is_not_there_yet_has_no_revision(tmp_path: Path) -> None:
    assert find_revision(f"sqlite:///{tmp_path / 'none.db'}") is None
    assert not (tmp_path / "none.db").exists()


def test_a_child_process_migrates_and_says_why_it_could_not(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    migrate_in_child(url)
    assert find_revision(url) == newest_revision()
    with pytest.raises(AppError) as caught:
        migrate_in_child(f"sqlite:///{tmp_path / 'missing' / 'new.db'}")
    assert (caught.value.code, "unable to open database file" in caught.value.message) == ("migration_failed", True)


async def test_two_nodes_that_start_together_migrate_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    results = await asyncio.gather(*(asyncio.to_thread(migrate, url) for _ in range(2)), return_exceptions=True)
    assert results == [None, None]
    assert await _inspect(url) == ([], head_revision())


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_every_table_begins_its_key_with_the_account(table: str) -> None:
    key = [column.name for column in metadata.tables[table].primary_key.columns]
    assert key[0] == "account_id"


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_what_is_unique_or_referred_to_is_so_within_an_account(table: str) -> None:
    declared = metadata.tables[table]
    for index in declared.indexes:
        assert not index.unique or "account_id" in index.columns
    for constraint in declared.constraints:
        if isinstance(constraint, sa.UniqueConstraint):
            assert "account_id" in constraint.columns
        if isinstance(constraint, sa.ForeignKeyConstraint):
            assert ("account_id", "account_id") in {
                (element.parent.name, element.column.name) for element in constraint.elements
            }
