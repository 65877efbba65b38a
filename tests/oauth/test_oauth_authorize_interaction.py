"""What a person must do before an answer: prompt, max_age, hints, classes and sessions against each other, pure."""

from dataclasses import replace

import pytest

from switchbay.oauth.domain import Face
from switchbay.oauth.protocol.oauth_response_modes import ResponseMode
from switchbay.oauth.protocol.oidc_interaction import (
    NO_STEPS,
    Ask,
    Presence,
    Steps,
    ask_consent,
    choose_presence,
    is_consented,
)
from switchbay.oauth.protocol.rfc6749_authorization import AuthorizationRequest, AuthorizeRefused

NOW = 1_700_000_000_000
HOUR = 3_600_000
SCOPE = frozenset({"openid", "msg.consumer"})
REQUEST = AuthorizationRequest(
    account_id="4711001",
    face=Face.OIDC,
    version="oidc",
    client_id="app",
    response_type=frozenset({"code"}),
    response_mode=ResponseMode.QUERY,
    redirect_uri="https://app.example.com/callback",
    redirect_uri_given=True,
    scope=SCOPE,
)
ADA = Presence("ses_ada", "1001", "0a0a0a0a-0000-4000-8000-000000000001", "ada@example.com", NOW - HOUR, ("pwd",))
BOB = Presence("ses_bob", "1002", "0a0a0a0a-0000-4000-8000-000000000002", "Bob", NOW - 2 * HOUR, ("pwd", "otp", "mfa"))
ADA_BEFORE = replace(ADA, session_id="ses_ada_old", auth_time=NOW - 3 * HOUR)
ADA_AGAIN = replace(ADA, session_id="ses_ada_new", auth_time=NOW + 5_000)
NONE = frozenset({"none"})


def words(*prompt: str) -> AuthorizationRequest:
    """The request with these words of prompt."""
    return replace(REQUEST, prompt=frozenset(prompt))


