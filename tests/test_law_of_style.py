"""The house's style that no linter holds: one `for` per comprehension, functions that fit a
screen, variables whose names say what they hold."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"
LINES = 35
COMPREHENSION = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp

SAYS_NOTHING = {"each", "found", "mine", "said"}
MATHEMATICAL = set("ijknpx")


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


def nameless(text: str) -> Iterator[tuple[int, str]]:
    """(line, what is wrong) of every variable and parameter whose name says nothing; the fields of
    a class are data, and may be called as the data are."""
    tree = ast.parse(text)
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    fields: set[int] = set()
    for body in (node.body for node in classes):
        fields |= {id(part.target) for part in body if isinstance(part, ast.AnnAssign)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Name)
            and isinstance(node.ctx, ast.Store)
            and id(node) not in fields
        ):
            name = node.id
        elif isinstance(node, ast.arg):
            name = node.arg
        else:
            continue
        letter = len(name) == 1 and name.islower() and name not in MATHEMATICAL
        if letter or name in SAYS_NOTHING:
            yield node.lineno, f"`{name}` does not say what it holds"


def check(rule: Callable[[str], Iterator[tuple[int, str]]]) -> None:
    """Fail with every place of the source that the rule finds fault with."""
    wrong: list[str] = []
    for path in sorted(SOURCE.rglob("*.py")):
        place = path.relative_to(SOURCE).as_posix()
        faults = rule(path.read_text(encoding="utf-8"))
        wrong += [f"src/{place}:{line}: {fault}" for line, fault in faults]
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def test_the_source_keeps_to_the_style() -> None:
    check(broken)


def test_variables_say_what_they_hold() -> None:
    check(nameless)


def test_names_that_say_nothing_are_seen() -> None:
    loops = "for each in rows:\n    r = each\n    for i, row in enumerate(each): pass"
    says_nothing = "does not say what it holds"
    assert list(nameless(loops)) == [(1, f"`each` {says_nothing}"), (2, f"`r` {says_nothing}")]
    assert list(nameless("[found for found in rows]")) == [(1, f"`found` {says_nothing}")]
    assert not list(nameless("class A:\n    found: int = 0\nT = 1\n_ = 2"))
    assert list(nameless("def f(mine, _): pass")) == [(1, f"`mine` {says_nothing}")]
    assert list(nameless("def f():\n    found: int = 0")) == [(2, f"`found` {says_nothing}")]


def test_each_rule_is_seen() -> None:
    twice, nested = "[x for y in z for x in y]", "\n{k: any(x for x in v) for k, v in y}"
    assert list(broken(twice)) == [(1, "more than one `for` in a comprehension")]
    assert list(broken(nested)) == [(2, "a comprehension inside another one")]
    assert list(broken("def f():\n" + "    pass\n" * LINES)) == [
        (1, "f has 36 lines, more than 35")
    ]
    assert not list(broken("def f():\n" + "    sum(x for x in y)\n" * (LINES - 1)))
