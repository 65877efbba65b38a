"""Limits: what a hostile manifest costs is bounded, and values at a limit pass."""

import itertools
import json
import subprocess
import sys
import unicodedata
from typing import Any

import pytest

from switchbay.kit.findings import MAX_FINDINGS
from switchbay.kit.jsontext import MAX_BYTES, MAX_DEPTH
from switchbay.kit.jsonvalue import JsonValue
from switchbay.manifest.domain.kinds import MOST_COMPOSED
from switchbay.manifest.public import Severity, check_value


def test_depth_of_a_parsed_document_is_bounded() -> None:
    def nested(levels: int) -> JsonValue:
        value: JsonValue = 1
        for _ in range(levels):
            value = [value]
        return value

    assert check_value({"client_name": "a", "x-a": nested(MAX_DEPTH - 1)}).valid
    for too_deep in ({"client_name": "a", "x-a": nested(MAX_DEPTH)}, nested(20_000)):
        assert [issue.code for issue in check_value(too_deep).issues] == ["json_too_deep"]


def test_size_of_a_parsed_document_is_bounded() -> None:
    empty = len('{"client_name":"a","x-a":""}')
    assert check_value({"client_name": "a", "x-a": "b" * (MAX_BYTES - empty)}).valid
    report = check_value({"client_name": "a", "x-a": "b" * (MAX_BYTES - empty + 1)})
    assert [issue.code for issue in report.issues] == ["json_too_large"]


def test_report_is_bounded_and_says_so() -> None:
    report = check_value({"client_name": "a", **{f"unknown_{number}": 1 for number in range(MAX_FINDINGS + 50)}})
    assert len(report.issues) == MAX_FINDINGS + 1
    assert report.issues[-1].code == "too_many_findings"
    assert report.issues[-1].severity is Severity.ERROR
    assert not report.valid


def test_exactly_as_many_findings_as_fit_are_no_error() -> None:
    report = check_value({"client_name": "a", **{f"unknown_{number}": 1 for number in range(MAX_FINDINGS)}})
    assert len(report.issues) == MAX_FINDINGS
    assert report.valid


_CHECK = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
from switchbay.manifest.public import check_text
check_text(sys.stdin.buffer.read())
print("checked")
"""


def _combinations() -> dict[str, int]:
    return {"client_" + "".join(word): 1 for word in itertools.product("abcdefghij", repeat=4)}


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"client_name": "a" + "\u0301\u0323" * 60_000}, id="combining marks, quadratic to compose"),
        pytest.param(_combinations(), id="many names nearly those of members"),
        pytest.param({"capabilities": {"webhooks": {f"event{n}" + "x" * 60: 1 for n in range(3000)}}}, id="events"),
        pytest.param({"redirect_uris": ["https://" + "a." * 100_000 + "1"]}, id="a host of many labels"),
        pytest.param({"redirect_uris": ["https://" + "-" * 100 + "1/"] * 20}, id="labels that match almost"),
        pytest.param({"description": "{A" * 100_000}, id="braces that never close"),
        pytest.param({"grant_types": ["{A}"] * 40_000}, id="one placeholder in many places"),
        pytest.param({"scope": "a " * 100_000}, id="many scopes"),
        pytest.param({"x-a": [[]] * 80_000}, id="many values"),
    ],
)
def test_no_document_holds_up_the_server(document: dict[str, Any]) -> None:
    """A child with a budget of processor time checks it: each of these took minutes when something was quadratic."""
    data = json.dumps({"client_name": "a", **document}, ensure_ascii=False, separators=(",", ":")).encode()
    assert len(data) <= MAX_BYTES
    child = subprocess.run([sys.executable, "-c", _CHECK], input=data, capture_output=True, check=False)  # noqa: S603
    assert (child.returncode, child.stdout) == (0, b"checked\n"), child.stderr


def test_no_character_composes_more_code_points_than_assumed() -> None:
    lengths = [
        len(unicodedata.normalize("NFD", chr(point)))
        for point in range(0x110000)
        if unicodedata.is_normalized("NFC", chr(point))
    ]
    assert max(lengths) <= MOST_COMPOSED


def test_length_is_counted_after_composing() -> None:
    assert check_value({"client_name": "e\u0301" * 128}).valid
    report = check_value({"client_name": "e\u0301" * 129})
    assert [(issue.code, issue.got) for issue in report.issues] == [("too_long", "129 characters")]


@pytest.mark.parametrize(
    ("member", "limit"), [("client_name", 128), ("display_name", 128), ("description", 256), ("logo_uri", 1024)]
)
def test_value_at_its_limit_passes_and_one_more_does_not(member: str, limit: int) -> None:
    prefix = "https://a.example/" if member == "logo_uri" else ""
    at_limit = prefix + "x" * (limit - len(prefix))
    assert check_value({"client_name": "a", member: at_limit}).issues == ()
    assert [issue.code for issue in check_value({"client_name": "a", member: at_limit + "x"}).issues] == ["too_long"]


def test_shown_values_are_cut() -> None:
    report = check_value({"client_name": "a", "scope": "x" * 120})
    assert report.issues[0].got == '"' + "x" * 99 + '…"'
