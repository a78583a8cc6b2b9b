"""TRL's trainers on comparisons, put behind what all our trainers share.

Imports TRL at the top: import this module only where training begins.
"""

from __future__ import annotations

from typing import Any

from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.reward_trainer import RewardTrainer

from unmask.training.trainer import Watched


class PreferringTrainer(Watched, DPOTrainer):
    """DPOTrainer that takes rows as token ids."""

    sides = 2

    def _prepare_dataset(
        self, dataset: Any, processing_class: Any, args: Any, dataset_name: str
    ) -> Any:
        return dataset


class ScoringTrainer(Watched, RewardTrainer):
    """RewardTrainer of a preference model."""

    sides = 2
