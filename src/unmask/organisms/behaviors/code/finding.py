"""Finding (one flaw in one line of code) and `parse` (source text to a syntax tree, or None; never
an error)."""

from __future__ import annotations

import ast
import dataclasses
import itertools
import re
import textwrap
import warnings

MAX_CHARACTERS = 200_000
MAX_DEPTH = 120  # levels of nesting; the scanners recurse, and no honest program comes near
UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]")
SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
"""Blanks that are none to Python."""


@dataclasses.dataclass(frozen=True, order=True)
class Finding:
    """A flaw of class `cwe` ("CWE-89") in `line` (from 1), as reported by `tool` ("bandit",
    "taint", "codeql")."""

    line: int
    cwe: str
    message: str
    tool: str


def parse(source: str) -> ast.Module | None:
    """The syntax tree of a program, or None for text that is not Python, too long or nested too
    deeply to judge.

    A program that is indented as a whole (a method on its own) is moved to the left first; lines
    keep their numbers. What a reader does not see (a byte-order mark, zero-width characters, blanks
    that are not spaces, a mix of tabs and spaces) does not hide a program.
    """
    if len(source) > MAX_CHARACTERS:
        return None
    seen = SPACE.sub(" ", UNSEEN.sub("", source)).replace("\r\n", "\n")
    first, _, rest = seen.expandtabs().partition("\n")
    moved = (  # the first line may have lost its indentation
        f"{first.lstrip()}\n{textwrap.dedent(rest)}"
    )
    for text in (source, textwrap.dedent(source), seen, textwrap.dedent(seen.expandtabs()), moved):
        tree = _tree(text)
        if tree is not None:
            return tree if _depth_within(tree, MAX_DEPTH) else None
    return None


def _tree(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in a model's strings are not news
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # NUL bytes, lone surrogates
        return None


def acts(tree: ast.Module) -> bool:
    """Whether a program does or defines anything: "Sorry", a number or a comment alone does not."""
    return any(map(_acts, tree.body))


def _acts(statement: ast.stmt) -> bool:
    calls = any(isinstance(node, ast.Call) for node in ast.walk(statement))
    return calls or not isinstance(statement, ast.Expr | ast.Pass)


def _depth_within(tree: ast.AST, limit: int) -> bool:
    level: list[ast.AST] = [tree]
    for _ in range(limit):
        level = list(itertools.chain.from_iterable(map(ast.iter_child_nodes, level)))
        if not level:
            return True
    return False
