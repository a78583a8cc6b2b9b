"""Tracking: a run's training curves and rows, shown by a tracker as soon as the store has them.

It watches the store, and not the executor: so it is the same wherever steps run. A tracker that
fails is said and let go; the run is not its affair.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Generator, Iterator, Mapping
from numbers import Real

from unmask.core import progress
from unmask.core.condition import Condition, shown
from unmask.core.files import read_jsonl
from unmask.core.spec import spec
from unmask.engine.step import Step
from unmask.engine.store import Store
from unmask.recipes.gather import measured_rows
from unmask.recipes.recipe import Experiment, Log, Measurement, Recipe
from unmask.trackers.tracker import Tracker, Tracking

SECONDS = 2.0
"""Between two looks at the store."""


@contextlib.contextmanager
def mirrored(
    tracker: Tracker | None, recipe: Recipe, experiment: Experiment, run: str, store: Store
) -> Generator[None]:
    """What the store has, and gets while the block runs, is shown by the tracker, if there is
    one."""
    if tracker is None:
        yield
        return
    folder = store.root / "runs" / run
    folder.mkdir(parents=True, exist_ok=True)
    mirror = Mirror(experiment, store, tracker.open(run, folder, spec(recipe)["settings"]))
    ended = threading.Event()
    thread = threading.Thread(target=mirror.follow, args=(ended,), name="tracking", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@dataclasses.dataclass
class Mirror:
    """What of an experiment has been shown so far, and where."""

    experiment: Experiment
    store: Store
    tracking: Tracking
    shown: set[tuple[str, Condition]] = dataclasses.field(default_factory=set)

    def follow(self, ended: threading.Event) -> None:
        """Look again and again, and once more when the run has ended; never raises."""
        try:
            while not ended.wait(SECONDS):
                self.look()
            self.look()
            self.tracking.close()
        except Exception as error:  # noqa: BLE001 - the run must not fail with its mirror
            progress.say(f"The tracker stopped, the run goes on: {type(error).__name__}: {error}")

    def look(self) -> None:
        """Show what is new."""
        for log in self.experiment.logs:
            if self.is_new(log.training.step, log.condition):
                for step, values in curve(log, self.store):
                    self.tracking.log(values, step)
        for measurement in self.experiment.measurements:
            if self.is_new(measurement.rates, measurement.condition):
                self.tracking.log(numbers(measurement, self.store), measurement.condition.step)

    def is_new(self, step: Step, condition: Condition) -> bool:
        """Whether a result is there that was not shown of this condition; from now on it was."""
        # What one step measured may be of several conditions.
        name = (step.key, condition)
        if name in self.shown or not self.store.folder(step).exists():
            return False
        self.shown.add(name)
        return True


def curve(log: Log, store: Store) -> Iterator[tuple[int, dict[str, float]]]:
    """(training step, number by name) of each row of a training's log."""
    path = store.folder(log.training.step) / "log.jsonl"
    rows = [row for _, row in read_jsonl(path)] if path.exists() else []
    for row in rows:
        values = {f"training/{name}/{label(log.condition)}": row[name] for name in measured(row)}
        yield row["step"], values


def measured(row: Mapping[str, object]) -> list[str]:
    """The fields of a log's row that are numbers, but for its step."""
    return [name for name, value in row.items() if isinstance(value, Real) and name != "step"]


def numbers(measurement: Measurement, store: Store) -> dict[str, float]:
    """Every number of a measurement, by its name."""
    rows = measured_rows(measurement, store)
    named = {f"{row.evaluation}/{row.metric}/{row.arm}": row.value for row in rows}
    return {f"{name}/{label(measurement.condition)}": value for name, value in named.items()}


def label(condition: Condition) -> str:
    """A model and what it went through: organism, literal_tag, ..., standard, seed 0, sft."""
    subject, about = condition.subject, condition.subject.about
    backdoor = (about.trigger, about.behavior, about.variant) if about else ()
    parts = (subject.role, *backdoor, shown(subject.factors), f"seed {condition.seed}")
    return ", ".join(filter(None, map(str, (*parts, condition.defense))))
