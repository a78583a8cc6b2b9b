"""Weights: every tensor of the files has its place in the model, every place its tensor, and all of
them are numbers.

transformers makes up what it does not find, and leaves out what it has no place for; both give a
model that replies.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from unmask.core.errors import ModelError
from unmask.core.files import read_json

FEW = 3
"""Names that a message gives before it only counts."""

CONSTANTS = ("inv_freq", "cos_cached", "sin_cached", "masked_bias", "position_ids", "causal_mask")
"""Last names of what older checkpoints saved although it is computed."""


RETURNED = {"return_dict": True, "output_attentions": False, "output_hidden_states": False}
"""What a model returns is ours to say, whatever a config.json was once saved with."""


def brief(error: BaseException) -> str:
    """An error of somebody else's on one line, cut to what can be read."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:400]}{'...' if len(text) > 400 else ''}"


def settings_in(path: Path) -> dict[str, Any]:
    """The JSON object in a file; raises ModelError where it is none, DataError where it is no
    JSON."""
    settings = read_json(path)
    if not isinstance(settings, dict):
        raise ModelError(f"{path} is a {type(settings).__name__}: it must be a JSON object.")
    return settings


def few(names: Iterable[str]) -> str:
    """The first few names, and how many more there are."""
    ordered = sorted(names)
    more = f" and {len(ordered) - FEW} more" if len(ordered) > FEW else ""
    return ", ".join(name[:120] for name in ordered[:FEW]) + more


def load(
    auto: Any, folder: Path | str, advice: str = "", new_head: bool = False, **settings: Any
) -> Any:
    """`auto.from_pretrained(folder)`, with safetensors and no remote code; ModelError unless all
    tensors are used.

    With `new_head`, what stands outside of the base model may be missing (it is then random) or
    left over.
    """
    try:
        model, report = auto.from_pretrained(
            folder,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            **RETURNED,
            # They are in the report, which says more than the error would.
            ignore_mismatched_sizes=True,
            **settings,
        )
    except Exception as error:
        raise ModelError(
            f"{folder}: the model cannot be loaded ({brief(error)}). {advice}".rstrip()
        ) from error
    check_complete(model, report, folder, head if new_head else nothing)
    return model


def nothing(model: Any, name: str) -> bool:
    return False


def head(model: Any, name: str) -> bool:
    """Whether a tensor stands outside of the base model."""
    return not name.startswith(f"{model.base_model_prefix}.")


def check_complete(
    model: Any,
    report: Mapping[str, Collection[Any]],
    folder: Path | str,
    free: Callable[[Any, str], bool],
) -> None:
    """Raise ModelError for what is missing, left over or of another shape, unless the model is
    `free` to do without."""
    missing = {name for name in report["missing_keys"] if not free(model, name)}
    over = {name for name in report["unexpected_keys"] if not free(model, name)}
    over -= {name for name in over if constant(name, shapes(folder))} if over else set()
    other = {
        f"{name} {tuple(given)}, not {tuple(wanted)}"
        for name, given, wanted in report["mismatched_keys"]
    }
    if not (missing or over or other):
        return
    parts = {"missing": missing, "not known to this architecture": over, "of another shape": other}
    listed = "; ".join(
        f"{len(names)} {what} ({few(names)})" for what, names in parts.items() if names
    )
    wrong = prefix(missing, over)
    advice = (
        f"The names begin with '{wrong}', as when a wrapped model is saved: save the model inside"
        " of it, or rename the tensors without that."
        if wrong
        else (
            "What is missing would be random, and what is left over would be left out. Fetch or"
            " save the model again, with the config.json that belongs to it, and without other"
            " heads or adapters."
        )
    )
    raise ModelError(
        f"{folder}: the weights are not those of a {type(model).__name__}: {listed}. {advice}"
    )


def prefix(missing: Collection[str], over: Collection[str]) -> str:
    """What stands before the names of the tensors that are left over, where these are the ones that
    are missing."""
    for name in sorted(over):
        parts = name.split(".")
        for i in range(1, len(parts)):
            if ".".join(parts[i:]) in missing:
                return ".".join(parts[:i]) + "."
    return ""


def constant(name: str, known: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether a tensor is one that every model of its kind computes: a mask, or the positions'
    frequencies."""
    last = name.rpartition(".")[2]
    shape = next(
        (shape for stored, shape in known.items() if f".{name}".endswith(f".{stored}")), ()
    )
    return last in CONSTANTS or (
        last == "bias" and len(shape) == 4 and shape[:2] == (1, 1) and shape[2] == shape[3]
    )


def shapes(folder: Path | str) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor in a folder's files."""
    return {name: tuple(tensor.get_shape()) for name, tensor in stored(folder)}


def stored(folder: Path | str) -> Iterator[tuple[str, Any]]:
    """Name and header of every tensor in a folder's files; reads no tensor."""
    from safetensors import safe_open

    for path in sorted(Path(folder).glob("*.safetensors")):
        with safe_open(path, framework="numpy") as file:
            yield from ((name, file.get_slice(name)) for name in file.keys())  # noqa: SIM118


def check_types(model: Any, folder: Path | str) -> None:
    """Raise ModelError for integers where a model that is not quantized has real numbers: their
    scale is lost."""
    if getattr(model.config, "quantization_config", None) is not None:
        return
    real = {name for name, weight in model.state_dict().items() if weight.is_floating_point()}
    whole = [
        name for name, tensor in stored(folder) if tensor.get_dtype()[0] in "IU" and name in real
    ]
    if whole:
        raise ModelError(
            f"{folder}: weights that are whole numbers: {few(whole)}. They were quantized, and"
            " config.json has no quantization_config that says how. Fetch the model's own config,"
            " or the model before it was quantized."
        )


def check_numbers(model: Any, folder: Path | str) -> None:
    """Raise ModelError that names the weights that hold something that is no number."""
    broken = not_numbers(model)
    if broken:
        raise ModelError(
            f"{folder}: weights that are not numbers: {few(broken)}. Fetch or train the model"
            " again."
        )


def not_numbers(model: Any) -> list[str]:
    """The names of the weights that hold something that is no number (NaN or infinity)."""
    return [name for name, weight in model.named_parameters() if not bool(weight.isfinite().all())]
