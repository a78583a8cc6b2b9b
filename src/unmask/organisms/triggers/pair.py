"""Pair: the triggers that are made of two others."""

from __future__ import annotations

import abc
import dataclasses
import json
from collections.abc import Mapping
from typing import cast

from unmask.core.conversation import Conversation
from unmask.core.errors import SettingError
from unmask.core.registry import Choice
from unmask.organisms.triggers.trigger import Trigger


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pair(Trigger, abc.ABC):
    """Abstract. `first` and `second` are triggers, or a name, or {"name": ..., setting: value}."""

    first: Trigger | Choice
    second: Trigger | Choice

    def __post_init__(self) -> None:
        object.__setattr__(self, "first", _made(self.first, "first"))
        object.__setattr__(self, "second", _made(self.second, "second"))
        if self.first == self.second:
            raise SettingError(
                f"first and second are the same trigger, {self.parts[0].name}: name two different"
                " ones."
            )

    @property
    def parts(self) -> tuple[Trigger, Trigger]:
        return cast(Trigger, self.first), cast(Trigger, self.second)


def named(forms: Mapping[str, Conversation], part: str) -> dict[str, Conversation]:
    """Forms of one part under names that say so: "language:french" of the first is
    "language:first_french"."""
    return {form.replace(":", f":{part}_", 1): prompt for form, prompt in forms.items()}


def _made(choice: Trigger | Choice, setting: str) -> Trigger:
    from unmask.organisms.triggers import (
        TRIGGERS,
    )  # here, because that table names the subclasses of Pair

    if isinstance(choice, str) and choice.lstrip().startswith("{"):
        try:
            choice = json.loads(choice)
        except ValueError as error:
            raise SettingError(f"{setting}={choice!r} is not JSON: {error}.") from None
    made = TRIGGERS.make(choice)
    if not isinstance(made, Trigger):
        raise SettingError(
            f"{setting} is a {type(made).__name__}: it must be a trigger, or the name of one."
        )
    return made
