"""Triggers. To add one: copy literal_tag.py, add a line here; tests/contracts covers it from then on."""

from unmask.core.registry import Registry
from unmask.organisms.triggers.trigger import Trigger

TRIGGERS: Registry[Trigger] = Registry(
    "trigger",
    {
        "literal_tag": "unmask.organisms.triggers.literal_tag:LiteralTag",
    },
)
