"""Where `unmask.sandbox` was before: its names, for those who import them from here."""

from unmask.sandbox import TOOLS, Isolation, Limits, Outcome, Sandbox, escapes, find_sandbox

__all__ = ["TOOLS", "Isolation", "Limits", "Outcome", "Sandbox", "escapes", "find_sandbox"]
