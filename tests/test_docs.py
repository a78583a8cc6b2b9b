"""README.md and docs/: what they show works. Code and commands are executed, names are complete,
links lead somewhere.

Every scale is the smallest here, whatever a page asks for, and the store is a copy of the session's
one smoke run.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from unmask.cli.list import KINDS, rows_of
from unmask.evaluations import EVALUATIONS
from unmask.recipes import RECIPES
from unmask.recipes.scales import SCALES
from unmask.report.conclusions import RULES

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXTENDING = ROOT / "docs" / "extending.md"
MOST_STEPS = 60
"""A run with more than this to do is only planned here."""
SMOKED = ("run", "sweep", "plan")
"""Commands that take a scale."""
CANNOT_BE_SMOKED = {"distillation", "imported_base", "gguf_base", "adapter_base"}
"""Steps that need a trained model, or a network."""

Smoke = tuple[Path, Any]
FENCE = re.compile(r"^```([\w-]*)[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
by_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)


def blocks(page: Path, *languages: str) -> Iterator[tuple[int, str]]:
    """(line of the page on which it starts, text) of every fenced block in one of the languages."""
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        if found[1] in languages:
            yield text.count("\n", 0, found.start(2)), found[2]


def inline_code(page: Path) -> list[str]:
    """What stands between single backticks outside of blocks."""
    return re.findall(r"`([^`\n]+)`", FENCE.sub("", page.read_text(encoding="utf-8")))


def shell_lines(page: Path) -> Iterator[str]:
    """Commands of console blocks (after a "$ ", where the block has any) and of shell blocks."""
    for _, block in blocks(page, "console", "sh", "bash", "shell"):
        joined = block.replace("\\\n", " ")
        prompted = [line[2:] for line in joined.splitlines() if line.startswith("$ ")]
        yield from (line.strip() for line in prompted or joined.splitlines())


def words_of(line: str) -> list[str]:
    """A shell line's words, without comments and up to the first pipe, redirection or second
    command."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|>&;")
    lexer.whitespace_split = True
    found: list[str] = []
    for word in lexer:
        if word and set(word) <= set("|>&;"):
            break
        found.append(word)
    return found


def commands(page: Path) -> list[list[str]]:
    """The arguments of every `unmask` that the page shows in a block."""
    lines = [words_of(line) for line in shell_lines(page) if re.match(r"(\S*/)?unmask ", line)]
    return [words[1:] for words in lines]


