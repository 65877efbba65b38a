"""Signing keys in the management API: see where each is in its life, and replace one by hand. For administrators."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from switchbay.accounts.public import Accounts, Actor, Role, actor_of, require
from switchbay.infra.web import client_address
from switchbay.oauth.domain import Algorithm, KeyPurpose, KeyState
from switchbay.oauth.service.keyring import KeyRing
from switchbay.oauth.service.rotation import KeyInfo


class KeyOut(BaseModel):
    """A signing key, without what is secret of it."""

    kid: str
    purpose: KeyPurpose
    alg: Algorithm
    state: KeyState
    published: bool = Field(description="Whether it is in the account's key set.")
    created_at: int = Field(description="Epoch milliseconds.")
    state_at: int = Field(description="Since when it is in this state, epoch milliseconds.")
    until: int | None = Field(
        description="When this state ends by itself, epoch milliseconds at the soonest; null: not by itself."
    )


class KeysOut(BaseModel):
    """The signing keys of an account, the newest first."""

    items: list[KeyOut]


class RotationIn(BaseModel):
    """Which key to replace, and how."""

    model_config = ConfigDict(extra="forbid")

    purpose: KeyPurpose
    alg: Algorithm = Algorithm.RS256
    emergency: StrictBool = Field(
        default=False, description="Drop every key of this purpose and algorithm now: what they signed is good no more."
    )


def router(keys: KeyRing, accounts: Accounts) -> APIRouter:
    """Routes under ``/accounts/{account}/keys``; each needs the bearer of an administrator."""

    async def admitted(request: Request, account: str) -> Actor:
        principal = await accounts.authenticate(account, request.headers.get("authorization"))
        require(principal, Role.ADMIN)
        return actor_of(principal, client_address(request))

    api = APIRouter(prefix="/accounts/{account}/keys", tags=["authorization"])

    @api.get("", dependencies=[Depends(admitted)])
    async def list_keys(account: str) -> KeysOut:
        """List the account's signing keys."""
        return _shown(await keys.list_keys(account))

    @api.post("/rotate")
    async def rotate_key(account: str, asked: RotationIn, actor: Annotated[Actor, Depends(admitted)]) -> KeysOut:
        """Replace a signing key ahead of its time, or at once in an emergency; the answer lists the keys."""
        return _shown(await keys.rotate(account, asked.purpose, asked.alg, actor, emergency=asked.emergency))

    return api


def _shown(found: list[KeyInfo]) -> KeysOut:
    return KeysOut(
        items=[
            KeyOut(
                kid=key.kid,
                purpose=key.purpose,
                alg=key.alg,
                state=key.state,
                published=key.published,
                created_at=key.created_at,
                state_at=key.state_at,
                until=key.until,
            )
            for key in found
        ]
    )
