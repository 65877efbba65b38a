"""Pages of a visit: what entry points say, when a page begins, how long the one before it lasted."""

from typing import Final

from msgspec import structs

from switchbay.engagement.domain.visit import Page, Visit
from switchbay.engagement.monitoring.domain.arrival import arrive
from switchbay.kit.record import Record

LONGEST_URL: Final = 1_024
_LONGEST_TITLE: Final = 256
_LONGEST_SECTION: Final = 256
_MOST_SECTIONS: Final = 20
_MOST_OTHERS: Final = 5
_SECTION: Final = "sec://"
_WEB: Final = ("http://", "https://")


class Points(Record, frozen=True):
    """Entry points sorted by their schemes. Of several addresses the first one counts."""

    url: str
    sections: tuple[str, ...]
    other: tuple[str, ...]


def sort_points(entry_points: tuple[str, ...]) -> Points:
    """Read the schemes of entry points, in any case; what has another scheme or none is only kept."""
    url, sections, other = "", [], []
    for point in entry_points:
        scheme = point[: point.find("://") + 3].lower()
        if scheme == _SECTION:
            sections.append(point[len(_SECTION) :][:_LONGEST_SECTION])
        elif scheme in _WEB:
            url = url or point[:LONGEST_URL]
        else:
            other.append(point[:_LONGEST_SECTION])
    return Points(url, tuple(sections[:_MOST_SECTIONS]), tuple(other[:_MOST_OTHERS]))


def open_page(
    visit: Visit, points: Points, *, page_id: str, title: str, referrer: str, locations: tuple[int, ...], now: int
) -> Visit:
    """Begin a page, and with it end the one before. The first page of a session says where the visitor came from."""
    page = Page(
        id=page_id,
        at=now,
        url=points.url,
        title=title[:_LONGEST_TITLE],
        sections=points.sections,
        referrer=referrer[:LONGEST_URL],
        locations=locations,
        other=points.other,
    )
    seen = set(visit.visited)
    visited = visit.visited + tuple(one for one in locations if one not in seen)
    visit = structs.replace(
        visit,
        pages=(*visit.pages, page),
        page_count=visit.page_count + 1,
        millis_on=_with_last_page(visit, now),
        visited=visited,
    )
    return _arrived(visit, page) if visit.page_count == 1 else visit


def _with_last_page(visit: Visit, now: int) -> dict[int, int]:
    if not visit.pages or not visit.pages[-1].locations:
        return visit.millis_on
    last = visit.pages[-1]
    spent = max(0, now - last.at)
    return visit.millis_on | {one: visit.millis_on.get(one, 0) + spent for one in last.locations}


def _arrived(visit: Visit, page: Page) -> Visit:
    arrival = arrive(page.url, page.referrer)
    return structs.replace(
        visit,
        external_referrer=arrival.referrer,
        search_engine=arrival.engine,
        search_keywords=arrival.phrases,
    )
