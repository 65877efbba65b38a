"""Logging people out: which sessions of their browser end, whether they are asked first, where they go afterwards.

OpenID Connect RP-Initiated Logout 1.0. An ID token of ours that names a user of this browser is proof enough that one
of its apps asks; whatever else asks, the person decides on a page. The request travels through the browser sealed, so
that a form of another site, which comes without cookies, can be answered with a redirect that brings them.
"""

import base64
import binascii
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

import msgspec

from switchbay.apps.public import Client
from switchbay.infra.machine import Clock
from switchbay.infra.vault import Vault
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.secret import Secret
from switchbay.oauth.browser import BrowserSession
from switchbay.oauth.domain import KeyPurpose
from switchbay.oauth.protocol import app_token, oidc_id_token
from switchbay.oauth.protocol.oidc_rp_logout import (
    Hint,
    LogoutRefused,
    add_state,
    check_client,
    check_redirect,
    read_hint,
)
from switchbay.oauth.protocol.rfc7515_signature import TokenRefused
from switchbay.oauth.service.keyring import KeyRing
from switchbay.oauth.service.minting import issuer_of

LIFETIME_MS: Final = 3_600_000
_MOST_CHARACTERS: Final = 32_768
_REQUEST: Final = "oauth/logout_request"
_FORM: Final = "oauth/logout_form"


@dataclass(frozen=True, slots=True)
class Confirm:
    """Ask the person, who is logged in as ``sessions``; ``client`` is the app that asks, if that is known."""

    sessions: Sequence[BrowserSession]
    client: Client | None
    redirect_uri: str | None


@dataclass(frozen=True, slots=True)
class Done:
    """The sessions with these bearers are over; go on to ``redirect_uri``, or say so on a page."""

    ended: Sequence[Secret]
    redirect_uri: str | None


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """The request is wrong in a way that its developer has to mend."""

    code: str
    message: str


LogoutAnswer: TypeAlias = Confirm | Done | ErrorPage


class Sessions(Protocol):
    """What this needs of the accounts room."""

    async def logout(self, account_id: str, authorization: str | None, address: str | None) -> None:
        """End a session by its bearer."""
        ...


class Directory(Protocol):
    """What this needs of the apps room."""

    async def find_client(self, account_id: str, client_id: str) -> Client | None:
        """The app as it is now, if it is installed."""
        ...


class _Form(msgspec.Struct, frozen=True, array_like=True):
    account_id: str
    redirect_uri: str | None
    browser: bytes
    at: int


class _Request(msgspec.Struct, frozen=True, array_like=True):
    account_id: str
    fields: dict[str, str]
    at: int


_form_decoder = msgspec.msgpack.Decoder(_Form)
_request_decoder = msgspec.msgpack.Decoder(_Request)


class Logout:
    """The use cases of the logout endpoint and its page."""

    def __init__(
        self, clock: Clock, vault: Vault, accounts: Sessions, apps: Directory, keys: KeyRing, *, origin: str
    ) -> None:
        self._clock = clock
        self._vault = vault
        self._accounts = accounts
        self._apps = apps
        self._keys = keys
        self._origin = origin

    async def handle(
        self, account_id: str, fields: Mapping[str, str], sessions: Sequence[BrowserSession], address: str | None
    ) -> LogoutAnswer:
        """Judge a request. ``fields``: its parameters; ``sessions``: all of the browser in this account."""
        hint = await self._read_hint(account_id, fields.get("id_token_hint"))
        try:
            client = await self._find_client(account_id, check_client(hint, fields.get("client_id")))
            registered = None if client is None else client.post_logout_redirect_uris
            wanted = fields.get("post_logout_redirect_uri")
            if client is None and hint is None and "client_id" not in fields and "id_token_hint" in fields:
                wanted = None  # an ID token from before our keys changed: log out all the same, and stay here
            uri = check_redirect(wanted, registered)
        except LogoutRefused as refused:
            return ErrorPage(refused.code, refused.message)
        target = None if uri is None else add_state(uri, fields.get("state"))
        if not sessions:
            return Done((), target)
        meant = [session for session in sessions if hint is not None and _is_meant(session, hint)]
        if hint is None or (not meant and hint.session_id is None):
            return Confirm(sessions, client, target)
        # An app that asks for somebody who is not logged in here any more gets what it wants: nothing is left to end.
        return Done(await self._end(account_id, meant, address), target)

    async def _read_hint(self, account_id: str, token: str | None) -> Hint | None:
        """What the ID token says; None for one that is not ours, which then is as good as none at all (§4)."""
        if token is None:
            return None
        try:
            payload = await self._keys.open(
                account_id, token, frozenset({KeyPurpose.OIDC}), typ=frozenset({oidc_id_token.TYPE})
            )
        except TokenRefused:
            return None
        return read_hint(payload, {issuer_of(self._origin, account_id), app_token.ISSUER})

    async def _find_client(self, account_id: str, client_id: str | None) -> Client | None:
        client = None if client_id is None else await self._apps.find_client(account_id, client_id)
        return client if client is not None and client.enabled else None

    async def confirm(
        self, account_id: str, form: str, browser: bytes, sessions: Sequence[BrowserSession], address: str | None
    ) -> Done | None:
        """End every session of the browser, as the person said on the page. None when the form is not of this browser,
        or too old.
        """
        try:
            given = _form_decoder.decode(self._open(form, _FORM))
        except (AppError, binascii.Error, ValueError, msgspec.MsgspecError):
            return None
        if given.account_id != account_id or given.browser != browser or self._is_old(given.at):
            return None
        return Done(await self._end(account_id, sessions, address), given.redirect_uri)

    async def _end(
        self, account_id: str, sessions: Collection[BrowserSession], address: str | None
    ) -> Sequence[Secret]:
        for session in sessions:
            try:
                await self._accounts.logout(account_id, session.bearer.reveal(), address)
            except AppError as error:
                if error.kind is not Kind.UNAUTHENTICATED:  # that one is over already
                    raise
        return tuple(session.bearer for session in sessions)

    # What travels through the browser

    def seal_form(self, account_id: str, redirect_uri: str | None, browser: bytes) -> str:
        """What the page's form carries: good in this browser only, for an hour."""
        return self._seal(_Form(account_id, redirect_uri, browser, self._clock.now_ms()), _FORM)

    def seal_request(self, account_id: str, fields: Mapping[str, str]) -> str:
        """The parameters of a request that came as a form, for the redirect that follows."""
        return self._seal(_Request(account_id, dict(fields), self._clock.now_ms()), _REQUEST)

    def open_request(self, account_id: str, text: str) -> Mapping[str, str] | None:
        """The parameters again; None for what was not sealed here, for this account, within an hour."""
        try:
            given = _request_decoder.decode(self._open(text, _REQUEST))
        except (AppError, binascii.Error, ValueError, msgspec.MsgspecError):
            return None
        return given.fields if given.account_id == account_id and not self._is_old(given.at) else None

    def _is_old(self, at: int) -> bool:
        return self._clock.now_ms() - at >= LIFETIME_MS

    def _seal(self, value: msgspec.Struct, context: str) -> str:
        sealed = self._vault.seal(msgspec.msgpack.encode(value), context)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")

    def _open(self, text: str, context: str) -> bytes:
        if len(text) > _MOST_CHARACTERS or not text.isascii():
            raise ValueError("not a sealed text")
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return self._vault.open_bytes(sealed, context)


def _is_meant(session: BrowserSession, hint: Hint) -> bool:
    """All sessions of the user in this browser end together: they would not know one from another."""
    return hint.session_id == session.principal.session_id or hint.user_id == session.principal.user_id
