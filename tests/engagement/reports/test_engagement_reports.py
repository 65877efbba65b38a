"""Counting what becomes of offers, and reporting it."""

import csv
import io
from collections.abc import Collection, Mapping
from typing import Any

import pytest

from switchbay.engagement.domain.happenings import Happening, HappeningKind
from switchbay.engagement.reports.domain import HOUR_MS, MOST_VALUE, ask
from switchbay.engagement.reports.service import Reports
from switchbay.engagement.reports.wire import render_csv, render_report
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.kit.errors import AppError

ACCOUNT = "4711001"
START = 1_795_824_000_000 // (24 * HOUR_MS) * 24 * HOUR_MS
"""The beginning of 2026-11-28."""
FORMULA = '=HYPERLINK("https://evil.example")'
NAMES = {1: "Winter sale", 2: FORMULA, 11: "Button", 12: "Banner", 21: "@help"}


async def names(account_id: str, ids: Collection[int]) -> Mapping[int, str]:
    assert account_id == ACCOUNT
    return {one: name for one, name in NAMES.items() if one in ids}


def happening(kind: HappeningKind, engagement: int = 11, *, hour: int = 9, value: float | None = None) -> Happening:
    return Happening(
        at=START + hour * HOUR_MS + 1,
        kind=kind,
        campaign_id=engagement // 10,
        engagement_id=engagement,
        revision=1,
        context_id="1",
        visitor_id="visitor",
        session_id="session",
        value=value,
    )


@pytest.fixture
def reports(db: Database, clock: ManualClock, randomness: Randomness) -> Reports:
    clock.at_ms = START + 20 * HOUR_MS
    return Reports(db, clock, randomness, names)


async def count(db: Database, reports: Reports, *happenings: Happening, account: str = ACCOUNT) -> None:
    await db.write(lambda tx: reports.record(tx, account, happenings))


def lines(rendered: Any) -> list[Any]:
    return [{name: value for name, value in line.items() if value not in {0, ""}} for line in rendered["lines"]]


async def test_each_thing_is_counted_by_campaign_and_engagement(db: Database, reports: Reports) -> None:
    kinds: list[HappeningKind] = ["offered", "displayed", "accepted", "closed", "timeout", "expanded", "conversation"]
    await count(db, reports, *map(happening, kinds))
    await count(db, reports, happening("offered"), happening("goal", value=19.9), happening("offered", 12))
    await count(db, reports, happening("goal"), happening("offered"), account="4711002")
    rendered: Any = render_report(await reports.report(ACCOUNT))
    assert lines(rendered) == [
        {
            "campaign_id": 1,
            "campaign_name": "Winter sale",
            "engagement_id": 11,
            "engagement_name": "Button",
            "offered": 2,
            "displayed": 1,
            "accepted": 1,
            "closed": 1,
            "timed_out": 1,
            "conversations": 1,
            "conversions": 1,
            "conversion_value": 19.9,
        },
        {
            "campaign_id": 1,
            "campaign_name": "Winter sale",
            "engagement_id": 12,
            "engagement_name": "Banner",
            "offered": 1,
        },
    ]
    assert rendered["totals"]["offered"] == 3
    assert (rendered["from"], rendered["to"]) == ("2026-11-21T20:00:00Z", "2026-11-28T20:00:00Z")


async def test_nodes_add_to_the_same_counts(
    db: Database, reports: Reports, clock: ManualClock, randomness: Randomness
) -> None:
    other = Reports(db, clock, randomness, names)
    for node in (reports, other, reports):
        await count(db, node, happening("displayed"), happening("displayed"))
    rendered: Any = render_report(await reports.report(ACCOUNT, by="campaign"))
    assert [line["displayed"] for line in rendered["lines"]] == [6]


