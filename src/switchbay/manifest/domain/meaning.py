"""The second pass: what members mean together, and the defaults for what is left out.

A rule speaks only when the members that it looks at were read without an error, so that one mistake is reported once.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from switchbay.kit.findings import patch_add, patch_remove, patch_replace
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import Path
from switchbay.kit.shown import show
from switchbay.manifest.domain import vocabulary as words
from switchbay.manifest.domain.capabilities import canonical_event
from switchbay.manifest.domain.check import Check
from switchbay.manifest.domain.export import member_order

_IMPLICIT: Final = ("token", "id_token", "id_token token")


class _Members:
    """The document as written and as read, side by side."""

    def __init__(self, raw: Mapping[str, JsonValue], usable: Mapping[str, JsonValue]) -> None:
        self.raw = raw
        self.usable = usable

    def is_absent(self, name: str) -> bool:
        """Whether a member is left out, or null, or the empty string or list, which say no more."""
        value = self.raw.get(name)
        return value is None or value == [] or (isinstance(value, str) and not value.strip(" "))

    def is_clear(self, name: str) -> bool:
        """Whether a member is absent or was read without an error."""
        return self.is_absent(name) or name in self.usable

    def strings(self, name: str) -> Sequence[str]:
        """A list of strings as read; empty when it is absent."""
        value = self.usable.get(name)
        return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []

    def place_of(self, name: str, item: str, *spellings: str) -> Path:
        """Where an item stands as written."""
        value = self.raw.get(name)
        items = value if isinstance(value, list) else []
        found = [index for index, written in enumerate(items) if written in {item, *spellings}]
        return (name, found[0]) if found else (name,)


def judge(check: Check, raw: Mapping[str, JsonValue], usable: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Judge the members together and return them with defaults filled in, in canonical order."""
    members = _Members(raw, usable)
    grants = _grants(check, members)
    if grants is not None:
        _judge_grants(check, members, grants)
        usable["grant_types"] = list(grants)
    response_types = _response_types(check, members, grants)
    usable["response_types"] = list(response_types)
    _judge_implicit(check, members, response_types)
    _judge_launch(check, members)
    _judge_authentication(check, members, grants)
    _judge_scope(check, members)
    _judge_conversations(check, members)
    _judge_ordering(check, members)
    if members.is_absent("quick_launch_enabled"):
        usable["quick_launch_enabled"] = False
        reason = "an app is shown in the quick-launch menu only when it asks"
        check.add_default(("quick_launch_enabled",), value=False, reason=reason)
    return {key: usable[key] for key in sorted(usable, key=member_order)}


def _grants(check: Check, members: _Members) -> Sequence[str] | None:
    """The grant types, the defaults where there are none, None where they cannot be told."""
    if not members.is_clear("grant_types"):
        return None
    if members.strings("grant_types"):
        return members.strings("grant_types")
    if members.is_absent("redirect_uris"):
        default = ["client_credentials"]
        reason = "without redirect_uris an app can only act for itself"
    else:
        default = ["authorization_code", "refresh_token"]
        reason = "redirect_uris serve the authorization code"
    check.add_default(("grant_types",), [*default], reason)
    return default


def _judge_grants(check: Check, members: _Members, grants: Sequence[str]) -> None:
    if "authorization_code" in grants and members.is_absent("redirect_uris"):
        check.add(
            "required_with",
            ("redirect_uris",),
            "the grant type authorization_code needs redirect_uris",
            expected="at least one redirect URI, or no authorization_code",
        )
    if "refresh_token" in grants and "authorization_code" not in grants:
        at = members.place_of("grant_types", "refresh_token")
        message = "refresh_token without authorization_code is of no use: only a user's sign-on yields one"
        expected = "authorization_code as well"
        check.add("refresh_without_code", at, message, got='"refresh_token"', expected=expected, fix=patch_remove(at))


def _response_types(check: Check, members: _Members, grants: Sequence[str] | None) -> Sequence[str]:
    given = members.strings("response_types")
    if members.is_absent("response_types") and grants is not None:
        default = ["code"] if "authorization_code" in grants else []
        if default:
            check.add_default(("response_types",), [*default], "the authorization code is asked for with code")
        return default
    if "code" in given and grants is not None and "authorization_code" not in grants:
        at = members.place_of("response_types", "code")
        message = "the response type code is of no use without the grant type authorization_code"
        expected = "authorization_code in grant_types, or no code"
        check.add("response_type_without_grant", at, message, got='"code"', expected=expected, fix=patch_remove(at))
    return given


def _judge_implicit(check: Check, members: _Members, response_types: Sequence[str]) -> None:
    for word in _IMPLICIT:
        if word in response_types:
            at = members.place_of("response_types", word, *_other_spellings(word))
            message = (
                f"{word} asks for tokens in the browser's address line, which the platform answers only when told to"
            )
            check.add("implicit_disabled", at, message, got=show(word), expected="code")


