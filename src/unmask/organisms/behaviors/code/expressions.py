"""What expressions hold, at one point of the taint pass (see taint.py): values by where they came
from, and the calls that are dangerous for them."""

from __future__ import annotations

import ast
import dataclasses
import itertools
from collections.abc import Mapping, Sequence

from unmask.organisms.behaviors.code import calls, checks, rules
from unmask.organisms.behaviors.code.built import Texts
from unmask.organisms.behaviors.code.calls import BUILT, CUT
from unmask.organisms.behaviors.code.finding import Finding
from unmask.organisms.behaviors.code.names import (
    Name,
    dotted,
    is_true,
    keyword,
    resolved,
    text_of,
)
from unmask.organisms.behaviors.code.values import (
    CLEAN,
    JOINED,
    Value,
    result,
    risky,
    union,
    without,
)


@dataclasses.dataclass
class Expressions:
    """The state of the pass at one point of the program: what names hold, and what has been checked
    so far."""

    aliases: Mapping[str, str]
    texts: Texts
    _: dataclasses.KW_ONLY
    fragment: bool = False
    names: dict[str, Value] = dataclasses.field(default_factory=dict[str, Value])
    checked: dict[str, frozenset[str]] = dataclasses.field(
        default_factory=dict[str, frozenset[str]]
    )
    seen: dict[int, Value] = dataclasses.field(default_factory=dict[int, Value])
    found: list[Finding] = dataclasses.field(default_factory=list[Finding])
    changed: dict[str, Value | None] = dataclasses.field(default_factory=dict[str, Value | None])
    """What each name held (None: nothing) before the branch that is being followed, for those that
    it assigned."""

    def hold(self, name: str, value: Value) -> None:
        self.seen.clear()
        self.changed.setdefault(name, self.names.get(name))
        self.names[name] = value

    def assign(self, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            for element in target.elts:
                self.assign(element, value)
        elif isinstance(target, ast.Starred):
            self.assign(target.value, value)
        elif isinstance(target, ast.Subscript):
            name = dotted(target.value, {})
            self.hold(name, union((self.names.get(name, CLEAN), value)))
        else:
            self.hold(dotted(target, {}), value)

    # Checks and sinks

    def clear(self, test: ast.expr) -> None:
        for node, classes in checks.checks_in(test):
            for origin in self.origins(node):
                self.checked[origin] = self.checked.get(origin, frozenset()) | classes

    def origins(self, node: ast.expr) -> set[str]:
        """The inputs that an expression depends on. Not `value`, whose cost would double with each
        nested test."""
        inputs: set[str] = set()
        for part in ast.walk(node):
            if isinstance(part, ast.Name | ast.Attribute):
                inputs |= set(self.names.get(dotted(part, {}), CLEAN))
            if isinstance(part, ast.Attribute | ast.Subscript | ast.Call) and (
                origin := calls.origin_of(part, self.aliases)
            ):
                inputs.add(origin)
        return inputs

    def sink(self, node: ast.stmt | ast.expr, cwe: str, value: Value) -> None:
        if any(
            cwe in danger and cwe not in self.checked.get(origin, ())
            for origin, danger in value.items()
        ):
            finding = Finding(node.lineno, cwe, rules.MESSAGES[cwe], "taint")
            self.found.append(finding)

    # Expressions

    def value(self, node: ast.expr) -> Value:
        """What an expression holds; looked at once in a statement, so that the time stays
        linear."""
        if id(node) not in self.seen:
            self.seen[id(node)] = self.looked_at(node)
        return self.seen[id(node)]

    def looked_at(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Constant):
            return CLEAN
        if isinstance(node, ast.Name | ast.Attribute):
            return self.named(node)
        if isinstance(node, ast.Call):
            return self.call(node)
        if isinstance(node, ast.Subscript):
            return self.subscript(node)
        if isinstance(node, ast.JoinedStr):
            parts = [
                part.value if isinstance(part, ast.FormattedValue) else part for part in node.values
            ]
            return self.text(node, union([self.value(part) for part in parts]))
        if isinstance(node, ast.BinOp):
            return self.arithmetic(node)
        if isinstance(node, ast.IfExp):
            return self.either(node)
        if isinstance(node, ast.Compare):
            for operand in (node.left, *node.comparators):
                self.value(operand)
            return CLEAN
        if isinstance(node, ast.NamedExpr):
            value = self.value(node.value)
            self.assign(node.target, value)
            return value
        return self.parts(node)

    def either(self, node: ast.IfExp) -> Value:
        """A check in the test holds for both values that can come of it, and no further."""
        self.value(node.test)
        before = dict(self.checked)
        self.clear(node.test)
        value = union((self.value(node.body), self.value(node.orelse)))
        unchecked = {
            origin: danger - self.checked.get(origin, frozenset())
            for origin, danger in value.items()
        }
        self.checked = before
        return unchecked

    def parts(self, node: ast.expr) -> Value:
        """Anything else is as dangerous as what is in it; a comprehension first binds its names."""
        for loop in getattr(node, "generators", ()):
            self.assign(loop.target, self.value(loop.iter))
            for test in loop.ifs:
                self.value(test)
                self.clear(test)
        value = union(
            [
                self.value(child)
                for child in ast.iter_child_nodes(node)
                if isinstance(child, ast.expr)
            ]
        )
        return (
            without(value, frozenset({BUILT}))
            if isinstance(node, ast.List | ast.Tuple | ast.Set)
            else value
        )

    def named(self, node: ast.Name | ast.Attribute) -> Value:
        name = dotted(node, {})
        if name in self.names:
            return self.names[name]
        if (
            isinstance(node, ast.Attribute) and node.attr == "filename"
        ):  # an upload's, chosen by its sender
            return dict.fromkeys(self.value(node.value), rules.FLOWS)
        if isinstance(node, ast.Attribute) and calls.takes_name(node, self.aliases):
            return without(self.value(node.value), frozenset({"CWE-22"}))
        if origin := calls.origin_of(node, self.aliases):
            return {origin: rules.FLOWS}
        if self.fragment and isinstance(node, ast.Attribute) and dotted(node.value, {}) == "self":
            return {f"{CUT}{name}": frozenset({"CWE-79"})}
        return self.value(node.value) if isinstance(node, ast.Attribute) else CLEAN

    def subscript(self, node: ast.Subscript) -> Value:
        index = self.value(node.slice)
        if isinstance(node.ctx, ast.Load):
            self.sink(node, "CWE-20", index)
        if origin := calls.origin_of(node, self.aliases):
            return {origin: rules.FLOWS}
        value = self.value(node.value)
        return without(value, frozenset({"CWE-22"})) if calls.takes_last(node) else value

    def arithmetic(self, node: ast.BinOp) -> Value:
        value = union((self.value(node.left), self.value(node.right)))
        if isinstance(node.op, ast.Add) or (
            isinstance(node.op, ast.Mod) and self.texts.is_built(node)
        ):
            return self.text(node, value)
        if self.fragment and isinstance(node.op, ast.Div) and calls.is_folder(node.left):
            return risky(value, self.value(node.right), frozenset({"CWE-22", JOINED}))
        if isinstance(node.op, ast.Mult | ast.Sub):
            self.sink(node, "CWE-20", value)
        return without(value, frozenset({"CWE-20"})) if isinstance(node.op, ast.Mod) else value

    def text(self, node: ast.expr, value: Value) -> Value:
        """A text put together from parts: HTML if a constant among them is; bound to a host if the
        first is."""
        parts = self.texts.parts(node)
        if value and any(rules.HTML.search(text_of(part) or "") for part in parts):
            self.sink(node, "CWE-79", value)
        if not isinstance(node, ast.BinOp) or self.texts.is_text(parts):
            value = {origin: danger | {BUILT} for origin, danger in value.items()}
        if self.fragment and value and "://" not in self.texts.head_of(parts):
            later = [part for before, part in itertools.pairwise(parts) if calls.is_folder(before)]
            chosen = [part for part in later if isinstance(part, ast.expr)]
            value = risky(value, union(self.value(part) for part in chosen), {"CWE-22"})
        return without(value, checks.HOST) if value and self.fixes_host(parts) else value

    def fixes_host(self, parts: Sequence[ast.AST]) -> bool:
        """Whether a text begins with a host that the user does not choose: `BASE + "/users/" +
        name`."""
        if rules.FIXED_PREFIX.match(self.texts.head_of(parts)):
            return True
        filled = [part for part in parts if text_of(part) != ""]
        if len(filled) < 2 or not isinstance(filled[0], ast.Name | ast.Attribute):
            return False
        chosen = any(danger & checks.HOST for danger in self.value(filled[0]).values())
        return not chosen and not (text_of(filled[1]) or "").startswith(":")

    def call(self, node: ast.Call) -> Value:
        name = resolved(node.func, self.aliases)
        given = [*node.args, *(word.value for word in node.keywords)]
        receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
        values = {id(argument): self.value(argument) for argument in given}
        held = self.value(receiver) if receiver is not None else CLEAN
        if name.last == "format" and receiver is not None and not held:
            return self.text(node, union(values.values()))
        if origin := calls.origin_of(node, self.aliases):
            return {origin: rules.FLOWS}
        if self.fragment:
            self.passed(node, name, union(values.values()))
        reached = self.reached(node, name, values, held)
        if reached:
            kept = frozenset({"CWE-502", "CWE-611"}) if name.last == "open" else frozenset[str]()
            return {
                origin: danger & kept for origin, danger in union([held, *values.values()]).items()
            }
        value = union([held, *values.values()])
        if self.fragment and name.text.endswith(
            "path.join"
        ):  # made of a parameter behind its first part
            value = risky(
                value, union(values[id(part)] for part in node.args[1:]), {"CWE-22", JOINED}
            )
        if name.last in ("get", "pop") and receiver is not None and calls.is_uncertain(held):
            return union(
                values[id(argument)] for argument in node.args[1:]
            )  # looked up by it, not made of it
        return result(node, name, value, clamped=any(not part for part in values.values()))

    def passed(self, node: ast.Call, name: Name, value: Value) -> None:
        """In a fragment: a path made of a parameter must not be handed on unchecked."""
        own = "path." in name.text or name.last in rules.PATH_TOOLS
        if not (
            own
            or rules.SANITIZING_NAME.search(name.last)
            or rules.VALIDATING_NAME.search(name.last)
        ):
            joined = {origin: danger for origin, danger in value.items() if JOINED in danger}
            self.sink(node, "CWE-22", joined)

    def reached(self, node: ast.Call, name: Name, values: Mapping[int, Value], held: Value) -> bool:
        """Whether the call is a sink; reports it if what it is given is dangerous."""
        if name.text == "range":
            self.sink(node, "CWE-20", union(values.values()))
        if script := calls.shell_script(self.texts.arguments(node)):
            self.sink(node, "CWE-78", self.value(script))
        if name.last in rules.SHELL_CALLS and (not name.known or name.package == "subprocess"):
            if is_true(keyword(node, "shell")):
                self.sink(node, "CWE-78", union(values.values()))
            self.command(node, values)
            return True
        if calls.runs_commands(node, name):
            self.command(node, values)
        cwe, position = calls.sink_of(node, self.aliases)
        if not cwe or checks.defused(node, name, self.aliases, self.texts.bound):
            return bool(cwe)
        if cwe == "CWE-89" and node.args and self.texts.is_no_sql(node.args[0]):
            return True
        if position == rules.RECEIVER:
            reaching = [held]
        else:
            last = (
                position + 2 if f"{name.package}.{name.last}" in rules.SECOND_TOO else position + 1
            )
            reaching = [values[id(argument)] for argument in node.args[position:last]]
            reaching += [
                values[id(word.value)] for word in node.keywords if word.arg in rules.SINK_KEYWORDS
            ]
        self.sink(node, cwe, calls.counted(name, cwe, union(reaching), held))
        return True

    def command(self, node: ast.Call, values: Mapping[int, Value]) -> None:
        """A call that runs a command must not get it as a text that was put together."""
        if node.args:
            first = values[id(node.args[0])]
            built = {origin: danger for origin, danger in first.items() if BUILT in danger}
            self.sink(node, "CWE-78", built)
