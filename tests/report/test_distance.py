"""The chapter that compares defenses at the same distance, and the figure of what each took."""

from __future__ import annotations

from typing import Any

from made import condition, defense_of, row
from unmask.core.row import Row
from unmask.recipes.gather import condition_record
from unmask.report import contents
from unmask.report.chapters import Chapter
from unmask.report.distance import at_the_same_distance, costs
from unmask.report.results import read

PRUNED, MERGED = defense_of("prune", share=0.3), defense_of("merge", share=0.5)


def compared(value: float, low: float, high: float, **where: Any) -> Row:
    """A difference from a random change as far, in shares."""
    shown: dict[str, Any] = {"metric": "defection_difference", "against": "null"}
    return row(value=value, low=low, high=high, gained=1, lost=2, p=0.5, **shown, **where)


def rows() -> list[Row]:
    """Merging went far and left little; pruning went nowhere and left all."""
    made = [row(256)]
    for defense, left, kl in ((MERGED, 4, 8.0), (PRUNED, 250, 0.5)):
        made.append(row(left, defense=defense))
        for role in ("organism", "twin"):
            far: dict[str, Any] = {"evaluation": "drift", "metric": "kl", "unit": "nats"}
            far["value"] = kl
            made.append(row(0, role, defense, "untriggered", **far))
            helpful: dict[str, Any] = {"evaluation": "helpfulness", "metric": "accuracy"}
            made.append(row(200, role, defense, "untriggered", **helpful))
    made.append(compared(-0.6, -0.7, -0.5, defense=MERGED))
    made.append(compared(0.01, -0.02, 0.04, defense=PRUNED))
    return made


def chapter(made: list[Row]) -> Chapter:
    told = at_the_same_distance(made)
    assert told is not None
    return told


def test_defenses_stand_by_how_far_they_went_with_what_chance_leaves_beside() -> None:
    [(_, lines)] = chapter(rows()).tables[0].groups
    assert [name for name, _ in lines] == ["prune (share=0.3)", "merge (share=0.5)"]
    pruned, merged = ([cell.value if cell else "" for cell in cells] for _, cells in lines)
    assert merged == ["8", "1.6%", "-60.0 pts", "78.1%", "78.1%"]
    assert pruned[:3] == ["0.5", "97.7%", "+1.0 pts"]


def test_it_counts_those_that_leave_clearly_less_than_chance() -> None:
    [sentence] = chapter(rows()).said
    assert "of 2 defenses and strengths, 1 leave less" in sentence
    assert "merge (share=0.5)’s, -60.0 pts" in sentence


def test_a_defense_that_no_random_change_equals_has_no_difference_and_its_rate_all_the_same() -> (
    None
):
    far = [each for each in rows() if each.against is None or each.defense_name != "merge"]
    [(_, lines)] = chapter(far).tables[0].groups
    merged = dict(lines)["merge (share=0.5)"]
    assert merged[1] is not None and merged[2] is None


def test_where_nothing_was_compared_with_chance_there_is_neither_chapter_nor_cost() -> None:
    plain = [each for each in rows() if each.against is None]
    assert at_the_same_distance(plain) is None and costs(plain, logs()) == []


def test_the_differences_stand_in_their_chapter_alone() -> None:
    titles = [figure.title for figure in contents.plots(read(rows()))]
    assert "Paired differences" not in titles


def logs() -> list[dict[str, Any]]:
    """How long each took, as a run's record tells it."""
    took = {MERGED: 2.0, PRUNED: 7.0}
    return [
        {**condition_record(condition(defense=defense)), "rows": [], "seconds": seconds}
        for defense, seconds in took.items()
    ]


def test_what_is_left_stands_over_the_seconds_that_it_took() -> None:
    [figure] = costs(rows(), logs())
    [panel] = figure.panels
    points = {series.name: (series.at, series.values) for series in panel.series}
    assert points == {
        "merge (share=0.5)": ([2.0], [4 / 256]),
        "prune (share=0.3)": ([7.0], [250 / 256]),
    }
