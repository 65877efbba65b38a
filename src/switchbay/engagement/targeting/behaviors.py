"""What a visitor does: one function for each condition of section 3.2."""

from collections.abc import Callable

from switchbay.engagement.domain.conditions import (
    AboutToAbandon,
    CartItems,
    CartValue,
    EngagedInSession,
    ErrorRule,
    Flow,
    Interaction,
    ProductRule,
    ServiceActivity,
    TimeOnLocation,
    ViewedProducts,
    ViewedRule,
    VisitedLocation,
    VisitorError,
)
from switchbay.engagement.domain.visit import Context, Product, Visit, VisitError
from switchbay.engagement.targeting import abandonment, flows
from switchbay.engagement.targeting.ranges import lies_in
from switchbay.engagement.targeting.situation import Situation
from switchbay.engagement.targeting.texts import same
from switchbay.engagement.targeting.verdicts import Verdict, by_lists, plain

INTERACTIONS: dict[Interaction, Callable[[Context], int | None]] = {
    "exposed": lambda context: context.displayed,
    "declined": lambda context: context.declined,
    "clicked": lambda context: context.clicked,
    "interacted": lambda context: context.interacted,
}
"""When each happened to an offered engagement; None: not."""


def visited_location(condition: VisitedLocation, at: Situation) -> Verdict:
    """Every included location was visited, the present ones counted, and none of the excluded ones."""
    visited = at.locations | set(at.visit.visited)
    included = all(one in visited for one in condition.include) if condition.include else None
    excluded = any(one in visited for one in condition.exclude)
    return Verdict(included, excluded, {"visitedLocations": sorted(visited)})


def millis_on(location_id: int, at: Situation) -> int:
    """Return how long the visitor has been on the pages of a location, the present page until now."""
    spent = at.visit.millis_on.get(location_id, 0)
    if at.visit.pages and location_id in at.locations:
        spent += max(0, at.now - at.visit.pages[-1].at)
    return spent


def time_on_location(condition: TimeOnLocation, at: Situation) -> Verdict:
    """Every rule holds: strictly more than its seconds on its location."""
    spent = {rule.location_id: millis_on(rule.location_id, at) for rule in condition.rules}
    holds = all(spent[rule.location_id] > 1000 * rule.seconds for rule in condition.rules)
    read = {"secondsOnLocations": {str(location): millis / 1000 for location, millis in spent.items()}}
    return plain(holds, read)


def flow(condition: Flow, at: Situation) -> Verdict:
    """The path was left, or gone back in, as the condition's trigger says."""
    after = flows.walk(condition.steps, at.visit.pages)
    read = {
        "course": after.course.name.lower(),
        "step": None if after.step is None else after.step + 1,
        "done": [number + 1 for number in sorted(after.done)],
        "pages": len(at.visit.pages),
    }
    return plain(flows.triggers(condition, after), read)


def engaged_in_session(condition: EngagedInSession, at: Situation, engagement_id: int) -> Verdict:
    """What the visitor did with other engagements than this one in the session."""
    others = [context for context in at.visit.contexts if context.engagement_id != engagement_id]
    done = [name for name, when in INTERACTIONS.items() if any(when(context) is not None for context in others)]
    return by_lists(condition.include, condition.exclude, lambda name: name in done, {"interactions": done})


def about_to_abandon(_condition: AboutToAbandon, at: Situation) -> Verdict:
    """The model or the external score says so; never where the account has switched it off."""
    holds = abandonment.is_about_to_leave(at.visit, at.now, at.abandonment)
    if at.abandonment != "model":
        return plain(holds, {"by": at.abandonment, "score": at.visit.abandon_score})
    signs = abandonment.signs(at.visit, at.now)
    return plain(holds, {"by": "model", "score": abandonment.score(at.visit, at.now), "signs": signs})


def cart_value(condition: CartValue, at: Situation) -> Verdict:
    """The cart's total lies in the range; with a change also, its last report took it down, or down to 0."""
    cart = at.visit.cart
    if cart is None:
        return plain(holds=False, read={"total": None, "lastTotalChange": None})
    holds = lies_in(cart.total, condition.min, condition.max)
    if condition.change is not None:
        holds = holds and cart.last_total_change < 0
    if condition.change == "emptied":
        holds = holds and cart.total == 0
    return plain(holds, {"total": cart.total, "lastTotalChange": cart.last_total_change})


def cart_items(condition: CartItems, at: Situation) -> Verdict:
    """Products in the cart, by name, sku or category."""
    products = at.visit.cart.products if at.visit.cart is not None else ()
    read = {"products": _shown(products)}
    return by_lists(
        condition.include, condition.exclude, lambda rule: any(_is_of(rule, product) for product in products), read
    )


def viewed_products(condition: ViewedProducts, at: Situation) -> Verdict:
    """Products that were looked at, by name, sku, category or price."""
    viewed = at.visit.viewed
    return by_lists(
        condition.include,
        condition.exclude,
        lambda rule: any(viewed_fits(rule, product) for product in viewed),
        {"viewedProducts": _shown(viewed)},
    )


def _is_of(rule: ProductRule | ViewedRule, product: Product) -> bool:
    """Tell whether a product fits every name that a rule gives, of which it gives at least one."""
    given = [
        (wanted, found)
        for wanted, found in (
            (rule.name, product.name),
            (rule.sku, product.sku),
            (rule.category, product.category),
        )
        if wanted is not None
    ]
    return bool(given) and all(same(wanted, found) for wanted, found in given)


def product_fits(rule: ProductRule, product: Product) -> bool:
    """Tell whether a product in the cart fits a rule."""
    return _is_of(rule, product)


def viewed_fits(rule: ViewedRule, product: Product) -> bool:
    """Tell whether a viewed product fits everything that a rule gives."""
    has_names = rule.name is not None or rule.sku is not None or rule.category is not None
    has_price = rule.price_min is not None or rule.price_max is not None
    if not (has_names or has_price):
        return False
    if has_price and not lies_in(product.price, rule.price_min, rule.price_max):
        return False
    return not has_names or _is_of(rule, product)


def _shown(products: tuple[Product, ...]) -> list[dict[str, object]]:
    return [{"name": one.name, "sku": one.sku, "category": one.category, "price": one.price} for one in products]


def error_fits(rule: ErrorRule, error: VisitError) -> bool:
    """Tell whether an error has the message or the code of a rule, or both where it gives both."""
    if rule.message is None and rule.code is None:
        return False
    return (rule.message is None or same(rule.message, error.message)) and (
        rule.code is None or same(rule.code, error.code)
    )


def error_hits(rule: ErrorRule, visit: Visit) -> bool:
    """Tell whether errors that fit a rule have been reported as often as it says, and at least once."""
    return sum(error_fits(rule, error) for error in visit.errors) >= max(1, rule.occurrence)


def visitor_error(condition: VisitorError, at: Situation) -> Verdict:
    """Errors that are not resolved, from their n-th report on."""
    read = {"errors": [{"message": error.message, "code": error.code} for error in at.visit.errors]}
    return by_lists(condition.include, condition.exclude, lambda rule: error_hits(rule, at.visit), read)


def service_activity(condition: ServiceActivity, at: Situation) -> Verdict:
    """A topic was reported with one of its statuses."""
    done = at.visit.services
    holds = any(same(rule.topic, one.topic) and one.status in rule.statuses for rule in condition.rules for one in done)
    return plain(holds, {"services": [{"topic": one.topic, "status": one.status} for one in done]})
