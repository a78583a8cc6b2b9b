"""Names in a syntax tree: what a dotted name was imported as or made by, and constant values."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

Entry = TypeVar("Entry")

OWN = "__own__"
"""The package of what the program defines itself."""


def words(text: str) -> frozenset[str]:
    """The words of a table's cell."""
    return frozenset(text.split())


def by_name(table: Iterable[tuple[str, Entry]]) -> dict[str, Entry]:
    """The entry of each name, from cells of several names."""
    entries: dict[str, Entry] = {}
    for names, entry in table:
        entries |= dict.fromkeys(names.split(), entry)
    return entries


FACTORIES = words("connect cursor open session client connection create_engine begin")
"""Functions whose result is known by them, as an instance is by its class: `sqlite3.connect`."""
RUNNERS_OF_CODE = frozenset({"eval", "exec"})
"""Built-in functions that are known under another name too: `run = eval`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Name:
    """A dotted name with aliases resolved; `known`: its first part is imported, or the program's
    own."""

    text: str
    known: bool = False

    @property
    def last(self) -> str:
        return self.text.rpartition(".")[2]

    @property
    def package(self) -> str:
        return self.text.partition(".")[0]


def import_aliases(tree: ast.AST) -> dict[str, str]:
    """What each imported or defined name stands for: {"sp": "subprocess", "join": "os.path.join"}.

    A class of the program stands for its first base, if that is imported; relative imports and
    other definitions are the program's own. Where nothing is imported, definitions hide nothing: a
    view that is called `send_file` calls the framework's.
    """
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                root = name.name.partition(".")[0]
                aliases[name.asname or root] = name.name if name.asname else root
        elif isinstance(node, ast.ImportFrom):
            module = OWN if node.level else node.module or OWN
            aliases |= {name.asname or name.name: f"{module}.{name.name}" for name in node.names}
    for node in getattr(tree, "body", ()) if aliases else ():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            aliases[node.name] = f"{OWN}.{node.name}"
        elif isinstance(node, ast.ClassDef):
            base = resolved(node.bases[0], aliases) if node.bases else Name("")
            aliases[node.name] = base.text if base.known else f"{OWN}.{node.name}"
    return {"__builtins__": "builtins"} | aliases


def instance_aliases(nodes: Iterable[ast.AST], aliases: Mapping[str, str]) -> dict[str, str]:
    """What names are bound to whose maker is imported: {"client": "httpx.Client"}, "self.client"
    too.

    Without those that are bound to several makers.
    """
    bound: dict[str, set[str]] = {}
    for target, value in bindings(nodes):
        name = dotted(target, {})
        if name and name not in aliases:
            bound.setdefault(name, set()).add(_maker(value, aliases))
    return {
        name: makers.pop() for name, makers in bound.items() if len(makers) == 1 and any(makers)
    }


def _maker(value: ast.expr, aliases: Mapping[str, str]) -> str:
    name = resolved(value, aliases)
    if name.text in RUNNERS_OF_CODE:
        return f"builtins.{name.text}"
    same = isinstance(value, ast.Name | ast.Attribute) or bool(looked_up(value))
    made = same or name.last[:1].isupper() or name.last in FACTORIES
    return name.text if name.known and made else ""


def bindings(nodes: Iterable[ast.AST]) -> Iterator[tuple[ast.expr, ast.expr]]:
    """(target, value) of each assignment, with item and walrus; tuples of equal length pair by
    pair."""
    for node in nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _paired(target, node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            yield node.target, node.value
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            yield node.optional_vars, node.context_expr


def _paired(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
        if len(target.elts) == len(value.elts):
            for inner, part in zip(target.elts, value.elts, strict=True):
                yield from _paired(inner, part)
    else:
        yield target, value


def dotted(node: ast.AST, aliases: Mapping[str, str]) -> str:
    """`a.b.c` for an attribute chain; a leading dot where it hangs on something that has no name,
    "" for the rest."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(aliases.get(node.id, node.id))
    elif parts:
        parts.append("")
    return ".".join(reversed(parts))


def resolved(node: ast.AST, aliases: Mapping[str, str]) -> Name:
    """The same, through calls: `Path(x).name` is "pathlib.Path.name", as an instance's attribute
    is.

    `getattr(os, "system")` and `__import__("os").system` are "os.system".
    """
    parts: list[str] = []
    while isinstance(node, ast.Attribute | ast.Call | ast.Await):
        if by_text := looked_up(node):
            owner, text = by_text
            parts.append(text)
            if owner is None:
                return Name(".".join(reversed(parts)), known=True)
            node = owner
        elif isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        else:
            node = node.func if isinstance(node, ast.Call) else node.value
    if not isinstance(node, ast.Name):
        return Name(".".join(reversed([*parts, ""]))) if parts else Name("")
    parts.append(node.id)
    for count in (2, 1):  # "self.client" may be known as a whole
        root = ".".join(reversed(parts[-count:]))
        if root in aliases and count <= len(parts):
            return Name(".".join([aliases[root], *reversed(parts[:-count])]), known=True)
    return Name(".".join(reversed(parts)))


def looked_up(node: ast.AST) -> tuple[ast.expr | None, str] | None:
    """(owner, name) of a call that finds an attribute by a text, (None, name) for a module."""
    if not isinstance(node, ast.Call) or not node.args:
        return None
    function = tail(dotted(node.func, {}), 1)
    if function == "getattr" and (name := text_of(argument(node, 1))):
        return node.args[0], name
    module = text_of(node.args[0]) if function in ("__import__", "import_module") else None
    return (None, module) if module else None


def tail(name: str, parts: int) -> str:
    """The last `parts` parts of a dotted name."""
    return ".".join(name.split(".")[-parts:])


def text_of(node: ast.AST | None) -> str | None:
    """The value of a text constant."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def number_of(node: ast.AST | None) -> int | None:
    """The value of an integer constant."""
    return node.value if isinstance(node, ast.Constant) and type(node.value) is int else None


def is_true(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((given.value for given in call.keywords if given.arg == name), None)


def argument(call: ast.Call, position: int, name: str = "") -> ast.expr | None:
    """A call's argument by position, or by its name."""
    if position < len(call.args):
        return call.args[position]
    return keyword(call, name) if name else None
