"""Keeps a visit short: it is read and written with every request, and there may be a million of them.

Lists keep their newest members. What conditions count over the whole session (pages, time on locations, visited
locations) is kept as totals, so that a long visit loses nothing but details of its beginning.
"""

from typing import Final

import msgspec
from msgspec import structs

from switchbay.engagement.domain.visit import Cart, Context, Product, Visit

MOST_PAGES: Final = 25
MOST_CONTEXTS: Final = 30
MOST_VIEWED: Final = 30
MOST_OF_OTHERS: Final = 20
MOST_IN_CART: Final = 50
MOST_VISITED: Final = 500
MOST_IDENTITIES: Final = 5
ROW_BYTES: Final = 16_384
"""The longest row; what is longer loses details until it fits."""


def bounded(visit: Visit) -> Visit:
    """The visit with lists no longer than they may be."""
    if not _is_long(visit):
        return visit
    return structs.replace(
        visit,
        pages=visit.pages[-MOST_PAGES:],
        contexts=_kept(visit.contexts),
        viewed=visit.viewed[-MOST_VIEWED:],
        errors=visit.errors[-MOST_OF_OTHERS:],
        services=visit.services[-MOST_OF_OTHERS:],
        purchases=visit.purchases[-MOST_OF_OTHERS:],
        leads=visit.leads[-MOST_OF_OTHERS:],
        searches=visit.searches[-MOST_OF_OTHERS:],
        identities=visit.identities[-MOST_IDENTITIES:],
        visited=visit.visited[-MOST_VISITED:],
        cart=_shorter_cart(visit.cart, MOST_IN_CART),
    )


def _is_long(visit: Visit) -> bool:
    return (
        len(visit.pages) > MOST_PAGES
        or len(visit.contexts) > MOST_CONTEXTS
        or len(visit.viewed) > MOST_VIEWED
        or len(visit.errors) > MOST_OF_OTHERS
        or len(visit.services) > MOST_OF_OTHERS
        or len(visit.purchases) > MOST_OF_OTHERS
        or len(visit.leads) > MOST_OF_OTHERS
        or len(visit.searches) > MOST_OF_OTHERS
        or len(visit.visited) > MOST_VISITED
        or len(visit.identities) > MOST_IDENTITIES
        or (visit.cart is not None and len(visit.cart.products) > MOST_IN_CART)
    )


def shorter(visit: Visit) -> Visit:
    """The visit without the older half of what takes the most room in it; itself where nothing is left to leave out.

    What long texts of one kind take up is so paid for by that kind: a page of a long address costs no errors. What
    decides about counting twice, purchases and leads, goes only when nothing else is left.
    """
    for names in (_DETAILS, _COUNTED):
        name = max(names, key=lambda each: _bulk(visit, each))
        if _bulk(visit, name):
            return _without_older_half(visit, name)
    return visit


_DETAILS: Final = ("pages", "viewed", "errors", "services", "searches", "cart", "person")
_COUNTED: Final = ("purchases", "leads")
_size: Final = msgspec.msgpack.Encoder().encode


def _bulk(visit: Visit, name: str) -> int:
    """Bytes that a part takes of which something can be left out; the current page always stays."""
    part: object = getattr(visit, name)
    if name == "cart":
        part = _products(visit)
    elif name == "person":
        part = visit.person.contacts
    elif name == "pages":
        part = visit.pages[:-1]
    return len(_size(part)) if part else 0


def _without_older_half(visit: Visit, name: str) -> Visit:
    if name == "cart":
        return structs.replace(visit, cart=_shorter_cart(visit.cart, len(_products(visit)) // 2))
    if name == "person":
        return structs.replace(visit, person=structs.replace(visit.person, contacts=""))
    members: tuple[object, ...] = getattr(visit, name)
    kept = members[(len(members) + 1) // 2 :]
    return structs.replace(visit, **{name: kept or (members[-1:] if name == "pages" else ())})


def _products(visit: Visit) -> tuple[Product, ...]:
    return () if visit.cart is None else visit.cart.products


def _shorter_cart(cart: Cart | None, most: int) -> Cart | None:
    return cart if cart is None or len(cart.products) <= most else structs.replace(cart, products=cart.products[:most])


def _kept(contexts: tuple[Context, ...]) -> tuple[Context, ...]:
    """Offers with which nothing was done go first: a dismissed one must stay away, a shown one may still be clicked."""
    most = len(contexts) - MOST_CONTEXTS
    for is_plain in (_is_untouched, _is_not_dismissed, lambda _: True):
        going = {one.id for one in [one for one in contexts[:-1] if is_plain(one)][: max(0, most)]}
        contexts = tuple(one for one in contexts if one.id not in going)
        most -= len(going)
    return contexts


def _is_untouched(one: Context) -> bool:
    return one.displayed is None and one.clicked is None and one.declined is None and one.interacted is None


def _is_not_dismissed(one: Context) -> bool:
    return one.declined is None
