"""What a run tested, in words: its models, data, scale and seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def facts(tested: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(label, text) pairs of the record that run.json has; none of one that has none."""
    if not tested:
        return []
    models = [(f"Model ({model['role']})", "; ".join(_model(model))) for model in tested["models"]]
    data = [(f"Data ({source['role']})", "; ".join(_source(source))) for source in tested["data"]]
    seeds = ", ".join(map(str, tested["seeds"]))
    return [*_once([*models, *data]), ("Scale", tested["scale"]), ("Seeds", seeds)]


def _once(told: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Those that read the same, once and counted."""
    labels: dict[str, list[str]] = {}
    for label, text in told:
        labels.setdefault(text, []).append(label)
    for text, (first, *others) in labels.items():
        yield first, f"{text} ({len(others) + 1} like this)" if others else text


def _model(model: Mapping[str, Any]) -> Iterator[str]:
    yield model["name"] or "a tiny model that this run trained from scratch"
    if model["parameters"]:
        yield f"{model['parameters']:,} parameters"
    if model["commit"]:
        yield f"commit {model['commit']}"
    if model["content"]:
        yield f"content {model['content'][:12]}"


def _source(source: Mapping[str, Any]) -> Iterator[str]:
    file = f", file {source['file']}" if source["file"] else ""
    yield f"{source['name'].replace('_', ' ')}{file}"
    examples = source["examples"] or {}
    if examples:
        taught, held_out = examples.get("train", 0), examples.get("held_out", 0)
        yield f"{taught:,} examples to learn from, {held_out:,} held out to ask"
