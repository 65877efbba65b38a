"""The management API of accounts: settings, users, sessions and the audit log, for administrators of the account; and,
for every user, their own second factor.

Accounts themselves are created by an operator on the host, never over HTTP.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StrictBool

from switchbay.accounts import wire
from switchbay.accounts.domain.account import AccountChange
from switchbay.accounts.domain.audit import MOST_PER_PAGE, AuditFilter
from switchbay.accounts.domain.people import Actor, Principal, Role, UserChange, actor_of, require
from switchbay.accounts.service import Accounts
from switchbay.accounts.service.users import MOST_USERS_PER_PAGE
from switchbay.infra.web import client_address, json_response
from switchbay.kit.secret import Secret
from switchbay.kit.signatures import SignatureAlgorithm, SignatureEncoding, StandardWebhooks

Admission: TypeAlias = Callable[[Request, str], Awaitable[Actor]]
_NO_STORE = {"Cache-Control": "no-store"}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AccountPatch(_Strict):
    """Settings to change; what is absent stays."""

    name: str | None = None
    signature_algorithm: SignatureAlgorithm | None = None
    signature_encoding: SignatureEncoding | None = None
    standard_webhooks: StandardWebhooks | None = None
    reveal_client_secret: StrictBool | None = None
    messaging_enabled: StrictBool | None = None
    webhook_breaker: StrictBool | None = None
    disable_slow_webhooks: StrictBool | None = None
    survey_app: str | None = None
    survey_seconds: Annotated[int, Field(strict=True)] | None = None
    auto_close_seconds: Annotated[int, Field(strict=True)] | None = None
    history_days: Annotated[int, Field(strict=True)] | None = None
    agent_capacity: Annotated[int, Field(strict=True)] | None = None
    requeue_on_disconnect: StrictBool | None = None
    web_origins: list[str] | None = None
    file_total_bytes: Annotated[int, Field(strict=True)] | None = None
    ttr_seconds: dict[str, Annotated[int, Field(strict=True)]] | None = None


class UserCreation(_Strict):
    """A new user."""

    login_name: str
    password: SecretStr
    roles: list[Role]
    display_name: str | None = None


class UserPatch(_Strict):
    """What to change of a user; what is absent stays. A new password, or ``enabled: false``, ends their sessions."""

    display_name: str | None = None
    roles: list[Role] | None = None
    enabled: StrictBool | None = None
    password: SecretStr | None = None


class Code(_Strict):
    """A code of the second factor, or a recovery code."""

    code: SecretStr

    @property
    def secret(self) -> Secret:
        """The code."""
        return Secret(self.code.get_secret_value())


def router(accounts: Accounts) -> APIRouter:
    """Routes under ``/accounts/{account}``; all but those under ``/me`` need a user with the role admin."""

    async def admitted(request: Request, account: str) -> Actor:
        principal = await accounts.authenticate(account, request.headers.get("authorization"))
        require(principal, Role.ADMIN)
        return actor_of(principal, client_address(request))

    api = APIRouter(prefix="/accounts/{account}", tags=["accounts"], dependencies=[Depends(admitted)])
    _add_account(api, accounts, admitted)
    _add_users(api, accounts, admitted)
    _add_sessions(api, accounts, admitted)
    _add_second_factors_of_users(api, accounts, admitted)
    _add_audit(api, accounts)
    own = APIRouter(prefix="/accounts/{account}/me", tags=["accounts"])
    _add_own_second_factor(own, accounts)
    both = APIRouter()
    both.include_router(api)
    both.include_router(own)
    return both


def _add_account(api: APIRouter, accounts: Accounts, admitted: Admission) -> None:
    @api.get("")
    async def get_account(account: str) -> Response:
        """Read the account's settings."""
        return json_response(wire.render_account(await accounts.get_account(account)))

    @api.patch("")
    async def update_account(account: str, patch: AccountPatch, actor: Annotated[Actor, Depends(admitted)]) -> Response:
        """Change the account's settings."""
        change = AccountChange(**dict(patch))
        return json_response(wire.render_account(await accounts.update_account(account, change, actor)))


def _add_users(api: APIRouter, accounts: Accounts, admitted: Admission) -> None:
    @api.get("/users")
    async def list_users(
        account: str,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST_USERS_PER_PAGE)] = MOST_USERS_PER_PAGE,
    ) -> Response:
        """List users by id; ``next_cursor`` leads to the next page."""
        users = await accounts.list_users(account, after=cursor, limit=limit)
        following = users[-1].user_id if len(users) == limit else None
        return json_response({"items": [wire.render_user(user) for user in users], "next_cursor": following})

    @api.post("/users", status_code=201)
    async def create_user(account: str, body: UserCreation, actor: Annotated[Actor, Depends(admitted)]) -> Response:
        """Create a user."""
        password = Secret(body.password.get_secret_value())
        user = await accounts.create_user(
            account, body.login_name, password, body.roles, actor, display_name=body.display_name
        )
        return json_response(wire.render_user(user), 201)

    @api.get("/users/{user}")
    async def get_user(account: str, user: str) -> Response:
        """Read a user."""
        return json_response(wire.render_user(await accounts.get_user(account, user)))

    @api.patch("/users/{user}")
    async def update_user(
        account: str, user: str, patch: UserPatch, actor: Annotated[Actor, Depends(admitted)]
    ) -> Response:
        """Change a user's name, roles, password, or whether they may log in."""
        change = UserChange(
            display_name=patch.display_name,
            roles=None if patch.roles is None else frozenset(patch.roles),
            enabled=patch.enabled,
            password=None if patch.password is None else Secret(patch.password.get_secret_value()),
        )
        return json_response(wire.render_user(await accounts.update_user(account, user, change, actor)))

    @api.post("/users/{user}/release", status_code=204)
    async def release_user(account: str, user: str, actor: Annotated[Actor, Depends(admitted)]) -> None:
        """End every wait that failed logins of this user name began."""
        await accounts.release_user(account, user, actor)


