"""What an agent's socket asks about files (sections 4.14 to 4.16): addresses for uploads and downloads, tokens to read.

Of ``GenerateDownloadToken`` the protocol's pages have the name only. Clients that use it name what they want to read as
``downloadable``, an object with a type, and get a ``token``, another. On the vendor's platform the type is a form that
the consumer has filled in; there are no such forms here, and what can be read is a file.
"""

from typing import Annotated, Final

import msgspec

from switchbay.kit.errors import AppError, Kind
from switchbay.messaging.domain import AgentCaller
from switchbay.messaging.files.addresses import FileAddress
from switchbay.messaging.files.service import Files
from switchbay.messaging.sockets.frames import Done, Frame, read_body

_FILE: Final = "HostedFile"


class _UploadBody(msgspec.Struct, rename="camel"):
    file_size: int | str
    file_type: str
    conversation_id: str | None = None


class _DownloadBody(msgspec.Struct, rename="camel"):
    relative_path: str


class _Downloadable(msgspec.Struct, rename="camel"):
    type: Annotated[str, msgspec.Meta(max_length=64)]
    relative_path: str = ""


class _TokenBody(msgspec.Struct):
    downloadable: _Downloadable


_upload: Final = msgspec.json.Decoder(_UploadBody)
_download: Final = msgspec.json.Decoder(_DownloadBody)
_token: Final = msgspec.json.Decoder(_TokenBody)


class FileRequests:
    """The requests of one agent about files."""

    def __init__(self, files: Files, account_id: str, caller: AgentCaller) -> None:
        self._files = files
        self._account_id = account_id
        self._caller = caller

    async def upload(self, frame: Frame) -> Done:
        """An address that takes a file."""
        body = read_body(frame, _upload)
        address = await self._files.generate_upload_url(
            self._account_id, self._caller, body.conversation_id, body.file_size, body.file_type
        )
        return _opened(address)

    async def download(self, frame: Frame) -> Done:
        """An address that gives a file."""
        body = read_body(frame, _download)
        return _opened(await self._find(body.relative_path))

    async def token(self, frame: Frame) -> Done:
        """What opens a file for a while, as a token. Raises ``downloadable_unsupported`` for anything but a file."""
        wanted = read_body(frame, _token).downloadable
        if wanted.type != _FILE:
            raise AppError(
                Kind.INVALID,
                "downloadable_unsupported",
                f"Tokens are given for downloadables of the type {_FILE} only.",
            )
        address = await self._find(wanted.relative_path)
        name = (
            "ms.GenerateDownloadTokenResponse" if frame.is_new_style else ".ams.ms.token.GenerateDownloadToken$Response"
        )
        return Done(name, {"token": {"type": "HostedFileReadToken", **_address(address)}})

    async def _find(self, relative_path: str) -> FileAddress:
        return await self._files.generate_download_url(self._account_id, self._caller, relative_path)


def _address(address: FileAddress) -> dict[str, object]:
    return {"relativePath": address.relative_path, "queryParams": address.query}


def _opened(address: FileAddress) -> Done:
    return Done("ms.GenerateURLResponse", _address(address))
