"""Recipes: the one seam between science and engine. To add one: copy toy.py, add a line here."""

from unmask.core.registry import Registry
from unmask.recipes.recipe import Recipe

RECIPES: Registry[Recipe] = Registry(
    "recipe",
    {
        "toy": "unmask.recipes.toy:Toy",
        "organisms": "unmask.recipes.organisms:Organisms",
        "organisms:all": "unmask.recipes.organisms:AllOrganisms",
    },
)
