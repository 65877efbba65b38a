"""Reading the parameters of requests to the token endpoint and its neighbours (RFC 6749 §3.1, §3.2 and appendix B).

Every parameter may come once (only ``resource`` may repeat, RFC 8707 §2); one without a value counts as left out;
unknown ones are ignored. Existing connectors send everything in the query, which the standard forbids, so that is
accepted too where the operator allows it, and never on the standards' face.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from switchbay.oauth.protocol.rfc6749_errors import invalid_request

FORM = "application/x-www-form-urlencoded"
RESOURCE: Final = "resource"
_PARAMETERS = frozenset(
    {
        "access_token",
        "client_assertion",
        "client_assertion_type",
        "client_id",
        "client_secret",
        "code",
        "code_verifier",
        "grant_type",
        "redirect_uri",
        "refresh_token",
        "scope",
        "token",
        "token_type_hint",
    }
)
_MOST_FIELDS = 64


@dataclass(frozen=True, slots=True)
class Form:
    """The known parameters of a request, without those that have no value, and the resources it names."""

    values: Mapping[str, str]
    resources: tuple[str, ...] = ()


def read_form(query: bytes, content_type: str | None, body: bytes, *, query_credentials: bool) -> Form:
    """The parameters of the request, from the form in its body, from the query, or from both.

    ``content_type`` may be absent; it matters only when there is a body. Raises ``TokenRequestRefused``.
    """
    in_query, resources_in_query = _fields(query, "query")
    in_query = {name: value for name, value in in_query.items() if name in _PARAMETERS}
    if (in_query or resources_in_query) and not query_credentials:
        raise invalid_request(
            "Parameters must be sent in the body: this server does not accept them in the query.", "query_refused"
        )
    if body and content_type is not None and content_type.partition(";")[0].strip().lower() not in {FORM, ""}:
        raise invalid_request(f"The body must be {FORM}.", "content_type")
    in_body, resources = _fields(body, "body")
    in_body = {name: value for name, value in in_body.items() if name in _PARAMETERS}
    twice = sorted(in_query.keys() & in_body.keys())
    if twice:
        raise invalid_request(f"The parameter {twice[0]} is in the query and in the body.", "parameter_repeated")
    values = {name: value for name, value in (in_query | in_body).items() if value}
    return Form(values, tuple(resource for resource in (*resources_in_query, *resources) if resource))


def read_parameters(
    query: bytes, content_type: str | None, body: bytes, *, query_credentials: bool
) -> Mapping[str, str]:
    """The same, for requests that name no resources."""
    return read_form(query, content_type, body, query_credentials=query_credentials).values


def read_version(query: bytes) -> int:
    """The token version that the query asks for with ``v``: 1 (also when it is absent) or 2."""
    versions = {"": 1, "1": 1, "1.0": 1, "2": 2, "2.0": 2}
    asked = _fields(query, "query")[0].get("v", "")
    if asked not in versions:
        raise invalid_request("The parameter v must be 1.0 or 2.0.", "version")
    return versions[asked]


def _fields(encoded: bytes, where: str) -> tuple[dict[str, str], list[str]]:
    try:
        pairs = parse_qsl(encoded.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise invalid_request(f"The {where} is not a form in UTF-8.", "form_malformed") from error
    fields: dict[str, str] = {}
    resources: list[str] = []
    for name, value in pairs:
        if name == RESOURCE:
            resources.append(value)
            continue
        if name in fields:
            shown = f"The parameter {name}" if name in _PARAMETERS or name == "v" else "A parameter"
            raise invalid_request(f"{shown} is in the {where} more than once.", "parameter_repeated")
        fields[name] = value
    return fields, resources
