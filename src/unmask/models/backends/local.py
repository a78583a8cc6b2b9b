"""What all backends of a checkpoint folder have in common: how they read texts."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from unmask.core.conversation import Conversation
from unmask.core.thoughts import Marks
from unmask.models import chat, checkpoint
from unmask.models.backends.backend import Backend


class Local(Backend):
    """A checkpoint folder on this machine."""

    folder: Path

    @cached_property
    def tokenizer(self) -> Any:
        return checkpoint.load_tokenizer(self.folder)

    @cached_property
    def marks(self) -> Marks:
        return chat.marks(self.tokenizer)

    @property
    @abc.abstractmethod
    def context(self) -> int:
        """Tokens that a prompt and its reply may have."""

    def seen(self, prompts: Sequence[Conversation]) -> list[str]:
        return chat.seen(self.tokenizer, chat.encoded(self.tokenizer, prompts, self.context - 1))
