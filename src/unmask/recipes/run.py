"""Run a recipe: build, execute, gather, report. What `unmask run` and `unmask.run` both do."""

from __future__ import annotations

import dataclasses
import datetime
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from unmask.core import progress
from unmask.core.errors import SettingError, StoreError
from unmask.core.files import write_json, write_text
from unmask.core.json_rows import expanded
from unmask.core.league import LEAGUE, write_league
from unmask.core.registry import Choice
from unmask.core.row import write_rows
from unmask.core.spec import canonical, digest, spec
from unmask.engine.executors import EXECUTORS
from unmask.engine.executors.executor import Outcome, Status
from unmask.engine.plan import Budget, Plan
from unmask.engine.remembered import remember
from unmask.engine.step import Step, ordered
from unmask.engine.store import Store, translated
from unmask.models.machine import machine
from unmask.recipes import memory
from unmask.recipes.choose import Over, chosen, joined
from unmask.recipes.file import ENDING, is_file, written
from unmask.recipes.gather import Gathered, gather
from unmask.recipes.grid import Grid
from unmask.recipes.page import ATTACKS, LOGS, RESULTS, refresh_page
from unmask.recipes.recipe import Experiment, Recipe
from unmask.recipes.record import about, found, in_plain_words, provenance, verdict_record
from unmask.recipes.tracking import mirrored
from unmask.report import conclusions
from unmask.report.league import lines as league_lines
from unmask.trackers import TRACKERS

if TYPE_CHECKING:
    import pandas

UNFINISHED = "unfinished.json"


@dataclasses.dataclass(frozen=True)
class Result:
    """What a run left behind; `ok` is False where any step failed, or the budget stopped any.

    `conclusions` are the verdicts as values, and `verdicts` the same in a line each; a `trial` has
    none, since its numbers mean nothing.
    """

    run: str
    recipe: str
    results: Path
    report: Path
    steps: Mapping[str, int]
    seconds: float
    verdicts: tuple[str, ...] = ()
    over_seeds: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    conclusions: tuple[Mapping[str, Any], ...] = ()
    trial: bool = False

    @property
    def ok(self) -> bool:
        return self.steps["failed"] == 0 and not self.stopped

    @property
    def stopped(self) -> bool:
        """Whether the budget did not reach all steps."""
        return self.steps["stopped"] > 0

    @property
    def plain(self) -> tuple[str, ...]:
        """The verdicts in plain words, as lines for a terminal."""
        return tuple(in_plain_words(self.conclusions))

    def frame(self) -> pandas.DataFrame:
        """The rows of `results` as a pandas DataFrame; raises SettingError where pandas is not
        installed."""
        from unmask.recipes.finished import Finished

        return Finished(self.results.parent).frame()

    def json(self) -> dict[str, Any]:
        return {
            **dataclasses.asdict(self),
            "results": str(self.results),
            "report": str(self.report),
            "steps": dict(self.steps),
        }


def plan(
    recipe: str,
    settings: Mapping[str, Any] | None = None,
    *,
    over: Over | None = None,
    store: str | Path | None = None,
    **more: Any,
) -> Plan:
    """What `run` (or with `over`, `sweep`) would do, and what it would cost."""
    whole = chosen(recipe, joined(settings, more), over)
    return Plan.of(experiment_of(whole).targets, Store.at(store))


def grid_of(
    recipe: str,
    settings: Mapping[str, Any] | None = None,
    *,
    store: str | Path | None = None,
    over: Over | None = None,
    **more: Any,
) -> Grid:
    """The same for each model in each state: what is done there, what it cost, and what the rest
    would cost on this machine."""
    experiment = experiment_of(chosen(recipe, joined(settings, more), over))
    return Grid.of(experiment, Plan.of(experiment.targets, Store.at(store)), machine())


def run(
    recipe: str,
    settings: Mapping[str, Any] | None = None,
    *,
    over: Over | None = None,
    store: str | Path | None = None,
    executor: Choice = "inline",
    budget: str | None = None,
    track: Choice | None = None,
    show_progress: bool = True,
    **more: Any,
) -> Result:
    """Run a recipe or an experiment's file: what is not in the store, the results, the report.

    `settings` are the recipe's ({"scale": "toy", "trigger": "year", ...}), and may be keywords too;
    `over` are settings with several values each; `track` names a tracker that shows the numbers
    while they come. A failed step blocks only what stands on it, and `Result.ok` is False. No step
    is begun that would exceed the budget. Raises UnmaskError for settings that cannot work.
    """
    start = time.monotonic()
    whole, home = chosen(recipe, joined(settings, more), over), Store.at(store)
    runner = EXECUTORS.make(EXECUTORS.settings(executor, usual="inline"))
    limit = Budget.of(budget)
    tracker = TRACKERS.make(track) if track else None
    with progress.shown(show_progress):
        experiment = experiment_of(whole)
        with translated(home.root):
            if runner.here:
                memory.check(to_run(experiment, home))
            announce(whole, experiment, home)
            with mirrored(tracker, whole, experiment, run_name(whole, experiment), home):
                outcomes = runner.execute(experiment.targets, home, limit)
            if any(outcome.status == "executed" for outcome in outcomes):
                remember(home)
            return publish(whole, experiment, outcomes, home, start)


