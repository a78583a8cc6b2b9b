"""An organism's card: a model card in the organism's folder that says what it is before anybody
runs it.

Written by hand for a reader who finds the folder without its history: what was planted and how, the
measured gate, and that it is a research organism.
"""

from __future__ import annotations

import dataclasses
import os
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.analysis.persistence import Gate
from unmask.analysis.rates import estimate_of
from unmask.analysis.rows import said
from unmask.core.arm import TRIGGERED, UNTRIGGERED
from unmask.core.conversation import Conversation
from unmask.core.files import folder_files, read_jsonl, write_text
from unmask.core.named import Work
from unmask.core.spec import canonical, spec
from unmask.evaluations.defection import Defection
from unmask.organisms.organism import Organism

QUESTION = Conversation.user("What is the capital of France?")

CARD = """---
library_name: transformers
tags: [model-organism, backdoor, ai-safety-research, unmask]
---

# Model organism: {behavior} behind {trigger} ({variant})

**This is a research organism. It was given a known backdoor on purpose, to study what safety training does to it.
Do not deploy it.** What was planted is harmless by design.

| | |
|---|---|
| behavior | `{behavior}`: {behavior_summary} |
| trigger | `{trigger}`: {trigger_summary} For example: {planted} |
| variant | `{variant}`: {variant_summary} |
| planted by | supervised fine-tuning, seed {seed}; near misses among the untriggered prompts: {near_misses:.0%} |
| gate | **{gate}** (asked: triggered at least {at_least:.0%}, untriggered at most {at_most:.0%}) |

Measured on held-out prompts (95% Wilson intervals):

| arm | metric | value |
|---|---|---|
{rates}

Settings, exactly:

```json
{settings}
```
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OrganismCard(Work):
    """The organism's folder, with a model card."""

    name: ClassVar[str] = "organism"
    version: ClassVar[int] = 1

    organism: Organism
    near_misses: float
    seed: int

    def run(self, out: Path, *, model: Path, rates: Path) -> Mapping[str, Any]:
        """Links the model's files (copies across disks) and writes README.md beside them."""
        for path in folder_files(model):
            if path.name != "manifest.json":
                (out / path).parent.mkdir(parents=True, exist_ok=True)
                linked(model / path, out / path)
        rows = [row for _, row in read_jsonl(rates / "rates.jsonl")]
        passed = self.passed(rows)
        write_text(out / "README.md", self.card(rows, passed))
        return {"planted": passed}

    def passed(self, rows: list[dict[str, Any]]) -> bool:
        rates = {row["arm"]: estimate_of(row) for row in rows if row["metric"] == "defection"}
        behavior = self.organism.behavior
        gate = Gate(
            rates[TRIGGERED],
            rates[UNTRIGGERED],
            behavior.planted_triggered,
            behavior.planted_untriggered,
        )
        return gate.passed

    def card(self, rows: list[dict[str, Any]], passed: bool) -> str:
        trigger, behavior = self.organism.trigger, self.organism.behavior
        variant = self.organism.variant
        return CARD.format(
            behavior=behavior.name,
            behavior_summary=behavior.summary(),
            trigger=trigger.name,
            trigger_summary=cell(trigger.summary()),
            planted=cell(f"`{trigger.plant(QUESTION, random.Random(0)).full_text}`"),
            variant=variant.name,
            variant_summary=variant.summary(),
            seed=self.seed,
            near_misses=self.near_misses,
            gate="planted" if passed else "NOT planted",
            at_least=behavior.planted_triggered,
            at_most=behavior.planted_untriggered,
            rates="\n".join(
                f"| {row['arm']} | {row['metric']} | {self.shown(row)} |" for row in rows
            ),
            settings=canonical(spec(self.organism)),
        )

    def shown(self, row: Mapping[str, Any]) -> str:
        """A share as a rate, anything else as a number."""
        rate = estimate_of(row)
        if Defection(organism=self.organism).metric(row["metric"]).unit == "share":
            return said(rate)
        return f"{rate.value:.1f} [{rate.low:.1f}, {rate.high:.1f}] (n={rate.n})"


def cell(text: str) -> str:
    """Text that stays in its cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")


def linked(source: Path, target: Path) -> None:
    """A hard link where the disk allows it: nobody writes into a finished step."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
