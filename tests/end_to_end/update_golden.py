"""Rewrites golden_keys.json; run it after raising a version, and read the difference."""

from __future__ import annotations

import json
from pathlib import Path

import unmask
from unmask.engine.step import ordered

if __name__ == "__main__":
    steps = ordered(unmask.RECIPES.make("toy").build().targets)
    keys = {step.key[:16]: step.name for step in steps}
    (Path(__file__).parent / "golden_keys.json").write_text(json.dumps(keys, indent=1) + "\n")
