"""Background work on apps: logo checks, ends of rotations, and what the token endpoint noted in passing.

Each step is one plain call. Steps of several nodes may run at the same time; each takes what no other one has.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

import structlog

from switchbay.accounts.public import Actor, record_audit
from switchbay.apps.clients import Clients, SecretUse
from switchbay.apps.domain.installations import Installation
from switchbay.apps.domain.secrets import ENDED_MS, end_over, is_new_primary, promote
from switchbay.apps.logos import MOST_BYTES, Logo, judge, refuse
from switchbay.apps.owners import publish_owner
from switchbay.apps.store import installations, logos, secrets
from switchbay.apps.store.logos import LogoTask
from switchbay.infra.db import Database, Tx
from switchbay.infra.egress import Egress
from switchbay.infra.machine import Clock
from switchbay.infra.vault import Vault
from switchbay.kit.errors import AppError
from switchbay.kit.jsonvalue import JsonValue

_log = structlog.get_logger("apps")

SECRETS_SECONDS: Final = 5.0
"""How often ends of rotations are looked for and uses are stored; a first use wakes the step at once."""
LOGOS_SECONDS: Final = 30.0
"""How often due logo checks are looked for; an install or update wakes the step at once."""
LOGO_TASKS: Final = 4
"""How many logos are checked at once."""
_LOGO_LEASE_MS: Final = 120_000
_LOGO_CONNECT_SECONDS: Final = 5.0
_LOGO_RESPONSE_SECONDS: Final = 10.0
_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 24 * 60 * _MINUTE_MS
_FIRST_RETRY_MS: Final = 15 * _MINUTE_MS
_MOST_DOUBLINGS: Final = 7
_OK: Final = 200
_FORGET_MS: Final = 60 * _MINUTE_MS


async def store_uses_once(db: Database, clients: Clients) -> int:
    """Store which secrets were used; return how many."""
    uses = clients.take_uses()
    if not uses:
        return 0
    keyed = {(use.account_id, use.installation_id, use.secret_id): at for use, at in uses.items()}

    async def work(tx: Tx) -> None:
        await secrets.record_uses(tx, keyed)

    try:
        await db.write(work)
    except (AppError, asyncio.CancelledError):  # stopped in the middle of it: what is stored twice is stored once
        clients.give_back_uses(uses)
        raise
    for use in uses:
        clients.drop(use.account_id, use.installation_id)
    return len(uses)


async def promote_once(db: Database, vault: Vault, clients: Clients, now: int) -> int:
    """Have new secrets sign that were used for the first time; return how many apps that concerned.

    An app that has used its new secret has it, so it can verify with it.
    """
    done = 0
    for use in clients.take_promotions():
        try:
            done += await db.write(partial(_promote, vault=vault, use=use, now=now))
        except AppError as error:
            clients.give_back_promotion(use)
            _log.warning(
                "a secret does not sign yet", account_id=use.account_id, app=use.installation_id, code=error.code
            )
            continue
        clients.drop(use.account_id, use.installation_id)
    return done


async def _promote(tx: Tx, *, vault: Vault, use: SecretUse, now: int) -> bool:
    app = await installations.find(tx, vault, use.account_id, use.installation_id, lock=True)
    if app is None or not is_new_primary(app.secrets, use.secret_id):
        return False
    app = replace(app, secrets=promote(app.secrets, use.secret_id))
    await secrets.update(tx, app, app.secrets)
    await publish_owner(tx, vault, app, now)
    await _audit(tx, app, Actor("app", app.installation_id, app.client_name), "app.adopt_secret", now)
    return True


async def end_rotations_once(db: Database, vault: Vault, clients: Clients, now: int) -> int:
    """End the secrets whose time is over, and have another one sign; return how many apps that concerned."""

    async def find(tx: Tx) -> list[tuple[str, str]]:
        return await secrets.list_ended(tx, now)

    ended = set(await db.read(find))
    done = 0
    for account_id, app_id in sorted(ended):
        try:
            await db.write(partial(_end_rotation, vault=vault, account_id=account_id, app_id=app_id, now=now))
        except AppError as error:  # one app that fails must not keep the others' secrets alive
            _log.warning("a rotation was not ended", account_id=account_id, app=app_id, code=error.code)
            continue
        clients.drop(account_id, app_id)
        done += 1
    return done


async def _end_rotation(tx: Tx, *, vault: Vault, account_id: str, app_id: str, now: int) -> None:
    app = await installations.find(tx, vault, account_id, app_id, lock=True)
    if app is None or all(secret.is_valid(now) for secret in app.secrets):
        return
    rotation = end_over(app.secrets, now)
    app = await secrets.settle(tx, app, rotation, now)
    await publish_owner(tx, vault, app, now)
    for secret in rotation.ended:
        if secret.is_primary:
            await _audit(tx, app, Actor("system", "apps", "rotation"), "app.end_rotation", now)
        else:
            detail: dict[str, JsonValue] = {"name": secret.name, "secret_id": secret.secret_id}
            await _audit(tx, app, Actor("system", "apps", "secrets"), "app.end_secret", now, detail)


async def _audit(
    tx: Tx, app: Installation, actor: Actor, action: str, at: int, detail: Mapping[str, JsonValue] | None = None
) -> None:
    await record_audit(
        tx,
        account_id=app.account_id,
        actor=actor,
        action=action,
        object_type="app",
        object_id=app.installation_id,
        at=at,
        detail={"client_name": app.client_name, **(detail or {})},
    )


async def forget_ended_once(db: Database, now: int) -> int:
    """Forget secrets that ended a month ago; return how many."""

    async def work(tx: Tx) -> int:
        return await secrets.forget_ended(tx, now - ENDED_MS)

    return await db.write(work)


async def check_logos_once(db: Database, egress: Egress, now: int) -> int:
    """Check the logos that are due, a few at once; return how many."""

    async def take(tx: Tx) -> list[LogoTask]:
        return await logos.take(tx, now, now + _LOGO_LEASE_MS, LOGO_TASKS)

    tasks = await db.write(take)
    found = await asyncio.gather(*(_check_logo(egress, task) for task in tasks))
    for task, logo in zip(tasks, found, strict=True):
        await db.write(partial(_record, task=task, logo=logo, now=now))
    return len(tasks)


async def _record(tx: Tx, *, task: LogoTask, logo: Logo, now: int) -> None:
    """Store what a check found. A logo that cannot be reached keeps its copy and is tried again, ever more seldom."""
    unreachable = any(finding.code == "logo_unreachable" for finding in logo.findings)
    wait = min(_FIRST_RETRY_MS * 2 ** min(task.failures, _MOST_DOUBLINGS), _DAY_MS) if unreachable else _DAY_MS
    await logos.record(
        tx,
        task,
        logo,
        now=now,
        next_at=now + wait,
        failures=task.failures + 1 if unreachable else 0,
        keep_copy=unreachable,
    )


async def _check_logo(egress: Egress, task: LogoTask) -> Logo:
    if not task.logo_uri.lower().startswith(("https://", "http://")):
        return refuse("logo_relative", "a relative address")
    outcome = await egress.get(
        task.logo_uri,
        (("Accept", "image/png, image/jpeg, image/gif, image/webp"),),
        connect_seconds=_LOGO_CONNECT_SECONDS,
        response_seconds=_LOGO_RESPONSE_SECONDS,
        response_bytes=MOST_BYTES,
    )
    if outcome.truncated:
        return refuse("logo_unreachable", f"more than {MOST_BYTES} bytes")
    if outcome.failure is not None:
        return refuse("logo_unreachable", outcome.failure)
    if outcome.status != _OK:
        return refuse("logo_unreachable", f"status {outcome.status}")
    try:
        return await asyncio.to_thread(judge, outcome.body)
    except Exception:  # noqa: BLE001 - a picture that breaks its reader in a new way must not stop the other checks
        _log.exception("a logo could not be read", account_id=task.account_id, app=task.installation_id)
        return refuse("logo_type", "a broken picture")


class Workers:
    """The loops that call the steps."""

    def __init__(self, db: Database, clock: Clock, vault: Vault, egress: Egress, clients: Clients) -> None:
        self._db = db
        self._clock = clock
        self._vault = vault
        self._egress = egress
        self._clients = clients
        self._logos = asyncio.Event()
        self._secrets = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._forgot_at = 0
        clients.on_promotion = self._secrets.set

    def wake_logos(self) -> None:
        """Look for due logo checks now."""
        self._logos.set()

    async def start(self) -> None:
        """Start the loops."""
        self._loops = [
            asyncio.create_task(self._run(self._logos, LOGOS_SECONDS, self._check_logos), name="apps-logos"),
            asyncio.create_task(
                self._run(self._secrets, SECRETS_SECONDS, self._look_after_secrets), name="apps-secrets"
            ),
        ]

    async def stop(self) -> None:
        """End the loops and store what is noted."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        self._loops = []
        try:
            await self._look_after_secrets()
        except AppError as error:
            _log.warning("uses of secrets were not stored", code=error.code)

    async def _check_logos(self) -> None:
        while await check_logos_once(self._db, self._egress, self._clock.now_ms()) == LOGO_TASKS:
            pass

    async def _look_after_secrets(self) -> None:
        await end_rotations_once(self._db, self._vault, self._clients, self._clock.now_ms())
        await promote_once(self._db, self._vault, self._clients, self._clock.now_ms())
        await store_uses_once(self._db, self._clients)
        now = self._clock.now_ms()
        if now - self._forgot_at >= _FORGET_MS:
            self._forgot_at = now
            await forget_ended_once(self._db, now)

    async def _run(self, wake: asyncio.Event, seconds: float, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            wake.clear()
            try:
                await step()
            except AppError as error:
                _log.warning("a step over apps failed and is tried again", code=error.code)
            except Exception:  # noqa: BLE001 - a loop that ends is worse than one that says what went wrong
                _log.exception("a step over apps failed")
            try:
                await asyncio.wait_for(wake.wait(), seconds)
            except TimeoutError:
                continue
