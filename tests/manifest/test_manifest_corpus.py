"""Every document of the corpus gives exactly the findings it names, however it is handed in."""

import json

import pytest

from support.manifest_corpus import Case, case_params, cases
from switchbay.manifest.public import CATALOGUE, Report, Severity, check_text, check_value, export


def _codes(report: Report, severity: Severity) -> list[str]:
    return sorted(f"{issue.code} {issue.path}" for issue in report.issues if issue.severity is severity)


@pytest.mark.parametrize("case", case_params())
def test_document_gives_exactly_its_findings(case: Case) -> None:
    report = check_value(case.document, case.options)
    assert _codes(report, Severity.ERROR) == case.errors
    assert _codes(report, Severity.WARNING) == case.warnings


@pytest.mark.parametrize("case", case_params())
def test_text_and_value_give_the_same_findings_in_the_same_order(case: Case) -> None:
    text = json.dumps(case.document, indent=1).encode()
    from_text = check_text(text, case.options)
    from_value = check_value(case.document, case.options)
    assert [(issue.code, issue.path, issue.message, issue.fix) for issue in from_text.issues] == [
        (issue.code, issue.path, issue.message, issue.fix) for issue in from_value.issues
    ]
    places = [(issue.line or 0, issue.column or 0) for issue in from_text.issues]
    assert places == sorted(places)
    assert all(place > (0, 0) for place in places)


@pytest.mark.parametrize("case", case_params())
def test_no_report_shows_a_secret(case: Case) -> None:
    report = check_value(case.document, case.options)
    assert "s3cr3t-value" not in json.dumps(report.to_json())
    assert "s3cr3t-value" not in repr(report)


@pytest.mark.parametrize("case", [case for case in cases() if not case.errors], ids=lambda case: case.about)
def test_normalised_form_is_its_own_normalised_form(case: Case) -> None:
    report = check_value(case.document, case.options)
    assert report.normalised is not None
    assert report.manifest is not None
    again = check_value(report.normalised, case.options)
    assert again.normalised == report.normalised
    assert list(again.normalised or {}) == list(report.normalised)
    assert again.applied_defaults == ()
    exported = check_text(export(report.normalised, include_secrets=True).encode(), case.options)
    assert exported.normalised == report.normalised


@pytest.mark.parametrize("case", [case for case in cases() if case.errors], ids=lambda case: case.about)
def test_refused_document_has_no_normalised_form(case: Case) -> None:
    report = check_value(case.document, case.options)
    assert report.normalised is None
    assert report.manifest is None


def test_corpus_shows_every_code_that_a_parsed_document_can_give() -> None:
    shown = {finding.partition(" ")[0] for case in cases() for finding in case.errors + case.warnings}
    elsewhere = {code for code in CATALOGUE if code.startswith("json_")} | {
        "duplicate_key",  # only a text can have it: test_manifest_text.py
        "too_many_findings",  # test_manifest_limits.py
        "unknown_variable",  # test_manifest_placeholders.py
        "logo_size",  # needs the picture itself: test_manifest_logo.py
    }
    assert set(CATALOGUE) - shown == elsewhere
