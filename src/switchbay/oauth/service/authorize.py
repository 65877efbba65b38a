"""The authorization endpoint as a use case: load, decide, store; no HTTP.

RFC 6749 §4.1 and §4.2, OpenID Connect Core 1.0 §3. What is decided here is pure (``protocol``); a code, its grant and,
if the user has just given it, the consent are stored in one transaction.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import msgspec
import structlog

from switchbay.accounts.public import Role, actor_of, hold_session
from switchbay.apps.public import Client
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock, Randomness
from switchbay.kit.errors import AppError, Kind
from switchbay.oauth.browser import BrowserSession
from switchbay.oauth.domain import Code, Face, Grant, KeyPurpose, Version, digest
from switchbay.oauth.protocol import app_token
from switchbay.oauth.protocol.oauth_response_modes import FormPost, Redirect, ResponseMode, send
from switchbay.oauth.protocol.oidc_interaction import (
    NO_STEPS,
    Ask,
    InteractionKind,
    Presence,
    Steps,
    ask_consent,
    choose_presence,
    is_consented,
)
from switchbay.oauth.protocol.rfc6749_authorization import (
    CODE,
    Asked,
    AuthorizationRequest,
    AuthorizeRefused,
    Destination,
    PageRefused,
    check_request,
    choose_destination,
    choose_mode,
)
from switchbay.oauth.protocol.rfc7515_signature import TokenRefused
from switchbay.oauth.protocol.rfc9207_issuer import signed_by
from switchbay.oauth.service.consents import Consents, remember
from switchbay.oauth.service.keyring import KeyRing
from switchbay.oauth.service.minting import AccessDraft, Minter, PolicyBook, issuer_of
from switchbay.oauth.service.refusals import RefusalLog
from switchbay.oauth.store.codes import insert_code
from switchbay.oauth.store.consents import EVERYBODY, Consent, find_consented_scope
from switchbay.oauth.store.grants import insert_grant

ENDPOINT = "authorize"
PAGE = "error_page"
"""What the developer log calls a refusal that the caller saw on a page."""
CODE_BYTES = 32
_OIDC = frozenset({KeyPurpose.OIDC})
_ID_TOKEN_TYPES = frozenset({"JWT"})
_log = structlog.get_logger("oauth")


class _SessionOver(Exception):
    """The session was ended while its answer was being made."""


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """Show the person a page of ours: nothing is certain enough to send them anywhere."""

    status: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Interact:
    """A person must do something first. Seal the transaction with ``steps`` into the form that they answer.

    ``login_hint`` may fill in the login name; ``presences`` are the accounts to choose from; for consent, ``presence``
    is whose consent is asked, ``scope`` all that the app asks for, and ``new_scope`` what of it was not allowed before.
    """

    kind: InteractionKind
    request: AuthorizationRequest
    client: Client
    steps: Steps
    login_hint: str = ""
    presences: tuple[Presence, ...] = ()
    presence: Presence | None = None
    scope: frozenset[str] = frozenset()
    new_scope: frozenset[str] = frozenset()


Answer: TypeAlias = Redirect | FormPost | ErrorPage | Interact


class AccountDirectory(Protocol):
    """What this use case asks the accounts room."""

    async def get_account(self, account_id: str) -> object:
        """The account; raises the error ``account_unknown``."""
        ...


class ClientDirectory(Protocol):
    """What this use case asks the apps room."""

    async def find_client(self, account_id: str, client_id: str) -> Client | None:
        """The installed application with this client id, enabled or not."""
        ...


class _HintClaims(msgspec.Struct, frozen=True):
    iss: str
    sub: str
    aud: str | list[str]


_decode_hint = msgspec.json.Decoder(_HintClaims).decode


@dataclass(frozen=True, slots=True)
class _Way:
    """How the answer travels once client and redirect URI are certain."""

    client: Client
    destination: Destination
    mode: ResponseMode
    face: Face
    issuer: str
    state: str | None

    def answer(self, fields: Sequence[tuple[str, str]]) -> Redirect | FormPost:
        """The answer with these fields, the client's own state, and who answers."""
        state = () if self.state is None else (("state", self.state),)
        return send(self.mode, self.destination.uri, signed_by(self.face, self.issuer, (*fields, *state)))

    def refuse(self, error: str, description: str) -> Redirect | FormPost:
        """The answer to a refused request (RFC 6749 §4.1.2.1)."""
        return self.answer((("error", error), ("error_description", description)))


