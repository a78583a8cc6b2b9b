"""Machine: how much memory there is, of a GPU or of this computer."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path

import psutil

from unmask.core.memory import Machine

DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""What a computer with a GPU of NVIDIA or AMD has; without them torch need not be asked."""

GROUPS = Path("/sys/fs/cgroup")
LIMITS = {"memory.max": "memory.current", "memory.limit_in_bytes": "memory.usage_in_bytes"}
"""Files of a control group (of version 2 and 1) that say what it may use, and what it uses."""


@functools.lru_cache
def machine() -> Machine:
    """This machine, as a step here would find it. A GPU is asked in a process of its own: asking
    takes some of its memory for as long as the process lasts."""
    if not any(Path(driver).exists() for driver in DRIVERS):
        return computer()
    script = (
        "import dataclasses, json; from unmask.models.machine import here;"
        " print(json.dumps(dataclasses.asdict(here())))"
    )
    asked = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    return Machine(**json.loads(asked.stdout)) if asked.returncode == 0 else computer()


def here() -> Machine:
    """This machine, asked in this process, with torch."""
    import torch

    if not torch.cuda.is_available():
        return computer()
    free, total = torch.cuda.mem_get_info()
    return Machine("cuda", total, free, torch.cuda.is_bf16_supported())


def computer(groups: Path = GROUPS, own: Path = Path("/proc/self/cgroup")) -> Machine:
    """This computer's memory, or what the control groups of this process leave of it."""
    memory = psutil.virtual_memory()
    total, free = memory.total, memory.available
    for limit, used in limits(groups, own):
        total, free = min(total, limit), min(free, max(0, limit - used))
    return Machine("cpu", total, free)


def limits(groups: Path, own: Path) -> list[tuple[int, int]]:
    """(limit, used) in bytes of this process's groups and of those around them."""
    pairs: list[tuple[int, int]] = []
    for folder in folders(groups, own):
        for limit, used in LIMITS.items():
            texts = [read(folder / limit), read(folder / used)]
            if all(text.isdigit() for text in texts):
                pairs.append((int(texts[0]), int(texts[1])))
    return pairs


def folders(groups: Path, own: Path) -> set[Path]:
    """Where limits may stand: /proc/self/cgroup has lines number:controllers:path."""
    places: set[Path] = set()
    for line in read(own).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            for root in (groups, groups / "memory"):
                inside = root / path.lstrip("/")
                places.update(p for p in (inside, *inside.parents) if p.is_relative_to(root))
    return places


def read(path: Path) -> str:
    """What a file of the system says; "" where it does not."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
