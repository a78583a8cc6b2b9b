"""The house's four rules, read off the code's own imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "unmask"
SCIENCE = [
    "core",
    "organisms",
    "data",
    "models",
    "training",
    "defenses",
    "threat_model",
    "sandbox",
    "evaluations",
]
ORDER = [*SCIENCE, "analysis", "report"]
LEFT_OF = {name: set(ORDER[: i + 1]) for i, name in enumerate(ORDER)}
LEFT_OF["detectors"] = LEFT_OF["defenses"] | {"detectors"}
LEFT_OF["league"] = {*ORDER, "detectors", "league"}
LEFT_OF["scan"] = {*ORDER, "detectors", "scan"}
LEFT_OF["sandbox"] = {"core", "sandbox"}
LEFT_OF["engine"] = {"core", "engine"}
LEFT_OF["trackers"] = {"core", "trackers"}
LEFT_OF["recipes"] = {*ORDER, "detectors", "league", "engine", "trackers", "recipes"}
LEFT_OF["testing"] = {*LEFT_OF["recipes"], "testing"}
LEFT_OF["inspect"] = {*LEFT_OF["recipes"], "inspect"}
LEFT_OF["cli"] = {*LEFT_OF["inspect"], "scan", "cli"}
LEFT_OF["__init__.py"] = LEFT_OF["recipes"]
LEFT_OF["__main__.py"] = {"cli"}


def imports(path: Path) -> set[str]:
    """Every module that a file names in an import, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the layer"
            found.update({f"{node.module}.{alias.name}" for alias in node.names})
    return found


FILES = sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_imports_point_left(path: Path) -> None:
    package = path.relative_to(SOURCE).parts[0]
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "unmask" and len(parts) > 1:
            assert parts[1] in LEFT_OF[package], f"{package} imports {name}"


def test_defenses_and_detectors_know_no_trigger() -> None:
    for package in ("defenses", "detectors"):
        for path in (SOURCE / package).rglob("*.py"):
            for name in imports(path):
                if name.startswith("unmask.organisms"):
                    assert name.startswith("unmask.organisms.behaviors"), f"{path} imports {name}"


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("torch", ("models", "training", "defenses", "detectors", "evaluations")),
        (
            "transformers",
            ("models", "training", "defenses", "detectors", "evaluations", "testing"),
        ),
        ("pytest", ("testing",)),
        ("wandb", ()),
        ("trackio", ()),
        ("tensorboard", ()),
        ("ray", ("engine/executors/ray",)),
        ("submitit", ("engine/executors/slurm.py",)),
        ("inspect_ai", ("inspect",)),
    ],
)
def test_heavy_libraries_stay_in_their_rooms(library: str, allowed: tuple[str, ...]) -> None:
    for path in FILES:
        if any(name.split(".")[0] == library for name in imports(path)):
            assert path.relative_to(SOURCE).as_posix().startswith(allowed), (
                f"{path} imports {library}"
            )


def test_declaring_an_experiment_loads_no_heavy_library() -> None:
    code = (
        "import sys, unmask\nfrom unmask.cli.app import"
        " app\nunmask.RECIPES.make('toy').build()\nheavy = {'torch', 'transformers', 'ray',"
        " 'submitit', 'inspect_ai', 'scipy', 'bandit'} & set(sys.modules)\nsys.exit(f'loaded:"
        " {heavy}' if heavy else 0)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr


def test_no_drawer_for_odds_and_ends() -> None:
    assert not [
        path for path in FILES if path.stem in ("utils", "util", "helpers", "misc", "common")
    ]
