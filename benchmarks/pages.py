"""Write the pages of docs/ that are made by code: `make docs`.

Each page has a test that compares it with what the code does; run as a script, that file writes the
page instead.
"""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parent.parent
WRITERS = ("tests/core/test_results_page.py", "tests/organisms/test_triggers_page.py")


def main() -> None:
    for writer in WRITERS:
        runpy.run_path(str(ROOT / writer), run_name="__main__")
        print(f"{writer}: page written")


if __name__ == "__main__":
    main()
