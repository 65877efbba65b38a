"""The configuration API (section 7 of the reference), with the conventions of the app-install API.

Bare arrays, ``ac-revision`` on every answer, ``If-Match`` with every change, PUT said in three ways. The revision is
that of the account's whole configuration. Whoever changes campaigns has the role admin or campaign_manager.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from switchbay.accounts.public import Accounts, Actor, Principal, Role, actor_of, require
from switchbay.engagement.configuration import errors, wire
from switchbay.engagement.configuration.domain.catalogue import COLLECTIONS, TypeInfo
from switchbay.engagement.configuration.domain.checking import is_id
from switchbay.engagement.configuration.service import Configuration, Listing
from switchbay.engagement.configuration.transfer import CampaignFile, Transfer
from switchbay.engagement.domain.objects import EngagementSettings
from switchbay.infra.web import client_address, error_response, json_response, read_body
from switchbay.kit.errors import AppError
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.preconditions import Precondition, parse_if_match, revision_missing

BASE: Final = "/api/account/{account}/configuration/le-campaigns"
MOST_BYTES: Final = 256 * 1024
MOST_FILE_BYTES: Final = 4 * 1024 * 1024
ROLES: Final = (Role.ADMIN, Role.CAMPAIGN_MANAGER)
_MOST_PER_PAGE: Final = 1_000_000
_FEW: Final = 200
_REVISION: Final = "ac-revision"
_OVERRIDE: Final = "x-http-method-override"
_NUMBER: Final = re.compile(r"[0-9]{1,19}", re.ASCII)

Handler = Callable[[Request, Principal], Awaitable[Response]]


class _CopyIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """How to name a copy, and the campaign that a copy of an engagement goes to."""

    name: str | None = None
    campaign_id: int | None = None


def routes(configuration: Configuration, transfer: Transfer, accounts: Accounts) -> list[BaseRoute]:
    """The routes of the configuration."""
    api = _Api(configuration, transfer, accounts)

    def route(path: str, handlers: Mapping[str, Handler]) -> list[BaseRoute]:
        methods = sorted({*handlers, "POST"} if "PUT" in handlers or "DELETE" in handlers else handlers)

        async def endpoint(request: Request) -> Response:
            return await api.answer(request, handlers)

        return [Route(BASE + path + end, endpoint, methods=methods) for end in ("", "/")]

    return [
        *route("/settings", {"GET": api.get_settings, "PUT": api.put_settings}),
        *route("/campaigns/import", {"POST": api.import_campaign}),
        *route("/campaigns/{object}/engagements", {"GET": api.list_engagements}),
        *route("/campaigns/{object}/export", {"GET": api.export_campaign}),
        *route("/campaigns/{object}/copy", {"POST": api.copy_campaign}),
        *route("/campaigns/{object}/publish", {"POST": api.publish}),
        *route("/campaigns/{object}/pause", {"POST": api.pause}),
        *route("/engagements/{object}/copy", {"POST": api.copy_engagement}),
        *route("/{collection}", {"GET": api.list_objects, "POST": api.create}),
        *route("/{collection}/{object}", {"GET": api.get, "PUT": api.update, "POST": api.update, "DELETE": api.delete}),
        *route("/{collection}/{object}/users", {"GET": api.list_users}),
    ]


def _method(request: Request) -> str:
    """The method that is meant: a POST may name another one."""
    if request.method == "POST":
        return request.headers.get(_OVERRIDE, "").strip().upper() or "POST"
    return "GET" if request.method == "HEAD" else request.method


class _Api:
    def __init__(self, configuration: Configuration, transfer: Transfer, accounts: Accounts) -> None:
        self._service = configuration
        self._transfer = transfer
        self._accounts = accounts

    async def answer(self, request: Request, handlers: Mapping[str, Handler]) -> Response:
        """Authorise a request and hand it over; whatever comes back has ``ac-revision``."""
        account_id: str = request.path_params["account"]
        revision = 0  # whoever is not logged in learns nothing
        try:
            principal = await self._accounts.authenticate(account_id, request.headers.get("authorization"))
            revision = await self._service.find_revision(account_id)
            require(principal, *ROLES)
            handler = handlers.get(_method(request))
            if handler is None:
                raise errors.call_not_allowed(_method(request))
            return await handler(request, principal)
        except AppError as error:
            response = error_response(error)
            known = error.detail.get("revision")
            response.headers[_REVISION] = str(known if isinstance(known, int) else revision)
            if error.code == "call_not_allowed":
                response.headers["Allow"] = ", ".join(sorted(handlers))
            return response

    # Objects

    async def list_objects(self, request: Request, principal: Principal) -> Response:
        """Every object of a type."""
        listing = await self._service.list_objects(
            principal.account_id,
            _type(request).name,
            campaign_id=_number(request, "campaignId"),
            after=_number(request, "after", least=0) or 0,
            most=min(_number(request, "limit") or _MOST_PER_PAGE, _MOST_PER_PAGE),
            with_deleted=_flag(request, "includeDeleted"),
        )
        return await _respond_many(listing)

    async def list_engagements(self, request: Request, principal: Principal) -> Response:
        """The engagements of a campaign."""
        campaign_id = _object_id(request, "campaign")
        await self._service.get_object(principal.account_id, "campaign", campaign_id)
        return await _respond_many(
            await self._service.list_objects(principal.account_id, "engagement", campaign_id=campaign_id)
        )

    async def get(self, request: Request, principal: Principal) -> Response:
        """One object."""
        name = _type(request).name
        return _respond(await self._service.get_object(principal.account_id, name, _object_id(request, name)))

    async def list_users(self, request: Request, principal: Principal) -> Response:
        """Those that refer to an object."""
        name = _type(request).name
        listing = await self._service.list_users(principal.account_id, name, _object_id(request, name))
        users: list[JsonValue] = [wire.render_user(one) for one in listing.objects]
        return _answer(users, listing.revision)

    async def create(self, request: Request, principal: Principal) -> Response:
        """Make an object."""
        info = _type(request)
        body = await read_body(request, MOST_BYTES)
        zone = await self._time_zone(principal.account_id, info)
        one = wire.read_object(body, info, 0, time_zone=zone)
        return _respond(await self._service.create(principal.account_id, one, _actor(request, principal)), 201)

    async def _time_zone(self, account_id: str, info: TypeInfo) -> str | None:
        return (await self._service.find_settings(account_id))[1].time_zone if info.name == "campaign" else None

    async def update(self, request: Request, principal: Principal) -> Response:
        """Replace an object."""
        info = _type(request)
        object_id = _object_id(request, info.name)
        condition = await self._condition(request, principal, info, object_id)
        body = await read_body(request, MOST_BYTES)
        zone = await self._time_zone(principal.account_id, info)
        one = wire.read_object(body, info, object_id, time_zone=zone)
        actor = _actor(request, principal)
        return _respond(await self._service.update(principal.account_id, one, actor, condition))

    async def delete(self, request: Request, principal: Principal) -> Response:
        """Mark an object as deleted. No body is read."""
        info = _type(request)
        object_id = _object_id(request, info.name)
        condition = await self._condition(request, principal, info, object_id)
        actor = _actor(request, principal)
        return _respond(await self._service.delete(principal.account_id, info.name, object_id, actor, condition))

    async def _condition(self, request: Request, principal: Principal, info: TypeInfo, object_id: int) -> Precondition:
        """The precondition, which a change must have; that an object is unknown is said before that it is missing."""
        found = await self._service.get_object(principal.account_id, info.name, object_id)
        return _given_condition(request, found.revision)

    # Campaigns

    async def publish(self, request: Request, principal: Principal) -> Response:
        """Publish a campaign."""
        return await self._set_status(request, principal, "published")

    async def pause(self, request: Request, principal: Principal) -> Response:
        """Pause a campaign."""
        return await self._set_status(request, principal, "paused")

    async def _set_status(self, request: Request, principal: Principal, status: str) -> Response:
        campaign_id = _object_id(request, "campaign")
        condition = await self._condition(request, principal, COLLECTIONS["campaigns"], campaign_id)
        actor = _actor(request, principal)
        return _respond(await self._service.set_status(principal.account_id, campaign_id, status, actor, condition))

    async def copy_campaign(self, request: Request, principal: Principal) -> Response:
        """Copy a campaign with its engagements."""
        given = await _copy_in(request)
        campaign_id, actor = _object_id(request, "campaign"), _actor(request, principal)
        copy = await self._service.copy_campaign(principal.account_id, campaign_id, actor, name=given.name)
        return _respond(copy, 201)

    async def copy_engagement(self, request: Request, principal: Principal) -> Response:
        """Copy an engagement."""
        given = await _copy_in(request)
        engagement_id, actor = _object_id(request, "engagement"), _actor(request, principal)
        copy = await self._service.copy_engagement(
            principal.account_id, engagement_id, actor, name=given.name, campaign_id=given.campaign_id
        )
        return _respond(copy, 201)

    async def export_campaign(self, request: Request, principal: Principal) -> Response:
        """A campaign as a file."""
        campaign_id = _object_id(request, "campaign")
        revision, file = await self._transfer.export_campaign(principal.account_id, campaign_id)
        return _answer(file, revision)

    async def import_campaign(self, request: Request, principal: Principal) -> Response:
        """Make a campaign from a file."""
        dry_run = _flag(request, "dryRun")
        file = wire.read_as(await read_body(request, MOST_FILE_BYTES), CampaignFile)
        actor = _actor(request, principal)
        made = await self._transfer.import_campaign(principal.account_id, file, actor, dry_run=dry_run)
        return _answer(made.to_json(), made.revision, 200 if dry_run else 201)

    # Settings

    async def get_settings(self, request: Request, principal: Principal) -> Response:
        """What holds for all campaigns."""
        del request
        revision, settings = await self._service.find_settings(principal.account_id)
        return _answer(settings, revision)

    async def put_settings(self, request: Request, principal: Principal) -> Response:
        """Change what holds for all campaigns."""
        revision, _settings = await self._service.find_settings(principal.account_id)
        condition = _given_condition(request, revision)
        settings = wire.read_as(await read_body(request, MOST_BYTES), EngagementSettings)
        actor = _actor(request, principal)
        return _answer(settings, await self._service.put_settings(principal.account_id, settings, actor, condition))


def _type(request: Request) -> TypeInfo:
    """The type that the path names; any other collection is unknown."""
    info = COLLECTIONS.get(request.path_params["collection"])
    if info is None:
        raise errors.object_unknown("collection")
    return info


def _object_id(request: Request, type_: str) -> int:
    """The id in the path; what cannot be one is unknown, before it reaches the database."""
    text: str = request.path_params["object"]
    if _NUMBER.fullmatch(text) is None or not is_id(int(text)):
        raise errors.object_unknown(type_)
    return int(text)


def _number(request: Request, name: str, *, least: int = 1) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if _NUMBER.fullmatch(text) is None or not is_id(max(int(text), 1)) or int(text) < least:
        raise errors.query_invalid(name)
    return int(text)


def _flag(request: Request, name: str) -> bool:
    text = request.query_params.get(name, "false").lower()
    if text not in ("true", "false"):
        raise errors.query_invalid(name)
    return text == "true"


def _given_condition(request: Request, revision: int) -> Precondition:
    condition = parse_if_match(request.headers.getlist("if-match"))
    if condition is None:
        raise revision_missing(revision)
    return condition


async def _copy_in(request: Request) -> _CopyIn:
    """How to copy; a body is not needed."""
    body = await read_body(request, MOST_BYTES)
    return wire.read_as(body, _CopyIn) if body.strip() else _CopyIn()


def _actor(request: Request, principal: Principal) -> Actor:
    return actor_of(principal, client_address(request))


def _respond(listing: Listing, status: int = 200) -> Response:
    (one,) = listing.objects
    body = wire.render_object(one, ineligible=listing.ineligible, engagements=listing.engagements)
    return _answer(body, listing.revision, status)


async def _respond_many(listing: Listing) -> Response:
    """A long list is rendered on a thread, so that other requests do not wait for it."""
    if len(listing.objects) <= _FEW:
        return _render_many(listing)
    return await asyncio.to_thread(_render_many, listing)


def _render_many(listing: Listing) -> Response:
    body = [
        wire.render_object(one, ineligible=listing.ineligible, engagements=listing.engagements)
        for one in listing.objects
    ]
    return _answer(body, listing.revision)


def _answer(body: object, revision: int, status: int = 200) -> Response:
    return json_response(body, status, {_REVISION: str(revision)})
