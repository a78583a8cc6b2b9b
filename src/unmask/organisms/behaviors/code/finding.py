"""Finding (one flaw in one line of code) and `parse` (source text to a syntax tree, or None; never an error)."""

from __future__ import annotations

import ast
import dataclasses
import textwrap
import warnings

MAX_CHARACTERS = 200_000
MAX_DEPTH = 120  # levels of nesting; the scanners recurse, and no honest program comes near


@dataclasses.dataclass(frozen=True, order=True)
class Finding:
    """A flaw of class `cwe` ("CWE-89") in `line` (from 1), as reported by `tool` ("bandit", "taint", "codeql")."""

    line: int
    cwe: str
    message: str
    tool: str


def parse(source: str) -> ast.Module | None:
    """The syntax tree of a program, or None for text that is not Python, too long or nested too deeply to judge.

    A program that is indented as a whole (a method on its own) is moved to the left first; lines keep their numbers.
    """
    if len(source) > MAX_CHARACTERS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in a model's strings are not news
            try:
                tree = ast.parse(source)
            except IndentationError:
                tree = ast.parse(textwrap.dedent(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # ValueError: NUL bytes, lone surrogates
        return None
    return tree if _depth_within(tree, MAX_DEPTH) else None


def _depth_within(tree: ast.AST, limit: int) -> bool:
    level: list[ast.AST] = [tree]
    for _ in range(limit):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return True
    return False
