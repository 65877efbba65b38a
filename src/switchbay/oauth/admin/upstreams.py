"""Other OpenID providers in the management API, for the account's administrators. Their secrets are never shown."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StrictBool

from switchbay.accounts.public import Accounts, Actor, Role, actor_of, require
from switchbay.infra.web import client_address
from switchbay.kit.secret import Secret
from switchbay.oauth.service.upstream_settings import DEFAULT_SCOPE, Probe, UpstreamChange, UpstreamSettings
from switchbay.oauth.store.upstreams import Upstream


class UpstreamPatch(BaseModel):
    """What to change of a provider; what is absent stays. The issuer stays: subjects mean something there only."""

    model_config = ConfigDict(extra="forbid")

    label: str | None = Field(default=None, description="What the button on the login page says.")
    client_id: str | None = Field(default=None, description="Under which this server is registered there.")
    client_secret: SecretStr | None = None
    scope: str | None = Field(default=None, description=f"What to ask for; {DEFAULT_SCOPE} when never set.")
    login_claim: str | None = Field(
        default=None, description="preferred_username, email (if verified) or sub: which claim is the login name here."
    )
    create_roles: list[Role] | None = Field(
        default=None, description="Roles of users who are made at their first login; empty: none are made."
    )
    enabled: StrictBool | None = None

    def change(self) -> UpstreamChange:
        """The same for the service."""
        return UpstreamChange(
            label=self.label,
            client_id=self.client_id,
            client_secret=None if self.client_secret is None else Secret(self.client_secret.get_secret_value()),
            scope=self.scope,
            login_claim=self.login_claim,
            create_roles=None if self.create_roles is None else frozenset(self.create_roles),
            enabled=self.enabled,
        )


class UpstreamIn(UpstreamPatch):
    """A provider to add."""

    label: str
    issuer: str = Field(description="As its discovery document has it, to the letter.")
    client_id: str
    client_secret: SecretStr


class UpstreamOut(BaseModel):
    """A provider."""

    upstream_id: str
    label: str
    issuer: str
    client_id: str
    scope: str
    login_claim: str
    create_roles: list[Role]
    enabled: bool
    redirect_uri: str = Field(description="To be registered at the provider.")
    created_at: int = Field(description="Epoch milliseconds.")
    updated_at: int = Field(description="Epoch milliseconds.")


class UpstreamsOut(BaseModel):
    """The account's providers, the oldest first."""

    items: list[UpstreamOut]


class ProbeOut(BaseModel):
    """How a provider answered just now, or at most ten minutes ago."""

    reachable: bool
    problem: dict[str, str] | None
    authorization_endpoint: str | None
    token_endpoint: str | None
    userinfo_endpoint: str | None
    auth_method: str | None
    usable_keys: int


def router(settings: UpstreamSettings, accounts: Accounts) -> APIRouter:
    """Routes under ``/accounts/{account}/upstreams``, with the bearer of an administrator."""

    async def admin(request: Request, account: str) -> Actor:
        principal = await accounts.authenticate(account, request.headers.get("authorization"))
        require(principal, Role.ADMIN)
        return actor_of(principal, client_address(request))

    api = APIRouter(prefix="/accounts/{account}/upstreams", tags=["upstreams"], dependencies=[Depends(admin)])

    def shown(upstream: Upstream) -> UpstreamOut:
        return UpstreamOut(
            upstream_id=upstream.upstream_id,
            label=upstream.label,
            issuer=upstream.issuer,
            client_id=upstream.client_id,
            scope=upstream.scope,
            login_claim=upstream.login_claim,
            create_roles=sorted(upstream.create_roles),
            enabled=upstream.enabled,
            redirect_uri=settings.callback(upstream),
            created_at=upstream.created_at,
            updated_at=upstream.updated_at,
        )

    @api.get("")
    async def list_upstreams(account: str) -> UpstreamsOut:
        """List the providers at which users of the account may log in."""
        return UpstreamsOut(items=[shown(each) for each in await settings.list_upstreams(account)])

    @api.post("", status_code=201)
    async def create_upstream(account: str, body: UpstreamIn, actor: Annotated[Actor, Depends(admin)]) -> UpstreamOut:
        """Add a provider. Whoever runs it can log in as any user of the account that it names."""
        return shown(await settings.create(account, body.issuer, body.change(), actor))

    @api.get("/{upstream}")
    async def get_upstream(account: str, upstream: str) -> UpstreamOut:
        """Read a provider."""
        return shown(await settings.get(account, upstream))

    @api.patch("/{upstream}")
    async def change_upstream(
        account: str, upstream: str, body: UpstreamPatch, actor: Annotated[Actor, Depends(admin)]
    ) -> UpstreamOut:
        """Change a provider, or take it off the login page with ``enabled``."""
        return shown(await settings.change(account, upstream, body.change(), actor))

    @api.delete("/{upstream}", status_code=204)
    async def remove_upstream(account: str, upstream: str, actor: Annotated[Actor, Depends(admin)]) -> None:
        """Remove a provider and who is who there; users and their sessions stay."""
        await settings.remove(account, upstream, actor)

    @api.post("/{upstream}/test")
    async def try_upstream(account: str, upstream: str) -> ProbeOut:
        """Fetch the provider's document and keys, as a login does."""
        return _probe_out(await settings.probe(account, upstream))

    @api.delete("/{upstream}/users/{user}", status_code=204)
    async def unlink_user(account: str, upstream: str, user: str, actor: Annotated[Actor, Depends(admin)]) -> None:
        """Forget who a user is there: their next login is as their first."""
        await settings.unlink(account, upstream, user, actor)

    return api


def _probe_out(probe: Probe) -> ProbeOut:
    provider = probe.provider
    return ProbeOut(
        reachable=probe.problem is None,
        problem=None if probe.problem is None else dict(probe.problem),
        authorization_endpoint=None if provider is None else provider.authorization_endpoint,
        token_endpoint=None if provider is None else provider.token_endpoint,
        userinfo_endpoint=None if provider is None else provider.userinfo_endpoint,
        auth_method=None if provider is None else provider.auth_method,
        usable_keys=probe.keys,
    )
