"""The pages on the way from an app's request to its answer: log in, second factor, choose a user, allow the app.

Every step carries the sealed transaction ``t``, which is good in the browser that began it only. A step that is done
leads to ``resume``, where the authorization endpoint's use case decides again with what is known by then; these routes
decide nothing themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from switchbay.accounts.public import Accounts, Login, Role, SecondFactorNeeded
from switchbay.apps.public import Apps, Client, localise
from switchbay.infra.web import client_address
from switchbay.kit.errors import AppError
from switchbay.kit.secret import Secret
from switchbay.oauth import pages
from switchbay.oauth.browser import Browser, BrowserSession
from switchbay.oauth.domain import Face
from switchbay.oauth.pages.words import describe_scopes, describe_wait, read_languages
from switchbay.oauth.protocol.oidc_interaction import Steps
from switchbay.oauth.routes.authorize import render_answer
from switchbay.oauth.routes.forms import PageTrouble, read_form, see_other, with_pages
from switchbay.oauth.routes.opening import open_transaction
from switchbay.oauth.service.authorize import Answer, Authorize, Interact
from switchbay.oauth.sign_in import find_page
from switchbay.oauth.transactions import Transaction, Transactions

BASE: Final = "/oidc/{account}/interaction"
ANOTHER: Final = "another"
_LONGEST_NAME: Final = 256
_LOGIN_FAILED: Final = "The user name or the password is wrong."
_CODE_FAILED: Final = "This code is wrong, too old, or has been used already."
_AS_LOGIN_FAILED: Final = frozenset({"login_failed", "name_invalid", "password_invalid"})
_FORBIDDEN: Final = 403


class Upstreams(Protocol):
    """Other providers at which the users of an account may log in."""

    async def offered(self, account_id: str) -> Sequence[tuple[str, str]]:
        """Their ids and labels."""
        ...


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for a page of an account, with its transaction opened and found good."""

    request: Request
    account_id: str
    account_name: str
    transaction: Transaction
    client: Client | None
    sealed: str

    @property
    def base(self) -> str:
        """Where the pages of this account are."""
        return f"/oidc/{self.account_id}/interaction"

    @property
    def languages(self) -> tuple[str, ...]:
        """In which languages the app's texts are wanted."""
        return read_languages(self.parameter("ui_locales"), self.request.headers.get("accept-language"))

    @property
    def app_name(self) -> str:
        """What people call the app; empty for a page of our own."""
        return "" if self.client is None else localise(self.client, "display_name", self.languages)

    @property
    def leads_to(self) -> str | None:
        """Where the browser goes in the end, if that is another site."""
        if self.client is None:
            return None
        return self.parameter("redirect_uri") or next(iter(self.client.redirect_uris), None)

    def parameter(self, name: str) -> str | None:
        """A parameter of the request that began it all."""
        return next((value for each, value in self.transaction.parameters if each == name and value), None)


