"""Reading the audit log."""

import re

from switchbay.accounts import errors
from switchbay.accounts.domain.audit import MOST_PER_PAGE, AuditFilter, AuditPage
from switchbay.accounts.service.means import UseCases
from switchbay.accounts.store import audit as store
from switchbay.kit.ids import is_account_id

_CURSOR = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_NEWEST = 2**62


class AuditReading(UseCases):
    """Lists what was done."""

    async def list_audit(
        self, account_id: str, wanted: AuditFilter | None = None, *, cursor: str | None = None, limit: int = 50
    ) -> AuditPage:
        """Read entries, newest first; ``cursor`` is the one that the page before gave.

        Raises ``account_unknown``, ``cursor_invalid``, ``filter_invalid``.
        """
        if not is_account_id(account_id):
            raise errors.account_unknown()
        if cursor is not None and _CURSOR.fullmatch(cursor) is None:
            raise errors.cursor_invalid()
        filters = wanted or AuditFilter()
        _refuse_unstorable(filters)
        most = max(1, min(limit, MOST_PER_PAGE))
        before = int(cursor) if cursor else _NEWEST
        entries = await self._means.db.read(lambda tx: store.list_audit(tx, account_id, filters, before, most + 1))
        page = entries[:most]
        return AuditPage(page, str(page[-1].number) if len(entries) > most else None)


def _refuse_unstorable(filters: AuditFilter) -> None:
    for name in ("object_type", "object_id", "actor_kind", "actor_id", "action"):
        value: str | None = getattr(filters, name)
        # PostgreSQL takes neither in a text.
        if value is not None and ("\x00" in value or not value.isprintable()):
            raise errors.filter_invalid(name)
