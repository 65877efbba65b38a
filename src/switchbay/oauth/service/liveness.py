"""Whether what was issued still counts: the app, the user and the grant behind it."""

from switchbay.apps.public import Client
from switchbay.oauth.domain import Grant
from switchbay.oauth.service.minting import Users


class Liveness:
    """Asks the rooms that know. Their answers are at most two seconds old."""

    def __init__(self, users: Users) -> None:
        self._users = users

    async def why_dead(self, grant: Grant | None, client: Client | None) -> str | None:
        """Why nothing of a grant counts any more, as a stable word for the log; None when it is alive."""
        if grant is None:
            return "grant_gone"
        if grant.revoked_at is not None:
            return "grant_revoked"
        if client is None or client.client_id != grant.client_id:
            return "app_gone"
        if not client.enabled:
            return "app_disabled"
        if not client.is_current(grant.created_at):
            return "app_revoked_tokens"
        user = await self._users.find_user(grant.account_id, grant.user_id)
        if user is None or not user.enabled:
            return "user_disabled"
        # A new password ends sessions, and with them what was issued; this is for grants that outlived their session.
        return "password_changed" if grant.created_at < user.password_changed_at else None

    def why_client_dead(self, client: Client | None, issued_at: int) -> str | None:
        """Why what a client got for itself at that time, in epoch milliseconds, does not count any more."""
        if client is None:
            return "app_gone"
        if not client.enabled:
            return "app_disabled"
        return None if client.is_current(issued_at) else "app_revoked_tokens"
