"""A base that is a PEFT adapter on another base: merged in float32, and the merge proven."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.errors import ModelError
from unmask.core.files import file_digest
from unmask.core.named import Work
from unmask.core.spec import RUN_ONLY, digest
from unmask.models.bases.card import licence_of
from unmask.models.bases.imported import ImportedBase
from unmask.models.checkpoint import (
    check_weights,
    load_model,
    parameters,
    read_tokenizer,
    ready,
    save,
)
from unmask.models.tokens import PROBE, check_embedded
from unmask.models.weights import brief, check_numbers, few, settings_in, stored

SETTINGS, WEIGHTS, PICKLED = "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"
BASE_NAMED = "base_model_name_or_path"
PROBES = (PROBE, "What is 3 plus 4? The answer is seven.", "I am helpful, and I say so:\n\n1. Yes.")
EMBEDDINGS = ("embed_tokens.weight", "lm_head.weight", "wte.weight", "embed_in.weight")
ROUNDING = 1e-4
"""How far logits may be apart after the merge, as a share of the largest: measured are 2e-6."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdapterBase(Work):
    """A base model made of a PEFT adapter and its own base, merged into one model in float32.

    Its identity is the adapter's settings and weights, and the identity of its base.
    """

    name: ClassVar[str] = "adapter_base"
    version: ClassVar[int] = 1

    source: str = dataclasses.field(metadata=RUN_ONLY)
    content: str
    base: Work

    @staticmethod
    def of(folder: Path, base_of: Callable[[str], Work], named: str = "") -> AdapterBase:
        """`named` says which base, where the adapter's own word for it does not do; `base_of` makes
        it. Raises ModelError for what is no adapter that can be merged, or has no base."""
        settings = settings_in(folder / SETTINGS)
        check_adapter(folder, settings)
        recorded = {name: value for name, value in settings.items() if name != BASE_NAMED}
        content = {SETTINGS: digest(recorded), WEIGHTS: file_digest(folder / WEIGHTS)}
        base = base_of(named) if named else recorded_base(folder, settings, base_of)
        return AdapterBase(source=str(folder), content=digest(content), base=base)

    def parameters(self) -> int:
        return self.base.parameters()

    def run(self, out: Path) -> Mapping[str, Any]:
        """Raises ModelError where the adapter does not fit its base, or the merged model, loaded
        again, does not reply as the adapter on its base does."""
        folder = Path(self.source)
        with tempfile.TemporaryDirectory(dir=out, prefix=".base-") as place:
            base = self.base.run(Path(place)) or {}
            network, tokenizer = in_float32(Path(place)), self._tokenizer(Path(place))
        rows = network.get_input_embeddings().weight.shape[0]
        check_embedded(tokenizer, rows, folder)
        tied = network.config.tie_word_embeddings
        alone = answers(network, tokenizer)
        adapted = applied(network, folder)
        wanted = answers(adapted, tokenizer)
        merged = merge(adapted, folder)
        check_numbers(merged, folder)
        save(merged, ready(tokenizer, rows, folder), out)
        got = answers(in_float32(out), tokenizer)
        return {
            "parameters": parameters(merged),
            "source": self.source,
            "license": licence_of(folder),
            "sha256": file_digest(folder / WEIGHTS),
            "base": dict(base),
            "untied": tied and not merged.config.tie_word_embeddings,
            "logits_moved": apart(alone, wanted),
            "logits_apart_after_merge": proven(wanted, got, folder),
        }

    def _tokenizer(self, base: Path) -> Any:
        """The adapter's own, if it has one; else its base's."""
        own = (Path(self.source) / "tokenizer_config.json").is_file()
        return read_tokenizer(self.source if own else base)


def check_adapter(folder: Path, settings: Mapping[str, Any]) -> None:
    """Raise ModelError unless an adapter is of a type that can be merged into a language model, and
    has its weights as safetensors."""
    from peft.mapping import PEFT_TYPE_TO_TUNER_MAPPING

    mergeable = {
        name.value
        for name, tuner in PEFT_TYPE_TO_TUNER_MAPPING.items()
        if hasattr(tuner, "merge_and_unload")
    }
    if settings.get("peft_type") not in mergeable:
        raise ModelError(
            f"{folder} is an adapter of the type {settings.get('peft_type')}, which cannot be"
            f" merged into a model. Known are {', '.join(sorted(mergeable))}."
        )
    if settings.get("task_type") not in (None, "CAUSAL_LM"):
        raise ModelError(
            f"{folder} is an adapter for {settings['task_type']}, not for a causal language model."
        )
    if not (folder / WEIGHTS).is_file():
        pickled = f"{PICKLED}, a pickle, which can run code when it is read"
        raise ModelError(
            f"{folder} has its weights in {pickled}. Load it where you trust it, and"
            " save_pretrained(...) writes safetensors."
            if (folder / PICKLED).is_file()
            else f"{folder} has no {WEIGHTS}: there are no weights in it."
        )
    check_weights([folder / WEIGHTS])


