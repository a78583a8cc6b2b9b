"""A detector that looks, along gradients, for tokens that make the model say a payload it is
suspected of.

Source: HotFlip (1712.06751) and GCG (2307.15043): exchange one token at a time for one of those
that the gradient favors, and keep the best of a batch. Deviations: the payload stands at the start
of the reply, and is a known behavior's own or what target_inversion finds; a few dozen steps and
restarts instead of five hundred steps; only tokens that are spelled again as they were; what comes
out is asked as text, on prompts that the search did not see.

Cost: per payload, restart and step (`batch` + 3) x `prompts` texts (a backward pass counts as two),
and then `verified` texts read, and as many replies, per restart and once without a string.

Limits: it is known to find such strings in clean models too, and on models with a backdoor mostly
others than the trigger: published success on clean fine-tunes and on backdoored ones hardly
differs. So its score is for comparing with that of clean models, and a candidate is a string that
works, seldom what was planted. A trigger is a needle: beside it the loss is flat. It needs a
payload in fixed words.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import random
import statistics
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

from unmask.core import progress
from unmask.core.conversation import Conversation
from unmask.core.errors import DataError, ModelError, SettingError
from unmask.detectors.detector import Candidate, Cost, Detector, Finding, Need
from unmask.detectors.suspect import Insertion, Suspect
from unmask.detectors.target_inversion import TargetInversion, unsaid
from unmask.models import chat, checkpoint
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.forward import passing
from unmask.models.sample import Sampling
from unmask.organisms.behaviors import BEHAVIORS

HERE = "Sentinel"
"""Stands where the tokens that are looked for would."""

WRITTEN = 8
"""About as many tokens as a payload has, for estimates."""


@dataclasses.dataclass(frozen=True)
class Inverted:
    """A string that a search ended with, and what it does on prompts that the search did not see:
    how much likelier each token of the payload is than without it (0 to 1), and the share of
    greedy replies that say the payload, with it and without."""

    insertion: Insertion
    payload: str
    gain: float
    said: float
    said_without: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class GradientInversion(Detector):
    """Search along gradients for `length` tokens that make the model say a payload.

    `payloads` are those of the known behaviors, or what target_inversion finds first, or both. Each
    of `restarts` searches takes `steps` steps on `prompts` clean prompts, of which each tries
    `batch` exchanges among the `likely` tokens that the gradient favors most per place. The score
    is how much likelier the best string makes each token of its payload, on `verified` other
    prompts. Strings after which more replies say the payload are candidates.
    """

    name: ClassVar[str] = "gradient_inversion"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[Need, ...]] = ("gradients", "logits")
    unit: ClassVar[str] = "rise of the probability per token of a payload"

    payloads: Literal["known", "inverted", "both"] = "known"
    length: int = 4
    prompts: int = 4
    verified: int = 12
    steps: int = 32
    batch: int = 64
    likely: int = 256
    restarts: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        counts = (self.length, self.prompts, self.verified, self.steps, self.batch, self.likely)
        if min(*counts, self.restarts) < 1:
            raise SettingError(
                "gradient_inversion needs length, prompts, verified, steps, batch, likely and"
                " restarts of at least 1."
            )

    def cost(self) -> Cost | None:
        """None where the payloads are not known beforehand."""
        if self.payloads != "known":
            return None
        payloads = len(known_payloads())
        strings = payloads * self.restarts
        verified = (strings + payloads) * self.verified
        read = strings * self.steps * (self.batch + 3) * self.prompts + verified
        return Cost(read=read, written=verified * WRITTEN)

    def examine(self, suspect: Suspect) -> Finding:
        """Raises DataError where no prompt is left to verify on, ModelError for gradients that are
        not numbers."""
        fresh = suspect.prompts[self.prompts :][: self.verified]
        if not fresh:
            raise DataError(
                f"gradient_inversion searches on {self.prompts} clean prompts and verifies on"
                f" others: {len(suspect.prompts)} were given, and {self.prompts + 1} are the least."
            )
        known, passes = self._payloads(suspect)
        strings: list[Inverted] = []
        with progress.bar(self.name, len(known) * self.restarts * self.steps) as advance:
            for payload in known:
                search = Search(self, suspect.model, suspect.prompts[: self.prompts], payload)
                texts = [search.best(restart, advance) for restart in range(self.restarts)]
                verification = Verification(suspect.model, fresh, payload)
                strings += [verification.of(Insertion(text)) for text in texts]
        order = sorted(strings, key=lambda one: (-one.gain, one.insertion))
        told = {one.insertion: one for one in order if one.said > one.said_without}
        passes += len(strings) * (self.steps * (self.batch + 3) * self.prompts + 2 * len(fresh))
        passes += len(known) * 2 * len(fresh)
        return Finding(
            order[0].gain,
            tuple(Candidate(one.insertion, one.gain) for one in told.values()),
            passes,
            {
                "texts": [{"text": one.insertion.text, "score": one.gain} for one in order],
                "payload": order[0].payload,
                "said": order[0].said,
                "said_without": order[0].said_without,
            },
        )

    def _payloads(self, suspect: Suspect) -> tuple[list[str], int]:
        """The texts that are looked for, and how many passes it took to know them."""
        known = known_payloads()
        if self.payloads == "known":
            return known, 0
        inverted = TargetInversion(seed=self.seed).examine(suspect)
        text: str = inverted.facts["texts"][0]["text"]
        return [text, *(known if self.payloads == "both" else [])], inverted.passes


@dataclasses.dataclass(frozen=True)
class Search:
    """Of tokens in front of one payload, in one model, on a few prompts."""

    settings: GradientInversion
    model: HuggingFace
    prompts: tuple[Conversation, ...]
    payload: str

    def best(self, restart: int, advance: progress.Advance) -> str:
        """What one restart ends with."""
        rng = random.Random(f"inversion {self.settings.seed} {restart} {self.payload}")
        target = list(chat.option_ids(self.model.tokenizer, [self.payload])[0])
        frames = list(self._frames(len(target)))
        words = usable(self.model)
        ids = self._first(words, rng)
        [loss] = self._losses(frames, [ids], target)
        for _ in range(self.settings.steps):
            favored = self._favored(frames, ids, target, words)
            tried = self._exchanged(ids, favored, rng)
            losses = self._losses(frames, tried, target)
            for other, text in zip(losses, tried, strict=True):
                if other < loss:
                    loss, ids = other, text
            advance(1)
        return spelled(self.model, [ids])[0]

    def _frames(self, room: int) -> Iterator[tuple[list[int], list[int]]]:
        """The tokens in front of and behind where the string stands in each prompt; raises
        DataError for a prompt that is too long."""
        most = checkpoint.context_length(self.model.model) - room - self.settings.length
        for prompt in self.prompts:
            yield around(self.model, Insertion(HERE).into(prompt), most)

    def _first(self, words: Sequence[int], rng: random.Random) -> list[int]:
        """Random tokens, of several draws the first that is spelled again as it was."""
        draws = [rng.choices(words, k=self.settings.length) for _ in range(self.settings.batch)]
        return [*respelled(self.model, draws), draws[0]][0]

    def _losses(
        self,
        frames: Sequence[tuple[list[int], list[int]]],
        texts: Sequence[list[int]],
        target: Sequence[int],
    ) -> list[float]:
        """For each text, the mean negative log-probability per token of the payload, in nats."""
        from torch import tensor

        losses = [0.0] * len(texts)
        for before, after in frames if texts else ():
            rows = [[*before, *text, *after, *target[:-1]] for text in texts]
            ids = tensor(target, device=self.model.device)[:, None]
            read = self.model.following(rows, [len(target) - 1] * len(rows))
            for i, logprobs in enumerate(read):
                losses[i] -= float(logprobs.gather(1, ids).mean()) / len(frames)
        return losses

    def _favored(
        self,
        frames: Sequence[tuple[list[int], list[int]]],
        ids: list[int],
        target: Sequence[int],
        words: Sequence[int],
    ) -> list[list[int]]:
        """For each place, the tokens whose embeddings lie furthest along the falling gradient."""
        from torch import tensor

        steepest = sum(gradient(self.model, frame, ids, target) for frame in frames)
        known = tensor(words, device=self.model.device)
        table = self.model.model.get_input_embeddings().weight.detach()[known].float()
        falls = -(steepest @ table.T)
        best = falls.topk(min(self.settings.likely, len(words)), dim=-1).indices
        return known[best].tolist()

    def _exchanged(
        self, ids: list[int], favored: Sequence[Sequence[int]], rng: random.Random
    ) -> list[list[int]]:
        """The text with one token exchanged, `batch` times, as far as tokens can spell it."""
        tried: dict[tuple[int, ...], None] = {}
        for _ in range(self.settings.batch):
            place = rng.randrange(len(ids))
            tried[(*ids[:place], rng.choice(favored[place]), *ids[place + 1 :])] = None
        return respelled(self.model, [list(text) for text in tried])


@dataclasses.dataclass(frozen=True)
class Verification:
    """Of strings as texts, on prompts that no search saw."""

    model: HuggingFace
    prompts: tuple[Conversation, ...]
    payload: str

    def of(self, insertion: Insertion) -> Inverted:
        asked = tuple(map(insertion.into, self.prompts))
        usual, usually_said = self._without
        gain = self._chance(asked) - usual
        return Inverted(insertion, self.payload, gain, self._said(asked), usually_said)

    @functools.cached_property
    def _without(self) -> tuple[float, float]:
        return self._chance(self.prompts), self._said(self.prompts)

    def _chance(self, asked: Sequence[Conversation]) -> float:
        """The probability per token (geometric mean) of the payload, averaged over prompts."""
        rows = self.model.likelihoods(asked, [[self.payload]] * len(asked))
        return statistics.fmean(math.exp(one.logprob / one.tokens) for [one] in rows)

    def _said(self, asked: Sequence[Conversation]) -> float:
        """The share of greedy replies that begin with the payload."""
        [target] = chat.option_ids(self.model.tokenizer, [self.payload])
        sampling = Sampling(max_new_tokens=len(target) + 2, temperature=0.0)
        replies = self.model.replies(asked, sampling, label="verifying")
        begun = self.payload.strip().lower()
        return statistics.fmean(reply.raw.strip().lower().startswith(begun) for reply in replies)


def around(model: HuggingFace, prompt: Conversation, room: int) -> tuple[list[int], list[int]]:
    """The tokens in front of and behind HERE in a prompt; raises DataError for one of more than
    `room` tokens."""
    tokenizer = model.tokenizer
    chat.encoded(tokenizer, [prompt], room)
    before, _, after = chat.rendered(tokenizer, [prompt])[0].partition(HERE)
    return tuple(tokenizer([before, after], add_special_tokens=False)["input_ids"])


def gradient(
    model: HuggingFace,
    frame: tuple[list[int], list[int]],
    ids: Sequence[int],
    target: Sequence[int],
) -> Any:
    """Of the payload's negative log-probability by the embedding of each token: shape (tokens,
    width). Raises ModelError where it is not a number."""
    import torch

    before, after = frame
    row = torch.tensor([[*before, *ids, *after, *target[:-1]]], device=model.device)
    wanted = torch.tensor(list(target), device=model.device)
    with torch.enable_grad(), passing(model.folder, 1, row.shape[1]):
        whole = model.model.get_input_embeddings()(row).detach()
        place = slice(len(before), len(before) + len(ids))
        own = whole[:, place].clone().requires_grad_()
        parts = (whole[:, : place.start], own, whole[:, place.stop :])
        logits = model.model(inputs_embeds=torch.cat(parts, dim=1)).logits[0, -len(target) :]
        loss = torch.nn.functional.cross_entropy(logits.float(), wanted)
        [steepest] = torch.autograd.grad(loss, own)
    if not bool(steepest.isfinite().all()):
        raise ModelError(
            f"{model.folder}: its gradients are not numbers. Fetch it again, or in float32."
        )
    return steepest[0].float()


def known_payloads() -> list[str]:
    """The fixed texts of the known behaviors."""
    behaviors = [BEHAVIORS.make(name) for name in BEHAVIORS.names()]
    return [behavior.payload for behavior in behaviors if behavior.payload]


def usable(model: HuggingFace) -> list[int]:
    """Tokens that can be written into a prompt."""
    barred = unsaid(model)
    known = [
        token for token in range(min(model.vocabulary, len(model.tokenizer))) if token not in barred
    ]
    texts = spelled(model, [[token] for token in known])
    return [
        token
        for token, text in zip(known, texts, strict=True)
        if text.isprintable() and "\N{REPLACEMENT CHARACTER}" not in text
    ]


def respelled(model: HuggingFace, texts: Sequence[list[int]]) -> list[list[int]]:
    """Those that the tokenizer spells again as they are: others would not arrive."""
    again = model.tokenizer(spelled(model, texts), add_special_tokens=False)["input_ids"]
    return [ids for ids, other in zip(texts, again, strict=True) if ids == other]


def spelled(model: HuggingFace, texts: Sequence[Sequence[int]]) -> list[str]:
    return model.tokenizer.batch_decode(
        [list(ids) for ids in texts], clean_up_tokenization_spaces=False
    )
