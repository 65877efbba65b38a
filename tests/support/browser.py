"""A browser without JavaScript: it keeps cookies by the rules, follows redirects, reads forms and sends them.

It runs over any httpx client, so over the application in memory as well as over a served node. Redirects that leave the
server are not followed: the test looks at where they lead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx

_MOST_REDIRECTS = 10
_REDIRECTS = {301, 302, 303, 307, 308}
_ATTRIBUTES = {"path", "domain", "secure", "httponly", "samesite", "max-age", "expires"}


@dataclass(slots=True)
class Cookie:
    """A cookie as the browser keeps it."""

    name: str
    value: str
    path: str
    secure: bool
    http_only: bool
    same_site: str


class CookieJar:
    """The cookies of one origin's host, by RFC 6265bis: Path, Secure, SameSite, and the ``__Host-`` prefix.

    A cookie that a browser would refuse is an error here: the server is not supposed to try.
    """

    def __init__(self) -> None:
        self.cookies: dict[tuple[str, str], Cookie] = {}

    def store(self, header: str, url: str) -> None:
        """Keep what one ``Set-Cookie`` header says."""
        pair, *rest = header.split(";")
        name, _, value = pair.strip().partition("=")
        given: dict[str, str] = {}
        for attribute in rest:
            word, _, text = attribute.strip().partition("=")
            assert word.lower() in _ATTRIBUTES, f"unknown attribute {word}"
            given[word.lower()] = text
        secure = "secure" in given
        path = given.get("path") or "/"
        if secure:
            assert urlsplit(url).scheme == "https", "a Secure cookie over plain http"
        if name.startswith("__Host-"):
            assert secure, "__Host- needs Secure"
            assert "domain" not in given, "__Host- allows no Domain"
            assert given.get("path") == "/", "__Host- needs Path=/"
        cookie = Cookie(name, value.strip('"'), path, secure, "httponly" in given, given.get("samesite", "").lower())
        if given.get("max-age") == "0":
            self.cookies.pop((name, path), None)
        else:
            self.cookies[name, path] = cookie

    def header(self, url: str, *, cross_site: bool = False, method: str = "GET") -> str:
        """The ``Cookie`` header of a request."""
        parts = urlsplit(url)
        sent = []
        for cookie in self.cookies.values():
            if cookie.secure and parts.scheme != "https":
                continue
            prefix = cookie.path.rstrip("/")
            if not (parts.path == prefix or parts.path.startswith(prefix + "/")):
                continue
            if cross_site and (cookie.same_site == "strict" or (cookie.same_site == "lax" and method != "GET")):
                continue
            sent.append(f"{cookie.name}={cookie.value}")
        return "; ".join(sent)

    def find(self, name: str) -> Cookie | None:
        """A cookie by its name."""
        return next((cookie for cookie in self.cookies.values() if cookie.name == name), None)


@dataclass(slots=True)
class Button:
    """What sends a form; a named one sends its value with it."""

    name: str | None
    value: str
    text: str = ""


@dataclass(slots=True)
class Input:
    """A field of a form."""

    name: str
    kind: str
    value: str
    checked: bool = False
    attributes: Mapping[str, str | None] = field(default_factory=dict)
    label: str = ""


@dataclass(slots=True)
class Form:
    """A form of a page."""

    action: str
    method: str
    inputs: list[Input] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)

    def input(self, name: str) -> Input:
        """The field of this name."""
        return next(found for found in self.inputs if found.name == name)

    def values(self) -> list[tuple[str, str]]:
        """What the form sends as it stands: boxes that are not ticked send nothing."""
        return [(each.name, each.value) for each in self.inputs if each.kind != "checkbox" or each.checked]


class _Reader(HTMLParser):
    """Reads what a test asks a page for."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[tuple[str, str]] = []
        self.title = ""
        self.lang: str | None = None
        self.texts: list[str] = []
        self.scripts = 0
        self.images: list[str] = []
        self.alerts: list[str] = []
        self.headings: list[str] = []
        self._labels: dict[str, str] = {}
        self._open: list[str] = []
        self._form: Form | None = None
        self._button: Button | None = None
        self._label: str | None = None
        self._link: str | None = None
        self._alert = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        match tag:
            case "html":
                self.lang = found.get("lang")
            case "form":
                self._form = Form(found.get("action") or "", (found.get("method") or "get").lower())
                self.forms.append(self._form)
            case "input":
                assert self._form is not None, "a field outside of a form"
                each = Input(
                    found.get("name") or "",
                    (found.get("type") or "text").lower(),
                    found.get("value") or ("on" if found.get("type") == "checkbox" else ""),
                    "checked" in found,
                    found,
                )
                self._form.inputs.append(each)
            case "button":
                self._button = Button(found.get("name"), found.get("value") or "")
                assert self._form is not None, "a button outside of a form"
                self._form.buttons.append(self._button)
            case "label":
                self._label = found.get("for")
            case "a":
                self._link = found.get("href") or ""
                self.links.append((self._link, ""))
            case "script":
                self.scripts += 1
            case "img":
                self.images.append(found.get("src") or "")
            case _:
                pass
        if found.get("role") == "alert":
            self._alert = True
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass
        match tag:
            case "form":
                self._form = None
            case "button":
                self._button = None
            case "label":
                self._label = None
            case "a":
                self._link = None
            case "p":
                self._alert = False
            case _:
                pass

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        if inside in {"style", "script"}:
            return
        if inside == "title":
            self.title += data
            return
        if inside in {"h1", "h2"}:
            self.headings.append(data)
        if self._button is not None:
            self._button.text += data
        if self._label is not None:
            self._labels[self._label] = self._labels.get(self._label, "") + data
        if self._link is not None:
            href, text = self.links[-1]
            self.links[-1] = (href, text + data)
        if self._alert:
            self.alerts.append(data)
        self.texts.append(data)


