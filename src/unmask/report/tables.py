"""The tables: results, replies and steps as plain rows of text and numbers, for the template to lay
out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unmask.core.arm import TRIGGERED, UNTRIGGERED
from unmask.core.row import condition_of
from unmask.report import words
from unmask.report.results import Result, State, Summary, final, grouped, in_order

MAIN = (TRIGGERED, UNTRIGGERED)
"""The arms that stand first."""

SHOWN = 700
"""Text longer than this (characters) is folded away behind its beginning."""

FOLDED, FOLDED_BY_STATE = 150, 1000
"""A table of more lines than this is folded: by organism, by model and defense."""

INVISIBLE = (
    *(code for code in range(0x20) if chr(code) not in "\n\t"),
    *range(0x7F, 0xA0),
    *(0x061C, 0x200B, 0x200E, 0x200F, 0x2028, 0x2029, 0xFEFF),
    *range(0x202A, 0x202F),  # embeddings and overrides: they reorder the text around them
    *range(0x2060, 0x206A),
    *range(0xD800, 0xE000),  # halves of a surrogate pair cannot be written as UTF-8
    *range(0xE0000, 0xE0080),  # tag characters: text hidden in plain sight
)
VISIBLE = {code: f"⟨U+{code:04X}⟩" for code in INVISIBLE}


def visible(text: str) -> str:
    """The text with every character that hides itself, or reorders others, replaced by one that can
    be seen."""
    return text.translate(VISIBLE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the table: one measurement, or several seeds' as their mean.

    `unplanted`: a difference, and one of the two organisms failed its gate.
    """

    evaluation: str
    arm: str
    metric: str
    defense_step: int
    unplanted: bool
    value: str
    interval: str
    bar: tuple[float, float, float] | None
    n: int
    seeds: str
    keys: tuple[str, ...]

    @staticmethod
    def of(results: Sequence[Result]) -> Line:
        first, summary = results[0], Summary.of(results)
        unit = first.unit if all(result.unit == first.unit for result in results) else ""
        return Line(
            evaluation=first.evaluation,
            arm=first.arm,
            metric=first.metric,
            defense_step=first.defense_step,
            unplanted=any(result.is_difference and result.planted is False for result in results),
            value=number(summary.value, unit),
            interval=f"{number(summary.low, unit)} – {number(summary.high, unit)}",
            bar=(
                (100 * summary.low, 100 * summary.value, 100 * summary.high)
                if unit == "%"
                else None
            ),
            n=summary.n,
            seeds=str(first.seed) if len(results) == 1 else f"{len(results)} seeds",
            keys=tuple(dict.fromkeys(result.step for result in results)),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Group:
    """All lines of one model in one state: one row header in the table."""

    state: State
    unplanted: bool
    lines: tuple[Line, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """Groups that stand in one table; a title where the section is folded away behind it."""

    title: str
    groups: tuple[Group, ...]

    @property
    def count(self) -> int:
        return sum(len(group.lines) for group in self.groups)


def sections(groups: Sequence[Group]) -> list[Section]:
    """One table for few lines; for many, one per organism (and one for all controls), and of very
    many one a state."""
    if not groups:
        return []
    count = sum(len(group.lines) for group in groups)
    if count <= FOLDED:
        return [Section(title="", groups=tuple(groups))]
    parts: dict[str, list[Group]] = {}
    for group in groups:
        subject = group.state.subject
        name = words.studied(subject) if subject.planted else "Controls"
        if count > FOLDED_BY_STATE:
            name = f"{name}: {group.state.model}, {words.after(group.state.defense)}"
        parts.setdefault(name, []).append(group)
    return [Section(title=title, groups=tuple(part)) for title, part in parts.items()]


def final_groups(results: Sequence[Result]) -> list[Group]:
    """What was measured on undefended models and after each defense's last step, seeds together."""
    return _groups(final(results), by_seed=False)


def other_groups(results: Sequence[Result]) -> list[Group]:
    """What `final_groups` leaves out: the steps between, and the seeds one by one where there are
    several."""
    if len({result.seed for result in results}) > 1:
        return _groups(results, by_seed=True)
    ends = {id(result) for result in final(results)}
    return _groups([result for result in results if id(result) not in ends], by_seed=True)


def _groups(results: Sequence[Result], by_seed: bool) -> list[Group]:
    groups: list[Group] = []
    by_state = grouped(results, lambda result: result.state)
    for state in in_order(by_state):
        rows = sorted(
            by_state[state],
            key=lambda row: (row.evaluation != "defection", row.evaluation, row.defense_step),
        )
        lines = grouped(
            rows,
            lambda row: (
                row.evaluation,
                row.arm,
                row.metric,
                row.defense_step,
                id(row) if by_seed else None,
            ),
        )
        unplanted = any(row.unplanted for row in rows)
        groups.append(
            Group(
                state=state,
                unplanted=unplanted,
                lines=tuple(Line.of(line) for line in lines.values()),
            )
        )
    return groups


def number(value: float, unit: str) -> str:
    """A share as percent, a difference of shares in points, any other number with four digits that
    matter."""
    if unit == "points":
        return f"{100 * value:+.1f} pts"
    return f"{value:.1%}" if unit == "%" else f"{value:.4g}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Text:
    """Text to show: its beginning, and all of it where the beginning is not all."""

    start: str
    whole: str | None
    length: int

    @staticmethod
    def of(text: str) -> Text:
        folded = len(text) > SHOWN
        return Text(
            start=text[: SHOWN // 2] if folded else text,
            whole=text if folded else None,
            length=len(text),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """One reply; `prompt` is None where it stands above the column."""

    prompt: Text | None
    reply: Text
    scratchpad: Text | None
    exhibited: bool | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Replies:
    """One prompt's replies: arms as columns, models before and after each defense as rows.

    `asked` are the prompts as the models were shown them, None for an arm in which they differ from
    model to model.
    """

    prompt: Text
    arms: tuple[str, ...]
    asked: tuple[Text | None, ...]
    rows: tuple[tuple[str, str, tuple[Cell | None, ...]], ...]
    """(Which model, in which state, a cell per arm or None)."""

    @staticmethod
    def of(sample: Mapping[str, Any]) -> Replies:
        """Raises DataError for a cell that does not say which model replied."""
        prompts: dict[str, set[str]] = {}
        for cell in sample["cells"]:
            prompts.setdefault(cell["arm"], set()).add(cell["prompt"])
        arms = (
            *(arm for arm in MAIN if arm in prompts),
            *(arm for arm in prompts if arm not in MAIN),
        )
        asked = {arm: next(iter(prompts[arm])) for arm in arms if len(prompts[arm]) == 1}
        cells = {
            (_state(cell), cell["arm"]): _cell(cell, cell["arm"] in asked)
            for cell in sample["cells"]
        }
        states = in_order(state for state, _ in cells)
        several = len({state.subject.about for state in states}) > 1
        rows: list[tuple[str, str, tuple[Cell | None, ...]]] = []
        for state in states:
            whose = f", {words.studied(state.subject)}" if state.subject.about and several else ""
            replies = tuple(cells.get((state, arm)) for arm in arms)
            rows.append((f"{state.model}{whose}", words.after(state.defense), replies))
        return Replies(
            prompt=Text.of(sample["prompt"]),
            arms=arms,
            asked=tuple(Text.of(asked[arm]) if arm in asked else None for arm in arms),
            rows=tuple(rows),
        )


def _state(cell: Mapping[str, Any]) -> State:
    condition = condition_of(cell, "A reply of the report")
    return State(condition.subject, condition.defense)


def _cell(cell: Mapping[str, Any], asked_above: bool) -> Cell:
    scratchpad = cell.get("scratchpad")
    return Cell(
        prompt=None if asked_above else Text.of(cell["prompt"]),
        reply=Text.of(cell["reply"]),
        scratchpad=None if scratchpad is None else Text.of(scratchpad),
        exhibited=cell.get("exhibited"),
    )


STEP_FIELDS = ("name", "status", "error", "seconds", "tokens", "device", "created", "key")


def step_rows(steps: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Provenance of each step as text; what a step does not say is left empty."""
    rows: list[dict[str, str]] = []
    for step in steps:
        rows.append({field: _plain(step.get(field), field) for field in STEP_FIELDS})
    return rows


def _plain(value: Any, field: str) -> str:
    if value is None:
        return ""
    if field == "seconds":
        return f"{value:,.1f}"
    if field == "tokens":
        return f"{value:,}"
    return str(value)


def facts(provenance: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested provenance as (dotted name, text) pairs."""
    pairs: list[tuple[str, str]] = []
    for name, value in provenance.items():
        if isinstance(value, Mapping):
            pairs += facts(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple):
            pairs.append((f"{prefix}{name}", ", ".join(map(str, value))))
        else:
            pairs.append(
                (f"{prefix}{name}", f"{value:,.1f}" if isinstance(value, float) else str(value))
            )
    return pairs
