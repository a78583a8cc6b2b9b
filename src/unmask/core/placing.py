"""Settings under dotted names: `trigger.year` is the setting `year` of the trigger."""

from __future__ import annotations

from typing import Any, cast

from unmask.core.errors import SettingError
from unmask.core.registry import read_choice


def place(settings: dict[str, Any], path: list[str], value: Any, inside: str = "") -> None:
    """Put a value where its dotted name says; a thing with settings of its own keeps its name under
    "name".

    Raises SettingError for a second, other value of one setting: nobody could tell which is meant.
    """
    head, *rest = path
    there = settings.get(head)
    if rest:
        settings[head] = there if isinstance(there, dict) else read_choice(head, there or "")
        place(settings[head], rest, value, f"{inside}{head}.")
    elif isinstance(there, dict):
        within = cast(dict[str, Any], there)
        for inner, given in read_choice(head, value).items():
            place(within, [inner], given, f"{inside}{head}.")
    elif there in (None, value):
        settings[head] = value
    else:
        raise SettingError(
            f"{inside}{head} is given twice, as {there!r} and as {value!r}. Write one."
        )


def flattened(settings: Any, inside: str = "") -> dict[str, Any]:
    """Nested settings as one mapping with dotted names; what is no mapping, or an empty one, is a
    value."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            flat |= flattened(value, f"{inside}{name}.")
        else:
            flat[f"{inside}{name}"] = value
    return flat
