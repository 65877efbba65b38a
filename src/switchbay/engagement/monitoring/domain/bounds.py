"""Keeps a visit short: it is read and written with every request, and there may be a million of them.

Lists keep their newest members. What conditions count over the whole session (pages, time on locations, visited
locations) is kept as totals, so that a long visit loses nothing but details of its beginning.
"""

from typing import Final

from msgspec import structs

from switchbay.engagement.domain.visit import Cart, Context, Visit

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
    """The visit with the older half of every list gone that does not decide what may be offered."""
    return structs.replace(
        visit,
        pages=visit.pages[-(len(visit.pages) // 2 or 1) :],
        viewed=visit.viewed[-(len(visit.viewed) // 2) :] if len(visit.viewed) > 1 else (),
        errors=visit.errors[-(len(visit.errors) // 2) :] if len(visit.errors) > 1 else (),
        services=visit.services[-(len(visit.services) // 2) :] if len(visit.services) > 1 else (),
        searches=visit.searches[-(len(visit.searches) // 2) :] if len(visit.searches) > 1 else (),
        cart=_shorter_cart(visit.cart, 0 if visit.cart is None else len(visit.cart.products) // 2),
        person=structs.replace(visit.person, contacts=""),
    )


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
