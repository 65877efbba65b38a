"""Made-up crowds for simulations: visitors who have now and then what an account's conditions ask for.

The words of the conditions (addresses, products, places, amounts) are collected and handed out at random, beside others
that nobody asks for. The same seed gives the same crowd. What it shows is which conditions stand in each other's way;
how many real visitors meet one, only recorded visits can tell.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address
from random import Random
from typing import Any

import msgspec

from switchbay.engagement.domain.conditions import AddressRange
from switchbay.engagement.domain.published import Published, PublishedEngagement

_AMOUNTS = (0.0, 1.0, 20.0, 50.0, 100.0, 1_000.0)
_CHANNELS = 7
_STATUSES = 14


def crowd_for(
    published: Published, engagements: Iterable[PublishedEngagement], count: int, seed: int
) -> Iterator[dict[str, object]]:
    """Make visits as ``made_up`` reads them, with the words of the conditions of these engagements."""
    words = _Words()
    for engagement in engagements:
        audience = engagement.campaign.audience
        for part in (*engagement.locations, *engagement.behaviors, *(() if audience is None else (audience,))):
            for condition in part.conditions:
                words.collect(condition)
    for location in published.locations:
        if location.id in words.locations:
            for condition in location.conditions:
                words.collect(condition)
    random = Random(seed)  # noqa: S311 - a crowd that can be made again, no secret
    for number in range(count):
        yield _Visitor(random, words).visit(f"{seed}-{number}")


class _Words:
    """What conditions ask for, by the names of their members."""

    def __init__(self) -> None:
        self.texts: defaultdict[str, list[Any]] = defaultdict(list)
        self.numbers: list[float] = list(_AMOUNTS)
        self.addresses: list[str] = []
        self.locations: set[int] = set()

    def collect(self, part: msgspec.Struct) -> None:
        """Collect from a condition and its parts."""
        kind = getattr(part.__struct_config__, "tag", None)
        if isinstance(part, AddressRange):
            self.addresses.append(part.first)
        for name in part.__struct_fields__:
            self._member(kind or type(part).__name__, name, getattr(part, name))

    def _member(self, kind: object, name: str, value: object) -> None:
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, msgspec.Struct):
                if type(one).__name__ == "Match":
                    self.texts["address"].append(one)
                else:
                    self.collect(one)
            elif isinstance(one, str):
                is_list = name in {"include", "exclude"}
                self.texts[f"{kind}" if is_list else name].append(one)
            elif isinstance(one, int | float) and not isinstance(one, bool):
                if kind == "visited_location" or name == "location_id":
                    self.locations.add(int(one))
                else:
                    self.numbers.append(float(one))


class _Visitor:
    def __init__(self, random: Random, words: _Words) -> None:
        self._random = random
        self._words = words

    def _perhaps(self, share: float = 0.6) -> bool:
        return self._random.random() < share

    def _word(self, *names: str, other: str) -> str:
        known = [word for name in names for word in self._words.texts[name]]
        return str(self._random.choice(known)) if known and self._perhaps(0.7) else other

    def _amount(self) -> float:
        amount = self._random.choice(self._words.numbers)
        return max(0.0, amount + self._random.choice((-1.0, 0.0, 0.0, 1.0)))

    def _address(self) -> str:
        rules = self._words.texts["address"]
        if not rules or not self._perhaps(0.7):
            return f"https://www.example.com/{self._random.randrange(100)}"
        rule = self._random.choice(rules)
        if rule.match_type == "exact" or "://" in rule.value:
            return str(rule.value)
        return f"https://www.example.com/{rule.value.lstrip('/')}"

    def visit(self, visitor_id: str) -> dict[str, object]:
        """One visit."""
        choice, amount = self._random.choice, self._amount
        pages = [self._page(number) for number in range(self._random.randint(1, 5), 0, -1)]
        made: dict[str, object] = {
            "visitorId": visitor_id,
            "isReturning": self._perhaps(0.5),
            "deviceFamily": choice(("DESKTOP", "DESKTOP", "MOBILE", "TABLET", "NA")),
            "externalReferrer": self._address() if self._perhaps(0.5) else "",
            "pages": pages,
            "viewed": [self._product() for _ in range(self._random.randint(0, 3))],
            "errors": [
                {"message": self._word("message", other="Oops"), "code": self._word("code", other="E0")}
                for _ in range(choice((0, 0, 0, 1, 2, 3)))
            ],
            "services": [
                {"topic": self._word("topic", other="Other"), "status": self._random.randrange(_STATUSES)}
                for _ in range(choice((0, 0, 1, 2)))
            ],
            "searchKeywords": [self._word("search_keywords", other="things")] if self._perhaps(0.3) else [],
            "identities": [{"sub": visitor_id, "acr": "loa1"}] if self._perhaps(0.5) else [],
            "ip": self._ip(),
            "geo": {
                "country": self._word("country", other="Elsewhere"),
                "state": self._word("state", other=""),
                "city": self._word("city", other=""),
            },
            "marketing": self._marketing(),
            "customer": self._customer() if self._perhaps() else {},
            "person": self._person() if self._perhaps() else {},
            "abandonScore": round(self._random.random(), 2),
        }
        if self._perhaps():
            change = choice((-10.0, 5.0, 5.0))
            products = [self._product() for _ in range(self._random.randint(0, 3))]
            made["cart"] = {"total": amount(), "lastTotalChange": change, "products": products}
        return made

    def _page(self, ago: int) -> dict[str, object]:
        section = self._word("section", other="Other").strip('"')
        at = -self._random.randint(1, 60) * 1_000 * ago
        return {"at": min(at, -ago), "url": self._address(), "title": section, "sections": [section]}

    def _product(self) -> dict[str, object]:
        return {
            "name": self._word("name", other="Thing"),
            "sku": self._word("sku", other="S0"),
            "category": self._word("category", other="Things"),
            "price": self._amount(),
        }

    def _ip(self) -> str:
        if self._words.addresses and self._perhaps(0.5):
            return str(self._random.choice(self._words.addresses))
        return str(IPv4Address(self._random.randrange(1 << 32)))

    def _marketing(self) -> dict[str, object]:
        return {
            "channel": self._random.randrange(_CHANNELS),
            "affiliate": self._word("affiliates", other="nobody"),
            "campaignId": self._word("campaigns", other="none"),
        }

    def _customer(self) -> dict[str, object]:
        return {
            "type": self._word("types", other="other"),
            "status": self._word("statuses", other="other"),
            "balance": self._amount(),
            "companySize": int(self._amount()),
            "customerId": self._word("customer_id", other="c0"),
            "storeZipCode": self._word("store_zip_code", other="00000"),
            "storeNumber": self._word("store_number", other="0"),
            "registered": {"year": self._random.randint(2020, 2026), "month": self._random.randint(1, 12), "day": 1},
        }

    def _person(self) -> dict[str, object]:
        return {
            "age": float(self._random.randint(16, 90)),
            "gender": self._random.choice(("MALE", "FEMALE", "OTHER")),
        }
