"""Reading the parameters of a token request (RFC 6749 §3.1, §3.2 and appendix B).

Every parameter may come once; one without a value counts as left out; unknown ones are ignored. Existing connectors
send everything in the query, which the standard forbids, so that is accepted too where the operator allows it.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from switchbay.oauth.protocol.rfc6749_errors import invalid_request

FORM = "application/x-www-form-urlencoded"
_PARAMETERS = frozenset({"grant_type", "client_id", "client_secret", "scope"})
_MOST_FIELDS = 64


def read_parameters(
    query: bytes, content_type: str | None, body: bytes, *, query_credentials: bool
) -> Mapping[str, str]:
    """The parameters of the request, from the form in its body, from the query, or from both.

    ``content_type`` may be absent; it matters only when there is a body. Raises ``TokenRequestRefused``.
    """
    in_query = {name: value for name, value in _fields(query, "query").items() if name in _PARAMETERS}
    if in_query and not query_credentials:
        raise invalid_request(
            "Parameters must be sent in the body: this server does not accept them in the query.", "query_refused"
        )
    if body and content_type is not None and content_type.partition(";")[0].strip().lower() not in {FORM, ""}:
        raise invalid_request(f"The body must be {FORM}.", "content_type")
    in_body = {name: value for name, value in _fields(body, "body").items() if name in _PARAMETERS}
    twice = sorted(in_query.keys() & in_body.keys())
    if twice:
        raise invalid_request(f"The parameter {twice[0]} is in the query and in the body.", "parameter_repeated")
    return {name: value for name, value in (in_query | in_body).items() if value}


def read_version(query: bytes) -> int:
    """The token version that the query asks for with ``v``: 1 (also when it is absent) or 2."""
    versions = {"": 1, "1": 1, "1.0": 1, "2": 2, "2.0": 2}
    asked = _fields(query, "query").get("v", "")
    if asked not in versions:
        raise invalid_request("The parameter v must be 1.0 or 2.0.", "version")
    return versions[asked]


def _fields(encoded: bytes, where: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(encoded.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise invalid_request(f"The {where} is not a form in UTF-8.", "form_malformed") from error
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields:
            shown = f"The parameter {name}" if name in _PARAMETERS or name == "v" else "A parameter"
            raise invalid_request(f"{shown} is in the {where} more than once.", "parameter_repeated")
        fields[name] = value
    return fields
