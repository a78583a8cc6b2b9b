"""The page in a real browser: it asks the network for nothing, runs nothing that a model wrote, and fits the screen."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from example_run import HOSTILE, example_report
from example_sweep import sweep_logs, sweep_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH: the page was not opened in a browser")

LAUNCH = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
LAUNCH += ("--disable-component-update", "--disable-sync")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    example_report(HOSTILE, "x" * 100_000, "a\tb\n\n  c", warnings=(HOSTILE,), seeds=2).write(path)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(LAUNCH))
        yield browser
        browser.close()


class Watched:
    """A page, and everything it did that it should not have done."""

    def __init__(self, browser: Any, path: Path, javascript: bool = True):
        self.said: list[str] = []
        context = browser.new_context(viewport={"width": 1400, "height": 900}, java_script_enabled=javascript)
        self.page = context.new_page()
        self.page.on("dialog", lambda dialog: (self.said.append(f"dialog {dialog.message}"), dialog.dismiss()))
        self.page.on("console", lambda message: self.said.append(f"console {message.type} {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error {error}"))
        self.page.on("request", lambda request: self.requested(request.url))
        self.page.on("requestfailed", lambda request: self.said.append(f"failed {request.failure} {request.url}"))
        self.page.goto(path.as_uri())
        if javascript:
            self.page.wait_for_selector("#plot-2 svg.main-svg")

    def requested(self, url: str) -> None:
        if not url.startswith(("file://", "data:", "blob:")):
            self.said.append(f"request {url}")


@pytest.fixture(scope="module")
def watched(browser: Any, path: Path) -> Watched:
    """One loaded page for every test that only looks; each checks that it stayed silent."""
    return Watched(browser, path)


def test_hostile_text_is_shown_and_does_nothing(watched: Watched) -> None:
    page = watched.page
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    reply = page.locator(".reply pre", has_text="<script>").first.inner_text()
    assert reply.startswith("<script>alert('owned')</script></script><img src=x onerror=alert(1)> {{7*7}}")
    assert "⟨U+202E⟩gnp.exe ⟨U+0000⟩⟨U+001B⟩[31m ⟨U+2028⟩ &amp; <style>body{display:none}</style>" in reply
    assert "<script>alert" in page.locator(".warnings li").inner_text()
    assert page.locator("body img, .sample svg, body style").count() == 0
    lengths = page.locator(".reply pre").evaluate_all("all => all.map((each) => each.textContent.length)")
    assert 100_000 in lengths
    assert "a\tb\n\n  c" in page.locator(".reply pre").evaluate_all("all => all.map((each) => each.textContent)")
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
    """Wait for a condition; Playwright's own way to wait needs eval, which the page's policy forbids."""
    for _ in range(20 * seconds):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"still not so after {seconds} seconds: {condition}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_plots_are_drawn_in_the_pages_colors(watched: Watched, scheme: str) -> None:
    page = watched.page
    page.emulate_media(color_scheme=scheme)
    tick = "getComputedStyle(document.querySelector('#plot-2 .xtick text')).fill"
    until(page, f"{tick} === getComputedStyle(document.body).color")
    assert page.locator(".plot svg.main-svg").count() >= 3
    assert page.locator(".plot .points path").count() > 20
    assert page.locator(".modebar-btn").count() > 0
    buttons = page.locator(".modebar-btn").evaluate_all("all => all.map((each) => each.dataset.title || '').join()")
    assert "hare" not in buttons and "loud" not in buttons and page.locator(".plotlyjsicon").count() == 0
    assert watched.said == []


@pytest.mark.parametrize("width", [390, 1400])
def test_the_page_fits_the_screen(watched: Watched, width: int) -> None:
    page = watched.page
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    until(page, "document.querySelector('#plot-2 svg').getBoundingClientRect().right <= innerWidth")
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
    assert page.locator("table.results").count() == page.locator("table.results > caption").count() > 1
    for label in page.locator(".plot[role=img]").evaluate_all("all => all.map((each) => each.ariaLabel)"):
        assert "organism" in label and "%" in label


@pytest.fixture(scope="module")
def sweep(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """A large run's page: three variants, seven defenses."""
    path = tmp_path_factory.mktemp("sweep") / "report.html"
    dataclasses.replace(sweep_report(seeds=1), logs=sweep_logs(seeds=1)[-4:]).write(path)
    watched = Watched(browser, path)
    until(watched.page, f"{LAST_PLOT} !== null", seconds=60)
    return watched


LAST_PLOT = "[...document.querySelectorAll('.plot')].pop().querySelector('svg.main-svg')"


@pytest.mark.parametrize(("width", "columns"), [(1100, 3), (700, 2), (390, 1)])
def test_panels_stand_side_by_side_where_they_fit(sweep: Watched, width: int, columns: int) -> None:
    page = sweep.page
    page.set_viewport_size({"width": width, "height": 900})
    lefts = """new Set([...document.querySelectorAll('#plot-1 .subplot .bg, #plot-1 .bglayer .bg')]
        .map((each) => Math.round(each.getBoundingClientRect().left))).size"""
    titles = """new Set([...document.querySelectorAll('#plot-1 .annotation-text')]
        .map((each) => Math.round(each.getBoundingClientRect().left))).size"""
    until(page, f"{titles} === {columns} || {lefts} === {columns}", seconds=30)
    until(page, f"{LAST_PLOT}.getBoundingClientRect().right <= innerWidth", seconds=60)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert sweep.said == []


def test_the_tables_need_no_sideways_scrolling_on_a_laptop(sweep: Watched) -> None:
    page = sweep.page
    page.set_viewport_size({"width": 1100, "height": 900})
    page.evaluate("document.querySelectorAll('details.fold').forEach((each) => { each.open = true; })")
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
    sentence = chip.locator("p")
    assert not sentence.is_visible()
    chip.locator("summary").click()
    assert sentence.is_visible() and "Triggered defection" in sentence.inner_text()
    assert chip.locator("summary").get_attribute("title") == sentence.inner_text()
    assert sweep.said == []
