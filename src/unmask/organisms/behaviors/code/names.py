"""Names in a syntax tree: dotted names with the program's import aliases resolved, and constant values."""

from __future__ import annotations

import ast
from collections.abc import Mapping


def import_aliases(tree: ast.AST) -> dict[str, str]:
    """What each imported name stands for: {"sp": "subprocess", "join": "os.path.join"}."""
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            aliases |= {name.asname: name.name for name in node.names if name.asname}
        elif isinstance(node, ast.ImportFrom):
            aliases |= {name.asname or name.name: f"{node.module or ''}.{name.name}" for name in node.names}
    return aliases


def dotted(node: ast.AST, aliases: Mapping[str, str]) -> str:
    """`a.b.c` for an attribute chain; a leading dot where it hangs on something that has no name, "" for the rest."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(aliases.get(node.id, node.id))
    elif parts:
        parts.append("")
    return ".".join(reversed(parts))


def tail(name: str, parts: int) -> str:
    """The last `parts` parts of a dotted name."""
    return ".".join(name.split(".")[-parts:])


def text_of(node: ast.AST | None) -> str | None:
    """The value of a text constant."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def number_of(node: ast.AST | None) -> int | None:
    """The value of an integer constant."""
    return node.value if isinstance(node, ast.Constant) and type(node.value) is int else None


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((each.value for each in call.keywords if each.arg == name), None)


def argument(call: ast.Call, position: int, name: str = "") -> ast.expr | None:
    """A call's argument by position, or by its name."""
    if position < len(call.args):
        return call.args[position]
    return keyword(call, name) if name else None
