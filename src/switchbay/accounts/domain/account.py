"""An account (a brand, a site) and the settings that its administrators may change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from switchbay.accounts import errors
from switchbay.accounts.domain.names import checked_name
from switchbay.accounts.domain.origins import allows, checked_origins
from switchbay.kit.signatures import SignatureAlgorithm, SignatureEncoding, StandardWebhooks

TTR_NAMES = ("URGENT", "NORMAL", "PRIORITIZED")
DEFAULT_TTR_SECONDS: Mapping[str, int] = {"URGENT": 300, "NORMAL": 3_600, "PRIORITIZED": 600}
_LONGEST_TTR_SECONDS = 30 * 24 * 3_600
_LONGEST_APP = 64
_SPANS: Mapping[str, tuple[int, int]] = {
    "survey_seconds": (1, 30 * 24 * 3_600),
    "auto_close_seconds": (0, 365 * 24 * 3_600),
    "history_days": (0, 36_500),
    "file_total_bytes": (0, 2**60),
}
_MOST_CONVERSATIONS = 10_000


@dataclass(frozen=True, slots=True)
class Account:
    """An account with its settings.

    ``ttr_seconds`` gives the response target of each of ``TTR_NAMES``; ``reveal_client_secret`` says whether an
    application's secret can be read again after its installation; ``standard_webhooks`` which signatures of Standard
    Webhooks its webhooks carry beside the vendor's; ``webhook_breaker`` whether retries by number pause while nobody
    is there, ``disable_slow_webhooks`` whether an endpoint that stays slow is called no more; ``messaging_enabled`` is
    what feature grants tell, and whether conversations may be opened.

    ``survey_app`` is the application that asks consumers after a conversation, empty for no survey; a survey that has
    not ended after ``survey_seconds`` is closed. A conversation in which nobody has said anything for
    ``auto_close_seconds`` is closed, 0: never. Conversations that are over are erased after
    ``history_days``, 0: never.

    ``agent_capacity`` is how many conversations an agent is given at once who has no number of their own;
    ``requeue_on_disconnect`` says whether the conversations of an agent who went away are given to others.
    ``web_origins`` are the origins whose pages may use the web messenger; without any there is none.
    ``file_total_bytes`` is what its files may have together, if that is less than what the server allows; 0: that.
    """

    account_id: str
    name: str
    created_at: int
    signature_algorithm: SignatureAlgorithm
    signature_encoding: SignatureEncoding
    standard_webhooks: StandardWebhooks
    reveal_client_secret: bool
    messaging_enabled: bool
    ttr_seconds: Mapping[str, int]
    webhook_breaker: bool = False
    disable_slow_webhooks: bool = False
    survey_app: str = ""
    survey_seconds: int = 3_600
    auto_close_seconds: int = 0
    history_days: int = 0
    agent_capacity: int = 30
    requeue_on_disconnect: bool = True
    web_origins: tuple[str, ...] = ()
    file_total_bytes: int = 0

    def allows_origin(self, origin: str) -> bool:
        """Whether a page of this origin may use the web messenger."""
        return allows(self.web_origins, origin)


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What to change of an account; None leaves a setting as it is, ``ttr_seconds`` may name some targets only."""

    name: str | None = None
    signature_algorithm: SignatureAlgorithm | None = None
    signature_encoding: SignatureEncoding | None = None
    standard_webhooks: StandardWebhooks | None = None
    reveal_client_secret: bool | None = None
    messaging_enabled: bool | None = None
    ttr_seconds: Mapping[str, int] | None = None
    webhook_breaker: bool | None = None
    disable_slow_webhooks: bool | None = None
    survey_app: str | None = None
    survey_seconds: int | None = None
    auto_close_seconds: int | None = None
    history_days: int | None = None
    agent_capacity: int | None = None
    requeue_on_disconnect: bool | None = None
    web_origins: Sequence[str] | None = None
    file_total_bytes: int | None = None


def changed(before: Account, change: AccountChange) -> Account:
    """The account after ``change``. Raises ``name_invalid`` and ``account_setting_invalid``."""
    given = {field.name: value for field in fields(change) if (value := getattr(change, field.name)) is not None}
    if change.name is not None:
        given["name"] = checked_name("account name", change.name)
    if change.ttr_seconds is not None:
        given["ttr_seconds"] = merged_ttr(before.ttr_seconds, change.ttr_seconds)
    if change.web_origins is not None:
        given["web_origins"] = checked_origins(change.web_origins)
    if change.survey_app is not None and len(change.survey_app) > _LONGEST_APP:
        raise errors.account_setting_invalid("survey_app", f"it must have at most {_LONGEST_APP} characters.")
    for name, (least, most) in _SPANS.items():
        if name in given and not least <= given[name] <= most:
            raise errors.account_setting_invalid(name, f"it must be {least} to {most} {name.rpartition('_')[2]}.")
    if not 1 <= given.get("agent_capacity", 1) <= _MOST_CONVERSATIONS:
        raise errors.account_setting_invalid("agent_capacity", f"it must be 1 to {_MOST_CONVERSATIONS}.")
    return replace(before, **given)


def merged_ttr(current: Mapping[str, int], change: Mapping[str, int]) -> Mapping[str, int]:
    """Return the response targets after ``change``; refuse unknown names and spans outside 1 second to 30 days."""
    for name, seconds in change.items():
        if name not in TTR_NAMES:
            raise errors.account_setting_invalid("ttr_seconds", f"the targets are {', '.join(TTR_NAMES)}.")
        if not 1 <= seconds <= _LONGEST_TTR_SECONDS:
            raise errors.account_setting_invalid("ttr_seconds", f"{name} must be 1 to {_LONGEST_TTR_SECONDS} seconds.")
    return {**current, **change}
