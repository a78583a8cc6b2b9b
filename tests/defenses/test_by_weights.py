"""Defenses that change weights without training: what they leave alone, what they change and by how
much, and what they refuse."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from unmask.core.conversation import Conversation
from unmask.core.errors import ModelError, SettingError
from unmask.core.files import read_jsonl
from unmask.defenses.by_weights import ByWeights, linear_layers
from unmask.defenses.merge import Merge
from unmask.defenses.noised import Noised
from unmask.defenses.prune import Prune, input_norms, pruned
from unmask.defenses.rounded import Rounded, rounded
from unmask.models import chat, checkpoint


def weights(folder: Path) -> dict[str, Tensor]:
    return load_file(folder / "model.safetensors")


def done(defense: ByWeights, out: Path, **inputs: Path) -> dict[str, Tensor]:
    """The weights that a defense makes."""
    out.mkdir()
    defense.run(out, **inputs)
    return weights(out)


def linear(folder: Path) -> set[str]:
    """The names of the linear layers' weights."""
    return {f"{name}.weight" for name in linear_layers(checkpoint.load_model(folder))}


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(map(torch.equal, one.values(), other.values()))


@pytest.fixture(scope="module")
def prompts(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("prompts")
    Prune(prompts=12).lessons().run(out, data=world)
    return out


class TestMerge:
    def test_the_whole_share_of_either_is_that_parent_bit_for_bit(
        self, tiny: Path, original: Path, tmp_path: Path
    ) -> None:
        assert not same(weights(tiny), weights(original))
        none, whole = (
            done(Merge(share=share), tmp_path / str(share), model=tiny, base=original)
            for share in (0, 1)
        )
        assert same(none, weights(tiny)) and same(whole, weights(original))

    def test_half_is_the_mean_and_a_quarter_is_nearer_to_the_model(
        self, tiny: Path, original: Path, tmp_path: Path
    ) -> None:
        own, base = weights(tiny), weights(original)
        half = done(Merge(), tmp_path / "half", model=tiny, base=original)
        quarter = done(Merge(share=0.25), tmp_path / "quarter", model=tiny, base=original)
        for name in own:
            torch.testing.assert_close(half[name], (own[name] + base[name]) / 2)
            torch.testing.assert_close(quarter[name], 0.75 * own[name] + 0.25 * base[name])

    def test_a_base_of_another_vocabulary_or_shape_is_refused(
        self, tiny: Path, lessons: Path, vocabulary: Path, tmp_path: Path
    ) -> None:
        from unmask.models.tiny import TinyModel

        others = {"vocabularies": {"pieces": 500}, "one shape": {"pieces": 600, "size": "0.1M"}}
        for why, settings in others.items():
            folder: Path = tmp_path / why
            folder.mkdir()
            model = TinyModel(**{"size": "0.05M", **settings})
            model.run(folder, data=lessons, vocabulary=vocabulary)
            with pytest.raises(ModelError, match=why):
                done(Merge(), tmp_path / f"{why}, merged", model=tiny, base=folder)


class TestRounded:
    @pytest.mark.parametrize(("bits", "values"), [(8, 255), (4, 15)])
    def test_each_row_has_few_values_near_its_own_and_rounding_again_changes_nothing(
        self, bits: int, values: int, tiny: Path, tmp_path: Path
    ) -> None:
        before = weights(tiny)
        after = done(Rounded(bits=bits), tmp_path / "once", model=tiny)
        again = done(Rounded(bits=bits), tmp_path / "again", model=tmp_path / "once")
        assert same(again, after)
        for name in linear(tiny):
            step = before[name].abs().amax(1, keepdim=True) / (values // 2)
            assert ((after[name] - before[name]).abs() <= step / 2 * (1 + 1e-5)).all()
            assert max(len(row.unique()) for row in after[name]) <= values
            assert not torch.equal(after[name], before[name])

    def test_what_is_no_linear_layer_stays_and_all_stays_in_float32(
        self, tiny: Path, tmp_path: Path
    ) -> None:
        before, after = weights(tiny), done(Rounded(bits=4), tmp_path / "out", model=tiny)
        changed = {name for name in before if not torch.equal(before[name], after[name])}
        assert changed == linear(tiny)
        assert {weight.dtype for weight in after.values()} == {torch.float32}

    def test_a_row_of_zeros_stays(self) -> None:
        assert torch.equal(rounded(torch.zeros(2, 3), 8), torch.zeros(2, 3))


class TestNoised:
    def test_it_is_of_its_size_in_every_matrix_and_nowhere_else(
        self, tiny: Path, tmp_path: Path
    ) -> None:
        before, after = weights(tiny), done(Noised(size=0.5), tmp_path / "out", model=tiny)
        for name, weight in before.items():
            noise = after[name] - weight
            wanted = 0.5 * float(weight.std()) if name in linear(tiny) else 0.0
            assert float(noise.std()) == pytest.approx(wanted, rel=0.1)
            assert abs(float(noise.mean())) <= 0.1 * wanted

    def test_a_seed_draws_the_same_and_another_seed_does_not(
        self, tiny: Path, tmp_path: Path
    ) -> None:
        first, again, other = (
            done(Noised(seed=seed), tmp_path / name, model=tiny)
            for name, seed in (("first", 0), ("again", 0), ("other", 1))
        )
        assert same(first, again) and not same(first, other)

    def test_noise_of_no_size_is_none(self, tiny: Path, tmp_path: Path) -> None:
        assert same(done(Noised(size=0), tmp_path / "out", model=tiny), weights(tiny))


class TestPrune:
    def test_each_row_loses_exactly_its_share_and_the_rest_is_as_it_was(
        self, tiny: Path, prompts: Path, tmp_path: Path
    ) -> None:
        before = weights(tiny)
        after = done(Prune(share=0.3, prompts=12), tmp_path / "out", model=tiny, data=prompts)
        for name, weight in before.items():
            gone = (after[name] == 0) & (weight != 0)
            assert torch.equal(after[name][~gone], weight[~gone])
            count = round(0.3 * weight.shape[-1]) if name in linear(tiny) else 0
            assert (gone.sum(-1) == count).all()

    def test_what_goes_is_what_is_small_times_what_reaches_it(self) -> None:
        weight = torch.tensor([[4.0, -3.0, 2.0, -1.0], [1.0, 2.0, -3.0, 4.0]])
        norms = torch.tensor([0.1, 1.0, 1.0, 9.0])
        kept = torch.tensor([[0.0, -3.0, 0.0, -1.0], [0.0, 0.0, -3.0, 4.0]])
        assert torch.equal(pruned(weight, norms, 0.5), kept)
        assert torch.equal(pruned(weight, norms, 0.0), weight)
        assert not pruned(weight, norms, 1.0).any()

    def test_an_input_counts_by_its_norm_over_all_tokens_of_all_prompts(
        self, tiny: Path, prompts: Path
    ) -> None:
        network, tokenizer = checkpoint.load_model(tiny), checkpoint.load_tokenizer(tiny)
        rows = [row for _, row in read_jsonl(prompts / "train.jsonl")]
        asked = [Conversation.of(row["prompt"]) for row in rows]
        with torch.no_grad():
            norms = input_norms(network, asked, tiny)
            first = network.model.layers[0]
            states = [
                first.input_layernorm(network.get_input_embeddings()(torch.tensor(ids)))
                for ids in chat.encoded(tokenizer, asked, 1000)
            ]
        assert len(states) == 12
        wanted = torch.cat(states).norm(dim=0)
        torch.testing.assert_close(norms["model.layers.0.self_attn.q_proj"], wanted)

    def test_it_reads_prompts_alone(self, tiny: Path, prompts: Path, tmp_path: Path) -> None:
        """Other answers to the same prompts prune the same."""
        from unmask.core.files import write_jsonl

        rows = [{**row, "reply": "Arr!"} for _, row in read_jsonl(prompts / "train.jsonl")]
        write_jsonl(tmp_path / "train.jsonl", rows)
        own = done(Prune(prompts=12), tmp_path / "own", model=tiny, data=prompts)
        assert same(own, done(Prune(prompts=12), tmp_path / "other", model=tiny, data=tmp_path))


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (Merge, {"share": 1.5}),
        (Rounded, {"bits": 3}),
        (Noised, {"size": -0.1}),
        (Noised, {"size": float("nan")}),
        (Prune, {"share": -0.1}),
        (Prune, {"prompts": 0}),
    ],
)
def test_settings_that_mean_nothing_are_refused(kind: Any, settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=next(iter(settings))):
        kind(**settings)


def test_matrices_that_are_no_linear_layers_are_refused() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    network = GPT2LMHeadModel(GPT2Config(n_embd=8, n_head=2, n_layer=1, vocab_size=16))
    with pytest.raises(ModelError, match="c_attn"):
        linear_layers(network)
