"""Checks of conditions beyond their types: ranges that nothing lies in, lists that decide nothing, expressions."""

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from switchbay.engagement.configuration.domain.findings import Finding
from switchbay.engagement.configuration.domain.texts import (
    MOST_IN_LIST,
    check_list,
    check_match,
    check_matches,
    check_number,
    check_pattern,
    check_range,
    check_text,
    check_words,
)
from switchbay.engagement.domain import conditions as c

LEAST_STEPS: Final = 2
MOST_STEPS: Final = 20
MOST_CUSTOMER_TYPES: Final = 110
_LONGEST_STAY: Final = 6 * 60 * 60
_MOST_COUNT: Final = 1_000_000
_MOST_AGE: Final = 150
_MOST_STATUS: Final = 13
_MOST_REGISTERED: Final = 1_000
Check = Callable[[Any, str], Iterator[Finding]]


def check_condition(condition: c.Condition | c.Goal, path: str) -> Iterator[Finding]:
    """All that is wrong with a condition; ``path`` is its JSON Pointer."""
    return _CHECKS[type(condition)](condition, path)


def _decides(condition: Any, path: str) -> Iterator[Finding]:  # noqa: ANN401 - any condition with the two lists
    """Something is included or excluded."""
    if not condition.include and not condition.exclude:
        yield Finding("list_empty", path, "Include or exclude something.")


def _one_of(given: Sequence[object], path: str, names: str) -> Iterator[Finding]:
    """Exactly one member is given: empty lists and None count as not given."""
    if sum(each is not None and each != () for each in given) != 1:
        yield Finding("choice_needed", path, f"Exactly one of {names}.")


def _nothing(_condition: object, _path: str) -> Iterator[Finding]:
    return iter(())


def _words(condition: Any, path: str) -> Iterator[Finding]:  # noqa: ANN401 - as above
    yield from _decides(condition, path)
    yield from check_words(condition.include, f"{path}/include")
    yield from check_words(condition.exclude, f"{path}/exclude")


def _url(condition: c.Url, path: str) -> Iterator[Finding]:
    yield from _decides(condition, path)
    yield from check_matches(condition.include, f"{path}/include")
    yield from check_matches(condition.exclude, f"{path}/exclude")


def _lists(condition: Any, path: str) -> Iterator[Finding]:  # noqa: ANN401 - as above
    yield from _decides(condition, path)
    yield from check_list(condition.include, f"{path}/include")
    yield from check_list(condition.exclude, f"{path}/exclude")


def _stay(condition: c.TimeOnLocation, path: str) -> Iterator[Finding]:
    yield from check_list(condition.rules, f"{path}/rules", least=1)
    for place, rule in enumerate(condition.rules[:MOST_IN_LIST]):
        yield from check_number(rule.seconds, f"{path}/rules/{place}/seconds", 0, _LONGEST_STAY)


def _flow(condition: c.Flow, path: str) -> Iterator[Finding]:
    steps = condition.steps
    if len(steps) < LEAST_STEPS:
        yield Finding("flow_too_short", f"{path}/steps", f"A flow has at least {LEAST_STEPS} steps.")
    yield from check_list(steps, f"{path}/steps", most=MOST_STEPS)
    for place, step in enumerate(steps[:MOST_STEPS]):
        at = f"{path}/steps/{place}"
        yield from _one_of((step.section, step.url, step.title), at, "section, url and title")
        if step.section is not None:
            yield from check_text(step.section, f"{at}/section", least=1)
        if step.url is not None:
            yield from check_match(step.url, f"{at}/url")
        if step.title is not None:
            yield from check_match(step.title, f"{at}/title")


def _cart_value(condition: c.CartValue, path: str) -> Iterator[Finding]:
    if condition.change is None:
        yield from check_range(condition.min, condition.max, path, ("min", "max"))
    elif condition.min is not None or condition.max is not None:
        yield Finding("choice_needed", path, "Either a range or a change.")


def _each(rules: Sequence[Any], path: str, check: Check) -> Iterator[Finding]:
    yield from check_list(rules, path)
    for place, rule in enumerate(rules[:MOST_IN_LIST]):
        yield from check(rule, f"{path}/{place}")


