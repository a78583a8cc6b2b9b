"""What is fixed beforehand stays fixed: splits by lineage, and settings by their digest."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import pytest

from unmask.core.errors import SettingError
from unmask.core.files import read_json, read_jsonl
from unmask.detectors.leak_sampling import LeakSampling
from unmask.detectors.prompt_length import PromptLength
from unmask.detectors.random_score import RandomScore
from unmask.league.exam import Exam
from unmask.league.prompt_exam import PromptExam
from unmask.league.seal import Seal, check_announced, splits
from unmask.league.table import check_sealed
from unmask.recipes.entrants import sorts
from unmask.recipes.league import League
from unmask.recipes.subjects import organism_of

EXAMS = (Exam(detector=LeakSampling()), Exam(detector=RandomScore()))
ROSTER = ({"id": "0123456789ab", "key": "k", "part": "", "split": "test"},)


@pytest.mark.parametrize("clean", [6, 20, 41])
def test_no_lineage_is_in_two_splits_and_every_family_is_tested(clean: int) -> None:
    recipe = League(clean=clean)
    field = recipe.field()
    members = list(field.members(field.base_of("tiny")))
    chosen = splits(sorts(members))
    assert {member.meant.lineage for member in members} == set(chosen)
    [table] = [step for step in recipe.build().targets if step.name == "league_table"]
    entrants = vars(table.work)["entrants"]
    for lineage, own in itertools.groupby(entrants, key=lambda entrant: entrant["lineage"]):
        assert {entrant["split"] for entrant in own} == {chosen[lineage]}
    assert len({entrant["id"] for entrant in entrants}) == len(entrants)
    if clean >= 20:
        tested = {entrant["family"] for entrant in entrants if entrant["split"] == "test"}
        assert set(recipe.families) < tested
        calibrating = [one["family"] for one in entrants if one["split"] == "calibration"]
        assert calibrating and "organism" not in calibrating


def test_a_twin_is_where_its_organism_is() -> None:
    entrants = vars(League().build().extras[-1].work)["entrants"]
    lineages = {entrant["lineage"] for entrant in entrants if entrant["family"] == "organism"}
    assert len(lineages) == 8
    for lineage in lineages:
        families = {one["family"] for one in entrants if one["lineage"] == lineage}
        assert families == {"organism", "twin", "trained twin", "compressed twin"}


def test_a_roster_says_nothing_of_what_a_model_is(tmp_path: Path) -> None:
    seal = Seal(exams=EXAMS, roster=ROSTER)
    seal.run(tmp_path)
    assert [row for _, row in read_jsonl(tmp_path / "roster.jsonl")] == list(ROSTER)
    assert read_json(tmp_path / "seal.json")["seal"] == seal.seal


def test_other_settings_or_other_models_have_another_seal() -> None:
    seal = Seal(exams=EXAMS, roster=ROSTER)
    changed = Exam(detector=LeakSampling(samples=7))
    moved = {**ROSTER[0], "split": "calibration"}
    others = (
        dataclasses.replace(seal, exams=(changed, EXAMS[1])),
        dataclasses.replace(seal, exams=EXAMS[:1]),
        dataclasses.replace(seal, roster=(moved,)),
    )
    assert len({seal.seal, *(other.seal for other in others)}) == 4
    check_announced("", seal.seal)
    check_announced(seal.seal[:12], seal.seal)
    with pytest.raises(SettingError, match="fits many seals"):
        check_announced(seal.seal[:4], seal.seal)
    for other in others:
        with pytest.raises(SettingError, match="not those that were sealed"):
            check_announced(seal.seal[:12], other.seal)


def test_a_recipe_refuses_settings_that_are_not_those_that_were_sealed() -> None:
    sealed = vars(League(scale="smoke").build().extras[0])["work"].seal
    announced = League(scale="smoke", seal=sealed[:16])
    assert announced.build().league
    with pytest.raises(SettingError, match="not those that were sealed"):
        dataclasses.replace(announced, prompts=65).build()


def test_labels_stay_closed_for_an_exam_with_other_settings() -> None:
    sealed = [exam.digest for exam in EXAMS]
    good = {"detector": "leak_sampling", "exam": EXAMS[0].digest}
    check_sealed({"exam_a_0": good}, sealed)
    changed = Exam(detector=LeakSampling(), prompts=3)
    with pytest.raises(SettingError, match=r"leak_sampling examined .* labels stay closed"):
        check_sealed({"exam_a_0": good, "exam_b_0": {**good, "exam": changed.digest}}, sealed)
    with pytest.raises(SettingError, match="labels stay closed"):
        check_sealed({"exam_a_1": good}, sealed)


def test_a_detector_plays_once() -> None:
    with pytest.raises(SettingError, match="each once"):
        Seal(exams=(EXAMS[0], EXAMS[0]), roster=())


def test_a_prompt_exam_is_the_same_for_every_organism_and_hides_no_setting() -> None:
    exam = PromptExam(detector=PromptLength())
    of_one = dataclasses.replace(exam, organism=organism_of("", "", ""))
    assert of_one.digest == exam.digest
    assert dataclasses.replace(of_one, asked=7).digest != exam.digest