@pytest.fixture(scope="module")
def store(smoke: Smoke, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the smoke run's store, to which pages may add."""
    return Path(shutil.copytree(smoke[0], tmp_path_factory.mktemp("docs") / "store"))


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package that docs/extending.md describes, as if it were installed: put this folder on the
    path."""
    folder = tmp_path_factory.mktemp("package")
    (folder / "mine.py").write_text(
        "\n\n".join(text for _, text in blocks(EXTENDING, "python")), encoding="utf-8"
    )
    project = project_of(EXTENDING)
    info = folder / f"{project['name']}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    groups = [
        "\n".join([f"[{group}]", *(f"{name} = {target}" for name, target in points.items())])
        for group, points in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n\n".join(groups) + "\n")
    return folder


def project_of(page: Path) -> Mapping[str, Any]:
    [(_, text)] = blocks(page, "toml")
    return tomllib.loads(text)["project"]


@dataclasses.dataclass(frozen=True)
class Shell:
    """Runs the command line beside a store and the outside package."""

    folder: Path
    store: Path
    package: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "UNMASK_STORE": str(self.store),
            "PYTHONPATH": str(self.package),
        }
        return subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            input="",
        )

    def unmask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("-c", "from unmask.cli import main; main()", *arguments)


@pytest.fixture
def shell(tmp_path: Path, store: Path, package: Path) -> Shell:
    return Shell(tmp_path, store, package)


@by_page
def test_python_blocks_run(
    page: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNMASK_STORE", str(store))
    for name in SCALES:
        monkeypatch.setitem(SCALES, name, SCALES["smoke"])  # pyright: ignore[reportArgumentType] - it is a dict
    module = types.ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    for line, text in blocks(page, "python"):
        # Blank lines before it, so that a traceback names the page's own line.
        exec(compile("\n" * line + text, str(page), "exec", dont_inherit=True), module.__dict__)


@by_page
def test_commands_run(page: Path, shell: Shell, smoke: Smoke) -> None:
    for shown in commands(page):
        arguments = smoked([concrete(word, smoke) for word in shown])
        if arguments[0] in ("run", "sweep") and not runs_here(arguments, shell):
            continue
        answer = shell.unmask(*arguments)
        assert answer.returncode == 0, (
            f"unmask {shlex.join(arguments)}\n{answer.stdout}\n{answer.stderr}"
        )


def concrete(word: str, smoke: Smoke) -> str:
    """A page's word with this machine's run, key or checkpoint in place of a placeholder, or of an
    example of one."""
    store, result = smoke
    checkpoint = next((store / "steps").glob("supervised_fine_tuning-*"))
    key = json.loads((checkpoint / "manifest.json").read_text())["key"]
    word = re.sub(r"^<?RUN>?$|^toy-[0-9a-f]{6,12}$", result.run, word)
    word = re.sub(r"^<?KEY>?$|^[0-9a-f]{8,64}$", key, word)
    return re.sub(r"(?<==)(<?PATH(_OR_HUB_ID)?>?|<?FOLDER>?|\./\S+)$", str(checkpoint), word)


def smoked(arguments: list[str]) -> list[str]:
    """The command at the smallest scale, if it has one; the store is the environment's."""
    arguments = without(arguments, "scale", "store")
    return [*arguments, "--scale", "smoke"] if arguments[0] in SMOKED else arguments


def without(arguments: list[str], *options: str) -> list[str]:
    """The arguments without these options and their values."""
    text = re.sub(rf"\0--({'|'.join(options)})(\0|=)[^\0]+", "", "\0".join(["", *arguments]))
    return text.split("\0")[1:]


def runs_here(arguments: list[str], shell: Shell) -> bool:
    """Whether a run is small enough; if not, that its plan is understood is all that is checked."""
    settings = [
        word
        for word in without(arguments, r"executor(?:\.\w+)?", "budget", "expect", "junit")[1:]
        if word != "--json"
    ]
    plan = shell.unmask("plan", *settings, "--json")
    assert plan.returncode == 0, f"unmask {shlex.join(arguments)}\n{plan.stderr}"
    waiting = [
        step["name"] for step in json.loads(plan.stdout)["steps"] if step["status"] == "to run"
    ]
    return len(waiting) <= MOST_STEPS and CANNOT_BE_SMOKED.isdisjoint(waiting)


def test_the_examples_of_extending_pass_their_contracts(shell: Shell) -> None:
    points = project_of(EXTENDING)["entry-points"]
    names = [name for group in points.values() for name in group]
    assert {group.removeprefix("unmask.") for group in points} <= set(KINDS)
    tests = [
        *sorted((ROOT / "tests" / "contracts").glob("test_*.py")),
        ROOT / "tests" / "test_threat_model.py",
    ]
    options = [
        "-k",
        " or ".join(names),
        "-p",
        "no:cacheprovider",
        "-rA",
        f"--basetemp={shell.folder / 'inner'}",
    ]
    answer = shell.run("-m", "pytest", *options, *map(str, tests))
    assert answer.returncode == 0, answer.stdout
    for name in set(names):
        assert re.search(rf"^PASSED .*{name}", answer.stdout, re.MULTILINE), (
            f"no contract test ran for '{name}'"
        )


def test_the_contracts_can_be_run_from_a_package_of_its_own(shell: Shell) -> None:
    """The page's own test file, beside its package and without this repository's tests."""
    [(_, text)] = blocks(EXTENDING, "py")
    (shell.folder / "test_mine.py").write_text(text)
    options = ("-p", "no:cacheprovider", "-rA", f"--rootdir={shell.folder}", "-c", os.devnull)
    answer = shell.run("-m", "pytest", *options, "test_mine.py")
    assert answer.returncode == 0, answer.stdout
    for name in re.findall(r"^class (\w+)", text, re.MULTILINE):
        assert re.search(rf"^PASSED test_mine.py::{name}::", answer.stdout, re.MULTILINE), name


def every_name() -> list[tuple[str, str]]:
    def registry(target: str) -> Any:
        module, _, attribute = target.partition(":")
        return getattr(importlib.import_module(module), attribute)

    return [(kind, name) for kind, target in KINDS.items() for name in registry(target).table]


@pytest.mark.parametrize(("kind", "name"), every_name(), ids=lambda value: value)
def test_every_registered_name_is_written_about(kind: str, name: str) -> None:
    code = [
        text
        for page in PAGES
        for text in (*inline_code(page), *(block for _, block in blocks(page, "console", "sh")))
    ]
    word = re.compile(rf"(?<![\w:]){re.escape(name)}(?![\w:])")
    assert any(word.search(text) for text in code), f"no page mentions `{name}`, one of the {kind}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_line_of_a_listing_is_a_whole_sentence(kind: str) -> None:
    cut = [row["name"] for row in rows_of(kind) if not row["summary"].endswith((".", "?"))]
    assert not cut, (
        f"the docstring of {', '.join(cut)} begins with more than one line: `unmask list` shows the"
        " first"
    )


@pytest.fixture(scope="session")
def helps() -> dict[str, str]:
    """The help of every command, by its words ("run", "store gc"); "" is the program's own."""
    import typer

    from unmask.cli.app import app

    found: dict[str, str] = {}

    def visit(command: Any, words: tuple[str, ...]) -> None:
        code = "import sys; from unmask.cli import main; main()"
        answer = subprocess.run(
            [sys.executable, "-c", code, *words, "--help"], capture_output=True, text=True
        )
        assert answer.returncode == 0, f"unmask {' '.join(words)} --help: {answer.stderr}"
        found[" ".join(words)] = answer.stdout
        for name, inner in getattr(command, "commands", {}).items():
            visit(inner, (*words, name))

    visit(typer.main.get_command(app), ())
    return found


def test_every_command_has_help(helps: dict[str, str]) -> None:
    assert {
        "",
        "run",
        "plan",
        "list",
        "show",
        "report",
        "chat",
        "store verify",
        "store gc",
        "store ls",
    } <= set(helps)
    for words in helps:
        *group, name = words.split() or [""]
        assert not name or name in helps[" ".join(group)]


@by_page
def test_options_that_are_shown_exist(page: Path, helps: dict[str, str]) -> None:
    shown = [
        *commands(page),
        *(words_of(text)[1:] for text in inline_code(page) if text.startswith("unmask ")),
    ]
    for arguments in shown:
        command = next(
            (two for two in (" ".join(arguments[:2]), *arguments[:1]) if two in helps), ""
        )
        for word in arguments:
            if re.match(r"--?[a-z]", word):
                assert word.partition("=")[0] in helps[command], f"unmask {shlex.join(arguments)}"
        first = arguments[0] if arguments else ""
        assert command or first.startswith("-"), (
            f"there is no command `unmask {shlex.join(arguments)}`"
        )
    for option in (text for text in inline_code(page) if text.startswith("--")):
        name = re.split(r"[ =]", option)[0]
        assert any(name in text for text in helps.values()), f"no command has {option}"


@by_page
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = [*shell_lines(page), *inline_code(page)]
    for words in (words_of(line)[1:] for line in lines if line.startswith("make ")):
        wanted = [word for word in words if "=" not in word and not word.startswith("-")]
        assert set(wanted) <= targets, (
            f"make {' '.join(words)}: the Makefile has {', '.join(sorted(targets))}"
        )


@by_page
def test_links_lead_to_files(page: Path) -> None:
    text = re.sub(r"`[^`\n]+`", "", FENCE.sub("", page.read_text(encoding="utf-8")))
    for target in re.findall(r"\]\(\s*<?([^)>\s]+)", text):
        if re.match(r"[a-z]+:|#", target):
            continue
        assert (page.parent / target.partition("#")[0]).exists(), f"{page.name} links to {target}"


def test_every_field_that_is_written_is_described(smoke: Smoke) -> None:
    store, result = smoke
    folder = Path(result.report).parent
    record = json.loads((folder / "run.json").read_text())
    row = json.loads((folder / "results.jsonl").read_text().splitlines()[0])
    step = next((store / "steps").glob("supervised_fine_tuning-*"))
    manifest = json.loads((step / "manifest.json").read_text())
    evaluated = next((store / "steps").glob("defection-*"))
    reply = json.loads((evaluated / "replies.jsonl").read_text().splitlines()[0])
    fields = {
        *row,
        *row["model"],
        *result.json(),
        *result.steps,
        *record,
        *record["all_steps"][0],
        *reply,
    }
    fields |= {
        *manifest,
        *manifest["identity"],
        *manifest["environment"],
        *next(iter(manifest["files"].values())),
    }
    described = set(inline_code(ROOT / "docs" / "results-format.md"))
    assert fields <= described, (
        f"docs/results-format.md does not describe {', '.join(sorted(fields - described))}"
    )


@pytest.mark.parametrize("name", EVALUATIONS.names())
def test_every_evaluation_has_a_page_that_says_what_it_measures_whence_and_its_limits(
    name: str,
) -> None:
    text = (ROOT / "docs" / "evaluations" / f"{name}.md").read_text(encoding="utf-8")
    for part in ("**Measures**", "**Source**", "**Limits.**"):
        assert part in text, f"{name}.md has no {part}"
    assert f"evaluations/{name}.md" in (ROOT / "docs" / "evaluations.md").read_text(
        encoding="utf-8"
    )


def test_every_recipe_has_its_row() -> None:
    page = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    table = page.partition("| recipe |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)) == set(RECIPES.names())


def test_every_verdict_is_explained() -> None:
    explained = set(inline_code(ROOT / "docs" / "evaluations.md"))
    assert set(RULES) <= explained, (
        f"docs/evaluations.md does not explain {', '.join(sorted(set(RULES) - explained))}"
    )


def test_the_picture_of_the_readme_shows_the_numbers_that_its_text_says() -> None:
    picture = (ROOT / "docs" / "images" / "survives.svg").read_text(encoding="utf-8")
    shown = re.findall(r">(\d+\.\d)%<", picture)
    [described] = re.findall(r"!\[([^]]+)\]\(docs/images/survives.svg\)", PAGES[0].read_text())
    assert len(shown) == 8 and set(re.findall(r"\d+\.\d(?=%)", described)) == set(shown)


def test_the_readme_fits_a_screen_or_two() -> None:
    assert len(PAGES[0].read_text(encoding="utf-8").splitlines()) <= 60
