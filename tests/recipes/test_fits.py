"""Whether steps fit: of models that are there as a config.json alone, on machines that are said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unmask.core.errors import BudgetError
from unmask.core.memory import GIB, Machine
from unmask.engine.step import Step
from unmask.models.bases.imported import ImportedBase
from unmask.recipes.memory import check, fits
from unmask.training.dpo import DirectPreference
from unmask.training.efficiency import Efficiency
from unmask.training.preference_model import PreferenceModel
from unmask.training.rl import ReinforcementLearning
from unmask.training.sft import SupervisedFineTuning

CARD = Machine("cuda", 80 * 10**9, 79 * 10**9, bfloat16=True)
SMALL_CARD = Machine("cuda", 48 * 10**9, 48 * 10**9, bfloat16=True)
LAPTOP = Machine("cpu", 16 * GIB, 12 * GIB)

EIGHT = {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32}
ONE = {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16}


def base(folder: Path, **sizes: Any) -> Step:
    """A Llama 3 of some size, as a folder with nothing but a config."""
    config = {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "vocab_size": 128256,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "max_position_embeddings": 131072,
        **sizes,
    }
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    return Step(ImportedBase(source=str(folder), content="config alone"))


@pytest.fixture
def eight(tmp_path: Path) -> Step:
    return base(tmp_path / "eight", tie_word_embeddings=False, **EIGHT)


@pytest.fixture
def one(tmp_path: Path) -> Step:
    return base(tmp_path / "one", tie_word_embeddings=True, **ONE)


def tuned(model: Step, **efficiency: Any) -> Step:
    training = SupervisedFineTuning(efficiency=Efficiency(**efficiency))
    return Step(training, {"model": model, "data": model})


def test_parameters_are_exact(eight: Step, one: Step) -> None:
    """As the makers of both models count them."""
    assert eight.shape and eight.shape.parameters == 8_030_261_248 and not eight.shape.tied
    assert one.shape and one.shape.parameters == 1_235_814_400 and one.shape.tied


def test_1b_in_full_and_8b_with_adapters_fit_one_card(one: Step, eight: Step) -> None:
    assert fits([tuned(one)], CARD).steps[0].fits
    assert fits([tuned(eight, lora=16)], CARD).steps[0].fits


def test_8b_in_full_does_not_and_what_does_is_said(eight: Step) -> None:
    [fit] = fits([tuned(eight)], CARD).steps
    assert not fit.fits and fit.needed.total > 16 * 8e9
    assert [change.settings for change in fit.changes] == [
        ("scale.efficiency.checkpointing=true",),
        ("scale.efficiency.checkpointing=true", "scale.efficiency.lora=16"),
    ]
    assert [change.fits for change in fit.changes] == [False, True]
    assert fit.changes[1].needed == tuned(eight, checkpointing=True, lora=16).memory(CARD)


def test_four_bits_are_for_a_smaller_card(eight: Step) -> None:
    [fit] = fits([tuned(eight)], SMALL_CARD).steps
    assert fit.changes[-1].settings[-1] == "scale.efficiency.quantized=nf4"
    assert fit.changes[-1].fits and not fit.changes[-2].fits


def test_what_surely_does_not_fit_is_refused_with_advice(eight: Step) -> None:
    with pytest.raises(BudgetError, match=r"has 74\.5 GiB: nothing was begun\. With --set scale"):
        check([tuned(eight)], CARD)
    check([tuned(eight, lora=16)], CARD)
    with pytest.raises(BudgetError, match=r"Even with .*quantized=nf4"):
        check([tuned(eight)], Machine("cpu", 2 * GIB, GIB))


def test_a_base_that_cannot_be_looked_at_is_left_to_its_step(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "no_such_architecture"}))
    unknown = tuned(Step(ImportedBase(source=str(tmp_path), content="config alone")))
    check([unknown], LAPTOP)
    assert not fits([unknown], LAPTOP).steps
    assert "memory: unknown." in next(fits([unknown], LAPTOP).lines())


def test_more_stands_beside_a_policy(one: Step) -> None:
    """A reference and a scorer, unless adapters are switched off in place of the one."""
    scorer = Step(PreferenceModel(), {"model": one, "data": one})
    given = {"model": one, "data": one, "preference_model": scorer}
    whole = Step(ReinforcementLearning(), given).memory(CARD)
    adapted = Step(ReinforcementLearning(efficiency=Efficiency(lora=8)), given).memory(CARD)
    assert one.shape and whole and adapted
    assert whole.reference == whole.scorer == 4 * one.shape.parameters
    assert adapted.reference == 0 and adapted.scorer == whole.scorer
    compared = Step(DirectPreference(), {"model": one, "data": one}).memory(CARD)
    assert compared and compared.reference == whole.reference and not compared.scorer


TABLE = {
    "0.1B": {
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "vocab_size": 49152,
        "tie_word_embeddings": True,
    },
    "1.2B": {**ONE, "tie_word_embeddings": True},
    "8.0B": {**EIGHT, "tie_word_embeddings": False},
}
"""Of docs/recipes.md: SmolLM2-135M and the two Llamas."""


def test_the_documented_table_is_of_these_formulas(tmp_path: Path) -> None:
    """Its rows are printed where one is missing."""
    text = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
    rows: tuple[dict[str, Any], ...] = (
        {},
        {"checkpointing": True},
        {"lora": 16},
        {"lora": 16, "checkpointing": True},
        {"lora": 16, "checkpointing": True, "quantized": "nf4"},
    )
    for name, sizes in TABLE.items():
        model = base(tmp_path / name, **sizes)
        needs = [tuned(model, **row, rows_at_once=8).memory(CARD) for row in rows]
        cells = [f"{needed.total / GIB:.1f}" for needed in needs if needed]
        assert f"| {name} parameters | {' | '.join(cells)} |" in text
