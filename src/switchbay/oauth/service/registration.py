"""Apps that register themselves, read, change and remove their own registration (RFC 7591, RFC 7592).

A registration is an app installation: one transaction takes a use of the initial access token, installs the app and
stores its registration, or does nothing. The token that manages it is shown once and stored as a hash; it is good for
this one app and ends with it.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from switchbay.accounts.public import Accounts, Actor, Role, actor_of, require
from switchbay.apps.public import Apps, Client
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock, Randomness
from switchbay.infra.web import json_bytes
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.ids import is_account_id
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.preconditions import Precondition
from switchbay.manifest.public import Manifest, Severity
from switchbay.oauth import errors
from switchbay.oauth.domain import Policy, digest
from switchbay.oauth.protocol.rfc6750_bearer import LONGEST_TOKEN, read_bearer
from switchbay.oauth.protocol.rfc7591_registration import (
    RegistrationRefused,
    check_update,
    describe,
    invalid_metadata,
    invalid_token,
    merge,
    read_members,
    read_metadata,
    refusal_of,
)
from switchbay.oauth.service.initial_tokens import PREFIX as INITIAL_PREFIX
from switchbay.oauth.store import registrations as store
from switchbay.oauth.store.registrations import InitialToken, Registration

PREFIX: Final = "swb_rat_"
"""Begins every registration access token."""
_SECRET_METHODS: Final = frozenset({"client_secret_basic", "client_secret_post"})
_NO_HASH: Final = bytes(32)
_MOST_TRIES: Final = 5


class PolicyDirectory(Protocol):
    """What is asked of an account's policies."""

    async def get(self, account_id: str) -> Policy:
        """The policy of an account."""
        ...


@dataclass(frozen=True, slots=True)
class _Bearer:
    """Who may register: an administrator's session, or an initial access token by its hash."""

    actor: Actor
    token_hash: bytes | None


@dataclass(frozen=True, slots=True)
class _Managed:
    """An app whose registration a request may manage."""

    client: Client
    registration: Registration
    document: Mapping[str, JsonValue]
    revision: int
    token: str


