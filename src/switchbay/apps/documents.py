"""What the stored manifest of an app says: the form it is stored in, its webhooks, and masked header values.

Pure functions over the normalised JSON document. An installed manifest may be older than today's rules, so everything
is read here without checking it again.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Final

from switchbay.kit.jsonvalue import JsonValue
from switchbay.manifest.public import (
    ALL_CONVERSATIONS,
    CANONICAL_EVENTS,
    SERVER_FIELDS,
    Manifest,
    Options,
    check_value,
)
from switchbay.webhooks.public import Endpoint, Ordering

MASK: Final = "***"
"""What stands in place of a header value wherever a manifest is shown to those who may not read it."""
_NOT_STORED: Final = frozenset((*SERVER_FIELDS, "enabled"))


def stored_form(document: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """A copy of a normalised manifest, without what the server says itself."""
    return {name: copy.deepcopy(value) for name, value in document.items() if name not in _NOT_STORED}


def read_again(document: Mapping[str, JsonValue]) -> Manifest | None:
    """A stored manifest with its types, by the most lenient rules; None when today's rules refuse it even so."""
    scopes = frozenset(str(document.get("scope") or "").split())
    return check_value(dict(document), Options(dev_mode=True, extra_scopes=scopes)).manifest


def _object(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}


def _webhooks(document: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return _object(_object(document.get("capabilities")).get("webhooks"))


def _headers(webhook: Mapping[str, JsonValue]) -> Iterator[dict[str, JsonValue]]:
    headers = webhook.get("headers")
    for header in headers if isinstance(headers, list) else []:
        if isinstance(header, dict):
            yield header


def _integer(value: JsonValue) -> int:
    return int(value) if isinstance(value, int | float) else 0


def endpoints(document: Mapping[str, JsonValue]) -> tuple[Endpoint, ...]:
    """Where the app wants which events."""
    webhooks = _webhooks(document)
    found: list[Endpoint] = []
    for event in CANONICAL_EVENTS:
        webhook = _object(webhooks.get(event))
        url = webhook.get("endpoint")
        if isinstance(url, str):
            headers = tuple((str(header["header_name"]), str(header["header_value"])) for header in _headers(webhook))
            retries = webhook.get("max_retries")
            is_exempt = isinstance(retries, int) and retries == 0  # written, not left out
            found.append(Endpoint(event, url, headers, _integer(retries), is_exempt))
    return tuple(found)


def retention_time(document: Mapping[str, JsonValue]) -> int:
    """How long undelivered events are kept, in seconds; 0 for none."""
    return _integer(_object(_webhooks(document).get("retry")).get("retention_time"))


def ordering(document: Mapping[str, JsonValue]) -> Ordering:
    """Whether later events may overtake one that waits to be tried again by number."""
    given = _object(_webhooks(document).get("retry")).get("ordering")
    return Ordering.BEST_EFFORT if given == Ordering.BEST_EFFORT else Ordering.STRICT


def asks_for_all_conversations(document: Mapping[str, JsonValue]) -> bool:
    """Whether the app asks for the events of all conversations of the account."""
    return _webhooks(document).get("conversations") == ALL_CONVERSATIONS


def logo_uri(document: Mapping[str, JsonValue]) -> str | None:
    """The logo's address, if any."""
    uri = document.get("logo_uri")
    return uri if isinstance(uri, str) and uri else None


def unmask(document: dict[str, JsonValue], stored: Mapping[str, JsonValue] | None) -> list[str]:
    """Put stored header values back, in place, where a manifest came back with the mask of an export.

    A value goes back only to the same header of the same event with the same endpoint, so that a value can never be
    sent to where it was not sent before. Returns the pointers of masks that stay.
    """
    before = _webhooks(stored) if stored is not None else {}
    unknown: list[str] = []
    for event, webhook in _webhooks(document).items():
        old = _object(before.get(event))
        same_endpoint = isinstance(webhook, dict) and old.get("endpoint") == webhook.get("endpoint")
        values: dict[str, list[JsonValue]] = {}
        for header in _headers(old) if same_endpoint else ():
            values.setdefault(str(header["header_name"]).lower(), []).append(header["header_value"])
        for place, header in enumerate(_headers(_object(webhook))):
            known = values.get(str(header["header_name"]).lower())
            value = known.pop(0) if known else None
            if header["header_value"] != MASK:
                continue
            if value is not None:
                header["header_value"] = value
            else:
                unknown.append(f"/capabilities/webhooks/{event}/headers/{place}/header_value")
    return unknown
