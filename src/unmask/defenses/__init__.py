"""Defenses. To add one: copy sft.py, add a line here; tests/contracts covers it from then on."""

from unmask.core.registry import Registry
from unmask.defenses.defense import Defense

DEFENSES: Registry[Defense] = Registry(
    "defense",
    {
        "nothing": "unmask.defenses.nothing:Nothing",
        "sft": "unmask.defenses.sft:SFT",
        "rl": "unmask.defenses.rl:RL",
        "dpo": "unmask.defenses.dpo:DPO",
        "pirate": "unmask.defenses.pirate:Pirate",
        "pirate_undone": "unmask.defenses.pirate:PirateUndone",
        "adversarial": "unmask.defenses.adversarial:Adversarial",
        "merge": "unmask.defenses.merge:Merge",
        "prune": "unmask.defenses.prune:Prune",
        "rounded": "unmask.defenses.rounded:Rounded",
        "cleangen": "unmask.defenses.cleangen:CleanGen",
        "steer": "unmask.defenses.steer:Steer",
        "matched": "unmask.defenses.matched:Matched",
        "sande": "unmask.defenses.sande:Sande",
        "patch": "unmask.defenses.patch:Patch",
        "noised": "unmask.defenses.noised:Noised",
        "crow": "unmask.defenses.crow:Crow",
        "lat": "unmask.defenses.lat:LAT",
        "lat_targeted": "unmask.defenses.lat:TargetedLAT",
        "undo": "unmask.defenses.undo:Undo",
        "beear": "unmask.defenses.beear:Beear",
        "vaccine": "unmask.defenses.vaccine:Vaccine",
    },
    aliases={"none": "nothing"},
)
