"""An installed app as an OAuth 2.0 client: the members of RFC 7591 §2 and of OpenID Connect registration and logout."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from switchbay.kit.jsonvalue import JsonValue
from switchbay.manifest.public import look_up

BY_BASIC = "client_secret_basic"
"""How an app proves who it is at the token endpoint when its manifest does not say (RFC 7591 §2)."""
BY_NOTHING = "none"


@dataclass(frozen=True, slots=True)
class Client:
    """An installed app as an OAuth 2.0 client (RFC 6749 §2). ``client_id`` equals ``installation_id``."""

    account_id: str
    installation_id: str
    client_id: str
    client_name: str
    enabled: bool
    grant_types: frozenset[str]
    response_types: frozenset[str]
    redirect_uris: tuple[str, ...]
    scope: frozenset[str]
    display_name: str = ""
    """What people call it; where the manifest has none, the ``client_name``."""
    description: str = ""
    localised: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Texts by member and language tag, as in ``display_name#fr``."""
    logo_uri: str | None = None
    entry_uri: str | None = None
    quick_launch_enabled: bool = False
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False
    token_endpoint_auth_method: str = BY_BASIC
    """``none`` is a public client (RFC 6749 §2.1); ``private_key_jwt`` has its keys in ``jwks`` or at ``jwks_uri``."""
    jwks: JsonValue = field(default=None, hash=False)
    jwks_uri: str | None = None
    id_token_signed_response_alg: str | None = None
    """RS256 or ES256; None where the app leaves it to the account."""
    not_before: int = 0
    """Epoch milliseconds: what was issued to the app before counts no more. See ``is_current`` and ``iat``."""
    created_at: int = 0

    @property
    def is_public(self) -> bool:
        """Whether the app has no way to prove who it is, as programs on people's own devices."""
        return self.token_endpoint_auth_method == BY_NOTHING

    def is_current(self, issued_at: int) -> bool:
        """Whether what was issued at this time, in epoch milliseconds, still counts.

        For a token with an ``iat``, which is in whole seconds, ask for ``iat * 1000``: together with ``iat`` below, a
        token of the second in which the epoch was raised is refused when it came before and good when it came after.
        """
        return issued_at >= self.not_before

    def iat(self, now: int) -> int:
        """The ``iat``, in epoch seconds, of a token that is issued at ``now`` (epoch milliseconds).

        In the second in which the epoch was raised, it is the next second, so that the token is not taken for an older
        one; every verifier has to bear with clocks that differ by more.
        """
        return max(now // 1000, -(-self.not_before // 1000))


def localise(client: Client, member: str, locales: Iterable[str]) -> str:
    """A text of the app for a reader's languages, best first (RFC 4647 §3.4).

    Falls back to the plain text, from a display name to the client name, and else to the empty text.
    """
    wanted = tuple(locales)
    prefix = f"{member}#"
    texts = {name.removeprefix(prefix): text for name, text in client.localised.items() if name.startswith(prefix)}
    tag = look_up(texts, wanted)
    if tag is not None:
        return texts[tag]
    plain = {
        "client_name": client.client_name,
        "display_name": "" if client.display_name == client.client_name else client.display_name,
        "description": client.description,
        "logo_uri": client.logo_uri or "",
    }.get(member, "")
    return localise(client, "client_name", wanted) if member == "display_name" and not plain else plain
