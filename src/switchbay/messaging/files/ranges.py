"""Parts of a file: the ``Range`` header of RFC 9110 §14, for one range of bytes."""

import re
from typing import Final

_RANGE: Final = re.compile(r"bytes\s*=\s*(?:(\d{1,15})\s*-\s*(\d{1,15})?|-\s*(\d{1,15}))\s*", re.ASCII | re.IGNORECASE)


class Unsatisfiable(Exception):
    """The range lies behind the end of the file."""


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The part that is asked for, as the first byte and the one after the last; None: the whole file.

    What is malformed or asks for several ranges is passed over, as RFC 9110 §14.2 allows. Raises ``Unsatisfiable``.
    """
    found = None if header is None else _RANGE.fullmatch(header)
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        if int(suffix) == 0:
            raise Unsatisfiable
        return max(0, size - int(suffix)), size
    start = int(first)
    if last is not None and int(last) < start:
        return None
    if start >= size:
        raise Unsatisfiable
    return start, size if last is None else min(int(last) + 1, size)
