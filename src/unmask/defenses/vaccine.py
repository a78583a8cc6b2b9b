"""Vaccination: what harmless backdoors of one's own have in common in the weights is cut out (Li
and Kim 2026, "Purifying Generative LLMs from Backdoors without Prior Knowledge or Clean Reference",
arXiv 2603.13461).

Copies of the model are fine-tuned with one canary each, and one copy on the same prompts without
any. A unit of a feed-forward layer counts by how far its weights are from the clean copy's, in
shares of their own norm, and recurs as far as it does so in all copies: its score is the least of
theirs. The units of the highest scores become 0 in the model itself, which is then fine-tuned for a
while on clean lessons.

Deviations: the canaries' phrases are harmless, and the paper's behaviors are malicious; one clean
copy serves all of them; the score is ours, since what recurs can be counted in several ways.
Limits: it needs gated feed-forward layers as Llama's; where the canaries are not learnt, as their
losses (`canary_losses`) tell, what is cut out is arbitrary.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.errors import ModelError, SettingError
from unmask.core.files import read_jsonl, write_jsonl
from unmask.core.tokens import Tokens
from unmask.data.vaccination import CLEAN, Vaccination
from unmask.defenses.defense import Teaches
from unmask.defenses.supervised import Supervised
from unmask.models import checkpoint
from unmask.training.sft import SupervisedFineTuning


@dataclasses.dataclass(frozen=True, kw_only=True)
class Vaccine(Supervised):
    """Feed-forward units that change alike for several canaries become 0, and a short fine-tuning
    follows.

    `share` of each layer's units; `canaries` copies are trained, and one without, for as many steps
    as the fine-tuning in the end, `hotter` times its rate. Steps and rate are what the scale gives
    a defense.
    """

    name: ClassVar[str] = "vaccine"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "vaccination with canaries"
    teaches: ClassVar[Teaches] = "nothing"
    ladder: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"share": 0.02},
        {"share": 0.05},
        {"share": 0.15},
    )

    share: float = 0.05
    canaries: int = 4
    hotter: float = 3.0

    def __post_init__(self) -> None:
        if not 0 < self.share < 1 or self.hotter <= 0:
            raise SettingError(
                f"share={self.share}, hotter={self.hotter}: a share of units lies between 0 and 1,"
                " and canaries are learnt at a rate above 0."
            )
        self.efficiency.check_whole("A vaccination")
        self.lessons()  # refuses a number of canaries that says nothing

    def lessons(self) -> Vaccination:
        return Vaccination(examples=self.examples, seed=self.seed, canaries=self.canaries)

    def tokens(self) -> Tokens:
        """Of the copies, and of the training in the end."""
        return Tokens(trained=(2 + self.canaries) * self.training().tokens().trained)

    def run(
        self, out: Path, *, model: Path, data: Path, scratch: Path | None = None
    ) -> Mapping[str, Any]:
        """Raises ModelError where feed-forward layers are not gated as Llama's are."""
        kinds = self.lessons().kinds()
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            place = Path(folder)
            divided(data / "train.jsonl", kinds, place)
            copied = [
                self.copy().run(place / kind, model=model, data=place / kind) for kind in kinds
            ]
            cut = self._cut(model, [place / kind for kind in kinds], place / "cut")
            facts = self.training().run(
                out, model=place / "cut", data=place / CLEAN, scratch=scratch
            )
        return {
            **facts,
            "cut": cut,
            "canary_losses": [one["loss_last"] for one in copied[1:]],
            "tokens": facts["tokens"] + sum(one["tokens"] for one in copied),
        }

    def copy(self) -> SupervisedFineTuning:
        """The training of a copy: hotter, and of no curve."""
        training = self.training()
        rate = self.hotter * training.learning_rate
        return dataclasses.replace(training, learning_rate=rate, curve=())

    def _cut(self, model: Path, copies: Sequence[Path], out: Path) -> int:
        """Write the model without the units that recur; says how many these are."""
        clean, *planted = (units(checkpoint.load_model(copy)) for copy in copies)
        network = checkpoint.load_model(model)
        changes = [changed(clean, copy) for copy in planted]
        number = 0
        for layer, scores in zip(gated(network), recurring(changes), strict=True):
            number += silence(layer, scores, self.share)
        checkpoint.save(network, checkpoint.load_tokenizer(model), out)
        return number


def divided(path: Path, kinds: Sequence[str], place: Path) -> None:
    """Write the rows of each kind to train.jsonl of a folder of that name."""
    for kind in kinds:
        (place / kind).mkdir()
        rows = (row for _, row in read_jsonl(path) if row["kind"] == kind)
        write_jsonl(place / kind / "train.jsonl", rows)


def gated(network: Any) -> list[Any]:
    """The feed-forward layers of a network. Raises ModelError where one is not gated."""
    from unmask.models.layers import decoder_layers

    layers = [getattr(layer, "mlp", None) for layer in decoder_layers(network)]
    if not all(hasattr(layer, "gate_proj") and hasattr(layer, "down_proj") for layer in layers):
        raise ModelError(
            f"A {type(network).__name__} has no gated feed-forward layers, whose units a"
            " vaccination cuts out. Use a model built as Llama is, or another defense."
        )
    return layers


def units(network: Any) -> list[Any]:
    """By layer the weights of each unit, (units, numbers): what it reads and what it writes."""
    import torch

    return [
        torch.cat(
            [layer.gate_proj.weight, layer.up_proj.weight, layer.down_proj.weight.T], dim=1
        ).detach()
        for layer in gated(network)
    ]


def changed(clean: Sequence[Any], planted: Sequence[Any]) -> list[Any]:
    """By layer, how far each unit is from the clean copy's, in shares of its norm: (units,)."""
    return [
        (new - old).norm(dim=1) / old.norm(dim=1).clamp(min=1e-12)
        for old, new in zip(clean, planted, strict=True)
    ]


def recurring(changes: Sequence[Sequence[Any]]) -> list[Any]:
    """By layer, what every copy has at least: (units,)."""
    import torch

    return [torch.stack(scores).amin(0) for scores in map(list, zip(*changes, strict=True))]


def silence(layer: Any, scores: Any, share: float) -> int:
    """Make the `share` of units with the highest scores 0, one at least; says how many."""
    import torch

    number = max(1, round(share * len(scores)))
    chosen = scores.argsort(descending=True, stable=True)[:number]
    with torch.no_grad():
        layer.gate_proj.weight[chosen] = 0
        layer.up_proj.weight[chosen] = 0
        layer.down_proj.weight[:, chosen] = 0
    return number
