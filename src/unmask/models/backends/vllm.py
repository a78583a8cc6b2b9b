"""A checkpoint in vLLM, in this process: for many replies on a GPU. What a model reads, and what a
token is, is as with transformers; only the engine that computes is another one.

vLLM is not installed with unmask: pip install 'unmask[vllm]', where there is a GPU.
"""

from __future__ import annotations

import importlib
import itertools
import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from unmask.core import progress
from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import DataError, ModelError, SettingError
from unmask.core.thoughts import closed
from unmask.models import chat, checkpoint
from unmask.models.backends.backend import Likelihood, begun_with, until_end
from unmask.models.backends.local import Local
from unmask.models.backends.probe import Probe
from unmask.models.memory import shape_of
from unmask.models.sample import Sampling

PORTION = 4096
"""Prompts that are handed over at a time: enough for any GPU, and few enough to tell of."""


class VLLM(Local):
    """A checkpoint folder, loaded when first used; `settings` are others of vLLM's LLM
    (`gpu_memory_utilization`, `tensor_parallel_size`, ...).

    Raises ModelError where vLLM is not installed or does not take the model, and where it does not
    heed the temperature (probe.py). The same seed gives other replies than transformers do;
    `sampling.batch_size` is not used.
    """

    def __init__(self, folder: Path, **settings: Any):
        self.folder, self.settings = folder, settings

    @cached_property
    def package(self) -> Any:
        """The package; raises ModelError where it is absent."""
        try:
            return importlib.import_module("vllm")
        except ImportError as error:
            raise ModelError(
                f"vLLM cannot be used here ({error}). Install it where there is a GPU: pip install"
                " 'unmask[vllm]'. Or leave sampling.engine=transformers."
            ) from None

    @cached_property
    def engine(self) -> Any:
        """The model in vLLM, in the type of its weights; of how its author generates, nothing is
        taken over."""
        library = self.package  # whether it is there, first: looking at a folder takes longer
        checkpoint.check_folder(self.folder)
        checkpoint.check_unguarded(self.folder)
        usual = {"dtype": "auto", "generation_config": "vllm", "trust_remote_code": False}
        try:
            return library.LLM(model=str(self.folder), **{**usual, **self.settings})
        except Exception as error:
            raise ModelError(
                f"{self.folder}: vLLM does not load the model ({error}). Sample it with"
                " sampling.engine=transformers."
            ) from error

    @cached_property
    def ends(self) -> frozenset[int]:
        """Tokens that finish a reply: the tokenizer's and those that the checkpoint names."""
        return checkpoint.named_ends(checkpoint.generation(self.folder), self.tokenizer)

    @property
    def context(self) -> int:
        return shape_of(str(self.folder)).context

    @property
    def parameters(self) -> int:
        return shape_of(str(self.folder)).parameters

    @property
    def device(self) -> str:
        return "cuda"

    @cached_property
    def probe(self) -> Probe:
        return Probe(self._asked, f"vLLM with {self.folder}")

    def replies(
        self,
        prompts: Sequence[Conversation],
        sampling: Sampling,
        label: str = "sampling",
        given: Sequence[str] = (),
    ) -> list[Reply]:
        if sampling.precision != "auto":
            raise SettingError(
                "vLLM computes in the type of the checkpoint's weights: leave"
                " sampling.precision=auto, or sampling.engine=transformers."
            )
        if not prompts:
            return []
        self.probe.check(sampling.temperature)
        return self._asked(prompts, sampling, given or [""] * len(prompts), label)

    def _asked(
        self,
        prompts: Sequence[Conversation],
        sampling: Sampling,
        given: Sequence[str],
        label: str = "probing",
    ) -> list[Reply]:
        """A reply to each prompt, begun with what was given."""
        library = self.package
        room = self.context - sampling.max_new_tokens
        ids = chat.encoded(self.tokenizer, prompts, room, given)
        settings = [
            library.SamplingParams(
                temperature=sampling.temperature,
                max_tokens=sampling.max_new_tokens,
                seed=sampling.seed + number,
                stop_token_ids=sorted(self.ends),
                detokenize=False,
            )
            for number in range(len(ids))
        ]
        outputs = [answer.outputs[0] for answer in self._generated(ids, settings, label)]
        cut = [until_end(list(output.token_ids), self.ends) for output in outputs]
        texts = chat.spoken(self.tokenizer, [kept for kept, _ in cut])
        whole: list[Reply] = []
        for begin, text, (kept, finished), output in zip(given, texts, cut, outputs, strict=True):
            # Where it leaves out the token that ended a reply, it still says that one did.
            ended = finished or output.finish_reason == "stop"
            whole.append(begun_with(begin, Reply(text, ended, len(kept)), self.marks))
        return whole

    def likelihoods(
        self,
        prompts: Sequence[Conversation],
        options: Sequence[Sequence[str]],
        batch_size: int = 64,
        given: Sequence[str] = (),
    ) -> list[list[Likelihood]]:
        """A prompt and an option are read together; of what is read, vLLM says how likely it
        was."""
        texts = list(dict.fromkeys(itertools.chain.from_iterable(options)))
        known = dict(zip(texts, chat.option_ids(self.tokenizer, texts), strict=True))
        room = self.context - 1 - max(map(len, known.values()), default=0)
        begun = [closed(text, self.marks) for text in given or [""] * len(prompts)]
        read = chat.encoded(self.tokenizer, prompts, room, begun)
        rows: list[list[int]] = []
        for ids, own in zip(read, options, strict=True):
            rows += [[*ids, *known[option]] for option in own]
        asked = self.package.SamplingParams(max_tokens=1, prompt_logprobs=0, detokenize=False)
        answers = iter(self._generated(rows, [asked] * len(rows), "reading"))
        likelihoods: list[list[Likelihood]] = []
        for ids, own in zip(read, options, strict=True):
            told = [(option, next(answers)) for option in own]
            likelihoods.append([likelihood(len(ids), known[text], answer) for text, answer in told])
        return likelihoods

    def _generated(self, rows: list[list[int]], settings: list[Any], label: str) -> list[Any]:
        """vLLM's answers to rows of tokens, in order."""
        answers: list[Any] = []
        with progress.bar(label, len(rows)) as advance:
            for start in range(0, len(rows), PORTION):
                portion = [{"prompt_token_ids": row} for row in rows[start : start + PORTION]]
                own = settings[start : start + PORTION]
                answers += self.engine.generate(portion, own, use_tqdm=False)
                advance(len(portion))
        return answers


def likelihood(before: int, ids: Sequence[int], answer: Any) -> Likelihood:
    """Of an option's tokens, behind so many others. Raises DataError where vLLM did not say, and
    ModelError for what is no probability."""
    told = answer.prompt_logprobs
    if not told or len(told) != before + len(ids):
        raise DataError(
            "vLLM did not say how likely the tokens of a prompt were. Use another version of it, or"
            " sampling.engine=transformers."
        )
    logprob = sum(float(told[before + i][token].logprob) for i, token in enumerate(ids))
    if not math.isfinite(logprob):
        raise ModelError("The model cannot say an option at all: some of its logits are -infinity.")
    return Likelihood(logprob, len(ids))
