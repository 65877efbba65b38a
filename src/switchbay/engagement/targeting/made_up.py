"""Visits that somebody has written down as JSON, to ask what would be offered in them.

The members are those of ``Visit`` and its parts, in camel case, all of them optional. Times are Unix milliseconds; a
time of 0 or less counts from now, so that ``-30000`` is half a minute ago. A page's locations, and what follows from
the pages, are worked out where they are not given.
"""

import functools
import operator
import types
import typing
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec
from msgspec.structs import replace

from switchbay.engagement.domain.visit import Page, Visit
from switchbay.engagement.targeting.entry_points import Entry

MOST_PAGES = 200
_TIMES = frozenset({"at", "started", "seen", "displayed", "clicked", "declined", "interacted"})
_NOTHING: dict[object, object] = {str: "", int: 0, float: 0.0}


@functools.cache
def _named(packed: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return a type with the same members as a packed one, which is read from an object and needs none of them."""
    hints = typing.get_type_hints(packed)
    members: list[Any] = []
    for field in msgspec.structs.fields(packed):
        default: object = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = msgspec.field(default_factory=_as_named(field.default_factory))
        elif field.required:
            default = _NOTHING[hints[field.name]]
        members.append((field.name, _opened(hints[field.name]), default))
    return msgspec.defstruct(
        packed.__name__, members, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
    )


def _as_named(factory: Any) -> Any:  # noqa: ANN401 - whatever makes a member's default
    is_packed = isinstance(factory, type) and issubclass(factory, msgspec.Struct)
    return _named(factory) if is_packed else factory


def _opened(hint: Any) -> Any:  # noqa: ANN401 - an annotation
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _named(hint)
    arguments = typing.get_args(hint)
    origin = typing.get_origin(hint)
    if origin in {typing.Union, types.UnionType}:
        return functools.reduce(operator.or_, map(_opened, arguments))
    if origin is tuple:
        return types.GenericAlias(tuple, (_opened(arguments[0]), ...))
    return hint


def _packed(value: Any, hint: Any, now: int) -> Any:  # noqa: ANN401 - any member
    if isinstance(value, tuple):
        return tuple(_packed(one, typing.get_args(hint)[0], now) for one in value)
    if not isinstance(value, msgspec.Struct):
        return value
    packed = next(one for one in (hint, *typing.get_args(hint)) if getattr(one, "__name__", "") == type(value).__name__)
    hints = typing.get_type_hints(packed)
    members = {}
    for name in value.__struct_fields__:
        member = _packed(getattr(value, name), hints[name], now)
        if name in _TIMES and isinstance(member, int) and member <= 0:
            member += now
        members[name] = member
    return packed(**members)


def read_visit(value: object, now: int, locations_of: Callable[[Entry], tuple[int, ...]]) -> Visit:
    """Read a visit from what JSON holds. Raises msgspec's ``ValidationError``, whose text names the place."""
    named = msgspec.convert(value, _named(Visit))
    visit: Visit = _packed(named, Visit, now)
    if len(visit.pages) > MOST_PAGES:
        raise msgspec.ValidationError(f"A visit has at most {MOST_PAGES} pages - at `$.pages`")
    return _completed(visit, locations_of)


def _completed(visit: Visit, locations_of: Callable[[Entry], tuple[int, ...]]) -> Visit:
    pages = tuple(
        replace(
            page,
            id=page.id or str(number),
            locations=page.locations or locations_of(Entry(page.url, page.title, page.sections)),
        )
        for number, page in enumerate(visit.pages, start=1)
    )
    return replace(
        visit,
        visitor_id=visit.visitor_id or "made-up",
        session_id=visit.session_id or "made-up",
        contexts=tuple(replace(one, id=one.id or str(number)) for number, one in enumerate(visit.contexts, start=1)),
        pages=pages,
        page_count=max(visit.page_count, len(pages)),
        visited=visit.visited or tuple(dict.fromkeys(one for page in pages for one in page.locations)),
        millis_on=visit.millis_on or _stays(pages),
    )


def _stays(pages: tuple[Page, ...]) -> dict[int, int]:
    found: dict[int, int] = {}
    for page, following in pairwise(pages):
        for location in page.locations:
            found[location] = found.get(location, 0) + max(0, following.at - page.at)
    return found
