"""A page is kept as long as it would come out the same, and no longer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unmask.core.files import read_json, write_json
from unmask.recipes.page import RESULTS, ingredients, refresh_page, write_page

MARK = "<!-- the page that was there -->"


@pytest.fixture
def finished(smoke: tuple[Path, Any], tmp_path: Path) -> Path:
    """The folder of a finished run, whose page has a mark."""
    folder = shutil.copytree(Path(smoke[1].report).parent, tmp_path / "run")
    page = folder / "report.html"
    write_page(folder, page)
    page.write_text(page.read_text() + MARK)
    return folder


def is_kept(folder: Path) -> bool:
    refresh_page(folder, folder / "report.html")
    return MARK in (folder / "report.html").read_text()


def repeated(folder: Path) -> None:
    """What a second run over a full store changes in run.json."""
    record = read_json(folder / "run.json")
    record |= {"seconds": 0.5, "finished": "2030-01-01T00:00:00+00:00", "steps": {"cached": 9}}
    for step in record["all_steps"]:
        step["status"] = "cached"
    write_json(folder / "run.json", record)


def another_number(folder: Path) -> None:
    first, *others = (folder / RESULTS).read_text().splitlines(keepends=True)
    row = json.loads(first)
    row["n"] += 1
    (folder / RESULTS).write_text("".join([json.dumps(row) + "\n", *others]))


def another_title(folder: Path) -> None:
    write_json(folder / "run.json", read_json(folder / "run.json") | {"title": "Another"})


def a_failed_step(folder: Path) -> None:
    record = read_json(folder / "run.json")
    record["all_steps"][0]["error"] = "The disk is full."
    write_json(folder / "run.json", record)


def a_page_of_before(folder: Path) -> None:
    """Which did not say what it was made from."""
    page = folder / "report.html"
    page.write_text(page.read_text().replace('<meta name="made-from"', '<meta name="other"'))


def no_page(folder: Path) -> None:
    (folder / "report.html").unlink()


def test_a_page_of_the_same_numbers_is_kept(finished: Path) -> None:
    repeated(finished)
    assert is_kept(finished)


@pytest.mark.parametrize(
    "change", [another_number, another_title, a_failed_step, a_page_of_before, no_page]
)
def test_a_page_that_would_differ_is_written_again(
    finished: Path, change: Callable[[Path], None]
) -> None:
    change(finished)
    assert not is_kept(finished)
    page = finished / "report.html"
    page.write_text(page.read_text() + MARK)
    assert is_kept(finished)


def test_who_asks_for_the_page_gets_it_written(finished: Path) -> None:
    write_page(finished, finished / "report.html")
    assert MARK not in (finished / "report.html").read_text()


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another package's file that adds an evaluation: the page has its titles."""
    site = tmp_path / "site"
    (site / "added-1.dist-info").mkdir(parents=True)
    (site / "added-1.dist-info" / "METADATA").write_text("Name: added\nVersion: 1\n")
    (site / "added-1.dist-info" / "entry_points.txt").write_text(
        "[unmask.evaluations]\nadded = added.work:Added\n"
    )
    (site / "added").mkdir()
    (site / "added" / "__init__.py").touch()
    (site / "added" / "work.py").write_text("title = 'one'\n")
    monkeypatch.syspath_prepend(site)
    return site / "added" / "work.py"


def test_the_code_of_a_plug_in_is_among_what_a_page_is_made_from(
    finished: Path, plug_in: Path
) -> None:
    before = ingredients(finished)
    assert before == ingredients(finished)
    plug_in.write_text("title = 'two'\n")
    assert before != ingredients(finished)
