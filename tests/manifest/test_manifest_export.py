"""The canonical text of a manifest, and the masking of secrets."""

from copy import deepcopy
from typing import Any

from support.manifest_corpus import bases
from switchbay.kit.jsonvalue import JsonValue
from switchbay.manifest.public import check_text, check_value, export, redact


def _normalised(document: Any) -> dict[str, Any]:
    report = check_value(document)
    assert report.normalised is not None
    return report.normalised


def test_export_is_in_canonical_order_two_spaces_and_utf8() -> None:
    document = {
        "x-mine": 1,
        "enabled": True,
        "entry_uri": "https://a.example/",
        "client_name#de": "Größe",
        "client_name#af": "g",
        "client_name": "a",
        "$schema": "s",
        "client_secret": "s3cr3t",
    }
    assert export(_normalised(document)) == (
        '{\n  "$schema": "s",\n  "client_name": "a",\n  "client_name#af": "g",\n  "client_name#de": "Größe",\n'
        '  "grant_types": [\n    "client_credentials"\n  ],\n  "response_types": [],\n'
        '  "quick_launch_enabled": false,\n  "entry_uri": "https://a.example/",\n  "enabled": true,\n  "x-mine": 1\n}\n'
    )


def test_export_masks_header_values_unless_told() -> None:
    document = _normalised(bases()["webhook"])
    assert "s3cr3t-value" not in export(document)
    assert '"header_value": "***"' in export(document)
    assert '"header_value": "s3cr3t-value"' in export(document, include_secrets=True)


def test_export_with_secrets_reads_back_the_same() -> None:
    document = _normalised(bases()["webhook"])
    again = check_text(export(document, include_secrets=True).encode())
    assert again.normalised == document
    assert export(document, include_secrets=True) == export(again.normalised or {}, include_secrets=True)


def test_server_fields_are_left_out() -> None:
    document: dict[str, JsonValue] = {"id": "1", "client_name": "a", "client_secret": "s"}
    assert export(document, include_secrets=True) == '{\n  "client_name": "a"\n}\n'


def test_redact_masks_headers_of_any_shape_and_leaves_the_original_alone() -> None:
    pair: JsonValue = {"header_name": "N", "header_value": "s3cr3t", "x": "s3cr3t"}
    document: dict[str, JsonValue] = {
        "client_secret": "s3cr3t",
        "capabilities": {"webhooks": {"e": {"headers": [pair]}}},
        "list": [{"headers": {"N": ["s3cr3t", None]}}, {"headers": "s3cr3t"}],
    }
    before = deepcopy(document)
    assert redact(document) == {
        "client_secret": "***",
        "capabilities": {"webhooks": {"e": {"headers": [{"header_name": "N", "header_value": "***", "x": "***"}]}}},
        "list": [{"headers": {"N": ["***", None]}}, {"headers": "***"}],
    }
    assert document == before
