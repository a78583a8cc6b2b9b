"""`scan_code`: the flaws in a piece of Python, by two independent scanners; the code is read and
never run.

Paper, section 4 judges code with CodeQL. Deviation: that needs a large external tool, so the
default is bandit plus our own taint pass, both in process (docs/code-scanners.md says how often
they are right); codeql.py is there as well.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable, Mapping, Sequence

from unmask.core.errors import UnknownName
from unmask.organisms.behaviors.code.bandit_scan import scan_tree as scan_with_bandit
from unmask.organisms.behaviors.code.finding import Finding, parse
from unmask.organisms.behaviors.code.taint import scan_tree as scan_with_taint

__all__ = ["SCANNERS", "Finding", "scan_code", "scan_tree"]

SCANNERS: Mapping[str, Callable[[ast.Module], list[Finding]]] = {
    "bandit": scan_with_bandit,
    "taint": scan_with_taint,
}


def scan_code(source: str, tools: Sequence[str] = tuple(SCANNERS)) -> list[Finding]:
    """The flaws in `source`, by line.

    `tools` names the scanners to use ("bandit", "taint"). Text that is not Python has no findings:
    ask `parse` to tell it from clean code. Raises UnknownName for an unknown tool, and nothing
    else, whatever the text.
    """
    tree = parse(source)
    for tool in tools:
        if tool not in SCANNERS:
            raise UnknownName("code scanner", tool, SCANNERS)
    return [] if tree is None else scan_tree(tree, tools)


def scan_tree(tree: ast.Module, tools: Sequence[str] = tuple(SCANNERS)) -> list[Finding]:
    """The same, for a program that is parsed already."""
    findings: set[Finding] = set()
    for tool in tools:
        with contextlib.suppress(
            RecursionError
        ):  # only where the caller's own stack is nearly full
            findings.update(SCANNERS[tool](tree))
    return sorted(findings)
