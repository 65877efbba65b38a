"""Kinds for the addresses in a manifest: redirect URIs, entry URI, webhook endpoints, logo."""

from dataclasses import dataclass

from switchbay.kit.findings import Patch, patch_replace
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import Path
from switchbay.kit.shown import show
from switchbay.manifest.domain import placeholders, uris
from switchbay.manifest.domain.check import Check, name_of
from switchbay.manifest.domain.kinds import CONTROL, Schema, anchored, no_match, read_string


def read_address(check: Check, path: Path, value: JsonValue, limit: int) -> str | None:
    """The text of an address, once placeholders, type, control characters and length are judged."""
    if check.has_placeholder(path, value, address=True):
        return None
    return read_string(check, path, value, limit, instead="")


@dataclass(frozen=True, slots=True)
class RedirectUri:
    """Where a code or token goes: https, http (a warning unless loopback) or a private-use scheme (RFC 8252 §7)."""

    limit: int

    def read(self, check: Check, path: Path, value: JsonValue) -> JsonValue:
        """Check one redirect URI; it is kept as written, since it is compared as written."""
        uri = read_address(check, path, value, self.limit)
        if uri is None:
            return None
        if not uris.is_redirect(uri):
            self._diagnose(check, path, uri)
            return None
        scheme = uris.scheme_of(uri)
        if scheme not in {"http", "https"}:
            message = f"the redirect URI uses the private scheme {scheme}, which any program on a device may claim"
            expected = "an https address, unless the app is a native one"
            check.add("redirect_uri_private_scheme", path, message, got=show(uri), expected=expected)
        elif scheme == "http" and not uris.is_loopback(uri):
            message = "the redirect URI is plain http: codes and tokens cross the network unencrypted"
            check.add("redirect_uri_http", path, message, got=show(uri), expected="an https or loopback address")
        warn_of_example_host(check, path, uri)
        return uri

    @staticmethod
    def _diagnose(check: Check, path: Path, uri: str) -> None:
        noted = note_user_info(check, path, uri)
        if "*" in uri:
            message = "a redirect URI is compared exactly; it cannot hold a wildcard"
            check.add("uri_wildcard", path, message, got=show(uri), expected="one complete address")
            noted = True
        noted = note_fragment(check, path, uri) or noted
        scheme = uris.scheme_of(uri)
        if scheme is None or scheme in uris.FORBIDDEN_SCHEMES:
            note_scheme(check, path, uri, "https, http on the loopback, or a private-use scheme")
            noted = True
        if not noted:
            note_invalid(check, path, uri, encoding_helps=uris.is_redirect(uris.percent_encoded(uri)))

    def schema(self) -> Schema:
        """The grammar of a redirect URI."""
        return {
            "type": "string",
            "maxLength": self.limit,
            "pattern": anchored(uris.REDIRECT),
            "allOf": no_match(CONTROL, placeholders.IN_ADDRESS),
        }


