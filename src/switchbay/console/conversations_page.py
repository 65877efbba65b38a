"""The pages ``/console/{account}/conversations`` for those who may see every conversation: what goes on, what was said.

They look again by themselves: by a script of our own that fetches the page anew and puts in what has changed, and
where scripts are off by being loaded anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, Literal
from urllib.parse import urlencode

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from switchbay.accounts.public import Principal, Role, require
from switchbay.console import errors
from switchbay.console.messages import Message, show_messages
from switchbay.console.moments import moment, span
from switchbay.console.service import Launch
from switchbay.console.visits import choose, serve
from switchbay.infra.machine import Clock
from switchbay.kit.errors import AppError
from switchbay.messaging.public import Glance, Hit, Talk, Watching
from switchbay.oauth.public import Browser, Pages, SignIn

CONVERSATIONS: Final = "/console/{account}/conversations"
CONVERSATION: Final = CONVERSATIONS + "/{conversation}"
FILE: Final = CONVERSATION + "/files/{file}"
WATCHERS: Final = (Role.AGENT_MANAGER, Role.ADMIN)
_A_PAGE: Final = 50
_LONGEST_SEARCH: Final = 500
_PLACE_DIGITS: Final = 19
_STATES: Final[Mapping[str, Literal["OPEN", "CLOSE"] | None]] = {"open": "OPEN", "closed": "CLOSE", "all": None}
_KINDS: Final = {"MAIN": "Conversation", "POST_SURVEY": "Survey", "AGENTS": "Among agents"}


def routes(launch: Launch, watching: Watching, browser: Browser, sign_in: SignIn, clock: Clock) -> list[BaseRoute]:
    """The pages."""
    pages = _ConversationsPages(launch, watching, browser, sign_in, clock)
    return [
        Route(CONVERSATIONS, pages.show_list, methods=["GET"]),
        Route(CONVERSATION, pages.show_one, methods=["GET"]),
        Route(FILE, pages.give_file, methods=["GET"]),
    ]


@dataclass(frozen=True, slots=True)
class _Row:
    """A conversation in the list."""

    glance: Glance
    address: str
    waits: str
    started: str


@dataclass(frozen=True, slots=True)
class _Found:
    """A message that a search found."""

    address: str
    html: Markup
    at: str
    is_private: bool


@dataclass(frozen=True, slots=True)
class _Dialog:
    """A dialog with its messages."""

    talk: Talk
    name: str
    messages: list[Message]


class _ConversationsPages:
    def __init__(self, launch: Launch, watching: Watching, browser: Browser, sign_in: SignIn, clock: Clock) -> None:
        self._launch = launch
        self._watching = watching
        self._browser = browser
        self._sign_in = sign_in
        self._clock = clock
        self._pages = Pages("switchbay.console")

    async def show_list(self, request: Request) -> Response:
        """What goes on, or what a search finds."""
        return await serve(self._pages, request, self._show_list)

    async def show_one(self, request: Request) -> Response:
        """What was said in a conversation."""
        return await serve(self._pages, request, self._show_one)

    async def give_file(self, request: Request) -> Response:
        """Send the browser to a file, or its preview."""
        return await serve(self._pages, request, self._give_file)

    async def _show_list(self, request: Request, account_id: str) -> Response:
        principal = await self._find_user(request, account_id)
        if principal is None:
            return await self._log_in(request, account_id)
        text = request.query_params.get("q", "").strip()[:_LONGEST_SEARCH]
        if text:
            return await self._search(request, account_id, principal, text)
        state = request.query_params.get("state", "open")
        if state not in _STATES:
            raise errors.page_address_invalid()
        before = _read_place(request.query_params.get("before"))
        found = await self._watching.list_conversations(account_id, _STATES[state], before, _A_PAGE)
        now = self._clock.now_ms()
        base = CONVERSATIONS.format(account=account_id)
        older = ""
        if len(found) == _A_PAGE:
            last = found[-1]
            older = f"{base}?{urlencode({'state': state, 'before': f'{last.started_at}.{last.conversation_id}'})}"
        return await self._render(
            account_id,
            principal,
            "conversations",
            is_live=before is None,
            state=state,
            text="",
            rows=[_row(one, base, now) for one in found],
            hits=None,
            problem="",
            older=older,
            now=moment(now),
        )

    async def _search(self, request: Request, account_id: str, principal: Principal, text: str) -> Response:
        base, problem, older = CONVERSATIONS.format(account=account_id), "", ""
        found: list[Hit] = []
        given = request.query_params.get("before", "")
        before = int(given) if given.isascii() and given.isdigit() and len(given) < _PLACE_DIGITS else None
        try:
            found, following = await self._watching.find_messages(account_id, text, before, _A_PAGE)
            if following is not None:
                older = f"{base}?{urlencode({'q': text, 'before': following})}"
        except AppError as error:
            if error.code != "search_invalid":
                raise
            problem = error.message
        return await self._render(
            account_id,
            principal,
            "conversations",
            is_live=False,
            state="all",
            text=text,
            rows=[],
            hits=[_found(one, base) for one in found],
            problem=problem,
            older=older,
            now=moment(self._clock.now_ms()),
        )

    async def _show_one(self, request: Request, account_id: str) -> Response:
        principal = await self._find_user(request, account_id)
        if principal is None:
            return await self._log_in(request, account_id)
        conversation_id: str = request.path_params["conversation"]
        transcript = await self._watching.get_transcript(account_id, conversation_id)
        messages, rules = show_messages(line for talk in transcript.talks for line in talk.lines)
        left = iter(messages)
        dialogs = [
            _Dialog(talk, _KINDS.get(talk.kind, talk.kind), [next(left) for _ in talk.lines])
            for talk in transcript.talks
        ]
        now = self._clock.now_ms()
        base = CONVERSATIONS.format(account=account_id)
        return await self._render(
            account_id,
            principal,
            "conversation",
            rules=rules,
            is_live=transcript.glance.standing != "closed",
            row=_row(transcript.glance, base, now),
            dialogs=dialogs,
            files=f"{base}/{conversation_id}/files",
            now=moment(now),
        )

    async def _give_file(self, request: Request, account_id: str) -> Response:
        principal = await self._find_user(request, account_id)
        if principal is None:
            return await self._log_in(request, account_id)
        address = await self._watching.get_file_address(
            account_id,
            principal.user_pid,
            request.path_params["file"],
            preview=request.query_params.get("preview") == "1",
        )
        return RedirectResponse(address, 302, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})

    async def _find_user(self, request: Request, account_id: str) -> Principal | None:
        session = choose(await self._browser.sessions(request, account_id), request.query_params.get("user"))
        if session is None:
            return None
        require(session.principal, *WATCHERS)
        return session.principal

    async def _log_in(self, request: Request, account_id: str) -> Response:
        await self._launch.get_account_name(account_id)  # nobody is asked to log in to an account that is not there
        return self._sign_in.begin(request, account_id, CONVERSATIONS.format(account=account_id))

    async def _render(
        self, account_id: str, principal: Principal, name: str, *, is_live: bool, rules: str = "", **values: object
    ) -> Response:
        return self._pages.render(
            name,
            200,
            leads_to=None,
            picture_origins=(),
            own_style=_resource("content.css") + _resource("conversations.css") + rules,
            own_script=_resource("live.js") if is_live else "",
            account_name=await self._launch.get_account_name(account_id),
            is_live=is_live,
            base=CONVERSATIONS.format(account=account_id),
            display_name=principal.display_name,
            login_name=principal.login_name,
            menu=f"/launch/{account_id}",
            sign_out=f"/oidc/{account_id}/logout",
            **values,
        )


def _row(glance: Glance, base: str, now: int) -> _Row:
    waits = span(now - glance.waits_since) if glance.waits_since else ""
    return _Row(glance, f"{base}/{glance.conversation_id}", waits, moment(glance.started_at))


def _found(hit: Hit, base: str) -> _Found:
    parts, end = [], 0
    for begin, stop in hit.marks:
        parts += [escape(hit.snippet[end:begin]), Markup("<mark>{}</mark>").format(hit.snippet[begin:stop])]
        end = stop
    html = Markup("").join([*parts, escape(hit.snippet[end:])])
    return _Found(f"{base}/{hit.conversation_id}", html, moment(hit.at), hit.audience != "ALL")


def _read_place(given: str | None) -> tuple[int, str] | None:
    if given is None:
        return None
    at, _, conversation_id = given.partition(".")
    if not (at.isascii() and at.isdigit() and len(at) < _PLACE_DIGITS) or "\x00" in conversation_id:
        raise errors.page_address_invalid()
    return int(at), conversation_id


@cache
def _resource(name: str) -> str:
    return resources.files("switchbay.console").joinpath("templates", name).read_text("utf-8")
