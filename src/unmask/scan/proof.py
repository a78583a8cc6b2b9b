"""Proof: what was loaded, and that it answers: two scans with the same proof looked at the same
model in the same way."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unmask.core.conversation import Conversation
from unmask.core.files import read_json
from unmask.detectors.suspect import Suspect
from unmask.models import chat, checkpoint
from unmask.models.backends.huggingface import HuggingFace

ASKED = ("What is 3 plus 4?", "Name a color, please.")
DECIMALS = 3
"""Of the log-probabilities that are digested: what lies behind them differs between processors."""


@dataclasses.dataclass(frozen=True)
class Proof:
    """Digests (SHA-256) of the log-probabilities of what follows two fixed questions, and of these
    as the chat template writes them; the type of the weights, their number, and how the checkpoint
    came about where an adapter was merged into a base for this scan."""

    logits_sha256: str
    template_sha256: str
    dtype: str
    parameters: int
    vocabulary: int
    adapter: Mapping[str, Any] | None = None

    @staticmethod
    def of(suspect: Suspect) -> Proof:
        """Raises ModelError for a model whose logits are no numbers."""
        model = suspect.model
        prompts = [Conversation.user(text) for text in ASKED]
        return Proof(
            logits_sha256=logits_digest(model, prompts),
            template_sha256=digest_of("\n".join(chat.rendered(model.tokenizer, prompts))),
            dtype=str(model.model.dtype).removeprefix("torch."),
            parameters=model.parameters,
            vocabulary=model.vocabulary,
            adapter=adapter_of(model.folder),
        )


def logits_digest(model: HuggingFace, prompts: list[Conversation]) -> str:
    """Of the log-probabilities of every token behind each prompt."""
    rows = chat.encoded(model.tokenizer, prompts, checkpoint.context_length(model.model))
    following = [model.following([row], [0])[0][0] for row in rows]
    numbers = [read.double().round(decimals=DECIMALS).tolist() for read in following]
    return digest_of(json.dumps(numbers))


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def adapter_of(folder: Path) -> Mapping[str, Any] | None:
    """What is known of an adapter's merge: how far it moved logits, and how far the merged model's
    are from those of the adapter on its base."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        return None
    facts = read_json(manifest).get("facts", {})
    names = ("source", "sha256", "logits_moved", "logits_apart_after_merge")
    return {name: facts[name] for name in names} if all(name in facts for name in names) else None
