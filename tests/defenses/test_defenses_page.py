"""docs/defenses.md has every defense, and each of its settings."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from unmask.defenses import DEFENSES
from unmask.defenses.defense import ByTraining

PAGE = Path(__file__).parents[2] / "docs" / "defenses.md"
FIELDS = ("Mechanism", "Source", "Deviations", "Settings", "Cost", "Limits", "Here")
SHARED = {field.name for field in dataclasses.fields(ByTraining)}
REFERS = {"adversarial": "rl"}
"""A defense whose section says that another one's settings are its own, too."""


def sections() -> dict[str, str]:
    """The text under each heading of the third order."""
    parts = re.split(r"^#{2,3} (.+)$", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def settings(name: str) -> set[str]:
    kind: Any = DEFENSES.get(name)
    return {field.name for field in dataclasses.fields(kind)}


def own_settings(name: str) -> set[str]:
    """The settings that a defense has besides those of every training and the room in memory that a
    row takes."""
    return settings(name) - SHARED - {"seed", "tokens_per_example", "tokens_per_reply"}


def test_the_page_has_every_defense_that_comes_with_the_package() -> None:
    assert set(DEFENSES.table) <= set(sections())


@pytest.mark.parametrize("name", DEFENSES.table)
def test_a_section_says_all_that_is_asked(name: str) -> None:
    found = re.findall(r"^- \*\*(\w+)\*\*: \S", sections()[name], flags=re.MULTILINE)
    assert tuple(found) == FIELDS


@pytest.mark.parametrize("name", DEFENSES.table)
def test_a_section_has_every_setting_of_its_defense(name: str) -> None:
    said = sections()[name] + sections().get(REFERS.get(name, ""), "")
    missing = {setting for setting in own_settings(name) if f"`{setting}`" not in said}
    assert not missing


@pytest.mark.parametrize("name", DEFENSES.table)
def test_a_section_tells_of_no_setting_that_is_not_there(name: str) -> None:
    line = re.search(r"\*\*Settings\*\*: (.*?)\n- ", sections()[name], flags=re.DOTALL)
    assert line
    told = set(re.findall(r"`([a-z_]+)`", line[1]))
    assert told <= settings(name) | set(DEFENSES.names()) | {"reproduced"}
