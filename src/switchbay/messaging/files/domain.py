"""What a stored file is, and who may have it. Paths follow the reference's section 4.14: ``/v1/AUTH_async-images/…``.

A file is announced (AWAITED) when its upload address is given out, STORING from the moment its bytes are about to go
into the store until they are there, then STORED. DOOMED files exist for nobody any more; a worker removes their bytes
and then their rows.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from switchbay.kit.ids import is_account_id
from switchbay.messaging.domain import AgentCaller, Caller, ConsumerCaller, Conversation, may_know

PREFIX: Final = "/v1/AUTH_async-images/"
FILE_ID_BYTES: Final = 20
_FILE_ID: Final = re.compile(r"[0-9a-f]{40}")
_MOST_DIGITS: Final = 15
PREVIEW_CHARACTERS: Final = 45_000
"""The longest ``preview`` of a file event: 30 KB as base64 in a data URL, and something for its head."""


class FileState(StrEnum):
    """How far a file is."""

    AWAITED = "AWAITED"
    STORING = "STORING"
    STORED = "STORED"
    DOOMED = "DOOMED"


class FileType(StrEnum):
    """What a file is, told from its bytes."""

    JPEG = "JPEG"
    PNG = "PNG"
    GIF = "GIF"
    TXT = "TXT"
    PDF = "PDF"


IMAGES: Final = frozenset({FileType.JPEG, FileType.PNG, FileType.GIF})
MEDIA_TYPES: Final = {
    FileType.JPEG: "image/jpeg",
    FileType.PNG: "image/png",
    FileType.GIF: "image/gif",
    FileType.TXT: "text/plain; charset=utf-8",
    FileType.PDF: "application/pdf",
}
SUFFIXES: Final = {
    FileType.JPEG: "jpg",
    FileType.PNG: "png",
    FileType.GIF: "gif",
    FileType.TXT: "txt",
    FileType.PDF: "pdf",
}


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as its row tells it. Times are epoch milliseconds, sizes bytes.

    ``installation_id`` is the application that the uploading consumer came through, None for consumers by themselves
    and for users. ``is_private`` files are shown to agents only. ``preview_size`` is 0 where there is no preview.
    """

    account_id: str
    file_id: str
    state: FileState
    uploader_id: str
    is_by_consumer: bool
    installation_id: str | None
    conversation_id: str | None
    is_private: bool
    declared_size: int
    file_type: FileType | None
    size: int
    sha256: str
    preview_size: int
    created_at: int

    @property
    def relative_path(self) -> str:
        """The path that clients know the file by."""
        return relative_path(self.account_id, self.file_id)

    @property
    def media_type(self) -> str:
        """The ``Content-Type`` of its bytes."""
        return "application/octet-stream" if self.file_type is None else MEDIA_TYPES[self.file_type]


def relative_path(account_id: str, file_id: str) -> str:
    """The path of a file."""
    return f"{PREFIX}{account_id}/{file_id}"


def read_path(path: object, account_id: str) -> str | None:
    """The id of the file that a path names, or None if it cannot be a path of this account."""
    if not isinstance(path, str) or not path.startswith(PREFIX):
        return None
    account, _, file_id = path[len(PREFIX) :].partition("/")
    return file_id if account == account_id and is_file_name(account, file_id) else None


def is_file_name(account_id: str, file_id: str) -> bool:
    """Whether these can be an account and a file of it; what looks different is not looked up."""
    return is_account_id(account_id) and _FILE_ID.fullmatch(file_id) is not None


def read_size(given: object) -> int | None:
    """A size as clients write it, a number or its digits, or None if it is neither."""
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) <= _MOST_DIGITS:
        return int(given)
    return given if type(given) is int else None


def is_type_allowed(declared: object, allowed: frozenset[FileType]) -> bool:
    """Whether a file may be announced as ``declared``, in any case. JPG and JPEG are one, IMG is any picture."""
    if not isinstance(declared, str):
        return False
    name = declared.upper()
    if name == "IMG":
        return not IMAGES.isdisjoint(allowed)
    return ("JPEG" if name == "JPG" else name) in allowed


def is_own(file: StoredFile, caller: Caller) -> bool:
    """Whether the caller is who uploads, or uploaded, the file. A file of any user is every user's own."""
    if isinstance(caller, AgentCaller):
        return not file.is_by_consumer
    return (
        isinstance(caller, ConsumerCaller)
        and file.is_by_consumer
        and file.uploader_id == caller.consumer_id
        and caller.installation_id in {None, file.installation_id}
    )


def may_download(file: StoredFile, caller: Caller, conversation: Conversation | None) -> bool:
    """Whether the file exists for the caller; ``conversation`` is the one it was sent in.

    Users get every file of their account. Consumers get what they uploaded, and what was sent in their conversations
    for them to see.
    """
    if not isinstance(caller, ConsumerCaller):
        return True
    if is_own(file, caller):
        return True
    return conversation is not None and not file.is_private and may_know(conversation, caller)


def may_send(file: StoredFile, caller: Caller, conversation_id: str) -> bool:
    """Whether the caller may send the file in a conversation that is known to them.

    A file stays with the first conversation that it was sent in, and ends with it. There everybody may send it again;
    elsewhere only the consumer who uploaded it may.
    """
    if file.conversation_id == conversation_id:
        return isinstance(caller, AgentCaller) or not file.is_private or is_own(file, caller)
    if not is_own(file, caller):
        return False
    return file.conversation_id is None or isinstance(caller, ConsumerCaller)
