"""The reference of structured content is true and whole: elements, limits, codes, an example of each finding."""

import re
from pathlib import Path

import pytest

from switchbay.content.domain import limits
from switchbay.content.domain.actions import ACTION, METADATA
from switchbay.content.domain.elements import BASICS, CONTAINERS, STYLE
from switchbay.content.domain.links import DANGEROUS
from switchbay.content.domain.quick_replies import QUICK_REPLIES, REPLY
from switchbay.content.public import CATALOGUE, HELP_PAGE, check_text

_TEXT = (Path(__file__).parent.parent.parent / HELP_PAGE).read_text(encoding="utf-8")
_PROSE, _, _FINDINGS = _TEXT.partition("\n## Findings\n")
_SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", _FINDINGS, re.DOTALL | re.MULTILINE))
_EXAMPLE = re.compile(r"^```json\n(.*?)^```", re.DOTALL | re.MULTILINE)
_EXAMPLES = {code: _EXAMPLE.findall(section) for code, section in _SECTIONS.items()}


def test_every_code_has_a_section_and_every_section_a_code() -> None:
    assert sorted(_SECTIONS) == sorted(CATALOGUE)


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_section_says_severity_title_remedy_and_what_the_schema_cannot(code: str) -> None:
    known = CATALOGUE[code]
    assert f"**{known.severity.value.capitalize()}.** {known.title}." in _SECTIONS[code]
    assert "*Fix:*" in _SECTIONS[code]
    assert ("*Not in the JSON Schema:*" in _SECTIONS[code]) is not known.in_schema


@pytest.mark.parametrize("code", sorted(set(CATALOGUE) - {"too_many_elements", "too_many_findings"}))
def test_example_gives_its_finding(code: str) -> None:
    (text,) = _EXAMPLES[code]
    found = [issue for issue in check_text(text.encode()).issues if issue.code == code]
    assert [issue.severity for issue in found] == [CATALOGUE[code].severity]
    assert found[0].help == f"{HELP_PAGE}#{code}"


@pytest.mark.parametrize("text", _EXAMPLE.findall(_PROSE))
def test_example_of_the_reference_has_no_findings(text: str) -> None:
    assert check_text(text.encode()).issues == ()


def test_every_type_member_and_scheme_is_in_the_reference() -> None:
    records = {**CONTAINERS, **BASICS, **ACTION.records, **METADATA.records}
    known = {*records, *DANGEROUS, *QUICK_REPLIES.members, *REPLY.members}
    for record in [*CONTAINERS.values(), *BASICS.values()]:
        known |= {name for name in record.members if name not in {"display", "separator", "customContainerSettings"}}
    known |= {name for name in STYLE.members if not name.endswith(("-hover", "-active", "-selected"))}
    known -= {"groupAsSingleAccessibleElement"}
    assert sorted(word for word in known if f"`{word}`" not in _PROSE) == []


@pytest.mark.parametrize(
    "phrase",
    [
        f"≤ {limits.MAX_TEXT} characters",
        f"url ≤ {limits.MAX_URL}, caption ≤ {limits.MAX_CAPTION} characters",
        f"title ≤ {limits.MAX_TITLE} characters",
        f"≤ {limits.MAX_CHILDREN} elements",
        f"{limits.MIN_CARDS} to {limits.MAX_CARDS} cards",
        f"at most {limits.MAX_LEVELS} levels deep",
        f"at most {limits.MAX_ELEMENTS} of them",
        f"`actions`, at most {limits.MAX_ACTIONS}, and `metadata`, at most {limits.MAX_METADATA} pieces",
        f"at most {limits.MAX_METADATA_TEXT} characters",
        f"an integer from 1 to {limits.MAX_PER_ROW}",
        f"1 to {limits.MAX_REPLIES} objects",
        f"clients show {limits.SHOWN_REPLY_TITLE}",
    ],
)
def test_every_limit_is_in_the_reference(phrase: str) -> None:
    assert phrase in _PROSE
