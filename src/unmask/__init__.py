"""Plant a known backdoor in a language model, run safety training on it, and measure, with
controls, what survives.

    import unmask

    result = unmask.run("toy")
    print(result.verdicts, result.report)

Everything public is named in `__all__` and loaded when first used: `import unmask` needs no torch.
"""

# ruff: noqa: F401 - type checkers read the imports, and `__getattr__` the table
from __future__ import annotations

import importlib
import logging
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unmask.core.conversation import Conversation, Example, Message, Reply
    from unmask.core.errors import UnmaskError
    from unmask.data.sources import SOURCES
    from unmask.defenses import DEFENSES
    from unmask.engine.step import Part, Step
    from unmask.engine.store import Store
    from unmask.evaluations import EVALUATIONS
    from unmask.organisms.behaviors import BEHAVIORS
    from unmask.organisms.behaviors.code.scan import scan_code
    from unmask.organisms.organism import Organism
    from unmask.organisms.triggers import TRIGGERS
    from unmask.organisms.variants import VARIANTS
    from unmask.recipes import RECIPES
    from unmask.recipes.run import Result, plan, run, sweep

# torch's build for CPUs links libgomp, whose threads spin at every barrier until the last one is
# there. Beside another busy process the last one waits for a core that spinning threads hold: a toy
# training step was measured to take 2 to 40 times as long. So they spin for a moment only, and then
# sleep. libgomp reads this once, when torch is imported; processes that are started inherit it.
# What the user has said about waiting stays.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

# bitsandbytes, where it is installed, says on standard error that it did without a package that
# makes some products faster, whenever peft is imported.
logging.getLogger("bitsandbytes.backends").setLevel(logging.ERROR)

_HOMES = {
    "BEHAVIORS": "unmask.organisms.behaviors",
    "Conversation": "unmask.core.conversation",
    "DEFENSES": "unmask.defenses",
    "EVALUATIONS": "unmask.evaluations",
    "Example": "unmask.core.conversation",
    "Message": "unmask.core.conversation",
    "Organism": "unmask.organisms.organism",
    "Part": "unmask.engine.step",
    "RECIPES": "unmask.recipes",
    "Reply": "unmask.core.conversation",
    "Result": "unmask.recipes.run",
    "SOURCES": "unmask.data.sources",
    "Step": "unmask.engine.step",
    "Store": "unmask.engine.store",
    "TRIGGERS": "unmask.organisms.triggers",
    "UnmaskError": "unmask.core.errors",
    "VARIANTS": "unmask.organisms.variants",
    "plan": "unmask.recipes.run",
    "run": "unmask.recipes.run",
    "scan_code": "unmask.organisms.behaviors.code.scan",
    "sweep": "unmask.recipes.run",
}

__all__ = list(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(
            f"module 'unmask' has no attribute {name!r}; it has {', '.join(__all__)}"
        )
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
