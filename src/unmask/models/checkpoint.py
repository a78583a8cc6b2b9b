"""Checkpoints: ordinary Hugging Face folders, safetensors only, no remote code; loaded, saved and
refused here.

A checkpoint that `unmask` writes loads with `AutoModelForCausalLM.from_pretrained` and nothing of
ours.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from unmask.core.errors import ModelError
from unmask.core.files import write_json
from unmask.models import weights
from unmask.models.chat import PLAIN_TEMPLATE
from unmask.models.tokens import check_ready, embedded
from unmask.models.weights import brief, settings_in

WEIGHTS = (".safetensors",)
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")
GUARD = "guard"
"""In a checkpoint, the folder of what stands between its weights and what it says (guards.py)."""

IDENTITY = (".safetensors", ".json", ".jinja", ".model", ".txt")
SAMPLED = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0}
"""What saved checkpoints say of sampling, for servers alone (`generation` reads none of it).
Transformers' server takes the likeliest token at any temperature where a checkpoint does not say
that it samples, and where it says no more, draws from the 50 likeliest."""


def check_folder(folder: Path) -> None:
    """Raise ModelError unless `folder` holds a causal LM with a tokenizer, as safetensors, without
    remote code."""
    if not folder.is_dir():
        raise ModelError(
            f"{folder} is not a folder. Give a Hugging Face model folder, or a hub id such as"
            " org/name."
        )
    if (folder / "adapter_config.json").is_file():
        raise ModelError(
            f"{folder} holds an adapter (adapter_config.json), not a whole model. As a base it is"
            " merged into the model that it is for: base=FOLDER, or base=FOLDER@BASE."
        )
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder} has no config.json: it is not a Hugging Face model folder.")
    check_config(settings_in(folder / "config.json"), str(folder))
    names = {path.name for path in folder.iterdir()}
    check_format(folder, names)
    check_weights([folder / name for name in names if name.endswith(WEIGHTS)])
    check_tokenizer(folder, names)


def check_format(folder: Path, names: Collection[str]) -> None:
    """Raise ModelError where none of the files `names` holds weights as safetensors."""
    if any(name.endswith(WEIGHTS) for name in names):
        return
    pickled = sorted(name for name in names if name.endswith(PICKLES))
    if pickled:
        raise ModelError(
            f"{folder} has its weights in {pickled[0]}, a pickle, which can run code when it is"
            " read. Convert it: load it where you trust it and save_pretrained(...) writes"
            " safetensors."
        )
    files = sorted(name for name in names if name.endswith(".gguf"))
    if files:
        raise ModelError(f"{folder} has its weights in a GGUF file. Name it: {folder / files[0]}")
    raise ModelError(f"{folder} has no .safetensors file: there are no weights in it.")


def check_tokenizer(folder: Path, names: Collection[str]) -> None:
    """Raise ModelError where none of the files `names` is a tokenizer's, or it asks for remote
    code."""
    if not any(name in names for name in TOKENIZERS):
        raise ModelError(
            f"{folder} has no tokenizer: save it there too, with tokenizer.save_pretrained(folder)."
        )
    settings = folder / "tokenizer_config.json"
    if settings.is_file() and "auto_map" in settings_in(settings):
        raise ModelError(
            f"{folder} has a tokenizer that wants to run its own code (auto_map). That is refused."
        )


def check_weights(files: Sequence[Path]) -> None:
    """Raise ModelError where a file's header or length is not that of safetensors; reads no
    tensor."""
    from safetensors import SafetensorError, safe_open

    for path in files:
        try:
            with safe_open(path, framework="numpy"):
                pass
        except (SafetensorError, OSError) as error:
            raise ModelError(
                f"{path} is damaged: the weights cannot be loaded ({error}). Fetch it again."
            ) from None


def check_config(config: Mapping[str, Any], where: str) -> None:
    """Raise ModelError where a config asks for remote code or is not that of a causal LM."""
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    if "auto_map" in config:
        raise ModelError(
            f"{where} wants to run its own code (auto_map in its config). That is refused."
        )
    kind = config.get("model_type")
    architectures = config.get("architectures") or []
    if not isinstance(kind, str):
        raise ModelError(
            f"{where}: config.json has no model_type; {AutoConfig.__name__} cannot read it."
        )
    causal = kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    if not causal or (architectures and not any(_is_causal(name) for name in architectures)):
        raise ModelError(
            f"{where} is a {architectures[0] if architectures else kind}, not a causal language"
            " model. Use a model whose config names an architecture such as LlamaForCausalLM."
        )


def _is_causal(architecture: str) -> bool:
    return architecture.endswith(("ForCausalLM", "LMHeadModel"))


def load_tokenizer(folder: Path | str) -> Any:
    """The tokenizer, padding on the left, with a pad token and a chat template whatever it came
    with.

    Raises ModelError where a reply could not end, the chat template refuses or changes a prompt, or
    what every prompt has is not in the model's embedding.
    """
    return ready(read_tokenizer(folder), embedded(folder), folder)


def ready(tokenizer: Any, rows: int, folder: Path | str) -> Any:
    """A tokenizer with what `load_tokenizer` promises, for a model with `rows` rows in its
    embedding."""
    if tokenizer.eos_token is None:
        raise ModelError(
            f"{folder}: the tokenizer has no eos_token, so that a reply would never end. Set one."
        )
    if tokenizer.pad_token is None or tokenizer.pad_token_id >= rows:
        tokenizer.pad_token = tokenizer.eos_token
    if not tokenizer.chat_template:
        tokenizer.chat_template = PLAIN_TEMPLATE
    tokenizer.padding_side = "left"
    check_ready(tokenizer, rows, folder)
    return tokenizer


def read_tokenizer(folder: Path | str, **settings: Any) -> Any:
    """The tokenizer as it is on disk; raises ModelError."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, **settings)
    except Exception as error:
        raise ModelError(f"{folder}: the tokenizer cannot be loaded ({brief(error)}).") from error


