"""The catalogue of findings: every code that a report can hold, in one table.

``docs/reference/findings.md`` explains each of them, and a test keeps the two in step. A code is never renamed.
"""

from collections.abc import Mapping
from typing import Final

from switchbay.kit.findings import Code, Severity


def _error(code: str, title: str, *, in_schema: bool = True) -> Code:
    return Code(code, Severity.ERROR, title, in_schema)


def _warning(code: str, title: str) -> Code:
    return Code(code, Severity.WARNING, title)


_TABLE: Final = (
    # The text
    _error("json_syntax", "The text is not JSON", in_schema=False),
    _error("json_encoding", "The text is not UTF-8", in_schema=False),
    _error("json_too_large", "The manifest is larger than 256 KiB", in_schema=False),
    _error("json_too_deep", "Objects and arrays nest deeper than 32 levels", in_schema=False),
    _error("json_comment", "The text holds a comment", in_schema=False),
    _error("json_trailing_comma", "A comma stands before a closing bracket", in_schema=False),
    _error("json_number", "NaN, an infinity, or a number too large or too long", in_schema=False),
    _error("json_surrogate", "A string holds half of a character", in_schema=False),
    _error("duplicate_key", "A member stands in one object twice", in_schema=False),
    _error("too_many_findings", "There is more wrong than a report can hold", in_schema=False),
    # Shape
    _error("required", "A required member is missing"),
    _error("type", "A value has the wrong type"),
    _error("empty", "A value that is needed is empty"),
    _error("too_long", "A text is longer than allowed"),
    _error("too_many", "A list has more items than allowed"),
    _error("out_of_range", "A number lies outside its range"),
    _error("unknown_value", "A value is not one of those listed"),
    _error("duplicate_value", "A list holds a value twice"),
    _error("control_character", "A text holds a control character"),
    _error("unfilled_placeholder", "A placeholder was not filled"),
    _error("misspelled_member", "An unknown member is close to a known one", in_schema=False),
    _error("unknown_event", "The event does not exist"),
    _error("duplicate_event", "One event is subscribed twice", in_schema=False),
    _error("both_spellings", "A member stands there under two of its names"),
    # Addresses
    _error("uri_invalid", "The value is no valid address"),
    _error("uri_scheme", "The address begins with a scheme that is not allowed"),
    _error("uri_fragment", "The address holds a fragment"),
    _error("uri_user_info", "The address holds a user name or password"),
    _error("uri_wildcard", "A redirect URI holds a wildcard"),
    # Meaning
    _error("required_with", "A member is required by another one"),
    _error("excluding_members", "Two members exclude each other"),
    _error("public_client_grant", "A public client asks for client_credentials"),
    _error("private_key", "A key holds a part that must stay private"),
    _error("jwk_invalid", "A key cannot be read"),
    _error("unknown_scope", "The scope does not exist here"),
    _error("auth_required", "The consumer identity lacks auth"),
    _error("bad_language_tag", "The text after the hash is no language tag", in_schema=False),
    _error("duplicate_language_tag", "A member is localised twice for one language", in_schema=False),
    _error("localised_without_plain", "A localised member stands without the plain one"),
    _error("header_name", "The header name is not allowed in HTTP"),
    _error("header_value", "The header value is not allowed in HTTP"),
    _error("header_reserved", "The header is set by the platform"),
    # Warnings
    _warning("unknown_member", "A member is not known"),
    _warning("unknown_variable", "A variable was given that no placeholder asks for"),
    _warning("kept_capability", "A capability is kept but has no effect"),
    _warning("alias_event", "The event is named in another way than usual"),
    _warning("event_name_whitespace", "The event name holds white space"),
    _warning("alias_member", "The member has another name"),
    _warning("string_for_array", "A single string stands where a list belongs"),
    _warning("repeated_value", "A list holds a value twice, which means no more than once"),
    _warning("surrounding_whitespace", "A text begins or ends with white space"),
    _warning("hash_in_value", "A language tag stands in the value instead of the member name"),
    _warning("placeholder_host", "The value looks like an example to be replaced"),
    _warning("redirect_uri_http", "A redirect URI is not encrypted"),
    _warning("redirect_uri_private_scheme", "A redirect URI uses a private scheme"),
    _warning("entry_uri_http", "The entry URI is not encrypted"),
    _warning("endpoint_http", "An address that the platform calls is not encrypted"),
    _warning("response_type_without_grant", "A response type has no grant type that could use it"),
    _warning("response_type_order", "The pair of response types stands the other way round"),
    _warning("implicit_disabled", "Implicit answers are switched off"),
    _warning("refresh_without_code", "Refresh tokens are asked for but never issued"),
    _warning("duplicate_scope", "A scope is asked for twice"),
    _warning("scope_missing", "The capabilities need a scope that is not asked for"),
    _warning("hub_hidden", "The app would not be listed by the vendor's client"),
    _warning("unauth_identity", "Unauthenticated consumers are allowed as well"),
    _warning("header_repeated", "A header stands twice"),
    _warning("header_replaced", "The header is set by the platform and not sent"),
    _warning("approval_needed", "An administrator has to approve what is asked for"),
    _warning("without_effect", "A member has no effect beside the others"),
    _warning("logo_size", "The logo is not 70 by 70 pixels"),
    _warning("logo_relative", "The logo's address is relative"),
    _warning("logo_unreachable", "The logo cannot be fetched"),
    _warning("logo_type", "The logo is not a picture with pixels"),
)

CATALOGUE: Final[Mapping[str, Code]] = {code.code: code for code in _TABLE}

LOGO_CODES: Final = frozenset({"logo_size", "logo_relative", "logo_unreachable", "logo_type"})
"""The findings that the option ``logo_policy="enforce"`` turns into errors."""

SYNTAX_CODES: Final = frozenset(code for code in CATALOGUE if code.startswith("json_") or code == "duplicate_key")
"""What the JSON reader finds, by the names of its problem kinds."""
