"""Accounts and their settings."""

from collections.abc import Mapping
from dataclasses import asdict

from switchbay.accounts import errors
from switchbay.accounts.domain.account import DEFAULT_TTR_SECONDS, Account, AccountChange, changed
from switchbay.accounts.domain.directory import base_uris
from switchbay.accounts.domain.names import checked_name
from switchbay.accounts.domain.people import Actor
from switchbay.accounts.service.means import Means, UseCases
from switchbay.accounts.store import accounts as store
from switchbay.accounts.store.audit import record_audit
from switchbay.infra.db import Tx, UniqueViolation
from switchbay.infra.memory import RecentCache
from switchbay.kit.ids import is_account_id
from switchbay.kit.jsonvalue import JsonValue

_FRESH_SECONDS = 2.0
_MOST_CACHED = 10_000


class AccountBook(UseCases):
    """Creates, reads and changes accounts. Reads are at most two seconds old."""

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self._recent: RecentCache[str, Account] = RecentCache(
            self._read, means.clock, seconds=_FRESH_SECONDS, most=_MOST_CACHED
        )

    async def create_account(self, account_id: str, name: str, actor: Actor) -> Account:
        """Create an account; this is an operator's act. Raises ``account_id_invalid``, ``account_exists``."""
        if not is_account_id(account_id):
            raise errors.account_id_invalid()
        now = self._means.clock.now_ms()
        account = Account(
            account_id=account_id,
            name=checked_name("account name", name),
            created_at=now,
            signature_algorithm=self._means.signature_algorithm,
            signature_encoding=self._means.signature_encoding,
            standard_webhooks="off",
            reveal_client_secret=False,
            messaging_enabled=True,
            ttr_seconds=DEFAULT_TTR_SECONDS,
        )

        async def create(tx: Tx) -> None:
            await store.insert_account(tx, account)
            await record_audit(
                tx,
                account_id=account_id,
                actor=actor,
                action="account.create",
                object_type="account",
                object_id=account_id,
                at=now,
                detail={"name": account.name},
            )

        try:
            await self._means.db.write(create)
        except UniqueViolation as taken:
            raise errors.account_exists() from taken
        return account

    async def find_account(self, account_id: str) -> Account | None:
        """Read an account, at most two seconds old."""
        return await self._recent.find(account_id) if is_account_id(account_id) else None

    async def _read(self, account_id: str) -> Account | None:
        return await self._means.db.read(lambda tx: store.find_account(tx, account_id))

    async def get_account(self, account_id: str) -> Account:
        """Read an account, at most two seconds old. Raises ``account_unknown``."""
        account = await self.find_account(account_id)
        if account is None:
            raise errors.account_unknown()
        return account

    async def list_accounts(self) -> list[Account]:
        """Read every account of the installation, by id."""
        return await self._means.db.read(store.list_accounts)

    async def update_account(self, account_id: str, change: AccountChange, actor: Actor) -> Account:
        """Change settings of an account. Raises ``account_unknown``, ``name_invalid``, ``account_setting_invalid``."""
        if not is_account_id(account_id):
            raise errors.account_unknown()
        now = self._means.clock.now_ms()

        async def update(tx: Tx) -> Account:
            before = await store.lock_account(tx, account_id)
            if before is None:
                raise errors.account_unknown()
            after = changed(before, change)
            detail = _differences(before, after)
            if detail:
                await store.save_account(tx, after)
                tx.on_commit(lambda: self._forget(account_id))
                await record_audit(
                    tx,
                    account_id=account_id,
                    actor=actor,
                    action="account.update",
                    object_type="account",
                    object_id=account_id,
                    at=now,
                    detail=detail,
                )
            return after

        return await self._means.db.write(update)

    def _forget(self, account_id: str) -> None:
        self._recent.drop(account_id)

    @property
    def public_address(self) -> str:
        """The ``host[:port]`` at which clients reach every service."""
        return self._means.public_address

    def base_uris(self, account_id: str) -> list[dict[str, str]]:
        """The directory of an account."""
        return base_uris(account_id, self._means.public_address)


def _differences(before: Account, after: Account) -> dict[str, JsonValue]:
    old: Mapping[str, JsonValue] = asdict(before)
    new: Mapping[str, JsonValue] = asdict(after)
    return {name: {"from": old[name], "to": new[name]} for name in old if old[name] != new[name]}
