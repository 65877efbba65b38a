"""The whole manifest as one kind: its members put together, and what concerns the top level alone."""

from collections.abc import Mapping
from typing import Final

from switchbay.kit.findings import patch_copy, patch_move, patch_remove
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import Path, to_pointer
from switchbay.kit.shown import shown_text
from switchbay.manifest.domain import vocabulary as words
from switchbay.manifest.domain.addresses import Endpoint, EntryUri, Logo, RedirectUri
from switchbay.manifest.domain.capabilities import HeaderName, Headers, HeaderValue, Webhooks
from switchbay.manifest.domain.check import Check
from switchbay.manifest.domain.keys import KeySet
from switchbay.manifest.domain.kinds import Flag, Text, Whole, wrong_type
from switchbay.manifest.domain.lists import RedirectUris, Scope, Values, Word
from switchbay.manifest.domain.localised import canonical_tag, split_member
from switchbay.manifest.domain.records import Kept, Record, is_extension, nearest_member, note_misspelled, unwrapped

HEADER: Final = Record(
    members={"header_name": HeaderName(), "header_value": HeaderValue()},
    required={"header_name": None, "header_value": None},
)
WEBHOOK: Final = Record(
    members={
        "endpoint": Endpoint(words.MAX_ENDPOINT),
        "max_retries": Whole(0, words.MAX_RETRIES),
        "headers": Headers(HEADER),
    },
    required={"endpoint": None},
)
RETRY: Final = Record(
    members={"retention_time": Whole(0, words.MAX_RETENTION_SECONDS), "ordering": Word(words.ORDERINGS)}
)
ENGAGEMENT: Final = Record(
    members={
        "design_engagement": Flag(),
        "design_window": Flag(),
        "entry_point": Values(words.ENTRY_POINTS, lenient=True, needed=True),
        "visitor_behavior": Values(words.VISITOR_BEHAVIORS, lenient=True),
        "target_audience": Values(words.TARGET_AUDIENCES, lenient=True),
        "goal": Values(words.GOALS, lenient=True),
        "consumer_identity": Values(words.CONSUMER_IDENTITIES, lenient=True, needed=True, contains="auth"),
        "language_selection": Flag(),
    },
    required={
        "design_engagement": False,
        "design_window": False,
        "entry_point": ["section"],
        "visitor_behavior": [],
        "target_audience": [],
        "goal": [],
        "consumer_identity": ["auth"],
        "language_selection": False,
    },
)
CAPABILITIES: Final = Record(
    members={
        "webhooks": Webhooks(WEBHOOK, {"retry": RETRY, "conversations": Word(words.CONVERSATIONS)}),
        "engagement": ENGAGEMENT,
        "broadcast": Kept("the capability broadcast is kept and has no effect"),
    },
    aliases={"engagements": "engagement"},
)
TOP: Final = Record(
    members={
        "$schema": Kept(),
        "client_name": Text(words.MAX_CLIENT_NAME, needed=True),
        "display_name": Text(words.MAX_DISPLAY_NAME),
        "description": Text(words.MAX_DESCRIPTION),
        "grant_types": Values(words.GRANT_TYPES),
        "redirect_uris": RedirectUris(RedirectUri(words.MAX_REDIRECT_URI)),
        "response_types": Values(words.RESPONSE_TYPES, swaps={words.SWAPPED_RESPONSE_TYPE: "id_token token"}),
        "scope": Scope(words.MAX_SCOPE),
        "logo_uri": Logo(words.MAX_LOGO_URI),
        "capabilities": CAPABILITIES,
        "quick_launch_enabled": Flag(),
        "entry_uri": EntryUri(words.MAX_ENTRY_URI),
        "post_logout_redirect_uris": RedirectUris(RedirectUri(words.MAX_REDIRECT_URI)),
        "backchannel_logout_uri": Endpoint(words.MAX_LOGOUT_URI, needed=False),
        "backchannel_logout_session_required": Flag(),
        "token_endpoint_auth_method": Word(words.AUTH_METHODS),
        "jwks": KeySet(words.MAX_KEYS),
        "jwks_uri": Endpoint(words.MAX_JWKS_URI, needed=False),
        "id_token_signed_response_alg": Word(words.SIGNING_ALGORITHMS),
        "enabled": Flag(),
    },
    required={"client_name": None},
)


def read_document(check: Check, value: JsonValue) -> dict[str, JsonValue]:
    """Check the shape of a whole document; return its usable members, normalised."""
    if not isinstance(value, dict):
        wrong_type(check, (), value, "an object", fix=unwrapped((), value))
        return {}
    plain: dict[str, JsonValue] = {}
    tagged: dict[str, tuple[str, str]] = {}
    for key, item in value.items():
        name, tag = split_member(key)
        if key in words.SERVER_FIELDS:
            check.ignored.append(to_pointer((key,)))
        elif tag is not None and name in words.LOCALISED_MEMBERS:
            tagged[key] = (name, tag)
        elif tag is None or not _is_misspelled_localised(check, value, key):
            plain[key] = item
    usable = TOP.read_members(check, (), plain)
    usable |= _read_tagged(check, value, tagged)
    return usable


def _is_misspelled_localised(check: Check, value: Mapping[str, JsonValue], key: str) -> bool:
    name, tag = split_member(key)
    nearest = None if is_extension(key) else nearest_member(name, words.LOCALISED_MEMBERS)
    if nearest is None:
        return False
    meant = f"{nearest}#{tag}"
    note_misspelled(check, (), key, meant, taken=meant in value)
    return True


def _read_tagged(
    check: Check, value: Mapping[str, JsonValue], tagged: Mapping[str, tuple[str, str]]
) -> dict[str, JsonValue]:
    usable: dict[str, JsonValue] = {}
    places: dict[tuple[str, str], Path] = {}
    for key, (name, tag) in tagged.items():
        canonical = _read_tag(check, key, name, tag)
        if canonical is not None:
            first = places.setdefault((name, canonical.casefold()), (key,))
            if first != (key,):
                message = f"{name} is localised for {canonical} twice; case makes no difference in a language tag"
                check.add(
                    "duplicate_language_tag",
                    (key,),
                    message,
                    expected="each language once",
                    fix=patch_remove((key,)),
                    at_key=True,
                    also=(first,),
                )
        if name not in TOP.required and _is_blank(value.get(name)):
            message = f"{name} is localised for {shown_text(tag)} but has no plain text for everybody else"
            fix = None if name in value else patch_copy((key,), (name,))
            check.add("localised_without_plain", (key,), message, expected=f'a member "{name}"', fix=fix, at_key=True)
        item = value[key]
        text = None if item is None else TOP.members[name].read(check, (key,), item)
        if canonical is not None and text is not None:
            usable[f"{name}#{canonical}"] = text
    return usable


def _read_tag(check: Check, key: str, name: str, tag: str) -> str | None:
    canonical = canonical_tag(tag)
    if canonical is None:
        better = canonical_tag(tag.strip().replace("_", "-"))
        fix = patch_move((key,), (f"{name}#{better}",)) if better else None
        message = f"{shown_text(tag)} is no language tag that RFC 5646 and its registry know"
        expected = "a tag such as fr or pt-BR"
        check.add("bad_language_tag", (key,), message, got=shown_text(tag), expected=expected, fix=fix, at_key=True)
    return canonical


def _is_blank(value: JsonValue) -> bool:
    return value is None or (isinstance(value, str) and not value.strip(" "))
