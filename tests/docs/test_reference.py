"""The reference is complete: every setting and every error code that the program has is documented, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from switchbay.infra.settings import Settings

_ROOT = Path(__file__).parent.parent.parent
_REFERENCE = _ROOT / "docs" / "reference"
_CODE_ROW = re.compile(r"^\| `([a-z0-9_]+)` \|", re.MULTILINE)


def _settings_rows() -> dict[str, str]:
    text = (_REFERENCE / "settings.md").read_text()
    return dict(re.findall(r"^\| `SWITCHBAY_([A-Z0-9_]+)` \| ([^|]*) \|", text, re.MULTILINE))


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    default = Settings.model_fields[name].default
    shown = _settings_rows().get(name.upper())
    assert shown is not None, f"docs/reference/settings.md does not mention SWITCHBAY_{name.upper()}"
    if isinstance(default, bool):
        assert shown == f"`{str(default).lower()}`"
    elif isinstance(default, int | float) or (isinstance(default, str) and default):
        assert shown == f"`{default}`"


def test_no_setting_is_documented_that_does_not_exist() -> None:
    assert {name.lower() for name in _settings_rows()} == set(Settings.model_fields)


def _codes_in(tree: ast.AST) -> Iterator[str]:
    """The codes of every ``AppError(Kind.X, "code", …)``, and of calls that pass one by the name ``code``."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        kinds = [
            place
            for place, argument in enumerate(node.args)
            if isinstance(argument, ast.Attribute)
            and isinstance(argument.value, ast.Name)
            and argument.value.id == "Kind"
        ]
        if kinds and len(node.args) > kinds[0] + 1:
            code = node.args[kinds[0] + 1]
            if isinstance(code, ast.Constant) and isinstance(code.value, str):
                yield code.value


def _codes() -> set[str]:
    found: set[str] = set()
    for path in (_ROOT / "src").rglob("*.py"):
        found.update(_codes_in(ast.parse(path.read_text())))
    return found


def _documented_codes() -> set[str]:
    return set(_CODE_ROW.findall((_REFERENCE / "errors.md").read_text()))


def test_the_source_has_codes_to_document() -> None:
    assert {"database_unavailable", "malformed_json", "internal_error"} <= _codes()


def test_every_error_code_is_documented() -> None:
    assert sorted(_codes() - _documented_codes()) == []


def test_no_error_code_is_documented_that_does_not_exist() -> None:
    assert sorted(_documented_codes() - _codes() - {"route_unknown", "method_not_allowed", "request_refused"}) == []


def test_every_link_between_documents_leads_somewhere() -> None:
    missing = [
        f"{document.relative_to(_ROOT)} -> {target}"
        for document in [*_ROOT.glob("*.md"), *(_ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)\s]*)?\)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert missing == []


def test_nothing_names_a_machine_or_a_registry() -> None:
    forbidden = re.compile(r"/(work|farm)/(main|shared|steering)|pypi\.org|files\.pythonhosted|registry\.npmjs|/root/")
    hits = []
    for path in _ROOT.rglob("*"):
        relative = path.relative_to(_ROOT)
        skipped = {
            ".git",
            ".venv",
            ".hypothesis",
            "__pycache__",
            ".mypy_cache",
            ".ruff_cache",
            "var",
            ".demo",
            "node_modules",
        }
        if (
            path.is_file()
            and not skipped & set(relative.parts)
            and path.suffix in {".py", ".md", ".toml", ".lock", ".sh"}
        ):
            if relative == Path("tests/docs/test_reference.py"):
                continue
            if forbidden.search(path.read_text(errors="replace")):
                hits.append(str(relative))
    assert hits == []