# (name, request, sessions, steps, outcome): a session id, a kind of page, or an error
MATRIX: list[tuple[str, AuthorizationRequest, tuple[Presence, ...], Steps, str]] = [
    ("nobody is logged in", REQUEST, (), NO_STEPS, "login"),
    ("one user is", REQUEST, (ADA,), NO_STEPS, "ses_ada"),
    ("one user is, twice", REQUEST, (ADA_BEFORE, ADA), NO_STEPS, "ses_ada"),
    ("two users are", REQUEST, (ADA, BOB), NO_STEPS, "choose"),
    ("two users are, one was chosen", REQUEST, (ADA, BOB), Steps.choose("ses_bob"), "ses_bob"),
    ("an older session was chosen", REQUEST, (ADA, ADA_BEFORE), Steps.choose("ses_ada_old"), "ses_ada_old"),
    ("the chosen session is over", REQUEST, (BOB,), Steps.choose("ses_ada"), "login"),
    # prompt=none
    ("none, nobody", words("none"), (), NO_STEPS, "login_required"),
    ("none, one user", words("none"), (ADA,), NO_STEPS, "ses_ada"),
    ("none, two users", words("none"), (ADA, BOB), NO_STEPS, "account_selection_required"),
    ("none, hint", replace(words("none"), login_hint="bob"), (ADA, BOB), NO_STEPS, "ses_bob"),
    ("none, hint of another", replace(words("none"), login_hint="eve"), (ADA, BOB), NO_STEPS, "login_required"),
    ("none, token of ada", replace(words("none"), hinted_user_id="1001"), (ADA, BOB), NO_STEPS, "ses_ada"),
    ("none, token of another", replace(words("none"), hinted_user_id="1009"), (ADA,), NO_STEPS, "login_required"),
    ("none, too old", replace(words("none"), max_age=60), (ADA,), NO_STEPS, "login_required"),
    ("none, class 2", replace(words("none"), acr_values=("2",)), (ADA,), NO_STEPS, "login_required"),
    ("none, class 2 there", replace(words("none"), acr_values=("2",)), (BOB,), NO_STEPS, "ses_bob"),
    # prompt=login
    ("login", words("login"), (ADA,), NO_STEPS, "login"),
    ("login, two users", words("login"), (ADA, BOB), NO_STEPS, "login"),
    ("login, done", words("login"), (ADA_AGAIN, ADA), Steps.choose("ses_ada_new"), "ses_ada_new"),
    ("login, done in another tab", words("login"), (ADA_AGAIN, BOB), NO_STEPS, "ses_ada_new"),
    ("login, an old session is no login", words("login"), (ADA, BOB), Steps.choose("ses_bob"), "login"),
    # prompt=select_account
    ("select", words("select_account"), (ADA,), NO_STEPS, "choose"),
    ("select, nobody", words("select_account"), (), NO_STEPS, "login"),
    ("select, done", words("select_account"), (ADA, BOB), Steps.choose("ses_ada"), "ses_ada"),
    ("select and login", words("select_account", "login"), (ADA, BOB), NO_STEPS, "choose"),
    ("select and login, chosen", words("select_account", "login"), (ADA, BOB), Steps.choose("ses_bob"), "login"),
    (
        "select and login, done",
        words("select_account", "login"),
        (ADA_AGAIN, ADA, BOB),
        Steps.choose("ses_ada_new"),
        "ses_ada_new",
    ),
    # max_age counts from the moment of the request, so that reading the pages costs nothing
    ("age just right", replace(REQUEST, max_age=3_600), (ADA,), NO_STEPS, "ses_ada"),
    ("age one second too much", replace(REQUEST, max_age=3_599), (ADA,), NO_STEPS, "login"),
    ("age 0", replace(REQUEST, max_age=0), (ADA,), NO_STEPS, "login"),
    ("age 0, done", replace(REQUEST, max_age=0), (ADA_AGAIN, ADA), Steps.choose("ses_ada_new"), "ses_ada_new"),
    # hints
    ("hint by name", replace(REQUEST, login_hint="ADA@example.com"), (ADA, BOB), NO_STEPS, "ses_ada"),
    ("hint by id", replace(REQUEST, login_hint="1002"), (ADA, BOB), NO_STEPS, "ses_bob"),
    ("hint by pid", replace(REQUEST, login_hint=BOB.user_pid.upper()), (ADA, BOB), NO_STEPS, "ses_bob"),
    ("hint by session is none", replace(REQUEST, login_hint="ses_ada"), (ADA, BOB), NO_STEPS, "login"),
    ("hint of somebody else", replace(REQUEST, login_hint="eve"), (ADA,), NO_STEPS, "login"),
    (
        "hint of somebody else, but ada was chosen",
        replace(REQUEST, login_hint="eve"),
        (ADA,),
        Steps.choose("ses_ada"),
        "ses_ada",
    ),
    ("token of bob", replace(REQUEST, hinted_user_id="1002"), (ADA, BOB), NO_STEPS, "ses_bob"),
    ("token of bob, not here", replace(REQUEST, hinted_user_id="1002"), (ADA,), NO_STEPS, "login"),
    (
        "token of bob, ada logs in",
        replace(REQUEST, hinted_user_id="1002"),
        (ADA,),
        Steps.choose("ses_ada"),
        "login_required",
    ),
    # classes
    ("class 1", replace(REQUEST, acr_values=("1",)), (ADA,), NO_STEPS, "ses_ada"),
    ("class 2", replace(REQUEST, acr_values=("2",)), (ADA,), NO_STEPS, "login"),
    ("class 2 there", replace(REQUEST, acr_values=("2",)), (BOB,), NO_STEPS, "ses_bob"),
    ("class 2 or 1", replace(REQUEST, acr_values=("2", "1")), (ADA,), NO_STEPS, "ses_ada"),
    ("unknown class", replace(REQUEST, acr_values=("urn:mace:incommon:iap:silver",)), (ADA,), NO_STEPS, "ses_ada"),
    (
        "class 2 cannot be had",
        replace(REQUEST, acr_values=("2",)),
        (ADA_AGAIN,),
        Steps.choose("ses_ada_new"),
        "unmet_authentication_requirements",
    ),
    # denied
    ("denied", REQUEST, (ADA,), Steps("ses_ada", SCOPE).deny(), "access_denied"),
    ("denied without a session", REQUEST, (), NO_STEPS.deny(), "access_denied"),
]


