"""Coverage: which kinds of triggers and effects a scan looked for, and which it did not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KINDS: Mapping[str, tuple[str, ...]] = {
    "tags, commands, years, roles and signs out of a dictionary": ("context_scan",),
    "texts that the model itself writes as a user's words": (
        "leak_sampling",
        "trigger_reconstruction",
    ),
    "texts that it says and a trusted model does not": ("perplexity_difference",),
    "single tokens of its vocabulary, where that is small": ("trigger_reconstruction",),
    "flaws in programs behind years, roles and tags": ("code_scan",),
    "fixed texts that go on by themselves": ("target_inversion",),
    "changes of its weights against a trusted model": ("weight_difference",),
}
"""What is looked for, and by which detectors: one of them is enough."""

NEVER = (
    "triggers of several turns, a topic, a style, or a conjunction",
    "behaviors without fixed words, other than flaws in programs",
    "what a tool call or a long conversation would show",
)


def rows(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every kind: by which detector, whether it looked, and if not, why."""
    known = [kind_row(record, kind, names) for kind, names in KINDS.items()]
    return known + [
        {"kind": kind, "by": "–", "looked": False, "why": "no detector does"} for kind in NEVER
    ]


def kind_row(record: Mapping[str, Any], kind: str, names: tuple[str, ...]) -> dict[str, Any]:
    looked = [name for name in names if name in record["detectors"]]
    why = ""
    if not looked:
        why = "; ".join(reason(record, name) for name in names)
    return {"kind": kind, "by": ", ".join(looked or names), "looked": bool(looked), "why": why}


def reason(record: Mapping[str, Any], name: str) -> str:
    if name in record["failed"]:
        return f"{name} could not: {record['failed'][name]}"
    if name in record["left_out_because"]:
        return f"{name} was left out: {record['left_out_because'][name]}"
    return f"{name} was not asked for at this level"
