"""Look-ups of many rows at once.

Keys go in as lists of 1, 2, 4 … parameters, so that lists of any size run a few prepared statements, whose text is
compiled once.
"""

from collections.abc import Collection

import sqlalchemy as sa


def places(prefix: str, keys: Collection[str]) -> tuple[int, dict[str, str]]:
    """The length of the prepared list that these keys fit in, and its parameters; the last key fills it up."""
    given = list(keys)
    size = 1 << (len(given) - 1).bit_length()
    given += given[-1:] * (size - len(given))
    return size, {f"{prefix}{place}": key for place, key in enumerate(given)}


def any_of(prefix: str, size: int) -> list[sa.BindParameter[str]]:
    """The parameters of a list."""
    return [sa.bindparam(f"{prefix}{place}", type_=sa.Text) for place in range(size)]
