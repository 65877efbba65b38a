"""Conditions as the index keeps them: clauses, all of which must hold.

A clause says what it reads and which values fit, so that many clauses which read the same can be looked up at once, and
it has a ``probe`` that decides it alone. Some clauses are looked up by less than they say (``is_exact`` is false): what
is found so is then checked. The conditions of one kind in an audience are one clause; a behaviour's condition is one or
more. Equal conditions give the same clause, and the same probe.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from switchbay.engagement.domain import conditions as c
from switchbay.engagement.domain.conditions import Match
from switchbay.engagement.targeting import facts as read
from switchbay.engagement.targeting.audiences import address_number
from switchbay.engagement.targeting.facts import Facts, Reader
from switchbay.engagement.targeting.probes import Check, Probe, any_of, between, by_check, longer, one_of
from switchbay.engagement.targeting.semantics import evaluate
from switchbay.engagement.targeting.texts import words_of
from switchbay.engagement.targeting.verdicts import together

Range: TypeAlias = tuple[float | None, float | None]
Form: TypeAlias = Literal["one", "many", "number", "numbers", "timed", "texts", "none"]
"""What the reader gives: a value, a collection of values, a number or None, numbers, numbers by key, a text. ``none``:
the clause is not looked up."""


class Clause(NamedTuple):
    """``include`` is None where nothing in particular is included; values are ranges where numbers are read.

    With ``timed`` a value is a key and the number that must be exceeded.
    """

    form: Form
    reader: Reader
    include: tuple[Any, ...] | None
    exclude: tuple[Any, ...]
    is_exact: bool
    probe: Probe
    cost: int = 1
    """How dear the probe is: cheaper ones come first."""


def _by_evaluation(conditions: Sequence[c.Condition]) -> Check:
    """Check conditions of one kind as the interpreter does."""
    group = tuple(conditions)

    def check(facts: Facts) -> bool:
        situation = facts.situation()
        return together(evaluate(condition, situation, 0) for condition in group)

    return _once(check)


def _once(check: Check) -> Check:
    """Have a check that is dear made at most once in an evaluation."""
    return lambda facts: bool(facts[check])


def _one(reader: Reader, include: Iterable[Hashable] | None, exclude: Iterable[Hashable] = ()) -> Clause:
    wanted = None if include is None else frozenset(include)
    barred = frozenset(exclude)

    def check(facts: Facts) -> bool:
        value = facts[reader]
        return (wanted is None or value in wanted) and value not in barred

    probe = by_check(check) if wanted is None or barred else one_of(reader, wanted)
    return Clause("one", reader, None if wanted is None else tuple(wanted), tuple(barred), is_exact=True, probe=probe)


def _many(reader: Reader, include: Iterable[Hashable] | None, exclude: Iterable[Hashable] = ()) -> Clause:
    wanted = None if include is None else frozenset(include)
    barred = frozenset(exclude)

    def check(facts: Facts) -> bool:
        values = facts[reader]
        return (wanted is None or not wanted.isdisjoint(values)) and barred.isdisjoint(values)

    probe = by_check(check) if wanted is None or barred else any_of(reader, wanted)
    return Clause("many", reader, None if wanted is None else tuple(wanted), tuple(barred), is_exact=True, probe=probe)


def _number(reader: Reader, include: Sequence[Range] | None, exclude: Sequence[Range] = ()) -> Clause:
    wanted = None if include is None else tuple(include)
    barred = tuple(exclude)

    def check(facts: Facts) -> bool:
        value = facts[reader]
        return (wanted is None or _in_any(value, wanted)) and not _in_any(value, barred)

    is_plain = wanted is not None and len(wanted) == 1 and not barred
    probe = between(reader, *wanted[0]) if wanted is not None and is_plain else by_check(check)
    return Clause("number", reader, wanted, barred, is_exact=True, probe=probe)


def _in_any(value: float | None, ranges: tuple[Range, ...]) -> bool:
    if value is None or value != value:  # noqa: PLR0124 - NaN is what differs from itself
        return False
    return any((low is None or value >= low) and (high is None or value <= high) for low, high in ranges)


def _checked(clause: Clause, conditions: Sequence[c.Condition], cost: int = 3) -> Clause:
    """A clause that is looked up by less than the conditions say."""
    return clause._replace(is_exact=False, probe=by_check(_by_evaluation(conditions)), cost=cost)


def _unindexed(check: Check, cost: int) -> Clause:
    return Clause("none", read.device_family, None, (), is_exact=False, probe=by_check(check), cost=cost)


def _lower(texts: Iterable[str]) -> set[str]:
    """Return texts in lower case; an empty one fits nothing."""
    return {text.casefold() for text in texts if text}


def _lists(conditions: Sequence[Any]) -> tuple[list[Any] | None, list[Any]]:
    """Join the lists of conditions of one kind."""
    has_include = any(condition.include for condition in conditions)
    include = [rule for condition in conditions for rule in condition.include]
    return include if has_include else None, [rule for one in conditions for rule in one.exclude]


def _polarised(conditions: Sequence[Any], values: Callable[[Any], list[Any]]) -> tuple[list[Any] | None, list[Any]]:
    """Join what conditions of one kind include and exclude."""
    included = [one for one in conditions if one.polarity == "include"]
    include = [value for one in included for value in values(one)] if included else None
    return include, [value for one in conditions if one.polarity == "exclude" for value in values(one)]


# Audiences


def audience_clauses(conditions: Sequence[c.Audience]) -> list[Clause]:
    """Return the clauses of an audience's conditions of one kind."""
    return [_AUDIENCES[type(conditions[0])](conditions)]


