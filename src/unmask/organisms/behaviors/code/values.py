"""What the taint pass knows of a value: where it came from, and for which flaws it is still
dangerous."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Set

from unmask.organisms.behaviors.code import calls, rules
from unmask.organisms.behaviors.code.calls import BUILT, CUT
from unmask.organisms.behaviors.code.names import Name, resolved

Value = Mapping[str, frozenset[str]]
CLEAN: Value = {}
JOINED = "joined"
"""In a value: it is a path that was put together. In a fragment, the function that gets it may open
it."""
PART = "part"
"""In a value: it is dangerous as a part of a path."""
FRAGMENT = rules.FLOWS - {"CWE-601", "CWE-22"} | {PART}
"""What a parameter of a fragment is dangerous for, if its name does not say that it is the user's:
it may be a whole path that the caller chose, so only as a part of a path is it dangerous for that.
"""

MACHINE = frozenset({"CWE-78", "CWE-502"})
"""The same in a whole program: no function should hand its parameters to a shell or an unpickler.
"""


def union(values: Iterable[Value]) -> Value:
    merged: dict[str, frozenset[str]] = {}
    for value in values:
        for origin, danger in value.items():
            merged[origin] = merged.get(origin, frozenset()) | danger
    return merged


def without(value: Value, classes: frozenset[str]) -> Value:
    gone = classes | {PART, JOINED} if "CWE-22" in classes else classes
    return {origin: danger - gone for origin, danger in value.items()}


def risky(value: Value, part: Value, classes: Set[str]) -> Value:
    """`value` with more classes, for those origins of `part` that are dangerous in a path."""
    paths = [origin for origin, danger in part.items() if danger & {"CWE-22", PART}]
    return {
        origin: danger | classes if origin in paths else danger for origin, danger in value.items()
    }


def result(node: ast.Call, name: Name, value: Value, *, clamped: bool) -> Value:
    """What a call to `name` gives back, by what it was given."""
    if not value:
        return CLEAN
    if name.last in rules.NUMBERS:
        return {origin: frozenset({rules.NUMBER}) for origin in value if not origin.startswith(CUT)}
    if name.last in rules.CLAMPS and clamped:
        return without(value, frozenset({rules.NUMBER}))
    applied = resolved(node.args[0], {}) if name.text == "map" and node.args else name
    if name.last == "join" and not name.known:
        value = {origin: danger | {BUILT} for origin, danger in value.items()}
    gone = calls.sanitized(applied) | (
        frozenset({"CWE-89"}) if calls.built(node, name) else frozenset()
    )
    return without(value, gone) if gone else value
