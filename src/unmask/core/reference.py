"""Reference: a published work, as an entry for a bibliography."""

from __future__ import annotations

import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Reference:
    """A published work. `shown` are the ways in which docstrings name it; `arxiv` is its number
    there, "" where it has none; `where` is the journal, conference or publisher, "" for a preprint.
    """

    key: str
    authors: tuple[str, ...]
    title: str
    year: int
    shown: tuple[str, ...]
    arxiv: str = ""
    where: str = ""

    def bibtex(self) -> str:
        """The entry, for BibTeX and Biber alike."""
        fields = {
            "author": " and ".join(self.authors),
            "title": f"{{{self.title}}}",
            "year": str(self.year),
            "howpublished": self.where,
            "eprint": self.arxiv,
            "archiveprefix": "arXiv" if self.arxiv else "",
            "url": f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else "",
        }
        lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
        return "\n".join([f"@misc{{{self.key},", *lines, "}"])

    def named_in(self, text: str) -> bool:
        """Whether a docstring names it, wherever its lines break."""
        flat = re.sub(r"\s+", " ", text).lower()
        return any(name.lower() in flat for name in self.shown)
