"""ID tokens: what they say on both faces, with which algorithm, and the hashes in them."""

import base64
import hashlib

import pytest

from support.accounts_house import PASSWORD
from support.oauth_stage import ACCOUNT, ISSUER, Stage
from support.oauth_tokens import SESSION, get_tokens, give_code, header_of, read_signed, redeem
from switchbay.accounts.public import OPERATOR, Role
from switchbay.oauth.domain import Algorithm, Face
from switchbay.oauth.protocol.oidc_id_token import acr_of, left_half_hash
from switchbay.oauth.service.policies import PolicyChange


async def test_the_standards_face_says_who_when_and_how(stage: Stage) -> None:
    app = await stage.install()
    body = await get_tokens(stage, app, nonce="n-0S6_WzA2Mj", amr=("pwd",))
    assert {name: value for name, value in header_of(body["id_token"]).items() if name != "kid"} == {
        "typ": "JWT",
        "alg": "RS256",
    }
    user = await stage.accounts.find_user_by_login(ACCOUNT, "agent")
    assert user is not None
    now = stage.clock.now_ms() // 1000
    left = hashlib.sha256(body["access_token"].encode()).digest()[:16]
    assert await read_signed(stage, body["id_token"]) == {
        "iss": ISSUER,
        "sub": user.user_id,
        "aud": app.client_id,
        "azp": app.client_id,
        "iat": now,
        "exp": now + 600,
        "auth_time": now - 60,
        "nonce": "n-0S6_WzA2Mj",
        "at_hash": base64.urlsafe_b64encode(left).rstrip(b"=").decode(),
        "sid": SESSION,
        "acr": "1",
        "amr": ["pwd"],
        "is_admin": False,
        "is_lpa": False,
    }


async def test_the_old_face_has_the_literal_issuer_and_the_same_claims(stage: Stage) -> None:
    app = await stage.install()
    code = await give_code(stage, app, face=Face.SENTINEL, login_name="admin", scope="msg.consumer")
    claims = await read_signed(stage, (await redeem(stage, app, code, face="sentinel")).json()["id_token"])
    assert (claims["iss"], claims["aud"]) == ("Sentinel", app.client_id)
    assert (claims["is_admin"], claims["is_lpa"]) == (True, False)
    assert claims["exp"] - claims["iat"] == 600


@pytest.mark.parametrize("path", ["/sentinel/well-known/jwks", f"/sentinel/api/account/{ACCOUNT}/jwks"])
async def test_existing_clients_find_the_key_where_they_look(stage: Stage, path: str) -> None:
    app = await stage.install()
    code = await give_code(stage, app, face=Face.SENTINEL)
    tokens = (await redeem(stage, app, code, face="sentinel", version="2.0")).json()
    published = {key["kid"] for key in (await stage.http.get(path)).json()["keys"]}
    assert {header_of(tokens[name])["kid"] for name in ("id_token", "access_token")} <= published


async def test_without_a_session_or_a_nonce_the_claims_are_left_out(stage: Stage) -> None:
    app = await stage.install()
    claims = await read_signed(stage, (await get_tokens(stage, app, session_id=None))["id_token"])
    assert {"sid", "nonce", "c_hash"} & set(claims) == set()


async def test_profile_and_email_are_told_where_the_scope_has_them(stage: Stage) -> None:
    app = await stage.install()
    await stage.accounts.create_user(
        ACCOUNT, "maria@example.com", PASSWORD, [Role.AGENT], OPERATOR, display_name="María"
    )
    claims = await read_signed(
        stage, (await get_tokens(stage, app, login_name="maria@example.com", scope="openid profile email"))["id_token"]
    )
    assert (claims["name"], claims["preferred_username"]) == ("María", "maria@example.com")
    assert (claims["email"], claims["email_verified"]) == ("maria@example.com", False)
    plain = await read_signed(stage, (await get_tokens(stage, app, scope="openid profile email"))["id_token"])
    assert plain["preferred_username"] == "agent"
    assert {"email", "email_verified"} & set(plain) == set()


@pytest.mark.parametrize(
    ("registered", "policy", "face", "expected"),
    [
        (None, Algorithm.RS256, Face.OIDC, "RS256"),
        (None, Algorithm.ES256, Face.OIDC, "ES256"),
        (None, Algorithm.ES256, Face.SENTINEL, "RS256"),
        ("ES256", Algorithm.RS256, Face.OIDC, "ES256"),
        ("ES256", Algorithm.RS256, Face.SENTINEL, "ES256"),
        ("RS256", Algorithm.ES256, Face.OIDC, "RS256"),
    ],
)
async def test_the_app_chooses_the_algorithm_before_the_account_does(
    stage: Stage, registered: str | None, policy: Algorithm, face: Face, expected: str
) -> None:
    app = await stage.install(id_token_signed_response_alg=registered)
    await stage.server.policies.change(ACCOUNT, PolicyChange(token_algorithm=policy), OPERATOR)
    code = await give_code(stage, app, face=face)
    body = (await redeem(stage, app, code, face="oidc" if face is Face.OIDC else "sentinel")).json()
    assert header_of(body["id_token"])["alg"] == expected
    await read_signed(stage, body["id_token"])


def test_the_hash_is_the_standards_own_example() -> None:
    # OpenID Connect Core 1.0, appendix A.4: the code and its c_hash.
    assert left_half_hash("Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk") == "LDktKdoQak3Pk0cnXxCltA"


@pytest.mark.parametrize(
    ("amr", "acr"), [((), "1"), (("pwd",), "1"), (("pwd", "otp"), "2"), (("mfa",), "2"), (("fed",), "1")]
)
def test_a_second_factor_makes_a_stronger_class(amr: tuple[str, ...], acr: str) -> None:
    assert acr_of(amr) == acr
