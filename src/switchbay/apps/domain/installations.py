"""An app in an account: its normalised manifest, its names and ids. Times are epoch milliseconds."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from switchbay.apps.domain.clients import BY_BASIC, Client
from switchbay.apps.domain.conversations import ConversationAccess
from switchbay.apps.domain.secrets import ClientSecret
from switchbay.kit.jsonvalue import JsonValue

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Installation:
    """An app in an account. ``document`` is its normalised manifest, header values included, without server fields.

    ``access`` is its request for all conversations, if it asks for them.
    """

    account_id: str
    installation_id: str
    document: Mapping[str, JsonValue] = field(repr=False)
    enabled: bool
    created_at: int
    updated_at: int
    secrets: tuple[ClientSecret, ...]
    not_before: int = 0
    access: ConversationAccess | None = None

    def with_secrets(self, secrets: tuple[ClientSecret, ...]) -> "Installation":
        """The same app with other secrets."""
        return replace(self, secrets=secrets)

    def with_epoch(self, now: int) -> "Installation":
        """The same app, for which nothing counts any more that was issued before ``now``."""
        return replace(self, not_before=max(self.not_before, now))

    @property
    def client_name(self) -> str:
        """The name that is unique in the account."""
        return str(self.document["client_name"])

    def as_client(self) -> Client:
        """The app as the authorization server sees it."""
        document = self.document
        return Client(
            account_id=self.account_id,
            installation_id=self.installation_id,
            client_id=self.installation_id,
            client_name=self.client_name,
            enabled=self.enabled,
            grant_types=frozenset(_strings(document.get("grant_types"))),
            response_types=frozenset(_strings(document.get("response_types"))),
            redirect_uris=_strings(document.get("redirect_uris")),
            scope=frozenset(str(document.get("scope") or "").split()),
            display_name=_text(document, "display_name") or self.client_name,
            description=_text(document, "description") or "",
            localised={name: text for name, text in document.items() if "#" in name and isinstance(text, str)},
            logo_uri=_text(document, "logo_uri"),
            entry_uri=_text(document, "entry_uri"),
            quick_launch_enabled=document.get("quick_launch_enabled") is True,
            post_logout_redirect_uris=_strings(document.get("post_logout_redirect_uris")),
            backchannel_logout_uri=_text(document, "backchannel_logout_uri"),
            backchannel_logout_session_required=document.get("backchannel_logout_session_required") is True,
            token_endpoint_auth_method=_text(document, "token_endpoint_auth_method") or BY_BASIC,
            jwks=document.get("jwks"),
            jwks_uri=_text(document, "jwks_uri"),
            id_token_signed_response_alg=_text(document, "id_token_signed_response_alg"),
            not_before=self.not_before,
            created_at=self.created_at,
        )


def _strings(value: JsonValue) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _text(document: Mapping[str, JsonValue], name: str) -> str | None:
    value = document.get(name)
    return value if isinstance(value, str) and value else None


def is_app_id(text: str) -> bool:
    """Whether a text can be the id of an app at all; anything else never reaches the database."""
    return _UUID.fullmatch(text) is not None


def name_key(client_name: str) -> str:
    """The form in which two names are the same: NFC and case-folded (Unicode, default caseless matching)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", client_name).casefold())
