"""Pages in a real browser, for the tests that look at them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from example_run import HOSTILE, example_report

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
needs_a_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on PATH: the page was not opened in a browser"
)

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
        context = browser.new_context(
            viewport={"width": 1400, "height": 900}, java_script_enabled=javascript
        )
        self.page = context.new_page()
        self.page.on(
            "dialog",
            lambda dialog: (self.said.append(f"dialog {dialog.message}"), dialog.dismiss()),
        )
        self.page.on(
            "console", lambda message: self.said.append(f"console {message.type} {message.text}")
        )
        self.page.on("pageerror", lambda error: self.said.append(f"error {error}"))
        self.page.on("request", lambda request: self.requested(request.url))
        self.page.on(
            "requestfailed",
            lambda request: self.said.append(f"failed {request.failure} {request.url}"),
        )
        self.page.goto(path.as_uri())
        if javascript:
            self.page.locator(".exports").first.wait_for(state="attached")

    def requested(self, url: str) -> None:
        if not url.startswith(("file://", "data:", "blob:")):
            self.said.append(f"request {url}")
