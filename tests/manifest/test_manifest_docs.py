"""The reference of findings is complete and true: every code has its section, and every example gives its finding."""

import re
from pathlib import Path

import pytest

from switchbay.manifest.domain import vocabulary as words
from switchbay.manifest.domain.findings import HELP_PAGE
from switchbay.manifest.public import CANONICAL_EVENTS, CATALOGUE, Options, check_text

_ROOT = Path(__file__).parent.parent.parent
_TEXT = (_ROOT / HELP_PAGE).read_text(encoding="utf-8")
_SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", _TEXT, re.DOTALL | re.MULTILINE))
_EXAMPLES = re.findall(r"^### (\w+)\n(?:(?!^##).)*?^```json ?([^\n]*)\n(.*?)^```", _TEXT, re.DOTALL | re.MULTILINE)
_WITHOUT_EXAMPLE = {"json_encoding", "json_too_large", "too_many_findings", "logo_size"}


def test_every_code_has_a_section_and_every_section_a_code() -> None:
    assert sorted(_SECTIONS) == sorted(CATALOGUE)


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_section_says_severity_title_remedy_and_what_the_schema_cannot(code: str) -> None:
    section = _SECTIONS[code]
    known = CATALOGUE[code]
    assert f"**{known.severity.value.capitalize()}.** {known.title}." in section
    assert "*Fix:*" in section
    assert ("*Not in the JSON Schema:*" in section) is not known.in_schema


def test_every_code_has_an_example_unless_it_cannot_be_shown() -> None:
    assert {code for code, _, _ in _EXAMPLES} == set(CATALOGUE) - _WITHOUT_EXAMPLE


@pytest.mark.parametrize(("code", "info", "text"), _EXAMPLES, ids=[code for code, _, _ in _EXAMPLES])
def test_example_gives_its_finding(code: str, info: str, text: str) -> None:
    variables = {info.removeprefix("set="): "x"} if info.startswith("set=") else {}
    options = Options(dev_mode=info == "dev_mode", hub_compatibility=info == "hub_compatibility")
    report = check_text(text.encode(), options, variables)
    found = [issue for issue in report.issues if issue.code == code]
    assert found
    assert all(issue.severity is CATALOGUE[code].severity for issue in found)
    assert all(issue.help == f"docs/reference/findings.md#{code}" for issue in found)


def test_every_member_value_event_and_limit_is_in_the_reference(reference: Path) -> None:
    text = (reference / "manifest.md").read_text(encoding="utf-8")
    known = {
        *words.MEMBERS,
        *words.SERVER_FIELDS,
        *words.GRANT_TYPES,
        *words.RESPONSE_TYPES,
        *words.CAPABILITIES,
        *words.WEBHOOK_MEMBERS,
        *words.HEADER_MEMBERS,
        *words.RETRY_MEMBERS,
        *words.NOT_EVENTS,
        *words.CONVERSATIONS,
        *words.ORDERINGS,
        *words.ENGAGEMENT_MEMBERS,
        *words.ENTRY_POINTS,
        *words.VISITOR_BEHAVIORS,
        *words.TARGET_AUDIENCES,
        *words.GOALS,
        *words.CONSUMER_IDENTITIES,
        *words.EVENT_ALIASES,
        *CANONICAL_EVENTS,
        words.SCOPE,
    }
    assert sorted(word for word in known if f"`{word}`" not in text) == []
    limits = {
        "client_name": words.MAX_CLIENT_NAME,
        "display_name": words.MAX_DISPLAY_NAME,
        "description": words.MAX_DESCRIPTION,
        "redirect_uris": words.MAX_REDIRECT_URI,
        "scope": words.MAX_SCOPE,
        "logo_uri": words.MAX_LOGO_URI,
        "entry_uri": words.MAX_ENTRY_URI,
        "endpoint": words.MAX_ENDPOINT,
        "header_name": words.MAX_HEADER_NAME,
        "header_value": words.MAX_HEADER_VALUE,
    }
    for member, limit in limits.items():
        row = re.search(rf"^\| `{member}` \|.*$", text, re.MULTILINE)
        assert row is not None, member
        assert f"≤ {limit}" in row.group(), member


_MANIFESTS = re.findall(
    r"^```json\n(.*?)^```", (_ROOT / "docs/reference/manifest.md").read_text(), re.DOTALL | re.MULTILINE
)


@pytest.mark.parametrize("text", _MANIFESTS)
def test_example_of_the_reference_is_valid_and_without_warnings(text: str) -> None:
    assert check_text(text.encode()).issues == ()
