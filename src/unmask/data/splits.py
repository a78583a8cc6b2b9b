"""Train, validation and held-out: decided by the prompt's text alone, so that a prompt never
changes sides.

Texts that a reader cannot tell apart are one text here (`plain`), since otherwise a held-out prompt
could be one that was trained on. So are conversations that begin alike (`opening`): preference data
have rows that go on with the conversation of another row, whose trained reply then stands in the
longer prompt.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Literal

from unmask.core.conversation import Conversation, Message

SplitName = Literal["train", "validation", "held_out"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "held_out")
TRAIN, VALIDATION, HELD_OUT = 0.90, 0.02, 0.08
"""Shares of the prompts, on average."""

INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f"  # controls that neither space nor end a line
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0]"
)
"""What is not seen: controls, zero widths, joiners, direction marks, byte order marks, variation
selectors, fillers."""

SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")


def plain(text: str) -> str:
    """The text as it is read: in Unicode's form NFC, with "\\n" at the ends of lines, without
    spaces around it or at the ends of its lines, all spaces the same, and nothing invisible.
    Ordinary text is returned as it is.

    What looks different stays different ("x²" is not "x2"), and so do spaces within a line: in code
    they count.
    """
    if text.isascii() and text.isprintable() and text == text.strip():
        return text
    seen = SPACES.sub(" ", unicodedata.normalize("NFC", INVISIBLE.sub("", text)))
    return "\n".join(line.rstrip() for line in seen.splitlines()).strip()


def one_prompt(prompt: Conversation) -> Conversation:
    """The same for all prompts that differ only in what `plain` takes away: two such prompts are
    duplicates."""
    return Conversation(tuple(Message(turn.role, plain(turn.content)) for turn in prompt.messages))


def opening(prompt: Conversation) -> str:
    """The plain text of the first thing that the user says: conversations that share it belong on
    one side."""
    from_user = (turn.content for turn in prompt.messages if turn.role == "user")
    return plain(next(from_user, prompt.full_text))


def split_of(prompt: Conversation) -> SplitName:
    """The split of a bare prompt, by the hash of its opening."""
    text = opening(prompt).encode("utf-8", "surrogatepass")
    share = int.from_bytes(hashlib.sha256(text).digest()[:4], "big") / 2**32
    return "train" if share < TRAIN else "held_out" if share >= 1 - HELD_OUT else "validation"
