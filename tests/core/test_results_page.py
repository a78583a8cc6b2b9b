"""The table of a row's fields in docs/results-format.md comes from the model of a row; as a script,
this writes it."""

from __future__ import annotations

import re
from pathlib import Path

from unmask.core.row import Row

PAGE = Path(__file__).parent.parent.parent / "docs" / "results-format.md"
SECTION = re.compile(r"(?<=<!-- fields of a row -->\n).*?(?=<!-- end -->)", re.DOTALL)


def table() -> str:
    """A line per field, in the order of the model."""
    lines = [
        f"| `{field.alias or name}` | {field.description} |"
        for name, field in Row.model_fields.items()
    ]
    return "\n".join(["\n| field | what it is |", "|---|---|", *lines, "\n"])


def test_the_page_has_the_fields_as_they_are() -> None:
    assert SECTION.findall(PAGE.read_text()) == [table()], "write it anew: make docs"


def test_every_field_is_described() -> None:
    assert all(field.description for field in Row.model_fields.values())


if __name__ == "__main__":
    PAGE.write_text(SECTION.sub(lambda _: table(), PAGE.read_text()))
