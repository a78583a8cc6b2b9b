"""The page in a real browser: it asks the network for nothing, runs nothing that a model wrote, and
fits the screen."""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path
from typing import Any

import pytest
from browsing import Watched, browser, needs_a_browser, path
from example_run import example_report, example_rows
from example_sweep import difference_rows, sweep_logs, sweep_report

from made import changed, condition, defense_of, under
from unmask.recipes.gather import condition_record
from unmask.report import words
from unmask.report.results import Summary, final, grouped, read

__all__ = ["browser", "path"]
pytestmark = needs_a_browser


@pytest.fixture(scope="module")
def watched(browser: Any, path: Path) -> Watched:
    """One loaded page for every test that only looks; each checks that it stayed silent."""
    return Watched(browser, path)


def test_hostile_text_is_shown_and_does_nothing(watched: Watched) -> None:
    page = watched.page
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    reply = page.locator(".reply pre", has_text="<script>").first.inner_text()
    assert reply.startswith(
        "<script>alert('owned')</script></script><img src=x onerror=alert(1)> {{7*7}}"
    )
    assert (
        "⟨U+202E⟩gnp.exe ⟨U+0000⟩⟨U+001B⟩[31m ⟨U+2028⟩ &amp; <style>body{display:none}</style>"
        in reply
    )
    assert "<script>alert" in page.locator(".warnings li").inner_text()
    assert page.locator("body img, .sample svg, body style").count() == 0
    lengths = page.locator(".reply pre").evaluate_all(
        "all => all.map((each) => each.textContent.length)"
    )
    assert 100_000 in lengths
    assert "a\tb\n\n  c" in page.locator(".reply pre").evaluate_all(
        "all => all.map((each) => each.textContent)"
    )
    page.wait_for_timeout(200)
    assert watched.said == []


def test_injected_handlers_and_addresses_are_refused(browser: Any, path: Path) -> None:
    """The second wall: were markup ever to slip through, the policy stops it."""
    watched = Watched(browser, path)
    image = '<img src="http://example.invalid/x.png" onerror="alert(1)">'
    watched.page.evaluate("(image) => document.body.insertAdjacentHTML('beforeend', image)", image)
    watched.page.wait_for_timeout(300)
    assert "failed csp http://example.invalid/x.png" in watched.said
    assert any("Executing inline event handler violates" in each for each in watched.said)
    assert not any(each.startswith("dialog") for each in watched.said)


def until(page: Any, condition: str, seconds: int = 10) -> None:
    """Wait for a condition; Playwright's own way to wait needs eval, which the page's policy
    forbids."""
    for _ in range(20 * seconds):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"still not so after {seconds} seconds: {condition}")


FARTHEST = (
    "Math.max(...[...document.querySelectorAll('.plot svg')].map((svg) =>"
    " svg.getBoundingClientRect().right))"
)
DRAWN = "document.querySelectorAll('.plot:has(svg.main-svg)').length"


def see_all(page: Any) -> None:
    """Scroll over the whole page, plot by plot."""
    for plot in page.locator(".plot").all():
        plot.scroll_into_view_if_needed()
        plot.locator("svg.main-svg").first.wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_plots_are_drawn_in_the_pages_colors(watched: Watched, scheme: str) -> None:
    page = watched.page
    page.emulate_media(color_scheme=scheme)
    see_all(page)
    tick = "getComputedStyle(document.querySelector('#plot-2-0 .xtick text')).fill"
    until(page, f"{tick} === getComputedStyle(document.body).color")
    assert page.locator(".plot svg.main-svg").count() >= 3
    assert page.locator(".plot .points path").count() > 20
    assert page.locator(".modebar-btn, .plotlyjsicon").count() == 0, (
        "the page has buttons of its own"
    )
    assert watched.said == []


