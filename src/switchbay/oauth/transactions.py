"""An authorization request on its way through the pages of login and consent, sealed into a text.

The pages keep nothing on the server: what was asked, when, in which browser, and what the person has done so far travel
with the browser, encrypted and authenticated, for an hour. A form is good only in the browser that it was shown in,
which is the proof against requests that another site forges.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from switchbay.infra.machine import Clock
from switchbay.infra.vault import Vault
from switchbay.kit.errors import AppError
from switchbay.oauth.domain import Face, Version
from switchbay.oauth.protocol.oidc_interaction import NO_STEPS, Steps

LIFETIME_MS: Final = 3_600_000
_MOST_CHARACTERS: Final = 32_768
_CONTEXT: Final = "oauth/transaction"


@dataclass(frozen=True, slots=True)
class Transaction:
    """A request as it came: ``parameters`` decoded, in order; ``asked_at`` in epoch milliseconds; ``browser`` is the
    SHA-256 of the browser's cookie."""

    account_id: str
    face: Face
    version: Version
    parameters: Sequence[tuple[str, str]]
    asked_at: int
    browser: bytes
    steps: Steps = NO_STEPS

    def after(self, steps: Steps) -> "Transaction":
        """The same request, with more done for it."""
        return replace(self, steps=steps)


class _Sealed(msgspec.Struct, frozen=True, array_like=True):
    account_id: str
    face: str
    version: Version
    parameters: list[tuple[str, str]]
    asked_at: int
    browser: bytes
    session_id: str | None
    offered: list[str] | None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Sealed).decode


class Transactions:
    """Seals and opens transactions."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock

    def seal(self, transaction: Transaction) -> str:
        """The transaction as base64url. An answer to the consent page is not kept: it counts where it is given."""
        steps = transaction.steps
        sealed = _Sealed(
            account_id=transaction.account_id,
            face=transaction.face.value,
            version=transaction.version,
            parameters=list(transaction.parameters),
            asked_at=transaction.asked_at,
            browser=transaction.browser,
            session_id=steps.session_id,
            offered=None if steps.offered is None else sorted(steps.offered),
        )
        return base64.urlsafe_b64encode(self._vault.seal(_encode(sealed), _CONTEXT)).rstrip(b"=").decode("ascii")

    def open(self, text: str) -> Transaction | None:
        """The transaction; None for what this server never sealed, or was asked more than an hour ago."""
        if len(text) > _MOST_CHARACTERS or not text.isascii():
            return None
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            found = _decode(self._vault.open_bytes(sealed, _CONTEXT))
        except (AppError, binascii.Error, msgspec.MsgspecError):
            return None
        if self._clock.now_ms() - found.asked_at >= LIFETIME_MS:
            return None
        offered = None if found.offered is None else frozenset(found.offered)
        return Transaction(
            account_id=found.account_id,
            face=Face(found.face),
            version=found.version,
            parameters=tuple(found.parameters),
            asked_at=found.asked_at,
            browser=found.browser,
            steps=Steps(session_id=found.session_id, offered=offered),
        )
