"""Applying the remedies of a report: JSON Patch (RFC 6902), of which reports use four operations."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Final

from switchbay.kit.findings import Finding, Patch
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import from_pointer, resolve, to_index

MAX_ROUNDS: Final = 20


def apply_patch(value: JsonValue, patch: Patch) -> JsonValue:
    """The value after all operations of a patch; raises LookupError, the value untouched, when one has no target."""
    result = deepcopy(value)
    for operation in patch.operations:
        result = _apply(result, operation)
    return result


def _apply(value: JsonValue, operation: Mapping[str, JsonValue]) -> JsonValue:
    """Carry out one operation on the value itself, or raise LookupError before anything is changed."""
    path = str(operation["path"])
    kind = operation["op"]
    if kind == "remove":
        return _remove(value, path)
    if kind == "replace":
        resolve(value, path)
        return _put(_remove(value, path), path, deepcopy(operation["value"]))
    if kind == "add":
        return _put(value, path, deepcopy(operation["value"]))
    source = str(operation["from"])
    taken = deepcopy(resolve(value, source))
    return _put(_remove(value, source) if kind == "move" else value, path, taken)


def apply_fixes(value: JsonValue, issues: Sequence[Finding]) -> JsonValue:
    """The document with the patches of a report applied, last ones first so that no index shifts under another.

    A patch whose target another one took away is left out; a new check tells whether it is still needed.
    """
    result = deepcopy(value)
    for issue in reversed(issues):
        for operation in issue.fix.operations if isinstance(issue.fix, Patch) else ():
            try:
                result = _apply(result, operation)
            except LookupError:
                break
    return result


def fix_until_done(value: JsonValue, check: Callable[[JsonValue], Sequence[Finding]]) -> JsonValue:
    """The document after checking and patching in turns until no finding offers a patch any more."""
    for _ in range(MAX_ROUNDS):
        better = apply_fixes(value, check(value))
        if better == value:
            return value
        value = better
    return value


def _parent(value: JsonValue, path: str) -> tuple[JsonValue, str]:
    steps = path.rpartition("/")
    return resolve(value, steps[0]), from_pointer("/" + steps[2])[0]


def _remove(value: JsonValue, path: str) -> JsonValue:
    if not path:
        return None
    parent, step = _parent(value, path)
    if isinstance(parent, list):
        del parent[to_index(step, len(parent))]
    elif isinstance(parent, dict) and step in parent:
        del parent[step]
    else:
        raise LookupError(f"nothing stands at {path!r}")
    return value


def _put(value: JsonValue, path: str, item: JsonValue) -> JsonValue:
    if not path:
        return item
    parent, step = _parent(value, path)
    match parent:
        case list():
            parent.insert(len(parent) if step == "-" else to_index(step, len(parent) + 1), item)
        case dict():
            parent[step] = item
        case _:
            raise LookupError(f"nothing can stand at {path!r}")
    return value
