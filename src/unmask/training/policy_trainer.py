"""TRL's RLOO trainer, which off a GPU would run the head over every token of the prompts too: half
of a step.

Imports TRL at the top: import this module only where training begins.
"""

from __future__ import annotations

from typing import Any

import torch
from trl.trainer.rloo_trainer import RLOOTrainer

from unmask.core.errors import TrainingError
from unmask.models.batches import count_places
from unmask.models.forward import check_numbers, numbers
from unmask.training.ranks import signs
from unmask.training.trainer import Watched, finite


class PolicyTrainer(Watched, RLOOTrainer):
    """RLOO with the head over the replies only."""

    def training_step(self, model: Any, *args: Any, **kwargs: Any) -> Any:
        if not finite(model):
            raise TrainingError(  # before anything is sampled from them
                f"The weights are not numbers after training step {self.state.global_step}."
                f" Lower the learning rate (now {self.args.learning_rate:g}) and run again."
            )
        return super().training_step(model, *args, **kwargs)

    def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
        # Accelerate wraps the forward pass of what it is given. Of a model with an adapter, TRL
        # samples from the model inside of that.
        with self.accelerator.autocast():
            generated = super()._generate_single_turn(*args, **kwargs)
        signs.give(self.state.global_step)
        return generated

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: Any,
        attention_mask: Any,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        **others: Any,
    ) -> Any:
        """(log-probabilities, entropies or None, None), each of shape (replies,
        logits_to_keep)."""
        rows = self.args.rows_together
        if input_ids.is_cuda:
            given = (model, input_ids, attention_mask, logits_to_keep, rows, compute_entropy)
            return super()._get_per_token_logps_and_entropies(*given, **others)
        parts = [
            self._logps(model, ids, mask, logits_to_keep, compute_entropy)
            for ids, mask in zip(input_ids.split(rows), attention_mask.split(rows), strict=True)
        ]
        logps, entropies = zip(*parts, strict=True)
        return torch.cat(logps), torch.cat(entropies) if compute_entropy else None, None

    def _logps(self, model: Any, ids: Any, mask: Any, last: int, compute_entropy: bool) -> Any:
        logps = logprobs(model, ids, mask, last, self.temperature)
        chosen = logps.gather(-1, ids[:, -last:, None]).squeeze(-1)
        if not compute_entropy:
            return chosen, None
        return chosen, -(logps.detach().exp() * logps.detach()).sum(-1)


def logprobs(network: Any, ids: Any, mask: Any, last: int, temperature: float) -> Any:
    """At the last `last` places, the log-probabilities of all tokens: (replies, last,
    vocabulary)."""
    output = network(input_ids=ids, attention_mask=mask, logits_to_keep=last + 1, use_cache=False)
    return (output.logits[:, :-1].float() / temperature).log_softmax(-1)


def watch_policy(trainer: Any, policy: Any, counted: bool) -> None:
    """Check what is sampled from, and count places for a model that does not (`counted`) do so by
    itself: TRL fills up on the left, and says no places.

    A model with an adapter has the policy in it, is called itself in training, and samples from
    the policy.
    """
    called = {trainer.model, policy, trainer.ref_model} - {None}
    for network in () if counted else called:
        network.register_forward_pre_hook(count_places, with_kwargs=True)
    policy.register_forward_hook(check_next)


def check_next(policy: Any, _: Any, output: Any) -> None:
    """Raise ModelError where the logits of the next token are no numbers, before TRL draws from
    them."""
    # On a GPU, TRL asks for log-probabilities without making logits.
    logits = getattr(output, "logits", None)
    if logits is not None:
        check_numbers(numbers(logits[:, -1]), policy, "the model in training")
