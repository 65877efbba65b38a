"""The token endpoint of both faces: who asks, by which grant, and what they get (RFC 6749 §3.2)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from switchbay.apps.public import Client
from switchbay.infra.machine import Clock
from switchbay.oauth.domain import Face, Version
from switchbay.oauth.protocol import (
    rfc6749_authorization_code,
    rfc6749_client_credentials,
    rfc6749_refresh_token,
)
from switchbay.oauth.protocol.rfc6749_errors import (
    TokenRequestRefused,
    invalid_request,
    unauthorized_client,
    unsupported_grant_type,
)
from switchbay.oauth.protocol.rfc6749_parameters import Form
from switchbay.oauth.protocol.rfc8707_resource import choose_resources
from switchbay.oauth.service.client_authentication import AuthenticatedClient, ClientAuthentication
from switchbay.oauth.service.minting import Minter, PolicyBook
from switchbay.oauth.service.redeeming import Issued, Redeeming

GRANT_TYPES: Final[Mapping[Face, tuple[str, ...]]] = {
    Face.SENTINEL: (rfc6749_authorization_code.GRANT, rfc6749_refresh_token.GRANT),
    Face.OIDC: (
        rfc6749_authorization_code.GRANT,
        rfc6749_refresh_token.GRANT,
        rfc6749_client_credentials.GRANT,
    ),
}
"""The grants of each face's token endpoint. Application tokens of the old paths have endpoints of their own."""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request to the token endpoint."""

    account_id: str
    face: Face
    version: Version
    authorization: Sequence[str]
    form: Form


class TokenEndpoint:
    """Authenticates the client and serves the grant."""

    def __init__(
        self,
        clock: Clock,
        clients: ClientAuthentication,
        redeeming: Redeeming,
        minter: Minter,
        policies: PolicyBook,
        *,
        origin: str,
    ) -> None:
        self._clock = clock
        self._clients = clients
        self._minter = minter
        self._policies = policies
        self._origin = origin
        self._grants: Mapping[str, Callable[[Client, TokenRequest], Awaitable[Issued]]] = {
            rfc6749_authorization_code.GRANT: lambda client, request: redeeming.redeem_code(
                client, request.face, request.version, request.form.values, request.form.resources
            ),
            rfc6749_refresh_token.GRANT: lambda client, request: redeeming.refresh(
                client, request.face, request.version, request.form.values, request.form.resources
            ),
            rfc6749_client_credentials.GRANT: self._issue_to_client,
        }

    async def serve(self, request: TokenRequest) -> Issued:
        """The tokens that are asked for. Raises ``TokenRequestRefused``."""
        grant_type = request.form.values.get("grant_type")
        if grant_type is None:
            raise invalid_request("The parameter grant_type is missing.", "grant_missing")
        if grant_type not in GRANT_TYPES[request.face]:
            raise unsupported_grant_type(f"The grant types here are {', '.join(GRANT_TYPES[request.face])}.")
        authenticated = await self.authenticate(request.account_id, request.authorization, request.form)
        try:
            return await self._grants[grant_type](authenticated.client, request)
        except TokenRequestRefused as refused:
            raise refused.about(authenticated.client.client_id, grant_type=grant_type) from None

    async def authenticate(self, account_id: str, authorization: Sequence[str], form: Form) -> AuthenticatedClient:
        """The client that a request to any endpoint of the account proves to come from.

        An assertion may name the issuer or any address of this server at which the account's clients authenticate.
        Raises ``TokenRequestRefused``.
        """
        audiences = audiences_of(self._origin, account_id)
        return await self._clients.authenticate(account_id, authorization, form.values, audiences=audiences)

    async def _issue_to_client(self, client: Client, request: TokenRequest) -> Issued:
        """RFC 6749 §4.4, as an access token by RFC 9068."""
        rfc6749_client_credentials.check_client(enabled=client.enabled, grant_types=client.grant_types)
        if client.is_public:
            raise unauthorized_client("A public client cannot get tokens for itself.", "client_public")
        scope = rfc6749_client_credentials.choose_scope(request.form.values.get("scope"), client.scope)
        issuer = self._minter.issuer(client.account_id, Face.OIDC)
        allowed = (await self._policies.get(client.account_id)).resources | {issuer}
        audience = choose_resources(request.form.resources, allowed, (issuer,))
        return Issued(await self._minter.mint_client_token(client, scope, audience, self._clock.now_ms()))


def audiences_of(origin: str, account_id: str) -> frozenset[str]:
    """The names by which a client's assertion may mean this account's authorization server (RFC 7523 §3)."""
    issuer = f"{origin}/oidc/{account_id}"
    sentinel = f"{origin}/sentinel/api/account/{account_id}"
    return frozenset(
        {
            issuer,
            *(f"{issuer}/{endpoint}" for endpoint in ("token", "revoke", "introspect")),
            f"{sentinel}/token",
            f"{sentinel}/app/token",
            f"{origin}/sentinel/api/v2/account/{account_id}/app/token",
        }
    )
