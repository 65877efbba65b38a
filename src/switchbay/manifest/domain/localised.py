"""Localised members such as ``client_name#fr``: language tags (RFC 5646) and their look-up (RFC 4647 §3.4)."""

from collections.abc import Iterable, Mapping
from typing import Final

from langcodes import tag_is_valid

from switchbay.manifest.domain.model import Manifest

_MAX_TAG: Final = 64
_REGION_LENGTH: Final = 2
_SCRIPT_LENGTH: Final = 4


def split_member(key: str) -> tuple[str, str | None]:
    """A member name and its tag: ``("client_name", "fr")``; the tag is None where there is no hash."""
    name, hash_sign, tag = key.partition("#")
    return name, tag if hash_sign else None


def canonical_tag(tag: str) -> str | None:
    """A valid tag in the letter case that RFC 5646 §2.1.1 recommends, or None.

    Valid means registered subtags in their order, not only the right shape; nothing is replaced by a newer tag.
    """
    if len(tag) > _MAX_TAG or "_" in tag or not tag.isascii() or not tag_is_valid(tag):
        return None
    subtags = tag.split("-")
    private = next((index for index, subtag in enumerate(subtags) if len(subtag) == 1), len(subtags))
    return "-".join(_recased(subtag, index, private) for index, subtag in enumerate(subtags))


def _recased(subtag: str, index: int, first_singleton: int) -> str:
    """Regions in capitals, scripts with a capital, everything else and all after a singleton in small letters."""
    if index == 0 or index > first_singleton:
        return subtag.lower()
    return {_REGION_LENGTH: subtag.upper(), _SCRIPT_LENGTH: subtag.title()}.get(len(subtag), subtag.lower())


def look_up(tags: Iterable[str], ranges: Iterable[str]) -> str | None:
    """The tag that serves the first range possible, each range cut from its end until a tag equals it."""
    by_fold = {tag.casefold(): tag for tag in tags}
    for language_range in ranges:
        subtags = language_range.casefold().split("-")
        while subtags:
            found = by_fold.get("-".join(subtags))
            if found is not None:
                return found
            subtags.pop()
            if subtags and len(subtags[-1]) == 1:
                subtags.pop()
    return None


def localise(manifest: Manifest, member: str, ranges: Iterable[str]) -> str | None:
    """The text of a member for a reader's languages, best first.

    Falls back to the plain text, and from a display name that is not there to the client name; None when the app has no
    such text at all.
    """
    wanted = tuple(ranges)
    texts: Mapping[str, str] = manifest.localised.get(member, {})
    tag = look_up(texts, wanted)
    if tag is not None:
        return texts[tag]
    plain = manifest.document.get(member)
    if isinstance(plain, str):
        return plain
    return localise(manifest, "client_name", wanted) if member == "display_name" else None
