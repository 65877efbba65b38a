"""Numbers in closed ranges, of which either bound may be missing."""


def lies_in(value: float | None, low: float | None, high: float | None) -> bool:
    """Tell whether a number lies in a range, both ends included; one that is missing or no number never does."""
    if value is None or value != value:  # noqa: PLR0124 - NaN is what differs from itself
        return False
    return (low is None or value >= low) and (high is None or value <= high)
