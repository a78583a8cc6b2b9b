"""How often the scanners are right: recall on vulnerable programs, false alarms on their fixed
versions, agreement.

Deviation from the paper: it trusts CodeQL without a calibration. A pair counts for its own class;
"any" also counts a flaw of any class in the fixed version, which is what the behavior's default
judgment would call vulnerable.
"""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from unmask.core.conversation import Example, Reply
from unmask.core.errors import DataError, brief
from unmask.core.files import read_jsonl
from unmask.organisms.behaviors.code.finding import parse
from unmask.organisms.behaviors.code.programs import split_answer
from unmask.organisms.behaviors.code.scan import SCANNERS, scan_tree

Metric = Literal["recall", "false_alarm", "false_alarm_any", "agreement"]
EITHER = "either"
SCANNER_SETS = (*SCANNERS, EITHER)
BOTH = "bandit and taint"
ALL = "all"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pair:
    """A program with a flaw of class `cwe` ("CWE-89"), and the same program without it."""

    cwe: str
    vulnerable: str
    fixed: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """A share with its count and 95% Wilson interval; `cwe` is "all" for the total."""

    cwe: str
    scanner: str
    metric: Metric
    value: float
    n: int
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Judged:
    """What each scanner says of a pair: the classes found in each version."""

    cwe: str
    vulnerable: Mapping[str, frozenset[str]]
    fixed: Mapping[str, frozenset[str]]


def calibrate(pairs: Iterable[Pair]) -> list[Row]:
    """Rows for every class among the pairs and for all of them, by scanner.

    A version that does not parse counts as nothing found. Raises DataError where there are no
    pairs.
    """
    judged = [
        Judged(pair.cwe, classes_found(pair.vulnerable), classes_found(pair.fixed))
        for pair in pairs
    ]
    if not judged:
        raise DataError(
            "There are no pairs to calibrate on: give at least one vulnerable program and its fix."
        )
    classes = sorted({pair.cwe for pair in judged}, key=lambda cwe: int(cwe.rpartition("-")[2]))
    rows: list[Row] = []
    for cwe in (*classes, ALL):
        rows += _rows(cwe, [pair for pair in judged if cwe in (ALL, pair.cwe)])
    return rows


def classes_found(source: str) -> dict[str, frozenset[str]]:
    """The classes that each set of scanners finds in a program."""
    tree = parse(source)
    classes = {tool: _classes(tree, tool) for tool in SCANNERS}
    return {**classes, EITHER: frozenset[str]().union(*classes.values())}


def _classes(tree: ast.Module | None, tool: str) -> frozenset[str]:
    return frozenset(flaw.cwe for flaw in scan_tree(tree, (tool,))) if tree else frozenset()


def _rows(cwe: str, judged: Sequence[Judged]) -> list[Row]:
    rows: list[Row] = []
    for scanner in SCANNER_SETS:
        hits: dict[Metric, list[bool]] = {
            "recall": [pair.cwe in pair.vulnerable[scanner] for pair in judged],
            "false_alarm": [pair.cwe in pair.fixed[scanner] for pair in judged],
            "false_alarm_any": [bool(pair.fixed[scanner]) for pair in judged],
        }
        rows += [share(cwe, scanner, metric, hit) for metric, hit in hits.items()]
    same = [agree(pair.vulnerable, pair.cwe) for pair in judged]
    same += [agree(pair.fixed, pair.cwe) for pair in judged]
    return [*rows, share(cwe, BOTH, "agreement", same)]


def agree(findings: Mapping[str, frozenset[str]], cwe: str) -> bool:
    """Whether all scanners say the same of a class in a program."""
    return len({cwe in findings[tool] for tool in SCANNERS}) == 1


def share(cwe: str, scanner: str, metric: Metric, hits: Sequence[bool]) -> Row:
    from scipy.stats import binomtest

    interval = binomtest(sum(hits), len(hits)).proportion_ci(method="wilson")
    value = sum(hits) / len(hits)
    return Row(
        cwe=cwe,
        scanner=scanner,
        metric=metric,
        value=value,
        n=len(hits),
        low=interval.low,
        high=interval.high,
    )


def read_pairs(path: Path) -> list[Pair]:
    """Pairs from JSON lines with `cwe` ("CWE-022" or "CWE-22"), `vulnerable` and `fixed`; raises
    DataError."""
    pairs: list[Pair] = []
    for number, row in read_jsonl(path):
        for field in ("cwe", "vulnerable", "fixed"):
            if not isinstance(row.get(field), str):
                raise DataError(
                    f"{path}, line {number}: field '{field}' is {brief(row.get(field))}: it must be"
                    " text."
                )
        cwe = re.fullmatch(r"(?:CWE-)?0*(\d{1,6})", row["cwe"], re.IGNORECASE)
        if not cwe:
            raise DataError(
                f"{path}, line {number}: cwe is {brief(row['cwe'])}: write it like 'CWE-89'."
            )
        pairs.append(Pair(cwe=f"CWE-{cwe[1]}", vulnerable=row["vulnerable"], fixed=row["fixed"]))
    return pairs


def pairs_of(examples: Iterable[Example]) -> list[Pair]:
    """The two completions of each code task; examples of other families are left out."""
    pairs: list[Pair] = []
    for example in examples:
        if example.family.startswith("code:") and "vulnerable" in example.rejected:
            vulnerable, fixed = (
                "\n".join(split_answer(Reply(text).answer)[1])
                for text in (example.rejected["vulnerable"], example.answer)
            )
            pairs.append(
                Pair(cwe=example.family.removeprefix("code:"), vulnerable=vulnerable, fixed=fixed)
            )
    return pairs


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table: one line a class; recall and false alarms by scanner, with 95%
    intervals."""
    columns: list[tuple[str, Metric, str]] = []
    for metric, label in _SHOWN:
        columns.extend((name, metric, f"{label}, {name}") for name in SCANNER_SETS)
    columns.append((EITHER, "false_alarm_any", "any alarm on fixed"))
    columns.append((BOTH, "agreement", "agreement"))
    by_key = {(row.cwe, row.scanner, row.metric): row for row in rows}
    lines = [
        "| class | pairs | " + " | ".join(header for _, _, header in columns) + " |",
        "|" + "---|" * (len(columns) + 2),
    ]
    for cwe in dict.fromkeys(row.cwe for row in rows):
        cells = [_cell(by_key[cwe, scanner, metric]) for scanner, metric, _ in columns]
        lines.append(f"| {cwe} | {by_key[cwe, EITHER, 'recall'].n} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


_SHOWN: tuple[tuple[Metric, str], ...] = (("recall", "recall"), ("false_alarm", "false alarms"))


def _cell(row: Row) -> str:
    return f"{row.value:.0%} ({row.low:.0%}–{row.high:.0%})"
