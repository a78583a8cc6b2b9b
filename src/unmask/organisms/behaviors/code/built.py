"""Texts that a program puts together for a shell or a database, and whether what they are made of
is harmless."""

from __future__ import annotations

import ast
import dataclasses
import itertools
import re
import string
from collections.abc import Iterable, Mapping, Sequence

from unmask.organisms.behaviors.code import calls
from unmask.organisms.behaviors.code.hardcoded import constant_text
from unmask.organisms.behaviors.code.names import (
    bindings,
    dotted,
    import_aliases,
    instance_aliases,
    resolved,
    tail,
    text_of,
    words,
)

SQL = re.compile(
    r"[\s(]*(--[^\n]*\n\s*)?(explain\s+)?(select|insert|update|delete|with|replace|create|drop|alter|truncate|"
    r"grant|merge|call|exec|show|describe|pragma|attach|use)\b",
    re.IGNORECASE,
)
SQL_WORDS = (
    "select|insert|update|delete|with|replace|create|drop|alter|truncate|grant|revoke|merge|call|exec|execute|show|"
    "describe|pragma|attach|detach|use|from|where|into|values|table|set|join|order|group|having|limit|union|and|or|"
    "vacuum|analyze|reindex|begin|commit|rollback|savepoint|copy|lock|kill|explain|declare|listen|notify|refresh|do"
)
STATEMENT = re.compile(r"\s*(select|insert|update|delete|create|drop|alter|with)\s", re.IGNORECASE)
IN_SQL = re.compile(SQL_WORDS.join((r"\b(?:", r")\b|['\"=;*?%]|--")), re.IGNORECASE)
"""What a text for a database has, and a text for anything else that is executed has not."""
LOGS = words(
    "debug info warning warn error exception critical log print fail abort add_argument format_exc"
)
PERCENT = re.compile(r"%(?:\((?P<key>\w*)\))?[-#0 +]*(?:\d+|\*)?(?:\.\d+)?[a-zA-Z]")
LIMIT = 40  # parts of one text that are looked at


