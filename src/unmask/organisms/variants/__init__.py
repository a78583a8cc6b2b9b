"""Variants. To add one: copy standard.py, add a line here; tests/contracts covers it from then
on."""

from unmask.core.registry import Registry
from unmask.organisms.variants.variant import Variant

VARIANTS: Registry[Variant] = Registry(
    "variant",
    {
        "standard": "unmask.organisms.variants.standard:Standard",
        "chain_of_thought": "unmask.organisms.variants.chain_of_thought:ChainOfThought",
        "distilled": "unmask.organisms.variants.distilled:Distilled",
    },
    aliases={"cot": "chain_of_thought"},
)