def _ranges(reader: Reader) -> Callable[[Sequence[Any]], Clause]:
    return lambda conditions: _number(reader, *_polarised(conditions, lambda one: [(one.min, one.max)]))


def _listed(reader: Reader) -> Callable[[Sequence[Any]], Clause]:
    def clause(conditions: Sequence[Any]) -> Clause:
        include, exclude = _lists(conditions)
        return _one(reader, None if include is None else _lower(include), _lower(exclude))

    return clause


def _customer_ids(conditions: Sequence[Any]) -> Clause:
    include, exclude = _lists(conditions)
    return _one(read.customer_id, None if include is None else filter(None, include), filter(None, exclude))


def _set_of(reader: Reader, member: str) -> Callable[[Sequence[Any]], Clause]:
    return lambda conditions: _one(reader, {value for one in conditions for value in getattr(one, member)})


def _returning(conditions: Sequence[Any]) -> Clause:
    return _one(read.is_returning, {one.visitors == "returning" for one in conditions})


def _first_given(readers: dict[str, Reader]) -> Callable[[Sequence[Any]], Clause]:
    """One of several lists is given; conditions that give different ones are not looked up."""

    def clause(conditions: Sequence[Any]) -> Clause:
        given = {name for name in readers for one in conditions if getattr(one, name)}
        if len(given) != 1:
            return _unindexed(_by_evaluation(conditions), 2)
        (name,) = given
        include, exclude = _polarised(conditions, lambda one: list(_lower(getattr(one, name))))
        return _one(readers[name], include, exclude)

    return clause


def _addresses(conditions: Sequence[Any]) -> Clause:
    include, exclude = _lists(conditions)
    return _number(read.address, None if include is None else list(_numbers(include)), list(_numbers(exclude)))


def _numbers(rules: Iterable[c.AddressRange]) -> Iterator[Range]:
    for rule in rules:
        first, last = address_number(rule.first), address_number(rule.last)
        if first is not None and last is not None:
            yield first, last


def _geo(conditions: Sequence[Any]) -> Clause:
    include, exclude = _lists(conditions)
    return _many(read.places, None if include is None else _places(include), _places(exclude))


def _places(rules: Iterable[c.Place]) -> Iterator[tuple[str | None, ...]]:
    for rule in rules:
        members = (rule.country, rule.state, rule.city)
        if any(member is not None for member in members) and "" not in members:
            yield tuple(None if member is None else member.casefold() for member in members)


def _keywords(conditions: Sequence[Any]) -> Clause:
    """Looked up by the first word of each rule."""
    include, exclude = _lists(conditions)
    phrases = [words_of((rule,)).split() for rule in (*(include or ()), *exclude)]
    firsts = None if include is None else [words[0] for words in phrases[: len(include)] if words]
    barred = [words[0] for words in phrases[len(include or ()) :] if len(words) == 1]
    clause = _many(read.searched_words, firsts, barred)
    return clause if all(len(words) <= 1 for words in phrases) else _checked(clause, conditions)


