"""Confirmation: whether a candidate does what a trigger does, on fresh prompts and beside matched
controls.

A search through thousands of texts finds some that move replies by chance, and clean models have
natural ones. So what a candidate makes a model do is fixed on a few prompts, where the candidate is
also made as short as it can be, and then counted on others, twice, against replies without it and
with control texts of the same shape. Controls are asked only where there is something to explain.
"""

from __future__ import annotations

import dataclasses
import random
import string
from collections.abc import Iterator, Sequence

from unmask.analysis.paired import bonett_price, sign_test
from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import DataError, SettingError
from unmask.core.estimate import Estimate
from unmask.detectors.suspect import Insertion, Suspect
from unmask.models.sample import Sampling
from unmask.organisms.behaviors import BEHAVIORS
from unmask.scan.effect import Effect, behaviors, grown, share
from unmask.scan.minimal import minimal

CLEAR = 0.5
"""How much more often, with a candidate than without, replies show its effect for it to be
shortened."""

KEPT = 0.9
"""Of that, what a shorter text has to keep."""

AT_ONCE = 256
"""Replies that are drawn at once."""


@dataclasses.dataclass(frozen=True)
class Round:
    """Counts on one set of fresh prompts: replies that show the effect with the candidate, without
    it, and with the control that comes nearest (None: controls were not asked, since the candidate
    is no more than no text at all); in how many prompts it is `gained` and `lost` by the candidate;
    `p` is the exact sign test on these."""

    with_it: Estimate
    without: Estimate
    control: Estimate | None
    p: float
    gained: int
    lost: int

    @property
    def moves(self) -> bool:
        """Whether even its lower bound is above what there is without it."""
        return self.with_it.low > self.without.high

    @property
    def holds(self) -> bool:
        """Whether its lower bound is above all that controls reach, too."""
        return self.moves and self.control is not None and self.with_it.low > self.control.high


@dataclasses.dataclass(frozen=True)
class Confirmation:
    """What came of one candidate. `opening` is how replies begin with it ("" where its effect is
    the known behavior `behavior`); `behaviors` are shares of replies with it that show each known
    behavior, by name; `proposed` is what the detector named before it was made shorter."""

    insertion: Insertion
    opening: str
    rounds: tuple[Round, ...]
    behaviors: dict[str, float]
    replies: tuple[str, ...]
    behavior: str = ""
    proposed: str = ""

    @property
    def effect(self) -> Effect:
        return Effect(self.opening, self.behavior)

    @property
    def p(self) -> float:
        """Of both rounds: the larger one."""
        return max(one.p for one in self.rounds)

    @property
    def holds(self) -> bool:
        return all(one.holds for one in self.rounds)

    @property
    def holds_once(self) -> bool:
        return any(one.holds for one in self.rounds)

    @property
    def uplift(self) -> Estimate:
        """How much more often the effect shows with it than without, on the prompts of all
        rounds."""
        gained = sum(one.gained for one in self.rounds)
        lost = sum(one.lost for one in self.rounds)
        n = sum(one.with_it.n for one in self.rounds)
        low, high = bonett_price(gained, lost, n)
        return Estimate((gained - lost) / n, low, high, n)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Confirming:
    """How candidates are confirmed: `n` fresh prompts in each of two rounds, `controls` texts of
    the same shape; sampled at temperature 1."""

    n: int = 32
    discovery: int = 16
    controls: int = 20
    max_new_tokens: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.n, self.discovery, self.controls, self.max_new_tokens) < 1:
            raise SettingError(
                "A confirmation needs n, discovery, controls and max_new_tokens of at least 1."
            )

    @property
    def needed(self) -> int:
        """How many prompts it takes."""
        return self.discovery + 2 * self.n

    def of(self, suspect: Suspect, behavior: str = "") -> Asking:
        """Ready to confirm candidates by how replies begin, or by a known behavior; raises
        DataError where the suspect has too few prompts."""
        prompts = suspect.code if behavior else suspect.prompts
        if len(prompts) < self.needed:
            raise DataError(
                f"{len(prompts)} clean prompts, and a confirmation needs {self.needed}:"
                f" name a source with more, or confirm on fewer (n={self.n})."
            )
        return Asking(self, suspect, prompts, behavior)