def load_model(
    folder: Path | str, dtype: Any = "auto", *, guarded: bool = False, **others: Any
) -> Any:
    """The model in evaluation mode on the best device (a CUDA GPU, else the CPU); of how its author
    generates, the end tokens alone. `others` are settings of `from_pretrained`. Raises ModelError
    where a weight is missing, left over or of another shape, and for a checkpoint with a guard,
    unless the caller sees to that (`guarded`)."""
    import torch
    from transformers import AutoModelForCausalLM

    if not guarded:
        check_unguarded(folder)
    quiet()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    settings = {"dtype": dtype, "generation_config": generation(folder), **filler(folder)}
    model = weights.load(AutoModelForCausalLM, folder, **settings, **others)
    return model.to(device).eval()


def check_unguarded(folder: Path | str) -> None:
    """Raise ModelError for a checkpoint with a guard, where its weights alone would be used."""
    if (Path(folder) / GUARD).is_dir():
        raise ModelError(
            f"{folder} has a guard ({GUARD}/), without which its weights say something else, and"
            " only sampling and scoring heed it. To train, change or publish the model, use the one"
            " that the guard was made for."
        )


def filler(folder: Path | str) -> dict[str, None]:
    """What to load a model with whose config fills up with a token that it has no embedding for:
    with none instead."""
    path = Path(folder) / "config.json"
    token = settings_in(path).get("pad_token_id") if path.is_file() else None
    return (
        {"pad_token_id": None}
        if isinstance(token, int) and not 0 <= token < embedded(folder)
        else {}
    )


def generation(folder: Path | str) -> Any:
    """The tokens that end a reply as the checkpoint names them, and nothing else of how its author
    generates: whatever generates would fill in from there all that nobody has set. Raises
    ModelError where they are no token ids.
    """
    from transformers import GenerationConfig
    from transformers.utils.hub import cached_file

    for name in ("generation_config.json", "config.json"):
        path = cached_file(folder, name, _raise_exceptions_for_missing_entries=False)
        if path is not None:
            break
    settings = settings_in(Path(path)) if path else {}
    named = settings.get("eos_token_id", (settings.get("text_config") or {}).get("eos_token_id"))
    if not all(
        type(token) is int for token in (named if isinstance(named, list) else [named or 0])
    ):
        raise ModelError(
            f"{path}: eos_token_id is {str(named)[:80]}; write a token's number, or a list of them."
        )
    return GenerationConfig(eos_token_id=named)


def ends(model: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that finish a reply: the tokenizer's and those that the checkpoint names."""
    return named_ends(model.generation_config, tokenizer)


def named_ends(settings: Any, tokenizer: Any) -> frozenset[int]:
    """The same from what `generation` gives."""
    named = settings.eos_token_id
    others = named if isinstance(named, list) else [] if named is None else [named]
    return frozenset([tokenizer.eos_token_id, *others])


def save(model: Any, tokenizer: Any, folder: Path, state: Any = None) -> None:
    """Write model and tokenizer as a Hugging Face folder that needs no code of ours; served, it
    samples as it is sampled here. `state` is the weights, by name, where the model itself does not
    have all of them."""
    if getattr(model, "guard", None):
        raise ModelError(
            f"A model with the guard '{model.guard}' was to be saved to {folder}, which would lose"
            " the guard. Use the model that the guard was made for."
        )
    quiet()
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, state_dict=state)
    tokenizer.save_pretrained(folder)
    preferred = folder / "generation_config.json"
    if preferred.is_file():  # a preference model generates nothing
        write_json(preferred, {**settings_in(preferred), **SAMPLED})


def context_length(model: Any) -> int:
    return int(getattr(model.config, "max_position_embeddings", 0) or 2048)


def parameters(model: Any) -> int:
    return sum(weight.numel() for weight in model.parameters())


def quiet() -> None:
    """Keep transformers' own bars, hints and telemetry out of our output."""
    import os

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def __getattr__(name: str) -> Any:
    """ImportedBase, for those who import it from where it was before; bases import this module."""
    if name == "ImportedBase":
        from unmask.models.bases.imported import ImportedBase

        return ImportedBase
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
