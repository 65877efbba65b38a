"""The memory of one node with many issuers, each of which has signed, verified and published with keys of its own.

Making tens of thousands of RSA keys would take an hour, so a few key pairs are stored under many accounts, sealed for
each: for the node they are different keys, opened, parsed and remembered one by one. Prints one JSON line.
"""

import argparse
import asyncio
import json
import multiprocessing
import tempfile
import time
from pathlib import Path

import psutil

from switchbay import assembly
from switchbay.accounts.public import OPERATOR
from switchbay.infra.db import Tx
from switchbay.infra.db.migrate import migrate
from switchbay.infra.settings import Settings
from switchbay.infra.vault import Vault
from switchbay.oauth.domain import Algorithm, KeyPurpose, KeyState
from switchbay.oauth.protocol.rfc7517_keys import NewKey, generate_key
from switchbay.oauth.tables import keys

_PAIRS = 20
_SLOTS = ((KeyPurpose.APP_V2, Algorithm.RS256), (KeyPurpose.OIDC, Algorithm.RS256), (KeyPurpose.OIDC, Algorithm.ES256))
_TOGETHER = 200


def _vault() -> Vault:
    return Vault([("bench", b"\x07" * 32)])


def _row(vault: Vault, account: str, pair: NewKey, purpose: KeyPurpose, alg: Algorithm) -> dict[str, str | int | bytes]:
    kid = f"{pair.kid[:30]}-{purpose.value}-{alg.value}"
    now = time.time_ns() // 1_000_000
    return {
        "account_id": account,
        "kid": kid,
        "purpose": purpose.value,
        "state": KeyState.ACTIVE.value,
        "alg": alg.value,
        "private_key": vault.seal(pair.private_der, f"oauth_keys/{account}/{kid}/private_key"),
        "public_jwk": pair.public_jwk.replace(pair.kid, kid),
        "created_at": now,
        "state_at": now,
    }


def _resident_mb() -> float:
    return round(float(psutil.Process().memory_info().rss) / 1e6, 1)


def _accounts(count: int) -> list[str]:
    return [f"a{number:06}" for number in range(count)]


async def _fill(folder: Path, count: int) -> None:
    """Make the accounts and their keys, in a process of its own: what that takes is not what is measured."""
    vault = _vault()
    platform = await assembly.build(Settings(data_dir=folder), vault=vault)
    accounts = _accounts(count)
    pairs = {alg: [generate_key(alg) for _ in range(_PAIRS)] for alg in Algorithm}
    for start in range(0, count, _TOGETHER):
        some = accounts[start : start + _TOGETHER]
        await asyncio.gather(*(platform.accounts.create_account(each, "Bench", OPERATOR) for each in some))
        rows = [
            _row(vault, account, pairs[alg][place % _PAIRS], purpose, alg)
            for place, account in enumerate(some)
            for purpose, alg in _SLOTS
        ]

        async def add(tx: Tx, rows: list[dict[str, str | int | bytes]] = rows) -> int:
            return await tx.insert_many(keys, rows)

        await platform.db.write(add)
    await platform.stop()


async def _measure(folder: Path, count: int) -> dict[str, float]:
    platform = await assembly.build(Settings(data_dir=folder), vault=_vault())
    accounts = _accounts(count)
    await platform.start()
    before = _resident_mb()
    ring = platform.authorization.keys

    async def use(account: str) -> None:
        for purpose, alg in _SLOTS:
            token = await ring.sign(account, purpose, b'{"sub":"1"}', alg=alg)
            await ring.open(account, token, {purpose})
        await ring.render_account_keys(account)

    begun = time.monotonic()
    for _ in range(2):
        for start in range(0, count, _TOGETHER):
            await asyncio.gather(*(use(account) for account in accounts[start : start + _TOGETHER]))
    seconds = time.monotonic() - begun
    figures = {
        "issuers": count,
        "keys": count * len(_SLOTS),
        "resident_mb_before_use": before,
        "resident_mb": _resident_mb(),
        "milliseconds_each_signed_opened_and_published": round(seconds * 1000 / count / 2, 2),
    }
    await platform.stop()
    return figures


def _prepare(folder: str, count: int) -> None:
    migrate(f"sqlite:///{folder}/switchbay.db")
    asyncio.run(_fill(Path(folder), count))


def main() -> None:
    """Run once and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="switchbay-issuers-") as folder:
        filling = multiprocessing.get_context("spawn").Process(target=_prepare, args=(folder, given.count))
        filling.start()
        filling.join()
        print(json.dumps(asyncio.run(_measure(Path(folder), given.count))), flush=True)


if __name__ == "__main__":
    main()
