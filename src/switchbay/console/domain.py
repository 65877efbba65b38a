"""What the quick-launch menu shows and where a click on it leads: pure functions.

A click is a login that a third party starts (OpenID Connect Core §4): the app's ``entry_uri`` is opened with ``iss``,
``login_hint`` and ``target_link_uri``, and with the ``account_id``, by which an app that serves many accounts knows its
issuer before it has read anything.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote_plus, urlencode, urlsplit

from switchbay.apps.public import Client, localise
from switchbay.console import errors
from switchbay.manifest.public import is_loopback

_LONGEST_TARGET: Final = 2_048
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}

Origin = tuple[str, str, int | None]


@dataclass(frozen=True, slots=True)
class Tile:
    """An app in the menu, in the reader's language. ``logo`` is the path of our copy; ``initial`` stands in for it."""

    app_id: str
    name: str
    description: str
    initial: str
    logo: str | None


def tiles(clients: Iterable[Client], logos: Mapping[str, str], languages: Sequence[str]) -> list[Tile]:
    """The apps that a click can start, by name. ``logos``: the paths of the copies that there are, by app."""
    found = [_tile(client, logos.get(client.client_id), languages) for client in clients if is_offered(client)]
    return sorted(found, key=lambda tile: (tile.name.casefold(), tile.app_id))


def _tile(client: Client, logo: str | None, languages: Sequence[str]) -> Tile:
    name = localise(client, "display_name", languages)
    initial = next((char for char in name if char.isalnum()), "?").upper()
    return Tile(client.client_id, name, localise(client, "description", languages), initial, logo)


def is_offered(client: Client) -> bool:
    """Whether the menu shows the app: enabled, meant for the menu, and with an entry that is safe to open."""
    return client.enabled and client.quick_launch_enabled and is_safe(client.entry_uri)


def is_safe(uri: str | None) -> bool:
    """Whether people may be sent to an address with a hint at who they are: https, or a program on their machine."""
    parts = _split(uri)
    if uri is None or parts is None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(uri))


def launch_uri(client: Client, *, issuer: str, user_id: str, target: str | None) -> str:
    """Where a click on the app leads.

    The query of the ``entry_uri`` stays as it is, except that nobody but us says what we say. ``target`` is the page
    that is wanted in the app; none means the entry itself. Raises ``launch_app_unknown``, ``launch_entry_unsafe`` and
    ``launch_target_refused``.
    """
    entry = client.entry_uri
    if not client.enabled or not client.quick_launch_enabled or entry is None:
        raise errors.app_unknown()
    parts = _split(entry)
    if parts is None or not is_safe(entry):
        raise errors.entry_unsafe()
    if target is not None and not _leads_to(client, target):
        raise errors.target_refused()
    ours = {
        "account_id": client.account_id,
        "iss": issuer,
        "target_link_uri": entry if target is None else target,
        "login_hint": user_id,
    }
    theirs = [pair for pair in parts.query.split("&") if pair and unquote_plus(pair.partition("=")[0]) not in ours]
    return parts._replace(query="&".join([*theirs, urlencode(ours)])).geturl()


def _leads_to(client: Client, target: str) -> bool:
    """Whether an address is the app's own: of the origin of its entry or of one of its redirect URIs."""
    if len(target) > _LONGEST_TARGET or not target.isascii() or not target.isprintable() or {" ", "\\"} & set(target):
        return False
    origin = origin_of(target)
    return (
        is_safe(target)
        and origin is not None
        and origin in {origin_of(uri) for uri in (client.entry_uri, *client.redirect_uris)}
    )


def origin_of(uri: str | None) -> Origin | None:
    """The origin of a web address (RFC 6454 §4); None for what has none, and for an address with a user name."""
    parts = _split(uri)
    if parts is None or parts.scheme not in _DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    try:
        port = parts.port
    except ValueError:
        return None
    return parts.scheme, parts.hostname, _DEFAULT_PORTS[parts.scheme] if port is None else port


def _split(uri: str | None) -> SplitResult | None:
    try:
        return None if uri is None else urlsplit(uri)
    except ValueError:  # brackets that are no address
        return None
