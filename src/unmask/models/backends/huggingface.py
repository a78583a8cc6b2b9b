"""Any Hugging Face causal LM on this machine, through transformers' own batched generation."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from unmask.core import progress
from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import ModelError, SettingError
from unmask.core.thoughts import closed
from unmask.models import chat, checkpoint
from unmask.models.backends.backend import Likelihood, begun_with, until_end
from unmask.models.backends.local import Local
from unmask.models.batches import batches, reads_alike, samples_alike
from unmask.models.forward import check_numbers, numbers, passing
from unmask.models.guards import guarded
from unmask.models.sample import Precision, Sampling
from unmask.models.tokens import PROBE

Tokens = tuple[int, ...]
Ask = tuple[int, Tokens]
Answer = tuple[list[list[int]], Any]
"""New tokens of each row, and whether the logits that they were taken from are numbers."""


class HuggingFace(Local):
    """A checkpoint folder, loaded when first used."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._others: dict[Precision, Any] = {}
        self._copied: dict[Precision, Any] = {}

    @cached_property
    def model(self) -> Any:
        return guarded(self.folder)

    def model_in(self, precision: Precision) -> Any:
        """The model in another precision than its own: a copy, made anew whenever the weights have
        changed since, as they do where a model is trained and asked in turns."""
        import torch

        if precision == "auto" or self.model.dtype == getattr(torch, precision):
            return self.model
        # Every change of a tensor in place is counted, an optimizer's too.
        state = tuple((id(weight), weight._version) for weight in self.model.parameters())
        if self._copied.get(precision) != state:
            self._others[precision] = in_precision(self.model, getattr(torch, precision))
            self._copied[precision] = state
        return self._others[precision]

    @property
    def parameters(self) -> int:
        return checkpoint.parameters(self.model)

    @property
    def vocabulary(self) -> int:
        """How many tokens it has a probability for, which may be more than its tokenizer knows."""
        return int(self.model.get_output_embeddings().weight.shape[0])

    @property
    def device(self) -> str:
        return str(self.model.device)

    @property
    def context(self) -> int:
        return checkpoint.context_length(self.model)

    def replies(
        self,
        prompts: Sequence[Conversation],
        sampling: Sampling,
        label: str = "sampling",
        given: Sequence[str] = (),
    ) -> list[Reply]:
        if sampling.engine != "transformers":
            raise SettingError(
                f"sampling.engine={sampling.engine} is for what only samples; this also trains, or"
                " looks into the model. Leave sampling.engine=transformers."
            )
        room = self.context - sampling.max_new_tokens
        begun = given or [""] * len(prompts)
        ids = chat.encoded(self.tokenizer, prompts, room, begun)
        replies = self.continued(ids, sampling, label)
        return [
            begun_with(begin, reply, self.marks)
            for begin, reply in zip(begun, replies, strict=True)
        ]

    def continued(
        self, ids: Sequence[list[int]], sampling: Sampling, label: str = "sampling"
    ) -> list[Reply]:
        """What comes behind each row of tokens, in their order."""
        order = sorted(range(len(ids)), key=lambda i: (len(ids[i]), i))
        replies: dict[int, Reply] = {}
        with progress.bar(label, len(ids)) as advance:
            for start in range(0, len(order), sampling.batch_size):
                batch = order[start : start + sampling.batch_size]
                drawn = self._batch([ids[i] for i in batch], sampling, seed=sampling.seed + start)
                replies.update(zip(batch, drawn, strict=True))
                advance(len(batch))
        return [replies[i] for i in range(len(ids))]

    @cached_property
    def samples_alike(self) -> bool:
        """Whether a reply may be sampled in a batch of texts of several lengths."""
        with passing(self.folder, 2, len(PROBE)):
            return self._told(samples_alike(self.model, self.tokenizer))

    @cached_property
    def reads_alike(self) -> bool:
        """Whether a text may be read in a batch of texts of several lengths."""
        with passing(self.folder, 2, len(PROBE)):
            return self._told(reads_alike(self.model, self.tokenizer))

    @cached_property
    def shares(self) -> bool:
        """Whether what texts begin alike with is read once: where it pays and changes nothing."""
        from unmask.models.shared import shares_alike, worth

        with passing(self.folder, 2, len(PROBE)):
            # What a guard has read is not shared with it.
            unguarded = not getattr(self.model, "guard", None)
            return unguarded and worth(self.model) and shares_alike(self.model, self.tokenizer)

    def _told(self, whether: bool) -> bool:
        if not whether:
            progress.say(
                f"{self.folder}: this model takes in what fills up a batch, so it is asked one by"
                " one."
            )
        return whether

    def _batch(self, ids: list[list[int]], sampling: Sampling, seed: int) -> list[Reply]:
        """A reply to each text; where a batch would change it, as with batch_size=1."""
        import torch

        if not self.shares and uneven(ids) and not self.samples_alike:
            return [self._batch([row], sampling, seed + i)[0] for i, row in enumerate(ids)]
        model = self.model_in(sampling.precision)
        torch.manual_seed(seed)
        with torch.inference_mode(), passing(self.folder, len(ids), max(map(len, ids))):
            answer = self._decoded if self.shares else self._generated
            new, whether = answer(model, ids, sampling)
        check_numbers(whether, model, self.folder)
        cut = [until_end(row, self.ends) for row in new]
        texts = chat.spoken(self.tokenizer, [kept for kept, _ in cut])
        return [
            Reply(text, finished, len(kept))
            for text, (kept, finished) in zip(texts, cut, strict=True)
        ]

    def _decoded(self, model: Any, ids: list[list[int]], sampling: Sampling) -> Answer:
        from unmask.models.decoding import Decoding

        decoding = Decoding(
            model=model,
            fill=self.tokenizer.pad_token_id,
            ends=self.ends,
            limit=sampling.max_new_tokens,
            temperature=sampling.temperature,
        )
        return decoding.replies(ids)

    def _generated(self, model: Any, ids: list[list[int]], sampling: Sampling) -> Answer:
        from unmask.models.draw import Draw, Watch

        padded = self.tokenizer.pad({"input_ids": ids}, padding=True, return_tensors="pt").to(
            model.device
        )
        watch = Watch()
        reading = [watch, Draw(sampling.temperature)] if sampling.temperature > 0 else [watch]
        output = model.generate(
            **padded, generation_config=self._generation(sampling), logits_processor=reading
        )
        return output[:, padded["input_ids"].shape[1] :].tolist(), watch.numbers

    def likelihoods(
        self,
        prompts: Sequence[Conversation],
        options: Sequence[Sequence[str]],
        batch_size: int = 64,
        given: Sequence[str] = (),
    ) -> list[list[Likelihood]]:
        """A forward pass over each prompt with its option, less the last token: options that differ
        in that token alone share the pass."""
        texts = list(dict.fromkeys(itertools.chain.from_iterable(options)))
        known = dict(zip(texts, chat.option_ids(self.tokenizer, texts), strict=True))
        room = self.context - max((len(ids) for ids in known.values()), default=0)
        begun = [closed(text, self.marks) for text in given or [""] * len(prompts)]
        read = chat.encoded(self.tokenizer, prompts, room, begun)
        asked: dict[Ask, set[Tokens]] = {}
        for i, own in enumerate(options):
            for option in own:
                ids = known[option]
                asked.setdefault((i, ids[:-1]), set()).add(ids)
        measured = self._measured(read, asked, batch_size)
        likelihoods: list[list[Likelihood]] = []
        for i, own in enumerate(options):
            likelihoods.append([measured[i, known[option]] for option in own])
        return likelihoods

    def _measured(
        self, read: list[list[int]], asked: Mapping[Ask, set[Tokens]], batch_size: int
    ) -> dict[Ask, Likelihood]:
        """Behind each prompt's tokens, the likelihood of each option, by what all but its last
        token is."""
        order = sorted(asked, key=lambda ask: (len(read[ask[0]]) + len(ask[1]), ask))
        lengths = [len(read[i]) + len(begin) for i, begin in order]
        measured: dict[Ask, Likelihood] = {}
        for places in batches(lengths, self.vocabulary, batch_size):
            batch = [order[place] for place in places]
            logprobs = self.following(
                [[*read[i], *begin] for i, begin in batch], [len(begin) for _, begin in batch]
            )
            for (i, begin), rows in zip(batch, (row.cpu() for row in logprobs), strict=True):
                before = sum(float(row[token]) for row, token in zip(rows[:-1], begin, strict=True))
                for ids in asked[i, begin]:
                    measured[i, ids] = Likelihood(before + float(rows[-1][ids[-1]]), len(ids))
        if not all(math.isfinite(likelihood.logprob) for likelihood in measured.values()):
            raise ModelError(
                f"{self.folder}: the model cannot say an option at all: some of its logits are"
                " -infinity."
            )
        return measured

    def following(self, rows: list[list[int]], last: list[int]) -> list[Any]:
        """For each row of tokens, the log-probabilities of what comes next at each of its last
        `last` + 1 places: shape (last + 1, vocabulary), on the model's device."""
        import torch

        if not self.shares and uneven(rows) and not self.reads_alike:
            return [self.following([row], [k])[0] for row, k in zip(rows, last, strict=True)]
        with torch.inference_mode(), passing(self.folder, len(rows), max(map(len, rows))):
            logits = (self._shared if self.shares else self._padded)(rows, last)
        whether = torch.cat([numbers(places) for places in logits])
        check_numbers(whether, self.model, self.folder)
        return [places.float().log_softmax(-1) for places in logits]

    def _shared(self, rows: list[list[int]], last: list[int]) -> list[Any]:
        """Logits at the last places of each row; what the rows begin alike with is read once."""
        from unmask.models.shared import Rows

        logits = Rows(self.model, rows, self.tokenizer.pad_token_id).start(last)
        return [logits[i, -1 - k :] for i, k in enumerate(last)]

    def _padded(self, rows: list[list[int]], last: list[int]) -> list[Any]:
        """The same, filled up on the right, so that every model counts its places from the
        start."""
        import torch

        length, fill = max(map(len, rows)), self.tokenizer.pad_token_id
        tokens = torch.tensor([ids + [fill] * (length - len(ids)) for ids in rows])
        mask = torch.tensor([[1] * len(ids) + [0] * (length - len(ids)) for ids in rows])
        first = min(len(ids) - 1 - k for ids, k in zip(rows, last, strict=True))
        device = self.model.device
        output = self.model(
            input_ids=tokens.to(device),
            attention_mask=mask.to(device),
            logits_to_keep=length - first,
        )
        # Of all places, where a model knows nothing of logits_to_keep.
        logits = output.logits[:, first - length :]
        ends = [len(ids) - first for ids in rows]
        return [logits[i, ends[i] - k - 1 : ends[i]] for i, k in enumerate(last)]

    def _generation(self, sampling: Sampling) -> Any:
        """Every setting said, so that nothing is taken from what the checkpoint's author
        preferred."""
        from transformers import GenerationConfig

        return GenerationConfig(
            do_sample=False,  # Draw has drawn
            repetition_penalty=1.0,
            max_new_tokens=sampling.max_new_tokens,
            pad_token_id=self.tokenizer.pad_token_id,
            eos_token_id=sorted(self.ends),
        )

    @cached_property
    def ends(self) -> frozenset[int]:
        """Tokens that finish a reply: the tokenizer's and those that the checkpoint names."""
        return checkpoint.ends(self.model, self.tokenizer)


def in_precision(model: Any, dtype: Any) -> Any:
    """A copy whose weights have that type; what is computed once from positions stays exact."""
    other = copy.deepcopy(model)
    for weight in other.parameters():
        weight.data = weight.data.to(dtype)
    return other.eval()


def uneven(rows: Sequence[Sequence[int]]) -> bool:
    """Whether a batch of these would have to be filled up."""
    return len(set(map(len, rows))) > 1
