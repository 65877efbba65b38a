"""Initial access tokens in the management API (RFC 7591 §1.2), for the account's administrators."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from switchbay.accounts.public import Accounts, Actor, Role, actor_of, require
from switchbay.infra.web import client_address
from switchbay.oauth.service.initial_tokens import LONGEST_SECONDS, MOST_USES, InitialTokens
from switchbay.oauth.store.registrations import InitialToken

_WEEK_SECONDS = 604_800


class TokenIn(BaseModel):
    """A token to be made."""

    model_config = ConfigDict(extra="forbid")

    label: str = Field(description="What it is for; shown in the list and in the audit log.")
    uses: Annotated[int, Field(strict=True)] = Field(default=1, description=f"How many apps, at most {MOST_USES}.")
    expires_in: Annotated[int, Field(strict=True)] = Field(
        default=_WEEK_SECONDS, description=f"Seconds until it ends, at most {LONGEST_SECONDS}."
    )


class TokenOut(BaseModel):
    """An initial access token, without its text."""

    token_id: str
    label: str
    uses_left: int
    created_at: int = Field(description="Epoch milliseconds.")
    created_by: str
    expires_at: int = Field(description="Epoch milliseconds.")


class NewTokenOut(TokenOut):
    """A token that was just made. Its text is shown this once."""

    token: str


class TokensOut(BaseModel):
    """The tokens of an account, the newest first."""

    items: list[TokenOut]


def router(service: InitialTokens, accounts: Accounts) -> APIRouter:
    """Routes under ``/accounts/{account}/registration-tokens``, with the bearer of an administrator."""

    async def admin(request: Request, account: str) -> Actor:
        principal = await accounts.authenticate(account, request.headers.get("authorization"))
        require(principal, Role.ADMIN)
        return actor_of(principal, client_address(request))

    api = APIRouter(prefix="/accounts/{account}/registration-tokens", tags=["registration"])

    @api.get("", dependencies=[Depends(admin)])
    async def list_tokens(account: str) -> TokensOut:
        """List the tokens; those that are used up or over stay for a month."""
        return TokensOut(items=[TokenOut.model_validate(_shown(each)) for each in await service.list_tokens(account)])

    @api.post("", status_code=201)
    async def create_token(account: str, body: TokenIn, actor: Annotated[Actor, Depends(admin)]) -> NewTokenOut:
        """Make a token. Whoever has it can install apps in this account, so hand it out as you would a password."""
        new = await service.create(account, body.label, body.uses, body.expires_in, actor)
        return NewTokenOut.model_validate({**_shown(new.token), "token": new.text.reveal()})

    @api.delete("/{token_id}", status_code=204)
    async def revoke_token(account: str, token_id: str, actor: Annotated[Actor, Depends(admin)]) -> None:
        """Take a token back. Apps that were registered with it stay."""
        await service.revoke(account, token_id, actor)

    return api


def _shown(token: InitialToken) -> dict[str, object]:
    return {
        "token_id": token.token_id,
        "label": token.label,
        "uses_left": token.uses_left,
        "created_at": token.created_at,
        "created_by": token.created_by,
        "expires_at": token.expires_at,
    }
