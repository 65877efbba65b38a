"""Use cases of files: addresses for uploads and downloads, what may be sent where, previews, tidying."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import structlog
from msgspec import structs

from switchbay.accounts.public import Account
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock, Randomness
from switchbay.infra.vault import Vault
from switchbay.kit.errors import AppError
from switchbay.messaging.domain import AgentCaller, Audience, Caller, Command, ConsumerCaller, Publish, Reason, may_know
from switchbay.messaging.errors import (
    event_invalid,
    file_not_uploaded,
    file_quota_exceeded,
    file_size_invalid,
    file_too_large,
    file_type_unsupported,
    file_unknown,
    refusal,
)
from switchbay.messaging.files import store, workers
from switchbay.messaging.files.addresses import PURPOSE, FileAddress, Method, is_signed, make_address
from switchbay.messaging.files.domain import (
    FILE_ID_BYTES,
    PREVIEW_CHARACTERS,
    FileState,
    StoredFile,
    is_type_allowed,
    may_download,
    may_send,
    read_path,
    read_size,
    relative_path,
)
from switchbay.messaging.files.previews import data_url
from switchbay.messaging.files.scanning import Scanner
from switchbay.messaging.files.spool import Spool
from switchbay.messaging.files.stores import ByteStore
from switchbay.messaging.files.transfer import Rules, Transfer
from switchbay.messaging.store import find_conversation
from switchbay.messaging.wire.files import file_message, with_message
from switchbay.messaging.wire.ids import is_conversation_id

_PURGE_SECONDS: Final = 60.0
_GRACE_MS: Final = 600_000
"""How long after its address has ended an upload may still be under way."""
_NO_QUOTA: Final = 2**62
_PREVIEW: Final = "/preview"
_NOT_SENDABLE: Final = "message.relativePath names no uploaded file that you may send here"
_log = structlog.get_logger("files")


class Book(Protocol):
    """What this needs of the accounts room."""

    async def get_account(self, account_id: str) -> Account:
        """The account with its settings."""
        ...


@dataclass(frozen=True, slots=True)
class Usage:
    """How many bytes the files of an account have together, previews included, and may have; None: any number."""

    used: int
    most: int | None


class Files:
    """The files of conversations. ``transfer`` moves their bytes.

    A caller is who asks: a ``ConsumerCaller`` or an ``AgentCaller`` whose token has been verified.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        randomness: Randomness,
        vault: Vault,
        objects: ByteStore,
        spool: Spool,
        *,
        scanner: Scanner | None = None,
        rules: Rules | None = None,
        accounts: Book | None = None,
    ) -> None:
        self._accounts = accounts
        self._db = db
        self._clock = clock
        self._randomness = randomness
        self._keys = vault.derive_keys(PURPOSE)
        self._objects = objects
        self._spool = spool
        self.rules = rules or Rules()
        self.transfer = Transfer(db, clock, randomness, objects, spool, scanner, self.rules, self.quota_of)
        self._purging: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin the background work."""
        self._purging = asyncio.create_task(self._purge_until_stopped(), name="files-purge")

    async def stop(self) -> None:
        """End the background work and let go of the store."""
        if self._purging is not None:
            self._purging.cancel()
            with suppress(asyncio.CancelledError):
                await self._purging
            self._purging = None
        await self._objects.close()

    async def _purge_until_stopped(self) -> None:
        while True:
            try:
                while await workers.purge_once(self._db, self._objects, self._clock.now_ms()) >= store.PURGED_AT_ONCE:
                    pass
                await asyncio.to_thread(self._spool.sweep, self._clock.now_ms())
            except Exception as error:  # noqa: BLE001 - tidying must not end with one bad moment
                _log.warning("could not tidy files", reason=str(error))
            await asyncio.sleep(_PURGE_SECONDS)

    # Room

    async def quota_of(self, account_id: str) -> int:
        """How many bytes the files of an account may have together: the server's limit, or the account's if lower."""
        limits = [self.rules.account_bytes]
        if self._accounts is not None:
            limits.append((await self._accounts.get_account(account_id)).file_total_bytes)
        return min((limit for limit in limits if limit), default=_NO_QUOTA)

    async def get_usage(self, account_id: str) -> Usage:
        """How much room the files of an account take."""
        most = await self.quota_of(account_id)
        used = await self._db.read(lambda tx: store.find_usage(tx, account_id))
        return Usage(used, None if most == _NO_QUOTA else most)

    # Addresses

    async def generate_upload_url(
        self,
        account_id: str,
        uploader: ConsumerCaller | AgentCaller,
        conversation_id: str | None,
        file_size: object,
        file_type: object,
    ) -> FileAddress:
        """An address that takes one PUT of at most ``file_size`` bytes (a number or its digits).

        The file becomes one of ``conversation_id`` at once if that is given, else when it is sent. Raises
        ``file_size_invalid``, ``file_too_large``, ``file_type_unsupported``, ``file_quota_exceeded``,
        ``conversation_unknown``.
        """
        size = read_size(file_size)
        if size is None or size < 1:
            raise file_size_invalid()
        if size > self.rules.most_bytes:
            raise file_too_large(self.rules.most_bytes)
        if not is_type_allowed(file_type, self.rules.types):
            raise file_type_unsupported(sorted(self.rules.types))
        most = await self.quota_of(account_id)
        now = self._clock.now_ms()
        file = StoredFile(
            account_id=account_id,
            file_id=self._randomness.token(FILE_ID_BYTES),
            state=FileState.AWAITED,
            uploader_id=uploader.consumer_id if isinstance(uploader, ConsumerCaller) else uploader.user_pid,
            is_by_consumer=isinstance(uploader, ConsumerCaller),
            installation_id=uploader.installation_id if isinstance(uploader, ConsumerCaller) else None,
            conversation_id=conversation_id,
            is_private=conversation_id is not None and isinstance(uploader, AgentCaller),  # until it is sent
            declared_size=size,
            file_type=None,
            size=0,
            sha256="",
            preview_size=0,
            created_at=now,
        )
        ends = now + self.rules.upload_seconds * 1_000

        async def announce(tx: Tx) -> None:
            if conversation_id is not None:
                await _check_conversation(tx, account_id, uploader, conversation_id)
            # The bytes themselves are counted when they come; whoever asks in vain need not send them.
            if await store.find_usage(tx, account_id) + size > most:
                raise file_quota_exceeded(most)
            await store.insert_file(tx, file, ends + _GRACE_MS)

        await self._db.write(announce)
        return self._address("PUT", file.relative_path, self.rules.upload_seconds)

    async def generate_download_url(self, account_id: str, requester: Caller, relative_path: object) -> FileAddress:
        """An address that gives the file for a while. Raises ``file_unknown`` and ``file_not_uploaded``."""
        file = await self.get_file(account_id, requester, relative_path)
        return self._address("GET", file.relative_path, self.rules.download_seconds)

    async def generate_preview_url(self, account_id: str, requester: Caller, relative_path: object) -> FileAddress:
        """The same for the file's preview; ``file_unknown`` also where there is none."""
        file = await self.get_file(account_id, requester, relative_path)
        if not file.preview_size:
            raise file_unknown()
        return self._address("GET", file.relative_path + _PREVIEW, self.rules.download_seconds)

    def opens(self, method: Method, account_id: str, file_id: str, query: Mapping[str, str], *, preview: bool) -> bool:
        """Whether the parameters of an address open this file, or its preview, for ``method`` now."""
        path = relative_path(account_id, file_id) + (_PREVIEW if preview else "")
        signature, expires = query.get("temp_url_sig", ""), query.get("temp_url_expires", "")
        return is_signed(self._keys, method, path, signature, expires, self._clock.now_ms() // 1_000)

    def _address(self, method: Method, path: str, seconds: int) -> FileAddress:
        return make_address(self._keys, method, path, self._clock.now_ms() // 1_000 + seconds)

    # What there is

    async def get_file(self, account_id: str, requester: Caller, relative_path: object) -> StoredFile:
        """What is known of a file that the requester may have. Raises ``file_unknown``, ``file_not_uploaded``."""
        file_id = read_path(relative_path, account_id)

        async def load(tx: Tx) -> StoredFile | None:
            file = None if file_id is None else await store.find_file(tx, account_id, file_id)
            if file is None:
                return None
            of = file.conversation_id
            conversation = None if of is None else await find_conversation(tx, account_id, of)
            return file if may_download(file, requester, conversation) else None

        file = await self._db.read(load)
        if file is None:
            raise file_unknown()
        if file.state is not FileState.STORED:
            raise file_not_uploaded()
        return file

    async def preview_of(self, account_id: str, relative_path: object) -> str | None:
        """The preview of a file as a data URL of less than 30 KB, None if it has none or it cannot be read just now."""
        file_id = read_path(relative_path, account_id)
        if file_id is None:
            return None
        file = await self._db.read(lambda tx: store.find_file(tx, account_id, file_id))
        if file is None or not file.preview_size:
            return None
        try:
            return data_url(await self.transfer.read_preview(file))
        except AppError:  # it is an ornament: the log has it, the message goes on without
            return None

    # Sending

    async def admit(self, command: Command) -> Command:
        """Look at what a command publishes before it is done; return the command to do.

        Of an event about a file, the file must be one that the caller may send here; it becomes the conversation's,
        and a missing preview is filled in. May be repeated with the command. Raises ``event_invalid`` and
        ``conversation_unknown``.
        """
        steps = [await self._admit_step(command, step) if isinstance(step, Publish) else step for step in command.steps]
        if all(new is old for new, old in zip(steps, command.steps, strict=True)):
            return command
        return structs.replace(command, steps=tuple(steps))

    async def _admit_step(self, command: Command, step: Publish) -> Publish:
        message = file_message(step.event)
        if message is None:
            return step
        preview = message.get("preview")
        if preview is not None and (not isinstance(preview, str) or len(preview) > PREVIEW_CHARACTERS):
            raise event_invalid(f"message.preview must be a string of at most {PREVIEW_CHARACTERS} characters")
        file = await self._db.write(partial(_attach, command=command, step=step, path=message["relativePath"]))
        drawn = await self.preview_of(file.account_id, file.relative_path) if not preview else None
        if drawn is None:
            return step
        return structs.replace(step, event=with_message(step.event, {**message, "preview": drawn}))


async def _attach(tx: Tx, command: Command, step: Publish, path: object) -> StoredFile:
    """Make the file at ``path`` one of the command's conversation, if it is the caller's to send there."""
    account_id, conversation_id = command.account_id, command.conversation_id
    if command.open is None:
        await _check_conversation(tx, account_id, command.caller, conversation_id)
    file_id = read_path(path, account_id)
    file = None if file_id is None else await store.find_file(tx, account_id, file_id)
    if file is None or file.state is not FileState.STORED or not may_send(file, command.caller, conversation_id):
        raise event_invalid(_NOT_SENDABLE)
    is_private = step.audience is not Audience.ALL
    if file.conversation_id is None:
        attached = await store.attach_file(tx, account_id, file.file_id, conversation_id, is_private=is_private)
        if not attached:  # another conversation was faster
            raise event_invalid(_NOT_SENDABLE)
    elif file.conversation_id == conversation_id and file.is_private and not is_private:
        await store.show_file(tx, account_id, file.file_id, conversation_id)
    return file


async def _check_conversation(tx: Tx, account_id: str, caller: Caller, conversation_id: str) -> None:
    is_id = is_conversation_id(conversation_id)
    conversation = await find_conversation(tx, account_id, conversation_id) if is_id else None
    if conversation is None or not may_know(conversation, caller):
        raise refusal(Reason.CONVERSATION_UNKNOWN)
