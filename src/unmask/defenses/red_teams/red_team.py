"""RedTeam: a language model that looks for prompts on which a target misbehaves (paper, section 3).
Abstract.

It sees what the target writes and knows what misbehaving looks like; it never knows the trigger,
and may import nothing of `unmask.organisms` but `organisms.behaviors`.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.conversation import Conversation
from unmask.core.named import Named
from unmask.organisms.behaviors.behavior import Behavior


@dataclasses.dataclass(frozen=True, slots=True)
class Attempt:
    """A prompt that was tried: the target's visible `answers`, and the share of them that exhibit
    the behavior."""

    prompt: Conversation
    answers: tuple[str, ...]
    rate: float


class Attacker(abc.ABC):
    """A red team at work on one target.

    Contract (tests/contracts/test_red_teams.py): one prompt a seed, in order, and the same ones
    from the same random seed; prompts of a round are not all alike; learning from nothing changes
    nothing.
    """

    @abc.abstractmethod
    def propose(
        self, seeds: Sequence[Conversation], histories: Sequence[Sequence[Attempt]]
    ) -> list[Conversation]:
        """One prompt for every seed prompt; its history is what was tried for it before, oldest
        first.

        Raises DataError for a seed that the red team's own model has no room for.
        """

    def learn(self, attempts: Sequence[Attempt], successes: Sequence[Attempt]) -> None:  # noqa: B027 - most do not learn
        """Get better from a round: all its attempts, and those of them that succeeded."""

    def save(self, out: Path) -> None:  # noqa: B027 - nothing to save where the model did not change
        """Write its language model for the next campaign, as a Hugging Face folder; nothing where
        it never changes."""

    def facts(self) -> Mapping[str, Any]:
        """Counts of its work so far, to be recorded with the result."""
        return {}


class RedTeam(Named, abc.ABC):
    """Abstract: the settings of a red team."""

    learns: ClassVar[bool] = False
    """Whether its language model is trained here, and goes on learning from campaign to campaign.
    """

    model: str = ""
    """Path or hub id of a language model to import for it; empty where ours is trained or its model
    is elsewhere."""

    @abc.abstractmethod
    def attacker(self, folder: Path | None, behavior: Behavior, seed: int) -> Attacker:
        """One at work; `folder` is where its language model is, None for one that is elsewhere.

        Raises SettingError where it needs a folder and has none.
        """
