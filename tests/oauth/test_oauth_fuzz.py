"""Whatever comes in: never a failure of the server, never a redirect to where nobody registered."""

import random
from collections.abc import Mapping, MutableMapping
from typing import Any
from urllib.parse import quote_from_bytes

import pytest

from support.oauth_stage import ACCOUNT, CALLBACK, ORIGIN, Stage

_OIDC = f"/oidc/{ACCOUNT}"
_SENTINEL = f"/sentinel/api/account/{ACCOUNT}"
_FORMS: dict[str, tuple[str, ...]] = {
    f"{_OIDC}/token": (
        *("grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "resource"),
        *("client_id", "client_secret", "client_assertion", "client_assertion_type"),
    ),
    f"{_SENTINEL}/token": (
        *("grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "client_id"),
        *("client_secret", "v"),
    ),
    f"{_SENTINEL}/app/token": ("grant_type", "client_id", "client_secret", "scope", "v"),
    f"{_OIDC}/authorize": (
        *("response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "response_mode", "prompt"),
        *("max_age", "ui_locales", "acr_values", "login_hint", "id_token_hint", "code_challenge"),
        *("code_challenge_method", "resource", "request", "request_uri", "claims"),
    ),
    f"{_OIDC}/revoke": ("token", "token_type_hint", "client_id", "client_secret"),
    f"{_OIDC}/introspect": ("token", "token_type_hint", "client_id", "client_secret"),
    f"{_OIDC}/userinfo": ("access_token",),
    f"{_OIDC}/logout": ("id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"),
    f"{_OIDC}/interaction/login": ("t", "name", "username", "password", "csrf"),
    f"{_OIDC}/interaction/code": ("t", "ticket", "code"),
    f"{_OIDC}/interaction/choose": ("t", "user", "session"),
    f"{_OIDC}/interaction/consent": ("t", "answer", "decision", "account"),
    f"{_OIDC}/interaction/resume": ("t",),
}
_TELLING: tuple[bytes, ...] = (
    *(b"", b"\x00", b"\xff\xfe", b"%", b"%2", b"%ZZ", b"\r\nSet-Cookie: a=b", b"a" * 9_000, b"<script>", b"'\"--"),
    *(b"authorization_code", b"refresh_token", b"client_credentials", b"code", b"id_token token", b"none", b"login"),
    *(b"openid msg.consumer", b"urn:ietf:params:oauth:client-assertion-type:jwt-bearer", b"eyJhbGciOiJub25lIn0.e30."),
    *(b"-1", b"99999999999999999999999", b"NaN", "é\u202e".encode(), b"\xed\xa0\x80", b"https://evil.example/", b"//x"),
)
_BODIES: tuple[bytes, ...] = (b"{", b"[]", b"null", b'{"redirect_uris": 1}', b'{"a":' * 500, b"\xff", b"", b'"\\ud800"')


def _encode(dice: random.Random, names: tuple[str, ...], app: dict[str, bytes]) -> bytes:
    """A form of random parts: known values, telling ones, noise; sometimes raw, sometimes twice."""
    parts: list[bytes] = []
    for name in dice.sample(names, dice.randint(0, len(names))) + dice.choices(names, k=dice.randint(0, 1)):
        match dice.randint(0, 3):
            case 0 if name in app:
                value = app[name]
            case 1:
                value = dice.randbytes(dice.randint(0, 40))
            case _:
                value = dice.choice(_TELLING)
        raw = dice.random() < 0.1
        text = value.replace(b"&", b"") if raw else quote_from_bytes(value).encode()
        parts.append(name.encode() + b"=" + text)
    return b"&".join(parts)


def _headers(dice: random.Random) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    if dice.random() < 0.3:
        headers[b"authorization"] = dice.choice(
            (
                b"Basic",
                b"Basic ====",
                b"Basic Og==",
                b"Bearer",
                b"Bearer " + b"x" * 9_000,
                b"Basic \xff\xfe",
                b"Digest a",
            )
        )
    if dice.random() < 0.2:
        headers[b"cookie"] = dice.choice(
            (
                f"__Host-switchbay_{ACCOUNT}=..".encode(),
                f"__Host-switchbay_{ACCOUNT}={'a' * 64}".encode(),
                b"__Host-switchbay-browser=x",
                b";=",
            )
        )
    return headers


async def _ask(
    stage: Stage, method: str, path: str, query: bytes, body: bytes, headers: dict[bytes, bytes]
) -> tuple[int, dict[str, str]]:
    """One request without a client in between, which would refuse to send most of this; status and headers."""
    scope: dict[str, Any] = {
        "type": "http",
        "http_version": "1.1",
        "asgi": {"version": "3.0"},
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"localhost:8443"), *headers.items()],
        "client": ("198.51.100.7", 40_000),
        "server": ("localhost", 8443),
    }
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await stage.app(scope, receive, send)
    head = sent[0]
    return head["status"], {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in head["headers"]}


def _judge(status: int, headers: Mapping[str, str], told: str) -> None:
    assert status < 500, f"{told}: {status}"
    location = headers.get("location")
    if location is not None:
        ours = (location.startswith("/") and not location.startswith("//")) or location.startswith(ORIGIN + "/")
        assert ours or location.startswith(CALLBACK), f"{told}: {location}"
    assert "\n" not in "".join(headers.values()), told
    assert not headers.get("set-cookie", "").startswith("a=b"), told


@pytest.mark.parametrize("path", _FORMS)
async def test_no_parameter_makes_the_server_fail(stage: Stage, path: str) -> None:
    app = await stage.install(response_types=["code", "token", "id_token", "id_token token"])
    known = {
        "client_id": app.client_id.encode(),
        "client_secret": app.secret.encode(),
        "redirect_uri": CALLBACK.encode(),
        "response_type": b"code",
        "response_mode": b"form_post",
        "grant_type": b"authorization_code",
    }
    dice = random.Random(path)  # noqa: S311 - reproducible, not secret
    for _ in range(150):
        form = _encode(dice, _FORMS[path], known)
        headers = _headers(dice)
        if dice.random() < 0.4:
            status, answered = await _ask(stage, "GET", path, form, b"", headers)
        else:
            headers[b"content-type"] = dice.choice(
                (
                    b"application/x-www-form-urlencoded",
                    b"application/x-www-form-urlencoded; charset=latin-1",
                    b"text/plain",
                )
            )
            status, answered = await _ask(stage, "POST", path, b"", form, headers)
        _judge(status, answered, f"{path} {form!r} {headers}")


@pytest.mark.parametrize("path", [f"{_OIDC}/register", f"{_OIDC}/register/x"])
async def test_no_registration_makes_the_server_fail(stage: Stage, path: str) -> None:
    for method in ("POST", "PUT", "GET", "DELETE"):
        for body in _BODIES:
            answer = await stage.http.request(
                method, path, content=body, headers={"Authorization": f"Bearer {stage.bearers['admin']}"}
            )
            _judge(answer.status_code, answer.headers, f"{method} {path} {body[:60]!r}")


@pytest.mark.parametrize(
    "path",
    [
        "/oidc/{}/authorize",
        "/oidc/{}/.well-known/openid-configuration",
        "/oidc/{}/jwks",
        "/oidc/{}/logout",
        "/.well-known/oauth-authorization-server/oidc/{}",
        "/launch/{}",
        "/sentinel/api/account/{}/authorize",
    ],
)
async def test_no_account_makes_the_server_fail(stage: Stage, path: str) -> None:
    for account in ("nobody", "%00", "a" * 300, "..%2f..", "%ff", "é", "'", "4711001%20"):
        answer = await stage.http.get(path.format(account))
        _judge(answer.status_code, answer.headers, account)
        assert answer.status_code in {400, 401, 404}, f"{account}: {answer.status_code}"
