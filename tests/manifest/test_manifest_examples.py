"""The two manifests that the original document prints, as they are and filled."""

import json
from pathlib import Path

import pytest

from switchbay.manifest.public import Engagement, Report, Severity, Webhook, check_text

_FILLED = {"YOUR_APPLICATION_DOMAIN": "app.example.com", "CALLBACK_PATH": "cb"}
_WEBHOOKS = "/capabilities/webhooks/"
_MESSAGING = f"{_WEBHOOKS}ms.MessagingEventNotification."


def _lines(report: Report, severity: Severity) -> list[tuple[str, str, int | None, int | None]]:
    return [(one.code, one.path, one.line, one.column) for one in report.issues if one.severity is severity]


def test_connector_unfilled_has_one_error_for_each_placeholder(examples: Path) -> None:
    report = check_text((examples / "custom-connector.json").read_bytes())
    assert _lines(report, Severity.ERROR) == [
        ("unfilled_placeholder", "/redirect_uris/0", 12, 5),
        ("unfilled_placeholder", "/redirect_uris/0", 12, 5),
    ]
    domain, path = [issue for issue in report.issues if issue.severity is Severity.ERROR]
    assert (domain.got, path.got) == ("YOUR_APPLICATION_DOMAIN", "CALLBACK_PATH")
    assert domain.fix is not None
    assert domain.fix.to_json() == {"variable": "YOUR_APPLICATION_DOMAIN"}
    assert [place.to_json() for place in domain.also_at] == [{"path": "/entry_uri", "line": 17, "column": 16}]
    assert path.also_at == ()


def test_connector_filled_has_only_the_listed_warnings(examples: Path) -> None:
    report = check_text((examples / "custom-connector.json").read_bytes(), variables=_FILLED)
    assert report.valid
    assert _lines(report, Severity.ERROR) == []
    assert _lines(report, Severity.WARNING) == [
        ("response_type_without_grant", "/response_types/0", 9, 5),
        ("redirect_uri_http", "/redirect_uris/0", 12, 5),
        ("placeholder_host", f"{_MESSAGING}ContentEvent/endpoint", 21, 21),
        ("placeholder_host", f"{_MESSAGING}ContentEvent/headers/0", 24, 11),
        ("placeholder_host", f"{_MESSAGING}RichContentEvent/endpoint", 31, 21),
        ("placeholder_host", f"{_MESSAGING}RichContentEvent/headers/0", 34, 11),
        ("placeholder_host", f"{_MESSAGING}AcceptStatusEvent/endpoint", 41, 21),
        ("placeholder_host", f"{_MESSAGING}ChatStateEvent/endpoint", 45, 21),
        ("placeholder_host", f"{_WEBHOOKS}cqm.ExConversationChangeNotification/endpoint", 48, 21),
    ]


def test_connector_becomes_a_typed_manifest(examples: Path) -> None:
    manifest = check_text((examples / "custom-connector.json").read_bytes(), variables=_FILLED).manifest
    assert manifest is not None
    assert manifest.client_name == "com.liveperson.MyConnectorApp"
    assert manifest.display_name == "Custom connector example"
    assert manifest.description == "This is my first LE-App description"
    assert manifest.grant_types == ("client_credentials",)
    assert manifest.redirect_uris == ("http://app.example.com/cb",)
    assert manifest.response_types == ("code",)
    assert manifest.scope == ("msg.consumer",)
    assert manifest.logo_uri == "https://img.icons8.com/cotton/64/000000/domain.png"
    assert manifest.quick_launch_enabled
    assert manifest.entry_uri == "https://app.example.com/appentry"
    assert manifest.retention_time == 0
    assert manifest.enabled is None
    assert manifest.webhooks[0] == Webhook(
        event="ms.MessagingEventNotification.ContentEvent",
        endpoint="https://your/webhooks/endpoint",
        max_retries=3,
        max_retries_explicit=True,
        headers=(("NAME", "VALUE"),),
    )
    assert [(one.event.rpartition(".")[2], one.max_retries, one.max_retries_explicit) for one in manifest.webhooks] == [
        ("ContentEvent", 3, True),
        ("RichContentEvent", 5, True),
        ("AcceptStatusEvent", 1, True),
        ("ChatStateEvent", 0, False),
        ("ExConversationChangeNotification", 0, False),
    ]
    assert isinstance(manifest.engagement, Engagement)
    assert manifest.engagement.consumer_identity == ("auth",)
    assert manifest.engagement.entry_point == ("section",)
    assert len(manifest.engagement.target_audience) == 16


def test_web_application_unfilled_has_one_error_for_each_placeholder(examples: Path) -> None:
    report = check_text((examples / "web-application.json").read_bytes())
    assert [(issue.code, issue.got, issue.path, issue.line) for issue in report.issues] == [
        ("unfilled_placeholder", "YOUR_APPLICATION_DOMAIN", "/entry_uri", 8),
        ("unfilled_placeholder", "CALLBACK_PATH", "/redirect_uris/0", 14),
    ]
    assert [(place.path, place.line) for place in report.issues[0].also_at] == [("/redirect_uris/0", 14)]


def test_web_application_filled_has_one_warning_and_no_tile(examples: Path) -> None:
    report = check_text((examples / "web-application.json").read_bytes(), variables=_FILLED)
    assert _lines(report, Severity.WARNING) == [("redirect_uri_http", "/redirect_uris/0", 14, 5)]
    assert report.valid
    assert [default.path for default in report.applied_defaults] == ["/quick_launch_enabled"]
    assert report.manifest is not None
    assert not report.manifest.quick_launch_enabled


@pytest.mark.parametrize("name", ["custom-connector.json", "web-application.json"])
def test_examples_are_those_of_the_document(shared: Path, examples: Path, name: str) -> None:
    ours = json.loads((examples / name).read_text(encoding="utf-8"))
    assert ours == json.loads((shared / "examples" / name).read_text(encoding="utf-8"))
