"""Access tokens of users as this server's own endpoints take them, and what UserInfo tells for one."""

from dataclasses import dataclass

from switchbay.apps.public import Client
from switchbay.oauth.domain import Face, Grant
from switchbay.oauth.errors import user_token_invalid, user_token_missing
from switchbay.oauth.protocol import oidc_userinfo
from switchbay.oauth.protocol.app_token import ISSUER as SENTINEL
from switchbay.oauth.protocol.rfc6750_bearer import read_bearer
from switchbay.oauth.service.issued_tokens import IssuedTokens
from switchbay.oauth.service.minting import Minter, Users, subject_of


@dataclass(frozen=True, slots=True)
class UserToken:
    """A good access token of a user: the grant and the client behind it, and what it allows now."""

    grant: Grant
    client: Client
    scope: frozenset[str]


class UserTokens:
    """Verifies access tokens of users."""

    def __init__(self, issued: IssuedTokens, minter: Minter, users: Users) -> None:
        self._issued = issued
        self._minter = minter
        self._users = users

    async def verify(self, account_id: str, authorization: str | None) -> UserToken:
        """The token of an ``Authorization`` header. Raises ``user_token_missing`` and ``user_token_invalid``."""
        text = read_bearer(authorization)
        if not text:
            raise user_token_missing()
        found = await self.find(account_id, text)
        if found is None:
            raise user_token_invalid()
        return found

    async def find(self, account_id: str, text: str) -> UserToken | None:
        """The token, if it counts here: an access token of a user that is for this server itself."""
        found = await self._issued.find(account_id, text)
        if found is None or found.grant is None or found.state.kind != "access":
            return None
        is_for_us = found.state.issuer == SENTINEL or self._minter.issuer(account_id, Face.OIDC) in found.state.audience
        return UserToken(found.grant, found.client, found.state.scope) if is_for_us else None

    async def describe(self, account_id: str, text: str) -> dict[str, str | bool]:
        """What UserInfo answers to this token. Raises ``BearerRefused``."""
        token = await self.find(account_id, text)
        if token is None:
            raise oidc_userinfo.token_invalid()
        if oidc_userinfo.SCOPE not in token.scope:
            raise oidc_userinfo.scope_insufficient()
        user = await self._users.find_user(account_id, token.grant.user_id)
        if user is None:
            raise oidc_userinfo.token_invalid()
        return oidc_userinfo.make_answer(subject_of(user), token.scope)
