"""Deciding about apps that ask for the events of all conversations of the account."""

from dataclasses import replace

from switchbay.accounts.public import Actor
from switchbay.apps import errors
from switchbay.apps.changes import Changes, Found
from switchbay.apps.domain.conversations import AccessState, decided
from switchbay.apps.domain.installations import Installation
from switchbay.apps.owners import publish_owner
from switchbay.apps.store import conversations as store
from switchbay.infra.db import Tx
from switchbay.infra.vault import Vault
from switchbay.kit.preconditions import ANY, Precondition

_ACTIONS = {
    AccessState.APPROVED: "app.approve_conversations",
    AccessState.REFUSED: "app.refuse_conversations",
    AccessState.WITHDRAWN: "app.withdraw_conversations",
}


class Conversations:
    """What administrators decide about the conversations that apps are told of."""

    def __init__(self, changes: Changes, vault: Vault) -> None:
        self._changes = changes
        self._vault = vault

    async def decide(
        self, account_id: str, app_id: str, decision: AccessState, actor: Actor, condition: Precondition = ANY
    ) -> Found:
        """Approve or refuse an app's request for the events of all conversations, or withdraw the approval.

        It counts for every event that is stored after it, on every node. Done again, it changes nothing. Raises
        ``app_unknown``, ``revision_stale``, ``conversations_not_asked`` and ``conversations_decided``.
        """

        async def change(tx: Tx, old: Installation, now: int) -> Installation:
            if old.access is None:
                raise errors.conversations_not_asked()
            access = decided(old.access, decision, by=actor.id, now=now)
            if access is None:
                raise errors.conversations_decided(old.access.state.value)
            if access is old.access:
                return old
            app = replace(old, access=access)
            await store.put(tx, app)
            await publish_owner(tx, self._vault, app, now)
            await self._changes.audit_change(tx, app, actor, _ACTIONS[decision], now)
            return app

        return await self._changes.make(account_id, app_id, condition, change)
