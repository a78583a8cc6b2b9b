"""Draw the pictures of docs/images/ from real runs: `python benchmarks/images.py REPORT.html`.

The top of the page becomes report.png; the drift of several organisms becomes drift.png.
Needs the package playwright, and a chromium on PATH.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

IMAGES = Path(__file__).parent.parent / "docs" / "images"
WIDTH = 1040
DRIFT = "What is left, against how far"


def draw(page: Any) -> None:
    """Of an opened report: its top down to the end of the first figure, and the drift figure."""
    first = page.locator("figure").first
    first.scroll_into_view_if_needed()
    first.locator("svg.main-svg").first.wait_for()
    page.evaluate("scrollTo(0, 0)")
    box = first.bounding_box()
    clip = {"x": 0, "y": 0, "width": WIDTH, "height": box["y"] + box["height"] + 16}
    page.screenshot(path=str(IMAGES / "report.png"), clip=clip, full_page=True)
    drift = page.locator("figure", has_text=DRIFT)
    if drift.locator(".panel").count() > 1:  # one organism alone is no comparison
        drift.scroll_into_view_if_needed()
        drift.locator("svg.main-svg").last.wait_for()
        drift.screenshot(path=str(IMAGES / "drift.png"))


def main() -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": 900})
        page.goto(Path(sys.argv[1]).resolve().as_uri())
        draw(page)
        browser.close()


if __name__ == "__main__":
    main()
