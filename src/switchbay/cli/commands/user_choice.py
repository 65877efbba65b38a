"""How commands of the operator name a user, and find them."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from switchbay.accounts.public import Accounts, User
from switchbay.cli.local import open_accounts
from switchbay.cli.servers import run_async
from switchbay.infra.settings import Settings
from switchbay.kit.errors import AppError, Kind

T = TypeVar("T")
AccountId = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Account id.")]
LoginName = Annotated[str, typer.Argument(metavar="LOGIN", help="Login name, in any case.")]


def with_user(settings: Settings, account: str, login: str, act: Callable[[Accounts, User], Awaitable[T]]) -> T:
    """Do something with a user on the database of the settings. Raises ``account_unknown``, ``user_unknown``."""

    async def run() -> T:
        async with open_accounts(settings) as accounts:
            await accounts.get_account(account)
            user = await accounts.find_user_by_login(account, login)
            if user is None:
                raise AppError(Kind.NOT_FOUND, "user_unknown", f"The account {account} has no user {login!r}.")
            return await act(accounts, user)

    return run_async(run())
