"""The management API of history: finding messages, export, erasing what is kept of a consumer."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeAlias

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from switchbay.accounts.public import Accounts, Principal, Role, actor_of, require
from switchbay.infra.web import client_address, json_response
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue
from switchbay.messaging.history.domain.erasures import Erasure
from switchbay.messaging.history.room import HistoryRoom
from switchbay.messaging.history.routes import READERS
from switchbay.messaging.history.service import Hit
from switchbay.messaging.wire.cursors import read_cursor

MOST_PER_PAGE: Final = 200
_LATEST: Final = 2**43 - 1  # what the place of a message in the index can hold
_MILLISECONDS = Annotated[int, Query(ge=0, le=_LATEST)]
_Admission: TypeAlias = Callable[[Request, str], Awaitable[Principal]]


class ErasureIn(BaseModel):
    """Whose data is to be erased."""

    model_config = ConfigDict(extra="forbid")

    consumer_id: Annotated[str, Field(description="Id of the consumer, as conversations show it.")]


def router(room: HistoryRoom, accounts: Accounts) -> APIRouter:
    """Routes under ``/accounts/{account}/history``."""

    def admitting(*roles: Role) -> _Admission:
        async def admitted(request: Request, account: str) -> Principal:
            principal = await accounts.authenticate(account, request.headers.get("authorization"))
            require(principal, *roles)
            return principal

        return admitted

    api = APIRouter(prefix="/accounts/{account}/history", tags=["history"])
    _add_messages(api, room, admitting(*READERS))
    _add_export(api, room, admitting(Role.ADMIN))
    _add_erasures(api, room, admitting(Role.ADMIN))
    return api


def _add_messages(api: APIRouter, room: HistoryRoom, admitted: _Admission) -> None:
    @api.get("/messages", dependencies=[Depends(admitted)])
    async def find_messages(
        account: str,
        q: Annotated[str, Query(description='Words, "phrases", begin*: all must be there.')],
        since: Annotated[_MILLISECONDS, Query(alias="from")] = 0,
        until: Annotated[_MILLISECONDS | None, Query(alias="to")] = None,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST_PER_PAGE)] = 50,
    ) -> Response:
        """Find messages by their words, the newest first; ``next_cursor`` leads to the next page."""
        found, following = await room.history.find_messages(
            account, q, since=since, until=until, before=_place(cursor), most=limit
        )
        shown: list[JsonValue] = [_hit(one) for one in found]
        return json_response({"items": shown, "next_cursor": None if following is None else str(following)})


def _add_export(api: APIRouter, room: HistoryRoom, admitted: _Admission) -> None:
    @api.get("/export")
    async def export_history(
        request: Request,
        account: str,
        principal: Annotated[Principal, Depends(admitted)],
        since: Annotated[_MILLISECONDS, Query(alias="from")] = 0,
        until: Annotated[_MILLISECONDS | None, Query(alias="to")] = None,
        cursor: str | None = None,
    ) -> Response:
        """Write a line of JSON for each conversation that began from ``from`` on and before ``to``, oldest first.

        ``cursor`` is that of a line: what follows it is written.
        """
        after = read_cursor(cursor)
        actor = actor_of(principal, client_address(request))
        lines = await room.export(account, actor, since=since, until=until, after=after)
        return StreamingResponse(lines, media_type="application/x-ndjson")


def _add_erasures(api: APIRouter, room: HistoryRoom, admitted: _Admission) -> None:
    @api.post("/erasures", status_code=202)
    async def erase_consumer(
        request: Request, account: str, body: ErasureIn, principal: Annotated[Principal, Depends(admitted)]
    ) -> Response:
        """Erase everything that is kept of a consumer; open conversations are closed first."""
        actor = actor_of(principal, client_address(request))
        return json_response(_erasure(await room.erasing.request(account, body.consumer_id, actor)), 202)

    @api.get("/erasures", dependencies=[Depends(admitted)])
    async def list_erasures(
        account: str,
        cursor: Annotated[str | None, Query(max_length=64, pattern="^[a-z0-9_]*$")] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_PER_PAGE)] = 50,
    ) -> Response:
        """List erasures, the newest first; ``next_cursor`` leads to the next page."""
        found = await room.erasing.list_newest(account, cursor, limit)
        shown: list[JsonValue] = [_erasure(one) for one in found]
        following = found[-1].erasure_id if len(found) == limit else None
        return json_response({"items": shown, "next_cursor": following})

    @api.get("/erasures/{erasure}", dependencies=[Depends(admitted)])
    async def get_erasure(account: str, erasure: str) -> Response:
        """How far an erasure is."""
        return json_response(_erasure(await room.erasing.find(account, erasure)))


def _place(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and int(cursor[:19]) < 2**63 and len(cursor) <= 19):  # noqa: PLR2004 - digits of a 64-bit number
        raise AppError(Kind.INVALID, "cursor_invalid", "The cursor is not one that this server gave out.")
    return int(cursor)


def _hit(one: Hit) -> JsonValue:
    return {
        "conversation_id": one.conversation_id,
        "dialog_id": one.dialog_id,
        "sequence": one.sequence,
        "at": one.at,
        "originator_id": one.originator_id,
        "role": one.role,
        "audience": one.audience,
        "snippet": one.snippet,
        "marks": [list(mark) for mark in one.marks],
    }


def _erasure(one: Erasure) -> JsonValue:
    return {
        "id": one.erasure_id,
        "consumer_id": one.consumer_id,
        "pseudonym": one.pseudonym,
        "phase": one.phase.value,
        "conversations": one.conversations,
        "events": one.events,
        "requested_at": one.requested_at,
        "finished_at": one.finished_at,
    }
