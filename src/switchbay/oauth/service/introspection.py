"""Telling clients about tokens (RFC 7662), and ending tokens at their wish (RFC 7009)."""

from collections.abc import Sequence
from functools import partial

import structlog

from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock
from switchbay.kit.jsonvalue import JsonValue
from switchbay.oauth.protocol import rfc7009_revocation, rfc7662_introspection
from switchbay.oauth.protocol.rfc6749_errors import TokenRequestRefused, invalid_client, unauthorized_client
from switchbay.oauth.protocol.rfc6749_parameters import Form
from switchbay.oauth.protocol.rfc7009_revocation import Revocation
from switchbay.oauth.service.issued_tokens import IssuedTokens
from switchbay.oauth.service.minting import PolicyBook, Users
from switchbay.oauth.service.token_endpoint import TokenEndpoint
from switchbay.oauth.store.grants import revoke_grants

_log = structlog.get_logger("oauth")


class TokenInquiries:
    """The introspection and the revocation endpoint."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        endpoint: TokenEndpoint,
        issued: IssuedTokens,
        policies: PolicyBook,
        users: Users,
    ) -> None:
        self._db = db
        self._clock = clock
        self._endpoint = endpoint
        self._issued = issued
        self._policies = policies
        self._users = users

    async def introspect(self, account_id: str, authorization: Sequence[str], form: Form) -> dict[str, JsonValue]:
        """What the asking client may know about a token. Raises ``TokenRequestRefused``."""
        asker = await self._endpoint.authenticate(account_id, authorization, form)
        client = asker.client
        if asker.method == "none":
            raise invalid_client("client_public", "Only clients that authenticate may ask about tokens.").about(
                client.client_id
            )
        if not client.enabled:
            raise unauthorized_client("The application is disabled.", "app_disabled").about(client.client_id)
        text = rfc7009_revocation.read_token(form.values)
        found = await self._issued.find(account_id, text)
        if found is None or found.replaced:
            return rfc7662_introspection.INACTIVE
        resources = (await self._policies.get(account_id)).resources
        if not rfc7662_introspection.may_see(found.state, client.client_id, resources):
            return rfc7662_introspection.INACTIVE
        user = None if found.grant is None else await self._users.find_user(account_id, found.grant.user_id)
        return rfc7662_introspection.make_answer(found.state, None if user is None else user.login_name)

    async def revoke(self, account_id: str, authorization: Sequence[str], form: Form) -> None:
        """End what the asking client got with a token. Raises ``TokenRequestRefused``."""
        client = (await self._endpoint.authenticate(account_id, authorization, form)).client
        try:
            text = rfc7009_revocation.read_token(form.values)
            found = await self._issued.find(account_id, text)
            decided = rfc7009_revocation.decide(None if found is None else found.state, client.client_id)
        except TokenRequestRefused as refused:
            raise refused.about(client.client_id) from None
        if decided is Revocation.NOTHING or found is None or found.grant is None:
            return
        await self._db.write(partial(self._end, account_id=account_id, grant_id=found.grant.grant_id))
        _log.info("tokens revoked by their client", account=account_id, app=client.client_id)

    async def _end(self, tx: Tx, *, account_id: str, grant_id: str) -> None:
        await revoke_grants(tx, account_id, at=self._clock.now_ms(), reason="client", grant_id=grant_id)
