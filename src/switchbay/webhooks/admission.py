"""Who may use this room's management API."""

from collections.abc import Awaitable, Callable

from fastapi import Request

from switchbay.accounts.public import Accounts, Actor, Role, actor_of, require
from switchbay.infra.web import client_address

Admission = Callable[[Request, str], Awaitable[Actor]]


def admission(accounts: Accounts, *roles: Role) -> Admission:
    """A dependency of routes below an account: whoever asks, with a bearer of the account and one of these roles."""

    async def admit(request: Request, account: str) -> Actor:
        principal = await accounts.authenticate(account, request.headers.get("authorization"))
        require(principal, *roles)
        return actor_of(principal, client_address(request))

    return admit
