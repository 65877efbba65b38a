"""What an account's administrators decide about its authorization server: read at every request, changed rarely."""

from dataclasses import asdict, dataclass
from typing import Literal
from urllib.parse import urlsplit

from switchbay.accounts.public import Actor, record_audit
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock
from switchbay.infra.memory import RecentCache
from switchbay.kit.jsonvalue import JsonValue
from switchbay.oauth.domain import Algorithm, Policy
from switchbay.oauth.errors import resource_invalid
from switchbay.oauth.store import policies as store

_FRESH_SECONDS = 2.0
_MOST_CACHED = 10_000
MOST_RESOURCES = 100
LONGEST_RESOURCE = 512


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """What to change; None leaves it as it is."""

    implicit_enabled: bool | None = None
    token_algorithm: Algorithm | None = None
    resources: frozenset[str] | None = None
    registration: Literal["off", "token"] | None = None


class Policies:
    """Reads policies, at most two seconds old, and changes them."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._recent: RecentCache[str, Policy] = RecentCache(
            self._read, clock, seconds=_FRESH_SECONDS, most=_MOST_CACHED
        )

    async def get(self, account_id: str) -> Policy:
        """The policy of an account; the defaults where nobody decided anything."""
        return self._recent.known(account_id) or await self._recent.find(account_id) or Policy()

    async def _read(self, account_id: str) -> Policy:
        return await self._db.read(lambda tx: store.find_policy(tx, account_id)) or Policy()

    async def change(self, account_id: str, wanted: PolicyChange, actor: Actor) -> Policy:
        """Change the policy of an account that exists. Raises ``resource_invalid``."""
        for resource in wanted.resources or ():
            if not is_resource(resource):
                raise resource_invalid(resource)
        if len(wanted.resources or ()) > MOST_RESOURCES:
            raise resource_invalid(None)
        now = self._clock.now_ms()

        async def save(tx: Tx) -> Policy:
            before = await store.find_policy(tx, account_id) or Policy()
            after = _changed(before, wanted)
            if after == before:
                return before
            await store.save_policy(tx, account_id, after, now)
            tx.on_commit(lambda: self._recent.drop(account_id))
            await record_audit(
                tx,
                account_id=account_id,
                actor=actor,
                action="policy.update",
                object_type="policy",
                object_id=account_id,
                at=now,
                detail=_differences(before, after),
            )
            return after

        return await self._db.write(save)


def is_resource(text: str) -> bool:
    """Whether this can be a resource indicator: an absolute https URI without a fragment (RFC 8707 §2)."""
    if len(text) > LONGEST_RESOURCE or not text.isascii() or not text.isprintable() or " " in text or "#" in text:
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False


def _changed(before: Policy, wanted: PolicyChange) -> Policy:
    return Policy(
        implicit_enabled=before.implicit_enabled if wanted.implicit_enabled is None else wanted.implicit_enabled,
        token_algorithm=wanted.token_algorithm or before.token_algorithm,
        resources=before.resources if wanted.resources is None else wanted.resources,
        registration=wanted.registration or before.registration,
    )


def render_policy(policy: Policy) -> dict[str, JsonValue]:
    """A policy as JSON, for the management API and the audit log."""
    shown = asdict(policy)
    return {**shown, "token_algorithm": policy.token_algorithm.value, "resources": [*sorted(policy.resources)]}


def _differences(before: Policy, after: Policy) -> dict[str, JsonValue]:
    old, new = render_policy(before), render_policy(after)
    return {name: {"from": old[name], "to": new[name]} for name in old if old[name] != new[name]}
