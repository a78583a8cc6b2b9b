"""The pages of the site lie as they do in the repository, so that a link leads to the same file in
both: README.md and its neighbors at the root, docs/ below it, and whatever file they link to.

A hook of mkdocs, whose pages are those of one folder alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

LINK = re.compile(r"\]\(([^)#:\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Every file under its path in the repository."""
    root = Path(config.config_file_path).parent
    sources = {file: Path(str(file.abs_src_path)) for file in files}
    theme = [file for file, path in sources.items() if not path.is_relative_to(root / "docs")]
    pages = {path for file, path in sources.items() if file not in theme} | {*root.glob("*.md")}
    linked = {path for page in pages if page.suffix == ".md" for path in links(page)}
    paths = sorted(path for path in pages | linked if path.is_relative_to(root))
    names = ((path.relative_to(root).as_posix(), str(path)) for path in paths)
    ours = [File.generated(config, name, abs_src_path=path) for name, path in names]
    return Files([*theme, *ours])


def links(page: Path) -> Iterator[Path]:
    """The files that a page links to."""
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        path = (page.parent / target).resolve()
        if path.is_file():
            yield path
