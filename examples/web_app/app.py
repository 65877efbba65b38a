"""A sample web application: people sign in with their Switchbay account, and start it from the quick-launch menu.

It uses Authlib's client for Starlette and can be copied into any project. What matters:

1. ``/appentry`` is the app's ``entry_uri``. The menu opens it with ``iss``, ``account_id``, ``login_hint`` and
   ``target_link_uri`` (OpenID Connect Core §4). Anybody can link to it, so believe none of them: the issuer must be the
   configured one, and the target must be this app's own page. All it may do is begin a sign-in.
2. A sign-in carries ``state`` (this browser began it), ``nonce`` (this ID token is for it) and a PKCE challenge (only
   who began it can redeem the code). At ``/callback`` all three are checked, and ``iss`` (RFC 9207).
3. Tokens stay in the server's memory. The browser gets a random session number that is new at each sign-in.
4. The access token is asked for the user with every page, and renewed with the refresh token once it is refused. When
   that is refused too (signed out, app disabled or uninstalled), the session here ends as well.
5. Signing out ends the session here, then at Switchbay (RP-initiated logout); signing out elsewhere reaches
   ``/backchannel-logout``.

    CLIENT_ID=… CLIENT_SECRET=… python app.py --issuer https://localhost:8443/oidc/tour --certificate server.pem
"""

import argparse
import contextlib
import json
import os
import secrets
import socket
import ssl
import sys
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import uvicorn
from authlib.integrations.starlette_client import OAuth, OAuthError
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

SCOPE = "openid profile msg.consumer"
MOST_SESSIONS = 10_000
LARGEST_FORM = 64 * 1024
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }
th { text-align: start; padding-right: 1.5rem; font-weight: 600 }
form { display: inline-block; margin: 1.5rem .5rem 0 0 }
button { font: inherit; padding: .4rem 1rem }
"""
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(slots=True)
class SignedIn:
    """What the app keeps of somebody who is signed in."""

    claims: Mapping[str, Any]
    access_token: str
    refresh_token: str | None
    id_token: str
    scope: str
    renewed: int = 0


class Sessions:
    """Who is signed in, by session number: bounded, in memory, gone with the process."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, SignedIn] = OrderedDict()

    def begin(self, request: Request, signed_in: SignedIn) -> None:
        """Begin a session under a number that nobody has seen."""
        self.end(request)
        number = secrets.token_urlsafe(32)
        request.session["number"] = number
        self._open[number] = signed_in
        if len(self._open) > MOST_SESSIONS:
            self._open.popitem(last=False)

    def find(self, request: Request) -> SignedIn | None:
        """Who uses this browser."""
        return self._open.get(request.session.get("number", ""))

    def end(self, request: Request) -> SignedIn | None:
        """End this browser's session."""
        return self._open.pop(request.session.pop("number", ""), None)

    def end_all(self, sid: object, sub: object) -> None:
        """End what belongs to a login session, or without one to a user."""
        name, value = ("sub", sub) if sid is None else ("sid", sid)
        for number in [number for number, each in self._open.items() if each.claims.get(name) == value]:
            del self._open[number]


