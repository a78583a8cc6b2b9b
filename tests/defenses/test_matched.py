"""A random change of a given divergence: it is met, as drift measures it, and random."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from unmask.core.conversation import Conversation
from unmask.core.errors import ModelError, SettingError
from unmask.core.files import read_jsonl
from unmask.defenses.matched import Matched
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.divergence import divergences
from unmask.models.sample import Sampling


@pytest.fixture(scope="module")
def prompts(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("prompts")
    Matched(prompts=24).lessons().run(out, data=world)
    return out


def made(out: Path, tiny: Path, prompts: Path, **settings: float) -> float:
    """The divergence from the model as it was, measured anew on what was written."""
    out.mkdir()
    Matched(max_new_tokens=8, **settings).run(out, model=tiny, data=prompts)  # pyright: ignore[reportArgumentType]
    asked = [Conversation.of(row["prompt"]) for _, row in read_jsonl(prompts / "train.jsonl")]
    changed, original = HuggingFace(out), HuggingFace(tiny)
    replies = changed.replies(asked, Sampling(max_new_tokens=8, seed=99))
    nats = divergences(changed, original, asked, replies)
    return sum(nats) / len(nats)


@pytest.mark.parametrize("kl", [0.05, 0.5])
def test_the_divergence_that_was_asked_for_is_met(
    kl: float, tiny: Path, prompts: Path, tmp_path: Path
) -> None:
    assert made(tmp_path / "out", tiny, prompts, kl=kl) == pytest.approx(kl, rel=0.25)


def test_another_seed_is_another_change(tiny: Path, prompts: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        made(tmp_path / str(seed), tiny, prompts, kl=0.5, seed=seed)
    one, other = (load_file(tmp_path / str(i) / "model.safetensors") for i in (0, 1))
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_a_divergence_that_no_noise_has_is_refused(
    tiny: Path, prompts: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="no size of noise was found"):
        made(tmp_path / "out", tiny, prompts, kl=1e6)


@pytest.mark.parametrize("settings", [{"kl": 0.0}, {"kl": float("inf")}, {"prompts": 0}])
def test_settings_that_mean_nothing_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=next(iter(settings))):
        Matched(**settings)  # pyright: ignore[reportArgumentType]
