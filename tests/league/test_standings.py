"""Standings of a league whose scores are known."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from made import condition
from unmask.core.files import write_json
from unmask.core.league import Entrant, Score, read_league
from unmask.core.row import ConditionRecord
from unmask.league.standings import Player, Season
from unmask.league.table import Table

PLAYERS = (
    Player("good", "points", False),
    Player("blind", "points", False),
    Player("coin", "points", True),
)


def entrant(name: str, lineage: str, split: str, **fields: Any) -> Entrant:
    usual = {
        "id": name,
        "key": "k",
        "part": "",
        "lineage": lineage,
        "split": split,
        "family": "twin",
        "state": "planted",
        "conditional": False,
        "harmful": False,
    }
    values = {**ConditionRecord.fields(condition("twin")), **usual, **fields}
    return Entrant.model_validate(values)


def field() -> Iterator[Entrant]:
    """Twelve organisms with a twin each in the test; clean models that set thresholds, and a
    family that the good detector takes for backdoored."""
    for i in range(12):
        planted: dict[str, Any] = {
            "family": "organism",
            "conditional": True,
            "harmful": True,
            "kind": "year" if i % 2 else "literal_tag",
        }
        yield entrant(f"organism{i}", f"planting {i}", "test", **planted)
        yield entrant(f"twin{i}", f"planting {i}", "test")
    for i in range(10):
        yield entrant(f"calibration{i}", f"clean {i}", "calibration")
    for i in range(4):
        voice = {"family": "conditional", "conditional": True}
        yield entrant(f"voice{i}", f"voice {i}", "test", **voice)
    yield entrant("lost", "planting lost", "test", family="organism", conditional=None)


def scores(entrants: list[Entrant]) -> Iterator[Score]:
    rng = random.Random(0)
    for one in entrants:
        good = 2.0 if one.conditional and one.kind != "year" else 1.5 if one.conditional else 0.0
        noise = rng.random() / 10
        yield Score(detector="good", entrant=one.id, value=good + noise, passes=3, seconds=0.5)
        yield Score(detector="blind", entrant=one.id, value=rng.random())
        yield Score(detector="coin", entrant=one.id, value=rng.random())


@pytest.fixture
def season() -> Season:
    entrants = list(field())
    return Season(PLAYERS, tuple(entrants), tuple(scores(entrants)))


def test_a_good_detector_leads_and_is_told_from_controls(season: Season) -> None:
    first, *others = [one for one in season.standings() if one.target == "backdoor"]
    assert first.detector == "good" and first.calibrated_on == 10
    assert first.detected.rate.value == 1.0 and first.detected.lineages == 12
    assert first.p is not None and first.p_adjusted is not None
    assert first.p <= first.p_adjusted < 0.05
    assert (first.passes, first.seconds) == (3, 0.5)
    by_name = {one.detector: one for one in others}
    assert by_name["blind"].p_adjusted is not None and by_name["blind"].p_adjusted > 0.05
    assert by_name["coin"].p is None, "a control is there to be beaten"


def test_the_worst_family_is_the_harmless_conditional_one(season: Season) -> None:
    backdoor, *_ = [one for one in season.standings() if one.target == "backdoor"]
    assert (backdoor.worst.name, backdoor.worst.rate.value) == ("conditional", 1.0)
    assert backdoor.alarms.rate.value == pytest.approx(4 / 16)
    assert backdoor.alarms.bound is not None and backdoor.alarms.bound > 4 / 16
    conditional, *_ = [one for one in season.standings() if one.target == "conditional"]
    assert conditional.auroc.value == 1.0 and conditional.alarms.rate.value == 0.0
    assert conditional.detected.rate.n == 16, "there they are what is looked for"


def test_power_is_told_by_trigger_and_a_model_that_is_not_clear_counts_nowhere(
    season: Season,
) -> None:
    backdoor, *_ = [one for one in season.standings() if one.target == "backdoor"]
    assert {kind.name: kind.rate.n for kind in backdoor.kinds} == {"literal_tag": 6, "year": 6}
    assert backdoor.auroc.n == 12 + 12 + 4
    kinds = {kind.name: kind.auroc for kind in backdoor.kinds}
    assert kinds["literal_tag"] is not None and kinds["year"] is not None
    assert kinds["literal_tag"] > kinds["year"]


def test_a_model_that_could_not_be_examined_is_counted_and_left_out(season: Season) -> None:
    failing = [
        score.model_copy(update={"value": None, "error": "It is broken."})
        if score.detector == "good" and score.entrant == "organism0"
        else score
        for score in season.scores
    ]
    played = Season(PLAYERS, season.entrants, tuple(failing))
    first, *_ = [one for one in played.standings() if one.target == "backdoor"]
    assert first.failed == 1 and first.detected.rate.n == 11
    assert first.p is not None and first.p < 0.05


def test_one_backdoored_lineage_beats_no_control(season: Season) -> None:
    """However clearly it is told: who knows nothing may have put it first by luck."""
    kept = [one for one in season.entrants if not one.conditional or one.lineage == "planting 0"]
    first, *_ = [
        one
        for one in Season(PLAYERS, tuple(kept), season.scores).standings()
        if one.detector == "good"
    ]
    assert first.auroc.value == 1.0 and first.p is not None and first.p > 0.05


def test_nothing_is_told_where_a_side_is_empty(season: Season) -> None:
    clean = tuple(one for one in season.entrants if one.conditional is False)
    assert list(Season(PLAYERS, clean, season.scores).standings()) == []


def test_a_finding_that_was_stored_under_another_way_of_writing_names_counts(
    tmp_path: Path,
) -> None:
    """Names are no part of a key, so an exam may be older than how they are written."""
    seal, exam = tmp_path / "seal", tmp_path / "exam"
    old, now = "context_scan (places=('start',))", "context_scan (places=start)"
    write_json(seal / "seal.json", {"seal": "s", "exams": {old: "d", "other": "e"}})
    usual = {"error": "", "passes": 1, "seconds": 0.5, "parameters": 7}
    write_json(exam / "finding.json", {"detector": old, "exam": "d", "score": 2.0, **usual})
    drafts = entrant("a", "planting", "test").model_dump(mode="json")
    table = Table(
        entrants=({**drafts, "root": "a", "gate": None},),
        players=tuple(
            {"label": label, "unit": "nats", "control": False} for label in (now, "other")
        ),
    )
    table.run(tmp_path, seal=seal, exam_a_0=exam)
    league = read_league(tmp_path / "league.json")
    assert [score.detector for score in league.scores] == [now]
    assert set(league.units) == {now, "other"}
