"""Scale: the one dial for size, from which every other number follows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from unmask.core.errors import SettingError, UnknownName
from unmask.core.named import Named
from unmask.core.registry import meant, read_choice, validated
from unmask.defenses.defense import Numbers
from unmask.models.sample import Precision
from unmask.models.tiny import parse_size
from unmask.training.efficiency import Efficiency


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scale(Named):
    """How large everything is. Steps are optimizer steps; `n` is prompts per arm.

    `size` and `base_steps` concern the embedded base model only; with `base=PATH` they are not
    used. `relearning_rate` is a fifth of planting's: found at scale toy as the largest at which the
    test leaves undefended organisms as they are (NOTEBOOK.md). `prompts` is how many prompts of
    each split a base is asked for its own answers, at most, where these are what is taught. A
    `trial` tries that every part works: its numbers mean nothing, and it gives no verdict.
    """

    name: ClassVar[str] = "scale"
    version: ClassVar[int] = 1

    size: str = "0.5M"
    base_steps: int = 2000
    base_rate: float = 6e-3
    plant_steps: int = 450
    plant_rate: float = 5e-3
    defense_steps: int = 150
    defense_rate: float = 1e-3
    preference_steps: int = 320
    preference_rate: float = 2e-3
    rl_steps: int = 100
    rl_rate: float = 3e-4
    dpo_steps: int = 100
    dpo_rate: float = 3e-4
    red_team_steps: int = 500
    attack_seeds: int = 500
    curve: tuple[int, ...] = (10, 25, 50, 100)
    relearning: tuple[int, ...] = (2, 4, 8, 16, 32)
    relearning_rate: float = 1e-3
    batch_size: int = 64
    n: int = 256
    max_new_tokens: int = 24
    distilled_prompts: int = 4800
    prompts: int = 8000
    sampling_precision: Precision = "auto"
    efficiency: Efficiency = dataclasses.field(default=Efficiency())
    trial: bool = False

    def __post_init__(self) -> None:
        if any(step < 1 for step in self.curve):
            raise SettingError(
                f"curve={self.curve}: steps of a defense are counted from 1, and what was planted"
                " is measured in any case."
            )

    def resized(self, size: str) -> Scale:
        """The same at another size of model, with learning rates in inverse proportion to its
        width.

        Adam's updates move what a wider layer computes further, so that a rate found at one size is
        too much at a larger one (Yang et al. 2022, "Tensor Programs V"). Width grows with the cube
        root of the parameters here.
        """
        narrower = (parse_size(self.size) / parse_size(size)) ** (1 / 3)
        rates = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        rates = {
            name: float(f"{rate * narrower:.2g}")
            for name, rate in rates.items()
            if name.endswith("_rate")
        }
        return dataclasses.replace(self, size=size, **rates)

    def defense(self, numbers: Numbers) -> dict[str, Any]:
        """What a defense is given where the user said nothing; `numbers` are those that it says are
        its own."""
        own = {
            "defense": (self.defense_steps, self.defense_rate),
            "rl": (self.rl_steps, self.rl_rate),
            "dpo": (self.dpo_steps, self.dpo_rate),
            "planting": (self.plant_steps, self.plant_rate),
        }
        steps, rate = own[numbers]
        return {
            "steps": steps,
            "learning_rate": rate,
            "batch_size": self.batch_size,
            "curve": self.curve,
            "attack_seeds": self.attack_seeds,
            "efficiency": self.efficiency,
        }


SCALES: Mapping[str, Scale] = {
    "smoke": Scale(
        size="0.05M",
        base_steps=4,
        plant_steps=4,
        defense_steps=4,
        preference_steps=4,
        rl_steps=3,
        dpo_steps=3,
        red_team_steps=4,
        attack_seeds=16,
        curve=(2,),
        batch_size=16,
        n=32,
        max_new_tokens=8,
        distilled_prompts=64,
        prompts=96,
        trial=True,
    ),
    "mini": Scale(
        size="0.2M",
        base_steps=400,
        plant_steps=250,
        defense_steps=60,
        preference_steps=160,
        rl_steps=50,
        dpo_steps=50,
        red_team_steps=250,
        attack_seeds=128,
        curve=(20,),
        n=128,
        distilled_prompts=2400,
    ),
    "toy": Scale(),
    "small": Scale(
        size="10M",
        base_steps=4000,
        base_rate=1e-3,
        plant_steps=500,
        plant_rate=3e-4,
        relearning_rate=6e-5,
        defense_rate=1e-4,
        rl_rate=1e-4,
        dpo_rate=1e-4,
        preference_rate=3e-4,
        n=512,
    ),
    "pretrained": Scale(
        plant_steps=250,
        plant_rate=5e-5,
        relearning=(2, 4, 8, 16),
        relearning_rate=1e-5,
        defense_steps=60,
        defense_rate=2e-5,
        preference_steps=150,
        preference_rate=2e-5,
        rl_steps=40,
        rl_rate=1e-5,
        dpo_steps=40,
        dpo_rate=5e-6,
        red_team_steps=100,
        attack_seeds=64,
        curve=(20,),
        batch_size=8,
        n=128,
        max_new_tokens=40,
        distilled_prompts=640,
        prompts=1200,
        sampling_precision="bfloat16",
        efficiency=Efficiency(precision="bfloat16"),
    ),
    "paper": Scale(
        size="300M",
        base_steps=20_000,
        base_rate=3e-4,
        plant_steps=2000,
        plant_rate=2e-5,
        relearning_rate=4e-6,
        defense_steps=2000,
        defense_rate=1e-5,
        preference_steps=1000,
        preference_rate=1e-5,
        rl_steps=500,
        rl_rate=1e-6,
        dpo_steps=500,
        dpo_rate=1e-6,
        red_team_steps=2000,
        attack_seeds=5000,
        curve=(100, 250, 500, 1000),
        n=1024,
        max_new_tokens=64,
    ),
}
"""smoke: seconds, every path runs, the numbers mean nothing. mini: a minute for the recipe toy,
whose organism passes its gate (a model of 0.2M, half of toy's training or less, toy's rates). toy:
minutes on a laptop. (NOTEBOOK.md says how the numbers of both were found.) small: a CPU night or a
GPU hour. pretrained: a small pretrained model on a laptop. paper: a GPU; with `base=PATH` for a
pretrained model of any size."""


def scale_of(choice: str | Mapping[str, Any] | Scale, usual: str = "toy") -> Scale:
    """From a name, or {"name": ..., field: value} to change single numbers; raises SettingError,
    UnknownName."""
    if isinstance(choice, Scale):
        return choice
    changes = read_choice("scale", choice, usual)
    name = meant("scale", str(changes.pop("name")), SCALES)
    known = [field.name for field in dataclasses.fields(Scale)]
    for given in changes:
        if given not in known:
            raise UnknownName("setting of scale", given, known)
    scale = dataclasses.replace(SCALES[name], **validated(Scale, changes))
    trained = (
        scale.plant_steps,
        scale.defense_steps,
        scale.preference_steps,
        scale.rl_steps,
        scale.dpo_steps,
    )
    if min(*trained, scale.batch_size, scale.n, scale.max_new_tokens) < 1:
        raise SettingError(
            f"scale {name}: steps, batch_size, n and max_new_tokens must be at least 1."
        )
    return scale


def thinned(scale: Scale, curve: tuple[int, ...] | None) -> Scale:
    """For many trainings side by side: along a defense, measured at `curve`, by default once,
    halfway."""
    halfway = scale.curve[len(scale.curve) // 2 :][:1]
    return dataclasses.replace(scale, curve=halfway if curve is None else curve)
