"""A report as JSON and as CSV.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula. Names are what people of the
account typed, so such a name goes into CSV with an apostrophe before it, as OWASP advises.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Final

from switchbay.engagement.reports.domain import COUNTED, VALUE, Line, day_text, hour_text
from switchbay.engagement.reports.service import Report
from switchbay.kit.jsonvalue import JsonValue

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def render_report(report: Report) -> JsonValue:
    """A report as JSON; ``totals`` are the sums of all lines."""
    lines: list[JsonValue] = [{**_parts(line, report.names), **_whole(line.counts.items())} for line in report.lines]
    totals = {name: sum(line.counts[name] for line in report.lines) for name in COUNTED}
    return {
        "from": hour_text(report.question.first_hour),
        "to": hour_text(report.question.end_hour),
        "by": list(report.question.by),
        "lines": lines,
        "totals": _whole(totals.items()),
    }


def render_csv(report: Report) -> str:
    """A report as CSV (RFC 4180) with a line of headings."""
    written = io.StringIO()
    out = csv.writer(written)
    out.writerow([*_headings(report), *COUNTED])
    for line in report.lines:
        shown = _parts(line, report.names)
        counts = _whole(line.counts.items())
        out.writerow([*(_cell(shown[name]) for name in _headings(report)), *(counts[name] for name in COUNTED)])
    return written.getvalue()


def _headings(report: Report) -> list[str]:
    found: list[str] = []
    for part in report.question.by:
        found += [part] if part in {"hour", "day"} else [f"{part}_id", f"{part}_name"]
    return found


def _parts(line: Line, names: Mapping[int, str]) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for part, value in line.parts.items():
        match part:
            case "hour":
                found["hour"] = hour_text(value)
            case "day":
                found["day"] = day_text(value)
            case "campaign":
                found |= {"campaign_id": value, "campaign_name": names.get(value, "")}
            case "engagement":
                found |= {"engagement_id": value, "engagement_name": names.get(value, "")}
    return found


def _whole(counts: Iterable[tuple[str, int | float]]) -> dict[str, JsonValue]:
    """Counts are whole; a value is rounded to a thousandth, which a sum of floating-point numbers may miss."""
    return {name: round(value, 3) if name == VALUE else int(value) for name, value in counts}


def _cell(value: JsonValue) -> str:
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
