"""The page ``/console/{account}/content``: check structured content, see the findings and a preview.

It needs no scripts, keeps nothing and sends nothing. Its pictures come from elsewhere only if the reader asks for it.
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from switchbay.accounts.public import Principal, Role, require
from switchbay.console.preview import Preview, render_preview
from switchbay.console.service import Launch
from switchbay.console.visits import choose, serve
from switchbay.content.public import Report, check_text
from switchbay.infra.web import read_body
from switchbay.kit.jsontext import MAX_BYTES
from switchbay.oauth.public import Browser, Pages, SignIn

CONTENT: Final = "/console/{account}/content"
_MOST_FIELDS: Final = 10
_MOST_ISSUES: Final = 100
_ENCODED: Final = 3
"""How many bytes a form may need for one."""
_EXAMPLE: Final = """{
  "type": "vertical",
  "elements": [
    {"type": "text", "text": "Runner 3", "style": {"bold": true, "size": "large"}},
    {
      "type": "button",
      "title": "Buy",
      "click": {"actions": [{"type": "publishText", "text": "I would like to buy Runner 3"}]}
    }
  ]
}
"""


def routes(launch: Launch, browser: Browser, sign_in: SignIn) -> list[BaseRoute]:
    """The page and its form."""
    page = _ContentPage(launch, browser, sign_in)
    return [Route(CONTENT, page.show, methods=["GET"]), Route(CONTENT, page.check, methods=["POST"])]


@dataclass(frozen=True, slots=True)
class _Checked:
    """What the form brought, and what was found in it."""

    text: str
    with_pictures: bool = False
    report: Report | None = None
    preview: Preview | None = None


class _ContentPage:
    def __init__(self, launch: Launch, browser: Browser, sign_in: SignIn) -> None:
        self._launch = launch
        self._browser = browser
        self._sign_in = sign_in
        self._pages = Pages("switchbay.console")

    async def show(self, request: Request) -> Response:
        """The page with an example to begin with."""
        return await serve(self._pages, request, self._show)

    async def check(self, request: Request) -> Response:
        """The page with what was found in the form's text."""
        return await serve(self._pages, request, self._check)

    async def _show(self, request: Request, account_id: str) -> Response:
        principal = await self._find_user(request, account_id)
        if principal is None:
            return await self._log_in(request, account_id)
        return await self._render(account_id, principal, _Checked(_EXAMPLE))

    async def _check(self, request: Request, account_id: str) -> Response:
        principal = await self._find_user(request, account_id)
        if principal is None:
            return await self._log_in(request, account_id)
        body = await read_body(request, MAX_BYTES * _ENCODED)
        return await self._render(account_id, principal, await run_in_threadpool(_read, body))

    async def _find_user(self, request: Request, account_id: str) -> Principal | None:
        session = choose(await self._browser.sessions(request, account_id), request.query_params.get("user"))
        if session is None:
            return None
        require(session.principal, Role.AGENT, Role.AGENT_MANAGER, Role.DEVELOPER, Role.ADMIN)
        return session.principal

    async def _log_in(self, request: Request, account_id: str) -> Response:
        await self._launch.get_account_name(account_id)  # nobody is asked to log in to an account that is not there
        return self._sign_in.begin(request, account_id, CONTENT.format(account=account_id))

    async def _render(self, account_id: str, principal: Principal, checked: _Checked) -> Response:
        report, preview = checked.report, checked.preview
        issues = () if report is None else report.issues
        return self._pages.render(
            "content",
            own_style=_style() + ("" if preview is None else preview.rules),
            picture_origins=() if preview is None else preview.picture_origins,
            account_name=await self._launch.get_account_name(account_id),
            action=CONTENT.format(account=account_id),
            text=checked.text,
            with_pictures=checked.with_pictures,
            report=report,
            verdict="" if report is None else _verdict(report),
            issues=issues[:_MOST_ISSUES],
            left_out=max(0, len(issues) - _MOST_ISSUES),
            preview=None if preview is None else preview.html,
            display_name=principal.display_name,
            login_name=principal.login_name,
            menu=f"/launch/{account_id}",
            sign_out=f"/oidc/{account_id}/logout",
        )


def _read(body: bytes) -> _Checked:
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        fields = {}
    text = fields.get("content", [""])[-1]
    with_pictures = fields.get("pictures", [""])[-1] == "1"
    report = check_text(text.encode())
    preview = None if report.value is None else render_preview(report.value, with_pictures=with_pictures)
    return _Checked(text, with_pictures, report, preview)


def _verdict(report: Report) -> str:
    counted = report.summary.in_words()
    return f"Valid: {counted}" if report.valid else f"Would be refused: {counted}"


@cache
def _style() -> str:
    return resources.files("switchbay.console").joinpath("templates", "content.css").read_text("utf-8")
