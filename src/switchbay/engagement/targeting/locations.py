"""Which of many locations a visitor is at, at a cost that grows with the address and with what matches."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from switchbay.engagement.domain.conditions import Match, Section
from switchbay.engagement.domain.published import PublishedLocation
from switchbay.engagement.targeting.entry_points import Entry
from switchbay.engagement.targeting.substrings import TextRules
from switchbay.engagement.targeting.texts import section_rule

_Places = list[int]


class _Rules:
    """Rules for one kind of text, each with the locations that include and those that exclude what fits it."""

    def __init__(self) -> None:
        self._include: defaultdict[Match, _Places] = defaultdict(list)
        self._exclude: defaultdict[Match, _Places] = defaultdict(list)

    def add(self, place: int, include: Iterable[Match], exclude: Iterable[Match]) -> None:
        for rule in include:
            self._include[rule].append(place)
        for rule in exclude:
            self._exclude[rule].append(place)

    def compiled(self) -> tuple[TextRules, list[tuple[_Places, _Places]]]:
        """Return the rules, and for each the places that it includes and excludes."""
        rules = list(dict.fromkeys((*self._include, *self._exclude)))
        return TextRules(rules), [(self._include.get(rule, []), self._exclude.get(rule, [])) for rule in rules]


class Locations:
    """An account's locations. They are found by their place in the order that they were given in."""

    def __init__(self, locations: Sequence[PublishedLocation]) -> None:
        self._ids = [location.id for location in locations]
        urls, sections = _Rules(), _Rules()
        open_ones: _Places = []
        for place, location in enumerate(locations):
            names_something = False
            for condition in location.conditions:
                names_something = names_something or bool(condition.include)
                if isinstance(condition, Section):
                    sections.add(place, map(_as_match, condition.include), map(_as_match, condition.exclude))
                else:
                    urls.add(place, condition.include, condition.exclude)
            if not names_something:
                open_ones.append(place)
        self._open = frozenset(open_ones)
        """Those that are everywhere but where they exclude."""
        self._open_ids = tuple(self._ids[place] for place in open_ones)
        self._urls, self._by_url = urls.compiled()
        self._sections, self._by_section = sections.compiled()

    def at(self, entry: Entry) -> tuple[int, ...]:
        """Return the ids of the locations that an entry matches, in their order."""
        hits = [self._by_url[number] for number in self._urls.hits(entry.url)]
        for section in entry.sections:
            hits += [self._by_section[number] for number in self._sections.hits(section)]
        if not hits:
            return self._open_ids
        ids = self._ids
        if len(hits) == 1 and not self._open and not hits[0][1]:
            return tuple([ids[place] for place in hits[0][0]])
        found, excluded = set(self._open), set[int]()
        for include, exclude in hits:
            found.update(include)
            excluded.update(exclude)
        return tuple([ids[place] for place in sorted(found - excluded)])


def _as_match(rule: str) -> Match:
    name, is_whole = section_rule(rule)
    return Match(name, "exact" if is_whole else "contains")
