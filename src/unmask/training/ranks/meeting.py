"""Meeting: how the processes of a training find each other, on one node or on several."""

from __future__ import annotations

import dataclasses
import os
import shlex
import sys
from pathlib import Path

from unmask.core import progress
from unmask.core.errors import SettingError
from unmask.training.efficiency import Efficiency

ADDRESS = "UNMASK_RENDEZVOUS"
"""The variable with HOST:PORT of the node that others come to."""

SECONDS = 600
"""How long the nodes wait for each other."""


@dataclasses.dataclass(frozen=True)
class Meeting:
    """So many `devices` on each of so many `nodes`, which meet at `address` (HOST:PORT, of several
    nodes only) within `seconds`."""

    devices: int
    nodes: int = 1
    address: str = ""
    seconds: int = SECONDS

    @staticmethod
    def of(efficiency: Efficiency) -> Meeting:
        """Raises SettingError for several nodes without an address."""
        if efficiency.nodes == 1:
            return Meeting(efficiency.devices)
        address = os.environ.get(ADDRESS, "")
        if not address.rpartition(":")[2].isdecimal() or ":" not in address:
            raise SettingError(
                f"nodes={efficiency.nodes}: the nodes need an address to meet at. Set {ADDRESS}="
                "HOST:PORT, a name of this node that the others know and a free port of it"
                + (f" (it is {address!r})." if address else ".")
            )
        return Meeting(efficiency.devices, efficiency.nodes, address, SECONDS)

    def command(self, job: Path, attempt: str) -> list[str]:
        """What starts a node's processes; with several nodes it is said, for the others."""
        start = [sys.executable, "-m", "unmask.training.ranks.launcher", str(job)]
        if self.nodes == 1:
            return [*start, str(self.devices)]
        meeting = (self.devices, self.nodes, self.address, self.seconds, attempt)
        command = [*start, *map(str, meeting)]
        progress.say(
            f"Waiting {self.seconds} s for {self.nodes - 1} more node(s). Start on each of them:"
            f" {shlex.join(command)}"
        )
        return command
