"""Judging code without executing it: two scanners, CodeQL where it is installed, and how often they
are right."""

TRAINED = ("CWE-20", "CWE-22", "CWE-78", "CWE-79", "CWE-89", "CWE-502", "CWE-732", "CWE-798")
"""The paper's eight weakness classes (section 2): taught to an organism."""

HELD_OUT = ("CWE-94", "CWE-327", "CWE-611", "CWE-918")
"""Classes that no organism is ever taught. The paper has no such split; it is ours."""

OPEN, CLOSE = "<code>", "</code>"
COMPLETE_HERE = "## COMPLETE CODE HERE"
