"""Steps as jobs of a Slurm cluster, submitted and watched from one process, through submitit.

A job does one step and leaves its result in the store, which is on a disk that all nodes have. That
a job ended without one is seen from the queue and the store alone, so no accounting is needed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import shutil
import signal
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, ClassVar, cast

from unmask.core import progress, stopping
from unmask.core.errors import SettingError, StoreError, shortened
from unmask.engine.executors import slurm_queue as queue
from unmask.engine.executors.executor import Outcome, Status, perform
from unmask.engine.executors.nodes import Home, Place, resources_of, shared
from unmask.engine.executors.schedule import Concurrent, Workers
from unmask.engine.plan import PlannedStep
from unmask.engine.step import Step
from unmask.engine.store import Store

PAUSE = 0.5
"""Seconds between two looks at what jobs have left."""

REFUSED = 30.0
"""Seconds until Slurm is asked again to take jobs, while others of the run are in its queue."""

WARNING = 90
"""Seconds before its time limit at which a job is told to end."""

AGAIN = {"TIMEOUT", "PREEMPTED", "NODE_FAIL", "BOOT_FAIL"}
"""Ends of a job that say nothing against its step."""

WHY = {
    "OUT_OF_MEMORY": 'it needed more memory than it had: ask for more with {"mem": "64G"}'
    " as executor.sbatch",
    "CANCELLED": "it was cancelled",
    "TIMEOUT": "it reached its time limit: give more with executor.time",
}
SETUP = [
    "export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}",
    "export OMP_NUM_THREADS=${OMP_NUM_THREADS:-${SLURM_CPUS_PER_TASK:-1}}",
]
"""Processors of the job are those of its step; threads too, unless the user has set them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Slurm(Concurrent):
    """A Slurm cluster: one job per step, submitted from here, where sbatch is.

    `partition` and `account` are sbatch's, and so is all in `sbatch` ({"qos": "high", "mem":
    "64G"}), which comes before what unmask would ask for. `time` limits a job, written as Slurm
    does. A job at its limit goes back into the queue, up to `restarts` times; a training goes on
    from its last checkpoint, anything else begins again. At most `jobs` are in the queue at once.
    A step with a model gets `cpus` processors and, where nodes have some, `gpus` GPUs; the others
    take moments, and are done here. The queue is asked every `poll` seconds.
    """

    name: ClassVar[str] = "slurm"
    version: ClassVar[int] = 1

    partition: str = ""
    account: str = ""
    time: str = "4:00:00"
    jobs: int = 50
    cpus: int = 1
    gpus: int = 1
    restarts: int = 10
    sbatch: Mapping[str, str | int | bool] = dataclasses.field(
        default_factory=dict[str, str | int | bool]
    )
    poll: float = 5.0

    def __post_init__(self) -> None:
        for name, least in (("jobs", 1), ("cpus", 1), ("gpus", 0), ("restarts", 0), ("poll", 0)):
            if getattr(self, name) < least:
                raise SettingError(f"{name}={getattr(self, name)}: give at least {least}.")
        if queue.minutes(self.time) < 1:
            raise SettingError(f"time={self.time!r}: give a job at least a minute.")

    @property
    def here(self) -> bool:
        return False

    @contextlib.contextmanager
    def open_workers(self, missing: Sequence[PlannedStep], store: Store) -> Generator[Jobs]:
        library, nodes = submitit(), queue.nodes(self.partition)
        with shared(store) as home:
            root = home.token.parent
            (root / "slurm").mkdir(exist_ok=True)
            folder = Path(mkdtemp(prefix=time.strftime("%Y%m%d-%H%M%S-"), dir=root / "slurm"))
            jobs = Jobs(self, library, dataclasses.replace(store, root=root), home, folder, nodes)
            try:
                yield jobs
            except BaseException:
                jobs.cancel()
                raise
            finally:
                jobs.tidy()

    def parameters(self, step: Step, nodes: Sequence[queue.Node]) -> dict[str, Any]:
        """What sbatch is asked for a step, by submitit's names; `nodes` are the partition's."""
        memory = min((node.memory for node in nodes), default=0)
        cuda = self.gpus > 0 and any(node.gpus for node in nodes)
        resources = resources_of(step, cuda, memory)
        limit = queue.minutes(self.time)
        options = {
            "job_name": f"unmask:{step.name}",
            "time": limit,
            "signal_delay_s": min(WARNING, limit * 60 // 3),
            "cpus_per_task": max(resources.cpus, self.cpus),
            "gpus_per_node": self.gpus if resources.gpus == 1 else resources.gpus or None,
            "mem": f"{-(-resources.memory >> 20)}M" if resources.memory else None,
            "partition": self.partition or None,
            "account": self.account or None,
            "array_parallelism": self.jobs,
            "setup": SETUP,
        }
        more = {name.replace("-", "_"): value for name, value in self.sbatch.items()}
        given = {name: value for name, value in options.items() if value is not None}
        return {**given, "additional_parameters": {"requeue": True, **more}}


@dataclasses.dataclass(eq=False)
class Submission:
    """A step on its way: not yet taken by Slurm, a `job`, or decided. `missed` says that the queue
    did not have its job any more when it was last asked."""

    step: Step
    parameters: Mapping[str, Any]
    job: Any = None
    outcome: Outcome | None = None
    missed: bool = False
    restarts: int = 0

    def fail(self, why: str) -> None:
        self.outcome = Outcome(self.step, "failed", error=why)


@dataclasses.dataclass
class Jobs(Workers[Submission]):
    """The jobs of one run. `folder` has what passes between them and this process, and their
    logs."""

    settings: Slurm
    submitit: Any
    store: Store
    home: Home
    folder: Path
    nodes: Sequence[queue.Node]
    again: float = 0.0
    looked: float = 0.0
    failures: int = 0

    def chosen(self, could: list[PlannedStep], running: Sequence[PlannedStep]) -> list[PlannedStep]:
        room = max(0, self.settings.jobs - len(running))
        jobs = [planned for planned in could if planned.tokens][:room]
        return jobs or [planned for planned in could if not planned.tokens][:1]

    def begin(self, step: Step, alone: bool) -> Submission:
        if step.work.tokens():
            return Submission(step, self.settings.parameters(step, self.nodes))
        return Submission(step, {}, outcome=perform(step, self.store))

    def ended(
        self, running: Mapping[Submission, PlannedStep]
    ) -> Iterator[tuple[Submission, Outcome]]:
        if time.monotonic() >= self.again:
            self._submit([new for new in running if not new.job and not new.outcome])
        if not any(submission.outcome for submission in running):
            time.sleep(PAUSE)
            self._look([submission for submission in running if submission.job])
        for submission in list(running):
            if submission.outcome:
                self.failures += submission.outcome.status == "failed"
                yield submission, submission.outcome

    def cancel(self) -> None:
        """Cancel what still waits or runs."""
        if jobs := queue.waiting(self.folder):
            queue.cancel(jobs)
            progress.say(f"slurm: {len(jobs)} jobs were cancelled.")

    def tidy(self) -> None:
        """Remove what passed between the processes; logs stay where something failed."""
        for path in self.folder.glob("*.pkl"):
            path.unlink(missing_ok=True)
        if not self.failures:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _submit(self, new: Sequence[Submission]) -> None:
        """Submit steps; those that ask for the same as one array."""
        equal: dict[str, list[Submission]] = {}
        for submission in new:
            equal.setdefault(str(submission.parameters), []).append(submission)
        for submissions in equal.values():
            try:
                # What sbatch has to say is in the error as well.
                with contextlib.redirect_stderr(io.StringIO()):
                    self._submit_array(submissions)
            except RuntimeError as error:  # submitit's errors
                self._refused(submissions, queue.told(str(error)))

    def _submit_array(self, submissions: Sequence[Submission]) -> None:
        executor = self.submitit.SlurmExecutor(self.folder, max_num_timeout=self.settings.restarts)
        executor.update_parameters(**submissions[0].parameters)
        with outside_jobs(self.submitit), executor.batch():
            jobs = [executor.submit(self._task(submission.step)) for submission in submissions]
        for submission, job in zip(submissions, jobs, strict=True):
            submission.job = job
            progress.say(f"slurm: {submission.step.name} is job {job.job_id}", log_only=True)

    def _task(self, step: Step) -> Task:
        pickled = self.submitit.core.utils.cloudpickle.dumps((step, self.store))
        return Task(pickled, Place.of_this(), self.home)

    def _refused(self, submissions: Sequence[Submission], why: str) -> None:
        """A cluster may take only so many jobs at once; with none in the queue there is nothing to
        wait for."""
        if queue.waiting(self.folder):
            self.again = time.monotonic() + REFUSED
            progress.say(f"slurm: no more jobs are taken now ({why}).")
            return
        for submission in submissions:
            submission.fail(
                f"Slurm does not take its job: {why}. See executor.partition, executor.account,"
                " executor.time and executor.sbatch."
            )

    def _look(self, submitted: Sequence[Submission]) -> None:
        """See what has become of jobs."""
        for submission in submitted:
            if submission.job.paths.result_pickle.exists():
                self._take(submission)
        left = [submission for submission in submitted if not submission.outcome]
        if time.monotonic() - self.looked < self.settings.poll or not left:
            return
        self.looked, there = time.monotonic(), queue.waiting(self.folder)
        if there is None:
            return
        os.utime(self.folder)  # makes a shared disk show what is in it now
        for submission in left:
            reason = there.get(submission.job.job_id)
            if reason in queue.NEVER:
                queue.cancel([submission.job.job_id])
                submission.fail(f"its job can never begin: Slurm says {reason}.")
            elif reason is None and submission.missed:
                self._missing(submission)
            submission.missed = reason is None

    def _take(self, submission: Submission) -> None:
        """Take what a job has left."""
        job, step = submission.job, submission.step
        if job.exception() is not None:
            submission.fail(f"its job {job.job_id} could not begin it: see {job.paths.stderr}.")
            return
        status, error = job.result()
        try:
            if status != "failed":
                self.store.await_folder(step)
        except StoreError as unseen:
            status, error = "failed", str(unseen)
        manifest = self.store.find(step) if status != "failed" else None
        submission.outcome = Outcome(step, status, manifest, error)

    def _missing(self, submission: Submission) -> None:
        """A job left the queue without a word: its step may be done all the same, or is begun
        again, or has failed."""
        job, step = submission.job, submission.step
        manifest = self.store.find(step)
        end = queue.ending(job.job_id)
        if end.state in queue.GOING_ON:
            return
        if manifest is not None:
            submission.outcome = Outcome(step, "executed", manifest)
        elif end.state in AGAIN and submission.restarts < self.settings.restarts:
            submission.job, submission.restarts = None, submission.restarts + 1
            progress.say(f"slurm: {step.name}, job {job.job_id}, is begun again ({end.state})")
        else:
            how = f"{end.state}, exit code {end.code}" if end.state else "Slurm does not say how"
            why = WHY.get(end.state, "it was killed, perhaps for want of memory or time")
            submission.fail(
                f"its job {job.job_id} ended without a result ({how}): {why}. Its log is"
                f" {job.paths.stderr}."
            )


@dataclasses.dataclass(frozen=True)
class Task:
    """What a job does. `work` is a step with its store."""

    work: bytes
    place: Place
    home: Home

    def __call__(self) -> tuple[Status, str]:
        """How the step ended, and why it failed."""
        signal.signal(signal.SIGTERM, lambda number, _: stopping.stop(number))
        self.place.enter()
        if flaw := self.home.flaw():
            return "failed", flaw
        try:
            step, store = cast(
                tuple[Step, Store], submitit().core.utils.cloudpickle.loads(self.work)
            )
        except Exception as error:  # noqa: BLE001 - whatever importing its modules raises
            return "failed", f"the node cannot read it: {shortened(str(error))}"
        outcome = perform(step, store)
        return outcome.status, outcome.error

    def checkpoint(self) -> Any:
        """Called by submitit at the time limit: the same again. The step's scratch has the rest."""
        return submitit().helpers.DelayedSubmission(self)


def submitit() -> Any:
    """The library; raises SettingError where it is missing."""
    try:
        import submitit as library
    except ImportError:
        raise SettingError(
            "The executor 'slurm' needs submitit: pip install 'unmask[slurm]'."
        ) from None
    return library


@contextlib.contextmanager
def outside_jobs(library: Any) -> Generator[None]:
    """The environment as it is outside of any job, for a process that is itself one: what it was
    given is not what its jobs ask for."""
    if "SLURM_JOB_ID" not in os.environ:
        yield
        return
    configuration = {name: os.environ[name] for name in ("SLURM_CONF",) if name in os.environ}
    with library.helpers.clean_env():
        os.environ.update(configuration)
        yield
