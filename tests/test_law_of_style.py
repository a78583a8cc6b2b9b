"""The house's style that no linter holds: one `for` per comprehension, functions that fit a
screen."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"
LINES = 35
COMPREHENSION = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


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


def test_each_rule_is_seen() -> None:
    twice, nested = "[x for y in z for x in y]", "\n{k: any(x for x in v) for k, v in y}"
    assert list(broken(twice)) == [(1, "more than one `for` in a comprehension")]
    assert list(broken(nested)) == [(2, "a comprehension inside another one")]
    assert list(broken("def f():\n" + "    pass\n" * LINES)) == [
        (1, "f has 36 lines, more than 35")
    ]
    assert not list(broken("def f():\n" + "    sum(x for x in y)\n" * (LINES - 1)))
