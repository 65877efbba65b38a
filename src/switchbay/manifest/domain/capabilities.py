"""Kinds for the capabilities: webhooks with their headers and retry time, and the events that they subscribe to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from switchbay.kit.findings import patch_move, patch_remove
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import Path
from switchbay.kit.shown import kind_of, listed, shown_text
from switchbay.manifest.domain import placeholders
from switchbay.manifest.domain import vocabulary as words
from switchbay.manifest.domain.check import Check, name_of
from switchbay.manifest.domain.kinds import CONTROL, Kind, Schema, anchored, no_match, nullable, wrong_type
from switchbay.manifest.domain.records import is_extension

_FIELD_NAME: Final = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_VALUE: Final = r"[\t\u0020-\u007e]*"
_FIELD_NAME_RE: Final = re.compile(_FIELD_NAME)
_VALUE_RE: Final = re.compile(_VALUE)


def _reserved_pattern() -> str:
    names = [re.escape(name) for name in words.RESERVED_HEADERS]
    names += [re.escape(prefix) + ".*" for prefix in words.RESERVED_HEADER_PREFIXES]
    either = "|".join(names).replace(r"\-", "-")
    return "".join(f"[{char.upper()}{char}]" if char.isalpha() else char for char in either)


def is_reserved_header(name: str) -> bool:
    """Whether the platform alone sets this header."""
    lower = name.lower()
    return lower in words.RESERVED_HEADERS or lower.startswith(words.RESERVED_HEADER_PREFIXES)


@dataclass(frozen=True, slots=True)
class HeaderName:
    """A header's name: a token (RFC 9110 §5.6.2) that the platform does not set itself."""

    def read(self, check: Check, path: Path, value: JsonValue) -> JsonValue:
        """Check the name. It is shown only when it is one of the known reserved ones: people put secrets anywhere."""
        if check.has_placeholder(path, value, address=True):
            return None
        if not isinstance(value, str):
            note_hidden_type(check, path, value, "a string")
            return None
        if not _FIELD_NAME_RE.fullmatch(value) or len(value) > words.MAX_HEADER_NAME:
            message = "the header name is empty, too long, or holds a character that HTTP does not allow there"
            expected = f"letters, digits and !#$%&'*+-.^_`|~, at most {words.MAX_HEADER_NAME}"
            check.add("header_name", path, message, expected=expected)
            return None
        if is_reserved_header(value):
            message = f"the platform sets the header {value} itself"
            fix = patch_remove(path[:-1])
            check.add("header_reserved", path, message, got=shown_text(value), expected="another header", fix=fix)
            return None
        if value.lower() in words.REPLACED_HEADERS:
            message = f"the platform sets the header {value} itself; this one is left out"
            check.add("header_replaced", path, message, got=shown_text(value), expected="no such header")
        return value

    def schema(self) -> Schema:
        """A token, not reserved."""
        return {
            "type": "string",
            "maxLength": words.MAX_HEADER_NAME,
            "pattern": anchored(_FIELD_NAME),
            "allOf": no_match(CONTROL, placeholders.IN_ADDRESS, anchored(_reserved_pattern())),
        }


@dataclass(frozen=True, slots=True)
class HeaderValue:
    """A header's value: printable ASCII and tabs. It is a secret, so no finding shows it."""

    def read(self, check: Check, path: Path, value: JsonValue) -> JsonValue:
        """Check the value; return it without surrounding white space."""
        if check.has_placeholder(path, value):
            return None
        if not isinstance(value, str):
            note_hidden_type(check, path, value, "a string")
            return None
        if not _VALUE_RE.fullmatch(value) or len(value) > words.MAX_HEADER_VALUE:
            message = (
                "the header value is too long, or holds a line break or another character that HTTP does not allow"
            )
            expected = f"printable ASCII, at most {words.MAX_HEADER_VALUE} characters"
            check.add("header_value", path, message, expected=expected)
            return None
        return value.strip(" \t")

    def schema(self) -> Schema:
        """Printable ASCII."""
        clauses = no_match("[^\\t\\u0020-\\u007e]", placeholders.IN_TEXT)
        return {"type": "string", "maxLength": words.MAX_HEADER_VALUE, "allOf": clauses}


def note_hidden_type(check: Check, path: Path, value: JsonValue, expected: str) -> None:
    """Note a wrong type where the value may be a secret."""
    check.add(
        "type", path, f"{name_of(path)} is {kind_of(value)}, not {expected}", got=kind_of(value), expected=expected
    )


@dataclass(frozen=True, slots=True)
class Headers:
    """An array of pairs."""

    item: Kind

    def read(self, check: Check, path: Path, value: JsonValue) -> JsonValue:
        """Check the headers."""
        if not isinstance(value, list):
            if not check.has_placeholder(path, value):
                note_hidden_type(check, path, value, "an array of objects with header_name and header_value")
            return None
        if len(value) > words.MAX_HEADERS:
            message = f"there are {len(value)} headers, more than {words.MAX_HEADERS}"
            expected = f"at most {words.MAX_HEADERS} headers"
            check.add("too_many", path, message, got=f"{len(value)} headers", expected=expected)
            return None
        pairs: list[JsonValue] = []
        names: dict[str, Path] = {}
        for index, item in enumerate(value):
            at = (*path, index)
            pair = self._read_pair(check, at, item)
            if pair is not None:
                self._judge_pair(check, at, pair, names)
                pairs.append(pair)
        return pairs or None

    def _read_pair(self, check: Check, at: Path, item: JsonValue) -> dict[str, JsonValue] | None:
        if not isinstance(item, dict):
            if not check.has_placeholder(at, item):
                note_hidden_type(check, at, item, "an object with header_name and header_value")
            return None
        pair = self.item.read(check, at, item)
        return pair if isinstance(pair, dict) and "header_name" in pair and "header_value" in pair else None

    @staticmethod
    def _judge_pair(check: Check, at: Path, pair: Mapping[str, JsonValue], names: dict[str, Path]) -> None:
        name = str(pair["header_name"])
        if (name, pair["header_value"]) == ("NAME", "VALUE"):
            message = "the header NAME looks like an example to be replaced"
            check.add("placeholder_host", at, message, got='"NAME"', expected="a header of your own, or none")
        first = names.setdefault(name.lower(), at)
        if first != at:
            message = f"the header {name} stands twice; both are sent"
            check.add("header_repeated", at, message, got=shown_text(name), expected="each header once", also=(first,))

    def schema(self) -> Schema:
        """An array of pairs."""
        return {"type": "array", "maxItems": words.MAX_HEADERS, "items": self.item.schema()}