class Interaction:
    """Serves the pages."""

    def __init__(
        self,
        browser: Browser,
        transactions: Transactions,
        authorize: Authorize,
        accounts: Accounts,
        apps: Apps,
        upstreams: Upstreams | None = None,
        *,
        origin: str,
    ) -> None:
        self._browser = browser
        self._transactions = transactions
        self._authorize = authorize
        self._accounts = accounts
        self._apps = apps
        self._upstreams = upstreams
        self._origin = origin

    def routes(self) -> list[BaseRoute]:
        """The routes of the pages."""
        return [
            Route(f"{BASE}/resume", with_pages(self._resume), methods=["GET"]),
            Route(f"{BASE}/login", with_pages(self._show_login), methods=["GET"]),
            Route(f"{BASE}/login", with_pages(self._log_in), methods=["POST"]),
            Route(f"{BASE}/code", with_pages(self._show_login), methods=["GET"]),
            Route(f"{BASE}/code", with_pages(self._check_code), methods=["POST"]),
            Route(f"{BASE}/choose", with_pages(self._resume_or_show), methods=["GET"]),
            Route(f"{BASE}/choose", with_pages(self._choose), methods=["POST"]),
            Route(f"{BASE}/consent", with_pages(self._resume_or_show), methods=["GET"]),
            Route(f"{BASE}/consent", with_pages(self._consent), methods=["POST"]),
        ]

    # Opening

    async def _open(self, request: Request, sealed: str | None) -> Visit:
        """Find the transaction of a request. Raises ``PageTrouble`` and ``CookiesMissing`` for any that is not good."""
        account_id: str = request.path_params["account"]
        account = await self._accounts.get_account(account_id)
        transaction = open_transaction(self._browser, self._transactions, request, account_id, sealed)
        client = None
        if transaction.face is not Face.PAGE:
            client_id = next((value for name, value in transaction.parameters if name == "client_id"), "")
            client = await self._apps.find_client(account_id, client_id)
        return Visit(request, account_id, account.name, transaction, client, sealed or "")

    async def _open_form(self, request: Request) -> tuple[Visit, dict[str, str]]:
        fields = dict(await read_form(request, self._origin))
        return await self._open(request, fields.get("t")), fields

    # Going on

    async def _resume(self, request: Request) -> Response:
        visit = await self._open(request, request.query_params.get("t"))
        page = find_page(visit.transaction)
        if page is not None:
            return see_other(page)
        answer, _ = await self._decide(visit, visit.transaction.steps)
        return self._answer(visit, answer)

    async def _resume_or_show(self, request: Request) -> Response:
        """Show the page that is due: the one that was asked for, unless something happened in another tab."""
        visit = await self._open(request, request.query_params.get("t"))
        if visit.client is None:
            return see_other(f"{visit.base}/resume?t={visit.sealed}")
        answer, sessions = await self._decide(visit, visit.transaction.steps)
        asked = request.url.path.rpartition("/")[2]
        if not isinstance(answer, Interact) or answer.kind != asked:
            return self._answer(visit, answer)
        if answer.kind == "choose":
            return self._choose_page(visit, answer, sessions)
        return await self._consent_page(visit, answer, sessions)

    async def _decide(self, visit: Visit, steps: Steps) -> tuple[Answer, list[BrowserSession]]:
        transaction = visit.transaction
        sessions = await self._browser.all_sessions(visit.request, visit.account_id)
        answer = await self._authorize.handle(
            transaction.account_id,
            transaction.face,
            transaction.version,
            transaction.parameters,
            sessions,
            asked_at=transaction.asked_at,
            steps=steps,
            address=client_address(visit.request),
        )
        return answer, sessions

    def _answer(self, visit: Visit, answer: Answer) -> Response:
        if not isinstance(answer, Interact):
            return render_answer(visit.request, answer)
        sealed = self._transactions.seal(visit.transaction.after(answer.steps))
        return see_other(f"{visit.base}/{answer.kind}?t={sealed}")

    # Logging in

    async def _show_login(self, request: Request) -> Response:
        visit = await self._open(request, request.query_params.get("t"))
        return await self._login_page(visit, visit.parameter("login_hint") or "")

    async def _login_page(self, visit: Visit, username: str, problem: str = "", status: int = 200) -> Response:
        upstreams = () if self._upstreams is None else await self._upstreams.offered(visit.account_id)
        return pages.render(
            "login",
            status,
            leads_to=visit.leads_to,
            account_name=visit.account_name,
            app_name=visit.app_name,
            base=visit.base,
            t=visit.sealed,
            username=username[:_LONGEST_NAME],
            problem=problem,
            upstreams=upstreams,
        )

    async def _log_in(self, request: Request) -> Response:
        visit, fields = await self._open_form(request)
        username = fields.get("username", "")
        address = client_address(request)
        try:
            opened = await self._accounts.begin_login(
                visit.account_id, username, Secret(fields.get("password", "")), address
            )
        except AppError as error:
            response = await self._login_page(visit, username, *_problem(error, _LOGIN_FAILED))
            return _with_retry(response, error)
        if isinstance(opened, SecondFactorNeeded):
            return self._code_page(visit, opened.ticket)
        return await self._logged_in(visit, opened)

    def _code_page(self, visit: Visit, ticket: Secret, problem: str = "", status: int = 200) -> Response:
        return pages.render(
            "code",
            status,
            leads_to=visit.leads_to,
            account_name=visit.account_name,
            base=visit.base,
            t=visit.sealed,
            ticket=ticket.reveal(),
            problem=problem,
        )

    async def _check_code(self, request: Request) -> Response:
        visit, fields = await self._open_form(request)
        ticket, code = Secret(fields.get("ticket", "")), Secret(fields.get("code", ""))
        try:
            opened = await self._accounts.finish_login(visit.account_id, ticket, code, client_address(request))
        except AppError as error:
            if error.code in {"login_ticket_invalid", "login_failed"}:
                return await self._login_page(visit, "", "This login took too long. Start it again.", _FORBIDDEN)
            return _with_retry(self._code_page(visit, ticket, *_problem(error, _CODE_FAILED)), error)
        return await self._logged_in(visit, opened)

    async def _logged_in(self, visit: Visit, opened: Login) -> Response:
        steps = Steps.choose(opened.principal.session_id)
        response = self._resume_with(visit, steps)
        await self._browser.add_session(response, visit.request, visit.account_id, opened.bearer)
        return response

    def _resume_with(self, visit: Visit, steps: Steps) -> Response:
        return see_other(f"{visit.base}/resume?t={self._transactions.seal(visit.transaction.after(steps))}")

    # Choosing a user

    def _choose_page(self, visit: Visit, answer: Interact, sessions: Sequence[BrowserSession]) -> Response:
        wanted = [presence.session_id for presence in answer.presences]
        people = [session.principal for session in sessions if session.principal.session_id in wanted]
        return pages.render(
            "choose",
            leads_to=visit.leads_to,
            account_name=visit.account_name,
            app_name=visit.app_name,
            base=visit.base,
            t=self._transactions.seal(visit.transaction.after(answer.steps)),
            people=people,
        )

    async def _choose(self, request: Request) -> Response:
        visit, fields = await self._open_form(request)
        chosen = fields.get("session", "")
        if chosen == ANOTHER:
            return see_other(f"{visit.base}/login?t={visit.sealed}")
        sessions = await self._browser.all_sessions(request, visit.account_id)
        if chosen not in {session.principal.session_id for session in sessions}:
            # That session ended meanwhile: what is due now is asked again.
            return see_other(f"{visit.base}/resume?t={visit.sealed}")
        return self._resume_with(visit, Steps.choose(chosen))

    # Allowing an app

    async def _consent_page(self, visit: Visit, answer: Interact, sessions: Sequence[BrowserSession]) -> Response:
        presence = answer.presence
        principal = next(
            session.principal
            for session in sessions
            if presence is not None and session.principal.session_id == presence.session_id
        )
        client = answer.client
        return pages.render(
            "consent",
            leads_to=answer.request.redirect_uri,
            account_name=visit.account_name,
            app_name=localise(client, "display_name", visit.languages),
            app_description=localise(client, "description", visit.languages),
            logo=await self._find_logo(client),
            scopes=describe_scopes(answer.scope, answer.new_scope),
            destination=_destination(answer.request.redirect_uri),
            base=visit.base,
            t=self._transactions.seal(visit.transaction.after(answer.steps)),
            may_allow_everyone=Role.ADMIN in principal.roles,
            display_name=principal.display_name,
            login_name=principal.login_name,
        )

    async def _find_logo(self, client: Client) -> str | None:
        """The address of our copy of the app's logo; browsers are not sent to addresses that apps choose."""
        if client.logo_uri is None:
            return None
        try:
            await self._apps.find_logo(client.account_id, client.installation_id)
        except AppError:
            return None
        return f"/api/account/{client.account_id}/app-logos/{client.installation_id}.png"

    async def _consent(self, request: Request) -> Response:
        visit, fields = await self._open_form(request)
        steps = visit.transaction.steps
        match fields.get("decision"):
            case "allow":
                steps = steps.allow(for_account=fields.get("everyone") == "yes")
            case "deny":
                steps = steps.deny()
            case _:
                raise PageTrouble(400, "form_malformed", "This did not work", "Neither Allow nor Deny was pressed.")
        if visit.client is None:
            return see_other(f"{visit.base}/resume?t={visit.sealed}")
        answer, _ = await self._decide(replace(visit, transaction=visit.transaction.after(steps)), steps)
        return self._answer(visit, answer)


def _problem(error: AppError, usual: str) -> tuple[str, int]:
    """What the page says, and its status. Raises the error again if it is not about this login."""
    if error.code in _AS_LOGIN_FAILED or error.code == "second_factor_invalid":
        return usual, _FORBIDDEN
    if error.code == "login_throttled":
        wait = describe_wait(error.retry_after or 1)
        return f"Too many failed logins. Try again in {wait}.", error.kind.http_status
    if error.code == "login_busy":
        return "Many people are logging in at this moment. Try again in a second.", error.kind.http_status
    raise error


def _with_retry(response: Response, error: AppError) -> Response:
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _destination(redirect_uri: str) -> str:
    """Where a redirect URI leads, for people: the host, or the program that serves a scheme of its own."""
    parts = urlsplit(redirect_uri)
    return parts.netloc or f"{parts.scheme}:"
