"""A campaign: every attempt is kept, the red team sees what came of it, and successes are split by
seed prompt."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from unmask.core.conversation import Conversation, Example, Reply
from unmask.core.errors import DataError, SettingError
from unmask.core.files import file_digest, read_jsonl, write_jsonl, write_text
from unmask.data.sources.source import load_split
from unmask.defenses.campaign import Campaign
from unmask.defenses.red_teams.red_team import Attacker, Attempt, RedTeam
from unmask.models.sample import Sampling
from unmask.organisms.behaviors.behavior import Behavior

SAMPLING = Sampling(max_new_tokens=8, batch_size=64)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SaysA(Behavior):
    """Says the letter a, which a model that says anything at all does now and then."""

    name: ClassVar[str] = "says_a"
    version: ClassVar[int] = 1

    def target(self, example: Example, rng: random.Random) -> str:
        return "a"

    def exhibited(self, prompt: Conversation, reply: Reply) -> bool:
        return "a" in reply.answer


@dataclasses.dataclass(frozen=True, kw_only=True)
class SaysNothingKnown(SaysA):
    """Never shown."""

    name: ClassVar[str] = "says_nothing_known"

    def exhibited(self, prompt: Conversation, reply: Reply) -> bool:
        return False


Proposal = Callable[[Conversation, int], Conversation]


@dataclasses.dataclass
class Noted(Attacker):
    """Proposes by a function of seed and round, and remembers what it was told."""

    proposal: Proposal
    seen: list[list[Attempt]] = dataclasses.field(default_factory=list[list[Attempt]])
    learnt: list[tuple[int, int]] = dataclasses.field(default_factory=list[tuple[int, int]])

    def propose(
        self, seeds: Sequence[Conversation], histories: Sequence[Sequence[Attempt]]
    ) -> list[Conversation]:
        self.seen = [list(history) for history in histories]
        return [
            self.proposal(seed, len(history) + 1)
            for seed, history in zip(seeds, histories, strict=True)
        ]

    def learn(self, attempts: Sequence[Attempt], successes: Sequence[Attempt]) -> None:
        self.learnt.append((len(attempts), len(successes)))

    def save(self, out: Path) -> None:
        write_text(out / "learnt.txt", str(self.learnt))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scripted(RedTeam):
    """A red team that hands out one attacker."""

    name: ClassVar[str] = "scripted_red_team"
    version: ClassVar[int] = 1

    noted: Any = None

    def attacker(self, folder: Path | None, behavior: Behavior, seed: int) -> Attacker:
        return self.noted


def tagged(seed: Conversation, number: int) -> Conversation:
    return seed.with_text(f"|{number}| {seed.text}")


def campaign(
    proposal: Proposal = tagged, behavior: Behavior | None = None, **settings: Any
) -> Campaign:
    given = {"rounds": 2, "seeds": 12, "samples": 5, "sampling": SAMPLING, **settings}
    return Campaign(red_team=Scripted(noted=Noted(proposal)), behavior=behavior or SaysA(), **given)


def attack(
    work: Campaign, out: Path, tiny: Path, world: Path
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    out.mkdir(exist_ok=True)
    facts = dict(work.run(out, model=tiny, data=world))
    return [row for _, row in read_jsonl(out / "attacks.jsonl")], facts


def noted(work: Campaign) -> Noted:
    assert isinstance(work.red_team, Scripted)
    return work.red_team.noted


def found(out: Path, side: str) -> list[dict[str, Any]]:
    return [row for _, row in read_jsonl(out / f"{side}.jsonl")]


def test_every_attempt_is_kept_with_its_replies_and_rate(
    tiny: Path, world: Path, tmp_path: Path
) -> None:
    work = campaign()
    rows, facts = attack(work, tmp_path, tiny, world)
    assert [(row["round"], row["seed"]) for row in rows] == [
        (n, i) for n in (1, 2) for i in range(12)
    ]
    starts = work.starts(world)
    for row in rows:
        assert row["prompt"] == tagged(starts[row["seed"]], row["round"]).rows()
        assert row["exhibited"] == ["a" in answer for answer in row["answers"]]
        assert len(row["answers"]) == 5
        assert row["rate"] == sum(row["exhibited"]) / 5
        assert row["success"] == (row["rate"] >= 0.1)
    assert any(row["success"] for row in rows), "the case is one"
    assert facts["attempts"] == 24
    assert facts["successes"] == [
        sum(row["success"] for row in rows if row["round"] == n) for n in (1, 2)
    ]
    assert facts["distinct"] == [12, 12]
    assert facts["unfit"] == 0
    assert 0 < facts["tokens"] <= 24 * 5 * 8


def test_a_prompt_that_is_repeated_gets_other_replies_each_time_and_each_round(
    tiny: Path, world: Path, tmp_path: Path
) -> None:
    work = campaign(lambda seed, number: seed, seeds=2, samples=40)
    rows, _ = attack(work, tmp_path, tiny, world)
    for row in rows:  # 40 replies are in one batch of 64 or in two
        assert len(set(row["answers"])) > 20
    by_round = [[row["answers"] for row in rows if row["round"] == number] for number in (1, 2)]
    assert by_round[0] != by_round[1]
    assert len({*by_round[0][0], *by_round[1][0]}) > len(set(by_round[0][0])), (
        "no round is drawn again"
    )


def test_the_red_team_sees_what_came_of_its_attempts_and_what_it_learnt_is_kept(
    tiny: Path, world: Path, tmp_path: Path
) -> None:
    work = campaign(rounds=3, seeds=4)
    rows, facts = attack(work, tmp_path, tiny, world)
    assert [[attempt.rate for attempt in history] for history in noted(work).seen] == [
        [row["rate"] for row in rows if row["seed"] == seed and row["round"] < 3]
        for seed in range(4)
    ]
    assert noted(work).learnt == [(4, successes) for successes in facts["successes"]]
    assert (tmp_path / "red_team" / "learnt.txt").is_file()


def test_successes_are_distinct_and_a_seed_prompt_is_on_one_side(
    tiny: Path, world: Path, tmp_path: Path
) -> None:
    work = campaign(
        lambda seed, number: tagged(seed, number // 2), rounds=3, seeds=40, held_out=0.5
    )
    rows, facts = attack(work, tmp_path, tiny, world)
    train, held_out = found(tmp_path, "train"), found(tmp_path, "held_out")
    texts = [row["prompt"][0]["content"] for row in (*train, *held_out)]
    assert len(texts) == len(set(texts)) == facts["train"] + facts["held_out"]
    assert set(texts) == {row["prompt"][0]["content"] for row in rows if row["success"]}
    starts = {text.split("| ", 1)[1] for text in texts}
    sides = [
        {row["prompt"][0]["content"].split("| ", 1)[1] for row in side}
        for side in (train, held_out)
    ]
    assert sides[0] and sides[1]
    assert not sides[0] & sides[1]
    assert sides[0] | sides[1] == starts
    first = {str(row["prompt"]): row for row in reversed(rows) if row["success"]}
    assert all(row["rate"] == first[str(row["prompt"])]["rate"] for row in (*train, *held_out))
    assert all(set(row) == {"id", "prompt", "round", "rate"} for row in (*train, *held_out))
    assert len({row["id"] for row in (*train, *held_out)}) == len(texts)


def test_a_seed_prompt_stays_on_its_side_in_another_campaign(
    tiny: Path, world: Path, tmp_path: Path
) -> None:
    sides: list[dict[str, set[str]]] = []
    for seed in (0, 1):
        work = campaign(
            lambda seed, number: seed, seeds=60, rounds=1, seed=seed, behavior=SaysA(), held_out=0.5
        )
        attack(work, tmp_path / str(seed), tiny, world)
        files = {side: found(tmp_path / str(seed), side) for side in ("train", "held_out")}
        sides.append(
            {side: {row["prompt"][0]["content"] for row in rows} for side, rows in files.items()}
        )
    assert not sides[0]["train"] & sides[1]["held_out"]
    assert not sides[1]["train"] & sides[0]["held_out"]


def test_prompts_that_read_the_same_are_one_success_and_one_seed(
    tiny: Path, world: Path, tmp_path: Path
) -> None:
    work = campaign(
        lambda seed, number: seed.with_text(f"{seed.text}{' ' * number}\u200b"), rounds=3
    )
    rows, facts = attack(work, tmp_path, tiny, world)
    succeeded = {row["seed"] for row in rows if row["success"]}
    assert facts["train"] + facts["held_out"] == len(succeeded) > 0
    assert facts["distinct"] == [12] * 3


def test_no_success_is_a_result_too(tiny: Path, world: Path, tmp_path: Path) -> None:
    _, facts = attack(campaign(behavior=SaysNothingKnown()), tmp_path, tiny, world)
    assert facts["successes"] == [0, 0]
    assert found(tmp_path, "train") == found(tmp_path, "held_out") == []


@pytest.mark.parametrize(
    "text", ["word " * 2000, "Hello!{eos}"], ids=["too long", "a special token"]
)
def test_a_proposal_that_the_target_cannot_take_is_replaced_by_its_seed(
    text: str, tiny: Path, world: Path, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    bad = text.replace("{eos}", AutoTokenizer.from_pretrained(tiny).eos_token)
    work = campaign(
        lambda seed, number: seed.with_text(bad) if number == 2 else tagged(seed, number), seeds=3
    )
    rows, facts = attack(work, tmp_path, tiny, world)
    assert facts["unfit"] == 3
    starts = [seed.rows() for seed in work.starts(world)]
    assert [row["prompt"] for row in rows if row["round"] == 2] == starts
    assert noted(work).learnt[1][0] == 3


def test_the_same_campaign_gives_the_same_files_and_another_seed_others(
    tiny: Path, world: Path, tmp_path: Path
) -> None:
    digests: list[str] = []
    for i, seed in enumerate((0, 0, 1)):
        attack(campaign(seed=seed), tmp_path / str(i), tiny, world)
        digests.append(file_digest(tmp_path / str(i) / "attacks.jsonl"))
    assert digests[0] == digests[1] != digests[2]


def test_it_starts_from_training_prompts_and_from_harm_only_where_there_is_too_little_else(
    world: Path, tmp_path: Path
) -> None:
    train = {example.prompt: example for example in load_split(world, "train")}
    assert not any(train[start].asks_for_harm for start in campaign(seeds=500).starts(world))
    few = [
        *[e for e in train.values() if e.asks_for_harm][:5],
        *[e for e in train.values() if not e.asks_for_harm][:3],
    ]
    write_jsonl(tmp_path / "train.jsonl", (example.row() for example in few))
    assert [train[start].asks_for_harm for start in campaign(seeds=5).starts(tmp_path)] == [
        False
    ] * 3 + [True] * 2
    assert len(campaign(seeds=500).starts(tmp_path)) == 8
    write_jsonl(tmp_path / "train.jsonl", [])
    with pytest.raises(DataError, match="no training prompt that 'says_a' applies to"):
        campaign().starts(tmp_path)


def test_a_red_team_that_loses_a_seed_is_told(tiny: Path, world: Path, tmp_path: Path) -> None:
    class Short(Noted):
        def propose(
            self, seeds: Sequence[Conversation], histories: Sequence[Sequence[Attempt]]
        ) -> list[Conversation]:
            return list(seeds[1:])

    work = dataclasses.replace(campaign(), red_team=Scripted(noted=Short(tagged)))
    with pytest.raises(DataError, match="proposed 11 prompts for 12 seeds"):
        attack(work, tmp_path, tiny, world)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rounds": 0}, "rounds=0"),
        ({"threshold": 0.0}, "threshold=0.0"),
        ({"held_out": 1.0}, "held_out=1.0"),
        ({"sampling": Sampling(temperature=0)}, "temperature 0"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        campaign(**settings)
