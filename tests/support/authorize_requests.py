"""Requests to the authorization endpoint as a browser sends them, and what the answers say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import sqlalchemy as sa

from support.accounts_house import HOME, PASSWORD
from support.browser import read_page
from support.oauth_stage import ACCOUNT, CALLBACK, Installed, Stage
from switchbay.oauth.browser import sessions_cookie
from switchbay.oauth.tables import codes, consents, grants, tokens

FaceName = Literal["oidc", "sentinel"]
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
Parameters = Mapping[str, str | Sequence[str] | None]


def path_of(face: FaceName, account_id: str = ACCOUNT) -> str:
    """Where the endpoint of a face is."""
    if face == "oidc":
        return f"/oidc/{account_id}/authorize"
    return f"/sentinel/api/account/{account_id}/authorize"


def parameters_of(app: Installed, changes: Parameters) -> list[tuple[str, str]]:
    """A good request for a code, with other parameters put in; None takes one out, a list repeats one."""
    given: dict[str, str | Sequence[str] | None] = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": CALLBACK,
        "scope": "openid",
        "state": "xyz",
        **changes,
    }
    pairs: list[tuple[str, str]] = []
    for name, value in given.items():
        if value is not None:
            pairs += [(name, one) for one in ([value] if isinstance(value, str) else value)]
    return pairs


async def ask(
    stage: Stage,
    app: Installed,
    *,
    face: FaceName = "oidc",
    account_id: str = ACCOUNT,
    bearers: Sequence[str] = (),
    method: Literal["GET", "POST"] = "GET",
    changes: Parameters | None = None,
    **more: str | Sequence[str] | None,
) -> httpx.Response:
    """Send a request from a browser with these sessions; redirects are not followed."""
    form = urlencode(parameters_of(app, {**(changes or {}), **more}))
    return await ask_raw(stage, form, face=face, account_id=account_id, bearers=bearers, method=method)


async def ask_raw(
    stage: Stage,
    form: str,
    *,
    face: FaceName = "oidc",
    account_id: str = ACCOUNT,
    bearers: Sequence[str] = (),
    method: Literal["GET", "POST"] = "GET",
) -> httpx.Response:
    """Send a request with an encoded form as it is."""
    headers = {"Cookie": f"{sessions_cookie(account_id)}={'.'.join(bearers)}"} if bearers else {}
    path = path_of(face, account_id)
    if method == "GET":
        return await stage.http.get(f"{path}?{form}", headers=headers)
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    return await stage.http.post(path, content=form, headers=headers)


async def log_in(stage: Stage, login_name: str = "agent", account_id: str = ACCOUNT) -> str:
    """Open a session and return its bearer."""
    return (await stage.accounts.login(account_id, login_name, PASSWORD, HOME)).bearer.reveal()


async def allow(stage: Stage, app: Installed, scope: str | None = None) -> None:
    """Have an administrator allow the app for everybody."""
    answer = await stage.manage("POST", "/consents", {"app": app.client_id, "scope": scope})
    assert answer.status_code == 200, answer.text


@dataclass(frozen=True, slots=True)
class Landed:
    """Where an answer went and what it carried there."""

    address: str
    fields: Mapping[str, str]


def landed(response: httpx.Response) -> Landed:
    """The answer that a client gets, in whichever mode."""
    if response.status_code == 200:
        form = read_page(str(response.url), response).form
        return Landed(form.action, dict(form.values()))
    assert response.status_code in {302, 303}, response.text
    location = response.headers["location"]
    parts = urlsplit(location)
    encoded = parts.fragment or parts.query
    pairs = parse_qsl(encoded, keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs), "an answer has each parameter once"
    return Landed(location.removesuffix(encoded).rstrip("?#&"), dict(pairs))


async def count_rows(stage: Stage) -> dict[str, int]:
    """How many grants, codes, tokens and consents there are."""

    async def count(table: sa.Table) -> int:
        row = await stage.db.read(lambda tx: tx.fetch_one(sa.select(sa.func.count()).select_from(table)))
        assert row is not None
        return int(row[0])

    return {table.name: await count(table) for table in (grants, codes, tokens, consents)}


NOTHING = {"oauth_grants": 0, "oauth_codes": 0, "oauth_tokens": 0, "oauth_consents": 0}
