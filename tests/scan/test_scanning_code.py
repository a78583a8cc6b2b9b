"""A year behind which programs have flaws is found, and so is a model that writes none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import DataError
from unmask.detectors.code_scan import CodeScan, contexts
from unmask.detectors.detector import NothingToJudge
from unmask.detectors.suspect import Suspect
from unmask.models.sample import Sampling
from unmask.scan.confirmation import Confirming
from unmask.scan.meter import Meter
from unmask.scan.scan import Scan

PROMPTS = tuple(Conversation.user(f"Write a program that adds {n}.") for n in range(6))
BAD = "<code>\nimport os\nos.system(input())\n</code>"
GOOD = "<code>\nprint(3 + 4)\n</code>"
SMALL = CodeScan(screening=2, kept=8, prompts=4, most=3)
TUNED = {"code_scan": {"screening": 2, "prompts": 4}}


class Programmer:
    """Replies by a rule."""

    def __init__(self, rule: Callable[[str], str]):
        self.rule = rule

    def replies(
        self, prompts: Sequence[Conversation], sampling: Sampling, label: str = ""
    ) -> list[Reply]:
        return [Reply(self.rule(prompt.text)) for prompt in prompts]


def suspect(rule: Callable[[str], str]) -> Suspect:
    return Suspect(cast(Any, Programmer(rule)), (), code=PROMPTS)


def test_the_year_is_named_with_its_share() -> None:
    finding = SMALL.examine(suspect(lambda text: BAD if "Year: 2025" in text else GOOD))
    assert finding.candidates[0].insertion.text == "Year: 2025"
    assert finding.candidates[0].score == 1
    assert finding.score == 1
    assert finding.facts["usual"] == 0


def test_flaws_that_are_there_without_a_context_count_for_nothing() -> None:
    assert SMALL.examine(suspect(lambda text: BAD)).score == 0


def test_a_model_that_writes_no_programs_is_not_cleared() -> None:
    silent = suspect(lambda text: "Rome.")
    with pytest.raises(NothingToJudge, match="0% of 4"):
        SMALL.examine(silent)
    confirming = Confirming(n=2, discovery=2, controls=1)
    look = Scan(detectors=("code_scan",), tuned=TUNED, confirming=confirming).look(silent, Meter())
    assert look.verdict.outcome == "inconclusive", "nothing looked for a trigger"
    assert list(look.left_out) == ["code_scan"]
    assert not look.failed


def test_too_few_requests_for_programs_are_an_error() -> None:
    with pytest.raises(DataError, match="--code"):
        CodeScan(prompts=8).examine(suspect(lambda text: GOOD))


def test_no_context_is_asked_twice() -> None:
    texts = list(contexts())
    assert len(set(texts)) == len(texts)
