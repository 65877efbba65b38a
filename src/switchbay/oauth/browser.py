"""What this server keeps in a browser: the login sessions of each account, and a mark of the browser itself.

Both are cookies with the ``__Host-`` prefix (draft-ietf-httpbis-rfc6265bis §4.1.3): no other host, subdomain or plain
http page can set or read them, and they end with the browser. The sessions' cookie holds bearers of the accounts room,
newest first; who they belong to and whether they live is asked there at every request, so a forged or old cookie is
worth nothing. The mark says nothing about anybody: what is sealed into a form together with its digest can be sent
from this browser only.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection
from starlette.responses import Response

from switchbay.accounts.public import Accounts, Principal
from switchbay.infra.machine import Randomness
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.ids import is_account_id
from switchbay.kit.secret import Secret

MOST_USERS = 5
"""How many users of one account may be logged in in one browser: as many as the account chooser shows."""
MOST_SESSIONS = 10
"""How many sessions the cookie holds: a user who logs in again may have apps that still go by the session before."""
MARK_COOKIE = "__Host-switchbay-browser"
_MARK_BYTES = 32
_BEARER = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A live login session of the browser. ``auth_time`` in epoch milliseconds, ``amr`` by RFC 8176."""

    principal: Principal
    bearer: Secret
    auth_time: int
    amr: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BrowserMark:
    """What tells this browser from others. ``is_new``: the browser does not have it yet; put it into the answer."""

    text: str = field(repr=False)
    is_new: bool

    @property
    def digest(self) -> bytes:
        """What is sealed into forms: SHA-256, so that a form does not tell the cookie."""
        return hashlib.sha256(self.text.encode("ascii")).digest()


class Browser:
    """Reads and writes the cookies."""

    def __init__(self, accounts: Accounts, randomness: Randomness) -> None:
        self._accounts = accounts
        self._randomness = randomness

    # The mark

    def browser_token(self, request: HTTPConnection) -> BrowserMark:
        """The mark of the browser that asks, or a new one for a browser without."""
        text = request.cookies.get(MARK_COOKIE, "")
        if _BEARER.fullmatch(text):
            return BrowserMark(text, is_new=False)
        return BrowserMark(self._randomness.token(_MARK_BYTES), is_new=True)

    def ensure_browser_token(self, response: Response, mark: BrowserMark) -> None:
        """Have the browser keep a mark that it does not have yet."""
        if mark.is_new:
            _set(response, MARK_COOKIE, mark.text)

    # Sessions

    async def sessions(self, request: HTTPConnection, account_id: str) -> list[BrowserSession]:
        """The live sessions of the browser in this account, newest first, one for each user: the newest."""
        return newest_of_each_user(await self.all_sessions(request, account_id))

    async def all_sessions(self, request: HTTPConnection, account_id: str) -> list[BrowserSession]:
        """Every live session of the browser in this account, newest first."""
        found: list[BrowserSession] = []
        for bearer in _bearers(request, account_id):
            session = await self._find(account_id, bearer)
            if session is not None:
                found.append(session)
        return found

    async def _find(self, account_id: str, bearer: str) -> BrowserSession | None:
        try:
            principal = await self._accounts.authenticate(account_id, bearer)
        except AppError as error:
            if error.kind is Kind.UNAUTHENTICATED:
                return None
            raise
        return BrowserSession(principal, Secret(bearer), principal.auth_time, principal.amr)

    async def add_session(self, response: Response, request: HTTPConnection, account_id: str, bearer: Secret) -> None:
        """Put a session that was opened just now before the others."""
        added = await self._find(account_id, bearer.reveal())
        others = [session for session in await self.all_sessions(request, account_id) if session.bearer != bearer]
        if added is not None:
            _write(response, account_id, kept_sessions([added, *others]))

    async def drop_sessions(
        self, response: Response, request: HTTPConnection, account_id: str, ended: Iterable[Secret] | None = None
    ) -> None:
        """Take sessions out of the browser: those with these bearers, or all. It does not end them."""
        gone = None if ended is None else set(ended)
        sessions = await self.all_sessions(request, account_id) if gone is not None else []
        _write(response, account_id, [session for session in sessions if gone is None or session.bearer not in gone])


def newest_of_each_user(sessions: Sequence[BrowserSession]) -> list[BrowserSession]:
    """The sessions that the user chooses from."""
    found: dict[str, BrowserSession] = {}
    for session in sessions:
        found.setdefault(session.principal.user_id, session)
    return list(found.values())


def kept_sessions(sessions: Sequence[BrowserSession]) -> list[BrowserSession]:
    """As many sessions as the cookie may hold: those of the users who logged in last, each user's newest before older
    ones.
    """
    users = [session.principal.user_id for session in newest_of_each_user(sessions)[:MOST_USERS]]
    newest = {session.bearer for session in newest_of_each_user(sessions)}
    room = MOST_SESSIONS - len(users)
    kept: list[BrowserSession] = []
    for session in sessions:
        if session.principal.user_id not in users:
            continue
        if session.bearer in newest:
            kept.append(session)
        elif room > 0:
            room -= 1
            kept.append(session)
    return kept


def sessions_cookie(account_id: str) -> str:
    """The name of the cookie with the sessions of an account."""
    return f"__Host-switchbay_{account_id}"


def _bearers(request: HTTPConnection, account_id: str) -> list[str]:
    if not is_account_id(account_id):
        return []
    texts = request.cookies.get(sessions_cookie(account_id), "").split(".")[:MOST_SESSIONS]
    return list(dict.fromkeys(text for text in texts if _BEARER.fullmatch(text)))


def _write(response: Response, account_id: str, sessions: Sequence[BrowserSession]) -> None:
    name = sessions_cookie(account_id)
    if sessions:
        _set(response, name, ".".join(session.bearer.reveal() for session in sessions))
    else:
        response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")


def _set(response: Response, name: str, value: str) -> None:
    """A cookie for as long as the browser runs. ``Lax``: an app that sends its user here finds them logged in."""
    response.set_cookie(name, value, path="/", secure=True, httponly=True, samesite="lax")
