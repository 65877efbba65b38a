"""The management API of apps: for administrators, and to read and compare for developers.

A manifest comes as it was written, any media type, so that findings have line and column; ``set=NAME=VALUE``, which may
be repeated, fills its placeholders. ``If-Match`` is honoured where it is sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import JsonValue
from starlette.responses import Response

from switchbay.accounts.public import Accounts, Actor, Role, actor_of, require
from switchbay.apps import errors, wire
from switchbay.apps.changes import Found
from switchbay.apps.domain.conversations import AccessState
from switchbay.apps.service import Apps
from switchbay.infra.web import client_address, decode_as, read_body
from switchbay.kit.preconditions import ANY, Precondition, parse_if_match
from switchbay.manifest.public import Manifest, Report, export

MOST_BYTES: Final = 256 * 1024
_MOST_SMALL_BYTES: Final = 4_096
_MOST_VARIABLES: Final = 100


def _body(description: str, schema: dict[str, JsonValue], *, required: bool) -> dict[str, JsonValue]:
    """The OpenAPI description of a body that is read by hand, after the caller was admitted and within a limit."""
    content: dict[str, JsonValue] = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": required, "description": description, "content": content}}


_MANIFEST: Final = _body("The manifest, as JSON text.", {"type": "object"}, required=True)
_ROTATION: Final = _body(
    "How to rotate.",
    {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "overlap_seconds": {
                "type": ["integer", "null"],
                "minimum": 0,
                "maximum": wire.MOST_OVERLAP_SECONDS,
                "description": "How long the current secret stays valid; the server's setting if absent.",
            },
            "force": {"type": "boolean", "description": "End the oldest secret when a rotation is under way."},
        },
    },
    required=False,
)


_NEW_SECRET: Final = _body(
    "The new secret.",
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "description": "1 to 64 printable characters."},
            "not_after": {"type": ["integer", "null"], "description": "When it ends; epoch milliseconds."},
        },
    },
    required=True,
)


_DECISIONS: Final = {
    "approve": AccessState.APPROVED,
    "refuse": AccessState.REFUSED,
    "withdraw": AccessState.WITHDRAWN,
}


@dataclass(frozen=True, slots=True)
class _Asked:
    """How a manifest is to be read."""

    variables: Mapping[str, str]
    strict: bool


@dataclass(frozen=True, slots=True)
class _Given:
    """A manifest that came with a request."""

    manifest: Manifest
    report: Report


def _asked(
    *,
    pairs: Annotated[
        list[str] | None, Query(alias="set", description="NAME=VALUE fills a placeholder; may be repeated.")
    ] = None,
    strict: Annotated[bool, Query(description="Refuse unknown members.")] = False,
) -> _Asked:
    variables: dict[str, str] = {}
    for pair in pairs or ():
        name, separator, value = pair.partition("=")
        if not separator or not name or len(variables) >= _MOST_VARIABLES:
            raise errors.variable_malformed()
        variables[name] = value
    return _Asked(variables, strict)


AskedHow = Annotated[_Asked, Depends(_asked)]


def _condition(request: Request) -> Precondition:
    return parse_if_match(request.headers.getlist("if-match")) or ANY


class _Doors:
    """Who may come in, and how a manifest is read."""

    def __init__(self, service: Apps, accounts: Accounts) -> None:
        self._service = service
        self._accounts = accounts

    async def reader(self, request: Request, account: str) -> Actor:
        """An administrator or a developer of the account."""
        return await self._admit(request, account, Role.ADMIN, Role.DEVELOPER)

    async def admin(self, request: Request, account: str) -> Actor:
        """An administrator of the account."""
        return await self._admit(request, account, Role.ADMIN)

    async def _admit(self, request: Request, account: str, *roles: Role) -> Actor:
        principal = await self._accounts.authenticate(account, request.headers.get("authorization"))
        require(principal, *roles)
        return actor_of(principal, client_address(request))

    async def manifest(self, request: Request, asked: _Asked) -> _Given:
        """Read and check the manifest in the body."""
        text = await read_body(request, MOST_BYTES)
        return _Given(*await self._service.accept(text, variables=asked.variables, strict=asked.strict))


def router(service: Apps, accounts: Accounts) -> APIRouter:
    """Routes under ``/accounts/{account}/apps``, with the bearer of a user."""
    doors = _Doors(service, accounts)
    api = APIRouter(prefix="/accounts/{account}/apps", tags=["apps"])
    _add_reading(api, service, doors)
    _add_changing(api, service, doors)
    _add_credentials(api, service, doors)
    _add_secrets(api, service, doors)
    return api


def _changed(service: Apps, found: Found) -> dict[str, object]:
    return {"revision": found.revision, "app": wire.app_out(found.app, found.logo, service.options, service.now())}


def _add_reading(api: APIRouter, service: Apps, doors: _Doors) -> None:
    @api.get("", dependencies=[Depends(doors.reader)])
    async def list_apps(account: str) -> wire.AppsOut:
        """List the apps that are installed."""
        listing = await service.list_apps(account)
        now = service.now()
        logos = listing.logos
        shown = [wire.app_out(app, logos.get(app.installation_id), service.options, now) for app in listing.apps]
        return wire.AppsOut(revision=listing.revision, items=shown)

    @api.get("/{app_id}", dependencies=[Depends(doors.reader)])
    async def get_app(account: str, app_id: str) -> wire.ChangedOut:
        """Read one app."""
        return wire.ChangedOut.model_validate(_changed(service, await service.get_app(account, app_id)))

    @api.get("/{app_id}/health", dependencies=[Depends(doors.reader)])
    async def get_health(account: str, app_id: str) -> wire.HealthOut:
        """Say what is wrong with an app, or may soon be: logo, secrets, placeholders left in its manifest."""
        found = await service.get_app(account, app_id)
        webhooks = await service.find_webhooks_health(account, app_id)
        return wire.health_out(found.app, found.logo, webhooks, service.options, service.now())

    @api.get("/{app_id}/export", dependencies=[Depends(doors.reader)])
    async def export_manifest(account: str, app_id: str) -> Response:
        """The installed manifest in canonical form, header values masked.

        An update may bring the masks back: where event, endpoint and header name are the same, the stored value stays.
        """
        found = await service.get_app(account, app_id)
        return Response(export(found.app.document), media_type="application/json")

    @api.post("/{app_id}/diff", dependencies=[Depends(doors.reader)], openapi_extra=_MANIFEST)
    async def compare(request: Request, account: str, app_id: str, asked: AskedHow) -> wire.DiffOut:
        """Say in words what an update to this manifest would change."""
        given = await doors.manifest(request, asked)
        changes = await service.compare(account, app_id, given.manifest)
        return wire.DiffOut.model_validate(
            {"changes": [change.to_json() for change in changes], "report": given.report.to_json()}
        )


def _add_changing(api: APIRouter, service: Apps, doors: _Doors) -> None:
    @api.post("", status_code=201, openapi_extra=_MANIFEST)
    async def install(
        request: Request,
        account: str,
        actor: Annotated[Actor, Depends(doors.admin)],
        asked: AskedHow,
    ) -> wire.InstalledOut:
        """Install an app from a manifest. The answer has its secret, which is not shown again."""
        given = await doors.manifest(request, asked)
        issued = await service.install(account, given.manifest, actor)
        shown = {"client_secret": issued.secret.reveal(), "report": given.report.to_json()}
        return wire.InstalledOut.model_validate({**_changed(service, issued.found), **shown})

    @api.put("/{app_id}", openapi_extra=_MANIFEST)
    async def update(
        request: Request,
        account: str,
        app_id: str,
        actor: Annotated[Actor, Depends(doors.admin)],
        asked: AskedHow,
    ) -> wire.UpdatedOut:
        """Put another manifest in place. An app stays enabled or disabled unless the manifest says ``enabled``."""
        given = await doors.manifest(request, asked)
        found = await service.update(account, app_id, given.manifest, actor, _condition(request))
        return wire.UpdatedOut.model_validate({**_changed(service, found), "report": given.report.to_json()})

    @api.post("/{app_id}/enable")
    async def enable(
        request: Request, account: str, app_id: str, actor: Annotated[Actor, Depends(doors.admin)]
    ) -> wire.ChangedOut:
        """Switch an app on."""
        found = await service.set_enabled(account, app_id, actor, enabled=True, condition=_condition(request))
        return wire.ChangedOut.model_validate(_changed(service, found))

    @api.post("/{app_id}/disable")
    async def disable(
        request: Request, account: str, app_id: str, actor: Annotated[Actor, Depends(doors.admin)]
    ) -> wire.ChangedOut:
        """Switch an app off: it gets no token and no webhook."""
        found = await service.set_enabled(account, app_id, actor, enabled=False, condition=_condition(request))
        return wire.ChangedOut.model_validate(_changed(service, found))

    @api.post("/{app_id}/conversations/{decision}")
    async def decide_conversations(
        request: Request,
        account: str,
        app_id: str,
        decision: Literal["approve", "refuse", "withdraw"],
        actor: Annotated[Actor, Depends(doors.admin)],
    ) -> wire.ChangedOut:
        """Decide about an app that asks for the events of all conversations of the account."""
        found = await service.conversations.decide(account, app_id, _DECISIONS[decision], actor, _condition(request))
        return wire.ChangedOut.model_validate(_changed(service, found))

    @api.delete("/{app_id}")
    async def uninstall(
        request: Request, account: str, app_id: str, actor: Annotated[Actor, Depends(doors.admin)]
    ) -> wire.ChangedOut:
        """Remove an app. Its secrets end at once and its name is free again."""
        found = await service.uninstall(account, app_id, actor, _condition(request))
        return wire.ChangedOut.model_validate(_changed(service, found))


def _add_credentials(api: APIRouter, service: Apps, doors: _Doors) -> None:
    @api.post("/{app_id}/rotate-secret", openapi_extra=_ROTATION)
    async def rotate_secret(
        request: Request, account: str, app_id: str, actor: Annotated[Actor, Depends(doors.admin)]
    ) -> wire.RotatedOut:
        """Give an app a new secret. The answer has it and is the only one that does."""
        body = await read_body(request, _MOST_SMALL_BYTES)
        asked = decode_as(body, wire.ROTATION) if body.strip() else wire.RotationIn()
        issued = await service.rotate_secret(
            account, app_id, actor, overlap_seconds=asked.overlap_seconds, force=asked.force
        )
        shown = {"client_secret": issued.secret.reveal()}
        return wire.RotatedOut.model_validate({**_changed(service, issued.found), **shown})

    @api.post("/{app_id}/finish-rotation")
    async def finish_rotation(
        account: str, app_id: str, actor: Annotated[Actor, Depends(doors.admin)]
    ) -> wire.ChangedOut:
        """End the previous secret now."""
        return wire.ChangedOut.model_validate(_changed(service, await service.finish_rotation(account, app_id, actor)))

    @api.post("/{app_id}/revoke-tokens")
    async def revoke_tokens(
        request: Request, account: str, app_id: str, actor: Annotated[Actor, Depends(doors.admin)]
    ) -> wire.ChangedOut:
        """End everything that was issued to an app until now: codes, access and refresh tokens."""
        found = await service.revoke_tokens(account, app_id, actor, _condition(request))
        return wire.ChangedOut.model_validate(_changed(service, found))


def _add_secrets(api: APIRouter, service: Apps, doors: _Doors) -> None:
    @api.get("/{app_id}/secrets", dependencies=[Depends(doors.reader)])
    async def list_secrets(account: str, app_id: str) -> wire.SecretsOut:
        """List the valid secrets of an app, without their texts."""
        found = await service.get_app(account, app_id)
        return wire.SecretsOut(items=wire.secrets_out(found.app.secrets, service.now()))

    @api.post("/{app_id}/secrets", status_code=201, openapi_extra=_NEW_SECRET)
    async def add_secret(
        request: Request, account: str, app_id: str, actor: Annotated[Actor, Depends(doors.admin)]
    ) -> wire.AddedSecretOut:
        """Give an app one more secret. The answer has it and is the only one that does."""
        asked = decode_as(await read_body(request, _MOST_SMALL_BYTES), wire.NEW_SECRET)
        issued = await service.credentials.add(account, app_id, actor, asked.name, asked.not_after)
        shown = {"secret_id": issued.secret_id, "client_secret": issued.secret.reveal()}
        return wire.AddedSecretOut.model_validate({**_changed(service, issued.found), **shown})

    @api.delete("/{app_id}/secrets/{secret_id}")
    async def remove_secret(
        account: str, app_id: str, secret_id: str, actor: Annotated[Actor, Depends(doors.admin)]
    ) -> wire.ChangedOut:
        """End a secret now; not the last one without an end."""
        found = await service.credentials.remove(account, app_id, actor, secret_id)
        return wire.ChangedOut.model_validate(_changed(service, found))
