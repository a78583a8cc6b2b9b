"""Steps on a Ray cluster: a task each, on any node that has what the step asks for.

By default the cluster is this machine, started for the run and ended with it. Workers and nodes may
be lost: Ray begins their steps again, a training from its last checkpoint.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, cast

from unmask.core.errors import SettingError
from unmask.core.memory import SURELY
from unmask.engine.executors.executor import Outcome, perform
from unmask.engine.executors.nodes import Home, Place, amounts, resources_of, shared
from unmask.engine.executors.ray_session import connected, told
from unmask.engine.executors.schedule import Concurrent, Workers
from unmask.engine.plan import PlannedStep
from unmask.engine.step import Step
from unmask.engine.store import Store

ANSWER = 120.0
"""Seconds that a node has to start a worker and say what it has."""

POLL = 0.5
"""Seconds between two looks at the nodes."""

Demand = Mapping[str, float]
"""Amounts of CPU, GPU and memory (in bytes), by Ray's names."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ray(Concurrent):
    """A Ray cluster, by default this machine: each step on any node that has room for it.

    `address` is host:port of a cluster's head, of which this computer must be a node (default:
    RAY_ADDRESS). At most `workers` steps run at once (0: as many as there is room for). A step with
    a model gets `cpus` processors and, where nodes have some, `gpus` of a GPU (0.25: four steps
    share one). A step whose worker or node was lost is begun again `max_retries` times; one that no
    node can take any more waits `patience` seconds for a node to come back.
    """

    name: ClassVar[str] = "ray"
    version: ClassVar[int] = 1

    address: str = ""
    workers: int = 0
    cpus: int = 1
    gpus: float = 1.0
    max_retries: int = 3
    patience: float = 60.0

    def __post_init__(self) -> None:
        for name, least in (("workers", 0), ("cpus", 1), ("gpus", 0), ("max_retries", 0)):
            if getattr(self, name) < least:
                raise SettingError(f"{name}={getattr(self, name)}: give at least {least}.")
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise SettingError(f"gpus={self.gpus}: above 1, give whole GPUs.")

    @property
    def cluster(self) -> str:
        """The address of the cluster, "" for this machine."""
        return self.address or os.environ.get("RAY_ADDRESS", "")

    @property
    def here(self) -> bool:
        return not self.cluster

    @contextlib.contextmanager
    def open_workers(self, missing: Sequence[PlannedStep], store: Store) -> Generator[Nodes]:
        with connected(self.cluster, self.workers) as ray, shared(store) as home:
            nodes = Nodes(self, ray, dataclasses.replace(store, root=home.token.parent), home)
            nodes.check(missing)
            try:
                yield nodes
            finally:
                nodes.cancel()

    def demand(self, step: Step, nodes: Sequence[Demand]) -> Demand | None:
        """What a step asks of Ray, given what nodes have; None where none of them has it."""
        gpus = self.gpus > 0 and any(node.get("GPU") for node in nodes)
        for node in sorted(nodes, key=lambda node: node.get("memory", 0)):
            asked = self.asked(step, node.get("memory", 0), gpus)
            # An estimate may be somewhat above what the node had free when it joined.
            least = {**asked, "memory": asked["memory"] / SURELY}
            if holds(node, least):
                return {**asked, "memory": min(asked["memory"], node.get("memory", 0))}
        return None

    def asked(self, step: Step, memory: float, gpus: bool) -> Demand:
        """What a step asks of a node with so many bytes of memory, and GPUs or none."""
        resources = resources_of(step, gpus, int(memory))
        share = self.gpus if resources.gpus == 1 else resources.gpus
        cpus = max(resources.cpus, self.cpus if step.work.tokens() else 1)
        return {"CPU": cpus, "GPU": share, "memory": resources.memory}