@dataclass(slots=True)
class Page:
    """What the browser shows: the last answer, read as HTML where it is HTML."""

    url: str
    answer: httpx.Response
    title: str = ""
    lang: str | None = None
    text: str = ""
    forms: list[Form] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    scripts: int = 0
    left_for: str | None = None
    """Where a redirect that leaves the server leads."""

    @property
    def status(self) -> int:
        """The status of the answer."""
        return self.answer.status_code

    @property
    def heading(self) -> str:
        """The first heading."""
        return self.headings[0] if self.headings else ""

    @property
    def form(self) -> Form:
        """The only form."""
        assert len(self.forms) == 1, f"{len(self.forms)} forms on {self.url}"
        return self.forms[0]

    @property
    def answer_parameters(self) -> dict[str, str]:
        """The parameters of the address that the browser left for, from its query or its fragment."""
        assert self.left_for is not None, f"still here: {self.status} {self.url} {self.text[:300]}"
        parts = urlsplit(self.left_for)
        return dict(parse_qsl(parts.fragment or parts.query, keep_blank_values=True))


def read_page(url: str, answer: httpx.Response) -> Page:
    """Read an answer as a browser does."""
    if not answer.headers.get("content-type", "").startswith("text/html"):
        return Page(url, answer, text=answer.text)
    reader = _Reader()
    reader.feed(answer.text)
    reader.close()
    for form in reader.forms:
        for each in form.inputs:
            each.label = reader._labels.get(str(each.attributes.get("id")), "").strip()
    return Page(
        url,
        answer,
        reader.title,
        reader.lang,
        " ".join(" ".join(reader.texts).split()),
        reader.forms,
        reader.links,
        reader.images,
        [" ".join(text.split()) for text in reader.alerts],
        reader.headings,
        reader.scripts,
    )


