"""Codes as the authorization endpoint makes them, token requests as clients send them, and what answers say."""

import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import httpx
import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import KeySet

from support.oauth_stage import ACCOUNT, CALLBACK, Installed, Stage, join_stage
from switchbay.infra.db import Tx, open_database
from switchbay.infra.egress import Egress
from switchbay.infra.settings import Settings
from switchbay.oauth.domain import Code, Face, Grant, digest
from switchbay.oauth.store.codes import insert_code
from switchbay.oauth.store.grants import insert_grant
from switchbay.oauth.tables import codes, grants, tokens

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
SESSION = "ses_00000000000000000000000000"
FaceName = Literal["oidc", "sentinel"]


async def give_code(
    stage: Stage,
    app: Installed,
    *,
    account_id: str = ACCOUNT,
    login_name: str = "agent",
    face: Face = Face.OIDC,
    scope: str = "openid msg.consumer",
    resources: tuple[str, ...] = (),
    redirect_uri_given: bool = True,
    challenge: str | None = None,
    nonce: str | None = None,
    amr: tuple[str, ...] = ("pwd",),
    session_id: str | None = SESSION,
    seconds: int = 60,
) -> str:
    """A code that the user with this login name has just given the app, one minute after they logged in."""
    user = await stage.accounts.find_user_by_login(account_id, login_name)
    assert user is not None
    now = stage.clock.now_ms()
    text = stage.randomness.token(32)
    grant = Grant(
        account_id=account_id,
        grant_id=stage.randomness.sortable_id("grt", now),
        client_id=app.client_id,
        user_id=user.user_id,
        session_id=session_id,
        face=face,
        scope=frozenset(scope.split()),
        resources=resources,
        auth_time=now - 60_000,
        amr=amr,
        created_at=now,
        expires_at=now + seconds * 1000,
    )
    code = Code(
        account_id=account_id,
        code_hash=digest(text),
        grant_id=grant.grant_id,
        client_id=app.client_id,
        redirect_uri=CALLBACK,
        redirect_uri_given=redirect_uri_given,
        code_challenge=challenge,
        nonce=nonce,
        created_at=now,
        expires_at=now + seconds * 1000,
    )

    async def store(tx: Tx) -> None:
        await insert_grant(tx, grant)
        await insert_code(tx, code)

    await stage.db.write(store)
    return text


def token_path(face: FaceName = "oidc", account_id: str = ACCOUNT) -> str:
    """Where the token endpoint of a face is."""
    return f"/oidc/{account_id}/token" if face == "oidc" else f"/sentinel/api/account/{account_id}/token"


async def post_token(
    stage: Stage,
    app: Installed,
    fields: Mapping[str, str | Sequence[str] | None],
    *,
    face: FaceName = "oidc",
    version: str | None = None,
    account_id: str = ACCOUNT,
) -> httpx.Response:
    """A token request of the app, authenticated with its secret by HTTP Basic. A field that is None is left out."""
    query = "" if version is None else f"?v={version}"
    data = {name: value for name, value in fields.items() if value is not None}
    return await stage.http.post(token_path(face, account_id) + query, data=data, auth=(app.client_id, app.secret))


async def redeem(
    stage: Stage,
    app: Installed,
    code: str,
    *,
    face: FaceName = "oidc",
    version: str | None = None,
    **fields: str | None,
) -> httpx.Response:
    """Redeem a code as it should be done, with other fields put in."""
    given: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        **fields,
    }
    return await post_token(stage, app, given, face=face, version=version)


async def refresh(
    stage: Stage,
    app: Installed,
    token: str,
    *,
    face: FaceName = "oidc",
    version: str | None = None,
    **fields: str | Sequence[str] | None,
) -> httpx.Response:
    """Use a refresh token."""
    given = {"grant_type": "refresh_token", "refresh_token": token, **fields}
    return await post_token(stage, app, given, face=face, version=version)


async def get_tokens(stage: Stage, app: Installed, **changes: Any) -> dict[str, Any]:
    """What the app gets for a fresh code on the standards' face."""
    answer = await redeem(stage, app, await give_code(stage, app, **changes))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def introspect(stage: Stage, app: Installed, token: str, *, account_id: str = ACCOUNT) -> dict[str, Any]:
    """What the introspection endpoint tells the app about a token."""
    answer = await stage.http.post(
        f"/oidc/{account_id}/introspect", data={"token": token}, auth=(app.client_id, app.secret)
    )
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def userinfo(stage: Stage, token: str, *, account_id: str = ACCOUNT) -> httpx.Response:
    """Ask who the user of a token is."""
    return await stage.http.get(f"/oidc/{account_id}/userinfo", headers={"Authorization": f"Bearer {token}"})


def header_of(token: str) -> dict[str, Any]:
    """The header of a signed token, unverified."""
    header: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".", maxsplit=1)[0] + "=="))
    return header


async def read_signed(stage: Stage, token: str, *, account_id: str = ACCOUNT) -> dict[str, Any]:
    """The claims of a token, verified by another library with the published keys."""
    published = await stage.http.get(f"/oidc/{account_id}/jwks")
    keys = KeySet.import_key_set(published.json())
    return dict(jwt.decode(token, keys, algorithms=["RS256", "ES256"]).claims)


def assert_refused(answer: httpx.Response, error: str, status: int = 400) -> None:
    """The answer is an error of RFC 6749 §5.2, not to be stored."""
    assert (answer.status_code, answer.json().get("error")) == (status, error), answer.text
    assert set(answer.json()) == {"error", "error_description"}
    assert answer.headers["cache-control"] == "no-store"


async def reasons(stage: Stage, app: Installed) -> list[str]:
    """Why requests of the app were refused, as its developer log has it, newest first."""
    await stage.server.refusals.flush_once()
    return [one.reason for one in await stage.server.refusals.list_refusals(ACCOUNT, app.client_id)]


async def count_rows(stage: Stage) -> dict[str, int]:
    """How many grants, codes and tokens there are, and how many of them are spent."""

    async def count(table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
        row = await stage.db.read(lambda tx: tx.fetch_one(sa.select(sa.func.count()).select_from(table).where(*where)))
        assert row is not None
        return int(row[0])

    return {
        "grants": await count(grants),
        "revoked grants": await count(grants, grants.c.revoked_at.is_not(None)),
        "codes": await count(codes),
        "used codes": await count(codes, codes.c.used_at.is_not(None)),
        "tokens": await count(tokens),
        "used tokens": await count(tokens, tokens.c.used_at.is_not(None)),
    }


@asynccontextmanager
async def neighbour(stage: Stage, database_url: str, folder: Path, **settings: int) -> AsyncIterator[Stage]:
    """Another node on the same database, with connections and memories of its own."""
    db = await open_database(database_url, connections=4)
    egress = Egress(("127.0.0.0/8",), dev_loopback=True)
    configured = Settings.model_validate({"data_dir": folder, **settings})
    other = join_stage(db, stage.clock, stage.randomness, stage.vault, egress, configured)
    try:
        yield other
    finally:
        await other.http.aclose()
        await egress.close()
        await db.close()
