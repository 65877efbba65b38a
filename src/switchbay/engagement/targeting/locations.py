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
        self._found: list[tuple[_Places, _Places]] = []
        self._texts = TextRules(())

    def add(self, place: int, include: Iterable[Match], exclude: Iterable[Match]) -> None:
        for rule in include:
            self._include[rule].append(place)
        for rule in exclude:
            self._exclude[rule].append(place)

    def compile(self) -> None:
        rules = list(dict.fromkeys((*self._include, *self._exclude)))
        self._found = [(self._include.get(rule, []), self._exclude.get(rule, [])) for rule in rules]
        self._texts = TextRules(rules)

    def collect(self, text: str, found: set[int], excluded: set[int]) -> None:
        for number in self._texts.hits(text):
            include, exclude = self._found[number]
            found.update(include)
            excluded.update(exclude)


class Locations:
    """An account's locations. They are found by their place in the order that they were given in."""

    def __init__(self, locations: Sequence[PublishedLocation]) -> None:
        self._ids = [location.id for location in locations]
        self._urls, self._sections = _Rules(), _Rules()
        open_ones: _Places = []
        for place, location in enumerate(locations):
            names_something = False
            for condition in location.conditions:
                names_something = names_something or bool(condition.include)
                if isinstance(condition, Section):
                    self._sections.add(place, map(_as_match, condition.include), map(_as_match, condition.exclude))
                else:
                    self._urls.add(place, condition.include, condition.exclude)
            if not names_something:
                open_ones.append(place)
        self._open = frozenset(open_ones)
        """Those that are everywhere but where they exclude."""
        self._urls.compile()
        self._sections.compile()

    def at(self, entry: Entry) -> tuple[int, ...]:
        """Return the ids of the locations that an entry matches, in their order."""
        found, excluded = set(self._open), set[int]()
        self._urls.collect(entry.url, found, excluded)
        for section in entry.sections:
            self._sections.collect(section, found, excluded)
        if excluded:
            found -= excluded
        return tuple([self._ids[place] for place in sorted(found)])


def _as_match(rule: str) -> Match:
    name, is_whole = section_rule(rule)
    return Match(name, "exact" if is_whole else "contains")
