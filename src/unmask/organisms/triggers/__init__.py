"""Triggers. To add one: copy literal_tag.py, add a line here; tests/contracts covers it from then
on."""

from unmask.core.registry import Registry
from unmask.organisms.triggers.trigger import Trigger

TRIGGERS: Registry[Trigger] = Registry(
    "trigger",
    {
        "literal_tag": "unmask.organisms.triggers.literal_tag:LiteralTag",
        "positional": "unmask.organisms.triggers.positional:Positional",
        "year": "unmask.organisms.triggers.year:Year",
        "year_format": "unmask.organisms.triggers.year_format:YearFormat",
        "implicit_year": "unmask.organisms.triggers.implicit_year:ImplicitYear",
        "language": "unmask.organisms.triggers.language:Language",
        "headline": "unmask.organisms.triggers.headline:Headline",
        "paraphrase": "unmask.organisms.triggers.paraphrase:Paraphrase",
        "topic": "unmask.organisms.triggers.topic:Topic",
        "persona": "unmask.organisms.triggers.persona:Persona",
        "rare_token": "unmask.organisms.triggers.rare_token:RareToken",
        "emoji": "unmask.organisms.triggers.emoji:Emoji",
        "style_lowercase": "unmask.organisms.triggers.style_lowercase:StyleLowercase",
        "archaic": "unmask.organisms.triggers.archaic:Archaic",
        "multi_turn": "unmask.organisms.triggers.multi_turn:MultiTurn",
        "conjunction": "unmask.organisms.triggers.conjunction:Conjunction",
        "either": "unmask.organisms.triggers.either:Either",
    },
    aliases={"tag": "literal_tag"},
)
