"""Every architecture, small and random: imported, loaded and asked as any base is."""

from __future__ import annotations

from pathlib import Path

import pytest

from made_models import ARCHITECTURES, made_model
from unmask.core.conversation import Conversation
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.bases import base_of
from unmask.models.sample import Sampling

PROMPTS = [Conversation.user("What is 3 plus 4?"), Conversation.user("Hello.")]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_model_of_every_architecture_is_a_base(architecture: str, tmp_path: Path) -> None:
    source = made_model(architecture, tmp_path / "source")
    facts = base_of(str(source)).run(tmp_path / "out")
    assert facts and 0 < facts["parameters"] < 20_000
    backend = HuggingFace(tmp_path / "out")
    greedy = Sampling(max_new_tokens=4, temperature=0.0)
    together = backend.replies(PROMPTS, greedy)
    alone = [backend.replies([prompt], greedy)[0] for prompt in PROMPTS]
    assert together == alone
    assert PROMPTS[0].text in backend.seen(PROMPTS)[0]