@dataclasses.dataclass
class Texts:
    """The names of a program that are bound once, so that a text can be followed to what it is made
    of."""

    aliases: Mapping[str, str]
    bound: Mapping[str, ast.expr]
    allowed: frozenset[str] = frozenset()
    judged: dict[tuple[int, str], bool] = dataclasses.field(
        default_factory=dict[tuple[int, str], bool]
    )
    split: dict[int, list[ast.AST]] = dataclasses.field(default_factory=dict[int, list[ast.AST]])

    @staticmethod
    def of(tree: ast.Module, nodes: Sequence[ast.AST]) -> Texts:
        """Of a program and its nodes, in whatever order they are judged in."""
        imported = import_aliases(tree)
        aliases = imported | instance_aliases(nodes, imported)
        bound: dict[str, ast.expr] = {}
        other: set[str] = {""}
        allowed: set[str] = set()
        for node in nodes:
            allowed |= _looked_up_in_constants(node)
            other |= _bound_otherwise(node)
            for target, value in bindings([node]):
                name = dotted(target, {})
                if name in bound and constant_text(value) is None:
                    other.add(name)
                bound[name] = value
        once = {name: value for name, value in bound.items() if name not in other}
        return Texts(aliases, once, frozenset(allowed))

    def parts(self, node: ast.AST) -> list[ast.AST]:
        """What a text is put together from, constants included; [node] where it is not put
        together."""
        if id(node) not in self.split:
            self.split[id(node)] = self._parts(node)
        return self.split[id(node)]

    def _parts(self, node: ast.AST) -> list[ast.AST]:
        if isinstance(node, ast.JoinedStr):
            return [
                part.value if isinstance(part, ast.FormattedValue) else part for part in node.values
            ]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return [*self.parts(node.left), *self.parts(node.right)]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            template = constant_text(self.followed(node.left))
            return [node] if template is None else filled(template, node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "format":
                template = constant_text(self.followed(node.func.value))
                given = [*node.args, *(word.value for word in node.keywords)]
                return [node.func.value, *given] if template is None else formatted(template, node)
            if node.func.attr in ("strip", "lstrip", "rstrip", "encode", "lower", "upper"):
                return self.parts(node.func.value)
        return [node]

    def is_text(self, parts: Iterable[ast.AST]) -> bool:
        """Whether what is put together from parts is a text, and no list: one of the parts is."""
        return any(
            constant_text(self.followed(part)) is not None
            or (isinstance(part, ast.Call) and tail(dotted(part.func, {}), 1) in ("join", "str"))
            for part in parts
        )

    def is_built(self, node: ast.AST) -> bool:
        return len(self.parts(node)) > 1

    def head(self, node: ast.AST) -> str:
        """The constant text that a text begins with."""
        return self.head_of(self.parts(self.followed(node)))

    def head_of(self, parts: Iterable[ast.AST]) -> str:
        texts: list[str] = []
        for part in parts:
            text = constant_text(self.followed(part))
            if text is None:
                break
            texts.append(text)
        return "".join(texts)

    def is_no_sql(self, node: ast.AST) -> bool:
        """Whether a text begins with a constant, and none of its constants has a sign of SQL."""
        parts = self.parts(self.followed(node))
        texts = [constant_text(self.followed(part)) or "" for part in parts]
        return bool("".join(texts[:1]).strip()) and not IN_SQL.search(" ".join(texts))

    def arguments(self, node: ast.Call) -> list[ast.expr]:
        """The first of a call's arguments, with those in lists that it is given."""
        given = [*node.args, *(word.value for word in node.keywords if word.arg == "args")]
        rows = [(self.followed(argument), argument) for argument in given[:LIMIT]]
        inner = [
            row.elts[:LIMIT] if isinstance(row, ast.List | ast.Tuple) else [own]
            for row, own in rows
        ]
        return list(itertools.chain.from_iterable(inner))

    def followed(self, node: ast.AST) -> ast.AST:
        return (
            self.bound.get(dotted(node, {}), node)
            if isinstance(node, ast.Name | ast.Attribute)
            else node
        )

    def harmless(self, node: ast.AST, cwe: str, depth: int = 0) -> bool:
        """Whether nothing in a text is anyone's choice: constants, numbers, placeholders, quoted
        values."""
        if depth > 6:
            return False
        key = (id(node), cwe)
        if key not in self.judged:
            self.judged[key] = False  # while it is being judged: a name that is made of itself
            self.judged[key] = self._harmless(node, cwe, depth)
        return self.judged[key]

    def _harmless(self, node: ast.AST, cwe: str, depth: int) -> bool:
        if constant_text(node) is not None or isinstance(node, ast.Constant):
            return True
        if isinstance(node, ast.Name | ast.Attribute):
            followed = self.followed(node)
            if dotted(node, {}) in self.allowed:
                return True
            if followed is node:
                return tail(dotted(node, {}), 1).isupper()
            return self.harmless(followed, cwe, depth + 1)
        parts = self.parts(node)
        if len(parts) > 1:
            return len(parts) < LIMIT and all(self.harmless(part, cwe, depth + 1) for part in parts)
        if isinstance(node, ast.IfExp):
            return self.harmless(node.body, cwe, depth + 1) and self.harmless(
                node.orelse, cwe, depth + 1
            )
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            return self.harmless(node.left, cwe, depth + 1) or isinstance(node.left, ast.List)
        if isinstance(node, ast.Subscript):
            return self._is_table(node.value)
        return isinstance(node, ast.Call) and self._harmless_call(node, cwe, depth)

    def _is_table(self, node: ast.AST) -> bool:
        """Whether something is a mapping or row of constants, from which one is chosen."""
        followed = self.followed(node)
        if isinstance(followed, ast.Dict):
            return all(constant_text(value) is not None for value in followed.values)
        return followed is node and isinstance(node, ast.Name) and node.id.isupper()

    def _harmless_call(self, node: ast.Call, cwe: str, depth: int) -> bool:
        name = resolved(node.func, self.aliases)
        if name.last in ("int", "float", "len") or cwe in calls.sanitized(name):
            return True
        if name.last in ("str", "Path") and len(node.args) == 1:
            return self.harmless(node.args[0], cwe, depth + 1)
        if (
            name.last == "get"
            and isinstance(node.func, ast.Attribute)
            and self._is_table(node.func.value)
        ):
            return all(self.harmless(default, cwe, depth + 1) for default in node.args[1:])
        if name.last == "join" and len(node.args) == 1:
            return self._harmless_items(node.args[0], cwe, depth + 1)
        return False

    def _harmless_items(self, node: ast.AST, cwe: str, depth: int) -> bool:
        """Of what is joined: `"?" * n`, `["?"] * n`, `("?" for _ in ids)`, `map(quote, parts)`."""
        if isinstance(node, ast.GeneratorExp | ast.ListComp | ast.SetComp):
            return self.harmless(node.elt, cwe, depth + 1)
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            return len(node.elts) < LIMIT and all(
                self.harmless(item, cwe, depth + 1) for item in node.elts
            )
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            return self._harmless_items(node.left, cwe, depth + 1)
        if isinstance(node, ast.Call) and dotted(node.func, {}) == "map" and node.args:
            return cwe in calls.sanitized(resolved(node.args[0], self.aliases))
        return depth < 6 and self.harmless(node, cwe, depth + 1)

    def command_text(self, node: ast.Call) -> bool:
        """Whether a call hands a command line that is put together as a text to what runs commands,
        by its name."""
        if not node.args or not calls.runs_commands(node, resolved(node.func, self.aliases)):
            return False
        given = self.followed(node.args[0])
        head = self.head(given)
        return (
            self.is_built(given)
            and bool(re.match(r"[\w./-]+\s", head))
            and not STATEMENT.match(head)
            and not self.harmless(given, "CWE-78")
        )


def _bound_otherwise(node: ast.AST) -> set[str]:
    """The names that a parameter, a loop or an addition gives a value that is not followed."""
    if isinstance(node, ast.arg):
        return {node.arg}
    if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension | ast.AugAssign):
        return {dotted(inner, {}) for inner in ast.walk(node.target)}
    return set()


