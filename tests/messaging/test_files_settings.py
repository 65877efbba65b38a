"""Files as the settings want them."""

from pathlib import Path
from typing import Any

import pytest

from support.s3_server import BUCKET
from switchbay.accounts.public import Accounts
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.settings import Settings
from switchbay.infra.vault import Vault
from switchbay.kit.errors import AppError
from switchbay.messaging.files.building import build_files
from switchbay.messaging.files.domain import FileType
from switchbay.messaging.files.scanning import Clamd, Command
from switchbay.messaging.files.service import Files
from switchbay.messaging.files.stores.disk import DiskStore
from switchbay.messaging.files.stores.s3 import BucketStore


@pytest.fixture
def build(sqlite_db: Database, clock: ManualClock, vault: Vault, tmp_path: Path) -> Any:
    def build(**given: Any) -> Files:
        settings = Settings.model_validate({"data_dir": tmp_path, **given})
        accounts = Accounts(sqlite_db, clock, Randomness(), vault)
        return build_files(sqlite_db, clock, Randomness(), vault, accounts, settings)

    return build


async def test_the_defaults(build: Any) -> None:
    files = build()
    assert isinstance(files._objects, DiskStore)
    assert files.transfer._scanner is None
    assert (files.rules.most_bytes, files.rules.types) == (3 * 1024 * 1024, frozenset(FileType))


async def test_a_bucket_and_a_scanner(build: Any) -> None:
    files = build(file_s3_bucket=BUCKET, file_s3_key="k", file_s3_secret="s", file_scan_clamd="clamav:3310")
    assert isinstance(files._objects, BucketStore)
    assert isinstance(files.transfer._scanner, Clamd)
    assert isinstance(build(file_scan_command="scan {file}").transfer._scanner, Command)


async def test_types_by_their_other_names(build: Any) -> None:
    assert build(file_types="jpg, pdf").rules.types == {FileType.JPEG, FileType.PDF}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"file_types": "PNG,EXE"}, "file_types_malformed"),
        ({"file_scan_clamd": "nowhere"}, "file_scanner_malformed"),
        ({"file_s3_bucket": BUCKET, "file_s3_endpoint": "minio:9000"}, "file_store_malformed"),
    ],
)
async def test_settings_that_cannot_be_used(build: Any, given: dict[str, str], code: str) -> None:
    with pytest.raises(AppError) as caught:
        build(**given)
    assert caught.value.code == code