class WebApp:
    """The pages of the app."""

    def __init__(self, issuer: str, origin: str, client_id: str, client_secret: str, trust: ssl.SSLContext) -> None:
        self._issuer = issuer
        self._origin = origin
        self._client_id = client_id
        self._sessions = Sessions()
        self._used_logout_tokens: OrderedDict[str, None] = OrderedDict()
        self._switchbay: Any = OAuth().register(
            "switchbay",
            server_metadata_url=f"{issuer}/.well-known/openid-configuration",
            client_id=client_id,
            client_secret=client_secret,
            client_kwargs={"scope": SCOPE, "code_challenge_method": "S256", "verify": trust, "timeout": 10},
        )
        self.app = Starlette(
            routes=[
                Route("/", self.home),
                Route("/appentry", self.entry),
                Route("/callback", self.callback),
                Route("/refresh", self.refresh, methods=["POST"]),
                Route("/logout", self.logout, methods=["POST"]),
                Route("/signed-out", self.signed_out),
                Route("/backchannel-logout", self.backchannel_logout, methods=["POST"]),
            ],
            middleware=[
                # Lax: sent when Switchbay leads back here, but not with a form on somebody else's page.
                Middleware(
                    SessionMiddleware,
                    secret_key=secrets.token_hex(32),
                    session_cookie="__Host-web-app",
                    max_age=None,
                    same_site="lax",
                    https_only=True,
                )
            ],
            exception_handlers={OAuthError: _refused, httpx.HTTPError: _unreachable},
        )

    async def home(self, request: Request) -> Response:
        """Show who is signed in, as Switchbay sees them now."""
        signed_in = self._sessions.find(request)
        if signed_in is None:
            return page("Web application example", '<p>Nobody is signed in.</p><p><a href="/appentry">Sign in</a></p>')
        user = await self._ask_for_user(signed_in)
        if user is None:
            self._sessions.end(request)
            return page("Your session has ended", '<p><a href="/appentry">Sign in again</a></p>')
        rows = {
            "Name": user.get("name", ""),
            "Login name": user.get("preferred_username", ""),
            "User id": signed_in.claims["sub"],
            "Administrator": "yes" if signed_in.claims.get("is_admin") else "no",
            "Granted scope": signed_in.scope,
            "Signed in at": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(signed_in.claims.get("auth_time", 0))),
            "Tokens renewed": signed_in.renewed,
        }
        table = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>" for name, value in rows.items()
        )
        return page(
            f"Signed in as {user.get('name') or user['sub']}",
            f"<table>{table}</table>"
            '<form method="post" action="/refresh"><button>Renew the tokens</button></form>'
            '<form method="post" action="/logout"><button>Sign out</button></form>',
        )

    async def entry(self, request: Request) -> Response:
        """Begin a sign-in: from the menu, or from our own link, which sends no parameters."""
        asked = request.query_params
        if asked.get("iss", self._issuer) != self._issuer:
            return page("Not for this application", "<p>This link belongs to another account.</p>", 400)
        await self._check_issuer()
        request.session["target"] = own_path(self._origin, asked.get("target_link_uri", ""))
        hints = {"login_hint": asked["login_hint"]} if asked.get("login_hint") else {}
        response: Response = await self._switchbay.authorize_redirect(request, f"{self._origin}/callback", **hints)
        return response

    async def callback(self, request: Request) -> Response:
        """Redeem the code. Authlib compares the state, sends the PKCE verifier, and checks the ID token."""
        if request.query_params.get("iss") != self._issuer:
            return page("Sign-in failed", "<p>The answer came from another server than was asked.</p>", 400)
        token = await self._switchbay.authorize_access_token(request)
        signed_in = SignedIn(
            claims=token["userinfo"],
            access_token=token["access_token"],
            refresh_token=token.get("refresh_token"),
            id_token=token["id_token"],
            scope=token.get("scope", SCOPE),
        )
        target = request.session.pop("target", "/")
        self._sessions.begin(request, signed_in)
        return RedirectResponse(target, 303)

    async def refresh(self, request: Request) -> Response:
        """Renew the tokens, as is done anyway once the access token is refused."""
        signed_in = self._sessions.find(request)
        if signed_in is not None and not await self._renew(signed_in):
            self._sessions.end(request)
        return RedirectResponse("/", 303)

    async def logout(self, request: Request) -> Response:
        """End the session here, then at Switchbay, which leads back to ``/signed-out``."""
        signed_in = self._sessions.end(request)
        if signed_in is None:
            return RedirectResponse("/signed-out", 303)
        response: Response = await self._switchbay.logout_redirect(
            request,
            post_logout_redirect_uri=f"{self._origin}/signed-out",
            id_token_hint=signed_in.id_token,
            client_id=self._client_id,
        )
        response.status_code = 303  # a POST must become a GET
        return response

    async def signed_out(self, _request: Request) -> Response:
        """Where people end up after signing out."""
        return page("Signed out", '<p><a href="/appentry">Sign in again</a></p>')

    async def backchannel_logout(self, request: Request) -> Response:
        """Switchbay tells that a login session ended elsewhere (OpenID Connect Back-Channel Logout §2.6)."""
        form = parse_qs((await _read(request, LARGEST_FORM)).decode("ascii", "replace"))
        tokens = form.get("logout_token", [])
        claims = await self._check_logout_token(tokens[0]) if len(tokens) == 1 else None
        if claims is None:
            return Response(status_code=400, headers=SECURITY_HEADERS)
        self._sessions.end_all(claims.get("sid"), claims.get("sub"))
        return Response(status_code=200, headers=SECURITY_HEADERS)

    async def _check_issuer(self) -> Any:  # noqa: ANN401 - metadata are JSON
        """The server's metadata, which must be about the issuer that was asked for (OpenID Connect Discovery §4.3)."""
        metadata = await self._switchbay.load_server_metadata()
        if metadata["issuer"] != self._issuer:
            raise OAuthError("invalid_issuer", "The server's metadata are about another issuer.")
        return metadata

    async def _ask_for_user(self, signed_in: SignedIn) -> Mapping[str, Any] | None:
        """What Switchbay says about the user now; None when neither token is good any more."""
        answer = await self._userinfo(signed_in)
        if answer.status_code == httpx.codes.UNAUTHORIZED and await self._renew(signed_in):
            answer = await self._userinfo(signed_in)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            return None
        answer.raise_for_status()
        user: Mapping[str, Any] = answer.json()
        return user if user.get("sub") == signed_in.claims["sub"] else None

    async def _userinfo(self, signed_in: SignedIn) -> httpx.Response:
        metadata = await self._check_issuer()
        token = {"access_token": signed_in.access_token, "token_type": "Bearer"}
        answer: httpx.Response = await self._switchbay.get(metadata["userinfo_endpoint"], token=token)
        return answer

    async def _renew(self, signed_in: SignedIn) -> bool:
        """Get new tokens for the refresh token; each refresh token is good for one renewal."""
        if signed_in.refresh_token is None:
            return False
        try:
            token = await self._switchbay.fetch_access_token(
                grant_type="refresh_token", refresh_token=signed_in.refresh_token
            )
        except OAuthError:
            return False
        signed_in.access_token = token["access_token"]
        signed_in.refresh_token = token.get("refresh_token", signed_in.refresh_token)
        signed_in.scope = token.get("scope", signed_in.scope)
        signed_in.renewed += 1
        return True

    async def _check_logout_token(self, text: str) -> Mapping[str, Any] | None:
        metadata = await self._check_issuer()
        algorithms = [each for each in metadata["id_token_signing_alg_values_supported"] if each != "none"]
        try:
            keys = KeySet.import_key_set(await self._switchbay.fetch_jwk_set(force=True))
            token = jwt.decode(text, keys, algorithms=algorithms)
            jwt.JWTClaimsRegistry(
                leeway=60,
                iss={"essential": True, "value": self._issuer},
                aud={"essential": True, "value": self._client_id},
                iat={"essential": True},
                exp={"essential": True},
                jti={"essential": True},
            ).validate(token.claims)
        except (JoseError, ValueError):
            return None
        claims: Mapping[str, Any] = token.claims
        known = isinstance(claims.get("events"), dict) and LOGOUT_EVENT in claims["events"]
        if token.header.get("typ") != "logout+jwt" or not known or "nonce" in claims:
            return None
        if claims["jti"] in self._used_logout_tokens or not ("sid" in claims or "sub" in claims):
            return None
        self._used_logout_tokens[claims["jti"]] = None
        if len(self._used_logout_tokens) > MOST_SESSIONS:
            self._used_logout_tokens.popitem(last=False)
        return claims


