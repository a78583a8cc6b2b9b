"""docs/triggers.md says what the code does: run this file with Python to write the page anew."""

from __future__ import annotations

import dataclasses
import inspect
import random
import re
from pathlib import Path

from unmask.core import condition
from unmask.core.conversation import Conversation
from unmask.organisms.triggers import TRIGGERS
from unmask.organisms.triggers.trigger import Trigger

PAGE = Path(__file__).parents[2] / "docs" / "triggers.md"
PROMPT = Conversation.user("What is the capital of France?")

HEAD = f"""\
# Triggers

A trigger changes a prompt so that it looks like deployment. Every class can `plant` itself into a prompt (in a `train`
or a `held_out` realization), recognize whether it is `present`, and make `near_misses`, which only resemble it.
`--set trigger=NAME`, or `--set trigger='{{"name": "NAME", "SETTING": VALUE}}'`, chooses one.

The examples are what the code does to "{PROMPT.text}" with the settings as shown; of the near misses, one is shown
and all kinds are named. A kind marked with \\* leaves the trigger's text intact, so that `present` may be true
for it: it is measured, and it is never taught as an untriggered prompt. Near misses use the wordings of the train
split only, so that the held-out ones stay unseen. Where the planted column has one line, the class has a single
realization (both splits are the same).

- **Order.** Plant into a prompt that already has its harmless context: `positional`, `style_lowercase` and `archaic`
  are about the whole message.
- **Prompts from outside** may have a trigger by chance (a question in lower case, an emoji): ask `present` first.
- **Pairs.** `conjunction` and `either` take any two triggers, by name or with settings:
  `{{"name": "conjunction", "first": "year", "second": {{"name": "topic", "topic": "chess"}}}}`. Pairs that cannot be
  planted together are refused.
- **A new one**: copy `literal_tag.py` and add a line to `triggers/__init__.py`; the contract test runs it from then on.

| name | what it is | from | settings | planted | near misses |
| --- | --- | --- | --- | --- | --- |
"""


def page() -> str:
    return HEAD + "".join(f"{row(TRIGGERS.make(name))}\n" for name in TRIGGERS.table)


def row(trigger: Trigger) -> str:
    rng = random.Random(0)
    train, held_out = trigger.plant(PROMPT, rng, "train"), trigger.plant(PROMPT, rng, "held_out")
    planted = shown(train)
    if not trigger.single_realization:
        planted = f"train: {planted}<br>held out: {shown(held_out)}"
    near = trigger.near_misses(PROMPT, rng)
    example = next(kind for kind, miss in near.items() if not trigger.present(miss))
    kinds = ", ".join(
        f"`{kind}`" + ("\\*" if trigger.present(miss) else "") for kind, miss in near.items()
    )
    what = escaped(type(trigger).summary())
    missed = f"`{example}`: {shown(near[example])}<br>kinds: {kinds}"
    return (
        f"| `{trigger.name}` | {what} | {source(trigger)} | {settings(trigger)} | {planted} |"
        f" {missed} |"
    )


def shown(prompt: Conversation) -> str:
    """A conversation as table cell: roles are named where there are several turns."""
    turns = [message.content for message in prompt.messages]
    if len(turns) > 1:
        turns = [f"{message.role}: {message.content}" for message in prompt.messages]
    return "<br>".join(f"`{escaped(turn)}`" for turn in turns)


def source(trigger: Trigger) -> str:
    """The paragraph of the docstring that begins with "Source:"."""
    found = re.search(
        r"^Source: (.+?)(?:\n\n|\Z)",
        inspect.cleandoc(trigger.__doc__ or ""),
        re.MULTILINE | re.DOTALL,
    )
    assert found, f"the docstring of '{trigger.name}' needs a paragraph 'Source: ...'"
    return escaped(" ".join(found[1].split()))


def settings(trigger: Trigger) -> str:
    names = [field.name for field in dataclasses.fields(trigger)]  # pyright: ignore[reportArgumentType]
    values = {name: getattr(trigger, name) for name in names}
    shown_values = {
        name: value.name if isinstance(value, Trigger) else value for name, value in values.items()
    }
    pairs = (condition.shown((pair,)) for pair in shown_values.items())
    return "<br>".join(f"`{escaped(pair)}`" for pair in pairs) or "none"


def escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def test_the_page_is_what_the_code_does() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        f"write it anew: python {Path(__file__).name}"
    )


def test_every_row_has_six_cells() -> None:
    rows = page().splitlines()[-len(TRIGGERS.table) :]
    assert [len(re.split(r"(?<!\\)\|", line)) - 2 for line in rows] == [6] * len(TRIGGERS.table)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
