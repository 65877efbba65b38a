"""Whether a person must do something before an app gets its answer: log in, choose an account, allow it.

OpenID Connect Core 1.0 §3.1.2.1 to §3.1.2.6 (prompt, max_age, hints) and RFC 9470 (acr_values), as pure decisions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from switchbay.oauth.protocol.oidc_id_token import ACR_ONE_FACTOR, ACR_TWO_FACTORS, acr_of
from switchbay.oauth.protocol.rfc6749_authorization import AuthorizationRequest, AuthorizeRefused

InteractionKind: TypeAlias = Literal["login", "choose", "consent"]


@dataclass(frozen=True, slots=True)
class Steps:
    """What the person has done so far for this request; it travels in the sealed transaction.

    ``session_id`` is the session they chose or opened; ``offered`` the scope that the consent page shows them in that
    session, None before it did; ``allowed`` and ``for_account`` what they answered there.
    """

    session_id: str | None = None
    offered: frozenset[str] | None = None
    allowed: bool = False
    for_account: bool = False
    denied: bool = False

    @classmethod
    def choose(cls, session_id: str) -> "Steps":
        """Go on as the user of this session, which was chosen or has just been opened; nobody allowed anything yet."""
        return cls(session_id=session_id)

    def allow(self, *, for_account: bool = False) -> "Steps":
        """They allow what the consent page offered; ``for_account``: for every user, if they are an administrator."""
        return replace(self, allowed=True, for_account=for_account)

    def deny(self) -> "Steps":
        """They want none of it."""
        return replace(self, denied=True)


NO_STEPS: Final = Steps()


@dataclass(frozen=True, slots=True)
class Presence:
    """A live session of this browser. ``auth_time`` in epoch milliseconds; ``amr`` as in RFC 8176."""

    session_id: str
    user_id: str
    user_pid: str
    login_name: str
    auth_time: int
    amr: tuple[str, ...]
    is_admin: bool = False

    @property
    def has_second_factor(self) -> bool:
        """Whether the user proved who they are by more than a password."""
        return acr_of(self.amr) == ACR_TWO_FACTORS


@dataclass(frozen=True, slots=True)
class Ask:
    """The person must log in, choose an account or consent; ``login_hint`` may fill in the login name."""

    kind: InteractionKind
    steps: Steps
    login_hint: str = ""


def choose_presence(
    request: AuthorizationRequest, presences: Sequence[Presence], steps: Steps, asked_at: int
) -> Presence | Ask:
    """The session that answers the request, or what the person must do first.

    ``asked_at`` is when the request came, in epoch milliseconds: ``prompt=login`` is satisfied by a session that was
    opened since. Raises ``AuthorizeRefused`` where nothing may be asked, or asking cannot help.
    """
    if steps.denied:
        raise AuthorizeRefused("access_denied", "The user did not allow it.", "denied")
    candidates = _candidates(request, presences, steps, asked_at)
    if not candidates:
        return _ask_login(request, presences)
    if _must_choose(request, candidates, steps):
        if "none" in request.prompt:
            description = "The user has several sessions and must choose one."
            raise AuthorizeRefused("account_selection_required", description, "account_selection_required")
        return Ask("choose", NO_STEPS, request.login_hint or "")
    chosen = _freshest(candidates)
    if _is_too_old(request, chosen, asked_at):
        return _ask_login(request, (chosen,))
    if _lacks_second_factor(request, chosen):
        if chosen.auth_time < asked_at:
            return _ask_login(request, (chosen,))
        description = "The user has no second factor."
        raise AuthorizeRefused("unmet_authentication_requirements", description, "second_factor_missing")
    return chosen


def _candidates(
    request: AuthorizationRequest, presences: Sequence[Presence], steps: Steps, asked_at: int
) -> Sequence[Presence]:
    """The sessions that may answer: the chosen one and no other; else those of whom the hints name; else all."""
    if steps.session_id is not None:
        found = [presence for presence in presences if presence.session_id == steps.session_id]
        if found and request.hinted_user_id not in {None, found[0].user_id}:
            description = "Another user is logged in than the one of the id_token_hint."
            raise AuthorizeRefused("login_required", description, "another_user")
        return found
    if request.hinted_user_id is not None:
        presences = [presence for presence in presences if presence.user_id == request.hinted_user_id]
    elif request.login_hint is not None:
        presences = [presence for presence in presences if is_named(presence, request.login_hint)]
    if request.prompt >= {"login"} and "select_account" not in request.prompt:
        return [presence for presence in presences if presence.auth_time >= asked_at]
    return presences


def is_named(presence: Presence, hint: str) -> bool:
    """Whether a login_hint names this user: by login name, user id or pid."""
    wanted = hint.casefold()
    return wanted in {presence.login_name.casefold(), presence.user_id, presence.user_pid.casefold()}


def _must_choose(request: AuthorizationRequest, candidates: Sequence[Presence], steps: Steps) -> bool:
    if candidates[0].session_id == steps.session_id:
        return False
    return "select_account" in request.prompt or len({presence.user_id for presence in candidates}) > 1


def _freshest(candidates: Sequence[Presence]) -> Presence:
    """Of one user's sessions, the one that was opened last."""
    return max(candidates, key=lambda presence: (presence.auth_time, presence.session_id))


def _is_too_old(request: AuthorizationRequest, chosen: Presence, asked_at: int) -> bool:
    if "login" in request.prompt and chosen.auth_time < asked_at:
        return True
    return request.max_age is not None and chosen.auth_time < asked_at - request.max_age * 1000


def _lacks_second_factor(request: AuthorizationRequest, chosen: Presence) -> bool:
    """An app that asks for the second factor and names no weaker class besides gets nothing less (RFC 9470 §5)."""
    wanted = set(request.acr_values)
    return ACR_TWO_FACTORS in wanted and ACR_ONE_FACTOR not in wanted and not chosen.has_second_factor


def _ask_login(request: AuthorizationRequest, known: Sequence[Presence]) -> Ask:
    """Ask for a login; ``known`` are the sessions of which one user may be the one who is to log in again."""
    if "none" in request.prompt:
        raise AuthorizeRefused("login_required", "The user must log in.", "login_required")
    hinted = [presence for presence in known if presence.user_id == request.hinted_user_id]
    if request.hinted_user_id is None:
        hinted = [presence for presence in known if not request.login_hint or is_named(presence, request.login_hint)]
    names = {presence.login_name for presence in hinted}
    return Ask("login", NO_STEPS, names.pop() if len(names) == 1 else request.login_hint or "")


def is_consented(
    request: AuthorizationRequest, chosen: Presence, steps: Steps, consented: frozenset[str] | None
) -> bool:
    """Whether the user has allowed what is asked for; ``consented`` is what was remembered, None for nothing ever.

    What the person answered counts in the session in which they were asked, for the scope that they were shown.
    """
    if steps.allowed and steps.session_id == chosen.session_id and request.scope <= (steps.offered or frozenset()):
        return True
    return "consent" not in request.prompt and consented is not None and request.scope <= consented


def ask_consent(request: AuthorizationRequest, chosen: Presence, consented: frozenset[str] | None) -> Ask:
    """Show the consent page. Raises ``AuthorizeRefused`` where nothing may be asked."""
    if "none" in request.prompt:
        description = "The user has not allowed this application what it asks for."
        detail = {"expected": " ".join(sorted(consented or ())), "got": " ".join(sorted(request.scope))}
        raise AuthorizeRefused("consent_required", description, "consent_required", detail)
    return Ask("consent", Steps(session_id=chosen.session_id, offered=request.scope))
