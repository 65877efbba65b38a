"""Bodies of the app-install API and of the management API, rendered from apps."""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from pydantic import BaseModel, Field, JsonValue

from switchbay.apps import documents
from switchbay.apps.domain.conversations import AccessState, ConversationAccess
from switchbay.apps.domain.installations import Installation
from switchbay.apps.domain.secrets import ClientSecret
from switchbay.apps.store.logos import LogoState
from switchbay.kit.jsonvalue import JsonValue as Json
from switchbay.kit.secret import Secret
from switchbay.manifest.public import Finding, Options, Severity, check_value, logo_finding, redact
from switchbay.webhooks.public import CertificateState, Health, certificate_state

MOST_OVERLAP_SECONDS: Final = 7_776_000
MOST_EPOCH_MS: Final = 253_402_300_799_999
"""The last millisecond of the year 9999."""


def installation_object(app: Installation, secret: Secret | None, *, header_values: bool) -> dict[str, Json]:
    """An installation as the app-install API shows it: server fields, then the manifest's members as they came.

    ``client_id_issued_at`` is in seconds (RFC 7591 §3.2.1). ``header_values`` are for those who may change the app,
    because the vendor's client writes back all that it was shown.
    """
    document = dict(app.document) if header_values else redact(app.document)
    return {
        "id": app.installation_id,
        "client_id": app.installation_id,
        "client_secret": None if secret is None else secret.reveal(),
        "client_id_issued_at": app.created_at // 1000,
        "client_secret_expires_at": 0,
        "enabled": app.enabled,
        "deleted": False,
        **document,
    }


class SecretOut(BaseModel):
    """A valid client secret, without its text."""

    secret_id: str
    name: str = Field(description='"primary" is the one that rotations replace.')
    created_at: int = Field(description="Epoch milliseconds.")
    not_after: int | None = Field(description="When it ends, if it does; epoch milliseconds.")
    last_used_at: int | None = Field(description="Last use at the token endpoint, to the minute; epoch milliseconds.")
    signs_webhooks: bool = Field(description="Whether webhooks are signed with it.")


class LogoOut(BaseModel):
    """What is known of a logo."""

    state: str = Field(description="none, pending, good, warning, or bad (logo_policy is enforce).")
    uri: str | None = None
    copy_path: Annotated[str | None, Field(description="Where our own 70 by 70 copy is served.")] = None
    width: int | None = None
    height: int | None = None
    checked_at: Annotated[int | None, Field(description="Epoch milliseconds.")] = None
    findings: list[dict[str, JsonValue]] = Field(default_factory=list)


class ConversationsOut(BaseModel):
    """Which conversations' events an app asks for, and gets."""

    asked: str = Field(description="own or all.")
    state: str | None = Field(description="Of a request for all: asked, approved, refused or withdrawn.")
    asked_at: int | None = Field(description="Epoch milliseconds.")
    decided_at: int | None = Field(description="Epoch milliseconds.")
    decided_by: str | None = Field(description="Id of the user.")
    reason: str | None = Field(description="In words, why it does not get what it asks for.")


class AppOut(BaseModel):
    """An installed app."""

    id: str
    client_id: str
    client_name: str
    display_name: str
    enabled: bool
    created_at: int = Field(description="Epoch milliseconds.")
    updated_at: int = Field(description="Epoch milliseconds.")
    events: list[str] = Field(description="Keys of the events that the app receives.")
    conversations: ConversationsOut
    secrets: list[SecretOut]
    logo: LogoOut
    manifest: dict[str, JsonValue] = Field(description="The normalised manifest; header values are masked.")


class AppsOut(BaseModel):
    """The apps of an account."""

    revision: int
    items: list[AppOut]


class ChangedOut(BaseModel):
    """An app after a change."""

    revision: int
    app: AppOut


class InstalledOut(ChangedOut):
    """A new app. The secret is shown this once."""

    client_secret: str
    report: dict[str, JsonValue]


class UpdatedOut(ChangedOut):
    """An app after an update, and what the check of its manifest found."""

    report: dict[str, JsonValue]


class RotationIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to rotate a secret: how long the current one stays valid, and whether to end one that is already ending."""

    overlap_seconds: Annotated[int, msgspec.Meta(ge=0, le=MOST_OVERLAP_SECONDS)] | None = None
    force: bool = False


ROTATION = msgspec.json.Decoder(RotationIn)


class RotatedOut(ChangedOut):
    """An app with a new secret, shown this once."""

    client_secret: str


class NewSecretIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One more secret: its name, and when it ends, in epoch milliseconds, if it does."""

    name: Annotated[str, msgspec.Meta(max_length=256)]
    not_after: Annotated[int, msgspec.Meta(ge=0, le=MOST_EPOCH_MS)] | None = None


NEW_SECRET = msgspec.json.Decoder(NewSecretIn)


class SecretsOut(BaseModel):
    """The valid secrets of an app, the oldest first, without their texts."""

    items: list[SecretOut]


class AddedSecretOut(ChangedOut):
    """An app with one more secret, shown this once."""

    secret_id: str
    client_secret: str


class ChangeOut(BaseModel):
    """One difference between two manifests, in words."""

    kind: str
    sentence: str
    widens: bool = Field(description="The app gets more than it had, or sends it elsewhere.")


class DiffOut(BaseModel):
    """What an update would change, riskier changes first."""

    changes: list[ChangeOut]
    report: dict[str, JsonValue]


class DisabledWebhookOut(BaseModel):
    """A webhook that is not called any more."""

    event: str
    since: int = Field(description="Epoch milliseconds.")
    reason: str = Field(description="endpoint_gone (it answered 410) or endpoint_disabled (it was slow for too long).")


class ClientCertificateOut(BaseModel):
    """A client certificate that ends soon, or has ended."""

    event: str = Field(description="Event key, or default for all that have none of their own.")
    not_after: int = Field(description="When it ends; epoch milliseconds.")
    state: CertificateState


class WebhooksHealthOut(BaseModel):
    """How an app's webhooks are doing."""

    state: str = Field(
        description="up, failed, in_transition or recovered; in the retries by number up, or in_transition just after"
        " the app was enabled."
    )
    since: int = Field(description="Epoch milliseconds.")
    next_attempt_at: int | None = Field(description="While it is failed, when the endpoint is tried again.")
    disabled: list[DisabledWebhookOut] = Field(
        description="Webhooks that are not called until the app is changed or they are enabled."
    )
    client_certificates: list[ClientCertificateOut] = Field(
        description="Client certificates that end within 30 days, or have ended."
    )


class HealthOut(BaseModel):
    """What is wrong, or may soon be, with an app."""

    status: str = Field(description="good, warning or bad.")
    enabled: bool
    logo: LogoOut
    webhooks: WebhooksHealthOut | None = Field(description="null for an app that is not known to deliveries.")
    conversations: ConversationsOut
    secrets: list[SecretOut]
    rotation_ends_at: int | None = Field(description="When the previous secret ends; epoch milliseconds.")
    findings: list[dict[str, JsonValue]] = Field(description="What a check of the installed manifest finds today.")


def app_out(app: Installation, logo: LogoState | None, options: Options, now: int) -> AppOut:
    """An app for the management API; header values masked, no secrets."""
    document = app.document
    name = document.get("display_name")
    return AppOut(
        id=app.installation_id,
        client_id=app.installation_id,
        client_name=app.client_name,
        display_name=name if isinstance(name, str) and name else app.client_name,
        enabled=app.enabled,
        created_at=app.created_at,
        updated_at=app.updated_at,
        events=[endpoint.event_key for endpoint in documents.endpoints(document)],
        conversations=conversations_out(app.access),
        secrets=secrets_out(app.secrets, now),
        logo=logo_out(app, logo, options),
        manifest=_json(redact(document)),
    )


def _json(value: dict[str, Json]) -> dict[str, JsonValue]:
    """The same value: pydantic has a type of its own for JSON."""
    result: dict[str, JsonValue] = dict(value)
    return result


