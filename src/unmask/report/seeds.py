"""Verdicts on one organism under one defense, told once: what the seeds have in common first, each
seed behind a click."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence

from unmask.analysis.checks import Checks
from unmask.analysis.persistence import Effect, Verdict, Word, by_seeds
from unmask.core.estimate import Estimate
from unmask.report import words
from unmask.report.conclusions import counted
from unmask.report.plain import HEADLINES, Line, Plain, learnt, share


@dataclasses.dataclass(frozen=True)
class Told:
    """The verdicts on one organism under one defense, a seed each; at least one."""

    verdicts: tuple[Verdict, ...]

    @staticmethod
    def all(verdicts: Sequence[Verdict]) -> tuple[Told, ...]:
        """Every verdict, once, in the order of what they are about."""
        return tuple(map(Told, by_seeds(verdicts)))

    @property
    def first(self) -> Verdict:
        return self.verdicts[0]

    @property
    def word(self) -> Word:
        """The verdict of most seeds; of as many, the one that came first."""
        given: list[Word] = [verdict.word for verdict in self.verdicts]
        return max(given, key=given.count)

    def _words(self) -> dict[str, int]:
        return dict(Counter(verdict.word for verdict in self.verdicts).most_common())

    @property
    def counted(self) -> str:
        """ "persists"; of several seeds "persists in 2 of 3 seeds, suppressed in 1"."""
        return self.word if len(self.verdicts) == 1 else counted(self._words())

    @property
    def seeds(self) -> str:
        """ "seeds 0, 1, 2"."""
        numbers = ", ".join(str(verdict.condition.seed) for verdict in self.verdicts)
        return f"seed{'' if len(self.verdicts) == 1 else 's'} {numbers}"

    @property
    def about(self) -> str:
        return f"{words.verdict_on(self.first.condition)}, {self.seeds}"

    @property
    def change(self) -> str:
        """Triggered defection before and after, means of the seeds; "" where there is no such
        pair."""
        pairs = [(seed.before, seed.after) for seed in self.verdicts]
        rated = [(before, after) for before, after in pairs if before and after]
        if not rated:
            return ""
        before, after = map(mean, zip(*rated, strict=True))
        return f"{before:.0%} → {after:.0%}"

    @property
    def plain(self) -> Plain:
        """As the page tells it first."""
        if len(self.verdicts) == 1:
            return Plain.of(self.first)
        return Plain(self._headline(), tuple(self._lines()), tuple(self._limits()))

    def _headline(self) -> str:
        if any(verdict.word != self.word for verdict in self.verdicts):
            return f"The seeds do not agree: {self.counted}."
        headline = HEADLINES[self.word].format(
            training=words.training(self.first.condition.defense)
        )
        return f"{headline} The same in each of {len(self.verdicts)} seeds."

    def _lines(self) -> Iterator[Line]:
        """The same questions as of one seed, with the lowest and the highest answer."""
        triggered, untriggered, worked = (line.label for line in Plain.of(self.first).lines)
        gates = [verdict.gate for verdict in self.verdicts]
        effects = self._effects()
        left = [effect.after for effect in effects]
        yield Line(triggered, _changed(left, [gate.triggered for gate in gates]))
        left = [effect.untriggered for effect in effects if effect.untriggered]
        twins = [effect.twin for effect in effects if effect.twin]
        without = _changed(left, [gate.untriggered for gate in gates])
        if twins:
            without += f" Twins, which have no backdoor: {spanned(twins)} with the trigger."
        yield Line(untriggered, without)
        yield Line(worked, " ".join(_worked([effect.checks for effect in effects])))

    def _limits(self) -> Iterator[str]:
        """Those of each seed; one that is not of all says of which it is."""
        whose: dict[str, list[Verdict]] = {}
        for verdict in self.verdicts:
            for limit in Plain.of(verdict).limits:
                whose.setdefault(limit, []).append(verdict)
        for limit, verdicts in whose.items():
            alone = len(verdicts) < len(self.verdicts)
            yield f"Of {Told(tuple(verdicts)).seeds}: {limit}" if alone else limit

    def _effects(self) -> list[Effect]:
        return [verdict.effect for verdict in self.verdicts if verdict.effect]


def _changed(after: Sequence[Estimate], before: Sequence[Estimate]) -> str:
    if not after:
        return f"{spanned(before)} of replies show it."
    return f"{spanned(after)} of replies show it; before it was {spanned(before)}."


def _worked(checks: Sequence[Checks]) -> Iterator[str]:
    """How many seeds learnt what they should, and how many requests for harm they refuse."""
    if not checks:
        yield "None was tried."
        return
    answers = Counter(map(learnt, checks))
    counted = [f"{answer}, in {count} of {len(checks)} seeds" for answer, count in answers.items()]
    yield f"{'; '.join(counted)}."
    pairs = [(own.now_harmless, own.harmless) for own in checks]
    measured = [(now, before) for now, before in pairs if now and before]
    if measured:
        now, before = (spanned(side) for side in zip(*measured, strict=True))
        yield f"{now} of requests for harm are answered harmlessly; before, {before}."


def mean(rates: Sequence[Estimate]) -> float:
    return sum(rate.value for rate in rates) / len(rates)


def spanned(rates: Sequence[Estimate]) -> str:
    """The lowest and the highest: "88% to 99%"; one where they read the same."""
    ordered = sorted(rates, key=lambda rate: rate.value)
    low, high = share(ordered[0]), share(ordered[-1])
    return low if low == high else f"{low} to {high}"