@dataclass(frozen=True, slots=True)
class Webhooks:
    """The webhooks by event, and a few ``others``. What is neither is an error: such an event would never arrive."""

    webhook: Kind
    others: Mapping[str, Kind]

    def read(self, check: Check, path: Path, value: JsonValue) -> JsonValue:
        """Check the webhooks; return them by canonical event in the document's order, the others, then extensions."""
        if not isinstance(value, dict):
            wrong_type(check, path, value, "an object")
            return None
        usable: dict[str, JsonValue] = {}
        kept: dict[str, JsonValue] = {}
        places: dict[str, Path] = {}
        for key, item in value.items():
            at = (*path, key)
            event = canonical_event(key)
            if key in self.others:
                self._put(usable, key, self.others[key].read(check, at, item) if item is not None else None)
            elif is_extension(key):
                kept[key] = item
            elif event is None:
                self._note_unknown_event(check, path, key, value)
            elif item is not None and self._is_first(check, path, key, event, places, value):
                self._put(usable, event, self.webhook.read(check, at, item))
        order = (*words.CANONICAL_EVENTS, *self.others)
        return {**{key: usable[key] for key in order if key in usable}, **kept}

    @staticmethod
    def _put(usable: dict[str, JsonValue], key: str, result: JsonValue) -> None:
        if result is not None:
            usable[key] = result

    @staticmethod
    def _is_first(
        check: Check, path: Path, key: str, event: str, places: dict[str, Path], value: Mapping[str, JsonValue]
    ) -> bool:
        """Note a second subscription or an unusual name; tell whether this is the one to keep."""
        at = (*path, key)
        if event in places:
            message = f"{shown_text(key)} is the same event as one before it"
            check.add(
                "duplicate_event",
                at,
                message,
                got=shown_text(key),
                expected=event,
                fix=patch_remove(at),
                at_key=True,
                also=(places[event],),
            )
            return False
        places[event] = at
        if key == event:
            return True
        fix = patch_move(at, (*path, event)) if value.get(event) is None else None
        bare = _without_space(key)
        if bare != key:
            message = "the event name holds white space, which is taken out"
            check.add("event_name_whitespace", at, message, got=shown_text(key), expected=event, fix=fix, at_key=True)
        if bare != event:
            message = f"{bare} is another name of {event}"
            check.add("alias_event", at, message, got=shown_text(key), expected=event, fix=fix, at_key=True)
        return True

    @staticmethod
    def _note_unknown_event(check: Check, path: Path, key: str, value: Mapping[str, JsonValue]) -> None:
        at = (*path, key)
        nearest = _nearest_event(check, key)
        hint = f"; did you mean {nearest}?" if nearest else ""
        fix = patch_move(at, (*path, nearest)) if nearest and value.get(nearest) is None else None
        message = f"the event {shown_text(key)} does not exist{hint}"
        expected = listed((*words.CANONICAL_EVENTS, *words.NOT_EVENTS))
        check.add("unknown_event", at, message, got=shown_text(key), expected=expected, fix=fix, at_key=True)

    def schema(self) -> Schema:
        """The events under all their names, the others, and extensions; nothing else."""
        webhook = nullable({"$ref": "#/$defs/webhook"})
        names = (*words.CANONICAL_EVENTS, *words.EVENT_ALIASES)
        properties: Schema = dict.fromkeys(names, webhook)
        spaced = "|".join(_spaced(name) for name in names)
        return {
            "type": "object",
            "properties": {**properties, **{name: nullable(kind.schema()) for name, kind in self.others.items()}},
            "patternProperties": {anchored(spaced): webhook, "^x-": {}},
            "additionalProperties": False,
            "allOf": [_not_both_events(alias, name) for alias, name in words.EVENT_ALIASES.items()],
        }


def _not_both_events(alias: str, name: str) -> Schema:
    present: Schema = {"not": {"type": "null"}}
    return {"not": {"required": [alias, name], "properties": {alias: present, name: present}}}


def _spaced(name: str) -> str:
    space = "[ \\t\\r\\n\\u00a0]*"
    return space + "".join((r"\." if char == "." else char) + space for char in name)


def _without_space(key: str) -> str:
    return key.translate(dict.fromkeys(map(ord, words.EVENT_SPACE)))


def canonical_event(key: str) -> str | None:
    """The event that a member of ``webhooks`` names, white space and the other spelling resolved."""
    bare = _without_space(key)
    bare = words.EVENT_ALIASES.get(bare, bare)
    return bare if bare in words.CANONICAL_EVENTS else None


def _nearest_event(check: Check, key: str) -> str | None:
    last = _without_space(key).rpartition(".")[2].casefold()
    for event in words.CANONICAL_EVENTS:
        if event.rpartition(".")[2].casefold() == last:
            return event
    return check.guess(key, words.CANONICAL_EVENTS)
