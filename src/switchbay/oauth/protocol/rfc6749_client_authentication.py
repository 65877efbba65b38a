"""How a client says who it is: HTTP Basic or parameters, never both (RFC 6749 §2.3.1, RFC 7617)."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_plus

from switchbay.kit.secret import Secret
from switchbay.oauth.protocol.rfc6749_errors import invalid_client, invalid_request

# RFC 6749 appendix A.1 and A.2: printable ASCII. Anything else names no client, and must not reach the database.
_CREDENTIAL = re.compile(r"[\x20-\x7e]{1,512}")


@dataclass(frozen=True, slots=True)
class Presented:
    """The credentials that came with a request, not checked yet."""

    client_id: str
    client_secret: Secret

    @property
    def plausible(self) -> bool:
        """Whether the credentials are such as this server could have given out."""
        return bool(_CREDENTIAL.fullmatch(self.client_id) and _CREDENTIAL.fullmatch(self.client_secret.reveal()))


def read_credentials(authorization: Sequence[str], parameters: Mapping[str, str]) -> Presented:
    """Find the one set of credentials in the ``Authorization`` headers and the parameters.

    Raises ``TokenRequestRefused``: ``invalid_request`` for two sets, ``invalid_client`` for none.
    """
    headers = [value.strip() for value in authorization if value.strip()]
    client_id, secret = parameters.get("client_id"), parameters.get("client_secret")
    if len(headers) > 1 or (headers and secret is not None):
        raise invalid_request("The client authenticates in more than one way.", "two_mechanisms")
    if headers:
        presented = _from_basic(headers[0])
        if client_id is not None and client_id != presented.client_id:
            raise invalid_request("The client_id parameter is not the one that authenticates.", "two_mechanisms")
        return presented
    if client_id is None or secret is None:
        raise invalid_client("credentials_missing", "The request needs a client_id and a client_secret.")
    return Presented(client_id, Secret(secret))


def _from_basic(header: str) -> Presented:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise invalid_client("scheme_unsupported", "The token endpoint accepts HTTP Basic or parameters.")
    try:
        pair = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
        client_id, separator, secret = pair.partition(":")
        client_id, secret = unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, ValueError) as error:
        raise invalid_client("basic_malformed", "The HTTP Basic credentials are malformed.") from error
    if not separator or not client_id or not secret:
        raise invalid_client("credentials_missing", "The request needs a client_id and a client_secret.")
    return Presented(client_id, Secret(secret))
