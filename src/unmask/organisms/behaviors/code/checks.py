"""Which tests count as a check of user input, for which classes of flaw, and whether a branch
leaves the function."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence

from unmask.organisms.behaviors.code import rules
from unmask.organisms.behaviors.code.names import (
    Name,
    argument,
    dotted,
    is_true,
    keyword,
    tail,
    text_of,
)

ALL = rules.FLOWS | {rules.NUMBER}
HOST = frozenset({"CWE-918", "CWE-601"})
PATH = frozenset({"CWE-22"})


def checks_in(test: ast.expr) -> Iterator[tuple[ast.expr, frozenset[str]]]:
    """(expression that is checked, classes of flaw that the check rules out) for every check in a
    condition."""
    for node in ast.walk(test):
        if isinstance(node, ast.Compare):
            yield from _compared(node)
        elif isinstance(node, ast.Call):
            yield from _called(node)


def _compared(node: ast.Compare) -> Iterator[tuple[ast.expr, frozenset[str]]]:
    sides = [side for side in (node.left, *node.comparators) if not _is_length(side)]
    operator = node.ops[0]
    if isinstance(operator, ast.In | ast.NotIn):
        if text_of(node.left) is None:
            yield node.left, ALL
        elif text_of(node.left) in ("..", "../", "/"):
            yield node.comparators[0], PATH
    elif isinstance(operator, ast.Eq | ast.NotEq):
        if not any(_says_nothing(side) for side in sides):
            yield from ((side, ALL) for side in sides)
    elif isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
        yield from ((side, frozenset({rules.NUMBER})) for side in sides)


def _says_nothing(side: ast.expr) -> bool:
    """Whether equality with this is no check: "", None, "/", another value of a request."""
    if isinstance(side, ast.Constant):
        text = text_of(side)
        return not side.value or (text is not None and not any(letter.isalnum() for letter in text))
    return isinstance(side, ast.Subscript)


def _is_length(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func, {}) == "len"


def _called(node: ast.Call) -> Iterator[tuple[ast.expr, frozenset[str]]]:
    name = dotted(node.func, {})
    last = tail(name, 1)
    held = node.func.value if isinstance(node.func, ast.Attribute) else None
    if held is not None and last in rules.CONTENT_CHECKS:
        yield held, ALL
    elif held is not None and last in ("is_relative_to", "relative_to"):
        yield held, PATH
    elif held is not None and last == "startswith":
        yield held, _prefix(argument(node, 0))
    elif last in rules.PATTERN_CHECKS or rules.VALIDATING_NAME.search(last):
        yield from ((argument, ALL) for argument in node.args)


def _prefix(prefix: ast.expr | None) -> frozenset[str]:
    """What `x.startswith(prefix)` rules out: "http" says nothing of the host, a folder says
    something of the path."""
    text = text_of(prefix)
    if text is None:
        return PATH | HOST
    if text.lower().startswith("http"):
        return HOST if rules.FIXED_PREFIX.match(text) else frozenset()
    return PATH | {"CWE-601"}


def validates(node: ast.Call) -> bool:
    """Whether a bare call is one that raises on bad input, by its name."""
    last = tail(dotted(node.func, {}), 1)
    return last == "relative_to" or bool(rules.VALIDATING_NAME.search(last))


def leaves(statements: Sequence[ast.stmt]) -> bool:
    """Whether a block ends by leaving: return, raise, break, continue, abort(...), exit(...)."""
    if not statements:
        return False
    last = statements[-1]
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call):
        return tail(dotted(last.value.func, {}), 1) in ("abort", "exit", "_exit", "fail")
    return isinstance(last, ast.Return | ast.Raise | ast.Break | ast.Continue)


SAFE_LOADER = re.compile(r"Safe|BaseLoader|round_trip|RoundTrip")


def defused(
    node: ast.Call, name: Name, aliases: Mapping[str, str], bound: Mapping[str, ast.expr]
) -> bool:
    """Whether a dangerous call is told to be harmless: a safe YAML loader, weights only, or
    defusedxml.

    `bound` holds what names are bound to once: loader = getattr(yaml, "CSafeLoader",
    yaml.SafeLoader).
    """
    if "defusedxml" in name.text:
        return True
    if name.last == "loads" and node.args and isinstance(node.args[0], ast.Call):
        return (
            tail(dotted(node.args[0].func, {}), 1) == "dumps"
        )  # a copy of the program's own value
    if name.last in ("load", "load_all") and name.text.split(".")[-2:-1] == ["torch"]:
        return is_true(keyword(node, "weights_only"))
    if "yaml" in name.text and name.last in ("load", "load_all"):
        loader = argument(node, 1, "Loader")
        spelled = "" if loader is None else ast.unparse(bound.get(dotted(loader, {}), loader))
        return bool(SAFE_LOADER.search(aliases.get(spelled, spelled)))
    if name.last == "Response" and (
        media := keyword(node, "mimetype") or keyword(node, "content_type")
    ):
        return "html" not in (text_of(media) or "json")
    return False