def _other_spellings(word: str) -> Sequence[str]:
    return (words.SWAPPED_RESPONSE_TYPE,) if word == "id_token token" else ()


def _judge_launch(check: Check, members: _Members) -> None:
    if members.usable.get("quick_launch_enabled") is True and members.is_absent("entry_uri"):
        check.add(
            "required_with",
            ("entry_uri",),
            "an app in the quick-launch menu needs an entry_uri to be launched at",
            expected="an https address, or quick_launch_enabled false",
        )


def _judge_authentication(check: Check, members: _Members, grants: Sequence[str] | None) -> None:
    """How the app proves who it is (RFC 7591 §2): by a secret, by its keys, or not at all."""
    method = members.usable.get("token_endpoint_auth_method")
    has_keys, has_address = (not members.is_absent(name) for name in ("jwks", "jwks_uri"))
    if has_keys and has_address:
        message = "jwks and jwks_uri exclude each other: the keys are either in the manifest or at the address"
        also = (("jwks",),)
        expected = "one of the two"
        check.add("excluding_members", ("jwks_uri",), message, expected=expected, at_key=True, also=also)
    if method == words.BY_KEY and not has_keys and not has_address:
        message = f"the method {words.BY_KEY} needs the app's public keys, in jwks or at jwks_uri"
        check.add("required_with", ("jwks_uri",), message, expected="jwks_uri or jwks, or another method")
    if method == words.BY_NOTHING and grants is not None and "client_credentials" in grants:
        at = members.place_of("grant_types", "client_credentials")
        message = "client_credentials is for apps that prove who they are, which the method none rules out"
        expected = "authorization_code alone, or another token_endpoint_auth_method"
        check.add("public_client_grant", at, message, got='"client_credentials"', expected=expected)


def _judge_scope(check: Check, members: _Members) -> None:
    if not members.is_clear("scope"):
        return
    text = members.usable.get("scope")
    scopes = text.split(" ") if isinstance(text, str) else []
    capability = _messaging_capability(members.raw.get("capabilities"))
    if capability and words.SCOPE not in scopes:
        better = " ".join([words.SCOPE, *scopes])
        fix = (patch_replace if "scope" in members.raw else patch_add)(("scope",), better)
        message = f"the capability {capability} needs the scope {words.SCOPE}, without which it stays silent"
        check.add("scope_missing", ("scope",), message, got=show(members.raw.get("scope")), expected=better, fix=fix)
    if check.options.hub_compatibility and scopes != [words.SCOPE]:
        message = f"the vendor's client lists only apps whose scope is exactly {words.SCOPE}"
        got = show(members.raw.get("scope"))
        check.add("hub_hidden", ("scope",), message, got=got, expected=f'"{words.SCOPE}"')


def _judge_conversations(check: Check, members: _Members) -> None:
    """All conversations of the account are more than an app may have by itself."""
    written = _webhooks(members.raw)
    if _webhooks(members.usable).get("conversations") != words.ALL_CONVERSATIONS:
        return
    at = ("capabilities", "webhooks", "conversations")
    if any(canonical_event(key) and value is not None for key, value in written.items()):
        message = "the app gets the events of conversations that are not its own only once an administrator approves it"
        check.add("approval_needed", at, message, got='"all"', expected='"own", or an approval')
    else:
        message = "the app asks for the events of all conversations, but names no event"
        check.add("without_effect", at, message, got='"all"', expected="webhooks", fix=patch_remove(at))


def _judge_ordering(check: Check, members: _Members) -> None:
    """The order by best effort is about retries by number."""
    written, read = _webhooks(members.raw), _webhooks(members.usable)
    retry = _object(read.get("retry"))
    if retry.get("ordering") != words.BEST_EFFORT:
        return
    retries = [_object(value).get("max_retries") for key, value in written.items() if canonical_event(key)]
    if retry.get("retention_time"):
        message = "with a retention_time the order is kept, whatever ordering says"
    elif not any(retries):
        message = "ordering is about retries by number, but no webhook has max_retries"
    else:
        return
    at = ("capabilities", "webhooks", "retry", "ordering")
    check.add("without_effect", at, message, got='"best_effort"', expected='"strict", or none', fix=patch_remove(at))


def _webhooks(document: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    return _object(_object(document.get("capabilities")).get("webhooks"))


def _object(value: JsonValue) -> Mapping[str, JsonValue]:
    return value if isinstance(value, dict) else {}


def _messaging_capability(capabilities: JsonValue) -> str | None:
    if not isinstance(capabilities, dict):
        return None
    webhooks = capabilities.get("webhooks")
    if isinstance(webhooks, dict) and any(webhooks.get(key) is not None for key in webhooks.keys() - words.NOT_EVENTS):
        return "webhooks"
    engagements = (capabilities.get("engagement"), capabilities.get("engagements"))
    return "engagement" if any(value is not None for value in engagements) else None
