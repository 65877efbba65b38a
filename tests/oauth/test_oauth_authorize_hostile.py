"""State comes back byte for byte in every mode, and no bytes make the endpoint fail or redirect where it must not."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, quote_from_bytes, unquote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.authorize_requests import allow, ask, ask_raw, landed, log_in, parameters_of, path_of
from support.browser import Browser, read_page
from support.oauth_stage import CALLBACK, ORIGIN, Installed, Stage
from switchbay.oauth.browser import MARK_COOKIE, sessions_cookie
from switchbay.oauth.protocol.oauth_response_modes import FormPost, Redirect, ResponseMode, send

MODES = ["query", "fragment", "form_post"]
_ON_STAGE = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
_ON_PAGES = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
# Whatever a client may put there: everything but NUL, which is refused, and halves of characters, which no form has.
STATES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=60)
_BREAKS = {"\r", "\n"}


@dataclass(frozen=True, slots=True)
class Ready:
    """A stage on which a user is logged in and one of two apps is allowed."""

    stage: Stage
    bearer: str
    allowed: Installed
    new: Installed


@pytest.fixture
async def ready(stage: Stage) -> Ready:
    """The stage, set once for all examples of a property."""
    allowed = await stage.install()
    await allow(stage, allowed)
    return Ready(stage, await log_in(stage), allowed, await stage.install(client_name="com.example.new"))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("mode", MODES)
@_ON_STAGE
@given(state=STATES)
async def test_state_comes_back_byte_for_byte(ready: Ready, mode: str, state: str) -> None:
    for app, error in ((ready.allowed, None), (ready.new, "consent_required")):
        answer = await ask(ready.stage, app, bearers=[ready.bearer], prompt="none", response_mode=mode, state=state)
        if mode == "form_post" and not _BREAKS.isdisjoint(state):
            # A browser would make each of these CRLF: better no answer than one that the client cannot know again.
            assert (answer.status_code, "location" in answer.headers) == (400, False)
            assert "state_unsendable" in answer.text
            continue
        fields = landed(answer).fields
        assert (fields["state"], fields.get("error")) == (state, error)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("mode", MODES)
@_ON_PAGES
@given(state=STATES)
async def test_state_comes_back_byte_for_byte_when_the_user_denies(ready: Ready, mode: str, state: str) -> None:
    state = state.translate({ord(char): "." for char in _BREAKS}) if mode == "form_post" else state
    browser = Browser(ready.stage.http)
    browser.jar.store(f"{sessions_cookie('4711001')}={ready.bearer}; Path=/; Secure", ORIGIN)
    wanted = parameters_of(ready.new, {"response_mode": mode, "state": state})
    page = await browser.open("/oidc/4711001/authorize", wanted)
    assert page.heading.startswith("Allow ")
    await browser.submit(press="deny")
    fields = landed(browser.trail[-1]).fields
    assert (fields["state"], fields["error"]) == (state, "access_denied")


@given(state=STATES, uri=st.sampled_from([CALLBACK, f"{CALLBACK}?a=b", f"{CALLBACK}?", f"{CALLBACK}?a=b&"]))
def test_every_decoder_reads_the_same_from_query_and_fragment(state: str, uri: str) -> None:
    for mode, joint in ((ResponseMode.QUERY, "?"), (ResponseMode.FRAGMENT, "#")):
        answer = send(mode, uri, (("code", "x"), ("state", state)))
        assert isinstance(answer, Redirect)
        assert answer.uri.startswith(uri)
        assert answer.uri.isascii()
        assert answer.uri.isprintable()
        encoded = answer.uri.partition(joint)[2]
        assert dict(parse_qsl(encoded, keep_blank_values=True, strict_parsing=True))["state"] == state
        assert unquote(encoded.rpartition("state=")[2]) == state


@given(state=STATES)
def test_a_form_is_given_the_fields_as_they_are(state: str) -> None:
    assert send(ResponseMode.FORM_POST, CALLBACK, (("state", state),)) == FormPost(CALLBACK, (("state", state),))


NAMES = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "max_age",
    "login_hint",
    "id_token_hint",
    "ui_locales",
    "acr_values",
    "response_mode",
    "resource",
    "claims",
    "request",
    "request_uri",
    "v",
    "t",
    "foo",
]
_ODD = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from([b"none", b"login consent", b"code token", b"\x00", b"x" * 9_000, b"S256", b"form_post", b"0"]),
    st.sampled_from([b"https://evil.example/", b"javascript:alert(1)", CALLBACK.encode() + b"#", b"//evil.example"]),
)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("method", ["GET", "POST"])
@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(odd=st.lists(st.tuples(st.sampled_from(NAMES), _ODD), min_size=1, max_size=4), data=st.data())
async def test_no_bytes_in_any_parameter_make_it_fail_or_lead_elsewhere(
    ready: Ready, method: Literal["GET", "POST"], odd: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    replaced = {name for name, _ in odd} if data.draw(st.booleans()) else set()
    good = [(name, value) for name, value in parameters_of(ready.allowed, {}) if name not in replaced]
    form = "&".join([urlencode(good), *(f"{name}={quote_from_bytes(value)}" for name, value in odd)])
    face: Literal["oidc", "sentinel"] = data.draw(st.sampled_from(["oidc", "sentinel"]))
    bearers = data.draw(st.sampled_from([[], [ready.bearer]]))
    answer = await ask_raw(ready.stage, form, face=face, method=method, bearers=bearers)
    assert answer.status_code in {200, 302, 303, 400, 401}, answer.text
    if answer.is_redirect:
        location = answer.headers["location"]
        rest = location.removeprefix(CALLBACK)
        ours = location.startswith(("/oidc/4711001/interaction/", f"{path_of(face)}?"))
        assert ours or (rest != location and rest[0] in "?#"), location
    elif answer.status_code == 200:
        assert read_page(str(answer.url), answer).form.action == CALLBACK


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=300), query=st.binary(max_size=60))
async def test_any_bytes_at_all_get_a_page(ready: Ready, body: bytes, query: bytes) -> None:
    answer = await ready.stage.http.post(
        f"/oidc/4711001/authorize?{quote_from_bytes(query, safe='&=%+')}",
        content=body,
        headers={"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"{MARK_COOKIE}=x"},
    )
    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@_ON_STAGE
@given(cookie=st.text(st.characters(codec="latin-1", exclude_characters="\x00\r\n"), max_size=200))
async def test_any_cookie_is_no_session(ready: Ready, cookie: str) -> None:
    form = urlencode(parameters_of(ready.allowed, {"prompt": "none"}))
    raw = f"{sessions_cookie('4711001')}={cookie}".strip().encode("latin-1")
    answer = await ready.stage.http.get(f"/oidc/4711001/authorize?{form}", headers={b"Cookie": raw})
    assert landed(answer).fields["error"] == "login_required"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_is_refused_may_hold_any_bytes_and_is_logged_all_the_same(ready: Ready) -> None:
    stage = ready.stage
    for value in ("\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "\x1b[31m", "\u202e", "'" * 1_000):
        await ask(stage, ready.allowed, redirect_uri=f"https://evil.example/{value}")
        await ask(stage, ready.allowed, scope=value)
    assert stage.server.refusals.held == 8
    assert await stage.server.refusals.flush_once() == 8
