"""SQL of what was decided about apps that ask for all conversations; it is read together with the app."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as upsert

from switchbay.apps.domain.conversations import AccessState, ConversationAccess
from switchbay.apps.domain.installations import Installation
from switchbay.apps.tables import app_conversation_access, app_installations
from switchbay.infra.db import Row, Tx

_KEY = ("account_id", "installation_id")
_new = upsert(app_conversation_access).values(
    {column.name: sa.bindparam(column.name) for column in app_conversation_access.columns}
)
_PUT = _new.on_conflict_do_update(
    index_elements=_KEY,
    set_={name: _new.excluded[name] for name in ("state", "asked_at", "decided_at", "decided_by")},
)
_DROP = sa.delete(app_conversation_access).where(
    app_conversation_access.c.account_id == sa.bindparam("account"),
    app_conversation_access.c.installation_id == sa.bindparam("app"),
)

COLUMNS = (
    app_conversation_access.c.state.label("access_state"),
    app_conversation_access.c.asked_at,
    app_conversation_access.c.decided_at,
    app_conversation_access.c.decided_by,
)
WITH_APPS = app_installations.outerjoin(
    app_conversation_access,
    sa.and_(
        app_conversation_access.c.account_id == app_installations.c.account_id,
        app_conversation_access.c.installation_id == app_installations.c.installation_id,
    ),
)


def access_of(row: Row) -> ConversationAccess | None:
    """What a row with ``COLUMNS`` says; None for an app that does not ask."""
    if row["access_state"] is None:
        return None
    state = AccessState(row["access_state"])
    return ConversationAccess(state, row["asked_at"], row["decided_at"], row["decided_by"])


async def put(tx: Tx, app: Installation) -> None:
    """Store what an app asks for and what was decided."""
    key = {"account": app.account_id, "app": app.installation_id}
    if app.access is None:
        await tx.execute(_DROP, key)
        return
    await tx.execute(
        _PUT,
        {
            "account_id": app.account_id,
            "installation_id": app.installation_id,
            "state": app.access.state.value,
            "asked_at": app.access.asked_at,
            "decided_at": app.access.decided_at,
            "decided_by": app.access.decided_by,
        },
    )
