"""The vendor's published message schemas, where their folder is: draft 04, with file references and two odd types."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from jsonschema import Draft4Validator, validators
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

Check: TypeAlias = Callable[[str, object], list[str]]
"""What is wrong with a message, by the schema of this name."""
_BASE = "https://schemas.invalid/"


def published_schemas(shared: Path) -> Check:
    """Read the schemas below ``shared``, as their README says."""
    root = shared / "reference" / "schemas"
    documents = {
        file.relative_to(root).as_posix(): json.loads(file.read_bytes())
        for file in root.rglob("*.json")
        if file.parent.name != "connectorapi"
    }
    registry: Registry[Any] = Registry().with_resources(
        (_BASE + name, Resource.from_contents(document, default_specification=DRAFT4))
        for name, document in documents.items()
    )
    checker = Draft4Validator.TYPE_CHECKER.redefine_many(
        {
            "any": lambda _checker, _value: True,
            "Long": lambda checker, value: checker.is_type(value, "integer"),
        }
    )
    validator = validators.extend(Draft4Validator, type_checker=checker)  # type: ignore[no-untyped-call]  # untyped upstream

    def errors(name: str, message: object) -> list[str]:
        found = validator({"$ref": _BASE + name}, registry=registry).iter_errors(message)
        return [error.message for error in found]

    return errors