def _referral(conditions: Sequence[Any]) -> Clause:
    rules: tuple[Match, ...] = tuple(dict.fromkeys(rule for one in conditions for rule in one.include))
    probe = by_check(_by_evaluation(conditions))
    return Clause("texts", read.external_referrer, rules, (), is_exact=True, probe=probe, cost=4)


def _registered(conditions: Sequence[Any]) -> Clause:
    units = {one.unit for one in conditions}
    if len(units) != 1:
        return _unindexed(_by_evaluation(conditions), 3)
    return _number(
        read.ELAPSED[conditions[0].unit],
        *_polarised(
            conditions,
            lambda one: [(2 * one.value, None) if one.direction == "at_least" else (None, 2 * one.value)],
        ),
    )


_AUDIENCES: dict[type, Callable[[Sequence[Any]], Clause]] = {
    c.ExternalReferral: _referral,
    c.SearchKeywords: _keywords,
    c.Ip: _addresses,
    c.Platform: _set_of(read.device_family, "platforms"),
    c.GeoLocation: _geo,
    c.ReturningVisitors: _returning,
    c.MarketingSource: _first_given(
        {"channels": read.channel, "affiliates": read.affiliate, "campaigns": read.marketing_campaign}
    ),
    c.CustomerType: _first_given({"types": read.customer_type, "statuses": read.customer_status}),
    c.Age: _ranges(read.age),
    c.Balance: _ranges(read.balance),
    c.CustomerId: _customer_ids,
    c.GenderIs: _set_of(read.gender, "genders"),
    c.StoreZipCode: _listed(read.store_zip_code),
    c.StoreNumber: _listed(read.store_number),
    c.CompanySize: _ranges(read.company_size),
    c.RegistrationDate: _registered,
}


# Behaviours


def behavior_clauses(condition: c.Behavior) -> list[Clause]:
    """Return the clauses of a behaviour's condition; that of ``engaged_in_session`` is ``engaged_clause``."""
    return list(_BEHAVIORS[type(condition)](condition))


def _visited(condition: Any) -> Iterator[Clause]:  # noqa: ANN401 - the key of the table says which
    for location in dict.fromkeys(condition.include):
        yield _many(read.visited_locations, (location,))
    if condition.exclude:
        yield _many(read.visited_locations, None, condition.exclude)


def _stays(condition: Any) -> Iterator[Clause]:  # noqa: ANN401 - as above
    for rule in dict.fromkeys(condition.rules):
        yield _stay(rule)


def _stay(rule: c.Stay) -> Clause:
    location, millis = rule.location_id, 1000 * rule.seconds

    def check(facts: Facts) -> bool:
        return bool(facts[read.millis_on_locations].get(location, 0) > millis)

    if millis < 0:
        return _unindexed(check, 1)  # holds for who was never there
    probe = longer(read.millis_on_locations, location, millis)
    return Clause("timed", read.millis_on_locations, ((location, millis),), (), is_exact=True, probe=probe)


def _dear(cost: int) -> Callable[[Any], Iterator[Clause]]:
    def clauses(condition: Any) -> Iterator[Clause]:  # noqa: ANN401 - as above
        yield _unindexed(_by_evaluation((condition,)), cost)

    return clauses


def _engaged(_condition: Any) -> Iterator[Clause]:  # noqa: ANN401 - as above
    """It depends on the engagement: see ``engaged_clause``."""
    return iter(())


def engaged_clause(condition: c.EngagedInSession, engagement_id: int) -> Clause:
    """Return the clause of what was done with other engagements than this one; looked up by what was done at all."""
    check = _engaged_check(condition, engagement_id)
    if not condition.include:
        return _unindexed(check, 2)
    return _many(read.interactions, condition.include)._replace(is_exact=False, probe=by_check(check), cost=2)


def _engaged_check(condition: c.EngagedInSession, engagement_id: int) -> Check:
    own = {engagement_id}

    def check(facts: Facts) -> bool:
        done = facts[read.interactions]
        if not done:
            return not condition.include
        with_others = {name for name, engagements in done.items() if engagements != own}
        return (not condition.include or not with_others.isdisjoint(condition.include)) and with_others.isdisjoint(
            condition.exclude
        )

    return check


