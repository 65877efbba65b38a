"""Files as the settings want them: which store, which scanner, which limits."""

from switchbay.infra.db import Database
from switchbay.infra.machine import Clock, Randomness
from switchbay.infra.settings import Settings
from switchbay.infra.vault import Vault
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.secret import Secret
from switchbay.messaging.files.domain import FileType
from switchbay.messaging.files.scanning import Clamd, Command, Scanner
from switchbay.messaging.files.service import Book, Files
from switchbay.messaging.files.spool import Spool
from switchbay.messaging.files.stores import ByteStore
from switchbay.messaging.files.stores.disk import DiskStore
from switchbay.messaging.files.transfer import Rules


def build_files(
    db: Database, clock: Clock, randomness: Randomness, vault: Vault, accounts: Book, settings: Settings
) -> Files:
    """Build the service. Raises ``file_store_malformed``, ``file_scanner_malformed``, ``file_types_malformed``."""
    folder = settings.file_dir or settings.data_dir / "files"
    rules = Rules(
        most_bytes=settings.file_bytes,
        types=_types(settings.file_types),
        upload_seconds=settings.file_upload_seconds,
        download_seconds=settings.file_download_seconds,
        unsent_seconds=settings.file_unsent_seconds,
        needs_scan=settings.file_scan_required,
        account_bytes=settings.file_account_bytes,
    )
    # The spool is on the same disk as the store, so that a file gets to its place by a change of its name.
    objects = _bucket_store(settings) if settings.file_s3_bucket else DiskStore(folder / "stored")
    spool = Spool(folder / "incoming")
    return Files(
        db, clock, randomness, vault, objects, spool, scanner=_scanner(settings), rules=rules, accounts=accounts
    )


def _types(names: tuple[str, ...]) -> frozenset[FileType]:
    try:
        found = frozenset(FileType("JPEG" if name.upper() == "JPG" else name.upper()) for name in names)
    except ValueError as error:
        raise AppError(
            Kind.INVALID,
            "file_types_malformed",
            "The setting file_types holds names out of " + ", ".join(FileType) + ".",
        ) from error
    return found


def _bucket_store(settings: Settings) -> ByteStore:
    from switchbay.messaging.files.stores import s3  # noqa: PLC0415 - only who uses it pays for its memory and threads

    secret = settings.file_s3_secret.get_secret_value()
    return s3.BucketStore(
        s3.Bucket(
            settings.file_s3_bucket,
            endpoint=settings.file_s3_endpoint,
            region=settings.file_s3_region,
            key=settings.file_s3_key,
            secret=Secret(secret) if secret else None,
            prefix=settings.file_s3_prefix,
            path_style=settings.file_s3_path_style,
            ca_file=settings.file_s3_ca_file,
        )
    )


def _scanner(settings: Settings) -> Scanner | None:
    if settings.file_scan_clamd:
        return Clamd(settings.file_scan_clamd, settings.file_scan_seconds)
    if settings.file_scan_command:
        return Command(settings.file_scan_command, settings.file_scan_seconds)
    return None
