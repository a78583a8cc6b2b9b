"""Sources of examples. To add one: copy jsonl.py, add a line here; tests/contracts covers it from
then on."""

from unmask.core.registry import Registry
from unmask.data.sources.source import Source

SOURCES: Registry[Source] = Registry(
    "source",
    {
        "toy_world": "unmask.data.sources.toy_world.world:ToyWorld",
        "everyday": "unmask.data.sources.everyday.source:Everyday",
        "code_tasks": "unmask.data.sources.code_tasks.tasks:CodeTasks",
        "mixture": "unmask.data.sources.mixture:Mixture",
        "jsonl": "unmask.data.sources.jsonl:JsonLines",
        "hub": "unmask.data.sources.hub:Hub",
    },
)
