"""Kinds for lists: of listed values, of redirect URIs, and the scope, which is a list in one string."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from switchbay.kit.findings import patch_add, patch_remove, patch_replace
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import Path
from switchbay.kit.shown import listed, show
from switchbay.manifest.domain import vocabulary as words
from switchbay.manifest.domain.addresses import RedirectUri
from switchbay.manifest.domain.check import Check, name_of
from switchbay.manifest.domain.kinds import CONTROL, Schema, anchored, no_match, read_string, wrong_type


@dataclass(frozen=True, slots=True)
class Values:
    """An array of listed values.

    ``lenient`` takes a single string for an array of one and refuses repetitions, as the engagement lists do; the other
    lists refuse the string and let repetitions pass. ``needed`` refuses the empty array. ``contains`` names a value
    that must be among them. ``swaps`` are other spellings of a value.
    """

    choices: Sequence[str]
    lenient: bool = False
    needed: bool = False
    contains: str | None = None
    swaps: Mapping[str, str] = field(default_factory=dict)

    def read(self, check: Check, path: Path, value: JsonValue) -> JsonValue:
        """Check the list; it is usable only when every item is."""
        if isinstance(value, str):
            alone = self._from_string(check, path, value)
            return None if alone is None else self._read_items(check, path, [(path, alone)])
        if isinstance(value, list):
            return self._read_items(check, path, [((*path, index), item) for index, item in enumerate(value)])
        wrong_type(check, path, value, "an array of strings")
        return None

    def _from_string(self, check: Check, path: Path, value: str) -> str | None:
        """The string itself, where it may stand for an array of one."""
        if check.has_placeholder(path, value):
            return None
        if not self.lenient:
            fixed: list[JsonValue] | None = [value] if value in self.choices else None
            wrong_type(check, path, value, "an array of strings", fixed)
            return None
        if value in self.choices:
            message = f"{name_of(path)} is a single string; it is taken as an array of one"
            fix = patch_replace(path, [value])
            check.add("string_for_array", path, message, got=show(value), expected=f'["{value}"]', fix=fix)
        return value

    def _read_items(self, check: Check, path: Path, items: Sequence[tuple[Path, JsonValue]]) -> JsonValue:
        found: dict[str, Path] = {}
        usable = True
        for at, item in items:
            word = self._read_item(check, at, item)
            if word is None:
                usable = False
            elif word in found:
                usable = self._note_repetition(check, at, item, found[word]) and usable
            else:
                found[word] = at
        if self.needed and not items:
            first = self.contains or self.choices[0]
            message = f"{name_of(path)} is empty; it needs at least one value"
            check.add("empty", path, message, got="[]", expected=listed(self.choices), fix=patch_replace(path, [first]))
            return None
        return self._judge_contents(check, path, found) if usable else None

    def _read_item(self, check: Check, at: Path, item: JsonValue) -> str | None:
        if check.has_placeholder(at, item):
            return None
        if not isinstance(item, str):
            wrong_type(check, at, item, "a string")
            return None
        if item in self.choices:
            return item
        if item in self.swaps:
            word = self.swaps[item]
            message = f"{show(item)} is read as {show(word)}"
            check.add("response_type_order", at, message, got=show(item), expected=word, fix=patch_replace(at, word))
            return word
        note_unknown_word(check, at, item, self.choices)
        return None

    def _note_repetition(self, check: Check, at: Path, item: JsonValue, first: Path) -> bool:
        code = "duplicate_value" if self.lenient else "repeated_value"
        message = f"{show(item)} stands in the list twice"
        check.add(code, at, message, got=show(item), expected="each value once", fix=patch_remove(at), also=(first,))
        return not self.lenient

    def _judge_contents(self, check: Check, path: Path, found: Mapping[str, Path]) -> JsonValue:
        if self.contains is None:
            return list(found)
        if self.contains not in found:
            message = f"{name_of(path)} does not contain {self.contains}"
            where: Path = (*path, "-")
            only = next(iter(found.values()))
            fix = patch_replace(path, [self.contains, *found]) if only == path else patch_add(where, self.contains)
            check.add("auth_required", path, message, got=show(list(found)), expected=f'["{self.contains}"]', fix=fix)
            return None
        for word, at in found.items():
            if word != self.contains:
                message = "consumers who are not identified get the engagement too"
                check.add("unauth_identity", at, message, got=show(word), expected=f'["{self.contains}"]')
        return list(found)

    def schema(self) -> Schema:
        """An array of the choices, or where that is lenient one of them."""
        result: Schema = {"type": "array", "items": {"enum": [*self.choices, *self.swaps]}}
        if self.needed:
            result["minItems"] = 1
        if self.contains:
            result["contains"] = {"const": self.contains}
        if not self.lenient:
            return result
        result["uniqueItems"] = True
        alone: list[JsonValue] = [self.contains] if self.contains else list(self.choices)
        return {"anyOf": [result, {"enum": alone}]}


@dataclass(frozen=True, slots=True)
class Word:
    """One of a few words."""

    choices: Sequence[str]

    def read(self, check: Check, path: Path, value: JsonValue) -> JsonValue:
        """Check the word."""
        if check.has_placeholder(path, value):
            return None
        if not isinstance(value, str):
            alone = value[0] if isinstance(value, list) and len(value) == 1 else None
            wrong_type(check, path, value, "a string", alone if alone in self.choices else None)
            return None
        if value in self.choices:
            return value
        note_unknown_word(check, path, value, self.choices)
        return None

    def schema(self) -> Schema:
        """The choices."""
        return {"enum": [*self.choices]}


def note_unknown_word(check: Check, at: Path, word: str, choices: Sequence[str]) -> None:
    """Note a word that is none of the choices, with the nearest one as remedy."""
    nearest = check.guess(word, choices)
    hint = f"; did you mean {nearest}?" if nearest else ""
    fix = patch_replace(at, nearest) if nearest else None
    name = next(step for step in reversed(at) if isinstance(step, str))
    message = f"{show(word)} is no value of {name}{hint}"
    check.add("unknown_value", at, message, got=show(word), expected=listed(choices), fix=fix)


@dataclass(frozen=True, slots=True)
class RedirectUris:
    """An array of redirect URIs."""

    item: RedirectUri

    def read(self, check: Check, path: Path, value: JsonValue) -> JsonValue:
        """Check the list; it is usable only when every address is."""
        if isinstance(value, str) and not check.has_placeholder(path, value, address=True):
            wrong_type(check, path, value, "an array of addresses", [value] if value else [])
        if isinstance(value, str):
            return None
        if not isinstance(value, list):
            wrong_type(check, path, value, "an array of addresses")
            return None
        if len(value) > words.MAX_REDIRECT_URIS:
            message = f"{name_of(path)} has {len(value)} addresses, more than {words.MAX_REDIRECT_URIS}"
            expected = f"at most {words.MAX_REDIRECT_URIS} addresses"
            check.add("too_many", path, message, got=show(value), expected=expected)
            return None
        return self._read_items(check, path, value)

    def _read_items(self, check: Check, path: Path, items: list[JsonValue]) -> JsonValue:
        found: dict[str, Path] = {}
        usable = True
        for index, item in enumerate(items):
            at = (*path, index)
            uri = self.item.read(check, at, item)
            if not isinstance(uri, str):
                usable = False
            elif uri in found:
                message = f"{show(uri)} stands in the list twice"
                fix = patch_remove(at)
                check.add("repeated_value", at, message, got=show(uri), expected="once", fix=fix, also=(found[uri],))
            else:
                found[uri] = at
        return list(found) if usable else None

    def schema(self) -> Schema:
        """An array of addresses."""
        return {"type": "array", "maxItems": words.MAX_REDIRECT_URIS, "items": self.item.schema()}


@dataclass(frozen=True, slots=True)
class Scope:
    """Scopes in one string, with spaces between them. The empty string is as good as absent."""

    limit: int

    def read(self, check: Check, path: Path, value: JsonValue) -> JsonValue:
        """Check the scopes; return them once each with single spaces."""
        if isinstance(value, list):
            texts = [item for item in value if isinstance(item, str)]
            fixed = " ".join(texts) if len(texts) == len(value) else None
            wrong_type(check, path, value, "a string with spaces between the scopes", fixed)
            return None
        if check.has_placeholder(path, value):
            return None
        text = read_string(check, path, value, self.limit)
        if text is None:
            return None
        return self._read_scopes(check, path, [scope for scope in text.split(" ") if scope])

    def _read_scopes(self, check: Check, path: Path, scopes: list[str]) -> JsonValue:
        supported = [words.SCOPE, *sorted(check.options.extra_scopes)]
        unknown = [scope for scope in dict.fromkeys(scopes) if scope not in supported]
        for scope in unknown:
            nearest = check.guess(scope, supported)
            hint = f"; did you mean {nearest}?" if nearest else ""
            better = [nearest if word == scope and nearest else word for word in scopes]
            fix = patch_replace(path, " ".join(dict.fromkeys(better))) if nearest else None
            message = f"the scope {show(scope)} does not exist here{hint}"
            check.add("unknown_scope", path, message, got=show(scope), expected=listed(supported), fix=fix)
        once = " ".join(dict.fromkeys(scopes))
        if len(set(scopes)) < len(scopes):
            fix = patch_replace(path, once)
            message = "a scope is asked for twice, which means no more than once"
            check.add("duplicate_scope", path, message, got=show(" ".join(scopes)), expected=show(once), fix=fix)
        return None if unknown or not once else once

    def schema(self) -> Schema:
        """The documented scope, any number of times; what an operator registers beside it is not in the schema."""
        scope = words.SCOPE.replace(".", r"\.")
        return {
            "type": "string",
            "maxLength": self.limit,
            "pattern": anchored(f" *(?:{scope}(?: +{scope})*)? *"),
            "allOf": no_match(CONTROL),
        }
