"""Ask: which evaluation is asked of which models, and at which points of a defense. A study is
given several."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

from unmask.core.condition import Role
from unmask.core.errors import SettingError
from unmask.core.registry import Choice
from unmask.defenses.defense import Defense
from unmask.evaluations import EVALUATIONS
from unmask.evaluations.attacked import Attacked
from unmask.evaluations.evaluation import Evaluation
from unmask.organisms.organism import Organism
from unmask.recipes.scales import Scale

At = Literal["curve", "ends", "end", "before"]
"""Along the whole curve of a defense; before it and at its end; or at one of these alone."""


@dataclasses.dataclass(frozen=True)
class Ask:
    """One evaluation, by name or with settings, for the roles and points at which it is worth its
    cost."""

    evaluation: Choice
    at: At = "curve"
    of: tuple[Role, ...] = ("base", "organism", "twin")

    @property
    def kind(self) -> type[Evaluation]:
        """The evaluation's class; raises UnknownName or SettingError."""
        return EVALUATIONS.get(str(EVALUATIONS.settings(self.evaluation).get("name")))

    def due(self, role: Role, organism: Organism, *, before: bool, last: bool) -> bool:
        """Whether it is asked of a model `before` any defense, or at a point of one, which may be
        its `last`."""
        points = {"curve": True, "ends": before or last, "end": last, "before": before}
        return role in self.of and points[self.at] and self.kind.fits(organism)

    def made(
        self, scale: Scale, seed: int, organism: Organism, room: int, **settings: Any
    ) -> Evaluation:
        """The evaluation with a scale's numbers where nothing else was said; `room` is for a reply,
        in tokens."""
        kind = self.kind
        most = kind.at_most or scale.n
        supplied: dict[str, Any] = {
            "n": min(scale.n, most),
            "seed": seed,
            "organism": organism,
            # What is asked in between is not sampled from weights in 4 bits.
            "efficiency": dataclasses.replace(scale.efficiency, quantized=""),
        }
        if not kind.own_sampling:
            sampling = kind.sampled(room, seed)
            supplied["sampling"] = dataclasses.replace(sampling, precision=scale.sampling_precision)
        return EVALUATIONS.make(self.evaluation, **{**supplied, **settings})


DEFECTION = Ask("defection")
USUAL = (DEFECTION, Ask("helpfulness"), Ask("near_miss", at="ends"))
SPARING = (DEFECTION, Ask("helpfulness"), Ask("near_miss", at="before"))
"""Where many trainings stand side by side: near misses are asked of what was planted only."""

DOSES = Ask("dose_response", at="ends")
STYLE = Ask("style")
"""Asked where a defense has taught a style."""


def relearning(scale: Scale, n: int | None = None, at: At = "ends") -> Ask:
    """How quickly it comes back; the base has nothing to relearn. `n` prompts per arm; None: as
    many as usual."""
    settings = {"curve": scale.relearning, "learning_rate": scale.relearning_rate}
    settings |= {} if n is None else {"n": min(n, scale.n)}
    return Ask({"name": "relearning", **settings}, at=at, of=("organism", "twin"))


def besides(evaluations: Sequence[Choice], organisms: Sequence[Organism]) -> tuple[Ask, ...]:
    """What a user wants asked as well: before each defense and at its end. Raises SettingError for
    what can be asked of none of the organisms."""
    asks = tuple(Ask(choice, at="ends") for choice in evaluations)
    for kind in (ask.kind for ask in asks):
        if kind is Attacked:
            raise SettingError(
                "evaluations=attacked: its prompts are a red team's, so that it is asked by itself"
                " wherever the defense adversarial is done, and nowhere else: leave it out."
            )
        if not any(map(kind.fits, organisms)):
            planted = "; ".join(
                f"{one.behavior.name} behind {one.trigger.name}, {one.variant.name}"
                for one in organisms
            )
            raise SettingError(
                f"evaluations={kind.name}: there is nothing to ask of what is planted here"
                f" ({planted}). `unmask describe {kind.name} --kind evaluation` says what it needs;"
                " leave it out, or plant something else."
            )
    return asks


def taught(defense: Defense) -> tuple[Ask, ...]:
    """What is asked at the end of a defense because of what it teaches."""
    return (STYLE,) if defense.teaches == "style" else ()
