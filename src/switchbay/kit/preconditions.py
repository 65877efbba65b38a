"""What ``If-Match`` asks for: at which revision of a collection a change may be made (RFC 9110 §13.1.1)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from switchbay.kit.errors import AppError, Kind

_REVISION = re.compile(r'(?:W/)?(")?(-?[0-9]{1,18})(?(1)")')


@dataclass(frozen=True, slots=True)
class Precondition:
    """What ``If-Match`` asks for: any revision, or one of a few."""

    any: bool
    revisions: frozenset[int] = frozenset()

    def holds(self, revision: int) -> bool:
        """Whether a change may be made to a collection at ``revision``."""
        return self.any or revision in self.revisions


ANY = Precondition(any=True)


def parse_if_match(values: Sequence[str]) -> Precondition | None:
    """Read ``If-Match`` (RFC 9110 §13.1.1), more leniently: bare numbers, weak tags; ``-1`` means any. None if absent.

    What is not a revision matches none.
    """
    tags = [tag.strip() for value in values for tag in value.split(",") if tag.strip()]
    if not tags:
        return None
    revisions: set[int] = set()
    for tag in tags:
        match = _REVISION.fullmatch(tag)
        if tag == "*" or (match is not None and match[2] == "-1"):
            return ANY
        if match is not None:
            revisions.add(int(match[2]))
    return Precondition(any=False, revisions=frozenset(revisions))


def revision_missing(revision: int) -> AppError:
    """A change came without ``If-Match``."""
    return AppError(
        Kind.PRECONDITION_REQUIRED,
        "revision_missing",
        "Send If-Match with the ac-revision that the change is based on, or * for any.",
        {"revision": revision},
    )


def revision_stale(revision: int) -> AppError:
    """``If-Match`` names another revision than the current one."""
    return AppError(
        Kind.STALE,
        "revision_stale",
        "What you are changing has changed since the revision in If-Match; read it again.",
        {"revision": revision},
    )
