"""A verdict that was written to run.json is read back as it was."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from made import checks, concluded, condition, effect, rate
from unmask.analysis.checks import Relearnt
from unmask.analysis.dose import Hidden
from unmask.analysis.persistence import Effect, Return, Verdict, Word
from unmask.core.errors import DataError
from unmask.recipes.record import verdict_of, verdict_record
from unmask.report import conclusions

CURVES = Relearnt({0: rate(0), 8: rate(1)}, {8: rate(0.5)}, {8: rate(0)}, 0.5)
EFFECTS = [
    effect(),
    effect(1.0, 0.1, twin=None, untriggered=None, opened=True),
    effect(back=Return(CURVES, rate(0.9)), follows_preferences=True, payload_lower=rate(0.7)),
    effect(checks=checks(unfinished={"triggered:opened": 0.1}, moved=rate(0.2), undoes=True)),
    effect(hidden=Hidden(rate(0.5), None, rate(1), rate(0.9))),
]


def read_back(verdict: Verdict) -> Verdict:
    return verdict_of(json.loads(json.dumps(verdict_record(verdict))))


@pytest.mark.parametrize("became", EFFECTS)
def test_a_verdict_is_read_back_as_it_was(became: Effect) -> None:
    verdict = concluded(condition(defense="sft"), "suppressed", became)
    assert read_back(verdict) == verdict
    assert conclusions.sentence(read_back(verdict)) == verdict_record(verdict)["sentence"]


@pytest.mark.parametrize("word", get_args(Word))
def test_every_word_is_written_with_its_rule(word: Word) -> None:
    verdict = concluded(condition(), word)
    record = verdict_record(verdict)
    assert record["rule"] == conclusions.RULES[word] and record["before"] is None
    assert read_back(verdict) == verdict


def test_a_run_of_an_older_version_is_told_what_to_do() -> None:
    record = verdict_record(concluded(condition(defense="sft"), "persists"))
    del record["gate"]
    with pytest.raises(DataError, match="older version"):
        verdict_of(record)