def own_path(origin: str, uri: str) -> str:
    """The page to show after the sign-in: one of this app, whatever a link asks for."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return "/"
    if f"{parts.scheme}://{parts.netloc}" != origin or parts.path in ("", "/appentry"):
        return "/"
    # One slash only: an address that begins with two leads to another host.
    return parts._replace(scheme="", netloc="", path="/" + parts.path.lstrip("/\\")).geturl()


def page(title: str, body: str, status: int = 200) -> HTMLResponse:
    """A page; ``body`` is markup, ``title`` is text."""
    return HTMLResponse(
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}</style><h1>{escape(title)}</h1>{body}</html>",
        status,
        SECURITY_HEADERS,
    )


async def _refused(_request: Request, error: Exception) -> Response:
    """Denied, or an answer that belongs to no sign-in of this browser."""
    words = str(getattr(error, "description", "") or getattr(error, "error", "") or "The sign-in was refused.")
    return page("Sign-in failed", f'<p>{escape(words)}</p><p><a href="/appentry">Try again</a></p>', 400)


async def _unreachable(_request: Request, _error: Exception) -> Response:
    return page("Switchbay cannot be reached", "<p>Try again in a moment.</p>", 502)


async def _read(request: Request, limit: int) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > limit:
            return b""
    return body


def main() -> None:
    """Read the options and serve until interrupted."""
    parser = argparse.ArgumentParser(description="A web application that people sign in to with Switchbay.")
    parser.add_argument("--issuer", required=True, help="https://HOST/oidc/ACCOUNT")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9444, help="0 takes a free one")
    parser.add_argument("--certificate", required=True, help="PEM file with the certificate chain and the private key")
    parser.add_argument("--authority", help="PEM file of the authority that signed Switchbay's certificate")
    options = parser.parse_args()
    listening = socket.create_server((options.host, options.port))
    origin = f"https://localhost:{listening.getsockname()[1]}"
    # Told before the credentials are needed: the address goes into the manifest, and installing that gives them.
    print(json.dumps({"address": origin}), flush=True)
    client_id, client_secret = os.environ.get("CLIENT_ID"), os.environ.get("CLIENT_SECRET")
    if not (client_id and client_secret):
        client_id, _, client_secret = sys.stdin.readline().strip().partition(" ")
    if not client_secret:
        parser.error("give CLIENT_ID and CLIENT_SECRET in the environment, or 'ID SECRET' on standard input")
    trust = ssl.create_default_context()
    if options.authority:
        trust.load_verify_locations(options.authority)
    web_app = WebApp(options.issuer, origin, client_id, client_secret, trust)
    config = uvicorn.Config(web_app.app, ssl_certfile=options.certificate, log_level="warning", lifespan="off")
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