async def test_what_is_rolled_back_is_not_counted(db: Database, reports: Reports) -> None:
    async def fail(tx: Any) -> None:
        await reports.record(tx, ACCOUNT, [happening("displayed")])
        raise LookupError

    with pytest.raises(LookupError):
        await db.write(fail)
    assert (await reports.report(ACCOUNT)).lines == []


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("hour", [{"hour": f"2026-11-{text}:00:00Z"} for text in ("27T23", "28T00", "28T09")]),
        ("day", [{"day": "2026-11-27"}, {"day": "2026-11-28"}]),
        (
            "campaign",
            [{"campaign_id": 1, "campaign_name": "Winter sale"}, {"campaign_id": 2, "campaign_name": FORMULA}],
        ),
        (
            "engagement,day",
            [
                {"day": "2026-11-27", "engagement_id": 11, "engagement_name": "Button"},
                {"day": "2026-11-28", "engagement_id": 11, "engagement_name": "Button"},
                {"day": "2026-11-28", "engagement_id": 21, "engagement_name": "@help"},
            ],
        ),
    ],
)
async def test_reports_are_split_as_asked(
    db: Database, reports: Reports, by: str, expected: list[dict[str, object]]
) -> None:
    found = [happening("displayed", hour=-1), happening("displayed", hour=0), happening("displayed", 21, hour=9)]
    await count(db, reports, *found)
    rendered: Any = render_report(await reports.report(ACCOUNT, by=by))
    parts = [
        {name: value for name, value in line.items() if name.split("_")[0] in {"hour", "day", "campaign", "engagement"}}
        for line in rendered["lines"]
    ]
    assert parts == expected
    assert rendered["totals"]["displayed"] == 3


async def test_a_report_covers_whole_hours_from_its_first_to_before_its_last(db: Database, reports: Reports) -> None:
    await count(db, reports, *(happening("displayed", hour=hour) for hour in (7, 8, 9, 10)))
    report = await reports.report(ACCOUNT, since="2026-11-28T08:30", until="2026-11-28T11:00+01:00", by="hour")
    assert [line.parts["hour"] * HOUR_MS - START for line in report.lines] == [8 * HOUR_MS, 9 * HOUR_MS]


async def test_a_report_may_be_about_one_engagement(db: Database, reports: Reports) -> None:
    await count(db, reports, happening("displayed", 11), happening("displayed", 12), happening("displayed", 21))
    one = await reports.report(ACCOUNT, campaign_id=1, engagement_id=12, by="campaign,engagement")
    assert [dict(line.parts) for line in one.lines] == [{"campaign": 1, "engagement": 12}]
    assert (await reports.report(ACCOUNT, campaign_id=2, engagement_id=12)).lines == []


async def test_what_visitors_report_overflows_no_sum(db: Database, reports: Reports) -> None:
    values = [1e308, 1e308, float("inf"), float("nan"), -5.0, 2.5]
    await count(db, reports, *(happening("goal", value=value) for value in values))
    (line,) = (await reports.report(ACCOUNT)).lines
    assert (line.counts["conversions"], line.counts["conversion_value"]) == (6, 2 * MOST_VALUE + 2.5)


async def test_csv_has_headings_and_runs_no_formula(db: Database, reports: Reports) -> None:
    await count(
        db, reports, happening("displayed", 21), happening("goal", 21, value=0.1), happening("goal", 21, value=0.2)
    )
    written = render_csv(await reports.report(ACCOUNT, by="day,campaign,engagement"))
    headings, line = csv.reader(io.StringIO(written))
    assert headings == [
        *("day", "campaign_id", "campaign_name", "engagement_id", "engagement_name"),
        *("offered", "displayed", "accepted", "closed", "timed_out"),
        *("conversations", "conversions", "conversion_value"),
    ]
    assert line == ["2026-11-28", "2", f"'{FORMULA}", "21", "'@help", "0", "1", "0", "0", "0", "0", "2", "0.3"]
    assert written.endswith("\r\n")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"since": "yesterday"}, "report_time_invalid"),
        ({"since": "0001-01-01T00:00+14:00"}, "report_time_invalid"),
        ({"until": "9999-12-31T23:59-14:00"}, "report_time_invalid"),
        ({"since": "2026-11-28", "until": "2026-11-28"}, "report_period_invalid"),
        ({"since": "2025-01-01", "until": "2026-11-28"}, "report_period_invalid"),
        ({"by": "minute"}, "report_part_unknown"),
        ({"by": "day,day"}, "report_part_unknown"),
        ({"by": "hour,day"}, "report_part_unknown"),
        ({"by": ""}, "report_part_unknown"),
    ],
)
def test_what_cannot_be_asked_is_refused(given: dict[str, str], code: str) -> None:
    with pytest.raises(AppError) as caught:
        ask(START, given.get("since"), given.get("until"), given.get("by"))
    assert caught.value.code == code
