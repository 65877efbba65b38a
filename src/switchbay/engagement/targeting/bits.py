"""Sets of small numbers as the bits of one integer."""

from collections.abc import Iterable


def of(numbers: Iterable[int]) -> int:
    """Return the integer in which the bits of these numbers are set."""
    listed = list(numbers)
    if not listed:
        return 0
    room = bytearray((max(listed) >> 3) + 1)
    for number in listed:
        room[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(room, "little")


def less(bits: int, taken: int) -> int:
    """Return the bits without those that are taken. Long integers take this better than a negation."""
    return bits ^ (bits & taken)
