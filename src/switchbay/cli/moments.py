"""Points in time as people write them on the command line."""

import re
import time
from datetime import UTC, datetime

import typer

_AGE = re.compile(r"([0-9]{1,9})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def moment(text: str) -> int:
    """Epoch milliseconds of an age (``90s``, ``30m``, ``2h``, ``7d``) or an ISO 8601 time, else in UTC."""
    age = _AGE.fullmatch(text)
    if age is not None:
        return max(0, int((time.time() - int(age[1]) * _SECONDS[age[2]]) * 1000))
    try:
        at = datetime.fromisoformat(text)
        return max(0, round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000))
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(
            f"{text!r} is neither an age such as 2h nor a time such as 2026-01-31T12:00"
        ) from error
