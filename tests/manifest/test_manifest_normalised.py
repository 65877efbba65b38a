"""The normalised form and the typed manifest: defaults, aliases, and what must stay distinguishable."""

import json

from support.manifest_corpus import bases
from switchbay.kit.jsonvalue import JsonValue
from switchbay.manifest.public import Manifest, check_text, check_value

_CONTENT = "ms.MessagingEventNotification.ContentEvent"


def _manifest(document: JsonValue) -> Manifest:
    manifest = check_value(document).manifest
    assert manifest is not None
    return manifest


def test_without_grants_and_redirects_an_app_acts_for_itself() -> None:
    report = check_value({"client_name": "a", "enabled": True, "capabilities": {}})
    assert [(one.path, one.value) for one in report.applied_defaults] == [
        ("/grant_types", ["client_credentials"]),
        ("/quick_launch_enabled", False),
    ]
    assert report.normalised == {
        "client_name": "a",
        "grant_types": ["client_credentials"],
        "response_types": [],
        "capabilities": {},
        "quick_launch_enabled": False,
        "enabled": True,
    }
    assert list(report.normalised) == [
        "client_name",
        "grant_types",
        "response_types",
        "capabilities",
        "quick_launch_enabled",
        "enabled",
    ]


def test_redirect_uris_without_grants_mean_the_authorization_code() -> None:
    report = check_value({"client_name": "a", "redirect_uris": ["https://a.example/"]})
    assert [(one.path, one.value) for one in report.applied_defaults] == [
        ("/grant_types", ["authorization_code", "refresh_token"]),
        ("/response_types", ["code"]),
        ("/quick_launch_enabled", False),
    ]


def test_aliases_spellings_and_single_strings_are_resolved() -> None:
    engagement: dict[str, JsonValue] = {
        "design_engagement": False,
        "design_window": False,
        "entry_point": "url",
        "visitor_behavior": [],
        "target_audience": "ip",
        "goal": "url",
        "consumer_identity": "auth",
        "language_selection": True,
    }
    webhook: dict[str, JsonValue] = {"endpoint": "https://a.example/", "max_retries": 2.0, "headers": []}
    document: JsonValue = {
        "x-mine": [1],
        "scope": " msg.consumer msg.consumer",
        "client_name": "Cafe\u0301 ",
        "response_types": ["token id_token"],
        "capabilities": {
            "other": 1,
            "engagements": engagement,
            "webhooks": {" ms.ExConversationChangeNotification": webhook, "retry": {"retention_time": 60.0}},
        },
    }
    report = check_value(document)
    assert report.normalised == {
        "client_name": "Café",
        "grant_types": ["client_credentials"],
        "response_types": ["id_token token"],
        "scope": "msg.consumer",
        "capabilities": {
            "webhooks": {
                "cqm.ExConversationChangeNotification": {"endpoint": "https://a.example/", "max_retries": 2},
                "retry": {"retention_time": 60},
            },
            "engagement": {
                **engagement,
                "entry_point": ["url"],
                "target_audience": ["ip"],
                "goal": ["url"],
                "consumer_identity": ["auth"],
            },
            "other": 1,
        },
        "quick_launch_enabled": False,
        "x-mine": [1],
    }
    assert report.manifest is not None
    assert report.manifest.retention_time == 60
    assert [webhook.event for webhook in report.manifest.webhooks] == ["cqm.ExConversationChangeNotification"]


def test_no_retries_and_nothing_said_of_retries_stay_different() -> None:
    said: JsonValue = {_CONTENT: {"endpoint": "https://a.example/", "max_retries": 0}}
    unsaid: JsonValue = {_CONTENT: {"endpoint": "https://a.example/"}}
    zero = _manifest({"client_name": "a", "capabilities": {"webhooks": said}})
    silent = _manifest({"client_name": "a", "capabilities": {"webhooks": unsaid}})
    assert (zero.webhooks[0].max_retries, zero.webhooks[0].max_retries_explicit) == (0, True)
    assert (silent.webhooks[0].max_retries, silent.webhooks[0].max_retries_explicit) == (0, False)
    stored = _manifest(dict(zero.document))
    assert stored.webhooks == zero.webhooks


