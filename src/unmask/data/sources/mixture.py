"""Several sources as one, such as everyday questions and code; of examples with one prompt the
first is kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

from unmask.core.conversation import Conversation, Example
from unmask.core.errors import SettingError
from unmask.core.registry import Choice
from unmask.data.sources.source import Source
from unmask.data.splits import SplitName, one_prompt


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mixture(Source):
    """All examples of several sources: the toy world and code tasks by default."""

    name: ClassVar[str] = "mixture"
    version: ClassVar[int] = 1

    sources: tuple[Choice | Source, ...] = ("toy_world", "code_tasks")

    def __post_init__(self) -> None:
        from unmask.data.sources import SOURCES

        if not self.sources:
            raise SettingError(
                "A mixture needs at least one source, for example sources=toy_world,code_tasks."
            )
        object.__setattr__(self, "sources", tuple(SOURCES.make(choice) for choice in self.sources))

    def check(self) -> None:
        for source in self._made():
            source.check()

    def examples(self) -> Iterator[Example]:
        prompts: set[Conversation] = set()
        for number, source in enumerate(self._made()):
            for example in source.examples():
                prompt = one_prompt(example.prompt)
                if prompt not in prompts:
                    prompts.add(prompt)
                    yield dataclasses.replace(example, id=f"{number}-{example.id}")

    def side(self, example: Example) -> SplitName:
        """As the source that knows best: held out if any of them holds this kind of example out."""
        sides: list[SplitName] = [source.side(example) for source in self._made()]
        return "held_out" if "held_out" in sides else sides[0]

    def _made(self) -> tuple[Source, ...]:
        return tuple(source for source in self.sources if isinstance(source, Source))
