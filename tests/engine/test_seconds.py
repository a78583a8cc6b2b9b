"""Rates: how long a step is expected to take, from fabricated results with known rates."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any, ClassVar

import pytest

from unmask.core.named import Work
from unmask.core.tokens import Tokens
from unmask.engine import remembered
from unmask.engine.manifest import Manifest, environment
from unmask.engine.plan import Plan, Remaining
from unmask.engine.rates import USUAL, Effort, Rates
from unmask.engine.step import Step
from unmask.engine.store import Store


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model(Work):
    name: ClassVar[str] = "model"
    version: ClassVar[int] = 1

    size: int = 500_000

    def parameters(self) -> int:
        return self.size

    def run(self, out: Path) -> None:
        pass


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training(Work):
    name: ClassVar[str] = "training"
    version: ClassVar[int] = 1

    count: int = 100_000

    def tokens(self) -> Tokens:
        return Tokens(trained=self.count)

    def run(self, out: Path, *, model: Path) -> None:
        pass


class Asking(Training):
    name: ClassVar[str] = "asking"

    def tokens(self) -> Tokens:
        return Tokens(sampled=self.count)


def seconds(use: str, tokens: int, parameters: int, slower: float) -> float:
    """What a machine takes that is so many times slower than USUAL, without what starting costs."""
    return slower * USUAL[use].seconds(tokens, parameters)


def result(store: Store, step: Step, took: float, processor: str = "", **facts: Any) -> None:
    """A finished step in a store, as if it had taken so long."""
    machine = {**environment(), **({"processor": processor} if processor else {})}
    facts = facts or {"effort": Effort.of(step).json()}
    manifest = Manifest(
        key=step.key,
        identity=step.identity,
        files={},
        seconds=took,
        facts=facts,
        created="2026-01-01T00:00:00+00:00",
        environment=machine,
    )
    folder = store.folder(step)
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(manifest.json()))


def training(size: int, count: int = 100_000, work: type[Training] = Training) -> Step:
    return Step(work(count=count), {"model": Step(Model(size=size))})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("UNMASK_CACHE", str(tmp_path / "cache"))
    return Store(tmp_path / "store")


@pytest.mark.parametrize("slower", [0.05, 1.0, 4.0])
def test_a_base_of_another_size_is_foreseen_from_those_that_were_seen(
    store: Store, slower: float
) -> None:
    for size in (500_000, 10_000_000):
        result(store, training(size), seconds("trained", 100_000, size, slower))
        took = seconds("sampled", 50_000, size, slower)
        result(store, training(size, 50_000, Asking), took)
    for work, use in ((Training, "trained"), (Asking, "sampled")):
        new = training(135_000_000, 20_000, work)
        [*_, planned] = Plan.of([new], store).steps
        truth = seconds(use, 20_000, 135_000_000, slower)
        assert planned.seconds == pytest.approx(truth, rel=0.35)
        assert planned.expected.low < truth < planned.expected.high


def test_a_step_like_one_that_was_done_takes_as_long(store: Store) -> None:
    for count in (99_000, 100_000, 101_000):
        result(store, training(500_000, count), count / 10_000)
    [*_, planned] = Plan.of([training(500_000, 100_500)], store).steps
    assert planned.seconds == pytest.approx(10.05, rel=0.06)
    assert planned.expected.high / planned.expected.low < 2


def test_many_steps_of_other_kinds_do_not_outweigh_the_same_step(store: Store) -> None:
    result(store, training(500_000, 99_000), 10.0)
    for count in range(40):
        result(store, training(500_000, 1000 + count, Asking), 0.001)
    [*_, planned] = Plan.of([training(500_000, 99_001)], store).steps
    assert planned.seconds == pytest.approx(10, rel=0.1)
    assert planned.expected.high / planned.expected.low < 3


def test_nothing_seen_leaves_a_wide_range(store: Store) -> None:
    [*_, planned] = Plan.of([training(500_000)], store).steps
    assert planned.seconds == pytest.approx(seconds("trained", 100_000, 500_000, 1), rel=0.1)
    assert planned.expected.high / planned.expected.low > 5


def test_steps_that_scatter_have_a_wider_range() -> None:
    effort = Effort("training", Tokens(trained=1000), 1_000_000)
    even, uneven = Rates("here"), Rates("here")
    even.learn(effort, 10.0, 10.1, 9.9)
    uneven.learn(effort, 10.0, 30.0, 3.3)
    narrow, wide = even.expected(effort), uneven.expected(effort)
    assert narrow.seconds == pytest.approx(wide.seconds, rel=0.05)
    assert wide.high / wide.low > 3 * (narrow.high / narrow.low)


def test_another_processor_counts_less_than_this_one(store: Store) -> None:
    result(store, training(500_000, 99_000), 100.0, processor="another")
    assert Plan.of([training(500_000)], store).seconds < 50
    result(store, training(500_000, 98_000), 10.0)
    assert Plan.of([training(500_000)], store).seconds == pytest.approx(10, rel=0.2)


def test_what_this_machine_did_is_known_in_its_next_store(store: Store, tmp_path: Path) -> None:
    result(store, training(500_000, 99_000), 77.0)
    remembered.remember(store)
    remembered.remember(store)  # the same step is not two
    other = Plan.of([training(500_000)], Store(tmp_path / "other"))
    assert other.seconds == pytest.approx(77, rel=0.3)
    [seen] = remembered.kept()
    assert seen.seconds == (77.0,)


@pytest.mark.parametrize("text", ["", "[]", "{}", "[1]", '[{"effort": {"tokens": 3}}]', "[[[["])
def test_a_memory_that_cannot_be_read_is_none(store: Store, text: str) -> None:
    remembered.place().parent.mkdir(parents=True)
    remembered.place().write_text(text)
    assert remembered.kept() == []
    remembered.remember(store)
    assert json.loads(remembered.place().read_text()) == []


def test_results_of_an_older_version_count_where_they_are_planned_again(store: Store) -> None:
    old = training(500_000, 99_000)
    result(store, old, 77.0, tokens=3)
    assert Plan.of([training(500_000)], store).seconds < 50
    assert Plan.of([old, training(500_000)], store).seconds == pytest.approx(77, rel=0.3)


def test_the_time_to_go_follows_what_the_run_itself_takes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [training(500_000, 100_000 + i) for i in range(4)]
    plan = Plan.of(steps, store)
    [model, *trainings] = plan.waiting
    clock = iter([0.0, 0.0, 50.0, 100.0])
    monkeypatch.setattr("unmask.engine.plan.time.monotonic", lambda: next(clock))
    remaining = Remaining(plan)
    before = remaining.after(model, None)
    result(store, trainings[0], 50.0)
    after = remaining.after(trainings[0], store.find(trainings[0]))
    assert before < 20
    assert after == pytest.approx(150, rel=0.2)
    # Two at a time: what is left takes half as long as it would one after the other.
    result(store, trainings[1], 150.0)
    two = remaining.after(trainings[1], store.find(trainings[1]))
    assert two < 0.7 * 2 * math.sqrt(50 * 150)


def test_an_effort_is_read_as_it_was_written() -> None:
    effort = Effort.of(training(500_000))
    assert Effort.of_json(json.loads(json.dumps(effort.json()))) == effort