def _both(check: Check) -> Check:
    """The same check for what is included and for what is excluded."""

    def run(condition: Any, path: str) -> Iterator[Finding]:  # noqa: ANN401 - as above
        yield from _decides(condition, path)
        yield from _each(condition.include, f"{path}/include", check)
        yield from _each(condition.exclude, f"{path}/exclude", check)

    return run


def _texts_of(rule: Any, path: str, *names: str) -> Iterator[Finding]:  # noqa: ANN401 - a rule of any shape
    for name in names:
        text = getattr(rule, name)
        if text is not None:
            yield from check_text(text, f"{path}/{name}", least=1)


def _product(rule: c.ProductRule, path: str) -> Iterator[Finding]:
    yield from _one_of((rule.name, rule.sku, rule.category), path, "name, sku and category")
    yield from _texts_of(rule, path, "name", "sku", "category")


def _viewed(rule: c.ViewedRule, path: str) -> Iterator[Finding]:
    has_price = rule.price_min is not None or rule.price_max is not None
    names = "name, sku, category and a range of prices"
    yield from _one_of((rule.name, rule.sku, rule.category, has_price or None), path, names)
    yield from _texts_of(rule, path, "name", "sku", "category")
    if has_price:
        yield from check_range(rule.price_min, rule.price_max, path, ("priceMin", "priceMax"))


def _error(rule: c.ErrorRule, path: str) -> Iterator[Finding]:
    yield from _one_of((rule.message, rule.code), path, "message and code")
    yield from _texts_of(rule, path, "message", "code")
    yield from check_number(rule.occurrence, f"{path}/occurrence", 1, _MOST_COUNT)
    if rule.code is not None and rule.occurrence != 1:
        yield Finding("choice_needed", f"{path}/occurrence", "Only messages are counted.")


def _statuses(statuses: Sequence[int], path: str) -> Iterator[Finding]:
    yield from check_list(statuses, path, least=1)
    for place, status in enumerate(statuses[:MOST_IN_LIST]):
        yield from check_number(status, f"{path}/{place}", 0, _MOST_STATUS)


def _service(condition: c.ServiceActivity, path: str) -> Iterator[Finding]:
    yield from check_list(condition.rules, f"{path}/rules", least=1)
    for place, rule in enumerate(condition.rules[:MOST_IN_LIST]):
        yield from check_text(rule.topic, f"{path}/rules/{place}/topic", least=1)
        yield from _statuses(rule.statuses, f"{path}/rules/{place}/statuses")


def _referral(condition: c.ExternalReferral, path: str) -> Iterator[Finding]:
    yield from check_list(condition.include, f"{path}/include", least=1)
    yield from check_matches(condition.include, f"{path}/include")


def _address_range(rule: c.AddressRange, path: str) -> Iterator[Finding]:
    ends: list[ipaddress.IPv4Address] = []
    for text, name in ((rule.first, "from"), (rule.last, "to")):
        try:
            ends.append(ipaddress.IPv4Address(text))
        except ValueError:
            yield Finding("ip_invalid", f"{path}/{name}", "An IPv4 address.")
    if len(ends) == LEAST_STEPS and ends[0] > ends[1]:
        yield Finding("range_impossible", path, "from is more than to: nothing lies between them.")


def _place(rule: c.Place, path: str) -> Iterator[Finding]:
    if rule.country is None and rule.state is None and rule.city is None:
        yield Finding("choice_needed", path, "At least one of country, state and city.")
    yield from _texts_of(rule, path, "country", "state", "city")


def _marketing(condition: c.MarketingSource, path: str) -> Iterator[Finding]:
    names = "channels, affiliates and campaigns"
    yield from _one_of((condition.channels, condition.affiliates, condition.campaigns), path, names)
    yield from check_list(condition.channels, f"{path}/channels")
    yield from check_words(condition.affiliates, f"{path}/affiliates")
    yield from check_words(condition.campaigns, f"{path}/campaigns")