@dataclass(frozen=True, slots=True)
class _Turn:
    """One request on its way: who asks, which session would answer, what the person has done."""

    way: _Way
    request: AuthorizationRequest
    session: BrowserSession
    presence: Presence
    steps: Steps
    address: str | None

    @property
    def is_allowed_now(self) -> bool:
        """Whether the consent is given with this very request, and not remembered from before."""
        return self.steps.allowed and self.steps.session_id == self.presence.session_id


class Authorize:
    """Answers authorization requests."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        randomness: Randomness,
        accounts: AccountDirectory,
        apps: ClientDirectory,
        policies: PolicyBook,
        keys: KeyRing,
        minter: Minter,
        consents: Consents,
        refusals: RefusalLog,
        *,
        origin: str,
        code_seconds: int,
    ) -> None:
        self._db = db
        self._clock = clock
        self._randomness = randomness
        self._accounts = accounts
        self._apps = apps
        self._policies = policies
        self._keys = keys
        self._minter = minter
        self._consents = consents
        self._refusals = refusals
        self._origin = origin
        self._code_ms = code_seconds * 1000

    async def handle(
        self,
        account_id: str,
        face: Face,
        version: Version,
        parameters: Sequence[tuple[str, str]],
        sessions: Sequence[BrowserSession],
        *,
        asked_at: int,
        steps: Steps = NO_STEPS,
        address: str | None = None,
    ) -> Answer:
        """Answer a request, or one that is taken up again after a page, with the same parameters and ``asked_at``.

        ``sessions`` are the live sessions of the browser. Raises ``AppError`` only where nothing can be said to
        anybody, such as a database that is away before the client is known.
        """
        del version  # the parameters say it; whoever seals a transaction keeps it for the pages
        asked = Asked(parameters)
        client: Client | None = None
        try:
            client = await self._find_client(account_id, asked)
            way = self._find_way(asked, client, face)
        except PageRefused as refused:
            if client is not None:
                self._note(client, PAGE, refused.code, refused, address)
            _log.info("authorization request refused", code=refused.code)
            return ErrorPage(refused.status, refused.code, refused.message)
        try:
            return await self._answer(way, asked, sessions, asked_at, steps, address)
        except AuthorizeRefused as refused:
            self._note(client, refused.error, refused.reason, refused, address)
            return way.refuse(refused.error, refused.description)
        except AppError as error:
            if error.kind is not Kind.UNAVAILABLE:
                raise
            return way.refuse("temporarily_unavailable", "The server cannot answer at this moment.")

    # Who asks, and where the answer goes

    async def _find_client(self, account_id: str, asked: Asked) -> Client:
        try:
            await self._accounts.get_account(account_id)
        except AppError as error:
            if error.kind is not Kind.NOT_FOUND:
                raise
            raise PageRefused(400, "account_unknown", "There is no such account.") from error
        client_id = asked.get_certain("client_id")
        if client_id is None:
            raise PageRefused(400, "client_missing", "The request does not say which application asks.")
        client = await self._apps.find_client(account_id, client_id)
        if client is None:
            raise PageRefused(401, "client_unknown", "This application is not installed in this account.")
        return client

    def _find_way(self, asked: Asked, client: Client, face: Face) -> _Way:
        if not client.enabled:
            raise PageRefused(401, "client_disabled", "This application is switched off in this account.")
        destination = choose_destination(asked, client, face)
        issuer = issuer_of(self._origin, client.account_id)
        return _Way(client, destination, choose_mode(asked), face, issuer, asked.get("state"))

    def _note(
        self,
        client: Client,
        error: str,
        reason: str,
        refused: PageRefused | AuthorizeRefused,
        address: str | None,
    ) -> None:
        self._refusals.note(client.account_id, client.client_id, ENDPOINT, error, reason, refused.detail, address)

    # What to answer

    async def _answer(
        self,
        way: _Way,
        asked: Asked,
        sessions: Sequence[BrowserSession],
        asked_at: int,
        steps: Steps,
        address: str | None,
    ) -> Answer:
        client = way.client
        policy = await self._policies.get(client.account_id)
        request = check_request(asked, client, way.destination, way.face, policy, way.issuer)
        hint = asked.get("id_token_hint")
        if hint is not None:
            request = replace(request, hinted_user_id=await self._verify_hint(way, hint))
        presences = tuple(_presence(session) for session in sessions)
        chosen = choose_presence(request, presences, steps, asked_at)
        if isinstance(chosen, Ask):
            return Interact(chosen.kind, request, client, chosen.steps, chosen.login_hint, _users(presences))
        session = next(found for found in sessions if found.principal.session_id == chosen.session_id)
        turn = _Turn(way, request, session, chosen, steps, address)
        consented = await self._consents.find(client.account_id, client.client_id, chosen.user_id)
        if is_consented(request, chosen, steps, consented):
            try:
                answer = await self._issue(turn)
            except _SessionOver:
                others = [each for each in sessions if each is not session]
                return await self._answer(way, asked, others, asked_at, steps, address)
            if answer is not None:
                return answer
            consented = None  # withdrawn in this very moment
        asked_for = ask_consent(request, chosen, consented)
        return Interact(
            asked_for.kind,
            request,
            client,
            asked_for.steps,
            presence=chosen,
            scope=request.scope,
            new_scope=request.scope - (consented or frozenset()),
        )

    async def _verify_hint(self, way: _Way, hint: str) -> str:
        """The user of an ID token that this server gave this client; one that has expired will do."""
        try:
            payload = await self._keys.open(way.client.account_id, hint, _OIDC, typ=_ID_TOKEN_TYPES)
            claims = _decode_hint(payload)
        except (TokenRefused, msgspec.MsgspecError) as error:
            raise _hint_refused("id_token_hint_invalid") from error
        audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        if way.client.client_id not in audience:
            raise _hint_refused("id_token_hint_of_another_client")
        if claims.iss not in {way.issuer, app_token.ISSUER}:
            raise _hint_refused("id_token_hint_invalid")
        return claims.sub

    # Issuing

    async def _issue(self, turn: _Turn) -> Redirect | FormPost | None:
        """A code or tokens; None, and nothing is stored, when the consent was withdrawn meanwhile."""
        request = turn.request
        now = self._clock.now_ms()
        lifetime = self._code_ms if request.response_type == CODE else self._minter.longest_seconds * 1000
        grant = Grant(
            account_id=request.account_id,
            grant_id=self._randomness.sortable_id("grt", now),
            client_id=request.client_id,
            user_id=turn.presence.user_id,
            session_id=turn.presence.session_id,
            face=request.face,
            scope=request.scope,
            resources=request.resources,
            auth_time=turn.presence.auth_time,
            amr=turn.presence.amr,
            created_at=now,
            expires_at=now + lifetime,
        )
        if request.response_type == CODE:
            return await self._issue_code(turn, grant)
        return await self._issue_tokens(turn, grant)

    async def _issue_code(self, turn: _Turn, grant: Grant) -> Redirect | FormPost | None:
        request = turn.request
        text = base64.urlsafe_b64encode(self._randomness.bytes(CODE_BYTES)).rstrip(b"=").decode("ascii")
        code = Code(
            account_id=grant.account_id,
            code_hash=digest(text),
            grant_id=grant.grant_id,
            client_id=grant.client_id,
            redirect_uri=request.redirect_uri,
            redirect_uri_given=request.redirect_uri_given,
            code_challenge=request.code_challenge,
            nonce=request.nonce,
            created_at=grant.created_at,
            expires_at=grant.expires_at,
        )

        async def work(tx: Tx) -> bool:
            if not await _still_allowed(tx, turn, grant):
                return False
            await insert_grant(tx, grant)
            await insert_code(tx, code)
            await _remember(tx, turn, grant.created_at)
            return True

        return turn.way.answer((("code", text),)) if await self._db.write(work) else None

    async def _issue_tokens(self, turn: _Turn, grant: Grant) -> Redirect | FormPost | None:
        request, client, now = turn.request, turn.way.client, grant.created_at
        draft: AccessDraft | None = None
        if "token" in request.response_type:
            draft = self._minter.draft_access_token(
                grant, client, version=request.version, scope=grant.scope, resources=grant.resources, now=now
            )

        async def work(tx: Tx) -> bool:
            if not await _still_allowed(tx, turn, grant):
                return False
            await insert_grant(tx, grant)
            if draft is not None:
                await self._minter.store(tx, draft)
            await _remember(tx, turn, now)
            return True

        if not await self._db.write(work):
            return None
        fields: list[tuple[str, str]] = []
        access_token: str | None = None
        if draft is not None:
            minted = await self._minter.finish(draft)
            access_token = minted.token
            fields += [
                ("access_token", minted.token),
                ("token_type", "Bearer"),
                ("expires_in", str(minted.expires_in)),
                ("scope", minted.scope),
            ]
        if "id_token" in request.response_type:
            id_token = await self._minter.mint_id_token(
                grant, client, nonce=request.nonce, access_token=access_token, now=now
            )
            fields.append(("id_token", id_token))
        return turn.way.answer(fields)


def _presence(session: BrowserSession) -> Presence:
    principal = session.principal
    return Presence(
        session_id=principal.session_id,
        user_id=principal.user_id,
        user_pid=principal.user_pid,
        login_name=principal.login_name,
        auth_time=session.auth_time,
        amr=session.amr,
        is_admin=Role.ADMIN in principal.roles,
    )


def _users(presences: Sequence[Presence]) -> tuple[Presence, ...]:
    """One session for each user, the one that was opened last, for the account chooser."""
    newest: dict[str, Presence] = {}
    for presence in presences:
        known = newest.get(presence.user_id)
        if known is None or presence.auth_time > known.auth_time:
            newest[presence.user_id] = presence
    return tuple(newest.values())


async def _still_allowed(tx: Tx, turn: _Turn, grant: Grant) -> bool:
    """Whether session and remembered consent are still there, both held until the grant is stored.

    Whatever ends one of them ends the grant too, then. Raises ``_SessionOver``.
    """
    if not await hold_session(tx, grant.account_id, turn.presence.session_id, grant.created_at):
        raise _SessionOver
    if turn.is_allowed_now:
        return True
    request = turn.request
    consented = await find_consented_scope(tx, request.account_id, request.client_id, turn.presence.user_id, hold=True)
    return consented is not None and request.scope <= consented


async def _remember(tx: Tx, turn: _Turn, now: int) -> None:
    if not turn.is_allowed_now:
        return
    request, presence = turn.request, turn.presence
    whose = EVERYBODY if turn.steps.for_account and presence.is_admin else presence.user_id
    consent = Consent(request.account_id, request.client_id, whose, request.scope, now, presence.user_id)
    await remember(tx, consent, actor_of(turn.session.principal, turn.address))


def _hint_refused(reason: str) -> AuthorizeRefused:
    return AuthorizeRefused("invalid_request", "The id_token_hint is not an ID token of this application.", reason)


__all__ = [
    "NO_STEPS",
    "Answer",
    "AuthorizationRequest",
    "Authorize",
    "ErrorPage",
    "FormPost",
    "Interact",
    "Presence",
    "Redirect",
    "Steps",
]