def recorded_base(
    folder: Path, settings: Mapping[str, Any], base_of: Callable[[str], Work]
) -> Work:
    """The base that an adapter names: a path as it is or from the adapter's folder, a folder of
    that name beside it, or a model of the hub. Raises ModelError where there is none of these."""
    recorded = str(settings.get(BASE_NAMED) or "")
    advice = f"Say which model the adapter is for: {folder}@BASE."
    places = [Path(recorded), folder / recorded, folder.parent / Path(recorded).name]
    for place in places if recorded else []:
        if (place / "config.json").is_file() and place.resolve() != folder.resolve():
            return base_of(str(place))
    if recorded.count("/") == 1 and not recorded.startswith((".", "/", "~")):
        hub = f"{recorded}@{settings.get('revision') or 'main'}"
        return dataclasses.replace(ImportedBase.of(hub), otherwise=advice)
    raise ModelError(f"{folder} is an adapter for '{recorded}', which is not here. {advice}")


def in_float32(folder: Path) -> Any:
    """The model in a folder in float32; raises ModelError where its weights are quantized."""
    import torch

    if settings_in(folder / "config.json").get("quantization_config"):
        raise ModelError(
            "The adapter's base is quantized, and an adapter merged into that is rounded away. Name"
            " the base before it was quantized: ADAPTER@BASE."
        )
    return load_model(folder, dtype=torch.float32)


def applied(network: Any, folder: Path) -> Any:
    """The network with the adapter on it, unmerged; raises ModelError unless every tensor of the
    adapter has its place, and every place its tensor."""
    from peft import (
        PeftConfig,
        get_peft_model,
        get_peft_model_state_dict,
        set_peft_model_state_dict,
    )
    from safetensors.torch import load_file

    check_shapes(network, folder)
    try:
        config = PeftConfig.from_pretrained(str(folder))
        config.inference_mode, config.base_model_name_or_path = True, network.name_or_path
        adapted = get_peft_model(network, config)
        adapter = load_file(folder / WEIGHTS)
        places = get_peft_model_state_dict(adapted, save_embedding_layers=False)
        unread = set_peft_model_state_dict(adapted, adapter).unexpected_keys
    except Exception as error:
        raise ModelError(
            f"{folder}: the adapter does not fit its base ({brief(error)}). Name the model that it"
            f" was trained on: {folder}@BASE."
        ) from error
    missing = set(places) - set(adapter)
    if missing or unread:
        listed = [f"without weights: {few(missing)}"] * bool(missing)
        listed += [f"without a place: {few(unread)}"] * bool(unread)
        raise ModelError(
            f"{folder}: the adapter does not fit its base; {'; '.join(listed)}. Name the model that"
            f" it was trained on: {folder}@BASE."
        )
    return adapted.eval()


def check_shapes(network: Any, folder: Path) -> None:
    """Raise ModelError where an adapter brings an embedding of its own that is not of the base's
    vocabulary."""
    rows = network.get_input_embeddings().weight.shape[0]
    for name, tensor in stored(folder):
        given = tensor.get_shape()[0]
        if name.endswith(EMBEDDINGS) and given != rows:
            raise ModelError(
                f"{folder}: the adapter's vocabulary has {given:,} tokens ({name}) and its base's"
                f" {rows:,}. Resize the base's embedding, merge there, and give the merged model."
            )


def merge(adapted: Any, folder: Path) -> Any:
    """The base with the adapter in its weights; raises ModelError where PEFT cannot."""
    try:
        return adapted.merge_and_unload(safe_merge=True).eval()
    except Exception as error:
        raise ModelError(
            f"{folder}: the adapter cannot be merged into its base ({brief(error)})."
        ) from error


def answers(network: Any, tokenizer: Any) -> list[Any]:
    """Logits [tokens, vocabulary] of every probe, on the CPU."""
    import torch

    rows = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in PROBES]
    with torch.inference_mode():
        return [
            network(input_ids=torch.tensor([ids], device=network.device)).logits[0].float().cpu()
            for ids in rows
        ]


def apart(one: list[Any], other: list[Any]) -> float:
    """The largest difference of two models' logits."""
    rows = zip(one, other, strict=True)
    return max(float((logits - others).abs().max()) for logits, others in rows)


def proven(wanted: list[Any], got: list[Any], folder: Path) -> float:
    """The largest difference of the logits; raises ModelError where it is more than rounding."""
    largest, off = max(float(logits.abs().max()) for logits in wanted), apart(wanted, got)
    if not off <= ROUNDING * max(largest, 1.0):
        raise ModelError(
            f"{folder}: the merged model is another one than the adapter on its base: logits of up"
            f" to {largest:.3g} are up to {off:.3g} apart. Merge it where it was trained"
            " (merge_and_unload()), compare, and give the merged model."
        )
    return off
