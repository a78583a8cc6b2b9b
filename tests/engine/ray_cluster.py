"""A cluster of three nodes with one CPU each, the last with much memory, in a process of its own:
it says its address and the process of each node, and ends with its standard input."""

from __future__ import annotations

import json
import sys
from typing import Any

from unmask.core.memory import GIB

MEMORY = (2 * GIB, 2 * GIB, 12 * GIB)
"""What Ray is told of each node; what it has is another thing."""


def main() -> None:
    from ray.cluster_utils import Cluster

    cluster: Any = Cluster()
    small = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 100 * 2**20}
    nodes = [cluster.add_node(memory=memory, **small) for memory in MEMORY]
    processes = [node.all_processes["raylet"][0].process.pid for node in nodes]
    print(json.dumps({"address": cluster.address, "nodes": processes}), flush=True)
    sys.stdin.read()
    cluster.shutdown()


if __name__ == "__main__":
    main()
