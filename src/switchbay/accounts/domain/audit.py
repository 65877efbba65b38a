"""Entries of the audit log: who did what to which object, when, from where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from switchbay.accounts.domain.people import Actor
from switchbay.kit.jsonvalue import JsonValue

MOST_PER_PAGE = 200


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change. ``number`` counts an account's entries from 1 without a gap; ``at`` is epoch milliseconds."""

    account_id: str
    number: int
    at: int
    actor: Actor
    action: str
    object_type: str
    object_id: str
    detail: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries to list; None matches all."""

    object_type: str | None = None
    object_id: str | None = None
    actor_kind: str | None = None
    actor_id: str | None = None
    action: str | None = None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, newest first, and the cursor of the next page if there is one."""

    entries: Sequence[AuditEntry]
    next_cursor: str | None
