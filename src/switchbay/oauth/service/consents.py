"""Consents: what users have allowed apps, remembered by user, app and scope; administrators may allow for everybody.

Taking a consent away also ends what was granted on it: codes, refresh tokens and the access tokens that are asked
about.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from switchbay.accounts.public import Actor, record_audit
from switchbay.apps.public import Apps
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock
from switchbay.kit.ids import is_account_id
from switchbay.oauth.errors import consent_cursor_invalid, consent_scope_invalid, consent_unknown
from switchbay.oauth.protocol.rfc6749_authorization import allowed_scope
from switchbay.oauth.store import consents as store
from switchbay.oauth.store.consents import EVERYBODY, Consent
from switchbay.oauth.store.grants import revoke_grants

MOST_PER_PAGE = 200
_CLIENT_ID = re.compile(r"[0-9a-f-]{1,64}", re.ASCII)
_USER_ID = re.compile(r"[0-9]{1,18}|\*", re.ASCII)


@dataclass(frozen=True, slots=True)
class ConsentPage:
    """Consents in the order of app and user, and the cursor of the next page if there is one."""

    consents: Sequence[Consent]
    next_cursor: str | None


class Consents:
    """Finds, remembers and forgets consents."""

    def __init__(self, db: Database, clock: Clock, apps: Apps) -> None:
        self._db = db
        self._clock = clock
        self._apps = apps

    async def find(self, account_id: str, client_id: str, user_id: str) -> frozenset[str] | None:
        """All that this user and everybody together have allowed the app; None when nobody ever allowed anything."""
        return await self._db.read(lambda tx: store.find_consented_scope(tx, account_id, client_id, user_id))

    async def allow_for_account(
        self, account_id: str, client_id: str, scope: frozenset[str] | None, actor: Actor
    ) -> Consent:
        """Allow an app this scope, or all that it may ask for, on behalf of every user. For administrators.

        Raises ``app_unknown``, and ``consent_scope_invalid`` for more than the app may ask for.
        """
        client = (await self._apps.get_app(account_id, client_id)).app.as_client()
        allowed = allowed_scope(client)
        wanted = allowed if scope is None else scope
        if not wanted <= allowed:
            raise consent_scope_invalid(sorted(wanted - allowed), sorted(allowed))
        consent = Consent(account_id, client_id, EVERYBODY, wanted, self._clock.now_ms(), actor.id)

        async def work(tx: Tx) -> None:
            await remember(tx, consent, actor)

        await self._db.write(work)
        return consent

    async def list_consents(
        self,
        account_id: str,
        *,
        client_id: str | None = None,
        user_id: str | None = None,
        cursor: str | None = None,
        limit: int = MOST_PER_PAGE,
    ) -> ConsentPage:
        """The consents of an account, of one app or user or of all. Raises ``consent_cursor_invalid``."""
        after = _place(cursor)
        if not is_account_id(account_id) or not _are_ids(client_id, user_id):
            return ConsentPage((), None)
        most = max(1, min(limit, MOST_PER_PAGE))
        found = await self._db.read(
            lambda tx: store.list_consents(
                tx, account_id, client_id=client_id, user_id=user_id, after=after, most=most + 1
            )
        )
        page = found[:most]
        return ConsentPage(page, f"{page[-1].client_id}.{page[-1].user_id}" if len(found) > most else None)

    async def withdraw(self, account_id: str, client_id: str, user_id: str, actor: Actor) -> int:
        """Forget what a user, or ``*`` for everybody, has allowed an app; return how many grants ended by it.

        The consent for everybody is withdrawn with every grant of the app: users whose own consent covers it get a new
        one without being asked. Raises ``consent_unknown``.
        """
        if not is_account_id(account_id) or not _are_ids(client_id, user_id):
            raise consent_unknown()
        now = self._clock.now_ms()

        async def work(tx: Tx) -> int:
            if not await store.delete_consent(tx, account_id, client_id, user_id):
                raise consent_unknown()
            whose = None if user_id == EVERYBODY else user_id
            ended = await revoke_grants(
                tx, account_id, at=now, reason="consent_withdrawn", client_id=client_id, user_id=whose
            )
            await record_audit(
                tx,
                account_id=account_id,
                actor=actor,
                action="consent.withdraw",
                object_type="consent",
                object_id=client_id,
                at=now,
                detail={"user_id": user_id, "grants_ended": ended},
            )
            return ended

        return await self._db.write(work)


async def remember(tx: Tx, consent: Consent, actor: Actor) -> None:
    """Add a consent to what was allowed before, as the last statements of a transaction."""
    if not await store.add_consent(tx, consent):
        return
    await record_audit(
        tx,
        account_id=consent.account_id,
        actor=actor,
        action="consent.grant",
        object_type="consent",
        object_id=consent.client_id,
        at=consent.granted_at,
        detail={"user_id": consent.user_id, "scope": " ".join(sorted(consent.scope))},
    )


def _are_ids(client_id: str | None, user_id: str | None) -> bool:
    """Whether these can be ids at all; anything else never reaches the database."""
    return (client_id is None or _CLIENT_ID.fullmatch(client_id) is not None) and (
        user_id is None or _USER_ID.fullmatch(user_id) is not None
    )


def _place(cursor: str | None) -> tuple[str, str]:
    if cursor is None:
        return "", ""
    client_id, separator, user_id = cursor.partition(".")
    if not separator or not _are_ids(client_id, user_id):
        raise consent_cursor_invalid()
    return client_id, user_id
