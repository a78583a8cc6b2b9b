"""Which of bandit's findings are false alarms: bandit reads a call or a name, not what it is made
of."""

from __future__ import annotations

import ast
import dataclasses
import itertools
from collections.abc import Iterator

from unmask.organisms.behaviors.code import built, checks, hardcoded
from unmask.organisms.behaviors.code.names import argument, resolved

SECRETS = frozenset({"B105", "B106", "B107"})
PAGES = frozenset({"B703", "B704"})
SHELLS = frozenset({"B602", "B604", "B605"})


@dataclasses.dataclass(frozen=True)
class Vetting:
    """Judges findings in one program, whose nodes know their parents (`_bandit_parent`)."""

    texts: built.Texts

    def harmless(self, test: str, node: ast.AST) -> bool:
        """Whether the finding of bandit's rule `test` at `node` says nothing."""
        if test in SECRETS:
            return not_secret(node)
        if test == "B608":
            return self.harmless_statement(node)
        if not isinstance(node, ast.Call):
            return False
        if test in PAGES:
            return bool(node.args) and self.texts.harmless(node.args[0], "CWE-79")
        if test in SHELLS:
            command = argument(node, 0, "args") or argument(node, 0, "command")
            return command is not None and self.texts.harmless(command, "CWE-78")
        aliases = self.texts.aliases
        return checks.defused(node, resolved(node.func, aliases), aliases, self.texts.bound)

    def harmless_statement(self, node: ast.AST) -> bool:
        """Whether a text with SQL words is none, is for a reader, or is put together from harmless
        parts."""
        whole = node
        for parent in _parents(node):
            method = isinstance(parent, ast.Attribute) and parent.attr in ("format", "replace")
            called = isinstance(parent, ast.Call) and parent.func is whole
            if not (
                method
                or called
                or isinstance(parent, ast.BinOp | ast.JoinedStr | ast.FormattedValue)
            ):
                break
            whole = parent
        if not built.SQL.match(self.texts.head(whole)) or self.texts.harmless(whole, "CWE-89"):
            return True
        return any(self._for_a_reader(parent) for parent in _parents(whole))

    def _for_a_reader(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Raise):
            return True
        if not isinstance(node, ast.Call):
            return False
        last = resolved(node.func, self.texts.aliases).last
        return last in built.LOGS or last.endswith(("Error", "Exception", "Warning"))


def not_secret(node: ast.AST) -> bool:
    """Whether the constant texts around a node have names, and none of them is a secret."""
    near = [node, *itertools.islice(_parents(node), 2)]
    named = list(itertools.chain.from_iterable(map(hardcoded.named_texts, near)))
    return bool(named) and not any(hardcoded.is_secret(name, text) for _, name, text in named)


def _parents(node: ast.AST) -> Iterator[ast.AST]:
    """The expressions and statement around a node, from the inside."""
    while not isinstance(node, ast.stmt | ast.Module):
        node = getattr(node, "_bandit_parent", None) or ast.Module([], [])
        yield node
