"""The kind of an address: what may be opened by a click, and what is fetched to be shown."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from switchbay.content.domain import links
from switchbay.content.domain.kinds import Check, Schema, name_of, wrong_type
from switchbay.content.domain.limits import MAX_URL
from switchbay.kit.findings import Patch, patch_replace
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import Path
from switchbay.kit.shown import listed, show

WEB: Final = ("http", "https")


@dataclass(frozen=True, slots=True)
class Address:
    """An address. ``fetched``: clients load it to show it, as they do a picture, so no scheme but http and https does.

    What a browser would not open as it stands only warns: clients mend it, each in its way.
    """

    fetched: bool = False

    def read(self, check: Check, path: Path, value: JsonValue) -> None:
        """Check the address."""
        if not isinstance(value, str):
            wrong_type(check, path, value, "a string")
            return
        scheme = links.scheme_of(value)
        if scheme is not None and (scheme in links.DANGEROUS or (self.fetched and scheme not in WEB)):
            expected = listed(WEB) if self.fetched else "https, or a scheme that opens an app, such as tel"
            message = f"{name_of(path)} has the scheme {scheme}, which is not allowed"
            check.add("link_scheme", path, message, got=show(value), expected=expected)
        elif len(value) > MAX_URL:
            message = f"{name_of(path)} has {len(value)} characters, more than {MAX_URL}"
            got, expected = f"{len(value)} characters", f"at most {MAX_URL} characters"
            check.add("too_long", path, message, got=got, expected=expected)
        else:
            _warn(check, path, value, scheme)

    def schema(self) -> Schema:
        """No scheme that is refused, written with space in it or not: browsers drop it before they read the scheme."""
        space = f"[{links.SPACE}]*"
        schemes = WEB if self.fetched else links.DANGEROUS
        named = "|".join(space.join((*_any_case(scheme), ":")) for scheme in schemes)
        if not self.fetched:
            return {"type": "string", "maxLength": MAX_URL, "not": {"pattern": f"^{space}(?:{named})"}}
        another = f"^{space}(?!{named})[A-Za-z][A-Za-z0-9+.{links.SPACE}-]*:"
        return {"type": "string", "maxLength": MAX_URL, "not": {"pattern": another}}


def _warn(check: Check, path: Path, value: str, scheme: str | None) -> None:
    """Note what is unusual about an address that may pass: one thing, the gravest."""
    name = name_of(path)
    if not value.strip():
        check.add("empty", path, f"{name} is empty", got=show(value), expected="an address")
    elif scheme is None:
        message = f"{name} has no scheme, so that each client reads it in its own way"
        check.add("link_relative", path, message, got=show(value), expected="https://…", fix=_mended(path, value))
    elif links.has_space(value):
        message = f"{name} holds white space or control characters"
        expected = "an address with %20 for a space"
        check.add("link_invalid", path, message, got=show(value), expected=expected, fix=_mended(path, value))
    elif scheme in WEB and not links.is_web(value):
        check.add("link_invalid", path, f"{name} names no host", got=show(value), expected="https://…")
    elif links.has_user_info(value):
        message = f"{name} holds a user name, which readers may take for the host"
        check.add("link_user_info", path, message, got=show(value), expected="an address without a user name")
    elif scheme == "http":
        fix = patch_replace(path, "https" + value[len("http") :])
        check.add("link_http", path, f"{name} is not encrypted", got=show(value), expected="https", fix=fix)


def _any_case(word: str) -> list[str]:
    return [f"[{char.upper()}{char}]" if char.isalpha() else char for char in word]


def _mended(path: Path, value: str) -> Patch | None:
    """The address that was most likely meant: without space around it, encoded inside, with a scheme before a host."""
    stripped = value.strip()
    if links.is_bare_host(stripped):
        stripped = f"https://{stripped}"
    mended = quote(stripped, safe="!#$%&'()*+,/:;=?@[]~")
    usable = links.is_web(mended) and not links.has_space(mended) and len(mended) <= MAX_URL
    return patch_replace(path, mended) if usable and mended != value else None
