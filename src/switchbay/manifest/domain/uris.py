"""The grammar of the addresses in a manifest (RFC 3986, ASCII only), as patterns that the check and the schema share.

The patterns keep to what Python and ECMA 262 regular expressions have in common and match in linear time. They are
written without anchors: the check uses ``fullmatch``, the schema puts ``^`` and ``$`` around them.
"""

import re
from typing import Final
from urllib.parse import quote


def any_case(word: str) -> str:
    """A pattern for a word in upper or lower case, as scheme names allow."""
    return "".join(f"[{char.upper()}{char}]" if char.isalpha() else re.escape(char) for char in word.lower())


_CHAR: Final = r"[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2}"
_PATH: Final = f"(?:/(?:{_CHAR})*)?"
_QUERY: Final = rf"(?:\?(?:{_CHAR}|\?)*)?"
_FRAGMENT: Final = rf"(?:#(?:{_CHAR}|\?)*)?"
_PORT: Final = "(?::(?:6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3}))?"

_BYTE: Final = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4: Final = rf"{_BYTE}(?:\.{_BYTE}){{3}}"
_H16: Final = "[0-9A-Fa-f]{1,4}"
_LS32: Final = f"(?:{_H16}:{_H16}|{_IPV4})"


def _ipv6() -> str:
    """RFC 3986 §3.2.2: eight groups, or fewer around one double colon."""
    forms = [f"(?:{_H16}:){{6}}{_LS32}", f"::(?:{_H16}:){{5}}{_LS32}"]
    forms += [f"(?:(?:{_H16}:){{0,{before}}}{_H16})?::(?:{_H16}:){{{4 - before}}}{_LS32}" for before in range(5)]
    forms.append(f"(?:(?:{_H16}:){{0,5}}{_H16})?::{_H16}")
    forms.append(f"(?:(?:{_H16}:){{0,6}}{_H16})?::")
    return rf"\[(?:{'|'.join(forms)})\]"


_LABEL: Final = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_TOP: Final = "[A-Za-z](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME: Final = rf"(?![^/?#:]{{254}})(?:{_LABEL}\.)*{_TOP}\.?"
_HOST: Final = f"(?:{_IPV4}|{_ipv6()}|{_NAME})"
_LOOPBACK: Final = rf"(?:127(?:\.{_BYTE}){{3}}|\[::1\]|(?:{any_case('localhost')}))"

_WEB: Final = f"{any_case('http')}[Ss]?://{_HOST}{_PORT}{_PATH}{_QUERY}"
HTTPS: Final = f"{any_case('https')}://{_HOST}{_PORT}{_PATH}{_QUERY}"
WEB_PAGE: Final = f"{_WEB}{_FRAGMENT}"

FORBIDDEN_SCHEMES: Final = ("about", "blob", "data", "file", "ftp", "javascript", "vbscript", "ws", "wss")
_NOT_PRIVATE: Final = "|".join(any_case(scheme) for scheme in (*FORBIDDEN_SCHEMES, "http", "https"))
_PRIVATE: Final = rf"(?!(?:{_NOT_PRIVATE}):)[A-Za-z][A-Za-z0-9+.-]*:(?:{_CHAR}|\?)+"
REDIRECT: Final = rf"(?![^*]*\*)(?:{_WEB}|{_PRIVATE})"

_HTTPS_RE: Final = re.compile(HTTPS)
_WEB_PAGE_RE: Final = re.compile(WEB_PAGE)
_REDIRECT_RE: Final = re.compile(REDIRECT)
_LOOPBACK_RE: Final = re.compile(f"{any_case('http')}[Ss]?://{_LOOPBACK}(?:[:/?#].*)?")
_SCHEME_RE: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_AUTHORITY_RE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")
_USER_INFO_RE: Final = re.compile(r"(//)[^/?#]*@")


def is_https(uri: str) -> bool:
    """Whether this is an https address without user name, password and fragment."""
    return _HTTPS_RE.fullmatch(uri) is not None


def is_web_page(uri: str) -> bool:
    """Whether this is an http or https address without user name and password."""
    return _WEB_PAGE_RE.fullmatch(uri) is not None


def is_redirect(uri: str) -> bool:
    """Whether this may be a redirect URI: http, https or a private-use scheme, no fragment, no wildcard."""
    return _REDIRECT_RE.fullmatch(uri) is not None


def is_loopback(uri: str) -> bool:
    """Whether this http or https address leads to the machine itself (RFC 8252 §7.3, and the name localhost)."""
    return _LOOPBACK_RE.fullmatch(uri) is not None


def scheme_of(uri: str) -> str | None:
    """The scheme in lower case, if the text begins with one."""
    match = _SCHEME_RE.match(uri)
    return match.group(1).lower() if match else None


def host_of(uri: str) -> str:
    """The host of an address in lower case, without port and user name; empty where there is none."""
    match = _AUTHORITY_RE.match(uri)
    authority = match.group(1).rpartition("@")[2] if match else ""
    if authority.startswith("["):
        return authority.partition("]")[0].lstrip("[").lower()
    return authority.partition(":")[0].rstrip(".").lower()


def origin_of(uri: str) -> str:
    """Host and, where it is said, port of an address, in lower case, for people to read."""
    match = _AUTHORITY_RE.match(uri)
    return match.group(1).rpartition("@")[2].lower() if match else ""


def has_user_info(uri: str) -> bool:
    """Whether the authority holds an at sign."""
    match = _AUTHORITY_RE.match(uri)
    return match is not None and "@" in match.group(1)


def without_user_info(uri: str) -> str:
    """The address without user name and password."""
    return _USER_INFO_RE.sub(r"\1", uri, count=1)


def percent_encoded(uri: str) -> str:
    """The address, stripped, with what RFC 3986 does not allow after the authority percent-encoded."""
    uri = uri.strip()
    match = _AUTHORITY_RE.match(uri)
    if match is None:
        return uri
    return uri[: match.end()] + quote(uri[match.end() :], safe="._~!$&'()*+,;=:@/?#-%", encoding="utf-8")


_EXAMPLE_HOSTS: Final = frozenset(
    {"your", "your-domain", "your-app", "your-server", "yourdomain", "yourapp", "my-domain"}
)
_EXAMPLE_ENDINGS: Final = ("your-domain.com", "yourdomain.com", "your-app.com", "yourapp.com", "your-server.com")


def is_example_host(host: str) -> bool:
    """Whether a host is a stand-in that documentation prints, such as ``your`` or ``your-domain.com``."""
    if host in _EXAMPLE_HOSTS:
        return True
    return any(host == ending or host.endswith("." + ending) for ending in _EXAMPLE_ENDINGS)
