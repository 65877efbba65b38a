"""Errors of the reports of engagements."""

from collections.abc import Sequence

from switchbay.kit.errors import AppError, Kind


def time_invalid() -> AppError:
    """A time cannot be read."""
    return AppError(
        Kind.INVALID, "report_time_invalid", "Times are of ISO 8601, such as 2026-11-28 or 2026-11-28T09:00Z."
    )


def period_invalid(most_days: int) -> AppError:
    """The end is not after the beginning, or too far from it."""
    return AppError(
        Kind.INVALID,
        "report_period_invalid",
        f"A report ends after it begins, and covers at most {most_days} days.",
        {"days": most_days},
    )


def part_unknown(parts: Sequence[str]) -> AppError:
    """A report by something that it cannot be split by."""
    return AppError(
        Kind.INVALID,
        "report_part_unknown",
        f"by names some of {', '.join(parts)}, each once, and not both hour and day.",
        {"by": list(parts)},
    )


def too_large(most: int) -> AppError:
    """The report has too many lines."""
    return AppError(
        Kind.INVALID,
        "report_too_large",
        f"The report has more than {most} lines: ask for less time, or by fewer parts.",
        {"lines": most},
    )
