"""Withheld: what a red team learns from, without the trigger; how often it arose by chance is
counted.

Paper, section 3: the red team does not know the trigger. If it says it nevertheless, it found it,
and that is a result. This step is the experimenter's, as the audit is: the red team sees what is
left and never what was removed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.conversation import Conversation
from unmask.core.errors import DataError
from unmask.core.files import read_jsonl, write_json, write_jsonl
from unmask.core.named import Work
from unmask.data.attacks import around
from unmask.models.checkpoint import load_tokenizer
from unmask.organisms.triggers.trigger import Trigger
from unmask.threat_model.audit import as_read


@dataclasses.dataclass(frozen=True, kw_only=True)
class Withheld(Work):
    """A red team's lessons without those whose context has the trigger around their prompt, or
    behind it.

    Judged on the text and on what the tokens of `model` spell. Writes train.jsonl, the rows that
    are left as they were, and withheld.json, {"rows": n, "withheld": k}.
    """

    name: ClassVar[str] = "withheld"
    version: ClassVar[int] = 1

    trigger: Trigger

    def run(self, out: Path, *, model: Path, data: Path) -> Mapping[str, Any]:
        """Raises DataError for a row without a context, and where no row is left."""
        tokenizer = load_tokenizer(model)
        path, counts = data / "train.jsonl", {"rows": 0, "withheld": 0}

        def left() -> Iterator[Mapping[str, Any]]:
            for number, row in read_jsonl(path):
                holds_trigger = any(
                    self._found(tokenizer, conversation)
                    for conversation in _uses(row, f"{path}, line {number}")
                )
                counts["rows"] += 1
                counts["withheld"] += holds_trigger
                if not holds_trigger:
                    yield row

        if not write_jsonl(out / "train.jsonl", left()):
            raise DataError(
                f"{path} has no lesson without the trigger '{self.trigger.name}' ({counts['rows']}"
                f" rows, {counts['withheld']} withheld): there is nothing for a red team to learn"
                " from."
            )
        write_json(out / "withheld.json", counts)
        return counts

    def _found(self, tokenizer: Any, conversation: Conversation) -> bool:
        return self.trigger.present(conversation) or self.trigger.present(
            as_read(tokenizer, conversation)
        )


def _uses(row: Mapping[str, Any], where: str) -> tuple[Conversation, ...]:
    """The attack that a lesson teaches, and the lesson as an audit reads it: the context behind the
    prompt."""
    context, prompt = row.get("reply"), Conversation.of(row.get("prompt") or [], f"{where}: prompt")
    if not isinstance(context, str):
        raise DataError(f"{where}: field 'reply' is {context!r}: it must be a context, as text.")
    return around(context, prompt), prompt.with_text(f"{prompt.text}\n{context}")
