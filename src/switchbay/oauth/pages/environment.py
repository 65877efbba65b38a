"""Renders pages: HTML that needs no script, with the headers that keep other sites and injected text out.

Every text is escaped by the templates. The policy (Content Security Policy Level 3) allows nothing but the one inline
stylesheet, a script of our own where a page has one, pictures and forms of this server, and redirects to where a form
leads in the end: Chromium applies ``form-action`` to every redirect that follows a form, those of the app itself
included, and many apps lead on to another of their sites; so it names the scheme of the app's redirect URI and no host.
A page on the way back to an app stays connected to the window that opened it, for apps that log their users in in a
second window; the others are cut off from it.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = "switchbay.oauth.pages"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,63}")
_NEVER = frozenset({"javascript", "data", "blob", "vbscript", "file", "filesystem", "about", "view-source"})
_SELF = "'self'"
_SEND_FORM = "document.forms[0].submit()"

HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_CUT_OFF = {"Cross-Origin-Opener-Policy": "same-origin"}


class Pages:
    """The pages of this package, and those of ``package`` besides, which may extend ``page.html``.

    Templates are in the folder ``templates`` of a package. They are read at the first page: a node that shows none
    spends no memory on them.
    """

    def __init__(self, package: str | None = None) -> None:
        self._package = package

    def render(
        self,
        name: str,
        status: int = 200,
        *,
        leads_to: str | None = None,
        own_style: str = "",
        own_script: str = "",
        picture_origins: Iterable[str] = (),
        **values: object,
    ) -> Response:
        """Answer the page ``name`` (without ``.html``).

        ``leads_to``: where its form redirects to in the end; ``own_style``: rules of this page's own, which hold no
        markup; ``own_script``: a constant of the program, which may ask this server for more; ``picture_origins``:
        other servers whose pictures it may show, such as ``https://www.example.com``.
        """
        from markupsafe import Markup  # noqa: PLC0415 - see the class

        own = Markup(own_style)  # noqa: S704 - rules, by contract, and the policy names their hash
        given = {**values, "own_style": own, "own_script": Markup(own_script)}  # noqa: S704 - constant, by contract
        text = _environment(self._package).get_template(f"{name}.html").render(given)
        sources = (_SELF, *_form_sources(leads_to))
        script = _hash(own_script) if own_script else None
        policy = _policy(sources, script=script, own_style=own_style, picture_origins=tuple(picture_origins))
        if own_script:
            policy += f"; connect-src {_SELF}"
        headers = {**HEADERS, **(_CUT_OFF if leads_to is None else {}), "Content-Security-Policy": policy}
        return Response(text, status, headers, media_type="text/html")


def render(name: str, status: int = 200, *, leads_to: str | None = None, **values: object) -> Response:
    """Answer a page of this package."""
    return _pages.render(name, status, leads_to=leads_to, own_style="", own_script="", picture_origins=(), **values)


def render_form_post(action: str, fields: Iterable[tuple[str, str]]) -> Response:
    """Answer the page that sends ``fields`` to an app (OAuth 2.0 Form Post Response Mode): by itself, or by a button
    where scripts are off.
    """
    text = _environment(None).get_template("form_post.html").render(action=action, fields=tuple(fields))
    policy = _policy(_form_sources(action), script=_hash(_SEND_FORM))
    return Response(text, 200, {**HEADERS, "Content-Security-Policy": policy}, media_type="text/html")


_pages = Pages()


@cache
def _style() -> str:
    return resources.files(_HERE).joinpath("style.css").read_text("utf-8")


@cache
def _environment(package: str | None) -> "Environment":
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - see Pages
    from markupsafe import Markup  # noqa: PLC0415 - see Pages

    loaders = [PackageLoader(name) for name in (package, _HERE) if name is not None]
    environment = Environment(
        autoescape=True,
        loader=ChoiceLoader(loaders),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["style"] = Markup(_style())  # noqa: S704 - our own file, and the policy names its hash
    environment.globals["send_form"] = Markup(_SEND_FORM)  # noqa: S704 - the constant above
    return environment


def _policy(
    form_action: tuple[str, ...],
    *,
    script: str | None = None,
    own_style: str = "",
    picture_origins: tuple[str, ...] = (),
) -> str:
    forms = " ".join(form_action) or "'none'"
    styles = [_hash(_style()), *([_hash_source(own_style)] if own_style else [])]
    directives = [
        "default-src 'none'",
        f"style-src {' '.join(styles)}",
        f"img-src {' '.join((_SELF, *picture_origins))}",
        f"form-action {forms}",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
    if script is not None:
        directives.append(f"script-src {script}")
    return "; ".join(directives)


def _hash_source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


_hash = cache(_hash_source)  # of the texts that are the same on every page


def _form_sources(address: str | None) -> tuple[str, ...]:
    """What ``form-action`` must name besides this server, for a form that ends at this address."""
    scheme, separator, _ = (address or "").partition(":")
    scheme = scheme.lower()
    if not separator or not _SCHEME.fullmatch(scheme) or scheme in _NEVER:
        return ()
    return ("http:", "https:") if scheme == "http" else (f"{scheme}:",)
