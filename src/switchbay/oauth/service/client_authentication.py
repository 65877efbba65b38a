"""Whether a client is who it says: secrets, signed assertions, and public clients that have neither."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from switchbay.apps.public import Client, SecretCheck
from switchbay.infra.db import Database, Tx
from switchbay.infra.egress import Egress
from switchbay.infra.machine import Clock
from switchbay.kit.ids import is_account_id
from switchbay.oauth.protocol.rfc6749_client_authentication import (
    Credentials,
    Method,
    Presented,
    PresentedAssertion,
    PresentedName,
    read_credentials,
)
from switchbay.oauth.protocol.rfc6749_errors import TokenRequestRefused, invalid_client, invalid_request
from switchbay.oauth.protocol.rfc7523_client_assertion import (
    Assertion,
    AssertionRefused,
    burn_signature_check,
    judge_claims,
    read_assertion,
    verify_signature,
)
from switchbay.oauth.service.client_keys import ClientKeys, KeysUnavailable
from switchbay.oauth.store.assertions import use_assertion
from switchbay.oauth.store.registrations import find_registration

_SECRET_METHODS: Final = frozenset({"client_secret_basic", "client_secret_post"})
_ASSERTION_METHODS: Final = frozenset({"private_key_jwt"})
_NOBODY: Final = "00000000-0000-0000-0000-000000000000"
_NO_CREDENTIALS: Final = "The request carries no credentials, and the client is not a public one."


class ClientDirectory(Protocol):
    """What this room asks the apps room."""

    async def find_client(self, account_id: str, client_id: str) -> Client | None:
        """The installed application with this client id, enabled or not."""
        ...

    async def match_secret(self, client: Client, presented: str) -> SecretCheck:
        """Whether this is a valid secret of the client, or was one; takes the same time for every wrong one."""
        ...

    async def burn_secret_check(self, presented: str) -> None:
        """The work of ``match_secret`` for a client that does not exist."""
        ...


@dataclass(frozen=True, slots=True)
class AuthenticatedClient:
    """A client that proved who it is, or is a public one that cannot; it may be disabled."""

    client: Client
    method: Method


class ClientAuthentication:
    """Authenticates the clients of every account.

    An unknown account, an unknown client and wrong credentials are one answer, after the same comparisons and look-ups;
    which it was stands in the refusal's ``reason``. A client registered for ``private_key_jwt`` or as a public
    one authenticates that way only; the two ways to send a secret are one, as existing clients mix them.
    """

    def __init__(self, db: Database, clock: Clock, apps: ClientDirectory, egress: Egress) -> None:
        self._db = db
        self._clock = clock
        self._apps = apps
        self._keys = ClientKeys(clock, egress)

    async def authenticate(
        self,
        account_id: str,
        authorization: Sequence[str],
        parameters: Mapping[str, str],
        *,
        audiences: frozenset[str],
    ) -> AuthenticatedClient:
        """The client that a request proves to come from. ``audiences`` are the names an assertion may know us by.

        Raises ``TokenRequestRefused``.
        """
        presented = read_credentials(authorization, parameters)
        return await self.check(account_id, presented, audiences=audiences)

    async def check(self, account_id: str, presented: Credentials, *, audiences: frozenset[str]) -> AuthenticatedClient:
        """The client that these credentials prove. Raises ``TokenRequestRefused``."""
        if isinstance(presented, Presented):
            return await self._check_secret(account_id, presented)
        if isinstance(presented, PresentedAssertion):
            return await self._check_assertion(account_id, presented, audiences)
        return await self._check_name(account_id, presented)

    async def _find(self, account_id: str, client_id: str) -> Client | None:
        return await self._apps.find_client(account_id, client_id) if is_account_id(account_id) else None

    async def _burn_look_up(self, account_id: str) -> None:
        """The work of finding a client that does not exist, which no cache spares, for one that was found."""
        await self._apps.find_client(account_id, _NOBODY)

    async def _check_secret(self, account_id: str, presented: Presented) -> AuthenticatedClient:
        secret = presented.client_secret.reveal()
        client = await self._find(account_id, presented.client_id) if presented.plausible else None
        if client is None:
            await self._apps.burn_secret_check(secret)
            raise invalid_client("client_unknown")
        if client.token_endpoint_auth_method not in _SECRET_METHODS:
            await self._apps.burn_secret_check(secret)
            await self._burn_look_up(account_id)
            raise _method_wrong(client, presented.method)
        found = await self._apps.match_secret(client, secret)
        if not found.valid:
            await self._burn_look_up(account_id)
            raise _secret_wrong(client, presented.method, found)
        return AuthenticatedClient(client, presented.method)

    async def _check_name(self, account_id: str, presented: PresentedName) -> AuthenticatedClient:
        client = await self._find(account_id, presented.client_id) if presented.plausible else None
        if client is None:
            raise invalid_client("client_unknown", _NO_CREDENTIALS)
        if not client.is_public:
            await self._burn_look_up(account_id)
            refused = invalid_client("credentials_missing", _NO_CREDENTIALS)
            raise refused.about(client.client_id, expected=client.token_endpoint_auth_method, got="none")
        return AuthenticatedClient(client, "none")

    async def _check_assertion(
        self, account_id: str, presented: PresentedAssertion, audiences: frozenset[str]
    ) -> AuthenticatedClient:
        try:
            assertion = read_assertion(presented.assertion.reveal())
        except AssertionRefused as refused:
            raise await self._refusal(account_id, presented.client_id, refused) from refused
        if presented.client_id not in (None, assertion.subject):
            raise invalid_request("The client_id parameter is not the one that authenticates.", "two_mechanisms")
        client = await self._find(account_id, assertion.subject)
        if client is None:
            burn_signature_check(assertion)
            raise invalid_client("client_unknown")
        if client.token_endpoint_auth_method not in _ASSERTION_METHODS:
            burn_signature_check(assertion)
            await self._burn_look_up(account_id)
            raise _method_wrong(client, "private_key_jwt")
        try:
            await self._verify(client, assertion)
            accepted = judge_claims(assertion, client.client_id, audiences, self._clock.now_ms())
        except AssertionRefused as refused:
            await self._burn_look_up(account_id)
            raise invalid_client(refused.reason).about(client.client_id, **refused.detail) from refused
        jti_hash = hashlib.sha256(accepted.jti.encode()).digest()

        async def work(tx: Tx) -> bool:
            await _expect_algorithm(tx, client, assertion)
            return await use_assertion(tx, account_id, client.client_id, jti_hash, accepted.expires_at)

        if not await self._db.write(work):
            raise invalid_client("assertion_replayed").about(client.client_id, got="a jti that was used before")
        return AuthenticatedClient(client, "private_key_jwt")

    async def _verify(self, client: Client, assertion: Assertion) -> None:
        try:
            keys = await self._keys.find(client, assertion)
        except KeysUnavailable as unavailable:
            raise AssertionRefused("assertion_keys_unavailable", got=str(unavailable)) from unavailable
        if not keys:
            burn_signature_check(assertion)
            wanted = f"kid {assertion.key_id}" if assertion.key_id else "no kid"
            raise AssertionRefused(
                "assertion_key_unknown", expected="a registered key", got=f"{assertion.algorithm}, {wanted}"
            )
        if not verify_signature(assertion, keys):
            raise AssertionRefused("assertion_signature_wrong")

    async def _refusal(self, account_id: str, client_id: str | None, refused: AssertionRefused) -> TokenRequestRefused:
        """The answer to an assertion that cannot be read, for the log of the client that is named beside it."""
        answer = invalid_client(refused.reason)
        client = None if client_id is None else await self._find(account_id, client_id)
        return answer if client is None else answer.about(client.client_id, **refused.detail)


async def _expect_algorithm(tx: Tx, client: Client, assertion: Assertion) -> None:
    """Refuse every algorithm but the one that a client registered for itself (OpenID Connect Registration §2)."""
    registered = await find_registration(tx, client.account_id, client.client_id)
    wanted = None if registered is None else registered.metadata.get("token_endpoint_auth_signing_alg")
    if wanted is not None and wanted != assertion.algorithm:
        refused = invalid_client("assertion_algorithm_refused")
        raise refused.about(client.client_id, expected=str(wanted), got=assertion.algorithm)


def _method_wrong(client: Client, got: Method) -> TokenRequestRefused:
    refused = invalid_client("method_not_registered")
    return refused.about(client.client_id, expected=client.token_endpoint_auth_method, got=got)


def _secret_wrong(client: Client, method: Method, found: SecretCheck) -> TokenRequestRefused:
    if found.name is None:
        return invalid_client("secret_wrong").about(client.client_id, method=method, got="no secret of this app")
    got = f"the secret named {found.name}, which ended at {found.ended_at}"
    return invalid_client("secret_ended").about(client.client_id, method=method, got=got)
