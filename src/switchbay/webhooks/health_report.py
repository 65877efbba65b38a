"""How an app's endpoints are doing, as people and programs ask: figures of all nodes, states and their reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from switchbay.accounts.public import Actor, record_audit
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock
from switchbay.kit.jsonvalue import JsonValue
from switchbay.webhooks import errors
from switchbay.webhooks.domain import GateState
from switchbay.webhooks.health import (
    MINUTE_MS,
    Condition,
    Counts,
    added,
    condition_in_words,
    digest,
)
from switchbay.webhooks.operational import is_operational
from switchbay.webhooks.owners import owner_changed
from switchbay.webhooks.store import health as store
from switchbay.webhooks.store import owners
from switchbay.webhooks.store.owners import EndpointRow, OwnerRow

WINDOWS: Mapping[str, int] = {"5m": 5, "1h": 60, "24h": 24 * 60}
"""Minutes; the one that is not over yet counts."""
_WORST = ("disabled", "paused", "failing", "slow")


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """How one address is doing."""

    url: str
    events: tuple[str, ...]
    state: str
    since: int | None
    reason: str
    condition: Condition
    breaker_open_until: int | None
    windows: dict[str, Counts]


@dataclass(frozen=True, slots=True)
class HealthReport:
    """How an app's endpoints are doing; ``state`` is the worst of theirs."""

    owner_id: str
    state: str
    gate: GateState
    gate_since: int
    next_attempt_at: int | None
    rate_limit: int | None
    endpoints: tuple[EndpointHealth, ...]


async def find_report(tx: Tx, account_id: str, owner_id: str, now: int) -> HealthReport | None:
    """How an app's endpoints are doing; None if there is no such app."""
    row = await owners.find_owner(tx, account_id, owner_id)
    if row is None:
        return None
    minute = now // MINUTE_MS
    counted = await store.minutes_of_owner(tx, account_id, owner_id, minute - max(WINDOWS.values()) + 1)
    conditions = await store.conditions_of(tx, account_id, owner_id)
    by_url: dict[str, list[EndpointRow]] = {}
    for each in sorted(row.endpoints, key=lambda endpoint: endpoint.event_key):
        by_url.setdefault(each.url, []).append(each)
    found = tuple(
        _endpoint(url, rows, counted, conditions.get(digest(url), Condition()), now)
        for url, rows in sorted(by_url.items())
    )
    return _report(row, found)


def _report(row: OwnerRow, found: tuple[EndpointHealth, ...]) -> HealthReport:
    states = {each.state for each in found}
    gate = GateState(row.gate)
    return HealthReport(
        row.owner_id,
        next((state for state in _WORST if state in states), "healthy"),
        gate,
        row.gate_since,
        row.gate_next if gate is GateState.FAILED else None,
        row.rate_limit,
        found,
    )


def _endpoint(
    url: str,
    rows: Sequence[EndpointRow],
    counted: Sequence[tuple[str, int, Counts]],
    condition: Condition,
    now: int,
) -> EndpointHealth:
    name, minute = digest(url), now // MINUTE_MS
    windows = {
        word: added(counts for endpoint, at, counts in counted if endpoint == name and at > minute - length)
        for word, length in WINDOWS.items()
    }
    state, since, reason = condition.state.value, condition.since or None, condition_in_words(condition)
    open_until = condition.paused_until
    if open_until is None or open_until <= now:
        open_until = None
    else:
        state, reason = "paused", f"nobody seems to be there: {condition.failure or 'unknown'}"
    disabled = [each for each in rows if each.disabled_at is not None]
    if disabled:
        state, since = "disabled", disabled[0].disabled_at
        reason = "it answered 410: it is gone" if disabled[0].disabled_reason is None else "it was slow for too long"
    elif state == "healthy" and not windows["24h"].requests:
        reason = "it was not called in the last 24 hours"
    return EndpointHealth(
        url, tuple(each.event_key for each in rows), state, since, reason, condition, open_until, windows
    )


class EndpointCare:
    """Reading how endpoints are doing, and what an administrator may do about them."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def get_report(self, account_id: str, owner_id: str) -> HealthReport:
        """How an app's endpoints are doing. Raises ``app_unknown``."""
        _check(owner_id)
        now = self._clock.now_ms()
        found = await self._db.read(lambda tx: find_report(tx, account_id, owner_id, now))
        if found is None:
            raise errors.app_unknown()
        return found

    async def enable(self, account_id: str, owner_id: str, actor: Actor) -> HealthReport:
        """Call disabled endpoints of an app again. Raises ``app_unknown``."""
        _check(owner_id)
        now = self._clock.now_ms()

        async def work(tx: Tx) -> None:
            enabled = await store.enable_all(tx, account_id, owner_id, now)
            await self._changed(tx, account_id, owner_id, actor, "app.webhooks_enable", {"webhooks": enabled}, now)

        await self._db.write(work)
        return await self.get_report(account_id, owner_id)

    async def limit(self, account_id: str, owner_id: str, most: int | None, actor: Actor) -> HealthReport:
        """Limit the requests a second to each endpoint of an app, or do not any more. Raises ``app_unknown``."""
        _check(owner_id)
        now = self._clock.now_ms()

        async def work(tx: Tx) -> None:
            await store.set_rate_limit(tx, account_id, owner_id, most)
            detail: dict[str, JsonValue] = {"requests_per_second": most}
            await self._changed(tx, account_id, owner_id, actor, "app.webhooks_limit", detail, now)

        await self._db.write(work)
        return await self.get_report(account_id, owner_id)

    async def _changed(
        self,
        tx: Tx,
        account_id: str,
        owner_id: str,
        actor: Actor,
        action: str,
        detail: dict[str, JsonValue],
        now: int,
    ) -> None:
        if await owners.find_owner(tx, account_id, owner_id) is None:
            raise errors.app_unknown()
        tx.on_commit(owner_changed(account_id, owner_id))
        await record_audit(
            tx,
            account_id=account_id,
            actor=actor,
            action=action,
            object_type="app",
            object_id=owner_id,
            at=now,
            detail=detail,
        )


def _check(owner_id: str) -> None:
    if is_operational(owner_id) or "\x00" in owner_id:
        raise errors.app_unknown()


def render_report(report: HealthReport) -> dict[str, JsonValue]:
    """A report as JSON."""
    return {
        "app": report.owner_id,
        "state": report.state,
        "gate": {
            "state": report.gate.value,
            "since": report.gate_since,
            "next_attempt_at": report.next_attempt_at,
        },
        "requests_per_second": report.rate_limit,
        "endpoints": [_render_endpoint(each) for each in report.endpoints],
    }


def _render_endpoint(endpoint: EndpointHealth) -> dict[str, JsonValue]:
    condition = endpoint.condition
    return {
        "url": endpoint.url,
        "events": list(endpoint.events),
        "state": endpoint.state,
        "since": endpoint.since,
        "reason": endpoint.reason,
        "breaker_open_until": endpoint.breaker_open_until,
        "failures_in_a_row": condition.failures,
        "last_failure": None
        if condition.failed_at is None
        else {"at": condition.failed_at, "reason": condition.failure},
        "windows": {word: _render_counts(counts) for word, counts in endpoint.windows.items()},
    }


def _render_counts(counts: Counts) -> dict[str, JsonValue]:
    rate, mean = counts.success_rate, counts.mean_ms
    return {
        "requests": counts.requests,
        "failures": counts.failures,
        "success_rate": None if rate is None else round(rate, 4),
        "mean_ms": None if mean is None else round(mean),
        "p50_ms": counts.percentile_ms(50),
        "p95_ms": counts.percentile_ms(95),
    }
