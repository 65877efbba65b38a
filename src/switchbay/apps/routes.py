"""The app-install API, as the vendor's open-source client for installing apps speaks it, and the copies of logos.

That client sends text that is not JSON as the body of a GET or a DELETE, so no body of these is ever read; it fails
without ``ac-revision``, so every answer has it, errors included; it says PUT in three ways.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from switchbay.accounts.public import Accounts, Actor, Principal, Role, actor_of, require
from switchbay.apps import errors
from switchbay.apps.service import Apps
from switchbay.apps.wire import installation_object
from switchbay.infra.web import client_address, error_response, json_response, read_body
from switchbay.kit.errors import AppError
from switchbay.kit.ids import is_account_id
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.preconditions import Precondition, parse_if_match, revision_missing
from switchbay.kit.secret import Secret

BASE: Final = "/api/account/{account}/configuration/app-install/installations"
LOGOS: Final = "/api/account/{account}/app-logos/{app}.png"
MOST_BYTES: Final = 256 * 1024
READERS: Final = (Role.ADMIN, Role.DEVELOPER)
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_REVISION: Final = "ac-revision"
_OVERRIDE: Final = "x-http-method-override"
_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')

Handler = Callable[[Request, Principal], Awaitable[Response]]


def routes(service: Apps, accounts: Accounts) -> list[BaseRoute]:
    """The routes of the app-install API and of the logos."""
    api = _AppInstall(service, accounts)
    logos = _Logos(service)
    return [
        Route(BASE, api.collection, methods=_METHODS),
        Route(BASE + "/", api.collection, methods=_METHODS),
        Route(BASE + "/{app}", api.item, methods=_METHODS),
        Route(BASE + "/{app}/", api.item, methods=_METHODS),
        Route(LOGOS, logos.show, methods=["GET"]),
    ]


def _method(request: Request) -> str:
    """The method that is meant: a POST may name another one."""
    if request.method == "POST":
        return request.headers.get(_OVERRIDE, "").strip().upper() or "POST"
    return "GET" if request.method == "HEAD" else request.method


class _AppInstall:
    def __init__(self, service: Apps, accounts: Accounts) -> None:
        self._service = service
        self._accounts = accounts

    async def collection(self, request: Request) -> Response:
        """``…/installations``, with or without a slash at its end."""
        return await self._answer(request, {"GET": self._list, "POST": self._install})

    async def item(self, request: Request) -> Response:
        """``…/installations/{id}``. A POST without an override is an update."""
        handlers = {"GET": self._get, "PUT": self._update, "POST": self._update, "DELETE": self._uninstall}
        return await self._answer(request, handlers)

    async def _answer(self, request: Request, handlers: Mapping[str, Handler]) -> Response:
        account_id = request.path_params["account"]
        # Whoever is not logged in learns nothing, but the header is there: no app was ever at revision 0.
        revision = 0
        try:
            principal = await self._accounts.authenticate(account_id, request.headers.get("authorization"))
            revision = await self._service.find_revision(account_id)
            handler = handlers.get(_method(request))
            if handler is None:
                raise errors.app_method_not_allowed(_method(request))
            return await handler(request, principal)
        except AppError as error:
            response = error_response(error)
            known = error.detail.get("revision")
            response.headers[_REVISION] = str(known if isinstance(known, int) else revision)
            if error.code == "app_method_not_allowed":
                response.headers["Allow"] = ", ".join(sorted(handlers))
            return response

    async def _list(self, request: Request, principal: Principal) -> Response:
        require(principal, *READERS)
        listing = await self._service.list_apps(principal.account_id)
        ids = [app.installation_id for app in listing.apps]
        secrets = await self._reveal(request, principal, ids)
        admin = Role.ADMIN in principal.roles
        body: list[JsonValue] = [
            installation_object(app, secrets.get(app.installation_id), header_values=admin) for app in listing.apps
        ]
        return _respond(body, listing.revision)

    async def _get(self, request: Request, principal: Principal) -> Response:
        require(principal, *READERS)
        found = await self._service.get_app(principal.account_id, request.path_params["app"])
        secrets = await self._reveal(request, principal, [found.app.installation_id])
        secret = secrets.get(found.app.installation_id)
        admin = Role.ADMIN in principal.roles
        return _respond(installation_object(found.app, secret, header_values=admin), found.revision)

    async def _install(self, request: Request, principal: Principal) -> Response:
        require(principal, Role.ADMIN)
        manifest, _report = await self._service.accept(await read_body(request, MOST_BYTES))
        issued = await self._service.install(principal.account_id, manifest, _actor(request, principal))
        body = installation_object(issued.found.app, issued.secret, header_values=True)
        return _respond(body, issued.found.revision, 201)

    async def _update(self, request: Request, principal: Principal) -> Response:
        require(principal, Role.ADMIN)
        app_id: str = request.path_params["app"]
        condition = await self._condition(request, principal, app_id)
        manifest, _report = await self._service.accept(await read_body(request, MOST_BYTES))
        actor = _actor(request, principal)
        found = await self._service.update(principal.account_id, app_id, manifest, actor, condition)
        return _respond(installation_object(found.app, None, header_values=True), found.revision)

    async def _uninstall(self, request: Request, principal: Principal) -> Response:
        require(principal, Role.ADMIN)
        app_id: str = request.path_params["app"]
        condition = await self._condition(request, principal, app_id)
        actor = _actor(request, principal)
        found = await self._service.uninstall(principal.account_id, app_id, actor, condition)
        body = installation_object(found.app, None, header_values=False)
        return _respond({**body, "deleted": True}, found.revision)

    async def _condition(self, request: Request, principal: Principal, app_id: str) -> Precondition:
        """The precondition, which a change must have; that an app does not exist is said before that it is missing."""
        found = await self._service.get_app(principal.account_id, app_id)
        condition = parse_if_match(request.headers.getlist("if-match"))
        if condition is None:
            raise revision_missing(found.revision)
        return condition

    async def _reveal(self, request: Request, principal: Principal, app_ids: Sequence[str]) -> dict[str, Secret]:
        if Role.ADMIN not in principal.roles:
            return {}
        return await self._service.reveal_secrets(principal.account_id, app_ids, _actor(request, principal))


class _Logos:
    def __init__(self, service: Apps) -> None:
        self._service = service

    async def show(self, request: Request) -> Response:
        """Our copy of a logo. It needs no login: menus show it as a plain picture, and its id cannot be guessed."""
        account_id: str = request.path_params["account"]
        try:
            if not is_account_id(account_id):
                raise errors.logo_unknown()
            copy = await self._service.find_logo(account_id, request.path_params["app"])
        except AppError as error:
            return error_response(error)
        headers = {
            "ETag": copy.etag,
            "Cache-Control": "public, max-age=300",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        given = request.headers.get("if-none-match", "")
        if given.strip() == "*" or copy.etag in _TAG.findall(given):
            return Response(status_code=304, headers=headers)
        return Response(copy.png, headers=headers, media_type="image/png")


def _actor(request: Request, principal: Principal) -> Actor:
    return actor_of(principal, client_address(request))


def _respond(body: JsonValue, revision: int, status: int = 200) -> Response:
    return json_response(body, status, {_REVISION: str(revision)})
