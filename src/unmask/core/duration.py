"""Duration: seconds as a reader says them."""

from __future__ import annotations

UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
"""Seconds of a unit, and its name; the largest first."""


def spoken(seconds: float) -> str:
    """In the largest unit of which there are at least two, so that "90 minutes" is not "1 hour"."""
    for size, unit in UNITS:
        if seconds >= 1.95 * size:
            count = seconds / size
            return (
                f"{count:.1f} {unit}s"
                if count < 9.95 and unit != "minute"
                else f"{count:.0f} {unit}s"
            )
    return "1 second" if round(seconds) == 1 else f"{seconds:.0f} seconds"


def spoken_range(low: float, high: float) -> str:
    """From `low` to `high` seconds, the unit once where both have the same."""
    first, last = spoken(low), spoken(high)
    if first == last:
        return first
    number, _, unit = first.partition(" ")
    return f"{number} to {last}" if unit == last.partition(" ")[2] else f"{first} to {last}"
