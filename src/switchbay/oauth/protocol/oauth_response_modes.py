"""How an authorization answer travels back: in the query, in the fragment, or in a form.

OAuth 2.0 Multiple Response Type Encoding Practices §2.1 and OAuth 2.0 Form Post Response Mode. Values are
percent-encoded, spaces as %20, so that both decoders of forms and plain URI decoders give back the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, urlencode


class ResponseMode(StrEnum):
    """Where the parameters of the answer stand."""

    QUERY = "query"
    FRAGMENT = "fragment"
    FORM_POST = "form_post"


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send the browser to this address, byte for byte."""

    uri: str


@dataclass(frozen=True, slots=True)
class FormPost:
    """Have the browser post these fields to this address."""

    action: str
    fields: Sequence[tuple[str, str]]


def default_mode(response_type: frozenset[str]) -> ResponseMode:
    """Tokens go to the fragment, which no server's log sees; a code, and an answer of no known type, to the query."""
    return ResponseMode.FRAGMENT if response_type & {"token", "id_token"} else ResponseMode.QUERY


def send(mode: ResponseMode, redirect_uri: str, fields: Sequence[tuple[str, str]]) -> Redirect | FormPost:
    """The answer with these fields. The address keeps the query that it was registered with (RFC 6749 §3.1.2)."""
    if mode is ResponseMode.FORM_POST:
        return FormPost(redirect_uri, tuple(fields))
    encoded = urlencode(fields, quote_via=quote, safe="")
    if mode is ResponseMode.FRAGMENT:
        return Redirect(f"{redirect_uri}#{encoded}")
    return Redirect(f"{redirect_uri}{_joint(redirect_uri)}{encoded}")


def _joint(redirect_uri: str) -> str:
    if "?" not in redirect_uri:
        return "?"
    return "" if redirect_uri.endswith(("?", "&")) else "&"
