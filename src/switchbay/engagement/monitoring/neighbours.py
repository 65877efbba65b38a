"""What monitoring needs of the parts of the engagement room beside it, and of messaging."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, TypeAlias

from switchbay.accounts.public import Account
from switchbay.apps.public import Client
from switchbay.engagement.domain.happenings import Happening
from switchbay.engagement.domain.published import Published
from switchbay.infra.db import Tx

Subject: TypeAlias = tuple[str, str]
"""An account's id and the ``sub`` of somebody whom a client has named."""


class OpenConversation(Protocol):
    """A conversation that goes on; the numbers are those of the offer that it came from, if it came from one."""

    @property
    def conversation_id(self) -> str:
        """Its id."""
        ...

    @property
    def campaign_id(self) -> int | None:
        """The campaign's."""
        ...

    @property
    def engagement_id(self) -> int | None:
        """The engagement's."""
        ...


class AccountBook(Protocol):
    """What is asked of the accounts room."""

    async def find_account(self, account_id: str) -> Account | None:
        """The account, from a cache when it may be."""
        ...


class AppBook(Protocol):
    """What is asked of the apps room."""

    async def find_client(self, account_id: str, client_id: str) -> Client | None:
        """The app with this id, enabled or not, from a cache when it may be."""
        ...


class Offers(Protocol):
    """What an account offers now."""

    async def of(self, account_id: str) -> Published:
        """The account's published campaigns; the same object until they change."""
        ...


class OpenConversations(Protocol):
    """Who is in a conversation."""

    async def __call__(self, tx: Tx, subjects: Collection[Subject]) -> Mapping[Subject, OpenConversation]:
        """The newest open conversation of each of these consumers that has one."""
        ...


class Recording(Protocol):
    """Who counts what happens."""

    async def __call__(self, tx: Tx, account_id: str, happenings: Sequence[Happening]) -> None:
        """Count these within the transaction."""
        ...