@pytest.mark.parametrize(("name", "request_", "sessions", "steps", "outcome"), MATRIX, ids=[row[0] for row in MATRIX])
def test_who_answers_or_what_must_happen_first(
    name: str, request_: AuthorizationRequest, sessions: tuple[Presence, ...], steps: Steps, outcome: str
) -> None:
    assert _outcome(request_, sessions, steps) == outcome


def _outcome(request: AuthorizationRequest, sessions: tuple[Presence, ...], steps: Steps) -> str:
    try:
        found = choose_presence(request, sessions, steps, NOW)
    except AuthorizeRefused as refused:
        return refused.error
    return found.kind if isinstance(found, Ask) else found.session_id


@pytest.mark.parametrize(
    ("request_", "sessions", "steps", "filled_in"),
    [
        (REQUEST, (), NO_STEPS, ""),
        (replace(REQUEST, login_hint="eve"), (ADA,), NO_STEPS, "eve"),
        (words("login"), (ADA,), NO_STEPS, "ada@example.com"),
        (words("login"), (ADA, BOB), NO_STEPS, ""),
        (words("login", "select_account"), (ADA, BOB), Steps.choose("ses_bob"), "Bob"),
        (replace(REQUEST, max_age=0), (ADA,), NO_STEPS, "ada@example.com"),
        (replace(REQUEST, max_age=0, login_hint="1001"), (ADA, BOB), NO_STEPS, "ada@example.com"),
        (replace(REQUEST, acr_values=("2",)), (ADA,), NO_STEPS, "ada@example.com"),
    ],
)
def test_who_must_log_in_again_finds_their_name_filled_in(
    request_: AuthorizationRequest, sessions: tuple[Presence, ...], steps: Steps, filled_in: str
) -> None:
    found = choose_presence(request_, sessions, steps, NOW)
    assert isinstance(found, Ask)
    assert (found.kind, found.login_hint, found.steps) == ("login", filled_in, NO_STEPS)


OFFERED = Steps("ses_ada", SCOPE)


@pytest.mark.parametrize(
    ("request_", "steps", "consented", "outcome"),
    [
        (REQUEST, NO_STEPS, None, False),
        (REQUEST, NO_STEPS, SCOPE, True),
        (REQUEST, NO_STEPS, SCOPE | {"profile"}, True),
        (REQUEST, NO_STEPS, frozenset({"openid"}), False),
        (replace(REQUEST, scope=frozenset[str]()), NO_STEPS, None, False),
        (replace(REQUEST, scope=frozenset[str]()), NO_STEPS, frozenset[str](), True),
        (words("consent"), NO_STEPS, SCOPE, False),
        (words("consent"), OFFERED, SCOPE, False),
        (words("consent"), OFFERED.allow(), SCOPE, True),
        (REQUEST, OFFERED.allow(), None, True),
        (REQUEST, OFFERED, None, False),
        # What was allowed counts for the scope that was shown, in the session that was asked.
        (replace(REQUEST, scope=SCOPE | {"email"}), OFFERED.allow(), None, False),
        (REQUEST, Steps("ses_bob", SCOPE).allow(), None, False),
        (REQUEST, Steps("ses_ada").allow(), None, False),
        (REQUEST, Steps(None, SCOPE).allow(), None, False),
    ],
)
def test_when_the_user_has_allowed_it(
    request_: AuthorizationRequest, steps: Steps, consented: frozenset[str] | None, outcome: bool
) -> None:
    assert is_consented(request_, ADA, steps, consented) is outcome


def test_consent_is_asked_for_the_whole_scope_in_the_session_that_answers() -> None:
    assert ask_consent(REQUEST, ADA, None) == Ask("consent", Steps("ses_ada", SCOPE))


def test_consent_is_not_asked_where_nothing_may_be_asked() -> None:
    with pytest.raises(AuthorizeRefused) as refused:
        ask_consent(words("none"), ADA, frozenset({"openid"}))
    assert refused.value.error == "consent_required"
    assert refused.value.detail == {"expected": "openid", "got": "msg.consumer openid"}


def test_another_session_forgets_what_was_allowed() -> None:
    assert OFFERED.allow(for_account=True).choose("ses_bob") == Steps("ses_bob")
