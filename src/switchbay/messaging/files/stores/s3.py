"""Files in an S3-compatible store, through the object_store library. The operator names the server, so it may be any.

Objects carry no type and no metadata: nobody is meant to read them past us.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, Awaitable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from switchbay.kit.errors import AppError, Kind
from switchbay.kit.secret import Secret
from switchbay.messaging.files.stores import FileDamaged, FileMissing, StoreUnavailable

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Config  # types that are not there at run time

_ADDRESS: Final = re.compile(r"https?://[^\s/@?#]+(?:/[^\s@?#]*)?")
_CHUNK_BYTES: Final = 256 * 1024
_PART_BYTES: Final = 5 * 1024 * 1024  # the least that S3 takes as a part of an object
_PARTS_AT_ONCE: Final = 2
_CONNECT_SECONDS: Final = 5
_REQUEST_SECONDS: Final = 30
_CALL_SECONDS: Final = 60
_RETRIES: Final = 2
_SETTLE_SECONDS: Final = 0.1
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bucket:
    """Which bucket of which server. Without a key the environment's credentials count, as AWS's own tools have them."""

    name: str
    endpoint: str = ""
    region: str = "us-east-1"
    key: str = ""
    secret: Secret | None = None
    prefix: str = ""
    path_style: bool = True
    ca_file: Path | None = None


class BucketStore:
    """Objects in a bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._store = _connect(bucket)

    async def keep(self, name: str, path: Path) -> None:
        """Upload a file, in parts if it is large."""
        await _call(
            obstore.put_async(
                self._store, name, path, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE, mode="overwrite"
            )
        )

    async def keep_bytes(self, name: str, content: bytes) -> None:
        """Upload a few bytes."""
        await _call(obstore.put_async(self._store, name, content, mode="overwrite"))

    async def read(self, name: str, start: int, stop: int, size: int, sha256: str) -> AsyncGenerator[bytes, None]:
        """Download a part, or everything; then the last bytes are held back until the checksum is known to be right."""
        is_whole = (start, stop) == (0, size)
        found = await _call(
            obstore.get_async(self._store, name, options=None if is_whole else {"range": (start, stop)})
        )
        if found.meta["size"] != size:
            raise FileDamaged(name)
        hashed = hashlib.sha256()
        parts = found.stream(min_chunk_size=_CHUNK_BYTES).__aiter__()
        held = b""
        while True:
            try:
                part = bytes(await _call(anext(parts)))
            except StopAsyncIteration:
                break
            hashed.update(part)
            if held:
                yield held
            held = part
        if is_whole and hashed.hexdigest() != sha256:
            raise FileDamaged(name)
        yield held

    async def read_bytes(self, name: str, most: int) -> bytes:
        """Download a small object."""
        found = await _call(obstore.get_async(self._store, name))
        if found.meta["size"] > most:
            raise FileDamaged(name)
        return bytes(await _call(found.bytes_async()))

    async def remove(self, name: str) -> None:
        """Remove an object."""
        try:
            await _call(obstore.delete_async(self._store, name))
        except FileMissing:
            return

    async def close(self) -> None:
        """Give the library's threads a moment: one that still has an answer to hand over when Python ends aborts it."""
        await asyncio.sleep(_SETTLE_SECONDS)


def _connect(bucket: Bucket) -> S3Store:
    config: S3Config = {"region": bucket.region, "virtual_hosted_style_request": not bucket.path_style}
    if bucket.endpoint:
        config["endpoint"] = bucket.endpoint
    if bucket.key and bucket.secret is not None:
        config["access_key_id"] = bucket.key
        config["secret_access_key"] = bucket.secret.reveal()
    client: ClientConfig = {
        "allow_http": bucket.endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=_CONNECT_SECONDS),
        "timeout": timedelta(seconds=_REQUEST_SECONDS),
    }
    try:
        if bucket.endpoint and not _ADDRESS.fullmatch(bucket.endpoint):
            raise ValueError("the endpoint is written https://host:port")
        if bucket.ca_file is not None:
            client["root_certificate"] = bucket.ca_file.read_bytes()
        return S3Store(
            bucket.name,
            prefix=bucket.prefix or None,
            config=config,
            client_options=client,
            retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_REQUEST_SECONDS)},
        )
    except (BaseError, OSError, ValueError) as error:
        raise AppError(
            Kind.INVALID, "file_store_malformed", f"The settings of the S3 store for files cannot be used: {error}."
        ) from error


async def _call(awaited: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(_CALL_SECONDS):
            return await awaited
    except FileNotFoundError as error:
        raise FileMissing(_first_line(error)) from error
    except (BaseError, OSError, TimeoutError) as error:
        raise StoreUnavailable(_first_line(error) or type(error).__name__) from error


def _first_line(error: BaseException) -> str:
    """What went wrong, without the library's debug output, which names the request."""
    return next(iter(str(error).splitlines()), "")[:300]
