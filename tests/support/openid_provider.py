"""Another company's OpenID provider for tests: real https, real signatures, strict about its clients.

It misbehaves on demand.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from support.receiver import Answer, Received, Receiver

CLIENT_ID = "switchbay at corp"
CLIENT_SECRET = "s3cret:/?%&+ end"  # what a header has to encode

Key = RSAKey | ECKey | OKPKey


def rsa_key(kid: str = "k1") -> RSAKey:
    """A fresh RSA key."""
    return RSAKey.generate_key(2048, parameters={"kid": kid}, private=True)


_USUAL_KEY = rsa_key()


@dataclass(slots=True)
class Asked:
    """A login that a browser was sent here for."""

    parameters: Mapping[str, str]
    claims: dict[str, Any]
    used: bool = False


@dataclass(slots=True)
class OpenIDProvider:
    """Its routes, as a receiver's answers. ``claims`` are changed in every ID token; None takes one out."""

    now: Callable[[], int]
    """Epoch seconds."""
    receiver: Receiver = field(init=False)
    keys: list[Key] = field(default_factory=lambda: [_USUAL_KEY])
    alg: str = "RS256"
    header: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    """Answers in place of those of a path."""
    token_text: Callable[[str], str] = lambda text: text
    asked: dict[str, Asked] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    """Why the token endpoint refused, for the test to see."""

    @property
    def issuer(self) -> str:
        """Its issuer."""
        return f"https://localhost:{self.receiver.port}"

    def behave(self) -> None:
        """Be as at the beginning."""
        self.keys, self.alg, self.token_text = [_USUAL_KEY], "RS256", lambda text: text
        self.header, self.claims, self.document, self.userinfo, self.answers = {}, {}, {}, {}, {}

    def answer(self, request: Received) -> Answer:
        """Serve one request."""
        path = urlsplit(request.path).path
        if path in self.answers:
            return self.answers[path]
        match path:
            case "/.well-known/openid-configuration":
                return _json(self._document())
            case "/keys":
                return _json({"keys": [key.as_dict(private=False) | {"use": "sig"} for key in self.keys]})
            case "/token":
                return self._token(request)
            case "/userinfo":
                if not request.headers.get("authorization", "").startswith("Bearer at-"):
                    return Answer(401)
                return _json(self.userinfo)
        return Answer(404)

    def _document(self) -> dict[str, Any]:
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?tenant=corp",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "authorization_response_iss_parameter_supported": True,
            **self.document,
        }
        return {name: value for name, value in document.items() if value is not None}

    def authorize(self, url: str, **claims: Any) -> str:
        """What a person does who is sent to ``url`` and logs in: the address that they are sent back to."""
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.issuer}/authorize"
        parameters = dict(parse_qsl(parts.query, strict_parsing=True, keep_blank_values=True))
        assert parameters["tenant"] == "corp"
        assert (parameters["response_type"], parameters["client_id"]) == ("code", CLIENT_ID)
        assert parameters["code_challenge_method"] == "S256"
        code = secrets.token_hex(8)
        self.asked[code] = Asked(parameters, {"sub": "subject-1", "preferred_username": "agent", **claims})
        return self.callback(parameters, code=code, iss=self.issuer)

    def callback(self, parameters: Mapping[str, str], **answer: str) -> str:
        """The address of an answer."""
        return f"{parameters['redirect_uri']}?{urlencode({'state': parameters['state'], **answer})}"

    def _token(self, request: Received) -> Answer:
        problem, asked = self._check(request)
        if asked is None:
            self.refusals.append(problem)
            return _json({"error": "invalid_grant"}, 400)
        asked.used = True
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": self.now(),
            "exp": self.now() + 300,
            "nonce": asked.parameters["nonce"],
            **asked.claims,
            **self.claims,
        }
        text = self.sign({name: value for name, value in claims.items() if value is not None})
        answer = {
            "id_token": self.token_text(text),
            "access_token": "at-" + secrets.token_hex(8),
            "token_type": "Bearer",
        }
        return _json(answer)

    def _check(self, request: Received) -> tuple[str, Asked | None]:
        form = {name: values[0] for name, values in parse_qs(request.body.decode(), strict_parsing=True).items()}
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        if scheme == "Basic":
            name, _, secret = base64.b64decode(encoded).decode().partition(":")
            given = (unquote_plus(name), unquote_plus(secret))
        else:
            given = (form.get("client_id", ""), form.get("client_secret", ""))
        asked = self.asked.get(form["code"])
        if given != (CLIENT_ID, CLIENT_SECRET):
            return "client", None
        if asked is None or asked.used or form["grant_type"] != "authorization_code":
            return "code", None
        if form["redirect_uri"] != asked.parameters["redirect_uri"]:
            return "redirect_uri", None
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked.parameters["code_challenge"]:
            return "code_verifier", None
        return "", asked

    def sign(self, claims: Mapping[str, Any], key: Key | None = None) -> str:
        """Sign claims as the provider does at present."""
        key = key or self.keys[0]
        header = {"alg": self.alg, "kid": key.kid, "typ": "JWT", **self.header}
        header = {name: value for name, value in header.items() if value is not None}
        return sign_text(header, claims, key, self.alg)

    def calls(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(urlsplit(request.path).path == path for request in self.receiver.requests)


def sign_text(header: Mapping[str, Any], claims: Mapping[str, Any], key: Key | bytes, alg: str) -> str:
    """A compact signature with a header of any kind."""
    head, body = (_segment(json.dumps(part).encode()) for part in (header, claims))
    if alg == "none":
        return f"{head}.{body}."
    if isinstance(key, bytes):
        return f"{head}.{body}.{_segment(hmac.digest(key, f'{head}.{body}'.encode(), 'sha256'))}"
    model = jws.JWSRegistry.algorithms["Ed25519" if alg == "EdDSA" else alg]
    return f"{head}.{body}.{_segment(model.sign(f'{head}.{body}'.encode(), key))}"


def _segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _json(value: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode(), [("Content-Type", "application/json")])