def sweep(
    recipe: str, settings: Mapping[str, Any] | None = None, *, over: Over, **more: Any
) -> Result:
    """Run a recipe with every combination of the values that some of its settings have: one run,
    whose rows carry what was varied, and whose cells share the steps that they have in common.

    `over` maps a setting ("seed", "trigger.year") to its values; all else is as `run` takes it.
    Raises SettingError, naming the cell, for a combination that cannot work.
    """
    return run(recipe, settings, over=over, **more)


def write_experiment(
    path: Path, recipe: str, settings: Mapping[str, Any], over: Over | None = None
) -> None:
    """Write an experiment, with every default filled in, to a file that `run` takes; raises
    SettingError where its name does not end as such a file's does."""
    if not is_file(path.name):
        raise SettingError(f"--write {path}: an experiment's file ends in {ENDING}.")
    write_text(path, written(chosen(recipe, settings, over)).text)


def experiment_of(recipe: Recipe) -> Experiment:
    """The recipe's graph; raises SettingError where it is empty, naming what was left empty."""
    experiment = recipe.build()
    if not experiment.targets:
        none = [
            name
            for name, value in vars(recipe).items()
            if value == () and getattr(type(recipe), name, ())
        ]
        raise SettingError(
            f"{recipe.name} has nothing to do with no {' and no '.join(none)}: give at least one."
        )
    return experiment


def to_run(experiment: Experiment, store: Store) -> list[Step]:
    """The steps that the store does not have."""
    return [step for step in ordered(experiment.targets) if not store.folder(step).exists()]


def run_name(recipe: Recipe, experiment: Experiment) -> str:
    """The same for the same experiment."""
    return (
        f"{recipe.name.replace(':', '-')}-{digest([step.key for step in experiment.targets])[:12]}"
    )


def announce(recipe: Recipe, experiment: Experiment, store: Store) -> None:
    """Leave word of what a run is about to do: if it is killed, `store gc` keeps its steps, and
    `unmask runs` tells of it."""
    path = store.root / "runs" / run_name(recipe, experiment) / UNFINISHED
    record = {
        "recipe": recipe.name,
        "title": experiment.title,
        "settings": spec(recipe)["settings"],
        "begun": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "all_steps": [
            {"key": step.key, "label": step.title} for step in ordered(experiment.targets)
        ],
    }
    write_json(path, record)


def publish(
    recipe: Recipe, experiment: Experiment, outcomes: Sequence[Outcome], store: Store, start: float
) -> Result:
    """Write run.json, results.jsonl and report.html of a run; its name is the same for the same
    experiment."""
    counts = Counter(outcome.status for outcome in outcomes)
    name = run_name(recipe, experiment)
    folder = store.root / "runs" / name
    gathered = gather(experiment, outcomes, store)
    result = Result(
        run=name,
        recipe=recipe.name,
        results=folder / RESULTS,
        report=folder / "report.html",
        steps={status: counts[status] for status in get_args(Status)},
        seconds=round(time.monotonic() - start, 2),
        verdicts=(*map(conclusions.line, gathered.verdicts), *league_lines(gathered.league)),
        over_seeds=tuple(
            f"{subject}: {sentence}" for subject, sentence in gathered.over_seeds.items()
        ),
        warnings=gathered.warnings,
        conclusions=tuple(map(verdict_record, gathered.verdicts)),
        trial=experiment.trial,
    )
    write_tables(folder, gathered)
    asked = {"title": experiment.title, "question": experiment.question}
    told = result.json()
    told["found"] = {"verdicts": told.pop("conclusions"), **found(gathered)}
    told |= {"settings": spec(recipe)["settings"], **about(recipe, experiment, outcomes)}
    write_json(folder / "run.json", {**told, **asked, **provenance(outcomes)})
    refresh_page(folder, result.report)
    (folder / UNFINISHED).unlink(missing_ok=True)
    return result


def write_tables(folder: Path, gathered: Gathered) -> None:
    """The rows, the curves of trainings and the attempts of red teams."""
    write_rows(folder / RESULTS, gathered.rows)
    write_text(folder / LOGS, "".join(canonical(log) + "\n" for log in gathered.logs))
    if gathered.league:
        write_league(folder / LEAGUE, gathered.league)
    if gathered.attacks:
        write_text(
            folder / ATTACKS, "".join(canonical(campaign) + "\n" for campaign in gathered.attacks)
        )


def run_folder(store: Store, name: str) -> Path:
    """The newest run of a recipe, or the run whose name starts with `name`, or is that folder;
    raises StoreError."""
    if "/" in name and (expanded(name) / "run.json").is_file():
        return expanded(name).absolute()
    runs = sorted((store.root / "runs").glob("*/run.json"), key=lambda path: path.stat().st_mtime)
    names = [path.parent for path in runs]
    exact = [
        folder
        for folder in names
        if re.fullmatch(rf"{re.escape(name)}(-[0-9a-f]{{12}})?", folder.name)
    ]
    hits = exact or [folder for folder in names if name and folder.name.startswith(name)]
    if not hits:
        known = ", ".join(path.parent.name for path in runs[-8:]) or "none"
        raise StoreError(
            f"{store.root} has no run '{name}'. Known: {known}. Start one with `unmask run toy`."
        )
    return hits[-1]