class Browser:
    """One browser of one person. ``client`` reaches the server; its own cookies are not used."""

    def __init__(self, client: httpx.AsyncClient, *, languages: str = "en") -> None:
        self._client = client
        self._origin = str(client.base_url).rstrip("/")
        self.jar = CookieJar()
        self.languages = languages
        self.trail: list[httpx.Response] = []
        """Every answer of the last step, redirects included."""
        self.page: Page | None = None

    @property
    def shown(self) -> Page:
        """The page on the screen."""
        assert self.page is not None, "no page was opened"
        return self.page

    async def open(self, url: str, parameters: Mapping[str, str] | Sequence[tuple[str, str]] | None = None) -> Page:
        """Follow a link or type an address."""
        address = urljoin(self._origin + "/", url)
        if parameters:
            address += ("&" if "?" in address else "?") + urlencode(parameters)
        return await self._go("GET", address, None, {})

    async def submit(
        self,
        values: Mapping[str, str] | None = None,
        *,
        press: str | None = None,
        tick: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        """Fill in the page's form and press the button with this text or value; without one, as by the Enter key."""
        page = self.shown
        form = page.form
        fields = dict(values or {})
        sent: list[tuple[str, str]] = []
        for each in form.inputs:
            if each.kind == "checkbox":
                if each.checked or each.name in tick:
                    sent.append((each.name, each.value))
            elif each.kind != "submit":
                sent.append((each.name, fields.pop(each.name, each.value)))
        assert not fields, f"the form has no fields {sorted(fields)}"
        assert all(any(each.name == name for each in form.inputs) for name in tick)
        button = form.buttons[0] if press is None else _button(form, press)
        if button.name is not None:
            sent.append((button.name, button.value))
        action = urljoin(page.url, form.action)
        given = {"Origin": self._origin, "Sec-Fetch-Site": "same-origin", **(headers or {})}
        if form.method == "post":
            return await self._go("POST", action, sent, given)
        return await self._go("GET", f"{action}?{urlencode(sent)}", None, given)

    async def post(self, url: str, values: Mapping[str, str], *, from_site: str | None = None) -> Page:
        """Send a form that is on a page of another site, or one that no page shows."""
        headers = {} if from_site is None else {"Origin": from_site, "Sec-Fetch-Site": "cross-site"}
        address = urljoin(self._origin + "/", url)
        return await self._go("POST", address, list(values.items()), headers, cross_site=from_site is not None)

    async def follow(self, text: str) -> Page:
        """Follow the link with this text."""
        href = next(href for href, shown in self.shown.links if shown.strip() == text)
        return await self.open(urljoin(self.shown.url, href))

    async def _go(
        self,
        method: str,
        url: str,
        form: list[tuple[str, str]] | None,
        headers: Mapping[str, str],
        *,
        cross_site: bool = False,
    ) -> Page:
        self.trail = []
        for _ in range(_MOST_REDIRECTS):
            answer = await self._ask(method, url, form, headers, cross_site=cross_site)
            if answer.status_code not in _REDIRECTS:
                self.page = read_page(url, answer)
                return self.page
            target = urljoin(url, answer.headers["location"])
            if not target.startswith(self._origin + "/"):
                self.page = Page(url, answer, left_for=target)
                return self.page
            if answer.status_code not in {307, 308}:
                method, form = "GET", None
            url = target
        raise AssertionError("too many redirects")

    async def _ask(
        self, method: str, url: str, form: list[tuple[str, str]] | None, headers: Mapping[str, str], *, cross_site: bool
    ) -> httpx.Response:
        sent: dict[str, str] = {"Accept": "text/html", "Accept-Language": self.languages, **headers}
        if cookies := self.jar.header(url, cross_site=cross_site, method=method):
            sent["Cookie"] = cookies
        extra: dict[str, Any] = {}
        if form is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
            extra["content"] = urlencode(form).encode()
        answer = await self._client.request(method, url, headers=sent, follow_redirects=False, **extra)
        self._client.cookies.clear()
        for header in answer.headers.get_list("set-cookie"):
            self.jar.store(header, url)
        self.trail.append(answer)
        return answer


def _button(form: Form, wanted: str) -> Button:
    for button in form.buttons:
        if wanted in {button.text.strip(), button.value} or button.text.strip().endswith(wanted):
            return button
    raise AssertionError(f"no button {wanted!r} among {[button.text for button in form.buttons]}")