def test_server_fields_are_ignored_and_named() -> None:
    report = check_text(b'{"id": "1", "client_name": "a", "deleted": true, "client_secret": null}')
    assert report.valid
    assert report.issues == ()
    assert report.ignored == ("/id", "/deleted", "/client_secret")
    assert "id" not in (report.normalised or {})


def test_unknown_members_are_kept_as_they_came() -> None:
    report = check_value({"homepage": {"b": None, "a": [None]}, "client_name": "a", "x-y": None})
    assert report.normalised is not None
    assert report.normalised["homepage"] == {"b": None, "a": [None]}
    assert report.normalised["x-y"] is None
    assert list(report.normalised)[-2:] == ["homepage", "x-y"]


def test_extra_members_of_webhooks_and_capabilities_are_kept() -> None:
    report = check_value({"client_name": "a", "capabilities": {"broadcast": {"enabled": True}, "webhooks": {"x-a": 1}}})
    assert report.normalised is not None
    assert report.normalised["capabilities"] == {"webhooks": {"x-a": 1}, "broadcast": {"enabled": True}}


def test_header_values_are_kept_for_sending_but_not_shown() -> None:
    report = check_value(bases()["webhook"])
    assert report.manifest is not None
    assert report.manifest.webhooks[0].headers == (("X-Api-Key", "s3cr3t-value"),)
    assert "s3cr3t-value" in json.dumps(report.normalised)
    shown = json.dumps(report.to_json())
    assert "X-Api-Key" in shown
    assert "s3cr3t-value" not in shown + repr(report) + repr(report.manifest)


def test_display_name_falls_back_to_the_client_name() -> None:
    assert _manifest({"client_name": "a"}).display_name == "a"
    assert _manifest({"client_name": "a", "display_name": ""}).display_name == "a"
    assert _manifest({"client_name": "a", "display_name": "b"}).display_name == "b"


def test_report_names_its_parts_as_documented() -> None:
    body = check_text(b'{"client_name": "a", "enabled": 1}').to_json()
    assert list(body) == ["valid", "summary", "issues", "applied_defaults", "ignored", "normalised"]
    assert body["valid"] is False
    assert body["summary"] == {"errors": 1, "warnings": 0}
    assert body["normalised"] is None
    assert body["issues"] == [
        {
            "code": "type",
            "severity": "error",
            "path": "/enabled",
            "line": 1,
            "column": 33,
            "message": "enabled is a number, not true or false",
            "got": "1",
            "expected": "true or false",
            "fix": None,
            "also_at": [],
            "help": "docs/reference/findings.md#type",
        }
    ]


def test_signing_in_and_out_is_typed_and_kept_in_canonical_order() -> None:
    document = bases()["sso"]
    assert isinstance(document, dict)
    manifest = _manifest(dict(reversed(document.items())))
    assert manifest.post_logout_redirect_uris == ("https://app.example.com/out",)
    assert manifest.backchannel_logout_uri == "https://app.example.com/logout?from=sso"
    assert manifest.backchannel_logout_session_required is True
    assert manifest.token_endpoint_auth_method == "private_key_jwt"
    assert (manifest.jwks, manifest.jwks_uri) == (document["jwks"], None)
    assert manifest.id_token_signed_response_alg == "ES256"
    assert [name for name in manifest.document if name in document] == [*document]


def test_nothing_of_signing_in_and_out_is_filled_in() -> None:
    manifest = _manifest(bases()["user"])
    assert (manifest.token_endpoint_auth_method, manifest.jwks, manifest.jwks_uri) == (None, None, None)
    assert (manifest.post_logout_redirect_uris, manifest.backchannel_logout_uri) == ((), None)
    assert manifest.id_token_signed_response_alg is None
    assert not {"token_endpoint_auth_method", "jwks", "backchannel_logout_session_required"} & {*manifest.document}