class Registrations:
    """The registrations of every account. ``origin`` is this server's, for the addresses that answers give out."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        randomness: Randomness,
        accounts: Accounts,
        apps: Apps,
        policies: PolicyDirectory,
        *,
        origin: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._randomness = randomness
        self._accounts = accounts
        self._apps = apps
        self._policies = policies
        self._origin = origin

    # Registering

    async def register(
        self, account_id: str, authorization: str | None, body: bytes, address: str | None
    ) -> dict[str, JsonValue]:
        """Register an app; the answer has its credentials, which are not shown again. ``body`` is read only then.

        Raises ``RegistrationRefused``, ``registration_off`` and what the login session raises.
        """
        bearer = await self._admit(account_id, authorization, address)
        if (await self._policies.get(account_id)).registration == "off":
            raise errors.registration_off()
        metadata = read_metadata(read_members(body))
        name = f"registered-{self._randomness.token(6)}"
        manifest = await self._check({"client_name": name, **metadata.manifest})
        now = self._clock.now_ms()
        token = PREFIX + self._randomness.token()

        async def also(tx: Tx, client_id: str) -> None:
            if bearer.token_hash is not None and not await store.use_token(tx, account_id, bearer.token_hash, now):
                raise _wrong_token()
            registration = Registration(account_id, client_id, digest(token), metadata.kept, now)
            await store.insert_registration(tx, registration)

        try:
            issued = await self._apps.install(account_id, manifest, bearer.actor, together_with=also)
        except AppError as error:
            raise _as_refusal(error) from error
        app = issued.found.app
        answer = self._render(account_id, app.installation_id, now, token)
        if _method(app.document) in _SECRET_METHODS:
            answer |= {"client_secret": issued.secret.reveal(), "client_secret_expires_at": 0}
        return {**answer, **describe(app.document, metadata.kept)}

    async def _admit(self, account_id: str, authorization: str | None, address: str | None) -> _Bearer:
        text = _bearer(authorization)
        if not text.startswith(INITIAL_PREFIX):
            try:
                principal = await self._accounts.authenticate(account_id, f"Bearer {text}")
            except AppError as error:
                raise _wrong_token() if error.kind is Kind.UNAUTHENTICATED else error from error
            require(principal, Role.ADMIN)
            return _Bearer(actor_of(principal, address), None)
        token_hash, now = digest(text), self._clock.now_ms()

        async def work(tx: Tx) -> InitialToken | None:
            return await store.find_token(tx, account_id, token_hash, now)

        token = await self._db.read(work) if is_account_id(account_id) else None
        if token is None:
            raise _wrong_token()
        return _Bearer(Actor("app", token.token_id, token.label, address), token_hash)

    # Managing

    async def read(self, account_id: str, client_id: str, authorization: str | None) -> dict[str, JsonValue]:
        """What is registered of an app (RFC 7592 §2.1), without its secret. Raises ``RegistrationRefused``."""
        managed = await self._open(account_id, client_id, authorization)
        return self._answer(managed, managed.document, managed.registration.metadata)

    async def update(
        self,
        account_id: str,
        client_id: str,
        authorization: str | None,
        body: bytes,
        address: str | None,
    ) -> dict[str, JsonValue]:
        """Replace what is registered of an app (RFC 7592 §2.2). Raises ``RegistrationRefused``.

        An app that begins to authenticate with a secret gets one in the answer; otherwise a secret is only echoed.
        """
        for _ in range(_MOST_TRIES):
            try:
                return await self._update(account_id, client_id, authorization, body, address)
            except AppError as error:
                if error.kind is not Kind.STALE:
                    raise
        raise errors.registration_busy()

    async def _update(
        self, account_id: str, client_id: str, authorization: str | None, body: bytes, address: str | None
    ) -> dict[str, JsonValue]:
        managed = await self._open(account_id, client_id, authorization)
        members = read_members(body)
        check_update(members, client_id)
        secret = await self._expect_secret(managed.client, members.get("client_secret"))
        metadata = read_metadata(members)
        actor = _actor(managed.client, address)
        manifest = await self._check(merge(managed.document, metadata))
        if _method(manifest.document) in _SECRET_METHODS and _method(managed.document) not in _SECRET_METHODS:
            # Before the change, so that a crash between the two leaves nothing but a secret that nobody has.
            issued = await self._apps.rotate_secret(account_id, client_id, actor, overlap_seconds=0, force=True)
            secret = issued.secret.reveal()
            managed = await self._open(account_id, client_id, authorization)
            manifest = await self._check(merge(managed.document, metadata))
        # Nobody may change the app between our reading it and this, or what they changed would be undone.
        as_read = Precondition(any=False, revisions=frozenset({managed.revision}))

        async def also(tx: Tx, app_id: str) -> None:
            await store.update_registration(tx, account_id, app_id, metadata.kept)

        try:
            found = await self._apps.update(account_id, client_id, manifest, actor, as_read, together_with=also)
        except AppError as error:
            raise _as_refusal(error) from error
        answer = self._answer(managed, found.app.document, metadata.kept)
        return answer if secret is None else {**answer, "client_secret": secret, "client_secret_expires_at": 0}

    async def remove(self, account_id: str, client_id: str, authorization: str | None, address: str | None) -> None:
        """Uninstall an app at its own wish (RFC 7592 §2.3). Raises ``RegistrationRefused``."""
        managed = await self._open(account_id, client_id, authorization)

        async def also(tx: Tx, app_id: str) -> None:
            await store.delete_registration(tx, account_id, app_id)

        actor = _actor(managed.client, address)
        try:
            await self._apps.uninstall(account_id, client_id, actor, together_with=also)
        except AppError as error:
            raise _as_refusal(error) from error

    async def _open(self, account_id: str, client_id: str, authorization: str | None) -> _Managed:
        """The app that a registration access token manages; one answer for every wrong token and unknown app."""
        text = _bearer(authorization)

        async def work(tx: Tx) -> Registration | None:
            return await store.find_registration(tx, account_id, client_id)

        client = await self._apps.find_client(account_id, client_id) if is_account_id(account_id) else None
        registration = None if client is None else await self._db.read(work)
        good = hmac.compare_digest(_NO_HASH if registration is None else registration.token_hash, digest(text))
        if client is None or registration is None or not good:
            raise _wrong_token()
        if not client.enabled:
            raise RegistrationRefused("access_denied", "The application is disabled.", 403)
        try:
            found = await self._apps.get_app(account_id, client_id)
        except AppError as error:
            raise _as_refusal(error) from error
        return _Managed(client, registration, found.app.document, found.revision, text)

    async def _expect_secret(self, client: Client, presented: JsonValue) -> str | None:
        """The secret that an update holds, which must be a valid one (RFC 7592 §2.2)."""
        if presented is None:
            return None
        if not isinstance(presented, str) or not await self._apps.check_secret(client, presented):
            raise invalid_metadata("The client_secret is not the one of this registration.")
        return presented

    # Parts

    async def _check(self, document: Mapping[str, JsonValue]) -> Manifest:
        """The manifest, checked by the rules of every manifest; its errors are the registration's."""
        report = await self._apps.check(json_bytes(dict(document)))
        if report.manifest is None:
            errors_found = [issue for issue in report.issues if issue.severity is Severity.ERROR]
            raise refusal_of((issue.path, issue.message) for issue in errors_found)
        return report.manifest

    def _answer(
        self, managed: _Managed, document: Mapping[str, JsonValue], kept: Mapping[str, JsonValue]
    ) -> dict[str, JsonValue]:
        client, issued_at = managed.client, managed.registration.created_at
        head = self._render(client.account_id, client.client_id, issued_at, managed.token)
        return {**head, **describe(document, kept)}

    def _render(self, account_id: str, client_id: str, issued_at: int, token: str) -> dict[str, JsonValue]:
        return {
            "client_id": client_id,
            "client_id_issued_at": issued_at // 1000,
            "registration_access_token": token,
            "registration_client_uri": f"{self._origin}/oidc/{account_id}/register/{client_id}",
        }


def _method(document: Mapping[str, JsonValue]) -> JsonValue:
    return document.get("token_endpoint_auth_method") or "client_secret_basic"


def _bearer(authorization: str | None) -> str:
    text = read_bearer(authorization) if authorization is not None else ""
    if not text:
        raise invalid_token("The Authorization header carries no bearer.")
    if len(text) > LONGEST_TOKEN or not text.isascii():
        raise _wrong_token()
    return text


def _wrong_token() -> RegistrationRefused:
    return invalid_token("The bearer is unknown here, used up, or over.")


def _actor(client: Client, address: str | None) -> Actor:
    return Actor("app", client.client_id, client.client_name, address)


def _as_refusal(error: AppError) -> Exception:
    """An error of the apps room in the words of RFC 7591."""
    if error.kind is Kind.NOT_FOUND:
        return _wrong_token()
    if error.kind in (Kind.CONFLICT, Kind.INVALID):
        return invalid_metadata(error.message)
    return error
