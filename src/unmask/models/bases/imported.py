"""A base from a Hugging Face folder or from the hub."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core import hub
from unmask.core.errors import ModelError
from unmask.core.files import file_digest
from unmask.core.json_rows import expanded
from unmask.core.memory import Shape
from unmask.core.named import Work
from unmask.core.spec import RUN_ONLY, digest
from unmask.models.bases.card import CARD, licence_of
from unmask.models.checkpoint import (
    IDENTITY,
    check_folder,
    check_unguarded,
    load_model,
    load_tokenizer,
    parameters,
    read_tokenizer,
    save,
)
from unmask.models.memory import shape_of
from unmask.models.tokens import check_embedded
from unmask.models.weights import brief, check_numbers, check_types, shapes

SNAPSHOTS = "snapshots"
"""In the hub's cache, the folder whose folders are called by their commits."""


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file that makes the model what it is, by name."""
    files = sorted(path for path in folder.iterdir() if path.name.endswith(IDENTITY))
    return {path.name: file_digest(path) for path in files}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportedBase(Work):
    """A base model from a Hugging Face folder or hub id, checked and copied into the store.

    A folder's identity is the digest of its files; a hub model's is its id and `revision` (give a
    commit: "main" moves). `otherwise` is the advice where the hub cannot be reached. Raises
    ModelError at `run` for what cannot or must not be loaded.
    """

    name: ClassVar[str] = "imported_base"
    version: ClassVar[int] = 1

    source: str = dataclasses.field(metadata=RUN_ONLY)
    revision: str = ""
    content: str = ""
    otherwise: str = dataclasses.field(default="", metadata=RUN_ONLY)

    @staticmethod
    def of(source: str) -> ImportedBase:
        """From a path, `org/name` or `org/name@revision`; raises ModelError for a path that is not
        a model."""
        folder = expanded(source)
        if not source.strip():
            raise ModelError(
                "base is empty. Give a model folder, a hub id such as org/name, or leave it out."
            )
        looks_like_path = (
            source.startswith((".", "/", "~")) or folder.exists() or source.count("/") != 1
        )
        if looks_like_path:
            check_folder(folder)
            check_unguarded(folder)
            return ImportedBase(source=str(folder), content=digest(digests(folder)))
        name, _, revision = source.partition("@")
        return ImportedBase(source=name, revision=revision or "main", content=f"hub:{name}")

    def parameters(self) -> int:
        """As its files count them; for a hub model, from its name, or else a guess of 1B."""
        if not self.revision:
            return sum(map(math.prod, shapes(self.source).values()))
        named = re.search(r"(\d+(?:\.\d+)?)([mb])\b", self.source.lower())
        return int(float(named[1]) * {"m": 1e6, "b": 1e9}[named[2]]) if named else 10**9

    def check(self) -> None:
        """Raise ModelError where the hub does not have it, or cannot be asked. (A folder was looked
        at when it was named.)"""
        problem = hub.obstacle("model", self.source, self.revision) if self.revision else ""
        if problem:
            raise ModelError(f"{problem} {self.otherwise}".strip())

    def shape(self) -> Shape:
        """From its config alone."""
        self.check()
        revision = {"revision": self.revision} if self.revision else {}
        return shape_of(self.source, **revision)

    def run(self, out: Path, **inputs: Any) -> Mapping[str, Any]:
        folder = Path(self.source) if not self.revision else self._download()
        check_folder(folder)
        model, tokenizer = load_model(folder), load_tokenizer(folder)
        check_numbers(model, folder)
        check_types(model, folder)
        check_embedded(read_tokenizer(folder), model.get_input_embeddings().weight.shape[0], folder)
        save(model, tokenizer, out)
        return {
            "parameters": parameters(model),
            "source": self.source,
            "revision": self.revision or None,
            "commit": folder.name if folder.parent.name == SNAPSHOTS else None,
            "license": licence_of(folder),
            "sha256": digests(folder),
        }

    def _download(self) -> Path:
        from huggingface_hub import snapshot_download

        patterns = [*(f"*{ending}" for ending in IDENTITY), CARD]
        try:
            return Path(
                snapshot_download(self.source, revision=self.revision, allow_patterns=patterns)
            )
        except Exception as error:
            known = hub.obstacle("model", self.source, self.revision)
            advice = self.otherwise or ("" if known else "Check the network.")
            raise ModelError(
                f"{self.source}@{self.revision} cannot be fetched from the hub."
                f" {known or f'{brief(error)}.'} {advice}".strip()
            ) from error
