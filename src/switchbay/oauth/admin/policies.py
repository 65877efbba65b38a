"""The account's policy in the management API: what its authorization server allows. For administrators."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from switchbay.accounts.public import Accounts, Actor, Role, actor_of, require
from switchbay.infra.web import client_address
from switchbay.oauth.domain import Algorithm, Policy
from switchbay.oauth.service.policies import MOST_RESOURCES, Policies, PolicyChange


class PolicyOut(BaseModel):
    """What the account's authorization server allows."""

    implicit_enabled: bool = Field(description="Whether response types that hand out tokens without a code are on.")
    token_algorithm: Algorithm = Field(description="How tokens of the account's OpenID issuer are signed.")
    resources: list[str] = Field(description="Resource indicators (RFC 8707) that tokens may be asked for.")
    registration: Literal["off", "token"] = Field(
        description="Whether apps may register themselves with an initial access token (RFC 7591)."
    )


class PolicyPatch(BaseModel):
    """What to change; what is absent stays."""

    model_config = ConfigDict(extra="forbid")

    implicit_enabled: StrictBool | None = None
    token_algorithm: Algorithm | None = None
    resources: Annotated[list[str], Field(max_length=MOST_RESOURCES)] | None = None
    registration: Literal["off", "token"] | None = None


def router(policies: Policies, accounts: Accounts) -> APIRouter:
    """Routes under ``/accounts/{account}/oauth-policy``; each needs the bearer of an administrator."""

    async def admitted(request: Request, account: str) -> Actor:
        principal = await accounts.authenticate(account, request.headers.get("authorization"))
        require(principal, Role.ADMIN)
        return actor_of(principal, client_address(request))

    api = APIRouter(prefix="/accounts/{account}/oauth-policy", tags=["authorization"])

    @api.get("", dependencies=[Depends(admitted)])
    async def get_policy(account: str) -> PolicyOut:
        """Read the policy."""
        return _shown(await policies.get(account))

    @api.patch("")
    async def change_policy(account: str, patch: PolicyPatch, actor: Annotated[Actor, Depends(admitted)]) -> PolicyOut:
        """Change the policy. Other nodes follow within two seconds."""
        wanted = PolicyChange(
            implicit_enabled=patch.implicit_enabled,
            token_algorithm=patch.token_algorithm,
            resources=None if patch.resources is None else frozenset(patch.resources),
            registration=patch.registration,
        )
        return _shown(await policies.change(account, wanted, actor))

    return api


def _shown(policy: Policy) -> PolicyOut:
    return PolicyOut(
        implicit_enabled=policy.implicit_enabled,
        token_algorithm=policy.token_algorithm,
        resources=sorted(policy.resources),
        registration=policy.registration,
    )
