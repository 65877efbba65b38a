"""What the authorization server of an account can do (RFC 8414, OpenID Connect Discovery 1.0 §3).

One document serves both standards. Only what is really served is listed; a test drives every value.
"""

from collections.abc import Collection
from typing import Final

from switchbay.kit.jsonvalue import JsonValue
from switchbay.oauth.domain import Algorithm, Policy
from switchbay.oauth.protocol.oidc_id_token import ACR_ONE_FACTOR, ACR_TWO_FACTORS
from switchbay.oauth.protocol.rfc6749_authorization import IDENTITY_SCOPES, OFFLINE
from switchbay.oauth.protocol.rfc7523_client_assertion import ALGORITHMS
from switchbay.oauth.protocol.rfc7636_pkce import METHOD

IMPLICIT: Final = "implicit"
_AUTHENTICATED: Final = ("client_secret_basic", "client_secret_post", "private_key_jwt")
_CLAIMS: Final = (
    "acr",
    "amr",
    "at_hash",
    "aud",
    "auth_time",
    "azp",
    "email",
    "email_verified",
    "exp",
    "iat",
    "is_admin",
    "is_lpa",
    "iss",
    "name",
    "nonce",
    "preferred_username",
    "sid",
    "sub",
)


def make_metadata(
    issuer: str, policy: Policy, grant_types: Collection[str], scopes: Collection[str]
) -> dict[str, JsonValue]:
    """The document of one account. ``grant_types`` are those of the token endpoint, ``scopes`` those of manifests."""
    response_types: list[JsonValue] = ["code"]
    grants: list[JsonValue] = list(grant_types)
    if policy.implicit_enabled:
        response_types += ["token", "id_token", "id_token token"]
        grants.append(IMPLICIT)
    assertions: list[JsonValue] = list(ALGORITHMS)
    authenticated: list[JsonValue] = list(_AUTHENTICATED)
    document: dict[str, JsonValue] = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks",
        "revocation_endpoint": f"{issuer}/revoke",
        "introspection_endpoint": f"{issuer}/introspect",
        "end_session_endpoint": f"{issuer}/logout",
        "scopes_supported": [*sorted(IDENTITY_SCOPES | {OFFLINE} | set(scopes))],
        "response_types_supported": response_types,
        "response_modes_supported": ["query", "fragment", "form_post"],
        "grant_types_supported": grants,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [alg.value for alg in Algorithm],
        "acr_values_supported": [ACR_ONE_FACTOR, ACR_TWO_FACTORS],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claim_types_supported": ["normal"],
        "claims_supported": [*_CLAIMS],
        "token_endpoint_auth_methods_supported": [*authenticated, "none"],
        "token_endpoint_auth_signing_alg_values_supported": assertions,
        "revocation_endpoint_auth_methods_supported": [*authenticated, "none"],
        "revocation_endpoint_auth_signing_alg_values_supported": assertions,
        "introspection_endpoint_auth_methods_supported": authenticated,
        "introspection_endpoint_auth_signing_alg_values_supported": assertions,
        "code_challenge_methods_supported": [METHOD],
        "authorization_response_iss_parameter_supported": True,
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
    }
    if policy.registration != "off":
        document["registration_endpoint"] = f"{issuer}/register"
    return document
