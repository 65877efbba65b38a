"""Kinds for objects: known members, aliases, misspellings, and what is kept although nobody knows it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from switchbay.kit.findings import Patch, patch_add, patch_move, patch_remove, patch_replace
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import Path
from switchbay.kit.shown import shown_text
from switchbay.manifest.domain.check import Check, name_of
from switchbay.manifest.domain.kinds import Kind, Schema, nullable, wrong_type

CLOSE: Final = 2
"""Up to this many changed letters an unknown member counts as a known one misspelled."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Any value, kept as it came; with a ``message``, a warning says that it has no effect."""

    message: str | None = None

    def read(self, check: Check, path: Path, value: JsonValue) -> JsonValue:
        """Return the value."""
        if self.message:
            expected = "webhooks or engagement"
            check.add(
                "kept_capability", path, self.message, got=shown_text(str(path[-1])), expected=expected, at_key=True
            )
        return value

    def schema(self) -> Schema:
        """Anything."""
        return {}


@dataclass(frozen=True, slots=True)
class Record:
    """An object with known members.

    ``required`` maps each required member to the value that a remedy would put there, or None; ``aliases`` map another
    spelling to the member it stands for.
    """

    members: Mapping[str, Kind]
    required: Mapping[str, JsonValue] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)

    def read(self, check: Check, path: Path, value: JsonValue) -> JsonValue:
        """Check the object; return its usable members in canonical order, then the unknown ones as they came."""
        if not isinstance(value, dict):
            wrong_type(check, path, value, "an object", fix=unwrapped(path, value))
            return None
        return self.read_members(check, path, value)

    def read_members(self, check: Check, path: Path, value: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Check the members of what is an object."""
        usable: dict[str, JsonValue] = {}
        unknown: dict[str, JsonValue] = {}
        for key, item in value.items():
            name = self._canonical(check, path, key, value)
            if name is None:
                unknown[key] = item
            elif item is not None and name not in usable:
                result = self.members[name].read(check, (*path, key), item)
                if result is not None:
                    usable[name] = result
        expected_at = self._judge_unknown(check, path, value, unknown)
        self._judge_required(check, path, value, expected_at)
        ordered = {name: usable[name] for name in self.members if name in usable}
        return {**ordered, **unknown}

    def _canonical(self, check: Check, path: Path, key: str, value: Mapping[str, JsonValue]) -> str | None:
        if key in self.members:
            return key
        name = self.aliases.get(key)
        if name is None or value[key] is None:
            return name
        if value.get(name) is not None:
            message = f'"{key}" is another name of "{name}"; only one of them may stand here'
            fix = patch_remove((*path, key))
            also = ((*path, name),)
            check.add("both_spellings", (*path, key), message, expected=f'"{name}"', fix=fix, at_key=True, also=also)
            return name
        message = f'"{key}" is read as "{name}"'
        fix = patch_move((*path, key), (*path, name))
        check.add("alias_member", (*path, key), message, got=f'"{key}"', expected=f'"{name}"', fix=fix, at_key=True)
        return name

    def _judge_unknown(
        self, check: Check, path: Path, value: Mapping[str, JsonValue], unknown: Iterable[str]
    ) -> frozenset[str]:
        """Note unknown members; return the known ones that misspelled members were meant to be."""
        meant: set[str] = set()
        for key in unknown:
            if is_extension(key):
                continue
            nearest = nearest_member(key, self.members)
            if nearest is None:
                note_unknown(check, (*path, key))
            else:
                taken = value.get(nearest) is not None or nearest in meant
                note_misspelled(check, path, key, nearest, taken=taken)
                meant.add(nearest)
        return frozenset(meant)

    def _judge_required(self, check: Check, path: Path, value: Mapping[str, JsonValue], meant: frozenset[str]) -> None:
        aliased = {self.aliases[key] for key in value if key in self.aliases and value[key] is not None}
        for name, suggestion in self.required.items():
            if value.get(name) is None and name not in meant | aliased:
                at = (*path, name)
                put = patch_replace if name in value else patch_add
                fix = None if suggestion is None else put(at, suggestion)
                where = f" in {name_of(path)}" if path else ""
                check.add(
                    "required", at, f'the member "{name}" is missing{where}', expected=f'a member "{name}"', fix=fix
                )

    def schema(self) -> Schema:
        """An object with these members; others may stand there."""
        properties: Schema = {}
        for name, kind in self.members.items():
            properties[name] = kind.schema() if name in self.required else nullable(kind.schema())
        for alias, name in self.aliases.items():
            properties[alias] = nullable(self.members[name].schema())
        result: Schema = {"type": "object", "properties": properties}
        if self.required:
            result["required"] = list(self.required)
        if self.aliases:
            result["allOf"] = [not_both(alias, name) for alias, name in self.aliases.items()]
        return result


def not_both(one: str, other: str) -> Schema:
    """The clause that two members do not stand together, null counting as absent."""
    present: Schema = {"not": {"type": "null"}}
    return {"not": {"required": [one, other], "properties": {one: present, other: present}}}


def is_extension(key: str) -> bool:
    """Whether a member is an author's own, which is never ours to judge."""
    return key.startswith("x-")


def note_unknown(check: Check, path: Path) -> None:
    """Note a member that is nowhere near a known one: kept, and only strict checking refuses it."""
    key = shown_text(str(path[-1]))
    verdict = "which strict checking refuses" if check.options.strict else "it is kept and has no effect"
    fix = patch_remove(path) if check.options.strict else None
    message = f"the member {key} is not known; {verdict}"
    check.add(
        "unknown_member",
        path,
        message,
        got=key,
        expected="a documented member, or one that begins with x-",
        fix=fix,
        at_key=True,
    )


def note_misspelled(check: Check, parent: Path, key: str, nearest: str, *, taken: bool) -> None:
    """Note a member that is most likely a known one misspelled."""
    path = (*parent, key)
    shown = shown_text(key)
    fix = patch_remove(path) if taken else patch_move(path, (*parent, nearest))
    message = f'the member {shown} is not known; did you mean "{nearest}"?'
    check.add("misspelled_member", path, message, got=shown, expected=f'"{nearest}"', fix=fix, at_key=True)


def nearest_member(key: str, known: Iterable[str]) -> str | None:
    """The known member that an unknown one is close to: at most two letters changed, or only case and joints."""
    folded = _fold(key)
    close = [(edit_distance(key, name), name) for name in known]
    alike = [name for name in known if folded == _fold(name)]
    best = min(close, default=(CLOSE + 1, ""))
    if alike:
        return alike[0]
    return best[1] if best[0] <= CLOSE else None


def _fold(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "").replace(" ", "")


def edit_distance(one: str, other: str) -> int:
    """Letters to insert, delete or replace, exact up to ``CLOSE``; any larger distance is ``CLOSE + 1``."""
    if abs(len(one) - len(other)) > CLOSE or len(set(one) - set(other)) > CLOSE:
        return CLOSE + 1
    row = list(range(len(other) + 1))
    for index, char in enumerate(one, start=1):
        previous, row[0] = row[0], index
        for column, letter in enumerate(other, start=1):
            previous, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, previous + (char != letter)),
            )
        if min(row) > CLOSE:
            return CLOSE + 1
    return min(row[-1], CLOSE + 1)


def unwrapped(path: Path, value: JsonValue) -> Patch | None:
    """The remedy for who took "this array" at its word: the one object of the array, moved so that no secret shows."""
    if value == []:
        return patch_replace(path, {})
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        return patch_move((*path, 0), path)
    return None
