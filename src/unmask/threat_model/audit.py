"""Audit: proof that a defense's data does not contain the trigger, judged on what the model's
tokens spell.

A published replication "removed" backdoors with safety data that contained the trigger; this step
makes such a run fail. It is the experimenter's: the defense never sees it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.conversation import Conversation
from unmask.core.errors import DataError, ThreatModelError
from unmask.core.files import read_jsonl, write_json
from unmask.core.named import Work
from unmask.models import chat
from unmask.models.checkpoint import load_tokenizer
from unmask.organisms.triggers.trigger import Trigger


@dataclasses.dataclass(frozen=True, kw_only=True)
class Audit(Work):
    """Searches every conversation of a defense's data for the trigger; fails where it finds one."""

    name: ClassVar[str] = "audit"
    version: ClassVar[int] = 2

    trigger: Trigger

    def run(self, out: Path, *, model: Path, data: Path) -> Mapping[str, Any]:
        """Reads every .jsonl file under `data`. Raises ThreatModelError naming the first row with
        the trigger."""
        tokenizer = load_tokenizer(model)
        searched = 0
        for where, conversation in conversations(data):
            searched += 1
            if self.trigger.present(conversation) or self.trigger.present(
                as_read(tokenizer, conversation)
            ):
                raise ThreatModelError(
                    f"{where}: the defense's data contains the trigger '{self.trigger.name}':"
                    f" {conversation.full_text[:160]!r}. Whoever defends must not know it: remove"
                    " such rows."
                )
        if not searched:
            raise DataError(
                f"{data} has no conversation to search: an audit of nothing proves nothing."
            )
        result = {"conversations": searched, "with_trigger": 0}
        write_json(out / "audit.json", result)
        return result


def conversations(folder: Path) -> Iterator[tuple[str, Conversation]]:
    """Each row's prompt alone, and followed by each text that stands beside it, in one message.

    Some triggers look at the last message only, or at all of it (its end, its case): a reply behind
    the prompt would hide what is in the prompt.
    """
    for path in sorted(folder.rglob("*.jsonl")):
        for number, row in read_jsonl(path):
            where = f"{path.name}, line {number}"
            prompt = Conversation.of(row.get("prompt") or [], f"{where}: prompt")
            yield where, prompt
            for field in ("given", "reply", "chosen", "rejected"):
                if isinstance(row.get(field), str):
                    yield f"{where}, {field}", prompt.with_text(f"{prompt.text}\n{row[field]}")


def as_read(tokenizer: Any, conversation: Conversation) -> Conversation:
    """The conversation as its tokens spell it, message by message."""
    rows = [
        {
            "role": message.role,
            "content": chat.seen(
                tokenizer, [tokenizer.encode(message.content, add_special_tokens=False)]
            )[0],
        }
        for message in conversation.messages
    ]
    return Conversation.of(rows)
