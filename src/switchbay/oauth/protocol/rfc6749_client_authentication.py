"""How a client says who it is (RFC 6749 §2.3, RFC 7617, RFC 7521 §4.2): one way, never two at once.

The ways have the names of RFC 7591 §2: ``client_secret_basic``, ``client_secret_post`` (which here includes the query,
where that is allowed at all), ``private_key_jwt``, and ``none`` for a public client, which only names itself.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from urllib.parse import unquote_plus

from switchbay.kit.secret import Secret
from switchbay.oauth.protocol.rfc6749_errors import TokenRequestRefused, invalid_client, invalid_request

Method = Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PARAMETERS: Final = frozenset({"client_id", "client_secret", "client_assertion", "client_assertion_type"})
"""The parameters by which a client says who it is."""

LONGEST_HEADER: Final = 4_200
"""More than the longest credentials take when every character is percent-encoded and then base64."""
LONGEST_ASSERTION: Final = 8_192
# RFC 6749 appendix A.1 and A.2: printable ASCII. Anything else names no client, and must not reach the database.
_CREDENTIAL: Final = re.compile(r"[\x20-\x7e]{1,512}")


@dataclass(frozen=True, slots=True)
class Presented:
    """A client id and a secret that came with a request, not checked yet."""

    client_id: str
    client_secret: Secret
    method: Literal["client_secret_basic", "client_secret_post"] = "client_secret_post"

    @property
    def plausible(self) -> bool:
        """Whether the credentials are such as this server could have given out."""
        return bool(_CREDENTIAL.fullmatch(self.client_id) and _CREDENTIAL.fullmatch(self.client_secret.reveal()))


@dataclass(frozen=True, slots=True)
class PresentedAssertion:
    """A signed assertion, and the client id if it came beside it."""

    client_id: str | None
    assertion: Secret


@dataclass(frozen=True, slots=True)
class PresentedName:
    """A client id alone, as public clients send it."""

    client_id: str

    @property
    def plausible(self) -> bool:
        """Whether this server could have given out the id."""
        return bool(_CREDENTIAL.fullmatch(self.client_id))


Credentials: TypeAlias = Presented | PresentedAssertion | PresentedName


def read_credentials(authorization: Sequence[str], parameters: Mapping[str, str]) -> Credentials:
    """Find the one way of authentication in the ``Authorization`` headers and the parameters.

    Raises ``TokenRequestRefused``: ``invalid_request`` for two ways, ``invalid_client`` for none.
    """
    headers = [value.strip() for value in authorization if value.strip()]
    client_id, secret = parameters.get("client_id"), parameters.get("client_secret")
    assertion, assertion_type = parameters.get("client_assertion"), parameters.get("client_assertion_type")
    asserts = assertion is not None or assertion_type is not None
    if len(headers) + (secret is not None) + asserts > 1:
        raise invalid_request("The client authenticates in more than one way.", "two_mechanisms")
    if headers:
        presented = _from_basic(headers[0])
        if client_id is not None and client_id != presented.client_id:
            raise invalid_request("The client_id parameter is not the one that authenticates.", "two_mechanisms")
        return presented
    if asserts:
        return _from_assertion(client_id, assertion, assertion_type)
    if client_id is None:
        raise invalid_client("credentials_missing", "The request carries no client_id.")
    if secret is None:
        return PresentedName(client_id)
    return Presented(client_id, Secret(secret))


def _from_basic(header: str) -> Presented:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise invalid_client("scheme_unsupported", "A client authenticates with HTTP Basic or with parameters.")
    if len(header) > LONGEST_HEADER:
        raise _malformed()
    try:
        pair = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
        client_id, separator, secret = pair.partition(":")
        client_id, secret = unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, ValueError) as error:
        raise _malformed() from error
    if not separator or not client_id or not secret:
        raise invalid_client("credentials_missing", "The HTTP Basic credentials lack the client_id or the secret.")
    return Presented(client_id, Secret(secret), "client_secret_basic")


def _malformed() -> TokenRequestRefused:
    return invalid_client("basic_malformed", "The HTTP Basic credentials are malformed.")


def _from_assertion(client_id: str | None, assertion: str | None, assertion_type: str | None) -> PresentedAssertion:
    if assertion is None or assertion_type is None:
        raise invalid_request("client_assertion and client_assertion_type belong together.", "assertion_incomplete")
    if assertion_type != ASSERTION_TYPE:
        raise invalid_client("assertion_type_unsupported", f"The client_assertion_type must be {ASSERTION_TYPE}.")
    if len(assertion) > LONGEST_ASSERTION:
        raise invalid_client("assertion_malformed")
    return PresentedAssertion(client_id, Secret(assertion))
