"""A browser for the demo: it keeps cookies, follows redirects, and presses buttons. It runs no scripts."""

import ssl
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Self
from urllib.parse import urljoin, urlsplit

import httpx

_MOST_REDIRECTS = 10


class PageFailed(Exception):
    """A page does not show what it should, or has not what is to be pressed."""


class _Reader(HTMLParser):
    """Finds the title, the links and the forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.heading = ""
        self.links: dict[str, str] = {}
        self.forms: list[tuple[str, dict[str, str]]] = []
        self._link: str | None = None
        self._in_heading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what begins."""
        given = {name: value or "" for name, value in attrs}
        if tag == "a":
            self._link = given.get("href", "")
            self.links.setdefault(self._link, "")
        elif tag == "form":
            self.forms.append((given.get("action", ""), {}))
        elif tag in ("input", "button") and self.forms and given.get("type") != "checkbox" and given.get("name"):
            self.forms[-1][1].setdefault(given["name"], given.get("value", ""))
        elif tag == "h1":
            self._in_heading = True

    def handle_endtag(self, tag: str) -> None:
        """Note what ends."""
        if tag == "a":
            self._link = None
        elif tag == "h1":
            self._in_heading = False

    def handle_data(self, data: str) -> None:
        """Note the text of headings and links."""
        if self._in_heading:
            self.heading += data
        if self._link is not None:
            self.links[self._link] += data


class Browser:
    """One person's browser. ``typed`` counts the fields that were filled in, ``redirects`` those of the last step."""

    def __init__(self, trust: ssl.SSLContext) -> None:
        self._client = httpx.Client(verify=trust, timeout=20)
        self._page = _Reader()
        self.url = ""
        self.text = ""
        self.typed = 0
        self.redirects = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.close()

    @property
    def heading(self) -> str:
        """What the page says first."""
        return " ".join(self._page.heading.split())

    def open(self, url: str) -> None:
        """Go to an address."""
        self._go("GET", url, None)

    def follow(self, words: str) -> None:
        """Click the link whose text holds these words."""
        for href, text in self._page.links.items():
            if words in " ".join(text.split()):
                self._go("GET", urljoin(self.url, href), None)
                return
        raise PageFailed(f"{self._where()} has no link {words!r}")

    def submit(self, action: str, values: Mapping[str, str] | None = None) -> None:
        """Fill in and send the form whose address ends like this."""
        for address, fields in self._page.forms:
            if urlsplit(address).path.endswith(action):
                typed = dict(values or {})
                self.typed += len(typed)
                self._go("POST", urljoin(self.url, address), {**fields, **typed})
                return
        raise PageFailed(f"{self._where()} has no form for {action}")

    def expect(self, heading: str) -> None:
        """Raise ``PageFailed`` unless the page is the one with this heading."""
        if self.heading != heading:
            raise PageFailed(f"{self._where()} instead of {heading!r}")

    def _where(self) -> str:
        return f"the page {self.heading!r} at {self.url.partition('?')[0]}"

    def _go(self, method: str, url: str, form: Mapping[str, str] | None) -> None:
        for number in range(_MOST_REDIRECTS):
            headers = {} if form is None else {"Origin": "{0.scheme}://{0.netloc}".format(urlsplit(self.url))}
            try:
                answer = self._client.request(method, url, data=form, headers=headers)
            except httpx.HTTPError as error:
                raise PageFailed(f"{url.partition('?')[0]} does not answer: {error}") from error
            if not answer.is_redirect:
                self.url, self.text, self.redirects = url, answer.text, number
                self._page = _Reader()
                self._page.feed(answer.text)
                return
            method, form, url = "GET", None, urljoin(url, answer.headers["location"])
        raise PageFailed(f"{url.partition('?')[0]} redirects without end")
