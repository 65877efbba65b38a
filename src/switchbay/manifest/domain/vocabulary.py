"""The words and limits of the manifest document: members, values, events. Both the check and the schema read them.

What the document leaves open and we decided ourselves is marked "ours" here and in ``docs/reference/manifest.md``.
"""

from typing import Final

MEMBERS: Final = (
    "$schema",
    "client_name",
    "display_name",
    "description",
    "grant_types",
    "redirect_uris",
    "response_types",
    "scope",
    "logo_uri",
    "capabilities",
    "quick_launch_enabled",
    "entry_uri",
    "post_logout_redirect_uris",
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "token_endpoint_auth_method",
    "jwks",
    "jwks_uri",
    "id_token_signed_response_alg",
    "enabled",
)
"""The members of a manifest, in the order of the document, which is also the canonical order."""

LOCALISED_MEMBERS: Final = ("client_name", "display_name", "description", "logo_uri")

SERVER_FIELDS: Final = (
    "id",
    "client_id",
    "client_secret",
    "client_id_issued_at",
    "client_secret_expires_at",
    "deleted",
)
"""Read-only members of an installation, which clients send back: ignored."""

MAX_CLIENT_NAME: Final = 128
MAX_DISPLAY_NAME: Final = 128
MAX_DESCRIPTION: Final = 256
MAX_REDIRECT_URI: Final = 128
MAX_REDIRECT_URIS: Final = 20  # ours
MAX_SCOPE: Final = 128
MAX_LOGO_URI: Final = 1024
MAX_ENTRY_URI: Final = 1024
MAX_LOGOUT_URI: Final = 1024  # ours
MAX_JWKS_URI: Final = 1024  # ours
MAX_KEYS: Final = 20  # ours
MAX_ENDPOINT: Final = 2048  # ours
MAX_HEADERS: Final = 32  # ours
MAX_HEADER_NAME: Final = 128  # ours
MAX_HEADER_VALUE: Final = 4096  # ours
MAX_RETRIES: Final = 5
MAX_RETENTION_SECONDS: Final = 259_200
MAX_VALUES: Final = 100  # ours: items of a list of listed values

SCOPE: Final = "msg.consumer"
GRANT_TYPES: Final = ("client_credentials", "authorization_code", "refresh_token")
RESPONSE_TYPES: Final = ("code", "token", "id_token", "id_token token")
SWAPPED_RESPONSE_TYPE: Final = "token id_token"
BY_KEY: Final = "private_key_jwt"
BY_NOTHING: Final = "none"
AUTH_METHODS: Final = ("client_secret_basic", "client_secret_post", BY_KEY, BY_NOTHING)  # ours, of RFC 7591
SIGNING_ALGORITHMS: Final = ("RS256", "ES256")  # ours, of OpenID Connect registration

_MESSAGING: Final = "ms.MessagingEventNotification."
CONVERSATION_EVENT: Final = "cqm.ExConversationChangeNotification"
CANONICAL_EVENTS: Final = (
    _MESSAGING + "ContentEvent",
    _MESSAGING + "RichContentEvent",
    _MESSAGING + "AcceptStatusEvent",
    _MESSAGING + "ChatStateEvent",
    CONVERSATION_EVENT,
)
EVENT_ALIASES: Final = {"ms.ExConversationChangeNotification": CONVERSATION_EVENT}
EVENT_SPACE: Final = " \t\r\n\u00a0"
"""White space that copying out of a printed table leaves in an event name."""

CAPABILITIES: Final = ("webhooks", "engagement", "broadcast")
WEBHOOK_MEMBERS: Final = ("endpoint", "max_retries", "headers")
HEADER_MEMBERS: Final = ("header_name", "header_value")
RETRY_MEMBERS: Final = ("retention_time", "ordering")
STRICT: Final = "strict"
BEST_EFFORT: Final = "best_effort"
ORDERINGS: Final = (STRICT, BEST_EFFORT)  # ours
OWN_CONVERSATIONS: Final = "own"
ALL_CONVERSATIONS: Final = "all"
CONVERSATIONS: Final = (OWN_CONVERSATIONS, ALL_CONVERSATIONS)  # ours
NOT_EVENTS: Final = ("retry", "conversations")
"""The members of ``webhooks`` that are no events; the second one is ours."""

ENTRY_POINTS: Final = ("section", "url")
VISITOR_BEHAVIORS: Final = (
    "visited_location",
    "time_on_location",
    "flow",
    "engaged_in_session",
    "about_to_abandon",
    "cart_value",
    "cart_items",
    "visitor_error",
    "viewed_products",
    "service_activity",
)
TARGET_AUDIENCES: Final = (
    "external_referral",
    "search_keywords",
    "ip",
    "platform",
    "geo_location",
    "returning_visitors",
    "marketing_source",
    "customer_type",
    "age",
    "balance",
    "customer_id",
    "gender",
    "store_zip_code",
    "store_number",
    "company_size",
    "registration_date",
)
GOALS: Final = ("url", "purchase_total", "num_of_pages", "lead", "service_activity")
CONSUMER_IDENTITIES: Final = ("auth", "unauth")
ENGAGEMENT_MEMBERS: Final = (
    "design_engagement",
    "design_window",
    "entry_point",
    "visitor_behavior",
    "target_audience",
    "goal",
    "consumer_identity",
    "language_selection",
)

RESERVED_HEADERS: Final = (
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
)
"""Headers that frame the message; the document's four and, ours, the other hop-by-hop ones. Lower case."""

RESERVED_HEADER_PREFIXES: Final = ("x-liveperson-",)
REPLACED_HEADERS: Final = ("accept-encoding", "content-encoding", "content-type", "x-switchbay-signature")
"""Headers about the body and its signature: a manifest may name them, only the platform sends them. Ours."""