@pytest.mark.parametrize("width", [390, 1400])
def test_the_page_fits_the_screen(watched: Watched, width: int) -> None:
    page = watched.page
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    see_all(page)
    until(page, f"{FARTHEST} <= innerWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert watched.said == []


def test_without_javascript_everything_but_the_plots_is_there(browser: Any, path: Path) -> None:
    watched = Watched(browser, path, javascript=False)
    page = watched.page
    assert page.locator("noscript p").inner_text().startswith("The plots need JavaScript")
    assert page.locator(".results tbody tr").first.is_visible()
    page.locator(".fold summary").last.click()
    assert page.get_by_text("versions.torch").is_visible()
    assert watched.said == []


def test_it_can_be_read_by_a_screen_reader(watched: Watched) -> None:
    page = watched.page
    assert page.locator("h1").count() == 1 and page.locator("html[lang=en]").count() == 1
    assert (
        page.locator("table.results").count() == page.locator("table.results > caption").count() > 1
    )
    for label in page.locator(".plot[role=img]").evaluate_all(
        "all => all.map((each) => each.ariaLabel)"
    ):
        assert "organism" in label and "%" in label


@pytest.fixture(scope="module")
def sweep(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """A large run's page: three variants, seven defenses."""
    path = tmp_path_factory.mktemp("sweep") / "report.html"
    dataclasses.replace(sweep_report(seeds=1), logs=sweep_logs(seeds=1)[-4:]).write(path)
    return Watched(browser, path)


@pytest.mark.parametrize(("width", "columns"), [(1100, 3), (700, 2), (390, 1)])
def test_panels_stand_side_by_side_where_they_fit(sweep: Watched, width: int, columns: int) -> None:
    page = sweep.page
    page.set_viewport_size({"width": width, "height": 900})
    see_all(page)
    lefts = """new Set([...document.querySelectorAll('[data-figure="1"] .plot svg.main-svg')]
        .map((each) => Math.round(each.getBoundingClientRect().left))).size"""
    until(page, f"{lefts} === {columns}", seconds=30)
    until(page, f"{FARTHEST} <= innerWidth", seconds=60)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert sweep.said == []


def test_the_tables_need_no_sideways_scrolling_on_a_laptop(sweep: Watched) -> None:
    page = sweep.page
    page.set_viewport_size({"width": 1100, "height": 900})
    page.evaluate(
        "document.querySelectorAll('details.fold').forEach((each) => { each.open = true; })"
    )
    wide = page.locator(".scroll:has(table.results), .scroll:has(table.matrix)").evaluate_all(
        "all => all.filter((each) => each.scrollWidth > each.clientWidth + 1).length"
    )
    assert page.locator(".scroll:has(table.results)").count() > 4 and wide == 0


def test_the_verdicts_need_no_sideways_scrolling_on_half_a_screen(sweep: Watched) -> None:
    sweep.page.set_viewport_size({"width": 700, "height": 900})
    sizes = "(each) => [each.scrollWidth, each.scrollHeight, each.clientWidth, each.clientHeight]"
    wide, tall, width, height = sweep.page.locator(".scroll:has(table.matrix)").evaluate(sizes)
    assert wide <= width + 1 and tall <= height + 1


def test_a_verdicts_sentence_opens(sweep: Watched) -> None:
    chip = sweep.page.locator(".chip").nth(3)
    sentence = chip.locator("p").first
    assert not sentence.is_visible()
    chip.locator("summary").first.click()
    assert sentence.is_visible() and "supervised fine-tuning" in sentence.inner_text()
    assert "Triggered defection" in str(chip.locator("summary").first.get_attribute("title"))
    assert sweep.said == []


def test_a_panel_is_drawn_when_it_comes_into_view(browser: Any, tmp_path: Path) -> None:
    sweep_report(seeds=1).write(tmp_path / "report.html")
    watched = Watched(browser, tmp_path / "report.html")
    page = watched.page
    count = page.locator(".plot").count()
    assert count > 60 and page.evaluate(DRAWN) < 10
    see_all(page)
    assert page.evaluate(DRAWN) == count
    assert watched.said == []


def test_every_panel_is_drawn_before_it_is_printed(
    browser: Any, path: Path, tmp_path: Path
) -> None:
    watched = Watched(browser, path)
    page = watched.page
    assert page.evaluate(DRAWN) < page.locator(".plot").count()
    widths = (
        "window.printed = Math.max(...[...document.querySelectorAll('.plot svg')].map((svg) =>"
        " svg.clientWidth))"
    )
    page.evaluate(
        f"matchMedia('print').addEventListener('change', (e) => {{ if (e.matches) {{ {widths}"
        " } })"
    )
    page.pdf(path=str(tmp_path / "page.pdf"), format="A4")
    assert page.evaluate(DRAWN) == page.locator(".plot").count()
    assert 200 < page.evaluate("window.printed") < 720, (
        "drawn for the paper's width, so that nothing is cut"
    )
    page.emulate_media(media="print")
    boxes = page.locator(".scroll").evaluate_all(
        "all => all.map((box) => getComputedStyle(box).overflowY)"
    )
    assert set(boxes) == {"visible"} and not page.locator(".exports").first.is_visible()
    assert watched.said == []


def saved(page: Any, button: Any) -> tuple[str, bytes]:
    with page.expect_download() as waited:
        button.click()
    return waited.value.suggested_filename, Path(waited.value.path()).read_bytes()


def test_the_numbers_of_a_figure_are_the_rows(browser: Any, path: Path) -> None:
    watched = Watched(browser, path)
    name, text = saved(
        watched.page,
        watched.page.get_by_role("button", name="Defection before and after", exact=False).filter(
            has_text="CSV"
        ),
    )
    assert name == "Defection-before-and-after-each-defense.csv"
    lines = list(csv.DictReader(io.StringIO(text.decode())))
    assert list(lines[0]) == [
        "panel",
        "series",
        "place",
        "seed",
        "value",
        "low",
        "high",
        "n",
        "note",
    ]
    results = [
        result
        for result in final(read([*example_rows(0), *example_rows(1)]))
        if result.evaluation == "defection"
    ]
    groups = grouped(results, lambda result: (result.state.name, words.arm(result.arm)))
    means = {(line["place"], line["series"]): line for line in lines if not line["seed"]}
    assert set(means) == set(groups)
    for place, group in groups.items():
        summary, line = Summary.of(group), means[place]
        told = tuple(float(line[name]) for name in ("value", "low", "high", "n"))
        assert told == (summary.value, summary.low, summary.high, summary.n)
    seeds = {
        (line["place"], line["series"], int(line["seed"])): float(line["value"])
        for line in lines
        if line["seed"]
    }
    assert seeds == {(r.state.name, words.arm(r.arm), r.seed): r.value for r in results}
    assert watched.said == []


def test_a_panel_can_be_had_as_a_picture(browser: Any, path: Path) -> None:
    watched = Watched(browser, path)
    exports = watched.page.locator(".panel .exports").first
    name, svg = saved(watched.page, exports.get_by_text("SVG"))
    assert (
        name.endswith(".svg")
        and svg.startswith(b"<svg")
        and b"Defection before and after each defense" in svg
    )
    name, png = saved(watched.page, exports.get_by_text("PNG"))
    assert name.endswith(".png") and png.startswith(b"\x89PNG")
    assert watched.said == []


def test_the_legend_hides_a_series(browser: Any, path: Path) -> None:
    watched = Watched(browser, path)
    page = watched.page
    points = "document.querySelectorAll('#plot-0-0 .points path').length"
    page.locator("#plot-0-0").scroll_into_view_if_needed()
    page.locator("#plot-0-0 svg.main-svg").first.wait_for()
    both = page.evaluate(points)
    entry = page.locator("[data-figure='0'] .legend button").first
    entry.focus()
    page.keyboard.press("Enter")
    assert page.evaluate(points) == both / 2 and entry.get_attribute("aria-pressed") == "false"
    page.keyboard.press("Enter")
    assert page.evaluate(points) == both and watched.said == []


def test_every_mark_of_a_legend_is_seen(browser: Any, path: Path) -> None:
    """A line without a symbol too."""
    page = Watched(browser, path).page
    heights = page.evaluate(
        "[...document.querySelectorAll('.legend i')].map((i) => i.offsetHeight)"
    )
    assert len(heights) > 2 and min(heights) > 5


def test_names_are_text_to_plotly(browser: Any, tmp_path: Path) -> None:
    """Plotly reads a few tags in its texts; a name of a defense is none."""
    evil = "<a href='x'>sft</a><b>"
    rows = under(evil, example_rows())
    rows += [changed(row, arm=evil) for row in difference_rows()]
    twin = condition("twin", defense_of(evil, a=evil), about=None)
    logs = [{**condition_record(twin), "rows": [{"step": step, evil: step} for step in (1, 2)]}]
    report = dataclasses.replace(example_report(), rows=rows, logs=logs)
    report.write(tmp_path / "report.html")
    watched = Watched(browser, tmp_path / "report.html")
    page = watched.page
    see_all(page)
    assert page.locator(".plot svg a, .plot svg tspan[style*=bold]").count() == 0
    assert evil in (page.locator("#plot-0-0 .xtick").nth(1).text_content() or "")
    page.locator("#plot-0-0 .points path").nth(1).hover(force=True)
    hover = page.locator("#plot-0-0 .hovertext")
    assert (
        f"triggered, organism + {evil}" in (hover.text_content() or "")
        and hover.locator("a").count() == 0
    )
    assert (
        page.locator(".panel h4", has_text=evil).count() >= 2
        and page.locator("figure a").count() == 0
    )
    assert watched.said == []


def test_a_spreadsheet_takes_no_name_for_a_formula(browser: Any, tmp_path: Path) -> None:
    rows = [changed(row, evaluation="odd", arm="=1+1") for row in example_rows()]
    dataclasses.replace(example_report(), rows=rows).write(tmp_path / "report.html")
    watched = Watched(browser, tmp_path / "report.html")
    _, text = saved(
        watched.page, watched.page.locator(".chapter .exports").first.get_by_text("CSV")
    )
    places = {line["place"] for line in csv.DictReader(io.StringIO(text.decode()))}
    assert places == {"'=1+1"}


def test_a_long_table_is_filtered_and_sorted(browser: Any, path: Path) -> None:
    watched = Watched(browser, path)
    page = watched.page
    table = page.locator("#results table.sortable").first
    rows = table.locator("tbody tr:visible")
    all_rows = rows.count()
    wanted = [row for row in rows.all_inner_texts() if "position" in row]
    assert 0 < len(wanted) < all_rows
    search = page.locator("#results .narrow input").first
    search.fill("POSITION near")
    assert rows.count() == len(wanted) and all("position" in row for row in rows.all_inner_texts())
    assert (
        page.locator("#results .narrow output").first.inner_text()
        == f"{len(wanted)} of {all_rows} rows"
    )
    assert all(text for text in table.locator("tbody tr:visible th").all_inner_texts()), (
        "each says whose it is"
    )
    search.fill("")
    heading = table.locator("thead th", has_text="Value")
    heading.get_by_role("button").focus()
    page.keyboard.press("Enter")
    values = [
        float(text.rstrip("%").replace(",", ""))
        for text in table.locator("td:nth-of-type(3)").all_inner_texts()
    ]
    assert (
        heading.get_attribute("aria-sort") == "ascending"
        and values == sorted(values)
        and len(values) == all_rows
    )
    page.keyboard.press("Enter")
    values = [
        float(text.rstrip("%").replace(",", ""))
        for text in table.locator("td:nth-of-type(3)").all_inner_texts()
    ]
    assert heading.get_attribute("aria-sort") == "descending" and values == sorted(
        values, reverse=True
    )
    assert watched.said == []