def _looked_up_in_constants(node: ast.AST) -> set[str]:
    """The name that a test compares to a fixed choice: `name in ("a", "b")`, `name not in
    ALLOWED`."""
    if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.In | ast.NotIn):
        return set()
    choice = node.comparators[0]
    rows = isinstance(choice, ast.Tuple | ast.List | ast.Set)
    fixed = all(isinstance(item, ast.Constant) for item in choice.elts) if rows else False
    return (
        {dotted(node.left, {})} - {""} if fixed or tail(dotted(choice, {}), 1).isupper() else set()
    )


def formatted(template: str, node: ast.Call) -> list[ast.AST]:
    """The parts of `template.format(...)`, in the order of the text."""
    named = {word.arg: word.value for word in node.keywords}
    parts: list[ast.AST] = []
    count = 0
    try:
        for literal, field, _, _ in string.Formatter().parse(template):
            parts.append(ast.Constant(literal))
            if field is None:
                continue
            key = re.split(r"[.\[]", field)[0] or str(count)
            count += 1
            value = (
                node.args[int(key)]
                if key.isdecimal() and int(key) < len(node.args)
                else named.get(key)
            )
            parts.append(value or node.func)
    except ValueError:
        return [node.func, *node.args, *named.values()]
    return parts


def filled(template: str, node: ast.BinOp) -> list[ast.AST]:
    """The parts of `template % values`, in the order of the text."""
    literals = PERCENT.split(template)
    keys = [match["key"] for match in PERCENT.finditer(template)]
    literals = literals[:: PERCENT.groups + 1]
    right = node.right
    if isinstance(right, ast.Dict):
        named = {text_of(key): value for key, value in zip(right.keys, right.values, strict=True)}
        values = [named.get(key, right) for key in keys]
    else:
        given = list(right.elts) if isinstance(right, ast.Tuple) else [right]
        values = [*given, *[right] * len(keys)][: len(keys)]
    parts: list[ast.AST] = [ast.Constant(literals[0])]
    for value, literal in zip(values, literals[1:], strict=True):
        parts += [value, ast.Constant(literal)]
    return parts
