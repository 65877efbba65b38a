"""Where a visitor is: conditions on the sections and the address of a page, and the locations made of them (3.1)."""

from collections.abc import Iterable
from typing import NamedTuple

from switchbay.engagement.domain.conditions import EntryPoint, Section, Url
from switchbay.engagement.domain.published import PublishedLocation
from switchbay.engagement.domain.visit import Page
from switchbay.engagement.targeting.texts import fits, section_fits
from switchbay.engagement.targeting.verdicts import Verdict, by_lists, together


class Entry(NamedTuple):
    """What a client reports of the place where its visitor is; all of it may be missing."""

    url: str = ""
    title: str = ""
    sections: tuple[str, ...] = ()


NOWHERE = Entry()


def entry_of(page: Page) -> Entry:
    """Return where a page is."""
    return Entry(page.url, page.title, page.sections)


def section(condition: Section, entry: Entry) -> Verdict:
    """Tell whether any section of the page fits the condition's names."""
    read = {"sections": list(entry.sections)}
    return by_lists(condition.include, condition.exclude, lambda rule: section_fits(rule, entry.sections), read)


def url(condition: Url, entry: Entry) -> Verdict:
    """Tell whether the page's address fits the condition's rules."""
    return by_lists(condition.include, condition.exclude, lambda rule: fits(rule, entry.url), {"url": entry.url})


def at(condition: EntryPoint, entry: Entry) -> Verdict:
    """Evaluate either kind."""
    return section(condition, entry) if isinstance(condition, Section) else url(condition, entry)


def matches(location: PublishedLocation, entry: Entry) -> bool:
    """Tell whether a location matches: any condition that includes hits, and none that excludes."""
    return together(at(condition, entry) for condition in location.conditions)


def locations_at(locations: Iterable[PublishedLocation], entry: Entry) -> tuple[int, ...]:
    """Return the ids of the locations that match, in their order."""
    return tuple(location.id for location in locations if matches(location, entry))
