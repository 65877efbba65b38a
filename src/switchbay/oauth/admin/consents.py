"""Consents in the management API: what users have allowed apps, and what an administrator allows for everybody.

Administrators see and end every consent of the account; any other user their own.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from switchbay.accounts.public import Accounts, Principal, Role, actor_of, require
from switchbay.infra.web import client_address
from switchbay.oauth.protocol.rfc6749_client_credentials import render_scope
from switchbay.oauth.service.consents import MOST_PER_PAGE, Consents
from switchbay.oauth.store.consents import Consent


class ConsentOut(BaseModel):
    """What one user, or everybody, has allowed an app."""

    app: str = Field(description="Installation id of the app.")
    user: str = Field(description="User id; * for everybody in the account.")
    scope: str
    granted_at: int = Field(description="Epoch milliseconds.")
    granted_by: str = Field(description="Id of the user who gave the consent.")


class ConsentsOut(BaseModel):
    """Consents in the order of app and user."""

    items: list[ConsentOut]
    next_cursor: str | None


class ConsentIn(BaseModel):
    """A consent for everybody."""

    model_config = ConfigDict(extra="forbid")

    app: str = Field(max_length=64, description="Installation id of the app.")
    scope: str | None = Field(
        default=None, max_length=2_000, description="Words with spaces between; absent: all that the app may ask for."
    )


class WithdrawnOut(BaseModel):
    """What a withdrawal ended."""

    grants_ended: int


def router(consents: Consents, accounts: Accounts) -> APIRouter:
    """Routes under ``/accounts/{account}/consents``, with the bearer of a user."""
    api = APIRouter(prefix="/accounts/{account}/consents", tags=["consents"])

    async def user(request: Request, account: str) -> Principal:
        return await accounts.authenticate(account, request.headers.get("authorization"))

    async def admin(request: Request, account: str) -> Principal:
        principal = await user(request, account)
        require(principal, Role.ADMIN)
        return principal

    @api.get("")
    async def list_consents(
        account: str,
        principal: Annotated[Principal, Depends(user)],
        app: Annotated[str | None, Query(max_length=64, description="Only of this app.")] = None,
        user_id: Annotated[str | None, Query(alias="user", max_length=20, description="Only of this user.")] = None,
        cursor: Annotated[str | None, Query(max_length=100)] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_PER_PAGE)] = MOST_PER_PAGE,
    ) -> ConsentsOut:
        """List consents; ``next_cursor`` leads to the next page. Without the role admin: only one's own."""
        if Role.ADMIN not in principal.roles:
            user_id = principal.user_id
        page = await consents.list_consents(account, client_id=app, user_id=user_id, cursor=cursor, limit=limit)
        return ConsentsOut(items=[_out(consent) for consent in page.consents], next_cursor=page.next_cursor)

    @api.post("")
    async def allow_for_account(
        request: Request, account: str, body: ConsentIn, principal: Annotated[Principal, Depends(admin)]
    ) -> ConsentOut:
        """Allow an app on behalf of everybody in the account; nobody is asked about this scope any more."""
        scope = None if body.scope is None else frozenset(body.scope.split())
        actor = actor_of(principal, client_address(request))
        return _out(await consents.allow_for_account(account, body.app, scope, actor))

    @api.delete("/{app_id}/{user_id}")
    async def withdraw(
        request: Request, account: str, app_id: str, user_id: str, principal: Annotated[Principal, Depends(user)]
    ) -> WithdrawnOut:
        """Take a consent back, and end everything that was granted on it; ``*`` is the consent for everybody."""
        if user_id != principal.user_id:
            require(principal, Role.ADMIN)
        actor = actor_of(principal, client_address(request))
        return WithdrawnOut(grants_ended=await consents.withdraw(account, app_id, user_id, actor))

    return api


def _out(consent: Consent) -> ConsentOut:
    return ConsentOut(
        app=consent.client_id,
        user=consent.user_id,
        scope=render_scope(consent.scope),
        granted_at=consent.granted_at,
        granted_by=consent.granted_by,
    )
