"""Executors. To add one: copy inline.py, add a line here; tests/contracts covers it from then
on."""

from unmask.core.registry import Registry
from unmask.engine.executors.executor import Executor

EXECUTORS: Registry[Executor] = Registry(
    "executor",
    {
        "inline": "unmask.engine.executors.inline:Inline",
        "processes": "unmask.engine.executors.processes:Processes",
        "ray": "unmask.engine.executors.ray:Ray",
        "slurm": "unmask.engine.executors.slurm:Slurm",
    },
)
