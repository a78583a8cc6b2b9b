"""The tables of a row's fields and columns in docs/results-format.md come from the code; as a
script, this writes them."""

from __future__ import annotations

import re
from pathlib import Path

from unmask.analysis.table import COLUMNS
from unmask.core.row import Row

PAGE = Path(__file__).parent.parent.parent / "docs" / "results-format.md"
SECTION = re.compile(r"(?<=<!-- fields of a row -->\n).*?(?=<!-- end -->)", re.DOTALL)

TABLE = re.compile(r"(?<=<!-- columns of a table -->\n).*?(?=<!-- end of columns -->)", re.DOTALL)


def columns() -> str:
    """A line per column of an exported table."""
    lines = [f"| `{name}` | {about} |" for name, (_, about) in COLUMNS.items()]
    return "\n".join(["\n| column | what it is |", "|---|---|", *lines, "\n"])


def table() -> str:
    """A line per field, in the order of the model."""
    lines = [
        f"| `{field.alias or name}` | {field.description} |"
        for name, field in Row.model_fields.items()
    ]
    return "\n".join(["\n| field | what it is |", "|---|---|", *lines, "\n"])


def test_the_page_has_the_fields_as_they_are() -> None:
    assert SECTION.findall(PAGE.read_text()) == [table()], "write it anew: make docs"
    assert TABLE.findall(PAGE.read_text()) == [columns()], "write it anew: make docs"


def test_every_field_is_described() -> None:
    assert all(field.description for field in Row.model_fields.values())


if __name__ == "__main__":
    page = SECTION.sub(lambda _: table(), PAGE.read_text())
    PAGE.write_text(TABLE.sub(lambda _: columns(), page))
