"""The manifest corpus: documents with the findings that they must give, for the tests of check, schema and remedies.

``document`` is the manifest itself, or ``patch`` (RFC 6902) is applied to the base that ``base`` names. ``errors`` and
``warnings`` list "code pointer". ``schema: "beyond"`` marks what the JSON Schema cannot judge as the check does.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from switchbay.kit.jsonvalue import JsonValue
from switchbay.manifest.public import Options, Patch, apply_patch

_FOLDER = Path(__file__).parent.parent / "manifest"


@dataclass(frozen=True, slots=True)
class Case:
    """One document of the corpus and what is expected of it."""

    about: str
    document: JsonValue
    options: Options
    errors: list[str]
    warnings: list[str]
    beyond_schema: bool


def bases() -> dict[str, JsonValue]:
    """The documents that cases patch."""
    found: dict[str, JsonValue] = json.loads((_FOLDER / "corpus_bases.json").read_text(encoding="utf-8"))
    return found


def cases() -> list[Case]:
    """Every case of the corpus."""
    known = bases()
    files = sorted((_FOLDER / "corpus").glob("*.json"))
    return [_case(raw, known) for file in files for raw in json.loads(file.read_text(encoding="utf-8"))]


def case_params() -> list[Any]:
    """The cases as test parameters, named by what they are about."""
    return [pytest.param(case, id=case.about) for case in cases()]


def _case(raw: dict[str, Any], known: dict[str, JsonValue]) -> Case:
    document = raw["document"] if "document" in raw else apply_patch(known[raw["base"]], Patch(tuple(raw["patch"])))
    options = dict(raw.get("options", {}))
    if "extra_scopes" in options:
        options["extra_scopes"] = frozenset(options["extra_scopes"])
    return Case(
        about=raw["about"],
        document=document,
        options=Options(**options),
        errors=sorted(raw.get("errors", [])),
        warnings=sorted(raw.get("warnings", [])),
        beyond_schema=raw.get("schema") == "beyond",
    )
