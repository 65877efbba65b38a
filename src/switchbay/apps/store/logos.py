"""SQL of the logos: what the checks found, when the next one is due, and our copies."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from switchbay.apps.logos import Logo, LogoFinding
from switchbay.apps.tables import app_logos
from switchbay.infra.db import Row, Tx
from switchbay.infra.db.door import Value
from switchbay.infra.web import decode_json, json_bytes

_ACCOUNT: sa.BindParameter[str] = sa.bindparam("account")
_APP: sa.BindParameter[str] = sa.bindparam("app")
_KEY = sa.and_(app_logos.c.account_id == _ACCOUNT, app_logos.c.installation_id == _APP)
_STATE_COLUMNS = (
    app_logos.c.installation_id,
    app_logos.c.logo_uri,
    app_logos.c.findings,
    app_logos.c.width,
    app_logos.c.height,
    app_logos.c.checked_at,
    app_logos.c.etag,
)
_STATES = sa.select(*_STATE_COLUMNS).where(app_logos.c.account_id == _ACCOUNT)
_STATE = sa.select(*_STATE_COLUMNS).where(_KEY)
_COPY = sa.select(app_logos.c.image, app_logos.c.etag).where(_KEY, app_logos.c.image.is_not(None))
_DROP = sa.delete(app_logos).where(_KEY)
_DUE_NOW = sa.update(app_logos).where(_KEY).values(due_at=sa.bindparam("now"), failures=0)
_DUE = (
    sa.select(
        app_logos.c.account_id,
        app_logos.c.installation_id,
        app_logos.c.logo_uri,
        app_logos.c.failures,
    )
    .where(app_logos.c.due_at <= sa.bindparam("now"))
    .order_by(app_logos.c.due_at)
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True)
)
# Only what was taken is recorded: another address or another node's turn in the meantime wins.
_TAKEN = sa.and_(
    _KEY, app_logos.c.logo_uri == sa.bindparam("taken_uri"), app_logos.c.due_at == sa.bindparam("taken_until")
)
_FOUND: dict[str, sa.BindParameter[object]] = {
    "findings": sa.bindparam("found"),
    "checked_at": sa.bindparam("now"),
    "due_at": sa.bindparam("next_at"),
    "failures": sa.bindparam("failed"),
}
_RECORD_FINDINGS = sa.update(app_logos).where(_TAKEN).values(_FOUND)
_RECORD = (
    sa.update(app_logos)
    .where(_TAKEN)
    .values(
        {
            **_FOUND,
            "width": sa.bindparam("wide"),
            "height": sa.bindparam("high"),
            "image": sa.bindparam("png"),
            "etag": sa.bindparam("tag"),
        }
    )
)


@dataclass(frozen=True, slots=True)
class LogoState:
    """What is known of an app's logo. ``findings`` is None before the first check."""

    logo_uri: str
    findings: tuple[LogoFinding, ...] | None
    width: int | None
    height: int | None
    checked_at: int | None
    etag: str | None


@dataclass(frozen=True, slots=True)
class LogoTask:
    """A logo that this node is to check before ``until``."""

    account_id: str
    installation_id: str
    logo_uri: str
    failures: int
    until: int


@dataclass(frozen=True, slots=True)
class LogoCopy:
    """Our copy of a logo."""

    png: bytes = field(repr=False)
    etag: str


async def expect(tx: Tx, account_id: str, installation_id: str, logo_uri: str | None, now: int) -> None:
    """Have the logo checked soon. Findings and copy of another address are forgotten."""
    key = {"account": account_id, "app": installation_id}
    row = await tx.fetch_one(_STATE, key)
    if row is not None and row["logo_uri"] == logo_uri:
        await tx.execute(_DUE_NOW, {**key, "now": now})
        return
    if row is not None:
        await tx.execute(_DROP, key)
    if logo_uri is None:
        return
    await tx.insert(
        app_logos,
        {
            "account_id": account_id,
            "installation_id": installation_id,
            "logo_uri": logo_uri,
            "due_at": now,
            "failures": 0,
        },
    )


async def drop(tx: Tx, account_id: str, installation_id: str) -> None:
    """Forget a logo."""
    await tx.execute(_DROP, {"account": account_id, "app": installation_id})


async def take(tx: Tx, now: int, until: int, most: int) -> list[LogoTask]:
    """Take up to ``most`` checks that are due; no other node takes them before ``until``."""
    rows = await tx.fetch(_DUE, {"now": now, "most": most})
    keys = [
        {"account_id": row["account_id"], "installation_id": row["installation_id"], "due_at": until} for row in rows
    ]
    await tx.update_many(app_logos, keys, keys=("account_id", "installation_id"))
    return [
        LogoTask(row["account_id"], row["installation_id"], row["logo_uri"], row["failures"], until) for row in rows
    ]


async def record(tx: Tx, task: LogoTask, logo: Logo, *, now: int, next_at: int, failures: int, keep_copy: bool) -> bool:
    """Store what a check found; with ``keep_copy`` the copy stays as it is. False when it came too late."""
    values: dict[str, Value] = {
        "account": task.account_id,
        "app": task.installation_id,
        "taken_uri": task.logo_uri,
        "taken_until": task.until,
        "found": json_bytes([{"code": finding.code, "got": finding.got} for finding in logo.findings]).decode(),
        "now": now,
        "next_at": next_at,
        "failed": failures,
    }
    if keep_copy:
        return await tx.execute(_RECORD_FINDINGS, values) == 1
    pixels: dict[str, Value] = {"wide": logo.width, "high": logo.height, "png": logo.png, "tag": logo.etag}
    return await tx.execute(_RECORD, {**values, **pixels}) == 1


async def find_states(tx: Tx, account_id: str) -> dict[str, LogoState]:
    """What is known of the logos of an account, by installation id."""
    return {row["installation_id"]: _state(row) for row in await tx.fetch(_STATES, {"account": account_id})}


async def find_state(tx: Tx, account_id: str, installation_id: str) -> LogoState | None:
    """What is known of one app's logo; None when it has none."""
    row = await tx.fetch_one(_STATE, {"account": account_id, "app": installation_id})
    return None if row is None else _state(row)


async def find_copy(tx: Tx, account_id: str, installation_id: str) -> LogoCopy | None:
    """Our copy of one app's logo."""
    row = await tx.fetch_one(_COPY, {"account": account_id, "app": installation_id})
    return None if row is None else LogoCopy(row["image"], row["etag"])


def _state(row: Row) -> LogoState:
    return LogoState(
        row["logo_uri"],
        None if row["findings"] is None else _findings(row["findings"]),
        row["width"],
        row["height"],
        row["checked_at"],
        row["etag"],
    )


def _findings(text: str) -> tuple[LogoFinding, ...]:
    value = decode_json(text.encode())
    items: Sequence[object] = value if isinstance(value, list) else ()
    return tuple(LogoFinding(str(item["code"]), str(item["got"])) for item in items if isinstance(item, dict))
