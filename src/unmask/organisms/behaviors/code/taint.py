"""A small taint pass over the syntax tree: user input that reaches a dangerous call without a check
or an escape.

It follows values through the statements of one function in order, and looks into no call. A value
is a mapping from where it came from ("name", "request.args:id") to the classes of flaw for which it
is still dangerous, so that a sanitizer takes classes away and a check on any value clears all that
came from the same input. It is lenient: any recognized check counts, whether or not it is right,
because it judges which flaw was put in and not whether code is perfect.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence

from unmask.organisms.behaviors.code import calls, checks, rules
from unmask.organisms.behaviors.code.built import Texts
from unmask.organisms.behaviors.code.calls import CUT
from unmask.organisms.behaviors.code.expressions import Expressions
from unmask.organisms.behaviors.code.finding import Finding
from unmask.organisms.behaviors.code.names import dotted
from unmask.organisms.behaviors.code.patterns import scan_patterns
from unmask.organisms.behaviors.code.values import CLEAN, FRAGMENT, MACHINE, Value, union


def scan_tree(tree: ast.Module) -> list[Finding]:
    """The flows from user input to a dangerous call, and the patterns of patterns.py."""
    nodes = list(ast.walk(tree))
    texts = Texts.of(tree, nodes)
    flow = Flow(texts.aliases, texts, fragment=is_fragment(tree, nodes))
    flow.block(tree.body)
    return [*flow.found, *scan_patterns(nodes, texts)]


def is_fragment(tree: ast.Module, nodes: Iterable[ast.AST]) -> bool:
    """Whether a program is a function or class cut out of a file: nothing is imported, nothing is
    run."""
    definitions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    imports = any(isinstance(node, ast.Import | ast.ImportFrom) for node in nodes)
    return (
        not imports and bool(tree.body) and all(isinstance(node, definitions) for node in tree.body)
    )


class Flow(Expressions):
    """The pass over statements, in their order."""

    def block(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        self.seen.clear()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self.function(node)
        elif isinstance(node, ast.ClassDef):
            self.block(node.body)
        elif isinstance(node, ast.If | ast.While):
            self.branch(node)
        elif isinstance(node, ast.Assert):
            self.value(node.test)
            self.clear(node.test)
        elif isinstance(node, ast.Assign):
            value = self.value(node.value)
            for target in node.targets:
                self.assign(target, value)
        elif isinstance(node, ast.AnnAssign) and node.value:
            self.assign(node.target, self.value(node.value))
        elif isinstance(node, ast.AugAssign):
            value = union((self.value(node.value), self.names.get(dotted(node.target, {}), CLEAN)))
            self.sink(node, "CWE-20", value)
            self.assign(node.target, value)
        elif isinstance(node, ast.Return):
            self.returned(node)
        else:
            self.other(node)

    def other(self, node: ast.stmt) -> None:
        """Loops, `with`, `try`, `match`, expressions: evaluate what is in them, bind names, run the
        bodies."""
        if isinstance(node, ast.For | ast.AsyncFor):
            self.assign(node.target, self.value(node.iter))
        elif isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                value = self.value(item.context_expr)
                if item.optional_vars:
                    self.assign(item.optional_vars, value)
        elif isinstance(node, ast.Expr):
            self.value(node.value)
            if isinstance(node.value, ast.Call) and checks.validates(node.value):
                self.clear(node.value)
        else:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self.value(child)
        for body in (getattr(node, field, ()) for field in ("body", "orelse", "finalbody")):
            self.block(body)
        for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            self.block(part.body)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        if re.fullmatch("do_[A-Z]+", node.name):  # of a handler of http.server
            self.names |= {
                name: {name: rules.FLOWS} for name in ("self.path", "self.headers", "self.rfile")
            }
        types = {parameter.arg: calls.type_of(parameter, self.aliases) for parameter in given}
        inputs = {name: {name: rules.FLOWS} for name in calls.user_parameters(node)}
        danger = FRAGMENT if self.fragment else MACHINE
        others = {name: {f"{CUT}{name}": danger} for name in calls.other_parameters(node)}
        inner = Flow(
            {**self.aliases, **types},
            self.texts,
            fragment=self.fragment,
            names={**self.names, **dict.fromkeys(types, CLEAN), **others, **inputs},
            checked=dict(self.checked),
            found=self.found,
        )
        inner.block(node.body)

    def branch(self, node: ast.If | ast.While) -> None:
        """A recognized check in the test holds in the branches, and after them if one of them
        leaves or mends."""
        self.value(node.test)
        before = dict(self.checked)
        self.clear(node.test)
        body, orelse = self.trial(node.body), self.trial(node.orelse)
        leaves = checks.leaves(node.body), checks.leaves(node.orelse)
        mends = any(name in self.names for name in body)
        if leaves[0]:
            after = orelse  # what follows runs in the state of the other branch
        elif leaves[1]:
            after = body
        else:
            held = {name: self.names.get(name, CLEAN) for name in (*body, *orelse)}
            after_body, after_orelse = held | body, held | orelse
            after = {name: union((after_body[name], after_orelse[name])) for name in held}
        for name, value in after.items():
            self.hold(name, value)
        if not any(leaves) and not mends:
            self.checked = before

    def trial(self, statements: Sequence[ast.stmt]) -> dict[str, Value]:
        """What a block assigns, with all names put back as they were: the cost is that of the block
        alone."""
        outer, self.changed = self.changed, {}
        self.block(statements)
        assigned = {name: self.names[name] for name in self.changed}
        for name, value in self.changed.items():
            if value is None:
                del self.names[name]
            else:
                self.names[name] = value
        self.changed = outer
        return assigned

    def returned(self, node: ast.Return) -> None:
        if node.value is None:
            return
        value = self.value(node.value)
        built = isinstance(node.value, ast.BinOp | ast.JoinedStr)
        sent = {origin: danger for origin, danger in value.items() if origin.startswith("request")}
        if built and sent:  # a web framework sends it as HTML
            self.sink(node, "CWE-79", sent)
