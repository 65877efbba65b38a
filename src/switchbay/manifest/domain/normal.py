"""From a checked, normalised document to the typed manifest."""

from collections.abc import Mapping

from switchbay.kit.jsonvalue import JsonValue
from switchbay.manifest.domain import vocabulary as words
from switchbay.manifest.domain.localised import split_member
from switchbay.manifest.domain.model import Engagement, Manifest, Webhook


def to_manifest(document: Mapping[str, JsonValue]) -> Manifest:
    """The typed manifest of a document that the check returned without errors."""
    client_name = _text(document, "client_name")
    capabilities = _object(document, "capabilities")
    webhooks = _object(capabilities, "webhooks")
    retention = _object(webhooks, "retry").get("retention_time")
    enabled = document.get("enabled")
    return Manifest(
        client_name=client_name,
        display_name=_text(document, "display_name") or client_name,
        description=_text(document, "description"),
        grant_types=_strings(document, "grant_types"),
        redirect_uris=_strings(document, "redirect_uris"),
        response_types=_strings(document, "response_types"),
        scope=tuple(_text(document, "scope").split()),
        logo_uri=_text(document, "logo_uri") or None,
        webhooks=tuple(_webhook(event, webhooks) for event in words.CANONICAL_EVENTS if event in webhooks),
        retention_time=retention if isinstance(retention, int) else 0,
        engagement=engagement_of(document),
        quick_launch_enabled=document.get("quick_launch_enabled") is True,
        entry_uri=_text(document, "entry_uri") or None,
        localised=_localised(document),
        enabled=enabled if isinstance(enabled, bool) else None,
        document=document,
        post_logout_redirect_uris=_strings(document, "post_logout_redirect_uris"),
        backchannel_logout_uri=_text(document, "backchannel_logout_uri") or None,
        backchannel_logout_session_required=document.get("backchannel_logout_session_required") is True,
        token_endpoint_auth_method=_text(document, "token_endpoint_auth_method") or None,
        jwks=document.get("jwks"),
        jwks_uri=_text(document, "jwks_uri") or None,
        id_token_signed_response_alg=_text(document, "id_token_signed_response_alg") or None,
        is_best_effort=_text(_object(webhooks, "retry"), "ordering") == words.BEST_EFFORT,
        asks_for_all_conversations=_text(webhooks, "conversations") == words.ALL_CONVERSATIONS,
    )


def _webhook(event: str, webhooks: Mapping[str, JsonValue]) -> Webhook:
    webhook = _object(webhooks, event)
    retries = webhook.get("max_retries")
    headers = webhook.get("headers")
    pairs = [item for item in headers if isinstance(item, dict)] if isinstance(headers, list) else []
    return Webhook(
        event=event,
        endpoint=_text(webhook, "endpoint"),
        max_retries=retries if isinstance(retries, int) else 0,
        max_retries_explicit=isinstance(retries, int),
        headers=tuple((_text(pair, "header_name"), _text(pair, "header_value")) for pair in pairs),
    )


def engagement_of(document: Mapping[str, JsonValue]) -> Engagement | None:
    """What a normalised document lets campaigns choose; None where it does not speak of engagements."""
    engagement = _object(document, "capabilities").get("engagement")
    if not isinstance(engagement, dict):
        return None
    return Engagement(
        design_engagement=engagement.get("design_engagement") is True,
        design_window=engagement.get("design_window") is True,
        entry_point=_strings(engagement, "entry_point"),
        visitor_behavior=_strings(engagement, "visitor_behavior"),
        target_audience=_strings(engagement, "target_audience"),
        goal=_strings(engagement, "goal"),
        consumer_identity=_strings(engagement, "consumer_identity"),
        language_selection=engagement.get("language_selection") is True,
    )


def _localised(document: Mapping[str, JsonValue]) -> Mapping[str, Mapping[str, str]]:
    texts: dict[str, dict[str, str]] = {}
    for key, value in document.items():
        name, tag = split_member(key)
        if tag is not None and name in words.LOCALISED_MEMBERS and isinstance(value, str):
            texts.setdefault(name, {})[tag] = value
    return texts


def _text(document: Mapping[str, JsonValue], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _strings(document: Mapping[str, JsonValue], name: str) -> tuple[str, ...]:
    value = document.get(name)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _object(document: Mapping[str, JsonValue], name: str) -> Mapping[str, JsonValue]:
    value = document.get(name)
    return value if isinstance(value, dict) else {}
