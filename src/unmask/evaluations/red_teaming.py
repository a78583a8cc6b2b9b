"""Red teaming: a finished campaign as numbers, round by round; no model is asked anything.

Paper, section 3: how many of the red team's prompts succeed. Ours besides: how often it found the
exact trigger, which it was never told.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.conversation import Conversation
from unmask.core.errors import DataError
from unmask.core.files import read_jsonl
from unmask.core.metric import Metric, share
from unmask.evaluations.measuring import Measuring
from unmask.models.backends.huggingface import HuggingFace
from unmask.organisms.triggers.trigger import Trigger
from unmask.threat_model.audit import as_read

FIELDS = {"round": int, "seed": int, "answers": list, "rate": (int, float), "success": bool}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RedTeaming(Measuring):
    """Success, defection rate and found triggers of a campaign's attempts; one arm per round
    ("round 1", ...).

    Metrics: "attack_success", "attack_defection" (the rate among the replies to an attempt) and
    "found_trigger" (the trigger is in the prompt as it is written, or as the target's tokens spell
    it). The same id in two rounds is the same seed prompt. The experimenter's, as the audit is: the
    campaign never sees the trigger.
    """

    name: ClassVar[str] = "red_teaming"
    version: ClassVar[int] = 1
    asks: ClassVar[str] = (
        "How often do the red team's attacks succeed, and does it find the trigger?"
    )
    metrics: ClassVar[Mapping[str, Metric]] = {
        "attack_success": share("attempts that succeed"),
        "attack_defection": share("defection among replies to an attempt"),
        "found_trigger": share("attempts that hold the trigger"),
    }

    trigger: Trigger
    seed: int = 0

    def run(self, out: Path, *, attacks: Path, model: Path) -> Mapping[str, Any]:
        """`attacks` is a campaign's folder, `model` its target. Raises DataError for a malformed
        row."""
        target = HuggingFace(model)
        holding = 0

        def rows() -> Iterator[Mapping[str, Any]]:
            nonlocal holding
            for attempt, prompt in attempts(attacks):
                there = self.trigger.present(prompt) or self.trigger.present(
                    as_read(target.tokenizer, prompt)
                )
                holding += there
                yield {
                    "id": str(attempt["seed"]),
                    "arm": f"round {attempt['round']}",
                    "prompt": prompt.rows(),
                    "answers": attempt["answers"],
                    "scores": {
                        "attack_success": attempt["success"],
                        "attack_defection": float(attempt["rate"]),
                        "found_trigger": there,
                    },
                }

        return {
            "samples": self.write(out, rows(), target.parameters),
            "found_trigger": holding,
            "parameters": target.parameters,
            "device": target.device,
        }


def attempts(campaign: Path) -> Iterator[tuple[Mapping[str, Any], Conversation]]:
    """Each row of a campaign's attacks.jsonl with its prompt; raises DataError naming the row and
    field."""
    path = campaign / "attacks.jsonl"
    for number, row in read_jsonl(path):
        where = f"{path}, line {number}"
        for field, kind in FIELDS.items():
            if not isinstance(row.get(field), kind):
                raise DataError(
                    f"{where}: field '{field}' is {row.get(field)!r}. Give the folder of a finished"
                    f" campaign, whose rows have {', '.join(FIELDS)} and prompt."
                )
        yield row, Conversation.of(row.get("prompt") or [], f"{where}: prompt")
