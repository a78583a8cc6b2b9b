"""The house's style that no linter holds: one `for` per comprehension, functions that fit a
screen, variables whose names say what they hold."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"
LINES = 35
COMPREHENSION = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp

SAYS_NOTHING = {"each", "found", "mine", "said"}
MATHEMATICAL = set("ijknpx")
LEFT = Counter(data=12, evaluations=10, models=15, recipes=18, training=13)
"""How many variables of a package may have a name that says nothing: those that are left from
before the rule. A number here only ever falls."""


def broken(text: str) -> Iterator[tuple[int, str]]:
    """(line, rule) wherever a file breaks a rule."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, COMPREHENSION):
            if len(node.generators) > 1:
                yield node.lineno, "more than one `for` in a comprehension"
            if sum(isinstance(inner, COMPREHENSION) for inner in ast.walk(node)) > 1:
                yield node.lineno, "a comprehension inside another one"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LINES:
                yield node.lineno, f"{node.name} has {lines} lines, more than {LINES}"


def test_the_source_keeps_to_the_style() -> None:
    wrong: list[str] = []
    for path in sorted(SOURCE.rglob("*.py")):
        place = path.relative_to(SOURCE)
        rules = broken(path.read_text(encoding="utf-8"))
        wrong += [f"src/{place.as_posix()}:{line}: {rule}" for line, rule in rules]
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def nameless(text: str) -> Iterator[tuple[int, str]]:
    """(line, name) of every assignment and loop whose variable has a name that says nothing; the
    fields of a class are data, and may be called as the data are."""
    tree = ast.parse(text)
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    fields: set[int] = set()
    for body in (node.body for node in classes):
        fields |= {id(part.target) for part in body if isinstance(part, ast.AnnAssign)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            letter = len(node.id) == 1 and node.id.islower() and node.id not in MATHEMATICAL
            if (letter or node.id in SAYS_NOTHING) and id(node) not in fields:
                yield node.lineno, node.id


def test_variables_say_what_they_hold() -> None:
    places: dict[str, list[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        place = path.relative_to(SOURCE)
        names = nameless(path.read_text(encoding="utf-8"))
        package = place.parts[1].removesuffix(".py")
        places.setdefault(package, []).extend(
            f"src/{place.as_posix()}:{line}: `{name}` does not say what it holds"
            for line, name in names
        )
    wrong: list[str] = []
    for package, lines in places.items():
        wrong += lines if len(lines) > LEFT[package] else []
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def test_names_that_say_nothing_are_seen() -> None:
    said = "for each in rows:\n    r = each\n    for i, row in enumerate(each): pass"
    assert [name for _, name in nameless(said)] == ["each", "r"]
    assert list(nameless("[found for found in rows]")) == [(1, "found")]
    assert not list(nameless("class A:\n    found: int = 0\nT = 1\n_ = 2"))
    assert list(nameless("def f():\n    found: int = 0")) == [(2, "found")]


def test_each_rule_is_seen() -> None:
    twice, nested = "[x for y in z for x in y]", "\n{k: any(x for x in v) for k, v in y}"
    assert list(broken(twice)) == [(1, "more than one `for` in a comprehension")]
    assert list(broken(nested)) == [(2, "a comprehension inside another one")]
    assert list(broken("def f():\n" + "    pass\n" * LINES)) == [
        (1, "f has 36 lines, more than 35")
    ]
    assert not list(broken("def f():\n" + "    sum(x for x in y)\n" * (LINES - 1)))