@dataclass(frozen=True, slots=True)
class EntryUri:
    """Where the app is launched: https, or http (a warning unless loopback). The empty string is as good as absent."""

    limit: int

    def read(self, check: Check, path: Path, value: JsonValue) -> JsonValue:
        """Check the entry URI."""
        uri = read_address(check, path, value, self.limit)
        if uri is None or not uri.strip(" "):
            return None
        if not uris.is_web_page(uri):
            noted = note_user_info(check, path, uri)
            if uris.scheme_of(uri) not in {"http", "https"}:
                note_scheme(check, path, uri, "an https address")
                noted = True
            if not noted:
                note_invalid(check, path, uri, encoding_helps=uris.is_web_page(uris.percent_encoded(uri)))
            return None
        if uris.scheme_of(uri) == "http" and not uris.is_loopback(uri):
            message = "the entry URI is plain http: the sign-on crosses the network unencrypted"
            check.add("entry_uri_http", path, message, got=show(uri), expected="an https or loopback address")
        warn_of_example_host(check, path, uri)
        return uri

    def schema(self) -> Schema:
        """The grammar of a web address, or nothing but spaces."""
        return {
            "type": "string",
            "maxLength": self.limit,
            "pattern": anchored(f" *|{uris.WEB_PAGE}"),
            "allOf": no_match(CONTROL, placeholders.IN_ADDRESS),
        }


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the platform calls the app: https only; in dev mode also http on the loopback.

    Where none is ``needed``, the empty string is as good as absent.
    """

    limit: int
    needed: bool = True

    def read(self, check: Check, path: Path, value: JsonValue) -> JsonValue:
        """Check the endpoint."""
        uri = read_address(check, path, value, self.limit)
        if uri is None or not (self.needed or uri.strip(" ")):
            return None
        if not uris.is_https(uri) and not self._is_dev_endpoint(check, uri):
            self._diagnose(check, path, uri)
            return None
        if uris.scheme_of(uri) == "http":
            message = f"{name_of(path)} is plain http, which only dev mode allows"
            check.add("endpoint_http", path, message, got=show(uri), expected="an https address")
        warn_of_example_host(check, path, uri)
        return uri

    @staticmethod
    def _is_dev_endpoint(check: Check, uri: str) -> bool:
        return check.options.dev_mode and uris.is_loopback(uri) and uris.is_web_page(uri) and "#" not in uri

    @staticmethod
    def _diagnose(check: Check, path: Path, uri: str) -> None:
        noted = note_user_info(check, path, uri)
        noted = note_fragment(check, path, uri) or noted
        scheme = uris.scheme_of(uri)
        secure = f"https{uri[len(scheme) :]}" if scheme == "http" else f"https://{uri}"
        if scheme != "https":
            note_scheme(
                check, path, uri, "an address that starts with https://", secure if uris.is_https(secure) else None
            )
            noted = True
        if not noted:
            note_invalid(check, path, uri, encoding_helps=uris.is_https(uris.percent_encoded(uri)))

    def schema(self) -> Schema:
        """The grammar of an https address."""
        return {
            "type": "string",
            "maxLength": self.limit,
            "pattern": anchored(uris.HTTPS if self.needed else f" *|{uris.HTTPS}"),
            "allOf": no_match(CONTROL, placeholders.IN_ADDRESS),
        }


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture's address. Nothing about it refuses a manifest, unless the operator says so; empty is absent."""

    limit: int

    def read(self, check: Check, path: Path, value: JsonValue) -> JsonValue:
        """Check what can be seen without fetching it."""
        uri = read_address(check, path, value, self.limit)
        if uri is None or not uri.strip(" "):
            return None
        uri = uri.strip(" ")
        scheme = uris.scheme_of(uri)
        if scheme is None:
            message = "the logo's address is relative, so nobody can fetch it"
            check.add("logo_relative", path, message, got=show(uri), expected="an https address")
        elif not uris.is_web_page(uri):
            message = "the logo's address is none that can be fetched"
            check.add("logo_unreachable", path, message, got=show(uri), expected="an https address")
        elif uri.partition("?")[0].partition("#")[0].lower().endswith((".svg", ".svgz")):
            message = "an SVG drawing has no size in pixels"
            check.add("logo_type", path, message, got=show(uri), expected="a PNG, JPEG, GIF or WebP of 70 by 70 pixels")
        return uri

    def schema(self) -> Schema:
        """Any text without control characters and placeholders."""
        clauses = no_match(CONTROL, placeholders.IN_ADDRESS)
        return {"type": "string", "maxLength": self.limit, "allOf": clauses}


def note_user_info(check: Check, path: Path, uri: str) -> bool:
    """Note a user name or password; tell whether there was one."""
    if not uris.has_user_info(uri):
        return False
    message = f"{name_of(path)} holds a user name or password, which an address must not"
    fix = patch_replace(path, uris.without_user_info(uri))
    check.add(
        "uri_user_info", path, message, got=show(uri), expected="an address without an @ before the path", fix=fix
    )
    return True


def note_fragment(check: Check, path: Path, uri: str) -> bool:
    """Note a fragment; tell whether there was one."""
    if "#" not in uri:
        return False
    message = f"{name_of(path)} holds a fragment (from # on), which is never sent"
    fix = patch_replace(path, uri.partition("#")[0])
    check.add("uri_fragment", path, message, got=show(uri), expected="an address without #", fix=fix)
    return True


def note_scheme(check: Check, path: Path, uri: str, expected: str, better: str | None = None) -> None:
    """Note a scheme that is not allowed, or none."""
    scheme = uris.scheme_of(uri)
    fix = None if better is None else patch_replace(path, better)
    what = "does not begin with a scheme" if scheme is None else f"begins with the scheme {scheme}"
    check.add(
        "uri_scheme", path, f"{name_of(path)} {what}; it must be {expected}", got=show(uri), expected=expected, fix=fix
    )


def note_invalid(check: Check, path: Path, uri: str, *, encoding_helps: bool) -> None:
    """Note an address that breaks the grammar, with the percent-encoded form as remedy where that is all it lacks."""
    meant_to_be_filled = any(char in "{}<>" for char in uri)
    fix: Patch | None = None
    if encoding_helps and not meant_to_be_filled:
        fix = patch_replace(path, uris.percent_encoded(uri))
    message = f"{name_of(path)} is no valid address: host, port or a character in it is not allowed"
    expected = "an address as RFC 3986 has it, in ASCII, everything else percent-encoded"
    check.add("uri_invalid", path, message, got=show(uri), expected=expected, fix=fix)


def warn_of_example_host(check: Check, path: Path, uri: str) -> None:
    """Note a host that documentation prints for the reader to replace."""
    host = uris.host_of(uri)
    if uris.is_example_host(host):
        message = f"the host {host} looks like an example to be replaced"
        check.add("placeholder_host", path, message, got=show(uri), expected="the address of your own server")
