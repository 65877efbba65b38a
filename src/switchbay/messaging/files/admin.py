"""The agents' door to files over plain HTTP: announce one to upload, read what is known of one and how to get it.

The bytes themselves go to and come from the addresses that are answered, as for every other client.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from switchbay.accounts.public import Accounts, Principal, Role, require
from switchbay.infra.web import json_response
from switchbay.kit.jsonvalue import JsonValue
from switchbay.messaging.domain import AgentCaller
from switchbay.messaging.files.addresses import FileAddress
from switchbay.messaging.files.domain import StoredFile, relative_path
from switchbay.messaging.files.service import Files


class FileIn(BaseModel):
    """A file that is to be uploaded."""

    model_config = ConfigDict(extra="forbid")

    file_size: Annotated[int, Field(ge=1, le=2**53, description="Bytes; the upload may not have more.")]
    file_type: Annotated[str, Field(max_length=20, description="JPEG, PNG, GIF, TXT or PDF.")]
    conversation: Annotated[
        str | None, Field(max_length=36, pattern=r"^[^\x00]*$", description="The conversation that it is for.")
    ] = None


def router(files: Files, accounts: Accounts) -> APIRouter:
    """Routes under ``/accounts/{account}/files``."""

    async def admitted(request: Request, account: str) -> Principal:
        principal = await accounts.authenticate(account, request.headers.get("authorization"))
        require(principal, Role.AGENT, Role.ADMIN)
        return principal

    api = APIRouter(prefix="/accounts/{account}/files", tags=["files"])

    @api.post("", status_code=201)
    async def announce_file(account: str, body: FileIn, principal: Annotated[Principal, Depends(admitted)]) -> Response:
        """Announce a file; PUT its bytes to the path that is answered, with the query parameters, within their time."""
        caller = AgentCaller(principal.user_pid)
        address = await files.generate_upload_url(account, caller, body.conversation, body.file_size, body.file_type)
        return json_response(_address(address), 201)

    @api.get("")
    async def get_usage(request: Request, account: str) -> Response:
        """Read how many bytes the files of the account have together, and may have; null: any number."""
        principal = await accounts.authenticate(account, request.headers.get("authorization"))
        require(principal, Role.ADMIN, Role.AGENT_MANAGER)
        usage = await files.get_usage(account)
        return json_response({"bytes": usage.used, "most_bytes": usage.most})

    @api.get("/{file}")
    async def get_file(account: str, file: str, principal: Annotated[Principal, Depends(admitted)]) -> Response:
        """Read what is known of an uploaded file, with addresses that give its bytes and its preview for a while."""
        caller, path = AgentCaller(principal.user_pid), relative_path(account, file)
        found = await files.get_file(account, caller, path)
        download = await files.generate_download_url(account, caller, path)
        preview = await files.generate_preview_url(account, caller, path) if found.preview_size else None
        return json_response(_describe(found, download, preview))

    return api


def _address(address: FileAddress) -> dict[str, JsonValue]:
    return {"relative_path": address.relative_path, "query": dict(address.query)}


def _describe(file: StoredFile, download: FileAddress, preview: FileAddress | None) -> dict[str, JsonValue]:
    return {
        "file": file.file_id,
        "file_type": None if file.file_type is None else file.file_type.value,
        "media_type": file.media_type,
        "size": file.size,
        "sha256": file.sha256,
        "conversation": file.conversation_id,
        "uploaded_by": {"role": "CONSUMER" if file.is_by_consumer else "AGENT", "id": file.uploader_id},
        "created_at": file.created_at,
        "download": _address(download),
        "preview": None if preview is None else _address(preview),
    }
