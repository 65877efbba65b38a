"""Other OpenID providers as an account's administrators set them up."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from switchbay.accounts.public import Accounts, Actor, Role, record_audit
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock, Randomness
from switchbay.infra.vault import Vault
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.secret import Secret
from switchbay.oauth.errors import upstream_invalid, upstream_limit, upstream_link_unknown, upstream_unknown
from switchbay.oauth.protocol.oidc_upstream import Provider, UpstreamTrouble, is_usable_issuer
from switchbay.oauth.service.upstream import UpstreamLogins, callback_of
from switchbay.oauth.service.upstream_provider import Providers
from switchbay.oauth.store import upstreams as store
from switchbay.oauth.store.upstreams import Upstream, secret_context

MOST_UPSTREAMS: Final = 20
LOGIN_CLAIMS: Final = ("preferred_username", "email", "sub")
DEFAULT_SCOPE: Final = "openid profile email"
_LONGEST_LABEL: Final = 64
_PRINTABLE: Final = re.compile(r"[\x20-\x7e]{1,512}")
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")
_LONGEST_SCOPE: Final = 500
_ID: Final = re.compile(r"ups_[0-9a-z]{26}", re.ASCII)


@dataclass(frozen=True, slots=True)
class UpstreamChange:
    """What to set of a provider; None leaves it as it is."""

    label: str | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    scope: str | None = None
    login_claim: str | None = None
    create_roles: frozenset[Role] | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """How a provider answered when it was tried; ``keys`` are those that are of any use here."""

    provider: Provider | None
    keys: int
    problem: Mapping[str, str] | None


class UpstreamSettings:
    """Adds, changes, tries and removes providers."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        randomness: Randomness,
        vault: Vault,
        accounts: Accounts,
        providers: Providers,
        logins: UpstreamLogins,
        *,
        origin: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._randomness = randomness
        self._vault = vault
        self._accounts = accounts
        self._providers = providers
        self._logins = logins
        self._origin = origin

    def callback(self, upstream: Upstream) -> str:
        """The redirect URI to register at the provider."""
        return callback_of(self._origin, upstream.account_id, upstream.upstream_id)

    async def list_upstreams(self, account_id: str) -> list[Upstream]:
        """The account's providers, the oldest first."""
        return await self._db.read(lambda tx: store.list_upstreams(tx, account_id))

    async def get(self, account_id: str, upstream_id: str) -> Upstream:
        """One provider. Raises ``upstream_unknown``."""
        if _ID.fullmatch(upstream_id) is None:
            raise upstream_unknown()
        found = await self._db.read(lambda tx: store.find_upstream(tx, account_id, upstream_id))
        if found is None:
            raise upstream_unknown()
        return found

    async def create(self, account_id: str, issuer: str, change: UpstreamChange, actor: Actor) -> Upstream:
        """Add a provider. Raises ``upstream_invalid``, ``upstream_limit``."""
        await self._accounts.get_account(account_id)
        if not is_usable_issuer(issuer):
            raise upstream_invalid("issuer", "it is an https address without query and fragment")
        now = self._clock.now_ms()
        upstream_id = self._randomness.sortable_id("ups", now)
        if change.client_secret is None:
            raise upstream_invalid("client_secret", "it must be given")
        blank = Upstream(
            account_id=account_id,
            upstream_id=upstream_id,
            label="",
            issuer=issuer,
            client_id="",
            sealed=b"",
            scope=DEFAULT_SCOPE,
            login_claim=LOGIN_CLAIMS[0],
            create_roles=frozenset(),
            enabled=True,
            created_at=now,
            updated_at=now,
        )
        made = self._checked(self._changed(blank, change))

        async def insert(tx: Tx) -> Upstream:
            if len(await store.list_upstreams(tx, account_id)) >= MOST_UPSTREAMS:
                raise upstream_limit(MOST_UPSTREAMS)
            await store.insert_upstream(tx, made)
            await self._record(tx, made, "upstream.create", actor, _shown(made))
            return made

        return await self._db.write(insert)

    async def change(self, account_id: str, upstream_id: str, change: UpstreamChange, actor: Actor) -> Upstream:
        """Change a provider. Raises ``upstream_unknown``, ``upstream_invalid``."""
        if _ID.fullmatch(upstream_id) is None:
            raise upstream_unknown()

        async def update(tx: Tx) -> Upstream:
            before = await store.find_upstream(tx, account_id, upstream_id, hold=True)
            if before is None:
                raise upstream_unknown()
            after = self._checked(self._changed(before, change))
            old, new = _shown(before), _shown(after)
            detail: dict[str, JsonValue] = {
                name: {"from": old[name], "to": new[name]} for name in old if old[name] != new[name]
            }
            if change.client_secret is not None:
                detail["new_client_secret"] = True
            if not detail:
                return before
            after = replace(after, updated_at=self._clock.now_ms())
            await store.save_upstream(tx, after)
            await self._record(tx, after, "upstream.update", actor, detail)
            return after

        return await self._db.write(update)

    async def remove(self, account_id: str, upstream_id: str, actor: Actor) -> None:
        """Remove a provider; sessions that were opened there stay. Raises ``upstream_unknown``."""
        if _ID.fullmatch(upstream_id) is None:
            raise upstream_unknown()

        async def delete(tx: Tx) -> None:
            before = await store.find_upstream(tx, account_id, upstream_id, hold=True)
            if before is None or not await store.delete_upstream(tx, account_id, upstream_id):
                raise upstream_unknown()
            await self._record(tx, before, "upstream.remove", actor, {"label": before.label, "issuer": before.issuer})

        await self._db.write(delete)

    async def unlink(self, account_id: str, upstream_id: str, user_id: str, actor: Actor) -> None:
        """Forget who a user is at a provider: the next login there is as their first.

        Raises ``upstream_unknown``, ``upstream_link_unknown``.
        """
        user = await self._accounts.get_user(account_id, user_id)
        if _ID.fullmatch(upstream_id) is None:
            raise upstream_unknown()

        async def delete(tx: Tx) -> None:
            upstream = await store.find_upstream(tx, account_id, upstream_id, hold=True)
            if upstream is None:
                raise upstream_unknown()
            if not await store.unlink_user(tx, account_id, upstream_id, user.user_id):
                raise upstream_link_unknown()
            await self._record(tx, upstream, "upstream.unlink", actor, {"user_id": user.user_id})

        await self._db.write(delete)

    async def probe(self, account_id: str, upstream_id: str) -> Probe:
        """Fetch the provider's document and keys, as a login does. Raises ``upstream_unknown``."""
        upstream = await self.get(account_id, upstream_id)
        provider: Provider | None = None
        try:
            provider = await self._providers.find(upstream.issuer)
            keys = len(await self._providers.keys_of(provider))
        except UpstreamTrouble as trouble:
            return Probe(provider, 0, {"code": trouble.code, **trouble.detail})
        return Probe(provider, keys, None if keys else {"code": "upstream_malformed", "problem": "no_usable_key"})

    def _changed(self, before: Upstream, change: UpstreamChange) -> Upstream:
        after = before
        if change.label is not None:
            after = replace(after, label=change.label)
        if change.client_id is not None:
            after = replace(after, client_id=change.client_id)
        if change.scope is not None:
            after = replace(after, scope=change.scope)
        if change.login_claim is not None:
            after = replace(after, login_claim=change.login_claim)
        if change.create_roles is not None:
            after = replace(after, create_roles=change.create_roles)
        if change.enabled is not None:
            after = replace(after, enabled=change.enabled)
        if change.client_secret is not None:
            if _PRINTABLE.fullmatch(change.client_secret.reveal()) is None:
                raise upstream_invalid("client_secret", "it has 1 to 512 printable ASCII characters")
            context = secret_context(after.account_id, after.upstream_id)
            after = replace(after, sealed=self._vault.seal(change.client_secret, context))
        return after

    def _checked(self, upstream: Upstream) -> Upstream:
        label = upstream.label
        if not 1 <= len(label) <= _LONGEST_LABEL or not label.isprintable() or label != label.strip():
            raise upstream_invalid("label", f"it has 1 to {_LONGEST_LABEL} printable characters")
        if _PRINTABLE.fullmatch(upstream.client_id) is None:
            raise upstream_invalid("client_id", "it has 1 to 512 printable ASCII characters")
        scope = upstream.scope
        if len(scope) > _LONGEST_SCOPE or not _SCOPE.fullmatch(scope) or "openid" not in scope.split():
            raise upstream_invalid("scope", "it is words with single spaces between, openid among them")
        if upstream.login_claim not in LOGIN_CLAIMS:
            raise upstream_invalid("login_claim", f"it is one of {', '.join(LOGIN_CLAIMS)}")
        return upstream

    async def _record(
        self, tx: Tx, upstream: Upstream, action: str, actor: Actor, detail: Mapping[str, JsonValue]
    ) -> None:
        tx.on_commit(lambda: self._logins.forget(upstream.account_id))
        await record_audit(
            tx,
            account_id=upstream.account_id,
            actor=actor,
            action=action,
            object_type="upstream",
            object_id=upstream.upstream_id,
            at=self._clock.now_ms(),
            detail=detail,
        )


def _shown(upstream: Upstream) -> dict[str, JsonValue]:
    return {
        "label": upstream.label,
        "issuer": upstream.issuer,
        "client_id": upstream.client_id,
        "scope": upstream.scope,
        "login_claim": upstream.login_claim,
        "create_roles": [*sorted(role.value for role in upstream.create_roles)],
        "enabled": upstream.enabled,
    }
