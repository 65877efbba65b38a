"""The authorization endpoint as a use case: load, decide, store; no HTTP."""

from dataclasses import dataclass
from typing import TypeAlias

from switchbay.apps.public import Client
from switchbay.oauth.protocol.oauth_response_modes import FormPost, Redirect
from switchbay.oauth.protocol.oidc_interaction import NO_STEPS, InteractionKind, Presence, Steps
from switchbay.oauth.protocol.rfc6749_authorization import AuthorizationRequest


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """Show the person a page of ours: nothing is certain enough to send them anywhere."""

    status: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Interact:
    """A person must do something first. Seal the transaction with ``steps`` into the form that they answer.

    ``login_hint`` may fill in the login name; ``presences`` are the accounts to choose from; for consent, ``presence``
    is whose consent is asked, ``scope`` all that the app asks for, and ``new_scope`` what of it was not allowed before.
    """

    kind: InteractionKind
    request: AuthorizationRequest
    client: Client
    steps: Steps
    login_hint: str = ""
    presences: tuple[Presence, ...] = ()
    presence: Presence | None = None
    scope: frozenset[str] = frozenset()
    new_scope: frozenset[str] = frozenset()


Answer: TypeAlias = Redirect | FormPost | ErrorPage | Interact

__all__ = [
    "NO_STEPS",
    "Answer",
    "AuthorizationRequest",
    "ErrorPage",
    "FormPost",
    "Interact",
    "Presence",
    "Redirect",
    "Steps",
]
