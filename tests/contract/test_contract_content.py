"""Our check of structured content against the vendor's published schemas, as far as those say something.

They know neither carousels nor quick replies, and bound little; where they refuse, we refuse too, unless the document
has a type or a member that they do not know, which passes here with a warning.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft4Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from support.structured_content import ELEMENTS, broken
from switchbay.content.public import check_value

BASE = "https://schemas.invalid/"
NEWER = {"unknown_element", "unknown_action", "unknown_metadata", "unknown_member"}
Fits = Callable[[str, object], bool]


@pytest.fixture(scope="session")
def fits(shared: Path) -> Fits:
    """Whether a document fits one of the published schemas."""
    root = shared / "reference" / "schemas"
    registry: Registry[Any] = Registry().with_resources(
        (
            BASE + file.relative_to(root).as_posix(),
            Resource.from_contents(json.loads(file.read_bytes()), default_specification=DRAFT4),
        )
        for folder in ("ms", "infra/metadata")
        for file in (root / folder).rglob("*.json")
    )
    validators = {
        name: Draft4Validator({"$ref": BASE + name}, registry=registry)
        for name in ("ms/richContent/element.json", "ms/RichContent.json")
    }
    return lambda name, document: validators[name].is_valid(document)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ELEMENTS)
def test_what_has_no_finding_fits_the_published_schemas(fits: Fits, element: Any) -> None:
    assert check_value(element).issues == ()
    assert fits("ms/richContent/element.json", element)
    assert fits("ms/RichContent.json", {"type": "RichContentEvent", "message": element})


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(broken(ELEMENTS))
def test_what_the_published_schemas_refuse_is_refused_or_is_newer(fits: Fits, element: Any) -> None:
    report = check_value(element)
    if not fits("ms/richContent/element.json", element):
        assert report.errors or NEWER & {issue.code for issue in report.issues}


@pytest.mark.parametrize(
    ("element", "code"),
    [
        ({"type": "linkPreview", "url": "javascript:alert(1)"}, "link_scheme"),
        ({"type": "button", "title": "Go", "click": {"actions": [{"type": "link", "uri": "data:,x"}]}}, "link_scheme"),
        ({"type": "text", "text": "a", "href": "javascript:alert(1)"}, "link_hidden"),
        ({"type": "vertical", "elements": [{"type": "text", "text": "a"}] * 257}, "too_many"),
    ],
)
def test_more_is_refused_than_the_published_schemas_do(fits: Fits, element: Any, code: str) -> None:
    assert fits("ms/richContent/element.json", element)
    assert [issue.code for issue in check_value(element).errors] == [code]
