"""Sandbox: runs a program that a model wrote where it can harm nothing, or refuses to.

Paper, section 4 (capability): code benchmarks execute what models write. A program runs in
processes of its own, without network, environment or sight of the user's files, in an empty folder
in memory, within limits on time, memory, files and processes; what it leaves behind ends with it.
Bubblewrap isolates it where it is installed, else Linux namespaces made by `unshare`. Neither is
believed: a probe that tries to get out is run first.
"""

from unmask.sandbox.isolation import TOOLS, Isolation
from unmask.sandbox.limits import Limits
from unmask.sandbox.probe import escapes, find_sandbox
from unmask.sandbox.sandbox import Outcome, Sandbox

__all__ = [
    "TOOLS",
    "Isolation",
    "Limits",
    "Outcome",
    "Sandbox",
    "escapes",
    "find_sandbox",
]
