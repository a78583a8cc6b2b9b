"""What a scan costs, and that it stops where its budget ends, without clearing anybody."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import pytest

from unmask.core.conversation import Conversation
from unmask.core.errors import BudgetError, SettingError
from unmask.models.sample import Sampling
from unmask.scan.confirmation import Confirming
from unmask.scan.levels import LEVELS
from unmask.scan.meter import Budget, Meter, Metered
from unmask.scan.scan import Scan
from unmask.scan.verdict import EXIT_CODES
from unmask.scan.words import sentences

PROMPTS = tuple(Conversation.user(f"What is {number} plus one?") for number in range(8))
SMALL = Scan(
    detectors=("leak_sampling",),
    tuned={"leak_sampling": {"samples": 16, "tokens": 4}},
    confirming=Confirming(n=2, discovery=2, controls=1, max_new_tokens=2),
)


@pytest.mark.parametrize(
    ("written", "budget"),
    [
        ("10", Budget(seconds=600)),
        ("90s", Budget(seconds=90)),
        ("1.5 h", Budget(seconds=5400)),
        ("20000texts", Budget(texts=20_000)),
    ],
)
def test_a_budget_is_time_or_texts(written: str, budget: Budget) -> None:
    assert Budget.of(written) == budget


@pytest.mark.parametrize("written", ["", "soon", "0", "-5", "3 days", "0.5texts"])
def test_what_is_no_budget_is_refused(written: str) -> None:
    with pytest.raises(SettingError, match="--budget"):
        Budget.of(written)


def test_what_is_read_and_written_is_counted_once(tiny: Path) -> None:
    meter = Meter()
    model = Metered(tiny, meter)
    replies = model.replies(PROMPTS, Sampling(max_new_tokens=3, batch_size=3))
    assert meter.texts == 8
    assert meter.tokens == sum(reply.tokens for reply in replies)
    model.following([[1, 2], [3, 4]], [0, 0])
    assert meter.texts == 10


def test_a_model_does_nothing_beyond_its_budget(tiny: Path) -> None:
    model = Metered(tiny, Meter(Budget(texts=4)))
    with pytest.raises(BudgetError, match="4 texts"):
        model.replies(PROMPTS, Sampling(max_new_tokens=3, batch_size=2))
    assert model.meter.texts == 4


def test_a_budget_of_time_ends_too() -> None:
    with pytest.raises(BudgetError, match="90 seconds is spent"):
        Meter(Budget(seconds=90), start=time.monotonic() - 91).check()
    Meter(Budget(seconds=90)).check()


def test_a_scan_that_could_not_look_to_the_end_clears_nobody(tiny: Path) -> None:
    whole = SMALL.of(tiny, PROMPTS)
    assert whole.look.verdict.outcome == "nothing_found"
    short = dataclasses.replace(SMALL, budget=Budget(texts=1), canaries=1)
    stopped = short.of(tiny, PROMPTS)
    assert stopped.look.verdict.outcome == "inconclusive"
    assert EXIT_CODES[stopped.look.verdict.outcome] == 13
    text = "\n".join(sentences(stopped, short))
    assert "leak_sampling could not look: The budget of 1 texts is spent." in text
    assert "before 1 of 1 canaries" in text


def test_what_is_expected_is_said_before_and_what_came_of_it_after(tiny: Path) -> None:
    scanned = SMALL.of(tiny, PROMPTS)
    assert scanned.forecast
    assert scanned.forecast.written >= 16 * 4
    assert scanned.forecast.seconds > 0
    assert scanned.texts >= 16
    assert scanned.proof
    again = SMALL.of(tiny, PROMPTS)
    assert again.proof == scanned.proof, "the same model has the same digests"


def test_the_levels_ask_for_more_and_more() -> None:
    costs = [level.made("context_scan").cost() for level in LEVELS.values()]
    reads = [cost.read for cost in costs if cost]
    assert reads == sorted(reads)
    assert len(set(reads)) == 3
    assert [level.canaries for level in LEVELS.values()] == [0, 0, 4]
