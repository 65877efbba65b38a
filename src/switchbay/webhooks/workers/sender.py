"""One attempt: which endpoint counts now, the signed request, and what its answer means."""

from typing import Protocol

from switchbay.infra.egress import Egress, Identity, Outcome
from switchbay.infra.machine import Clock
from switchbay.kit.record import Record
from switchbay.kit.signatures import SignatureAlgorithm, SignatureEncoding, StandardWebhooks
from switchbay.webhooks import metrics, wire
from switchbay.webhooks.client_certificates import ClientCertificates
from switchbay.webhooks.domain import SUCCESS, AttemptOutcome, Pace, Pending, Reason, Verdict, judge, retry_after_ms
from switchbay.webhooks.owners import SendEndpoint, SendOwner
from switchbay.webhooks.request_head import kept_head
from switchbay.webhooks.signing import SigningKeys, with_standard_headers
from switchbay.webhooks.store.deliveries import AttemptRow

_TIMED_OUT = frozenset({"connect_timeout", "response_timeout", "dns", "proxy_timeout"})
_TOO_MANY_REQUESTS = 429
_SERVER_ERRORS = 500
_NOBODY_THERE = frozenset(
    {
        "dns",
        "connect_timeout",
        "connect",
        "proxy",
        "proxy_timeout",
        "tls",
        "response_timeout",
        "connection_closed",
        "protocol",
        "response_head_too_large",
    }
)
_OUTCOMES = {outcome: metrics.ATTEMPTS.labels(outcome.value) for outcome in AttemptOutcome}


class SendingSettings(Protocol):
    """How an account wants its webhooks signed and sent."""

    @property
    def signature_algorithm(self) -> SignatureAlgorithm:
        """SHA-1 or SHA-256."""
        ...

    @property
    def signature_encoding(self) -> SignatureEncoding:
        """Base64 or hex."""
        ...

    @property
    def standard_webhooks(self) -> StandardWebhooks:
        """Which signatures of Standard Webhooks there are beside it."""
        ...

    @property
    def webhook_breaker(self) -> bool:
        """Whether retries by number wait while nobody seems to be there."""
        ...

    @property
    def disable_slow_webhooks(self) -> bool:
        """Whether endpoints that stay slow are called no more."""
        ...


class AccountSettings(Protocol):
    """Where an account's settings come from: the accounts room, which remembers them."""

    async def get_account(self, account_id: str, /) -> SendingSettings:
        """The settings of one account."""
        ...


class Attempted(Record, frozen=True):
    """An attempt that was made. ``is_strained`` tells that the endpoint should be given fewer requests at once,
    ``trips`` that it counts for the breaker.
    """

    row: AttemptRow
    verdict: Verdict
    is_strained: bool
    trips: bool = False


def endpoint_for(owner: SendOwner | None, delivery: Pending, now: int) -> SendEndpoint | Reason:
    """The endpoint that an event goes to as the app is now, or why it goes nowhere."""
    if owner is None:
        return Reason.APP_REMOVED
    endpoint = owner.endpoints.get(delivery.event_key)
    if endpoint is None:
        return Reason.ENDPOINT_REMOVED
    if endpoint.disabled is not None:
        return endpoint.disabled
    if owner.retention_ms and delivery.created_at + owner.retention_ms <= now:
        return Reason.RETENTION_EXPIRED
    return endpoint


class Sender:
    """Makes attempts."""

    def __init__(
        self,
        clock: Clock,
        egress: Egress,
        accounts: AccountSettings,
        keys: SigningKeys,
        certificates: ClientCertificates,
        pace: Pace,
    ) -> None:
        self._clock = clock
        self._certificates = certificates
        self._keys = keys
        self._egress = egress
        self._accounts = accounts
        self._pace = pace

    async def attempt(
        self, account_id: str, owner: SendOwner, endpoint: SendEndpoint, delivery: Pending, *, is_probe: bool = False
    ) -> Attempted:
        """Send a delivery once. ``is_probe`` says that a closed gate waits for the outcome."""
        account = await self._accounts.get_account(account_id)
        identity: Identity | None = None
        if endpoint.certificate_id is not None:
            identity = self._certificates.ready(endpoint.certificate_id)
            if identity is None:
                identity = await self._certificates.make_ready(account_id, endpoint.certificate_id)
        started_at = self._clock.now_ms()
        headers = wire.request_headers(
            account_id,
            owner,
            endpoint,
            delivery,
            now=started_at,
            algorithm=account.signature_algorithm,
            encoding=account.signature_encoding,
        )
        if account.standard_webhooks != "off":
            secrets = (
                [owner.signing_secret] if owner.other_secret is None else [owner.signing_secret, owner.other_secret]
            )
            keys = await self._keys.find(account_id, account.standard_webhooks)
            headers = with_standard_headers(headers, delivery.body, secrets, keys, started_at)
        metrics.IN_FLIGHT.inc()
        try:
            outcome = await self._egress.post(
                endpoint.url,
                headers,
                delivery.body,
                connect_seconds=self._pace.connect_seconds,
                response_seconds=self._pace.response_seconds,
                response_bytes=self._pace.response_bytes,
                identity=identity,
            )
        finally:
            metrics.IN_FLIGHT.dec()
        holds = owner.retention_ms > 0 and (is_probe or not endpoint.is_exempt)
        counts = account.webhook_breaker and not owner.retention_ms
        head = kept_head(endpoint.shown, headers, has_standard=account.standard_webhooks != "off")
        return self._judge(account_id, endpoint, delivery, started_at, head, outcome, holds=holds, counts=counts)

    def _judge(
        self,
        account_id: str,
        endpoint: SendEndpoint,
        delivery: Pending,
        started_at: int,
        head: str,
        outcome: Outcome,
        *,
        holds: bool,
        counts: bool,
    ) -> Attempted:
        now = self._clock.now_ms()
        number = delivery.attempts + 1
        verdict = judge(
            outcome.status,
            outcome.failure,
            number=number,
            max_retries=endpoint.max_retries,
            now=now,
            gap_ms=self._pace.retry_ms,
            wait_ms=retry_after_ms(outcome.headers, now) if outcome.status not in SUCCESS else 0,
            holds=holds,
        )
        _OUTCOMES[verdict.outcome].inc()
        metrics.REQUEST_SECONDS.observe(outcome.total_ms / 1000)
        if verdict.outcome is AttemptOutcome.DELIVERED:
            metrics.DELIVERY_SECONDS.observe(max(0, now - delivery.created_at) / 1000)
        row = AttemptRow(
            account_id,
            delivery.id,
            number,
            started_at,
            outcome.connect_ms,
            outcome.first_byte_ms,
            outcome.total_ms,
            outcome.address,
            outcome.status,
            outcome.failure,
            wire.kept_detail(outcome),
            wire.kept_headers(outcome.headers),
            outcome.body[: wire.KEPT_BODY_BYTES],
            verdict.outcome.value,
            head,
        )
        return Attempted(
            row,
            verdict,
            outcome.failure in _TIMED_OUT or outcome.status == _TOO_MANY_REQUESTS,
            counts and _is_down(outcome),
        )


def _is_down(outcome: Outcome) -> bool:
    """Whether nobody seems to be there: no answer, or one that says that the server failed."""
    if outcome.failure is not None:
        return outcome.failure in _NOBODY_THERE
    return outcome.status is not None and outcome.status >= _SERVER_ERRORS
