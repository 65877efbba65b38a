"""Remedies: a patch removes its finding, and patches applied until none is left leave a document without any."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.manifest_corpus import Case, bases, case_params, mutated_documents
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import to_pointer
from switchbay.manifest.public import Options, Patch, Report, apply_fixes, apply_patch, check_value, fix_all


def _with_patch(report: Report) -> list[tuple[str, str, Patch]]:
    return [(issue.code, issue.path, issue.fix) for issue in report.issues if isinstance(issue.fix, Patch)]


def _count(report: Report, code: str) -> int:
    return sum(issue.code == code for issue in report.issues)


@pytest.mark.parametrize("case", case_params())
def test_each_patch_alone_removes_its_finding(case: Case) -> None:
    report = check_value(case.document, case.options)
    for code, _, patch in _with_patch(report):
        again = check_value(apply_patch(case.document, patch), case.options)
        assert _count(again, code) < _count(report, code)


@pytest.mark.parametrize("case", case_params())
def test_all_patches_together_leave_nothing_to_patch(case: Case) -> None:
    mended = fix_all(case.document, case.options)
    assert _with_patch(check_value(mended, case.options)) == []


@given(mutated_documents(), st.booleans())
@settings(max_examples=500)
def test_patches_of_any_document_leave_nothing_to_patch(document: JsonValue, strict: bool) -> None:
    options = Options(strict=strict)
    assert _with_patch(check_value(fix_all(document, options), options)) == []


def test_patches_of_one_list_do_not_shift_each_other() -> None:
    document: JsonValue = {"client_name": "a", "grant_types": ["client_credentials"] * 4, "enabled": "true"}
    report = check_value(document)
    assert apply_fixes(document, report.issues) == {
        "client_name": "a",
        "grant_types": ["client_credentials"],
        "enabled": True,
    }


def test_applying_patches_leaves_the_document_given_alone() -> None:
    document: JsonValue = {"client_name": " a", "capabilities": {"webhooks": {"retry": {"retention_time": "60"}}}}
    before = json.dumps(document)
    mended = fix_all(document, Options())
    assert json.dumps(document) == before
    assert mended == {"client_name": "a", "capabilities": {"webhooks": {"retry": {"retention_time": 60}}}}


def test_remedies_are_what_an_author_would_do() -> None:
    document: JsonValue = {
        "client_nmae": "a",
        "redirect_uri": "https://a.example/cb#x",
        "entry_uri": "https://a.example/my app",
        "capabilities": [
            {
                "webhooks": {
                    "ContentEvent": {"endpoint": "http://a.example/hook", "max_retries": "9"},
                    "ms.ExConversationChangeNotification": {"endpoint": "a.example/hook"},
                },
                "engagements": {"consumer_identity": "unauth", "goal": "leed"},
            }
        ],
    }
    assert fix_all(document, Options()) == {
        "client_name": "a",
        "redirect_uris": ["https://a.example/cb"],
        "entry_uri": "https://a.example/my%20app",
        "scope": "msg.consumer",
        "capabilities": {
            "webhooks": {
                "ms.MessagingEventNotification.ContentEvent": {"endpoint": "https://a.example/hook", "max_retries": 5},
                "cqm.ExConversationChangeNotification": {"endpoint": "https://a.example/hook"},
            },
            "engagement": {
                "design_engagement": False,
                "design_window": False,
                "entry_point": ["section"],
                "visitor_behavior": [],
                "target_audience": [],
                "goal": ["lead"],
                "consumer_identity": ["auth", "unauth"],
                "language_selection": False,
            },
        },
    }


def test_braces_are_never_percent_encoded_away() -> None:
    report = check_value({"client_name": "a", "entry_uri": "https://a.example/{your path}"})
    assert [(issue.code, issue.fix) for issue in report.issues] == [("uri_invalid", None)]


def test_many_patches_take_time_in_proportion() -> None:
    document: JsonValue = {"client_name": "a", "x-large": [[]] * 40_000, "grant_types": ["client_credentials"] * 900}
    report = check_value(document)
    started = time.process_time()
    mended = apply_fixes(document, report.issues)
    assert time.process_time() - started < 3
    assert isinstance(mended, dict)
    assert mended["grant_types"] == ["client_credentials"]


def test_no_patch_carries_a_header_value() -> None:
    pointer = to_pointer(["capabilities", "webhooks", "ms.MessagingEventNotification.ContentEvent"])
    wrapped = Patch(
        (
            {"op": "move", "from": pointer, "path": "/x-saved"},
            {"op": "add", "path": pointer, "value": []},
            {"op": "move", "from": "/x-saved", "path": f"{pointer}/0"},
        )
    )
    report = check_value(apply_patch(bases()["webhook"], wrapped))
    assert [(code, path) for code, path, _ in _with_patch(report)] == [("type", pointer)]
    assert "s3cr3t-value" not in json.dumps([issue.to_json() for issue in report.issues])
    assert apply_fixes(apply_patch(bases()["webhook"], wrapped), report.issues) == bases()["webhook"]


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ({"op": "add", "path": "/a/1", "value": 9}, {"a": [1, 9, 2], "b": {"c": 3}}),
        ({"op": "add", "path": "/a/-", "value": 9}, {"a": [1, 2, 9], "b": {"c": 3}}),
        ({"op": "add", "path": "/b/c", "value": 9}, {"a": [1, 2], "b": {"c": 9}}),
        ({"op": "remove", "path": "/a/0"}, {"a": [2], "b": {"c": 3}}),
        ({"op": "replace", "path": "/a/0", "value": 9}, {"a": [9, 2], "b": {"c": 3}}),
        ({"op": "replace", "path": "", "value": 9}, 9),
        ({"op": "move", "from": "/b/c", "path": "/b"}, {"a": [1, 2], "b": 3}),
        ({"op": "copy", "from": "/b", "path": "/a/0"}, {"a": [{"c": 3}, 1, 2], "b": {"c": 3}}),
    ],
)
def test_operations_do_what_rfc_6902_says(operation: dict[str, JsonValue], result: JsonValue) -> None:
    assert apply_patch({"a": [1, 2], "b": {"c": 3}}, Patch((operation,))) == result


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/x"},
        {"op": "remove", "path": "/a/2"},
        {"op": "replace", "path": "/b/x", "value": 1},
        {"op": "add", "path": "/a/3", "value": 1},
        {"op": "add", "path": "/b/c/d", "value": 1},
        {"op": "move", "from": "/x", "path": "/y"},
    ],
)
def test_operation_without_a_target_is_a_lookup_error(operation: dict[str, JsonValue]) -> None:
    document: JsonValue = {"a": [1, 2], "b": {"c": 3}}
    with pytest.raises(LookupError):
        apply_patch(document, Patch((operation,)))
    assert document == {"a": [1, 2], "b": {"c": 3}}