def _add_sessions(api: APIRouter, accounts: Accounts, admitted: Admission) -> None:
    @api.get("/sessions")
    async def list_sessions(account: str, user: str | None = None) -> Response:
        """List the newest live sessions, of one user or of all."""
        sessions = await accounts.list_sessions(account, user_id=user)
        return json_response({"items": [wire.render_session(session) for session in sessions]})

    @api.delete("/sessions/{session}", status_code=204)
    async def revoke_session(account: str, session: str, actor: Annotated[Actor, Depends(admitted)]) -> None:
        """End one session."""
        await accounts.revoke_session(account, session, actor)

    @api.delete("/users/{user}/sessions")
    async def revoke_sessions_of(account: str, user: str, actor: Annotated[Actor, Depends(admitted)]) -> Response:
        """End every session of a user."""
        return json_response({"ended": await accounts.revoke_sessions_of(account, user, actor)})


def _add_second_factors_of_users(api: APIRouter, accounts: Accounts, admitted: Admission) -> None:
    @api.get("/users/{user}/second-factor")
    async def get_second_factor_of(account: str, user: str) -> Response:
        """Tell whether a user has a second factor."""
        return json_response(wire.render_second_factor(await accounts.find_second_factor(account, user)))

    @api.delete("/users/{user}/second-factor", status_code=204)
    async def take_second_factor(account: str, user: str, actor: Annotated[Actor, Depends(admitted)]) -> None:
        """Remove a user's second factor without a code of it, for a lost device."""
        await accounts.take_second_factor(account, user, actor)


def _add_own_second_factor(api: APIRouter, accounts: Accounts) -> None:
    async def known(request: Request, account: str) -> Principal:
        return await accounts.authenticate(account, request.headers.get("authorization"))

    me = Annotated[Principal, Depends(known)]

    @api.get("/second-factor")
    async def get_second_factor(account: str, user: me) -> Response:
        """Tell whether the caller has a second factor."""
        return json_response(wire.render_second_factor(await accounts.find_second_factor(account, user.user_id)))

    @api.post("/second-factor", status_code=201)
    async def begin_second_factor(request: Request, account: str, user: me) -> Response:
        """Set up a second factor; it is in use once a code of it has confirmed it."""
        accounts.require_recent_login(user)
        made = await accounts.begin_second_factor(account, user.user_id, _actor(user, request))
        return json_response(wire.render_enrolment(made), 201, _NO_STORE)

    @api.post("/second-factor/confirm")
    async def confirm_second_factor(request: Request, account: str, user: me, body: Code) -> Response:
        """Put the second factor into use; the recovery codes are shown once."""
        codes = await accounts.confirm_second_factor(account, user.user_id, body.secret, _actor(user, request))
        return json_response(wire.render_recovery_codes(codes), headers=_NO_STORE)

    @api.post("/second-factor/recovery-codes")
    async def renew_recovery_codes(request: Request, account: str, user: me, body: Code) -> Response:
        """Replace the recovery codes by new ones, which are shown once."""
        codes = await accounts.renew_recovery_codes(account, user.user_id, body.secret, _actor(user, request))
        return json_response(wire.render_recovery_codes(codes), headers=_NO_STORE)

    @api.post("/second-factor/remove", status_code=204)
    async def remove_second_factor(request: Request, account: str, user: me, body: Code) -> None:
        """Remove the second factor, with a code of it."""
        await accounts.remove_second_factor(account, user.user_id, body.secret, _actor(user, request))


def _actor(user: Principal, request: Request) -> Actor:
    return actor_of(user, client_address(request))


def _add_audit(api: APIRouter, accounts: Accounts) -> None:
    @api.get("/audit")
    async def list_audit(  # one parameter for each filter of the query
        account: str,
        object_type: str | None = None,
        object_id: str | None = None,
        actor_kind: str | None = None,
        actor_id: str | None = None,
        action: str | None = None,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST_PER_PAGE)] = 50,
    ) -> Response:
        """List what was done, newest first; ``next_cursor`` leads to the next page."""
        wanted = AuditFilter(object_type, object_id, actor_kind, actor_id, action)
        return json_response(
            wire.render_audit_page(await accounts.list_audit(account, wanted, cursor=cursor, limit=limit))
        )
