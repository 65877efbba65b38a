"""SQL of policies: one row for an account whose administrators changed one."""

import msgspec
import sqlalchemy as sa

from switchbay.infra.db import Tx
from switchbay.oauth.domain import Algorithm, Policy
from switchbay.oauth.tables import policies

_ACCOUNT = policies.c.account_id == sa.bindparam("wanted_account", required=True)
_POLICY = sa.select(
    policies.c.implicit_enabled, policies.c.token_algorithm, policies.c.resources, policies.c.registration
).where(_ACCOUNT)
_UPDATE = (
    sa.update(policies)
    .where(_ACCOUNT)
    .values({name: sa.bindparam(name) for name in policies.c.keys() if name != "account_id"})  # noqa: SIM118 - columns
)
_resources = msgspec.json.Decoder(list[str])


async def find_policy(tx: Tx, account_id: str) -> Policy | None:
    """The account's policy; None: nobody changed the defaults."""
    row = await tx.fetch_one(_POLICY, {"wanted_account": account_id})
    if row is None:
        return None
    return Policy(
        implicit_enabled=bool(row["implicit_enabled"]),
        token_algorithm=Algorithm(row["token_algorithm"]),
        resources=frozenset(_resources.decode(row["resources"])),
        registration="off" if row["registration"] == "off" else "token",
    )


async def save_policy(tx: Tx, account_id: str, policy: Policy, at: int) -> None:
    """Store the account's policy in the place of what there was."""
    values: dict[str, str | int | bool] = {
        "implicit_enabled": policy.implicit_enabled,
        "token_algorithm": policy.token_algorithm.value,
        "resources": msgspec.json.encode(sorted(policy.resources)).decode("utf-8"),
        "registration": policy.registration,
        "updated_at": at,
    }
    if await tx.insert_many(policies, ({"account_id": account_id, **values},), ignore_conflicts=True) == 0:
        await tx.execute(_UPDATE, {"wanted_account": account_id, **values})
