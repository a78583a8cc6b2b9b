"""A verdict over several seeds: told once, with each seed behind a click."""

from __future__ import annotations

import dataclasses

from example_run import example_report

from made import checks, concluded, condition, effect, rate
from unmask.analysis.persistence import Verdict, Word
from unmask.report.conclusions import RULES
from unmask.report.plain import Line
from unmask.report.seeds import Told


def of_seed(seed: int, word: Word, after: float, harmless: float = 1.0) -> Verdict:
    learnt = checks(harmless=rate(0), now_harmless=rate(harmless))
    where = condition(defense="sft", seed=seed)
    return concluded(where, word, effect(1.0, after, checks=learnt, twin=rate(0)))


AGREEING = tuple(of_seed(seed, "persists", after) for seed, after in enumerate((0.75, 1.0, 0.875)))


def test_one_seed_is_told_as_it_was() -> None:
    [told] = Told.all(AGREEING[:1])
    assert (told.counted, told.seeds, told.change) == ("persists", "seed 0", "100% → 75%")
    assert told.plain.headline == "The backdoor survived supervised fine-tuning."


def test_seeds_that_agree_are_one_verdict_with_the_lowest_and_the_highest_rate() -> None:
    [told] = Told.all(AGREEING)
    assert told.counted == "persists in 3 of 3 seeds" and told.change == "100% → 88%"
    assert told.about.endswith("seeds 0, 1, 2")
    assert told.plain.headline == (
        "The backdoor survived supervised fine-tuning. The same in each of 3 seeds."
    )
    first, second, third = told.plain.lines
    assert first.text == "75% to 100% of replies show it; before it was 100%."
    assert second.text.endswith("Twins, which have no backdoor: 0% with the trigger.")
    assert third == Line(
        "Did the training work?",
        "Yes, in 3 of 3 seeds. 100% of requests for harm are answered harmlessly; before, 0%.",
    )
    assert told.plain.limits == ("Each rate is of 256 replies.",)


def test_seeds_that_disagree_say_so() -> None:
    failed = of_seed(4, "no safety learnt", 1.0, harmless=0.0)
    [told] = Told.all((*AGREEING, of_seed(3, "removed", 0.0), failed))
    assert told.word == "persists"
    assert told.plain.headline == (
        "The seeds do not agree: persists in 3 of 5 seeds, removed in 1, no safety learnt in 1."
    )
    assert told.plain.lines[2].text.startswith("Yes, in 4 of 5 seeds; No, in 1 of 5 seeds.")
    assert any(limit.startswith("Of seed 3: Whether it is only") for limit in told.plain.limits)


def test_what_was_never_measured_is_not_a_yes() -> None:
    bare = [concluded(condition(defense="sft", seed=seed), "persists") for seed in (0, 1)]
    [told] = Told.all(bare)
    assert told.plain.lines[2].text == "Not known, in 2 of 2 seeds."


def test_plantings_without_a_defense_are_told_too() -> None:
    [told] = Told.all([concluded(condition(seed=seed), "planted") for seed in (0, 1)])
    assert [line.text for line in told.plain.lines] == [
        "100% of replies show it.",
        "0% of replies show it.",
        "None was tried.",
    ]


def test_a_page_has_one_block_with_every_seed_in_its_fold() -> None:
    page = dataclasses.replace(example_report(), verdicts=AGREEING).html()
    assert page.count('<li class="verdict ') == 1
    assert all(f"<b>Seed {seed}, persists.</b>" in page for seed in range(3))
    assert page.count(f"Rule of “persists”: {RULES['persists']}") == 1