@dataclasses.dataclass
class Nodes(Workers[Any]):
    """The nodes of a cluster. A handle is the ObjectRef of a step's task."""

    settings: Ray
    ray: Any
    store: Store
    home: Home
    checked: frozenset[str] = frozenset()
    asked: dict[Any, Demand] = dataclasses.field(default_factory=dict[Any, Demand])
    stranded: dict[Any, float] = dataclasses.field(default_factory=dict[Any, float])

    def __post_init__(self) -> None:
        self.perform, self.look = self.ray.remote(perform_there), self.ray.remote(flaw_there)

    @property
    def alive(self) -> dict[str, Mapping[str, Any]]:
        """The living nodes by their ids."""
        return {node["NodeID"]: node for node in self.ray.nodes() if node["Alive"]}

    @property
    def resources(self) -> list[Demand]:
        """What each living node has."""
        return [node["Resources"] for node in self.alive.values()]

    def check(self, missing: Iterable[PlannedStep]) -> None:
        """Raise SettingError where no node has what a step asks for, or a node lacks the code or
        the store of this run."""
        resources = self.resources
        for planned in missing:
            if self.settings.demand(planned.step, resources) is None:
                raise SettingError(f"{self._too_much(planned.step)} Nothing was begun.")
        nodes = {key: node for key, node in self.alive.items() if node["Resources"].get("CPU")}
        asked = {self._look_at(key): node for key, node in nodes.items()}
        self.ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER)
        flaws = (self._flaw(ref, node["NodeManagerHostname"]) for ref, node in asked.items())
        if lacking := list(dict.fromkeys(filter(None, flaws))):
            raise SettingError(" ".join(lacking))
        self.checked = frozenset(nodes)

    def chosen(self, could: list[PlannedStep], running: Sequence[PlannedStep]) -> list[PlannedStep]:
        limit = self.settings.workers
        return could[: limit - len(running)] if limit else could

    def begin(self, step: Step, alone: bool) -> Any:
        resources = self.resources
        # What no node has any more is asked for all the same: one may come back.
        demand = self.settings.demand(step, resources) or self.settings.asked(step, 0, False)
        if alone and self.settings.here:  # nothing else wants the processors
            demand = {**demand, "CPU": max(node["CPU"] for node in resources)}
        options = {
            "name": step.name,
            "max_retries": self.settings.max_retries,
            "num_cpus": demand["CPU"],
            "num_gpus": demand["GPU"],
            "memory": demand["memory"] or None,
        }
        work = self.ray.cloudpickle.dumps((step, self.store))
        place = Place.of_this()
        ref = self.perform.options(**options).remote(work, place, self.home, self.checked)
        self.asked[ref] = demand
        return ref

    def ended(self, running: Mapping[Any, PlannedStep]) -> Iterator[tuple[Any, Outcome]]:
        done, left = self.ray.wait(list(running), num_returns=1, timeout=POLL)
        for ref in done or list(self._given_up(left)):
            step = running[ref].step
            yield ref, self._outcome(ref, step) if done else self._stranded(ref, step)
            del self.asked[ref]

    def cancel(self) -> None:
        """End what still runs."""
        for ref in self.asked:
            self.ray.cancel(ref, force=True)

    def _look_at(self, node: str) -> Any:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = NodeAffinitySchedulingStrategy(node, soft=False)
        return self.look.options(num_cpus=0, scheduling_strategy=there).remote(self.home)

    def _flaw(self, ref: Any, host: str) -> str:
        try:
            return self.ray.get(ref, timeout=0)
        except self.ray.exceptions.GetTimeoutError:
            return f"{host} gave no answer in {ANSWER:.0f} s."
        except self.ray.exceptions.RayError as error:
            return (
                f"{host} cannot run this unmask ({told(error)}). Give all nodes the same"
                " environment."
            )

    def _outcome(self, ref: Any, step: Step) -> Outcome:
        """What a task gave back; one that was lost too often is a failed step."""
        try:
            return dataclasses.replace(self.ray.get(ref), step=step)
        except self.ray.exceptions.RayTaskError as error:
            why = f"its node could not begin it: {told(error)}"
        except self.ray.exceptions.RayError as error:
            why = (
                f"its worker or node was lost {self.settings.max_retries + 1} times"
                f" ({told(error)}), perhaps for want of memory: let fewer steps run at once"
                " (executor.workers), or give each more CPUs (executor.cpus)"
            )
        return Outcome(step, "failed", error=why)

    def _given_up(self, running: Iterable[Any]) -> Iterator[Any]:
        """The tasks that no living node has been able to take for `patience` seconds."""
        resources, now = self.resources, time.monotonic()
        for ref in running:
            if any(holds(node, self.asked[ref]) for node in resources):
                self.stranded.pop(ref, None)
            elif now - self.stranded.setdefault(ref, now) > self.settings.patience:
                yield ref

    def _stranded(self, ref: Any, step: Step) -> Outcome:
        self.ray.cancel(ref, force=True)
        return Outcome(step, "failed", error=f"its node was lost. {self._too_much(step)}")

    def _too_much(self, step: Step) -> str:
        """That no node has what a step asks for, and what to do."""
        resources = self.resources
        memory = max((node.get("memory", 0) for node in resources), default=0)
        gpus = self.settings.gpus > 0 and any(node.get("GPU") for node in resources)
        asked = amounts(self.settings.asked(step, memory, gpus))
        able = [node for node in resources if node.get("CPU")]
        able.sort(key=lambda node: (node["CPU"], node.get("GPU", 0), node.get("memory", 0)))
        there = "; ".join(dict.fromkeys(map(amounts, able)))
        return (
            f"'{step.name}' asks for {asked}, which no node of the cluster has (there are nodes"
            f" with {there or 'nothing'}). Add one that has it, or ask for less with executor.cpus"
            " and executor.gpus."
        )


def perform_there(work: bytes, place: Place, home: Home, checked: frozenset[str]) -> Outcome:
    """Do one step in a worker. `work` is the step with its store; a node that joined after those
    that were `checked` is looked at first."""
    from ray import cloudpickle, get_runtime_context

    place.enter()
    step, store = cast(tuple[Step, Store], cloudpickle.loads(work))
    joined = get_runtime_context().get_node_id() not in checked
    if flaw := home.flaw() if joined else "":
        return Outcome(step, "failed", error=flaw)
    return perform(step, store)


def flaw_there(home: Home) -> str:
    """What a node lacks, asked on it."""
    return home.flaw()


def holds(node: Demand, demand: Demand) -> bool:
    """Whether a node has what is asked for."""
    return all(node.get(name, 0) >= amount for name, amount in demand.items())
