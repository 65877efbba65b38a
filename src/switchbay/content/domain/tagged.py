"""Objects whose member ``type`` says what else they hold: elements, actions, metadata."""

from collections.abc import Mapping
from dataclasses import dataclass

from switchbay.content.domain.kinds import Check, Record, Schema, look_for_links, wrong_type
from switchbay.kit.findings import patch_replace
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import Path
from switchbay.kit.shown import show, shown_text


@dataclass(frozen=True, slots=True)
class Tagged:
    """One of several records. A type that is not known gets the finding ``unknown`` and is read as ``other``."""

    what: str
    records: Mapping[str, Record]
    other: Record
    unknown: str

    def read(self, check: Check, path: Path, value: JsonValue) -> None:
        """Check the object by its type."""
        if not isinstance(value, dict):
            wrong_type(check, path, value, "an object")
            return
        tag = value.get("type")
        if "type" not in value:
            check.add("required", (*path, "type"), f"{self.what} needs the member type", expected="a member type")
            look_for_links(check, path, value)
        elif not isinstance(tag, str):
            wrong_type(check, (*path, "type"), tag, "a string")
            look_for_links(check, path, value)
        else:
            self._read_tagged(check, path, value, tag)

    def _read_tagged(self, check: Check, path: Path, value: dict[str, JsonValue], tag: str) -> None:
        record = self.records.get(tag)
        if record is None:
            meant = check.guess(tag, list(self.records))
            message = f"{self.what} of the type {shown_text(tag)} is not known, so clients may do nothing with it"
            if meant is not None:
                message += f"; did you mean {meant}?"
            place = (*path, "type")
            fix = None if meant is None else patch_replace(place, meant)
            check.add(self.unknown, place, message, got=show(tag), expected=", ".join(self.records), fix=fix)
        (record or self.other).read(check, path, value)

    def schema(self) -> Schema:
        """The record of each type that is known."""
        known: list[JsonValue] = [
            {
                "if": {"type": "object", "required": ["type"], "properties": {"type": {"const": tag}}},
                "then": record.schema(),
            }
            for tag, record in self.records.items()
        ]
        unknown: Schema = {"type": {"not": {"enum": list(self.records)}}}
        known.append({"if": {"type": "object", "properties": unknown}, "then": self.other.schema()})
        return {"type": "object", "required": ["type"], "properties": {"type": {"type": "string"}}, "allOf": known}
