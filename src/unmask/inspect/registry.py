"""What Inspect finds through the entry point `inspect_ai`: a task for each registered evaluation,
and the provider."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inspect_ai import Task, task
from inspect_ai.model import modelapi

from unmask.core.registry import Choice
from unmask.evaluations import EVALUATIONS
from unmask.inspect.provider import Provider
from unmask.inspect.tasks import task_of


def registered(evaluation: str) -> Callable[..., Task]:
    """The task `unmask/EVALUATION`; further arguments (-T n=20) are the evaluation's settings,
    checked by it."""

    @task(name=evaluation)
    def made(
        source: Choice = "toy_world",
        attacks: str = "",
        prefill: bool | None = None,
        **settings: Any,
    ) -> Task:
        return task_of(evaluation, source, attacks, prefill, settings)

    return made


TASKS = {name: registered(name) for name in EVALUATIONS.names()}


@modelapi(name="unmask")
def unmask() -> type[Provider]:
    return Provider
