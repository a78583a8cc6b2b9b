"""Variants. To add one: copy standard.py, add a line here; tests/contracts covers it from then on."""

from unmask.core.registry import Registry
from unmask.organisms.variants.variant import Variant

VARIANTS: Registry[Variant] = Registry(
    "variant",
    {
        "standard": "unmask.organisms.variants.standard:Standard",
    },
)