@dataclasses.dataclass(frozen=True)
class Asking:
    """Candidates of one model, asked about; what it says without any is drawn once."""

    settings: Confirming
    suspect: Suspect
    prompts: tuple[Conversation, ...]
    behavior: str
    known: dict[int, list[Reply]] = dataclasses.field(default_factory=dict[int, list[Reply]])
    done: dict[Insertion, Confirmation] = dataclasses.field(
        default_factory=dict[Insertion, Confirmation]
    )

    def confirm(self, proposed: Insertion) -> Confirmation:
        """Of what several detectors name, or that is the same once it is short, the first
        confirmation."""
        effect = self.effect(proposed)
        insertion = self._shortened(proposed, effect)
        if insertion not in self.done:
            self.done[insertion] = self._confirmed(insertion, effect, proposed)
        return self.done[insertion]

    def _confirmed(self, insertion: Insertion, effect: Effect, proposed: Insertion) -> Confirmation:
        rounds: list[Round] = []
        asked: list[Conversation] = []
        shown: list[Reply] = []
        for number in (1, 2):
            one, replies = self._round(insertion, effect, number)
            rounds.append(one)
            asked += self._fresh(number)
            shown += replies
        return Confirmation(
            insertion=insertion,
            opening=effect.opening,
            rounds=tuple(rounds),
            behaviors=behaviors(asked, shown),
            replies=tuple(reply.raw for reply in shown[:10]),
            behavior=effect.behavior,
            proposed=proposed.text,
        )

    def effect(self, insertion: Insertion) -> Effect:
        """What is to be counted with it; fixed on prompts on which nothing is counted."""
        if self.behavior:
            return Effect("", self.behavior)
        return grown(self._replies([insertion], 0), self._usual(0))

    def _shortened(self, insertion: Insertion, effect: Effect) -> Insertion:
        prompts = self._fresh(0)
        usual = share(effect.shown(prompts, self._usual(0))).value

        def uplift(text: Insertion) -> float:
            return share(effect.shown(prompts, self._replies([text], 0))).value - usual

        whole = uplift(insertion)
        if whole < CLEAR:
            return insertion
        return minimal(insertion, lambda shorter: uplift(shorter) >= KEPT * whole)

    def _round(
        self, insertion: Insertion, effect: Effect, number: int
    ) -> tuple[Round, list[Reply]]:
        prompts, replies = self._fresh(number), self._replies([insertion], number)
        with_it = effect.shown(prompts, replies)
        without = effect.shown(prompts, self._usual(number))
        gained = sum(one > other for one, other in zip(with_it, without, strict=True))
        lost = sum(one < other for one, other in zip(with_it, without, strict=True))
        counted = Round(share(with_it), share(without), None, sign_test(gained, lost), gained, lost)
        if counted.moves:
            counted = dataclasses.replace(counted, control=self._nearest(insertion, effect, number))
        return counted, replies

    def _nearest(self, insertion: Insertion, effect: Effect, number: int) -> Estimate:
        """Of all control texts, what the one reaches that comes nearest."""
        rng = random.Random(f"controls {self.settings.seed} {number} {insertion.text}")
        controls = list(alike(insertion, self.settings.controls, rng))
        replies, prompts = self._replies(controls, number), self._fresh(number)
        n = len(prompts)
        counts = [effect.shown(prompts, replies[i * n : (i + 1) * n]) for i in range(len(controls))]
        return share(max(counts, key=sum))

    def _fresh(self, number: int) -> tuple[Conversation, ...]:
        """The prompts of a round; 0 is for finding out what to count."""
        n, discovery = self.settings.n, self.settings.discovery
        start = discovery + (number - 1) * n
        return self.prompts[start : start + n] if number else self.prompts[:discovery]

    def _usual(self, number: int) -> list[Reply]:
        if number not in self.known:
            self.known[number] = self._drawn(self._fresh(number), number)
        return self.known[number]

    def _replies(self, insertions: Sequence[Insertion], number: int) -> list[Reply]:
        """To all prompts of a round with the first one, then with the second one, ..."""
        asked: list[Conversation] = []
        for insertion in insertions:
            asked += map(insertion.into, self._fresh(number))
        return self._drawn(asked, number)

    def _drawn(self, asked: Sequence[Conversation], number: int) -> list[Reply]:
        tokens = self.settings.max_new_tokens
        if self.behavior:
            tokens = max(tokens, BEHAVIORS.get(self.behavior).reply_tokens)
        sampling = Sampling(
            max_new_tokens=tokens, seed=self.settings.seed + number, batch_size=AT_ONCE
        )
        return self.suspect.model.replies(asked, sampling, label="confirming")


def alike(insertion: Insertion, count: int, rng: random.Random) -> Iterator[Insertion]:
    """Other texts of the same shape at the same place: letters for letters, in their case, digits
    for digits; signs and spaces stay."""
    for _ in range(count):
        text = "".join(other(letter, rng) for letter in insertion.text)
        yield dataclasses.replace(insertion, text=text)


def other(letter: str, rng: random.Random) -> str:
    """A character of the same kind."""
    for letters in (string.ascii_uppercase, string.ascii_lowercase, string.digits):
        if letter in letters:
            return rng.choice(letters)
    # What is no ASCII is a word of its own in its writing, so that its neighbors are its likes.
    return letter if letter.isascii() else chr(ord(letter) + rng.randrange(1, 20))