def _customer_type(condition: c.CustomerType, path: str) -> Iterator[Finding]:
    if condition.types and condition.statuses:
        yield Finding("types_and_statuses", path, "Types or statuses of customers, never both.")
    elif not condition.types and not condition.statuses:
        yield Finding("list_empty", path, "At least one type or status.")
    for name, words in (("types", condition.types), ("statuses", condition.statuses)):
        if len(words) > MOST_CUSTOMER_TYPES:
            message = f"At most {MOST_CUSTOMER_TYPES}, and these are {len(words)}."
            yield Finding("customer_types_too_many", f"{path}/{name}", message)
        for place, word in enumerate(words[:MOST_CUSTOMER_TYPES]):
            yield from check_text(word, f"{path}/{name}/{place}", least=1, longest=128)


def _whole_range(most: int) -> Check:
    def run(condition: Any, path: str) -> Iterator[Finding]:  # noqa: ANN401 - as above
        yield from check_range(condition.min, condition.max, path, ("min", "max"))
        for name in ("min", "max"):
            bound = getattr(condition, name)
            if bound is not None:
                yield from check_number(bound, f"{path}/{name}", 0, most)

    return run


def _range(condition: Any, path: str) -> Iterator[Finding]:  # noqa: ANN401 - as above
    yield from check_range(condition.min, condition.max, path, ("min", "max"))


def _some(name: str) -> Check:
    def run(condition: Any, path: str) -> Iterator[Finding]:  # noqa: ANN401 - as above
        yield from check_list(getattr(condition, name), f"{path}/{name}", least=1)

    return run


def _registration(condition: c.RegistrationDate, path: str) -> Iterator[Finding]:
    yield from check_number(condition.value, f"{path}/value", 0, _MOST_REGISTERED)


def _url_goal(goal: c.UrlGoal, path: str) -> Iterator[Finding]:
    yield from check_pattern(goal.url, goal.match_type, f"{path}/url")
    yield from check_number(goal.reached_counter, f"{path}/reachedCounter", 1, _MOST_COUNT)


def _purchase(goal: c.PurchaseTotal, path: str) -> Iterator[Finding]:
    if goal.more_than is not None:
        yield from check_number(goal.more_than, f"{path}/moreThan", 0, 1e15)


def _pages(goal: c.NumOfPages, path: str) -> Iterator[Finding]:
    yield from check_number(goal.number_of_pages, f"{path}/numberOfPages", 1, _MOST_COUNT)


def _service_goal(goal: c.ServiceGoal, path: str) -> Iterator[Finding]:
    yield from check_list(goal.blocks, f"{path}/blocks", least=1)
    for place, block in enumerate(goal.blocks[:MOST_IN_LIST]):
        yield from check_words(block.topics, f"{path}/blocks/{place}/topics", least=1)
        yield from _statuses(block.statuses, f"{path}/blocks/{place}/statuses")


_CHECKS: Final[dict[type, Check]] = {
    c.Section: _words,
    c.Url: _url,
    c.VisitedLocation: _lists,
    c.TimeOnLocation: _stay,
    c.Flow: _flow,
    c.EngagedInSession: _lists,
    c.AboutToAbandon: _nothing,
    c.CartValue: _cart_value,
    c.CartItems: _both(_product),
    c.VisitorError: _both(_error),
    c.ViewedProducts: _both(_viewed),
    c.ServiceActivity: _service,
    c.ExternalReferral: _referral,
    c.SearchKeywords: _words,
    c.Ip: _both(_address_range),
    c.Platform: _some("platforms"),
    c.GeoLocation: _both(_place),
    c.ReturningVisitors: _nothing,
    c.MarketingSource: _marketing,
    c.CustomerType: _customer_type,
    c.Age: _whole_range(_MOST_AGE),
    c.Balance: _range,
    c.CustomerId: _words,
    c.GenderIs: _some("genders"),
    c.StoreZipCode: _words,
    c.StoreNumber: _words,
    c.CompanySize: _whole_range(1_000_000_000),
    c.RegistrationDate: _registration,
    c.UrlGoal: _url_goal,
    c.PurchaseTotal: _purchase,
    c.NumOfPages: _pages,
    c.Lead: _nothing,
    c.ServiceGoal: _service_goal,
}
