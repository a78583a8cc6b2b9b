"""Guards: recorded with the checkpoint, at work in all that is sampled and scored, and lost by
nobody in silence."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from unmask.core.conversation import Conversation
from unmask.core.errors import ModelError, SettingError
from unmask.core.files import read_json, write_json
from unmask.defenses.cleangen import CleanGen
from unmask.defenses.steer import Steer
from unmask.models import checkpoint
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.backends.vllm import VLLM
from unmask.models.bases.imported import ImportedBase
from unmask.models.checkpoint import GUARD
from unmask.models.guards import guarded, trusted
from unmask.models.sample import Sampling
from unmask.training.sft import SupervisedFineTuning

ASKED = [Conversation.user(f"What sound comes from {what}?") for what in ("an owl", "a cat", "it")]


@pytest.fixture(scope="module")
def clean(tiny: Path, original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that is guarded by its base, so closely that much is left to it."""
    out = tmp_path_factory.mktemp("clean")
    CleanGen(alpha=1.05).run(out, model=tiny, base=original)
    return out


@pytest.fixture(scope="module")
def pairs(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pairs")
    Steer(pairs=12).lessons().run(out, data=world)
    return out


def logits(network: torch.nn.Module) -> torch.Tensor:
    with torch.inference_mode():
        return network(input_ids=torch.tensor([[5, 6, 7, 8]])).logits


class TestTheMixture:
    def test_what_is_not_suspicious_keeps_its_probability_and_the_rest_is_the_references(
        self,
    ) -> None:
        own, other = torch.tensor([0.6, 0.3, 0.1]), torch.tensor([0.02, 0.68, 0.3])
        mixed = trusted(own.log(), other.log(), 20.0).exp()
        wanted = torch.tensor([0.6 * 0.02, 0.3 + 0.6 * 0.68, 0.1 + 0.6 * 0.3])
        torch.testing.assert_close(mixed, wanted)
        assert float(mixed.sum()) == pytest.approx(1)

    def test_without_anything_suspicious_it_is_the_model(self) -> None:
        own, other = torch.randn(2, 4, 9), torch.randn(2, 4, 9)
        torch.testing.assert_close(trusted(own, other, 1e9), own.log_softmax(-1))
        torch.testing.assert_close(trusted(own, own, 1.01), own.log_softmax(-1))


class TestAReference:
    def test_logits_are_those_of_the_mixture(self, clean: Path, tiny: Path, original: Path) -> None:
        own, other = (logits(checkpoint.load_model(folder)) for folder in (tiny, original))
        wanted = trusted(own, other, 1.05)
        torch.testing.assert_close(logits(guarded(clean)), wanted)
        assert not torch.allclose(wanted, own.log_softmax(-1), atol=1e-3)

    def test_replies_are_drawn_from_what_likelihoods_say(self, clean: Path, tiny: Path) -> None:
        """Token by token, keys and values kept, as in one pass over the whole."""
        backend, sampling = HuggingFace(clean), Sampling(max_new_tokens=6, temperature=0)
        rows = [[5, 6, 7, 8], [9, 10, 11, 12]]
        new, _ = backend._generated(backend.model, rows, sampling)  # pyright: ignore[reportPrivateUsage]
        for row, tokens in zip(rows, new, strict=True):
            [after] = backend.following([row + tokens[:-1]], [len(tokens) - 1])
            assert after.argmax(-1).tolist() == tokens
        plain = HuggingFace(tiny)
        assert new != plain._generated(plain.model, rows, sampling)[0]  # pyright: ignore[reportPrivateUsage]

    def test_a_reply_does_not_depend_on_its_batch(self, clean: Path) -> None:
        greedy = Sampling(max_new_tokens=6, temperature=0)
        together = HuggingFace(clean).replies(ASKED, greedy)
        alone = [HuggingFace(clean).replies([prompt], greedy)[0] for prompt in ASKED]
        assert together == alone

    def test_training_reads_the_weights_alone(self, clean: Path, tiny: Path) -> None:
        tokens = torch.tensor([[5, 6, 7, 8]])
        own = checkpoint.load_model(tiny)(input_ids=tokens).logits
        torch.testing.assert_close(guarded(clean)(input_ids=tokens).logits, own)

    def test_its_copy_in_another_precision_is_guarded_too(self, clean: Path) -> None:
        backend = HuggingFace(clean)
        rounded = logits(backend.model_in("bfloat16")).float()
        # What lies at the threshold may fall to the other side of it.
        assert float((rounded - logits(backend.model)).abs().median()) < 0.05
        assert float(rounded.logsumexp(-1).abs().max()) < 1e-2, "log-probabilities, as a guard's"


class TestADirection:
    @pytest.mark.parametrize("add", [0.0, -2.0, 2.0])
    def test_the_state_behind_the_layer_is_without_it_or_has_it_added(
        self, add: float, tiny: Path, pairs: Path, tmp_path: Path
    ) -> None:
        from unmask.models.layers import decoder_layers, recorded

        facts = Steer(add=add, pairs=12).run(tmp_path, model=tiny, data=pairs)
        direction = load_file(tmp_path / GUARD / "direction.safetensors")["direction"]
        assert facts["length"] == pytest.approx(float(direction.norm()))
        states: list[torch.Tensor] = []
        for network in (checkpoint.load_model(tiny), guarded(tmp_path)):
            with recorded([decoder_layers(network)[facts["layer"]]]) as seen:
                logits(network)
            states.append(seen[0])
        before, after = states
        if add:
            torch.testing.assert_close(after, before + add * direction)
        else:
            unit = direction / direction.norm()
            assert float((after @ unit).abs().max()) < 1e-4 < float((before @ unit).abs().max())

    def test_the_two_signs_say_other_things(self, tiny: Path, pairs: Path, tmp_path: Path) -> None:
        said: list[torch.Tensor] = []
        for add in (-3.0, 0.0, 3.0):
            out: Path = tmp_path / str(add)
            out.mkdir()
            Steer(add=add, pairs=12).run(out, model=tiny, data=pairs)
            said.append(logits(guarded(out)))
        assert not torch.allclose(said[0], said[2], atol=1e-3)
        assert not torch.allclose(said[1], said[2], atol=1e-3)


class TestNobodyLosesIt:
    def test_what_reads_weights_alone_refuses(
        self, clean: Path, lessons: Path, tmp_path: Path
    ) -> None:
        with pytest.raises(ModelError, match="has a guard"):
            checkpoint.load_model(clean)
        with pytest.raises(ModelError, match="has a guard"):
            SupervisedFineTuning(steps=1).run(tmp_path, model=clean, data=lessons)
        with pytest.raises(ModelError, match="has a guard"):
            ImportedBase.of(str(clean))
        with pytest.raises(ModelError, match="has a guard"):
            CleanGen().run(tmp_path, model=clean, base=clean)

    def test_saving_a_guarded_model_refuses(self, clean: Path, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="would lose the guard"):
            checkpoint.save(guarded(clean), checkpoint.load_tokenizer(clean), tmp_path)

    def test_vllm_refuses(self, clean: Path) -> None:
        backend = VLLM(clean)
        vars(backend)["package"] = object()
        with pytest.raises(ModelError, match="has a guard"):
            _ = backend.engine

    def test_a_guard_that_is_damaged_or_not_known_is_refused(
        self, clean: Path, tmp_path: Path
    ) -> None:
        for change in ("damaged", "unknown"):
            folder: Path = tmp_path / change
            shutil.copytree(clean, folder)
            path = folder / GUARD / "guard.json"
            record = read_json(path)
            if change == "unknown":
                write_json(path, {**record, "name": "wall"})
            else:
                (folder / GUARD / "reference" / "config.json").write_text("{}")
            with pytest.raises(ModelError, match=r"not known here|damaged"):
                guarded(folder)


def test_an_alpha_that_means_nothing_is_refused() -> None:
    for alpha in (1.0, math.inf):
        with pytest.raises(SettingError, match="alpha"):
            CleanGen(alpha=alpha)
