"""JSON Pointers (RFC 6901): a path into a JSON value, as steps and as text."""

from collections.abc import Iterable

from switchbay.kit.jsonvalue import JsonValue

Step = str | int
Path = tuple[Step, ...]


def to_pointer(path: Iterable[Step]) -> str:
    """The pointer of a path: ``("a/b", 0)`` is ``/a~1b/0``; the empty path, the whole document, is ``""``."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def from_pointer(pointer: str) -> tuple[str, ...]:
    """The steps of a pointer, unescaped and all as text: only the value itself tells an index from a member name.

    Raises ValueError when the text is no pointer.
    """
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise ValueError("a JSON Pointer is empty or starts with a slash")
    steps = pointer[1:].split("/")
    for step in steps:
        rest = step.replace("~0", "").replace("~1", "")
        if "~" in rest:
            raise ValueError("a tilde in a JSON Pointer is followed by 0 or 1")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in steps)


def to_index(step: str, length: int) -> int:
    """The array index that a step names, 0 to ``length - 1``; raises LookupError for anything else."""
    if not (step == "0" or (step.isascii() and step.isdigit() and step[0] != "0" and len(step) <= len(str(length)))):
        raise LookupError(f"{step!r} is no array index")
    index = int(step)
    if index >= length:
        raise LookupError(f"index {index} is past the end")
    return index


def resolve(value: JsonValue, pointer: str) -> JsonValue:
    """The part of a value that a pointer names; raises LookupError when there is none."""
    for step in from_pointer(pointer):
        if isinstance(value, list):
            value = value[to_index(step, len(value))]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            raise LookupError(f"nothing stands at {step!r}")
    return value