def secrets_out(secrets: Sequence[ClientSecret], now: int) -> list[SecretOut]:
    """The secrets that are valid now, the oldest first."""
    return [
        SecretOut(
            secret_id=secret.secret_id,
            name=secret.shown_name,
            created_at=secret.created_at,
            not_after=secret.not_after,
            last_used_at=secret.last_used_at,
            signs_webhooks=secret.signs,
        )
        for secret in secrets
        if secret.is_valid(now)
    ]


_NOT_APPROVED = {
    AccessState.ASKED: "asks for all conversations, not approved",
    AccessState.REFUSED: "asks for all conversations, refused",
    AccessState.WITHDRAWN: "asks for all conversations, the approval was withdrawn",
}


def conversations_out(access: ConversationAccess | None) -> ConversationsOut:
    """Which conversations an app asks for, and what was decided."""
    if access is None:
        return ConversationsOut(asked="own", state=None, asked_at=None, decided_at=None, decided_by=None, reason=None)
    return ConversationsOut(
        asked="all",
        state=access.state.value,
        asked_at=access.asked_at,
        decided_at=access.decided_at,
        decided_by=access.decided_by,
        reason=_NOT_APPROVED.get(access.state),
    )


def logo_out(app: Installation, logo: LogoState | None, options: Options) -> LogoOut:
    """What is known of an app's logo."""
    if logo is None:
        return LogoOut(state="none")
    findings = [logo_finding(finding.code, finding.got, options) for finding in logo.findings or ()]
    path = f"/api/account/{app.account_id}/app-logos/{app.installation_id}.png"
    return LogoOut(
        state="pending" if logo.findings is None else _worst(findings),
        uri=logo.logo_uri,
        copy_path=path if logo.etag else None,
        width=logo.width,
        height=logo.height,
        checked_at=logo.checked_at,
        findings=[_json(finding.to_json()) for finding in findings],
    )


def _worst(findings: Sequence[Finding]) -> str:
    if not findings:
        return "good"
    return "bad" if any(finding.severity is Severity.ERROR for finding in findings) else "warning"


def _webhooks_out(health: Health | None, now: int) -> WebhooksHealthOut | None:
    if health is None:
        return None
    return WebhooksHealthOut(
        state=health.state.value,
        since=health.since,
        next_attempt_at=health.next_attempt_at,
        disabled=[
            DisabledWebhookOut(event=event, since=since, reason=reason.value)
            for event, since, reason in health.disabled
        ],
        client_certificates=[
            ClientCertificateOut(event=event, not_after=not_after, state=certificate_state(not_after, now))
            for event, not_after in health.certificates
            if certificate_state(not_after, now) != "good"
        ],
    )


def health_out(
    app: Installation, logo: LogoState | None, webhooks: Health | None, options: Options, now: int
) -> HealthOut:
    """An app's health by today's rules."""
    findings = check_value(dict(app.document), options).issues
    if app.access is not None and app.access.is_approved:
        findings = tuple(finding for finding in findings if finding.code != "approval_needed")
    shown_logo = logo_out(app, logo, options)
    states = {_worst(findings), shown_logo.state}
    if webhooks is not None and (webhooks.disabled or webhooks.next_attempt_at is not None):
        states.add("bad")
    shown_webhooks = _webhooks_out(webhooks, now)
    if shown_webhooks is not None:
        states.update("bad" if each.state == "ended" else "warning" for each in shown_webhooks.client_certificates)
    return HealthOut(
        status=next((state for state in ("bad", "warning") if state in states), "good"),
        enabled=app.enabled,
        logo=shown_logo,
        webhooks=shown_webhooks,
        conversations=conversations_out(app.access),
        secrets=secrets_out(app.secrets, now),
        rotation_ends_at=max(
            (
                secret.not_after
                for secret in app.secrets
                if secret.is_primary and secret.not_after is not None and secret.is_valid(now)
            ),
            default=None,
        ),
        findings=[_json(finding.to_json()) for finding in findings],
    )
