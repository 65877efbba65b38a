"""Findings about a logo, which depend on what the operator makes of them."""

import pytest

from switchbay.manifest.public import Options, Severity, check_value, logo_finding


@pytest.mark.parametrize("code", ["logo_size", "logo_relative", "logo_unreachable", "logo_type"])
def test_logo_is_a_warning_unless_the_operator_insists(code: str) -> None:
    finding = logo_finding(code, "64x64", Options())
    assert (finding.code, finding.severity, finding.path, finding.got) == (code, Severity.WARNING, "/logo_uri", "64x64")
    assert logo_finding(code, "64x64", Options(logo_policy="enforce")).severity is Severity.ERROR


def test_other_codes_are_no_findings_about_a_logo() -> None:
    with pytest.raises(ValueError, match="type is no finding about a logo"):
        logo_finding("type", "", Options())


def test_enforced_logo_refuses_the_manifest() -> None:
    document = {"client_name": "a", "logo_uri": "images/logo.png"}
    assert check_value({**document}).valid
    assert not check_value({**document}, Options(logo_policy="enforce")).valid
