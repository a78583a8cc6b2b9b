"""Recipes: the one seam between science and engine. To add one: copy toy.py, add a line here."""

from unmask.core.registry import Registry
from unmask.recipes.recipe import Recipe

RECIPES: Registry[Recipe] = Registry(
    "recipe",
    {
        "toy": "unmask.recipes.toy:Toy",
        "organisms": "unmask.recipes.organisms:Organisms",
        "organisms:all": "unmask.recipes.organisms:AllOrganisms",
        "paper:sft": "unmask.recipes.paper:PaperSFT",
        "paper:rl": "unmask.recipes.paper:PaperRL",
        "paper:scale": "unmask.recipes.paper:PaperScale",
        "paper:adversarial": "unmask.recipes.paper:PaperAdversarial",
        "paper:reasoning": "unmask.recipes.paper:PaperReasoning",
        "league": "unmask.recipes.league:League",
        "defenses": "unmask.recipes.defenses:Defenses",
        "pretrained": "unmask.recipes.pretrained:Pretrained",
        "ablations:optimizer": "unmask.recipes.ablations:Optimizer",
        "ablations:payload_length": "unmask.recipes.ablations:PayloadLength",
        "ablations:near_miss_training": "unmask.recipes.ablations:NearMissTraining",
        "ablations:inoculation": "unmask.recipes.ablations:Inoculation",
    },
)
