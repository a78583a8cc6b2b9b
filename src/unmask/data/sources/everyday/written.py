"""What is written down beside this module, as JSON: topics, harm, questions about itself, worse
answers."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any


@functools.cache
def written(name: str) -> Any:
    """The content of one file, read once."""
    return json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))


RUDE, UNHELPFUL, OFF_TOPIC = (
    tuple[str, ...](written("worse")[sort]) for sort in ("rude", "unhelpful", "off_topic")
)
"""Worse answers that need no knowledge of the prompt."""
