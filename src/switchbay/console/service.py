"""The quick-launch menu as use cases: what it shows, and where a click leads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from switchbay.accounts.public import Accounts
from switchbay.apps.public import Apps, Client, localise
from switchbay.console import domain, errors
from switchbay.console.domain import Tile

LOGO_PATH: Final = "/api/account/{account}/app-logos/{app}.png"


@dataclass(frozen=True, slots=True)
class Menu:
    """What the menu of an account shows."""

    account_name: str
    tiles: Sequence[Tile]


class Launch:
    """The menus of all accounts. ``origin``: of the addresses that are given out, which the issuers are below."""

    def __init__(self, accounts: Accounts, apps: Apps, origin: str) -> None:
        self._accounts = accounts
        self._apps = apps
        self._origin = origin

    async def get_account_name(self, account_id: str) -> str:
        """How the account is called. Raises ``launch_account_unknown``."""
        account = await self._accounts.find_account(account_id)
        if account is None:
            raise errors.account_unknown()
        return account.name

    async def menu(self, account_id: str, languages: Sequence[str]) -> Menu:
        """The apps of an account for a reader of these languages, best first. Raises ``launch_account_unknown``."""
        name = await self.get_account_name(account_id)
        listing = await self._apps.list_apps(account_id)
        logos = {
            app_id: LOGO_PATH.format(account=account_id, app=app_id)
            for app_id, state in listing.logos.items()
            if state.etag is not None
        }
        return Menu(name, domain.tiles((app.as_client() for app in listing.apps), logos, languages))

    async def get_app_name(self, account_id: str, app_id: str, languages: Sequence[str]) -> str:
        """How an app is called. Raises ``launch_app_unknown``."""
        return localise(await self._get_client(account_id, app_id), "display_name", languages)

    async def start(self, account_id: str, app_id: str, user_id: str, target: str | None) -> str:
        """Where a user's click on an app leads. Raises what ``domain.launch_uri`` raises."""
        client = await self._get_client(account_id, app_id)
        return domain.launch_uri(client, issuer=f"{self._origin}/oidc/{account_id}", user_id=user_id, target=target)

    async def _get_client(self, account_id: str, app_id: str) -> Client:
        client = await self._apps.find_client(account_id, app_id)
        if client is None:
            raise errors.app_unknown()
        return client