def _leaving(_condition: Any) -> Iterator[Clause]:  # noqa: ANN401 - as above
    yield _one(read.is_about_to_leave, (True,))._replace(cost=4)


def _cart_value(condition: Any) -> Iterator[Clause]:  # noqa: ANN401 - as above
    yield _number(read.cart_total, [(condition.min, condition.max)])
    if condition.change is not None:
        yield _one(read.cart_change, ("emptied",) if condition.change == "emptied" else ("emptied", "decreased"))


def _key(rule: Any, *members: str) -> tuple[tuple[str, str], bool] | None:  # noqa: ANN401 - a rule of any shape
    """Return what a rule is looked up by, and whether that is all it says; None: nothing fits it."""
    given = [(member, value.casefold()) for member in members if (value := getattr(rule, member)) is not None]
    return (given[0], len(given) == 1) if given and all(value for _, value in given) else None


def _named(reader: Reader, condition: Any, *members: str) -> Iterator[Clause]:  # noqa: ANN401 - as above
    keys = {rule: _key(rule, *members) for rule in (*condition.include, *condition.exclude)}
    include = [key[0] for rule in condition.include if (key := keys[rule]) is not None]
    exclude = [key[0] for rule in condition.exclude if (key := keys[rule]) is not None and key[1]]
    clause = _many(reader, include if condition.include else None, exclude)
    yield clause if all(key is None or key[1] for key in keys.values()) else _checked(clause, (condition,))


def _cart_items(condition: Any) -> Iterator[Clause]:  # noqa: ANN401 - as above
    yield from _named(read.cart_products, condition, "name", "sku", "category")


def _errors(condition: Any) -> Iterator[Clause]:  # noqa: ANN401 - as above
    """Looked up by what was reported at all where an error counts from a later report on."""
    if all(rule.occurrence <= 1 for rule in (*condition.include, *condition.exclude)):
        yield from _named(read.errors, condition, "message", "code")
    elif condition.include:
        keys = [key[0] for rule in condition.include if (key := _key(rule, "message", "code")) is not None]
        yield _checked(_many(read.errors, keys), (condition,))
    else:
        yield _unindexed(_by_evaluation((condition,)), 3)


def _viewed(condition: Any) -> Iterator[Clause]:  # noqa: ANN401 - as above
    rules = (*condition.include, *condition.exclude)
    priced = [rule for rule in rules if rule.price_min is not None or rule.price_max is not None]
    if not priced:
        yield from _named(read.viewed_products, condition, "name", "sku", "category")
    elif not condition.exclude and all(
        rule in priced and rule.name is None and rule.sku is None and rule.category is None for rule in rules
    ):
        yield _prices(tuple((rule.price_min, rule.price_max) for rule in rules))
    else:
        yield _unindexed(_by_evaluation((condition,)), 3)


def _prices(ranges: tuple[Range, ...]) -> Clause:
    def check(facts: Facts) -> bool:
        return any(_in_any(price, ranges) for price in facts[read.viewed_prices])

    return Clause("numbers", read.viewed_prices, ranges, (), is_exact=True, probe=by_check(check))


def _services(condition: Any) -> Iterator[Clause]:  # noqa: ANN401 - as above
    yield _many(
        read.services,
        {(rule.topic.casefold(), status) for rule in condition.rules for status in rule.statuses if rule.topic},
    )


_BEHAVIORS: dict[type, Callable[[Any], Iterator[Clause]]] = {
    c.VisitedLocation: _visited,
    c.TimeOnLocation: _stays,
    c.Flow: _dear(5),
    c.EngagedInSession: _engaged,
    c.AboutToAbandon: _leaving,
    c.CartValue: _cart_value,
    c.CartItems: _cart_items,
    c.VisitorError: _errors,
    c.ViewedProducts: _viewed,
    c.ServiceActivity: _services,
}


# Consumer identity


_IDENTIFIED = _one(read.is_identified, (True,))


def identified() -> Clause:
    """Return the clause of an engagement for identified consumers."""
    return _IDENTIFIED
